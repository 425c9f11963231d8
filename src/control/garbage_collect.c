#include "control/garbage.h"
#include "object/seal.h"

/* Something that names the object among its owners. */
struct dependent {
    const struct resource *resource;
    const struct sealed *object; /* arena */
    bool blocks;                 /* blockOwnerDeletion */
};

struct dependents {
    struct run *run;
    struct str owner_uid;
    VEC(struct dependent) list;
};

static bool collect(void *arg, const struct resource *r, const struct sealed *object)
{
    struct dependents *d = arg;
    struct dependent item = {.resource = r,
                             .object = arena_dup(d->run->arena, object, sealed_size(object))};
    struct value_iter it = value_iter(object_at(object, "metadata.ownerReferences"));
    for (struct value reference; value_next(&it, &reference);)
        if (str_equal(value_str(reference, "uid"), d->owner_uid))
            item.blocks |= value_bool(reference, "blockOwnerDeletion", false);
    vec_push(&d->list, item);
    return true;
}

static struct dependents dependents_of(struct run *run, const struct sealed *owner)
{
    struct dependents d = {.run = run, .owner_uid = object_uid(owner)};
    client_each_owned(control_client(run->control), d.owner_uid, collect, &d);
    return d;
}

/* A merge patch that holds only for the state that was read. */
static struct node *patch_of(struct run *run, const struct sealed *object)
{
    struct node *patch = node_map(run->arena);
    node_put_str(run->arena, patch, "metadata.uid", object_uid(object));
    node_put(run->arena, patch, "metadata.resourceVersion",
             node_text_printf(run->arena, "%llu", (unsigned long long)sealed_revision(object)));
    return patch;
}

static int send_patch(struct run *run, const struct resource *r, const struct sealed *object,
                      const struct node *patch, struct status *st)
{
    if (run_merge(run, r, object_namespace(object), object_name(object), patch, st) == 0 ||
        st->reason == REASON_NOT_FOUND)
        return 0;
    return -1;
}

static int remove_finalizer(struct run *run, const struct resource *r, const struct sealed *object,
                            const char *finalizer, struct status *st)
{
    struct node *patch = patch_of(run, object);
    struct node *list = node_need_list(run->arena, patch, "metadata.finalizers");
    struct value_iter it = value_iter(object_at(object, "metadata.finalizers"));
    for (struct value f; value_next(&it, &f);)
        if (!str_is(value_str(f, ""), finalizer))
            node_append(run->arena, list, node_text(run->arena, value_str(f, "")));
    return send_patch(run, r, object, patch, st);
}

typedef bool (*reference_test)(struct run *run, const struct sealed *object, struct value reference,
                               struct str uid);

/* Patches the owner references: those that drop says go; with unblock, the others no longer block.
 */
static int change_references(struct run *run, const struct resource *r, const struct sealed *object,
                             reference_test drop, struct str uid, bool unblock, struct status *st)
{
    struct arena *a = run->arena;
    struct node *patch = patch_of(run, object);
    struct node *list = node_need_list(a, patch, "metadata.ownerReferences");
    struct value_iter it = value_iter(object_at(object, "metadata.ownerReferences"));
    for (struct value reference; value_next(&it, &reference);) {
        if (drop && drop(run, object, reference, uid))
            continue;
        struct node *kept = value_to_node(a, reference);
        if (unblock)
            node_put_bool(a, kept, "blockOwnerDeletion", false);
        node_append(a, list, kept);
    }
    return send_patch(run, r, object, patch, st);
}

static bool has_uid(struct run *run maybe_unused, const struct sealed *object maybe_unused,
                    struct value reference, struct str uid)
{
    return str_equal(value_str(reference, "uid"), uid);
}

/* What an owner reference is good for. */
enum hold {
    HOLD_SOLID,
    HOLD_WAITING,
    HOLD_DANGLING
};

