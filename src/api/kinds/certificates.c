/* CertificateSigningRequests: who asked, what was approved, what was signed. */
#include "api/kinds/check.h"

#include "auth/certificate.h"
#include "object/json.h"

#define USAGES                                                                                     \
    "any|cert sign|client auth|code signing|content commitment|crl sign|data "                     \
    "encipherment|decipher only|digital signature|"                                                \
    "email protection|encipher only|ipsec end system|ipsec tunnel|ipsec user|key agreement|key "   \
    "encipherment|microsoft sgc|"                                                                  \
    "netscape sgc|ocsp signing|s/mime|server auth|signing|timestamping"

static const char *const decisions[] = {"Approved", "Denied"};

static bool decode(struct arena *a, struct str base64, struct str *ret)
{
    size_t bad;
    uint8_t *bytes = arena_alloc(a, json_base64_decoded_max(base64.len) + 1);
    ssize_t size = json_base64_decode(bytes, base64, &bad);
    *ret = (struct str){(char *)bytes, size < 0 ? 0 : (size_t)size};
    return size >= 0;
}

/* The requester is who sent the request, whatever it says. */
static void set_requester(const struct kind_ctx *ctx, struct node *object)
{
    static const char *const owned[] = {"spec.username", "spec.uid", "spec.groups", "spec.extra"};
    struct arena *a = ctx->arena;
    const struct user *u = ctx->user;
    for (size_t i = 0; i < ARRAY_COUNT(owned); i++)
        node_del(object, owned[i]);
    if (!u)
        return;
    node_put_str(a, object, "spec.username", u->name);
    if (!str_empty(u->uid))
        node_put_str(a, object, "spec.uid", u->uid);
    for (size_t i = 0; i < u->group_count; i++)
        node_append(a, node_need_list(a, object, "spec.groups"), node_text_copy(a, u->groups[i]));
    for (size_t i = 0; i < u->extra_count; i++) {
        struct node *values = node_list(a);
        for (size_t v = 0; v < u->extra[i].count; v++)
            node_append(a, values, node_text_copy(a, u->extra[i].values[v]));
        node_set(a, node_need_map(a, object, "spec.extra"), arena_str(a, u->extra[i].key), values);
    }
}

static void set_times(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    struct str now = time_format(ctx->arena, ctx->now_us);
    node_each(condition, node_at(object, "status.conditions"))
    {
        struct str since = now, type = node_str(condition, "type"),
                   state = node_str(condition, "status");
        if (str_empty(node_str(condition, "lastUpdateTime")))
            node_put_str(ctx->arena, condition, "lastUpdateTime", now);
        if (!str_empty(node_str(condition, "lastTransitionTime")))
            continue;
        node_each(
            before,
            node_at(old,
                    "status.conditions")) if (str_equal(node_str(before, "type"), type) &&
                                              str_equal(node_str(before, "status"), state) &&
                                              !str_empty(node_str(before, "lastTransitionTime")))
            since = node_str(before, "lastTransitionTime");
        node_put_str(ctx->arena, condition, "lastTransitionTime", since);
    }
}

static void request_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    struct arena *a = ctx->arena;
    if (!old) {
        set_requester(ctx, object);
        return;
    }
    if (str_is(ctx->subresource, "approval")) {
        struct node *conditions = node_at(object, "status.conditions");
        keep_old(a, object, old, "spec");
        keep_old(a, object, old, "status");
        if (conditions)
            node_put(a, object, "status.conditions", conditions);
        else
            node_del(object, "status.conditions");
    } else if (str_empty(ctx->subresource)) {
        keep_old(a, object, old, "spec");
        keep_old(a, object, old, "status");
        return;
    }
    set_times(ctx, object, old);
}

static size_t count_type(const struct node *object, const char *type)
{
    size_t count = 0;
    node_each(condition, node_at(object, "status.conditions")) count +=
        str_is(node_str(condition, "type"), type);
    return count;
}

static void check_conditions(struct check *c, const struct node *object)
{
    const struct node *list = node_at(object, "status.conditions");
    struct str path = STR("status.conditions");
    bool approved = false, denied = false;
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *condition = node_item(list, i);
        struct str at = path_index(c, path, i), type = node_str(condition, "type"),
                   state = node_str(condition, "status");
        if (str_empty(type))
            field_required(c->st, path_of(c, at, "type"), "%s", "");
        check_needed_word(c, state, path_of(c, at, "status"),
                          word_in(type, "Approved|Denied|Failed") ? "True" : "False|True|Unknown");
        approved = approved || str_is(type, "Approved");
        denied = denied || str_is(type, "Denied");
        if (approved && denied && word_in(type, "Approved|Denied"))
            field_invalid(c->st, path, type,
                          "Approved and Denied conditions are mutually exclusive");
        if (repeats_earlier(&c->repeats, list, i, "type"))
            field_duplicate(c->st, path_of(c, at, "type"), type);
    }
}

