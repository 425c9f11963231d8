/* A container's environment: Services, envFrom, env with references, and $(NAME) in values,
 * commands and arguments. */
#include <errno.h>

#include "base/encode.h"
#include "node/agent_internal.h"
#include "object/seal.h"

static struct node *get(const struct environment *e, struct str name)
{
    for (size_t i = 0; i < e->values.count; i++) {
        if (str_equal(e->values.items[i].name, name))
            return e->values.items[i].value;
    }
    return NULL;
}

static void set(struct environment *e, struct str name, struct str value)
{
    struct node *old = get(e, name);
    if (old)
        old->text = value;
    else
        vec_push(&e->values,
                 ((struct member){arena_str(e->arena, name), node_text(e->arena, value)}));
}

/* The original's expansion: $(NAME) of what is known, $$ is $, anything else stays. */
struct str environment_expand(const struct environment *e, struct str text)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '$' || i + 1 >= text.len) {
            buf_putc(&out, text.data[i]);
            continue;
        }
        struct str rest = str_slice(text, i + 1, text.len);
        ssize_t end = rest.data[0] == '(' ? str_find(rest, ')') : -1;
        if (rest.data[0] == '$') {
            buf_putc(&out, '$');
            i++;
        } else if (end > 0) {
            struct str name = str_slice(rest, 1, (size_t)end);
            const struct node *value = get(e, name);
            if (value)
                buf_add(&out, value->text);
            else
                buf_printf(&out, "$(%.*s)", STR_ARG(name));
            i += (size_t)end + 1;
        } else {
            buf_putc(&out, '$');
        }
    }
    struct str result = arena_str(e->arena, buf_str(&out));
    buf_release(&out);
    return result;
}

/* Services. */

static struct str shout(struct arena *a, struct str name)
{
    char *text = arena_cstr(a, name);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    return str_from(text);
}

static void set_printf(struct environment *e, struct str value, const char *format, struct str name,
                       struct str more)
{
    struct buf key = BUF_INIT;
    for (const char *f = format; *f; f++) {
        if (*f == '@')
            buf_add(&key, name);
        else if (*f == '#')
            buf_add(&key, more);
        else
            buf_putc(&key, *f);
    }
    set(e, arena_str(e->arena, buf_str(&key)), value);
    buf_release(&key);
}

