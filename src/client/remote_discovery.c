/* Custom resources of a remote server, by aggregated discovery. Built-in ones are known from the
 * schema. */
#include "base/log.h"
#include "client/remote.h"
#include "object/seal.h"

static const char discovery_type[] =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

struct discovery {
    struct remote_client *client; /* borrowed */
    int code;
    struct buf body;
};

static const struct {
    const char *name;
    unsigned bit;
} verb_names[] = {
    {"create", VERB_CREATE}, {"delete", VERB_DELETE}, {"deletecollection", VERB_DELETECOLLECTION},
    {"get", VERB_GET},       {"list", VERB_LIST},     {"patch", VERB_PATCH},
    {"update", VERB_UPDATE}, {"watch", VERB_WATCH},
};

const struct resource *remote_find_custom(struct remote_client *c, struct str group,
                                          struct str version, struct str plural, struct str kind)
{
    for (size_t i = 0; i < c->custom.count; i++) {
        const struct resource *r = c->custom.items[i];
        if (str_is(group, r->group) && str_is(version, r->version) &&
            (!plural.data || str_is(plural, r->plural)) && (!kind.data || str_is(kind, r->kind)))
            return r;
    }
    if (!c->discovered)
        deferred_arm(&c->later);
    return NULL;
}

static unsigned verbs_of(const struct node *list)
{
    unsigned bits = 0;
    node_each(verb, list)
    {
        for (size_t i = 0; i < ARRAY_COUNT(verb_names); i++)
            if (str_is(node_str(verb, ""), verb_names[i].name))
                bits |= verb_names[i].bit;
    }
    return bits;
}

static const char *text(struct remote_client *c, struct str s)
{
    return arena_cstr(&c->resource_memory, s);
}

/* Adds a resource unless it is built in or known. Custom resources are kept for the client's life:
 * views point to them. */
static bool add_resource(struct remote_client *c, struct str group, struct str version,
                         const struct node *entry)
{
    struct str plural = node_str(entry, "resource");
    if (resource_by_name(group, version, plural))
        return false;
    for (size_t i = 0; i < c->custom.count; i++)
        if (str_is(group, c->custom.items[i]->group) &&
            str_is(version, c->custom.items[i]->version) &&
            str_is(plural, c->custom.items[i]->plural))
            return false;
    struct resource *r = arena_new(&c->resource_memory, struct resource);
    r->id = (uint16_t)(1000 + c->custom.count);
    r->storage_id = r->id;
    r->group = text(c, group);
    r->version = text(c, version);
    r->plural = text(c, plural);
    r->singular = text(c, node_str(entry, "singularResource"));
    r->kind = text(c, node_str(entry, "responseKind.kind"));
    r->list_kind = arena_printf(&c->resource_memory, "%sList", r->kind).data;
    r->namespaced = str_is(node_str(entry, "scope"), "Namespaced");
    r->stored = true;
    r->verbs = (uint16_t)verbs_of(node_get(entry, STR("verbs")));
    r->type = SCHEMA_CUSTOM;
    vec_push(&c->custom, r);
    return true;
}

static bool read_groups(struct remote_client *c, const struct node *list)
{
    bool changed = false;
    node_each(group, node_get(list, STR("items")))
    {
        node_each(version, node_get(group, STR("versions")))
        {
            node_each(entry, node_get(version, STR("resources")))
            {
                changed |= add_resource(c, node_str(group, "metadata.name"),
                                        node_str(version, "version"), entry);
            }
        }
    }
    return changed;
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers maybe_unused, size_t count maybe_unused)
{
    ((struct discovery *)user)->code = code;
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    buf_add(&((struct discovery *)user)->body, data);
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct discovery *d = user;
    struct remote_client *c = d->client;
    struct arena arena = ARENA_INIT;
    struct status st;
    struct node *list;
    status_init(&st, &arena);
    c->discovering = false;
    if (err == 0 && d->code == 200 && json_parse(&arena, buf_str(&d->body), &list, &st) == 0) {
        c->discovered = true;
        if (read_groups(c, list))
            for (size_t i = 0; i < c->listeners.count; i++)
                c->listeners.items[i].fn(c->listeners.items[i].arg);
    } else {
        log_warn("discovery failed", LOG_INT("code", d->code), LOG_ERRNO(-err));
    }
    arena_release(&arena);
    buf_release(&d->body);
    mem_free(d);
}

static const struct http_exchange_ops discovery_ops = {on_head, on_data, on_end};

void remote_discover(struct remote_client *c)
{
    if (c->discovering)
        return;
    c->discovering = true;
    struct arena arena = ARENA_INIT;
    struct discovery *d = mem_alloc(sizeof(*d));
    d->client = c;
    struct http_header headers[REMOTE_HEADERS_MAX];
    size_t count = remote_headers(c, &arena, headers, NULL, discovery_type);
    struct http_exchange_request request = {
        .method = "GET",
        .path_and_query = arena_printf(&arena, "%.*s/apis", STR_ARG(c->where.path)),
        .headers = headers,
        .header_count = count,
        .timeout_ms = REMOTE_TIMEOUT_MS,
    };
    http_send(c->target, &request, &discovery_ops, d);
    arena_release(&arena);
}
