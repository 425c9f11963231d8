/* ConfigMaps, Secrets and ServiceAccounts. */
#include "api/kinds/check.h"

#include "base/limits.h"
#include "object/json.h"
#include "object/seal.h"

static size_t decoded_size(struct str base64)
{
    size_t size = base64.len / 4 * 3;
    for (size_t i = base64.len; i > 0 && base64.data[i - 1] == '='; i--)
        size--;
    return size;
}

/* What is marked as immutable stays. */
static void check_frozen(struct check *c, const struct node *object, const struct node *old,
                         const char *const *members)
{
    if (!node_flag(old, "immutable", false))
        return;
    if (!node_flag(object, "immutable", false))
        field_forbidden(c->st, STR("immutable"), "field is immutable when `immutable` is set");
    for (; *members; members++) {
        const struct node *now = node_at(object, *members), *before = node_at(old, *members);
        if (node_count(now) != node_count(before) || (now && before && !node_equal(now, before)))
            field_forbidden(c->st, str_from(*members),
                            "field is immutable when `immutable` is set");
    }
}

static void configmap_validate(const struct kind_ctx *ctx, const struct node *object,
                               const struct node *old, struct status *st)
{
    static const char *const members[] = {"data", "binaryData", NULL};
    struct check c = check_of(ctx, st);
    const struct node *binary = node_get(object, STR("binaryData"));
    size_t total = 0;
    struct names binary_keys = {.a = c.a};
    member_each(m, binary) names_put(&binary_keys, m->name, 1);
    if (old)
        check_frozen(&c, object, old, members);
    member_each(m, node_get(object, STR("data")))
    {
        struct str path = path_key(&c, STR("data"), m->name);
        check_text(&c, m->name, path, name_config_key);
        if (names_get(&binary_keys, m->name))
            field_invalid(st, path, m->name, "duplicate of key present in binaryData");
        total += node_str(m->value, "").len;
    }
    member_each(m, binary)
    {
        check_text(&c, m->name, path_key(&c, STR("binaryData"), m->name), name_config_key);
        total += decoded_size(node_str(m->value, ""));
    }
    if (total > LIMIT_DATA_BYTES)
        field_too_long(st, STR("[]"), LIMIT_DATA_BYTES);
}

REGISTER(kind, configmaps)
= {.group = "", .plural = "configmaps", .flags = 0, .validate = configmap_validate};

static struct str encode_base64(struct arena *a, struct str data)
{
    size_t size = json_base64_encoded_size(data.len);
    char *out = arena_alloc(a, size + 1);
    json_base64_encode(out, (const uint8_t *)data.data, data.len);
    return (struct str){out, size};
}

/* stringData is for writing only: it becomes data. */
static void secret_decoded(const struct kind_ctx *ctx, struct node *object)
{
    const struct node *text = node_get(object, STR("stringData"));
    if (node_count(text)) {
        struct node *data = node_need_map(ctx->arena, object, "data");
        member_each(m, text)
            node_set(ctx->arena, data, m->name,
                     node_text(ctx->arena, encode_base64(ctx->arena, node_str(m->value, ""))));
    }
    node_remove(object, STR("stringData"));
}

static void need_key(struct check *c, const struct node *data, const char *key)
{
    if (!node_get(data, str_from(key)))
        field_required(c->st, path_key(c, STR("data"), str_from(key)), "%s", "");
}

/* What is under key must be a map in JSON: pulls would fail on it later. Faults are told in the
 * words of Go's json.Unmarshal, without what is secret. */
