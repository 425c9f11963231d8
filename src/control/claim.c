/* Which objects belong to an owner: adoption and release. Source:
 * pkg/controller/controller_ref_manager.go. */
#include "control/object.h"

static const char strategic_merge[] = "application/strategic-merge-patch+json";

struct orphans {
    struct run *run;
    claim_filter filter; /* NULL: all */
    void *arg;
    struct objects list;
};

static bool collect_orphan(void *arg, const struct sealed *object)
{
    struct orphans *o = arg;
    struct owner owner;
    if (!object_controller(object, &owner) && !object_deleting(object) &&
        (!o->filter || o->filter(o->arg, object)))
        objects_add(o->run->arena, &o->list, arena_dup(o->run->arena, object, sealed_size(object)));
    return true;
}

static struct node *finalizer_list(struct arena *a, const char *finalizer)
{
    struct node *list = node_list(a);
    node_append(a, list, node_text(a, str_from(finalizer)));
    return list;
}

static int adopt(struct run *run, const struct resource *r, const struct sealed *owner,
                 const struct sealed *object, const char *finalizer, const struct sealed **ret,
                 struct status *st)
{
    struct arena *a = run->arena;
    struct node *patch = node_map(a);
    node_put_str(a, patch, "metadata.uid", object_uid(object));
    node_append(a, node_need_list(a, patch, "metadata.ownerReferences"), owner_reference(a, owner));
    if (finalizer)
        node_put(a, patch, "metadata.finalizers", finalizer_list(a, finalizer));
    return run_patch(run, r, object_namespace(object), object_name(object), NULL, strategic_merge,
                     patch, ret, st);
}

static int release(struct run *run, const struct resource *r, const struct sealed *owner,
                   const struct sealed *object, const char *finalizer, struct status *st)
{
    struct arena *a = run->arena;
    struct node *patch = node_map(a);
    node_put_str(a, patch, "metadata.uid", object_uid(object));
    struct node *reference = node_map(a);
    node_put_str(a, reference, "$patch", STR("delete"));
    node_put_str(a, reference, "uid", object_uid(owner));
    node_append(a, node_need_list(a, patch, "metadata.ownerReferences"), reference);
    if (finalizer)
        node_set(a, node_need_map(a, patch, "metadata"), STR("$deleteFromPrimitiveList/finalizers"),
                 finalizer_list(a, finalizer));
    int result = run_patch(run, r, object_namespace(object), object_name(object), NULL,
                           strategic_merge, patch, NULL, st);
    /* Gone or another object meanwhile: there is nothing to release. */
    if (result < 0 && (st->reason == REASON_NOT_FOUND || st->reason == REASON_INVALID))
        return 0;
    return result;
}

static bool selects(const struct selector *labels, const struct sealed *object)
{
    return label_selector_matches(labels, object_at(object, "metadata.labels"));
}

static int claim(struct run *run, size_t watch_index, const struct sealed *owner,
                 const struct selector *labels, const char *finalizer, struct orphans *orphans,
                 struct objects *ret, struct status *st)
{
    const struct resource *r = control_resource(run->control, watch_index);
    struct str ns = object_namespace(owner);
    bool deleting = object_deleting(owner);
    struct objects owned = run_list_owned(run, watch_index, object_uid(owner));
    *ret = (struct objects){0};
    for (size_t i = 0; i < owned.count; i++) {
        const struct sealed *object = owned.items[i];
        if (!object_controlled_by(object, object_uid(owner)) ||
            !str_equal(object_namespace(object), ns))
            continue;
        if (selects(labels, object) && (!orphans->filter || orphans->filter(orphans->arg, object)))
            objects_add(run->arena, ret, object);
        else if (!deleting && release(run, r, owner, object, finalizer, st) < 0)
            return -1;
    }
    if (deleting)
        return 0;
    view_each_selected(control_view(run->control, watch_index), ns, labels, collect_orphan,
                       orphans);
    for (size_t i = 0; i < orphans->list.count; i++) {
        const struct sealed *orphan = orphans->list.items[i], *adopted = NULL;
        if (adopt(run, r, owner, orphan, finalizer, &adopted, st) < 0) {
            if (st->reason == REASON_NOT_FOUND || st->reason == REASON_INVALID)
                continue;
            return -1;
        }
        objects_add(run->arena, ret, adopted ? adopted : orphan);
    }
    return 0;
}

int run_claim(struct run *run, size_t watch_index, const struct sealed *owner,
              const struct selector *labels, const char *finalizer, struct objects *ret,
              struct status *st)
{
    struct orphans all = {.run = run};
    return claim(run, watch_index, owner, labels, finalizer, &all, ret, st);
}

int run_claim_those(struct run *run, size_t watch_index, const struct sealed *owner,
                    const struct selector *labels, claim_filter filter, void *arg,
                    struct objects *ret, struct status *st)
{
    struct orphans some = {.run = run, .filter = filter, .arg = arg};
    return claim(run, watch_index, owner, labels, NULL, &some, ret, st);
}

struct adopters {
    struct control *control;
    const struct sealed *orphan;
};

static bool enqueue_adopter(void *arg, const struct sealed *owner)
{
    struct adopters *m = arg;
    struct arena arena = ARENA_INIT;
    struct status st;
    struct selector labels;
    status_init(&st, &arena);
    if (label_selector_from_value(&arena, object_at(owner, "spec.selector"), &labels, &st) == 0 &&
        selects(&labels, m->orphan))
        control_enqueue_object(m->control, owner);
    arena_release(&arena);
    return true;
}

void control_enqueue_adopters(struct control *c, size_t watch_index, const struct sealed *orphan)
{
    struct adopters m = {c, orphan};
    struct owner owner;
    if (!object_deleting(orphan) && !object_controller(orphan, &owner))
        view_each(control_view(c, watch_index), object_namespace(orphan), enqueue_adopter, &m);
}
