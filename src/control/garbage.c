/* Garbage collector: objects whose owners are gone go too; owners that are deleted in the
 * foreground wait for what they own; orphans are set free. Follows every resource, custom ones too.
 * The original keeps a graph in memory; here the store's index by owner is the graph. Source:
 * pkg/controller/garbagecollector. */
#include "control/garbage.h"

struct garbage_kind *garbage_kind_of(struct control *c, const struct resource *r)
{
    struct garbage_state *state = control_state(c);
    for (size_t i = 0; i < state->kinds.count; i++)
        if (state->kinds.items[i]->resource->storage_id == r->storage_id)
            return state->kinds.items[i];
    return NULL;
}

/* Keys are "ID/NAME": the number of the resource and the object's name. */
void garbage_enqueue(struct control *c, const struct resource *r, struct str ns, struct str name)
{
    char text[300];
    int len = snprintf(text, sizeof(text), "%u/%.*s", r->storage_id, STR_ARG(name));
    assert(len > 0 && (size_t)len < sizeof(text));
    control_enqueue(c, ns, (struct str){text, (size_t)len});
}

const struct sealed *garbage_owner(struct control *c, struct str ns, struct value reference,
                                   bool *ret_known, const struct resource **ret_resource)
{
    const struct resource *r = client_resource_for_kind(
        control_client(c), value_str(reference, "apiVersion"), value_str(reference, "kind"));
    struct garbage_kind *kind = r ? garbage_kind_of(c, r) : NULL;
    *ret_known = kind && !(r->namespaced && str_empty(ns));
    if (!*ret_known)
        return NULL;
    if (ret_resource)
        *ret_resource = r;
    const struct sealed *owner =
        view_get(kind->view, r->namespaced ? ns : STR(""), value_str(reference, "name"));
    if (owner && !str_equal(object_uid(owner), value_str(reference, "uid")))
        return NULL;
    return owner;
}

/* Whether every owner is there and stays: then there is nothing to do for the object. */
static bool owners_stay(struct control *c, const struct sealed *object)
{
    struct value_iter it = value_iter(object_at(object, "metadata.ownerReferences"));
    for (struct value reference; value_next(&it, &reference);) {
        bool known;
        const struct sealed *owner =
            garbage_owner(c, object_namespace(object), reference, &known, NULL);
        if (known && (!owner || garbage_foreground(owner)))
            return false;
    }
    return true;
}

static bool enqueue_owned(void *arg, const struct resource *r, const struct sealed *object)
{
    garbage_enqueue(arg, r, object_namespace(object), object_name(object));
    return true;
}

/* Owners in the foreground wait for what changed here. */
static void enqueue_waiting_owners(struct control *c, const struct sealed *object)
{
    struct value_iter it = value_iter(object_at(object, "metadata.ownerReferences"));
    for (struct value reference; value_next(&it, &reference);) {
        bool known;
        const struct resource *r;
        const struct sealed *owner =
            garbage_owner(c, object_namespace(object), reference, &known, &r);
        if (owner && garbage_foreground(owner))
            garbage_enqueue(c, r, object_namespace(owner), object_name(owner));
    }
}

static void on_change(void *user, const struct sealed *now, const struct sealed *old)
{
    struct garbage_kind *kind = user;
    struct control *c = kind->control;
    if (old)
        enqueue_waiting_owners(c, old);
    if (!now) {
        client_each_owned(control_client(c), object_uid(old), enqueue_owned, c);
        return;
    }
    if (garbage_foreground(now) || garbage_orphaning(now) || !owners_stay(c, now))
        garbage_enqueue(c, kind->resource, object_namespace(now), object_name(now));
}

static void follow(struct control *c, const struct resource *r)
{
    struct garbage_state *state = control_state(c);
    /* What is looked at from two sides is followed once; events own nothing and are owned by
     * nobody. */
    if (r->id != r->storage_id || str_is(STR("events"), r->plural) || garbage_kind_of(c, r))
        return;
    struct garbage_kind *kind = mem_alloc(sizeof(*kind));
    struct view_options options = {
        .resource = r, .metadata_only = true, .on_change = on_change, .user = kind};
    kind->control = c;
    kind->resource = r;
    vec_push(&state->kinds, kind);
    kind->view = view_open(control_client(c), &options);
}

static void kind_free(struct garbage_kind *kind)
{
    view_close(kind->view);
    mem_free(kind);
}

static bool still_served(struct control *c, const struct resource *resource)
{
    const struct resource *r;
    for (size_t i = 0; (r = client_resource_at(control_client(c), i)); i++)
        if (r == resource)
            return true;
    return false;
}

static void resources_changed(void *arg)
{
    struct control *c = arg;
    struct garbage_state *state = control_state(c);
    const struct resource *r;
    for (size_t i = state->kinds.count; i-- > 0;) {
        struct garbage_kind *kind = state->kinds.items[i];
        if (still_served(c, kind->resource))
            continue;
        vec_remove(&state->kinds, i);
        kind_free(kind);
    }
    for (size_t i = 0; (r = client_resource_at(control_client(c), i)); i++)
        follow(c, r);
}

static void start(struct control *c)
{
    client_on_resources_changed(control_client(c), resources_changed, c);
    resources_changed(c);
}

static void stop(struct control *c)
{
    struct garbage_state *state = control_state(c);
    for (size_t i = 0; i < state->kinds.count; i++)
        kind_free(state->kinds.items[i]);
    vec_release(&state->kinds);
}

static int reconcile(struct run *run, struct status *st)
{
    struct garbage_state *state = control_state(run->control);
    struct str name = run->name;
    uint64_t id;
    if (str_to_u64(str_cut(&name, '/'), &id) < 0)
        return 0;
    for (size_t i = 0; i < state->kinds.count; i++) {
        struct garbage_kind *kind = state->kinds.items[i];
        if (kind->resource->storage_id != id)
            continue;
        const struct sealed *object = view_get(kind->view, run->ns, name);
        if (!object)
            return 0;
        object = arena_dup(run->arena, object, sealed_size(object));
        return garbage_collect(run, kind->resource, object, st);
    }
    return 0;
}

static const struct control_watch watches[] = {{0}};

REGISTER(controller, garbage)
= {
    .name = "garbage-collector-controller",
    .account = "generic-garbage-collector",
    .watches = watches,
    .state_bytes = sizeof(struct garbage_state),
    .start = start,
    .stop = stop,
    .reconcile = reconcile,
};