static void add_service(struct environment *e, const struct sealed *service)
{
    struct arena *a = e->arena;
    struct value spec = value_at(sealed_root(service), "spec"), ports = value_at(spec, "ports");
    struct str ip = arena_str(a, value_str(spec, "clusterIP")),
               name = shout(a, object_name(service));
    if (!ip.len || str_is(ip, "None") || !value_count(ports))
        return;
    set_printf(e, ip, "@_SERVICE_HOST", name, STR(""));
    struct value_iter it = value_iter(ports);
    for (struct value port; value_next(&it, &port);) {
        struct str number = arena_printf(a, "%lld", (long long)value_int(port, "port", 0));
        struct str proto = value_str(port, "protocol"), port_name = value_str(port, "name");
        char *lower = arena_cstr(a, proto.len ? proto : STR("TCP"));
        for (char *c = lower; *c; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
        struct str url = arena_printf(a, "%s://%.*s:%.*s", lower, STR_ARG(ip), STR_ARG(number));
        struct str id =
            arena_printf(a, "%.*s_%.*s", STR_ARG(number), STR_ARG(shout(a, str_from(lower))));
        if (it.index == 0) {
            set_printf(e, number, "@_SERVICE_PORT", name, STR(""));
            set_printf(e, url, "@_PORT", name, STR(""));
        }
        if (port_name.len)
            set_printf(e, number, "@_SERVICE_PORT_#", name, shout(a, port_name));
        set_printf(e, url, "@_PORT_#", name, id);
        set_printf(e, str_from(lower), "@_PORT_#_PROTO", name, id);
        set_printf(e, number, "@_PORT_#_PORT", name, id);
        set_printf(e, ip, "@_PORT_#_ADDR", name, id);
    }
}

static bool visit_service(void *arg, const struct sealed *service)
{
    add_service(arg, service);
    return true;
}

static void add_services(struct environment *e, const struct pod *p)
{
    struct view *services = p->agent->services_view;
    const struct sealed *kubernetes = view_get(services, STR("default"), STR("kubernetes"));
    if (node_flag(p->tree, "spec.enableServiceLinks", true))
        view_each(services, str_from(p->ns), visit_service, e);
    if (kubernetes)
        add_service(e, kubernetes);
}

/* References. */

static struct str bytes_of(struct arena *a, struct value v, bool secret)
{
    struct str text = value_text(a, v, ""), raw;
    if (secret && base64_decode(a, text, &raw) == 0)
        return raw;
    return arena_str(a, text);
}

static int need_key(struct environment *e, struct container *c, const struct node *ref,
                    enum source_kind kind, struct str *ret, bool *ret_set, struct buf *message)
{
    struct str name = node_str(ref, "name"), key = node_str(ref, "key");
    bool optional = node_flag(ref, "optional", false), secret = kind == SOURCE_SECRET;
    const struct sealed *object = source_get(c->pod->agent, kind, str_from(c->pod->ns), name);
    *ret_set = false;
    if (!object) {
        if (!optional)
            buf_printf(message, "%s \"%.*s\" not found", secret ? "secret" : "configmap",
                       STR_ARG(name));
        return optional ? 0 : -ENOENT;
    }
    struct value v = value_key(value_at(sealed_root(object), "data"), key);
    if (!value_present(v)) {
        if (!optional)
            buf_printf(message, "couldn't find key %.*s in %s %s/%.*s", STR_ARG(key),
                       secret ? "Secret" : "ConfigMap", c->pod->ns, STR_ARG(name));
        return optional ? 0 : -ENOENT;
    }
    *ret = bytes_of(e->arena, v, secret);
    *ret_set = true;
    return 0;
}

static struct str join_map(struct arena *a, const struct node *map)
{
    struct buf out = BUF_INIT;
    member_each(m, map)
    {
        buf_printf(&out, "%s%.*s=\"", out.len ? "\n" : "", STR_ARG(m->name));
        struct str value = node_str(m->value, "");
        for (size_t i = 0; i < value.len; i++) {
            if (value.data[i] == '"' || value.data[i] == '\\')
                buf_putc(&out, '\\');
            if (value.data[i] == '\n')
                buf_puts(&out, "\\n");
            else
                buf_putc(&out, value.data[i]);
        }
        buf_putc(&out, '"');
    }
    struct str text = arena_str(a, buf_str(&out));
    buf_release(&out);
    return text;
}

struct str field_ref(struct arena *a, const struct pod *p, struct str path, bool *ret_known)
{
    static const char *const plain[] = {"metadata.name", "metadata.namespace", "metadata.uid",
                                        "spec.nodeName", "spec.serviceAccountName"};
    *ret_known = true;
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (str_is(path, plain[i]))
            return node_str(p->tree, plain[i]);
    }
    if (str_is(path, "status.podIP") || str_is(path, "status.podIPs"))
        return p->ip ? arena_str(a, str_from(p->ip)) : STR("");
    if (str_is(path, "status.hostIP") || str_is(path, "status.hostIPs"))
        return str_from(p->agent->node_ip);
    static const char *const maps[] = {"metadata.labels", "metadata.annotations"};
    for (size_t i = 0; i < ARRAY_COUNT(maps); i++) {
        const struct node *map = node_at(p->tree, maps[i]);
        size_t len = strlen(maps[i]);
        if (str_is(path, maps[i]))
            return join_map(a, map);
        if (str_starts(path, maps[i]) && path.len > len + 3 && path.data[len] == '[') {
            struct str key = str_slice(path, len + 1, path.len - 1);
            if (key.len > 1 && (key.data[0] == '\'' || key.data[0] == '"'))
                key = str_slice(key, 1, key.len - 1);
            return node_str(node_get(map, key), "");
        }
    }
    *ret_known = false;
    return STR("");
}

static int64_t node_amount(const struct pod *p, const char *what)
{
    const struct sealed *node = p->agent->node_view ? view_get(p->agent->node_view, STR_NONE,
                                                               str_from(p->agent->config.node_name))
                                                    : NULL;
    struct arena a = ARENA_INIT;
    struct quantity q = {0};
    if (node &&
        quantity_parse(
            value_text(&a,
                       value_key(value_at(sealed_root(node), "status.allocatable"), str_from(what)),
                       ""),
            &q) < 0)
        q = (struct quantity){0};
    arena_release(&a);
    return strcmp(what, "cpu") == 0 ? quantity_milli(q) : quantity_value(q);
}

