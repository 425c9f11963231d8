/* Pods that nobody will end any more: on nodes that are gone, on nodes that were taken out of
 * service, and finished ones beyond a number. Source: pkg/controller/podgc. */
#include "control/object.h"
#include "control/placement.h"
#include "object/scalar.h"

enum {
    PODS,
    NODES
};
enum {
    QUARANTINE_MS = 40000, /* a node that is gone may come back; upstream 40 s */
    FINISHED_MAX = 12500,  /* --terminated-pod-gc-threshold */
};

/* Failed, before it goes: nobody else may be there to say so. message NULL: it isn't disrupted. */
static int fail_pod(struct run *run, const struct sealed *pod, const char *message,
                    struct status *st)
{
    struct arena *a = run->arena;
    if (pod_finished(pod))
        return 0;
    struct node *patch =
        message ? pod_condition_patch(a, pod, "DisruptionTarget", "True", "DeletionByPodGC",
                                      str_from(message), run->now_us)
                : node_map(a);
    node_put_str(a, patch, "status.phase", STR("Failed"));
    node_put_int(a, patch, "status.observedGeneration", object_generation(pod));
    if (run_patch(run, control_resource(run->control, PODS), object_namespace(pod),
                  object_name(pod), "status", "application/strategic-merge-patch+json", patch, NULL,
                  st) < 0 &&
        st->reason != REASON_NOT_FOUND)
        return -1;
    return 0;
}

static int remove_pod(struct run *run, const struct sealed *pod, const char *message,
                      struct status *st)
{
    if (fail_pod(run, pod, message, st) < 0)
        return -1;
    return run_delete_grace(run, control_resource(run->control, PODS), object_namespace(pod),
                            object_name(pod), object_uid(pod), 0, st);
}

static bool out_of_service(const struct sealed *node)
{
    struct value_iter it = value_iter(object_at(node, "spec.taints"));
    for (struct value taint; value_next(&it, &taint);)
        if (str_is(value_str(taint, "key"), "node.kubernetes.io/out-of-service"))
            return true;
    return false;
}

static int check_pod(struct run *run, const struct sealed *pod, struct status *st)
{
    struct str node_name = object_str(pod, "spec.nodeName");
    if (str_empty(node_name))
        return object_deleting(pod) ? remove_pod(run, pod, NULL, st) : 0;
    const struct sealed *node = run_get(run, NODES, STR(""), node_name);
    if (!node)
        return remove_pod(run, pod, "PodGC: node no longer exists", st);
    if (object_deleting(pod) && out_of_service(node) && !condition_is(node, "Ready", "True"))
        return remove_pod(run, pod, NULL, st);
    return 0;
}

/* The oldest finished pods beyond the number. */
static int thin_out(struct run *run, struct status *st)
{
    if (view_count(control_view(run->control, PODS), STR_NONE) <= FINISHED_MAX)
        return 0;
    struct objects all = run_list(run, PODS, STR_NONE), finished = {0};
    for (size_t i = 0; i < all.count; i++)
        if (pod_finished(all.items[i]) && !object_deleting(all.items[i]))
            objects_add(run->arena, &finished, all.items[i]);
    objects_sort(&finished, object_compare_age);
    for (size_t i = 0; i + FINISHED_MAX < finished.count; i++)
        if (remove_pod(run, finished.items[i], NULL, st) < 0)
            return -1;
    return 0;
}

static int reconcile(struct run *run, struct status *st)
{
    if (str_empty(run->ns))
        return thin_out(run, st);
    const struct sealed *pod = run_get(run, PODS, run->ns, run->name);
    return pod ? check_pod(run, pod, st) : 0;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now)
        return;
    if (pod_finished(now) && !(old && pod_finished(old)))
        control_enqueue(c, STR(""), STR("finished"));
    struct str node_name = object_str(now, "spec.nodeName");
    const struct sealed *node =
        str_empty(node_name) ? NULL : view_get(control_view(c, NODES), STR(""), node_name);
    if (str_empty(node_name) ? object_deleting(now) : !node)
        control_enqueue_after(c, object_namespace(now), object_name(now), QUARANTINE_MS);
    else if (node && object_deleting(now) && out_of_service(node))
        control_enqueue_object(c, now);
}

static bool enqueue_later(void *arg, const struct sealed *pod)
{
    control_enqueue_after(arg, object_namespace(pod), object_name(pod), QUARANTINE_MS);
    return true;
}

static bool enqueue_now(void *arg, const struct sealed *pod)
{
    control_enqueue_object(arg, pod);
    return true;
}

static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    struct view *pods = control_view(c, PODS);
    if (!now)
        view_each_on_node(pods, object_name(old), enqueue_later, c);
    else if (out_of_service(now))
        view_each_on_node(pods, object_name(now), enqueue_now, c);
}

static const struct control_watch watches[] = {
    [PODS] = {"", "v1", "pods", map_pod},
    [NODES] = {"", "v1", "nodes", map_node},
    {0},
};

REGISTER(controller, podgc)
= {
    .name = "pod-garbage-collector-controller",
    .account = "pod-garbage-collector",
    .watches = watches,
    .reconcile = reconcile,
};
