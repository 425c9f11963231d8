#include "region/state.h"

#include "api/api.h"
#include "api/kind.h"
#include "base/log.h"
#include "client/client.h"
#include "object/scalar.h"

#define STATE_GROUP   "region.kaname.dev"
#define STATE_VERSION "v1"

/* Numbers name the resources in the store: stable for ever, out of the built-in ones' way. */
#define RESOURCE(number, plural_name, kind_name)                                                   \
    {                                                                                              \
        .id = (number), .group = STATE_GROUP, .version = STATE_VERSION, .plural = (plural_name),   \
        .singular = (plural_name), .kind = (kind_name), .list_kind = kind_name "List",             \
        .stored = true, .verbs = VERB_ALL, .type = SCHEMA_CUSTOM, .storage_id = (number)           \
    }

static const struct resource resources[STATE_KIND_COUNT] = {
    [STATE_ACCOUNT] = RESOURCE(900, "accounts", "Account"),
    [STATE_CLUSTER] = RESOURCE(901, "clusters", "Cluster"),
    [STATE_NODEGROUP] = RESOURCE(902, "nodegroups", "Nodegroup"),
    [STATE_ACCESS_ENTRY] = RESOURCE(903, "accessentries", "AccessEntry"),
    [STATE_PRINCIPAL] = RESOURCE(904, "principals", "Principal"),
    [STATE_ACCESS_KEY] = RESOURCE(905, "accesskeys", "AccessKey"),
    [STATE_VPC] = RESOURCE(906, "vpcs", "Vpc"),
    [STATE_SUBNET] = RESOURCE(907, "subnets", "Subnet"),
    [STATE_INSTANCE] = RESOURCE(908, "instances", "Instance"),
};

/* AWS names have capitals and underscores. */
#define STATE_KIND(ident, plural_name)                                                             \
    REGISTER(kind, ident)                                                                          \
    = {.group = STATE_GROUP,                                                                       \
       .plural = (plural_name),                                                                    \
       .flags = KIND_CONDITIONAL_UPDATE,                                                           \
       .name_rule = name_path_segment}
STATE_KIND(state_accounts, "accounts");
STATE_KIND(state_clusters, "clusters");
STATE_KIND(state_nodegroups, "nodegroups");
STATE_KIND(state_access_entries, "accessentries");
STATE_KIND(state_principals, "principals");
STATE_KIND(state_access_keys, "accesskeys");
STATE_KIND(state_vpcs, "vpcs");
STATE_KIND(state_subnets, "subnets");
STATE_KIND(state_instances, "instances");

struct listener {
    struct state *state;
    struct deferred soon;
    struct view *view; /* owned */
    struct list link;
};

struct state {
    struct loop *loop;
    struct store *store;                  /* owned */
    struct watch_hub *hub;                /* owned */
    struct authorizer *authorizer;        /* owned */
    struct api *api;                      /* owned */
    struct client *client;                /* owned */
    struct view *views[STATE_KIND_COUNT]; /* owned */
    struct list listeners;
};

static void index_nothing(const void *value maybe_unused, size_t size maybe_unused,
                          struct store_index *ret, uint64_t hashes[64] maybe_unused)
{
    *ret = (struct store_index){0};
}

struct state *state_open(struct loop *loop, const char *directory, const char **ret_error)
{
    struct store *store;
    const struct store_config config = {.loop = loop,
                                        .directory = directory,
                                        .index = index_nothing,
                                        .history_revisions = 1000,
                                        .history_ms = 300000};
    if (store_open(&config, &store, ret_error))
        return NULL;
    struct state *s = mem_alloc(sizeof(*s));
    s->loop = loop;
    s->store = store;
    s->hub = watch_hub_new(loop, store);
    s->authorizer = authorizer_new(loop, store, s->hub);
    const struct api_config api = {.loop = loop,
                                   .store = store,
                                   .hub = s->hub,
                                   .authorizer = s->authorizer,
                                   .service_cidr = STR("10.96.0.0/16"),
                                   .node_netns_fd = -1,
                                   .server_version = STR("v1.36.3")};
    s->api = api_new(&api);
    s->client = client_local(loop, s->api, "kaname-region");
    list_init(&s->listeners);
    for (int i = 0; i < STATE_KIND_COUNT; i++)
        s->views[i] = view_open(s->client, &(struct view_options){.resource = &resources[i]});
    return s;
}

