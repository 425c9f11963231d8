/* The end of a definition: its objects are deleted, then its finalizer is taken away. */
#include "api/crd_internal.h"
#include "api/write.h"
#include "base/log.h"

#define CRD_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

struct left {
    struct arena *arena;
    struct {
        struct str ns, name;
    } * keys; /* arena */
    size_t count, deleting, cap;
};

static bool note(void *arg, const struct store_record *record)
{
    struct left *l = arg;
    if (object_deleting(record->value)) {
        l->deleting++;
        return true;
    }
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        l->keys = arena_grow(l->arena, l->keys, l->cap * sizeof(*l->keys), cap * sizeof(*l->keys));
        l->cap = cap;
    }
    l->keys[l->count].ns = arena_str(l->arena, record->key.ns);
    l->keys[l->count++].name = arena_str(l->arena, record->key.name);
    return true;
}

static void let_go(struct definition *d, struct arena *a)
{
    const struct resource *definitions =
        resource_named("apiextensions.k8s.io", "customresourcedefinitions");
    struct store_record record;
    struct store_key key = {
        .resource = definitions->storage_id, .ns = STR(""), .name = str_from(d->name)};
    if (store_get(d->set->api->config.store, key, &record) < 0)
        return;
    struct sealed *kept = sealed_copy(record.value);
    struct node *n = unseal(a, kept);
    struct node *finalizers = node_at(n, "metadata.finalizers");
    for (size_t i = 0; i < node_count(finalizers); i++)
        if (str_is(node_str(node_item(finalizers, i), ""), CRD_FINALIZER))
            node_list_remove(finalizers, i--);
    struct user user =
        user_static(a, "system:apiserver", (const char *const[]){"system:masters", NULL});
    struct api_call call = {.user = &user,
                            .field_manager = STR("kube-apiserver"),
                            .verb = API_UPDATE,
                            .resource = definitions,
                            .name = str_from(arena_cstr(a, str_from(d->name))),
                            .body = n};
    struct status st;
    status_init(&st, a);
    if (api_call(d->set->api, a, &call, NULL, &st) < 0)
        log_warn("can't end a definition", LOG_STR("name", call.name),
                 LOG_STR("reason", st.message));
    sealed_unref(kept);
}

static const struct resource *any_version(const struct definition *d)
{
    for (size_t i = 0; i < d->set->served.count; i++)
        if (d->set->served.items[i]->resource.id == d->number)
            return &d->set->served.items[i]->resource;
    return NULL;
}

void definition_cleanup(void *arg)
{
    struct definition *d = arg;
    struct api *api = d->set->api;
    struct arena a = ARENA_INIT;
    struct left left = {.arena = &a};
    struct store_range range = {.resource = d->number};
    const struct resource *r = any_version(d);
    if (store_list(api->config.store, &range, note, &left) == 0 && d->number) {
        struct user user =
            user_static(&a, "system:apiserver", (const char *const[]){"system:masters", NULL});
        for (size_t i = 0; r && i < left.count; i++) {
            struct api_call call = {.user = &user,
                                    .field_manager = STR("kube-apiserver"),
                                    .verb = API_DELETE,
                                    .resource = r,
                                    .ns = left.keys[i].ns,
                                    .name = left.keys[i].name};
            struct status st;
            status_init(&st, &a);
            if (api_call(api, &a, &call, NULL, &st) < 0 && st.reason != REASON_NOT_FOUND)
                log_warn("can't delete a custom object", LOG_STR("name", call.name),
                         LOG_STR("reason", st.message));
        }
        if (store_count(api->config.store, d->number, STR_NONE) == 0) {
            let_go(d, &a); /* d is gone afterwards */
            arena_release(&a);
            return;
        }
    }
    arena_release(&a);
}