static void check_request_update(struct check *c, const struct node *object, const struct node *old,
                                 bool approval, bool status)
{
    static const char *const kept[] = {"Approved", "Denied", "Failed"};
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++)
        if (count_type(object, kept[i]) < count_type(old, kept[i]))
            field_forbidden(c->st, STR("status.conditions"),
                            "updates may not remove a condition of type \"%s\"", kept[i]);
    for (size_t i = 0; !approval && i < ARRAY_COUNT(decisions); i++)
        if (count_type(object, decisions[i]) > count_type(old, decisions[i]))
            field_forbidden(c->st, STR("status.conditions"),
                            "updates may not add a condition of type \"%s\"", decisions[i]);
    struct str now = node_str(object, "status.certificate"),
               before = node_str(old, "status.certificate"), pem;
    if (str_equal(now, before))
        return;
    if (!status)
        field_forbidden(c->st, STR("status.certificate"),
                        "updates may not set certificate content");
    else if (!str_empty(before))
        field_forbidden(c->st, STR("status.certificate"),
                        "updates may not modify existing certificate content");
    const char *error = "";
    if (!str_empty(now) && (!decode(c->a, now, &pem) || !certificate_chain_is_pem(pem, &error)))
        field_invalid(c->st, STR("status.certificate"), STR("<certificate data>"), "%s", error);
}

static void check_signer(struct check *c, struct str signer)
{
    struct str path = STR("spec.signerName");
    ssize_t slash = str_find(signer, '/');
    if (str_empty(signer)) {
        field_required(c->st, path, "%s", "");
        return;
    }
    if (str_is(signer, "kubernetes.io/legacy-unknown")) {
        field_invalid(c->st, path, signer,
                      "the legacy signerName is not allowed via this API version");
        return;
    }
    if (slash < 0 || str_find(str_slice(signer, (size_t)slash + 1, signer.len), '/') >= 0) {
        field_invalid(
            c->st, path, signer,
            "must be a fully qualified domain and path of the form 'example.com/signer-name'");
        return;
    }
    struct str domain = str_slice(signer, 0, (size_t)slash);
    check_text(c, domain, path, name_dns1123_subdomain);
    if (str_find(domain, '.') < 0)
        field_invalid(c->st, path, domain,
                      "should be a domain with at least two segments separated by dots");
    for (struct str rest = str_slice(signer, (size_t)slash + 1, signer.len); rest.data;)
        check_text(c, str_cut(&rest, '.'), path, name_dns1123_label);
}

static void request_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *usages = node_at(object, "spec.usages"),
                      *life = node_at(object, "spec.expirationSeconds");
    struct certificate_request parsed;
    const char *error = "PEM block type must be CERTIFICATE REQUEST";
    struct str text = node_str(object, "spec.request"), pem;
    if (!old) {
        if (!decode(c.a, text, &pem) || certificate_request_parse(c.a, pem, &parsed, &error) != 0)
            field_invalid(st, STR("spec.request"), text, "%s", error);
        if (node_count(usages) == 0)
            field_required(st, STR("spec.usages"), "%s", "");
        for (size_t i = 0; i < node_count(usages); i++) {
            check_word(&c, node_str(node_item(usages, i), ""),
                       path_index(&c, STR("spec.usages"), i), USAGES);
            if (repeats_earlier(&c.repeats, usages, i, ""))
                field_duplicate(st, path_index(&c, STR("spec.usages"), i),
                                node_str(node_item(usages, i), ""));
        }
        check_signer(&c, node_str(object, "spec.signerName"));
        if (life && node_num(life, "", 0) < 600)
            invalid_number(&c, STR("spec.expirationSeconds"), node_num(life, "", 0),
                           "may not specify a duration less than 600 seconds (10 minutes)");
    }
    check_conditions(&c, object);
    if (old)
        check_request_update(&c, object, old, str_is(ctx->subresource, "approval"),
                             str_is(ctx->subresource, "status"));
}

static const char *const request_reset[] = {"spec", "status", NULL};
static const char *const request_status_reset[] = {"spec", "status.conditions", NULL};
static const char *const request_labels[] = {"spec.signerName", NULL};
REGISTER(kind, signing_requests)
= {.group = "certificates.k8s.io",
   .plural = "certificatesigningrequests",
   .flags = KIND_STATUS_SPLIT,
   .name_rule = name_path_segment,
   .prepare = request_prepare,
   .validate = request_validate,
   .field_labels = request_labels,
   .reset_paths = request_reset,
   .status_reset_paths = request_status_reset};