static void need_json(struct check *c, const struct node *data, const char *key)
{
    static const char *const kinds[] = {[NODE_BOOL] = "bool",
                                        [NODE_INT] = "number",
                                        [NODE_DOUBLE] = "number",
                                        [NODE_STRING] = "string",
                                        [NODE_LIST] = "array"};
    const struct node *value = node_get(data, str_from(key));
    struct str path = path_key(c, STR("data"), str_from(key)),
               hidden = STR("<secret contents redacted>");
    if (!value) {
        field_required(c->st, path, "%s", "");
        return;
    }
    struct str base64 = node_str(value, "");
    uint8_t *bytes = arena_alloc(c->a, json_base64_decoded_max(base64.len) + 1);
    size_t bad;
    ssize_t size = json_base64_decode(bytes, base64, &bad);
    struct str text = {(const char *)bytes, size < 0 ? 0 : (size_t)size};
    struct node *parsed;
    struct status st;
    status_init(&st, c->a);
    if (json_parse(c->a, text, &parsed, &st) < 0)
        field_invalid(c->st, path, hidden, "%.*s", STR_ARG(st.message));
    else if (parsed->kind != NODE_MAP && parsed->kind != NODE_NULL)
        field_invalid(c->st, path, hidden,
                      "json: cannot unmarshal %s into Go value of type map[string]interface {}",
                      kinds[parsed->kind]);
}

static void check_secret_type(struct check *c, const struct node *object)
{
    const struct node *data = node_get(object, STR("data"));
    struct str type = node_str(object, "type");
    if (str_is(type, "kubernetes.io/service-account-token")) {
        struct str key = STR("kubernetes.io/service-account.name");
        if (str_empty(node_str(node_get(node_at(object, "metadata.annotations"), key), "")))
            field_required(c->st, path_key(c, STR("metadata.annotations"), key), "%s", "");
    } else if (str_is(type, "kubernetes.io/dockercfg")) {
        need_json(c, data, ".dockercfg");
    } else if (str_is(type, "kubernetes.io/dockerconfigjson")) {
        need_json(c, data, ".dockerconfigjson");
    } else if (str_is(type, "kubernetes.io/basic-auth")) {
        if (!node_get(data, STR("username")) && !node_get(data, STR("password"))) {
            need_key(c, data, "username");
            need_key(c, data, "password");
        }
    } else if (str_is(type, "kubernetes.io/ssh-auth")) {
        if (str_empty(node_str(node_get(data, STR("ssh-privatekey")), "")))
            field_required(c->st, STR("data[ssh-privatekey]"), "%s", "");
    } else if (str_is(type, "kubernetes.io/tls")) {
        need_key(c, data, "tls.crt");
        need_key(c, data, "tls.key");
    }
}

static void secret_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old, struct status *st)
{
    static const char *const members[] = {"data", NULL};
    struct check c = check_of(ctx, st);
    size_t total = 0;
    if (old) {
        check_immutable_at(&c, object, old, "type");
        check_frozen(&c, object, old, members);
    }
    member_each(m, node_get(object, STR("data")))
    {
        check_text(&c, m->name, path_key(&c, STR("data"), m->name), name_config_key);
        total += decoded_size(node_str(m->value, ""));
    }
    if (total > LIMIT_DATA_BYTES)
        field_too_long(st, STR("data"), LIMIT_DATA_BYTES);
    check_secret_type(&c, object);
}

static const char *const secret_labels[] = {"type", NULL};
REGISTER(kind, secrets)
= {.group = "",
   .plural = "secrets",
   .decoded = secret_decoded,
   .validate = secret_validate,
   .field_labels = secret_labels};

/* References to secrets are names, nothing else. */
static void service_account_prepare(const struct kind_ctx *ctx, struct node *object,
                                    const struct node *old maybe_unused)
{
    node_each(ref, node_get(object, STR("secrets")))
    {
        struct str name = arena_str(ctx->arena, node_str(ref, "name"));
        while (node_count(ref))
            node_remove(ref, ref->map.members[0].name);
        node_put_str(ctx->arena, ref, "name", name);
    }
}

REGISTER(kind, service_accounts)
= {.group = "",
   .plural = "serviceaccounts",
   .flags = KIND_RETURNS_DELETED,
   .prepare = service_account_prepare};