struct str resource_ref(struct arena *a, const struct pod *p, const struct node *ref,
                        const struct container *own)
{
    struct str resource = node_str(ref, "resource"), divisor_text = node_str(ref, "divisor");
    const struct container *c =
        node_str(ref, "containerName").len ? pod_container(p, node_str(ref, "containerName")) : own;
    struct str rest = resource;
    struct str side = str_cut(&rest, '.');
    char path[64];
    snprintf(path, sizeof(path), "resources.%.*s", STR_ARG(side));
    struct str amount = c ? node_str(node_get(node_at(c->spec, path), rest), "") : STR_NONE;
    bool cpu = str_is(rest, "cpu");
    struct quantity q = {0}, divisor = {0};
    int64_t value, by;
    char what[64];
    snprintf(what, sizeof(what), "%.*s", STR_ARG(rest));
    if (amount.len && quantity_parse(amount, &q) == 0)
        value = cpu ? quantity_milli(q) : quantity_value(q);
    else
        value = str_is(side, "limits") ? node_amount(p, what) : 0;
    if (!divisor_text.len || str_is(divisor_text, "0") ||
        quantity_parse(divisor_text, &divisor) < 0)
        by = cpu ? 1000 : 1;
    else
        by = cpu ? quantity_milli(divisor) : quantity_value(divisor);
    by = MAX(by, 1);
    return arena_printf(a, "%lld", (long long)((value + by - 1) / by));
}

static int add_from(struct environment *e, struct container *c, const struct node *from,
                    struct buf *message)
{
    struct str prefix = node_str(from, "prefix");
    bool secret = node_at(from, "secretRef");
    const struct node *ref = node_at(from, secret ? "secretRef" : "configMapRef");
    struct str name = node_str(ref, "name");
    const struct sealed *object = source_get(
        c->pod->agent, secret ? SOURCE_SECRET : SOURCE_CONFIGMAP, str_from(c->pod->ns), name);
    if (!object) {
        if (node_flag(ref, "optional", false))
            return 0;
        buf_printf(message, "%s \"%.*s\" not found", secret ? "secret" : "configmap",
                   STR_ARG(name));
        return -ENOENT;
    }
    struct value_iter it = value_iter(value_at(sealed_root(object), "data"));
    for (struct value v; value_next(&it, &v);) {
        struct str key = arena_printf(e->arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(it.key));
        set(e, key, bytes_of(e->arena, v, secret));
    }
    return 0;
}

static int add_one(struct environment *e, struct container *c, const struct node *env,
                   struct buf *message)
{
    const struct node *from = node_at(env, "valueFrom");
    struct str value = STR("");
    bool given = true;
    int err = 0;
    if (!from)
        value = environment_expand(e, node_str(env, "value"));
    else if (node_at(from, "fieldRef"))
        value = field_ref(e->arena, c->pod, node_str(from, "fieldRef.fieldPath"), &given);
    else if (node_at(from, "resourceFieldRef"))
        value = resource_ref(e->arena, c->pod, node_at(from, "resourceFieldRef"), c);
    else if (node_at(from, "configMapKeyRef"))
        err = need_key(e, c, node_at(from, "configMapKeyRef"), SOURCE_CONFIGMAP, &value, &given,
                       message);
    else if (node_at(from, "secretKeyRef"))
        err = need_key(e, c, node_at(from, "secretKeyRef"), SOURCE_SECRET, &value, &given, message);
    if (err == 0 && given)
        set(e, node_str(env, "name"), value);
    return err;
}

int environment_make(struct arena *a, struct container *c, struct environment *ret,
                     struct buf *ret_message)
{
    struct environment *e = ret;
    int err = 0;
    *e = (struct environment){.arena = a};
    add_services(e, c->pod);
    node_each(from, node_at(c->spec, "envFrom"))
    {
        if (err == 0)
            err = add_from(e, c, from, ret_message);
    }
    node_each(env, node_at(c->spec, "env"))
    {
        if (err == 0)
            err = add_one(e, c, env, ret_message);
    }
    return err;
}