static enum hold classify(struct run *run, const struct sealed *object, struct value reference)
{
    bool known;
    const struct sealed *owner =
        garbage_owner(run->control, object_namespace(object), reference, &known, NULL);
    if (!known)
        return HOLD_SOLID;
    if (!owner)
        return HOLD_DANGLING;
    return garbage_foreground(owner) ? HOLD_WAITING : HOLD_SOLID;
}

static bool not_solid(struct run *run, const struct sealed *object, struct value reference,
                      struct str uid maybe_unused)
{
    return classify(run, object, reference) != HOLD_SOLID;
}

/* "orphan": what the object owns is set free, then the object goes. */
static int orphan(struct run *run, const struct resource *r, const struct sealed *object,
                  struct status *st)
{
    struct dependents d = dependents_of(run, object);
    int result = 0;
    for (size_t i = 0; i < d.list.count && result == 0; i++)
        result = change_references(run, d.list.items[i].resource, d.list.items[i].object, has_uid,
                                   d.owner_uid, false, st);
    vec_release(&d.list);
    return result < 0 ? -1 : remove_finalizer(run, r, object, "orphan", st);
}

/* "foregroundDeletion": the object waits for what blocks it. */
static int wait_for_dependents(struct run *run, const struct resource *r,
                               const struct sealed *object, struct status *st)
{
    struct dependents d = dependents_of(run, object);
    size_t blocking = 0;
    for (size_t i = 0; i < d.list.count; i++) {
        struct dependent *item = &d.list.items[i];
        blocking += item->blocks;
        if (!object_deleting(item->object))
            garbage_enqueue(run->control, item->resource, object_namespace(item->object),
                            object_name(item->object));
    }
    vec_release(&d.list);
    return blocking ? 0 : remove_finalizer(run, r, object, "foregroundDeletion", st);
}

static int delete_object(struct run *run, const struct resource *r, const struct sealed *object,
                         const char *propagation, struct status *st)
{
    int failed = run_delete(run, r, object_namespace(object), object_name(object),
                            object_uid(object), propagation, st);
    /* Another object of the name is no business of this run. */
    return failed && st->reason != REASON_CONFLICT ? -1 : 0;
}

/* A circle of objects that wait for each other is broken where it is met. */
static int delete_in_foreground(struct run *run, const struct resource *r,
                                const struct sealed *object, bool *ret_done, struct status *st)
{
    struct dependents d = dependents_of(run, object);
    bool circle = false;
    for (size_t i = 0; i < d.list.count; i++)
        circle |= garbage_foreground(d.list.items[i].object);
    *ret_done = d.list.count > 0;
    vec_release(&d.list);
    if (!*ret_done)
        return 0;
    if (circle && change_references(run, r, object, NULL, STR_NONE, true, st) < 0)
        return -1;
    return delete_object(run, r, object, "Foreground", st);
}

static const char *own_propagation(const struct sealed *object)
{
    if (object_has_finalizer(object, "orphan"))
        return "Orphan";
    return object_has_finalizer(object, "foregroundDeletion") ? "Foreground" : "Background";
}

int garbage_collect(struct run *run, const struct resource *r, const struct sealed *object,
                    struct status *st)
{
    if (garbage_orphaning(object))
        return orphan(run, r, object, st);
    if (garbage_foreground(object))
        return wait_for_dependents(run, r, object, st);
    if (object_deleting(object))
        return 0;
    size_t holds[3] = {0};
    struct value_iter it = value_iter(object_at(object, "metadata.ownerReferences"));
    for (struct value reference; value_next(&it, &reference);)
        holds[classify(run, object, reference)]++;
    if (holds[HOLD_DANGLING] + holds[HOLD_WAITING] == 0)
        return 0;
    if (holds[HOLD_SOLID] > 0)
        return change_references(run, r, object, not_solid, STR_NONE, false, st);
    bool done = false;
    if (holds[HOLD_WAITING] > 0 && delete_in_foreground(run, r, object, &done, st) < 0)
        return -1;
    return done ? 0 : delete_object(run, r, object, own_propagation(object), st);
}
