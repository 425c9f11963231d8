/* Volumes of the local class whose node is gone: the node's agent holds such a volume until it has
 * removed its folder, which a node that was deleted never does. */
#include "control/volume.h"
#include "object/seal.h"

enum {
    VOLUMES,
    NODES
};

static const char finalizer[] = "kaname.dev/local-volume";

/* The node that a volume of the class lies on. */
static struct str node_of(const struct sealed *volume)
{
    struct value term =
        value_item(object_at(volume, "spec.nodeAffinity.required.nodeSelectorTerms"), 0);
    struct value expression = value_item(value_at(term, "matchExpressions"), 0);
    return value_str(value_item(value_at(expression, "values"), 0), "");
}

static bool is_held(const struct sealed *volume)
{
    struct value_iter it = value_iter(object_at(volume, "metadata.finalizers"));
    for (struct value one; value_next(&it, &one);) {
        if (str_is(value_str(one, ""), finalizer))
            return true;
    }
    return false;
}

static bool waits_for_node(const struct sealed *volume)
{
    return object_deleting(volume) && is_held(volume) &&
           str_is(object_annotation(volume, ANNOTATION_PROVISIONED_BY), LOCAL_PROVISIONER);
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *volume = run_get(run, VOLUMES, STR(""), run->name);
    if (!volume || !waits_for_node(volume) || run_get(run, NODES, STR(""), node_of(volume)))
        return 0;
    struct node *tree = unseal(run->arena, volume);
    struct node *list = node_at(tree, "metadata.finalizers");
    for (size_t i = node_count(list); i-- > 0;) {
        if (str_is(node_str(node_item(list, i), ""), finalizer))
            node_list_remove(list, i);
    }
    if (run_update(run, control_resource(run->control, VOLUMES), NULL, tree, NULL, st) < 0 &&
        st->reason != REASON_NOT_FOUND)
        return -1;
    return 0;
}

struct lost {
    struct control *control;
    struct str node;
};

static bool enqueue_held(void *arg, const struct sealed *volume)
{
    struct lost *lost = arg;
    if (waits_for_node(volume) && str_equal(node_of(volume), lost->node))
        control_enqueue_object(lost->control, volume);
    return true;
}

static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now || !old)
        return;
    struct lost lost = {c, object_name(old)};
    view_each(control_view(c, VOLUMES), STR_NONE, enqueue_held, &lost);
}

static const struct control_watch watches[] = {
    [VOLUMES] = {"", "v1", "persistentvolumes"},
    [NODES] = {"", "v1", "nodes", map_node},
    {0},
};

REGISTER(controller, localvolume)
= {
    .name = "local-volume-protection-controller",
    .account = "persistent-volume-binder",
    .event_source = LOCAL_PROVISIONER,
    .watches = watches,
    .reconcile = reconcile,
};