void state_close(struct state *s)
{
    list_each(l, &s->listeners, struct listener, link) {
        view_close(l->view);
        deferred_cancel(&l->soon);
        mem_free(l);
    }
    for (int i = 0; i < STATE_KIND_COUNT; i++)
        view_close(s->views[i]);
    client_free(s->client);
    api_free(s->api);
    authorizer_free(s->authorizer);
    watch_hub_free(s->hub);
    store_close(s->store);
    mem_free(s);
}

struct store *state_store(struct state *s)
{
    return s->store;
}

const struct sealed *state_get(struct state *s, enum state_kind kind, struct str name)
{
    return view_get(s->views[kind], STR_NONE, name);
}

struct node *state_tree(struct state *s, struct arena *a, enum state_kind kind, struct str name)
{
    const struct sealed *object = state_get(s, kind, name);
    return object ? unseal(a, object) : NULL;
}

struct visit {
    struct str prefix;
    bool (*fn)(void *arg, const struct sealed *object);
    void *arg;
    size_t count;
};

static bool visit_one(void *arg, const struct sealed *object)
{
    struct visit *v = arg;
    struct str name = object_name(object);
    if (name.len < v->prefix.len || !str_equal(str_slice(name, 0, v->prefix.len), v->prefix))
        return true;
    v->count++;
    return !v->fn || v->fn(v->arg, object);
}

void state_each(struct state *s, enum state_kind kind, struct str prefix,
                bool (*fn)(void *arg, const struct sealed *object), void *arg)
{
    struct visit v = {prefix, fn, arg, 0};
    view_each(s->views[kind], STR_NONE, visit_one, &v);
}

struct names {
    struct arena *arena;
    struct node *list;
};

static bool collect(void *arg, const struct sealed *object)
{
    struct names *n = arg;
    node_append(n->arena, n->list, node_text_copy(n->arena, object_name(object)));
    return true;
}

struct node *state_names(struct state *s, struct arena *a, enum state_kind kind, struct str prefix)
{
    struct names n = {a, node_list(a)};
    state_each(s, kind, prefix, collect, &n);
    return n.list;
}

size_t state_count(struct state *s, enum state_kind kind, struct str prefix)
{
    struct visit v = {.prefix = prefix};
    view_each(s->views[kind], STR_NONE, visit_one, &v);
    return v.count;
}

struct node *state_object(struct arena *a, enum state_kind kind, struct str name)
{
    struct node *o = node_map(a);
    node_put_str(a, o, "apiVersion", STR(STATE_GROUP "/" STATE_VERSION));
    node_put_str(a, o, "kind", str_from(resources[kind].kind));
    node_put_str(a, o, "metadata.name", name);
    node_need_map(a, o, "spec");
    node_need_map(a, o, "status");
    return o;
}

static int call(struct state *s, struct arena *a, enum api_verb verb, enum state_kind kind,
                struct str name, const struct node *body, struct status *st)
{
    static const char *const groups[] = {"system:masters", NULL};
    struct user user = user_static(a, "kaname-region", groups);
    const struct api_call c = {.user = &user,
                               .field_manager = STR("kaname-region"),
                               .verb = verb,
                               .resource = &resources[kind],
                               .name = name,
                               .body = body};
    return api_call(s->api, a, &c, NULL, st);
}

int state_create(struct state *s, struct arena *a, enum state_kind kind, const struct node *object,
                 struct status *st)
{
    return call(s, a, API_CREATE, kind, node_str(object, "metadata.name"), object, st);
}

int state_update(struct state *s, struct arena *a, enum state_kind kind, const struct node *object,
                 struct status *st)
{
    return call(s, a, API_UPDATE, kind, node_str(object, "metadata.name"), object, st);
}

int state_delete(struct state *s, struct arena *a, enum state_kind kind, struct str name,
                 struct status *st)
{
    return call(s, a, API_DELETE, kind, name, NULL, st);
}

static void changed(void *user, const struct sealed *now maybe_unused,
                    const struct sealed *old maybe_unused)
{
    struct listener *l = user;
    deferred_arm(&l->soon);
}

void state_on_change(struct state *s, enum state_kind kind, void (*fn)(void *arg), void *arg)
{
    struct listener *l = mem_alloc(sizeof(*l));
    l->state = s;
    deferred_init(&l->soon, s->loop, fn, arg);
    l->view = view_open(
        s->client,
        &(struct view_options){.resource = &resources[kind], .on_change = changed, .user = l});
    list_append(&s->listeners, &l->link);
    deferred_arm(&l->soon);
}
