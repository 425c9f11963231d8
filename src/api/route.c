#include "api/route.h"

static const char *const verb_names[] = {
    [VERB_OF_PATH] = "",
    [VERB_IS_GET] = "get",
    [VERB_IS_LIST] = "list",
    [VERB_IS_WATCH] = "watch",
    [VERB_IS_CREATE] = "create",
    [VERB_IS_UPDATE] = "update",
    [VERB_IS_PATCH] = "patch",
    [VERB_IS_DELETE] = "delete",
    [VERB_IS_DELETE_COLLECTION] = "deletecollection",
    [VERB_IS_PROXY] = "proxy",
};

const char *verb_name(enum verb verb)
{
    assert((size_t)verb < ARRAY_COUNT(verb_names));
    return verb_names[verb];
}

static const struct {
    const char *method;
    const char *lower;
    enum verb verb;
} methods[] = {
    {"GET", "get", VERB_IS_GET},          {"HEAD", "head", VERB_IS_GET},
    {"POST", "post", VERB_IS_CREATE},     {"PUT", "put", VERB_IS_UPDATE},
    {"PATCH", "patch", VERB_IS_PATCH},    {"DELETE", "delete", VERB_IS_DELETE},
    {"OPTIONS", "options", VERB_OF_PATH}, {"CONNECT", "connect", VERB_OF_PATH},
    {"TRACE", "trace", VERB_OF_PATH},
};

/* The next step of a path; empty at the end. */
static struct str next_part(struct str *rest)
{
    while (rest->len && rest->data[0] == '/')
        *rest = str_slice(*rest, 1, rest->len);
    size_t end = 0;
    while (end < rest->len && rest->data[end] != '/')
        end++;
    struct str part = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end, rest->len);
    return part;
}

static struct str peek_part(struct str rest)
{
    return next_part(&rest);
}

static bool is_namespace_subresource(struct str part)
{
    return str_is(part, "status") || str_is(part, "finalize");
}

/* namespaces/<ns>/... : leaves in *rest what names the resource. */
static void take_namespace(struct route *r, struct str *rest)
{
    struct str look = *rest;
    if (!str_is(next_part(&look), "namespaces"))
        return;
    struct str ns = next_part(&look);
    if (str_empty(ns))
        return;
    r->ns = ns;
    struct str third = peek_part(look);
    if (!str_empty(third) && !is_namespace_subresource(third)) {
        r->namespaced = true;
        *rest = look;
    }
}

static void take_names(struct route *r, struct str rest)
{
    r->plural = next_part(&rest);
    r->name = next_part(&rest);
    if (r->legacy_watch || r->verb == VERB_IS_PROXY)
        return;
    r->subresource = next_part(&rest);
    r->rest = rest;
}

static void refine_verb(struct route *r, bool watch, struct str field_name)
{
    if (r->legacy_watch) {
        r->verb = VERB_IS_WATCH;
    } else if (str_empty(r->name) && r->verb == VERB_IS_GET) {
        r->verb = watch ? VERB_IS_WATCH : VERB_IS_LIST;
    } else if (str_empty(r->name) && r->verb == VERB_IS_DELETE) {
        r->verb = VERB_IS_DELETE_COLLECTION;
    }
    bool collection =
        r->verb == VERB_IS_LIST || r->verb == VERB_IS_WATCH || r->verb == VERB_IS_DELETE_COLLECTION;
    if (collection && str_empty(r->name))
        r->name = field_name;
    r->verb_text = str_from(verb_name(r->verb));
}

void route_parse(struct str method, struct str path, bool watch, struct str field_name,
                 struct route *ret)
{
    struct route r = {.verb = VERB_OF_PATH, .verb_text = STR("get")};
    enum verb verb = VERB_OF_PATH;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++)
        if (str_is(method, methods[i].method)) {
            verb = methods[i].verb;
            r.verb_text = str_from(methods[i].lower);
        }
    struct str rest = path;
    struct str prefix = next_part(&rest);
    bool core = str_is(prefix, "api");
    if (core || str_is(prefix, "apis")) {
        struct str group = core ? STR_NONE : next_part(&rest);
        struct str version = next_part(&rest);
        struct str first = peek_part(rest);
        if (!str_empty(version) && !str_empty(first)) {
            r.resource_request = true;
            r.prefix = prefix;
            r.group = group;
            r.version = version;
            r.verb = verb;
            if (str_is(first, "watch") || str_is(first, "proxy")) {
                next_part(&rest);
                r.legacy_watch = str_is(first, "watch");
                r.verb = r.legacy_watch ? VERB_IS_WATCH : VERB_IS_PROXY;
                r.bad = str_empty(peek_part(rest));
            }
            take_namespace(&r, &rest);
            take_names(&r, rest);
            refine_verb(&r, watch, field_name);
        }
    }
    *ret = r;
}
