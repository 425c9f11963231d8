/* Pods leave nodes with NoExecute taints that they don't tolerate, or no longer do. Source:
 * pkg/controller/tainteviction. */
#include "control/object.h"
#include "control/placement.h"
#include "object/scalar.h"

enum {
    PODS,
    NODES
};

/* Pods that leave later: since when the clock runs. */
struct eviction_state {
    struct map since; /* pod uid -> struct eviction, owned */
};

struct eviction {
    int64_t since_us;
};

/* How long the pod may stay: 0 not at all, -1 for ever. */
static int64_t stay_s(struct value taints, struct value tolerations, bool *ret_tainted)
{
    int64_t shortest = -1;
    *ret_tainted = false;
    struct value_iter it = value_iter(taints);
    for (struct value taint; value_next(&it, &taint);) {
        struct value toleration;
        if (taint_effect(taint) != TAINT_NO_EXECUTE)
            continue;
        *ret_tainted = true;
        if (!taint_tolerated(tolerations, taint, &toleration))
            return 0;
        struct value limit = value_at(toleration, "tolerationSeconds");
        if (!value_present(limit))
            continue;
        int64_t seconds = MAX(value_int(limit, "", 0), 0);
        shortest = shortest < 0 ? seconds : MIN(shortest, seconds);
    }
    return shortest;
}

static int evict(struct run *run, const struct sealed *pod, struct status *st)
{
    struct arena *a = run->arena;
    const struct resource *pods = control_resource(run->control, PODS);
    run_event(run, pod, "Normal", "TaintManagerEviction", "Marking for deletion Pod %.*s/%.*s",
              STR_ARG(run->ns), STR_ARG(run->name));
    struct node *patch =
        pod_condition_patch(a, pod, "DisruptionTarget", "True", "DeletionByTaintManager",
                            STR("Taint manager: deleting due to NoExecute taint"), run->now_us);
    if (run_patch(run, pods, run->ns, run->name, "status", "application/strategic-merge-patch+json",
                  patch, NULL, st) < 0 &&
        st->reason != REASON_NOT_FOUND)
        return -1;
    return run_delete(run, pods, run->ns, run->name, object_uid(pod), NULL, st);
}

static void forget(struct control *c, struct str uid)
{
    struct eviction_state *state = control_state(c);
    mem_free(map_del(&state->since, uid));
}

static int reconcile(struct run *run, struct status *st)
{
    struct eviction_state *state = control_state(run->control);
    const struct sealed *pod = run_get(run, PODS, run->ns, run->name);
    if (!pod || object_deleting(pod) || str_empty(object_str(pod, "spec.nodeName")))
        return 0;
    const struct sealed *node = run_get(run, NODES, STR(""), object_str(pod, "spec.nodeName"));
    struct eviction *e = map_get(&state->since, object_uid(pod));
    bool tainted = false;
    int64_t stay =
        node ? stay_s(object_at(node, "spec.taints"), object_at(pod, "spec.tolerations"), &tainted)
             : -1;
    if (!tainted || stay < 0) {
        if (e)
            run_event(run, pod, "Normal", "TaintManagerEviction",
                      "Cancelling deletion of Pod %.*s/%.*s", STR_ARG(run->ns), STR_ARG(run->name));
        forget(run->control, object_uid(pod));
        return 0;
    }
    if (!e && stay > 0) {
        e = mem_alloc(sizeof(*e));
        e->since_us = run->now_us;
        map_put(&state->since, object_uid(pod), e);
    }
    int64_t left_us = e ? e->since_us + stay * 1000000 - run->now_us : 0;
    if (stay > 0 && left_us > 0) {
        run_again(run, (uint64_t)left_us / 1000 + 1);
        return 0;
    }
    if (evict(run, pod, st) < 0)
        return -1; /* its time is still over when this is tried again */
    forget(run->control, object_uid(pod));
    return 0;
}

static bool has_execute_taint(const struct sealed *node)
{
    struct value_iter it = value_iter(object_at(node, "spec.taints"));
    for (struct value taint; value_next(&it, &taint);)
        if (taint_effect(taint) == TAINT_NO_EXECUTE)
            return true;
    return false;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now) {
        forget(c, object_uid(old));
        return;
    }
    struct str node_name = object_str(now, "spec.nodeName");
    if (str_empty(node_name) || (old && str_equal(node_name, object_str(old, "spec.nodeName")) &&
                                 !object_differs(now, old, "spec.tolerations")))
        return;
    const struct sealed *node = view_get(control_view(c, NODES), STR(""), node_name);
    if (node && has_execute_taint(node))
        control_enqueue_object(c, now);
}

static bool enqueue_pod(void *arg, const struct sealed *pod)
{
    control_enqueue_object(arg, pod);
    return true;
}

static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now || (old && !object_differs(now, old, "spec.taints")) ||
        (!has_execute_taint(now) && !(old && has_execute_taint(old))))
        return;
    view_each_on_node(control_view(c, PODS), object_name(now), enqueue_pod, c);
}

static void stop(struct control *c)
{
    struct eviction_state *state = control_state(c);
    map_each(slot, &state->since)
        mem_free(slot->value);
    map_release(&state->since);
}

static const struct control_watch watches[] = {
    [PODS] = {"", "v1", "pods", map_pod},
    [NODES] = {"", "v1", "nodes", map_node},
    {0},
};

REGISTER(controller, tainteviction)
= {
    .name = "taint-eviction-controller",
    .account = "node-controller",
    .event_source = "taint-eviction-controller",
    .watches = watches,
    .state_bytes = sizeof(struct eviction_state),
    .stop = stop,
    .reconcile = reconcile,
};
