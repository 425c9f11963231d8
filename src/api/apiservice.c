#include "api/apiservice.h"

#include "api/crd.h"
#include "base/log.h"
#include "object/scalar.h"

#define AUTOMANAGED "kube-aggregator.kubernetes.io/automanaged"

enum {
    GROUP_PRIORITY = 1000,
    VERSION_PRIORITY = 100
}; /* the original's for definitions */

static int call(struct api *api, struct arena *a, enum api_verb verb, const char *subresource,
                struct str name, const struct node *body)
{
    struct user user =
        user_static(a, "system:apiserver", (const char *const[]){"system:masters", NULL});
    struct api_call c = {.user = &user,
                         .field_manager = STR("kube-apiserver"),
                         .verb = verb,
                         .resource = resource_named("apiregistration.k8s.io", "apiservices"),
                         .subresource = str_from(subresource),
                         .name = name,
                         .body = body};
    struct status st;
    status_init(&st, a);
    int err = api_call(api, a, &c, NULL, &st);
    if (err < 0)
        log_warn("an APIService can't be kept", LOG_STR("name", name),
                 LOG_STR("reason", st.message));
    return err;
}

static struct node *service_tree(struct api *api, struct arena *a, const struct resource *r,
                                 struct str name)
{
    struct node *n = node_map(a), *condition = node_map(a);
    node_put_str(a, n, "apiVersion", STR("apiregistration.k8s.io/v1"));
    node_put_str(a, n, "kind", STR("APIService"));
    node_put_str(a, n, "metadata.name", name);
    node_set(a, node_need_map(a, n, "metadata.labels"), STR(AUTOMANAGED),
             node_text(a, STR("true")));
    node_put_str(a, n, "spec.group", str_from(r->group));
    node_put_str(a, n, "spec.version", str_from(r->version));
    node_put_int(a, n, "spec.groupPriorityMinimum", GROUP_PRIORITY);
    node_put_int(a, n, "spec.versionPriority", VERSION_PRIORITY);
    node_put_str(a, condition, "type", STR("Available"));
    node_put_str(a, condition, "status", STR("True"));
    node_put_str(a, condition, "reason", STR("Local"));
    node_put_str(a, condition, "message", STR("Local APIServices are always available"));
    node_put_str(a, condition, "lastTransitionTime",
                 time_format(a, loop_wall_us(api->config.loop)));
    node_append(a, node_need_list(a, n, "status.conditions"), condition);
    return n;
}

static struct store_key key_of(struct str name)
{
    return (struct store_key){
        .resource = resource_named("apiregistration.k8s.io", "apiservices")->storage_id,
        .ns = STR(""),
        .name = name};
}

static void ensure(struct api *api, struct arena *a, const struct resource *r)
{
    struct str name = arena_printf(a, "%s.%s", r->version, r->group);
    struct store_record record;
    if (store_get(api->config.store, key_of(name), &record) == 0)
        return;
    struct node *n = service_tree(api, a, r, name);
    if (call(api, a, API_CREATE, NULL, name, n) == 0)
        call(api, a, API_UPDATE, "status", name, n);
}

struct stale {
    struct api *api;
    struct arena *arena;
    struct str names[64]; /* of one round: the rest goes with the next change */
    size_t count;
};

static bool find_stale(void *arg, const struct store_record *record)
{
    struct stale *s = arg;
    struct value spec = value_at(sealed_root(record->value), "spec");
    if (!str_is(object_label(record->value, AUTOMANAGED), "true"))
        return true;
    for (size_t i = 0; i < custom_count(s->api->customs); i++) {
        const struct resource *r = &custom_at(s->api->customs, i)->resource;
        if (str_is(value_str(spec, "group"), r->group) &&
            str_is(value_str(spec, "version"), r->version))
            return true;
    }
    s->names[s->count++] = arena_str(s->arena, record->key.name);
    return s->count < ARRAY_COUNT(s->names);
}

void apiservices_sync(struct api *api)
{
    struct arena a = ARENA_INIT;
    struct stale stale = {.api = api, .arena = &a};
    struct store_range range = {.resource = key_of(STR("")).resource};
    for (size_t i = 0; i < custom_count(api->customs); i++) {
        ensure(api, &a, &custom_at(api->customs, i)->resource);
        arena_reset(&a);
    }
    if (store_list(api->config.store, &range, find_stale, &stale) == 0)
        for (size_t i = 0; i < stale.count; i++)
            call(api, &a, API_DELETE, NULL, stale.names[i], NULL);
    arena_release(&a);
}
