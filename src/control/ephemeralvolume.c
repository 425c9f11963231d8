/* Claims for the generic ephemeral volumes of pods. Source: pkg/controller/volume/ephemeral. */
#include "control/object.h"
#include "object/seal.h"

enum {
    PODS,
    CLAIMS
};

static struct node *claim_of(struct run *run, const struct sealed *pod, struct value volume,
                             struct str name)
{
    struct arena *a = run->arena;
    struct value template = value_at(volume, "ephemeral.volumeClaimTemplate");
    struct value metadata = value_at(template, "metadata");
    struct node *claim = node_map(a);
    node_put_str(a, claim, "apiVersion", STR("v1"));
    node_put_str(a, claim, "kind", STR("PersistentVolumeClaim"));
    if (value_present(metadata))
        node_put(a, claim, "metadata", value_to_node(a, metadata));
    node_put_str(a, claim, "metadata.name", name);
    node_put_str(a, claim, "metadata.namespace", run->ns);
    node_append(a, node_need_list(a, claim, "metadata.ownerReferences"), owner_reference(a, pod));
    node_put(a, claim, "spec", value_to_node(a, value_at(template, "spec")));
    return claim;
}

static int make_claim(struct run *run, const struct sealed *pod, struct value volume,
                      struct status *st)
{
    struct str name = arena_printf(run->arena, "%.*s-%.*s", STR_ARG(run->name),
                                   STR_ARG(value_str(volume, "name")));
    const struct sealed *claim = run_get(run, CLAIMS, run->ns, name);
    if (claim && object_controlled_by(claim, object_uid(pod)))
        return 0;
    if (claim)
        return status_set(st, REASON_CONFLICT,
                          "PVC \"%.*s/%.*s\" was not created for pod \"%.*s/%.*s\" (pod is not "
                          "owner)",
                          STR_ARG(run->ns), STR_ARG(name), STR_ARG(run->ns), STR_ARG(run->name));
    if (run_create(run, control_resource(run->control, CLAIMS), run->ns,
                   claim_of(run, pod, volume, name), NULL, st) == 0)
        return 0;
    run_event(run, pod, "Warning", "FailedCreate", "ephemeral volume controller: %.*s",
              STR_ARG(st->message));
    return -1;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *pod = run_get(run, PODS, run->ns, run->name);
    if (!pod || object_deleting(pod) || pod_finished(pod))
        return 0;
    struct value_iter it = value_iter(object_at(pod, "spec.volumes"));
    for (struct value volume; value_next(&it, &volume);)
        if (value_present(value_at(volume, "ephemeral")) && make_claim(run, pod, volume, st) < 0)
            return -1;
    return 0;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now || old)
        return; /* volumes don't change */
    struct value_iter it = value_iter(object_at(now, "spec.volumes"));
    for (struct value volume; value_next(&it, &volume);)
        if (value_present(value_at(volume, "ephemeral"))) {
            control_enqueue_object(c, now);
            return;
        }
}

static void map_claim(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now)
        control_enqueue_owner(c, "Pod", NULL, old);
}

static const struct control_watch watches[] = {
    [PODS] = {"", "v1", "pods", map_pod},
    [CLAIMS] = {"", "v1", "persistentvolumeclaims", map_claim},
    {0},
};

REGISTER(controller, ephemeralvolume)
= {
    .name = "ephemeral-volume-controller",
    .account = "ephemeral-volume-controller",
    .watches = watches,
    .reconcile = reconcile,
};
