#include "control/replicas.h"

#include "object/seal.h"

enum {
    REPLICAS_BURST = 500 /* pods made or deleted in one run; upstream 500 */
};

static int owner_selector(struct arena *a, const struct replicas_kind *kind,
                          const struct sealed *owner, struct selector *ret, struct status *st)
{
    struct value selector = object_at(owner, "spec.selector");
    if (!kind->plain_selector)
        return label_selector_from_value(a, selector, ret, st);
    label_selector_from_map(a, selector, ret);
    ret->nothing |= ret->count == 0;
    return 0;
}

/* Which pods go first. */

struct victim {
    const struct sealed *pod;
    bool assigned, ready;
    int phase;
    int64_t cost, restarts, sidecar_restarts;
    int64_t ready_us, created_us;
    int ready_age, age; /* logarithms of times since then */
    size_t rank;        /* related pods on its node */
};

/* <0: x goes before y. */
static int order_number(int64_t x, int64_t y)
{
    return x < y ? -1 : x > y;
}

/* The shorter ago, the sooner it goes; but times of one order of magnitude count alike, so that an
 * old and a new generation of pods shrink together. */
static int order_times(const struct victim *x, const struct victim *y, int64_t x_us, int64_t y_us,
                       int x_age, int y_age)
{
    if (x_us == y_us)
        return 0;
    return x_age != y_age ? order_number(x_age, y_age)
                          : str_compare(object_uid(x->pod), object_uid(y->pod));
}

/* Binary logarithm of the nanoseconds since a time, rounded down; -1: none have passed. */
static int magnitude(int64_t now_us, int64_t since_us)
{
    int order = -1;
    for (int64_t ns = (now_us - since_us) * 1000; ns > 0; ns >>= 1)
        order++;
    return order;
}

static int compare_victims(const void *left, const void *right)
{
    const struct victim *x = left, *y = right;
    const int steps[] = {
        order_number(x->assigned, y->assigned),
        order_number(x->phase, y->phase),
        order_number(x->ready, y->ready),
        order_number(x->cost, y->cost),
        -order_number((int64_t)x->rank, (int64_t)y->rank),
        x->ready && y->ready
            ? order_times(x, y, x->ready_us, y->ready_us, x->ready_age, y->ready_age)
            : 0,
        -order_number(x->restarts, y->restarts),
        -order_number(x->sidecar_restarts, y->sidecar_restarts),
        order_times(x, y, x->created_us, y->created_us, x->age, y->age),
        str_compare(object_uid(x->pod), object_uid(y->pod)),
    };
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
        if (steps[i])
            return steps[i];
    return 0;
}

/* Active pods of this owner and its siblings (ReplicaSets of one Deployment), counted by node. */
static struct objects related_pods(struct run *run, const struct sealed *owner, struct objects own)
{
    struct owner parent;
    if (!object_controller(owner, &parent))
        return own;
    struct objects related = {0};
    struct objects siblings = run_list_owned(run, REPLICAS_OWNERS, parent.uid);
    for (size_t i = 0; i < siblings.count; i++) {
        struct objects pods = run_list_owned(run, REPLICAS_PODS, object_uid(siblings.items[i]));
        for (size_t j = 0; j < pods.count; j++)
            if (pod_active(pods.items[j]))
                objects_add(run->arena, &related, pods.items[j]);
    }
    return related.count ? related : own;
}

static void choose_victims(struct run *run, const struct sealed *owner, struct objects *pods)
{
    struct map per_node = MAP_INIT;
    struct objects related = related_pods(run, owner, *pods);
    for (size_t i = 0; i < related.count; i++) {
        struct str node = object_str(related.items[i], "spec.nodeName");
        map_put(&per_node, node, (char *)map_get(&per_node, node) + 1);
    }
    struct victim *victims = arena_array(run->arena, struct victim, pods->count);
    for (size_t i = 0; i < pods->count; i++) {
        const struct sealed *pod = pods->items[i];
        struct victim *v = &victims[i];
        v->pod = pod;
        v->assigned = !str_empty(object_str(pod, "spec.nodeName"));
        v->ready = pod_ready(pod);
        v->phase = pod_phase_order(pod);
        if (str_to_i64(object_annotation(pod, "controller.kubernetes.io/pod-deletion-cost"),
                       &v->cost) < 0)
            v->cost = 0;
        v->restarts = pod_restarts(pod, false);
        v->sidecar_restarts = pod_restarts(pod, true);
        v->ready_us = pod_ready_since_us(pod);
        v->created_us = object_created_us(pod);
        v->ready_age = magnitude(run->now_us, v->ready_us);
        v->age = magnitude(run->now_us, v->created_us);
        v->rank = (size_t)map_get(&per_node, object_str(pod, "spec.nodeName"));
    }
    map_release(&per_node);
    qsort(victims, pods->count, sizeof(victims[0]), compare_victims);
    for (size_t i = 0; i < pods->count; i++)
        pods->items[i] = victims[i].pod;
}

static int scale(struct run *run, const struct sealed *owner, struct objects active,
                 struct status *st)
{
    const struct resource *pods = control_resource(run->control, REPLICAS_PODS);
    int64_t wanted = object_int(owner, "spec.replicas", 1);
    int64_t missing = wanted - (int64_t)active.count;
    if (missing > 0) {
        struct node *pod = pod_from_template(run->arena, object_at(owner, "spec.template"), owner);
        node_put_str(run->arena, pod, "metadata.generateName",
                     pod_name_prefix(run->arena, object_name(owner)));
        for (int64_t i = 0; i < MIN(missing, REPLICAS_BURST); i++)
            if (run_create_pod(run, pods, owner, pod, st) < 0)
                return -1;
    } else if (missing < 0) {
        choose_victims(run, owner, &active);
        for (int64_t i = 0; i < MIN(-missing, REPLICAS_BURST); i++)
            if (run_delete_pod(run, pods, owner, active.items[i], st) < 0)
                return -1;
    }
    if (missing > REPLICAS_BURST || -missing > REPLICAS_BURST)
        run_again(run, 0);
    return 0;
}

struct counts {
    int64_t replicas, labeled, ready, available, terminating;
};

static struct counts count_pods(struct run *run, const struct sealed *owner, struct objects active,
                                size_t terminating)
{
    struct counts n = {.replicas = (int64_t)active.count, .terminating = (int64_t)terminating};
    struct selector labels;
    label_selector_from_map(run->arena, object_at(owner, "spec.template.metadata.labels"), &labels);
    int64_t min_ready_s = object_int(owner, "spec.minReadySeconds", 0);
    for (size_t i = 0; i < active.count; i++) {
        const struct sealed *pod = active.items[i];
        uint64_t wait_ms;
        n.labeled += label_selector_matches(&labels, object_at(pod, "metadata.labels"));
        n.ready += pod_ready(pod);
        n.available += pod_available(pod, min_ready_s, run->now_us, &wait_ms);
        if (wait_ms)
            run_again(run, wait_ms);
    }
    return n;
}

static int put_status(struct run *run, const struct sealed *owner, struct counts n,
                      const struct status *failure, struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(owner, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    node_put_int(a, status, "replicas", n.replicas);
    node_put_int(a, status, "fullyLabeledReplicas", n.labeled);
    node_put_int(a, status, "readyReplicas", n.ready);
    node_put_int(a, status, "availableReplicas", n.available);
    if (str_is(STR("ReplicaSet"), schema_type(sealed_type(owner))->kind))
        node_put_int(a, status, "terminatingReplicas", n.terminating);
    node_put_int(a, status, "observedGeneration", object_generation(owner));
    struct node *conditions = node_need_list(a, status, "conditions");
    if (!failure->code)
        condition_remove(conditions, "ReplicaFailure");
    else if (!node_find(conditions, "type", STR("ReplicaFailure")))
        condition_put(a, conditions, "ReplicaFailure", "True",
                      n.replicas < object_int(owner, "spec.replicas", 1) ? "FailedCreate"
                                                                         : "FailedDelete",
                      failure->message, run->now_us, false);
    if (node_count(conditions) == 0)
        node_del(status, "conditions");
    const struct resource *r = control_resource(run->control, REPLICAS_OWNERS);
    return run_put_status(run, r, owner, status, NULL, st);
}

int replicas_reconcile(struct run *run, const struct replicas_kind *kind, struct status *st)
{
    const struct sealed *owner = run_get(run, REPLICAS_OWNERS, run->ns, run->name);
    if (!owner)
        return 0;
    struct selector labels;
    struct objects claimed, active = {0};
    if (owner_selector(run->arena, kind, owner, &labels, st) < 0 ||
        run_claim(run, REPLICAS_PODS, owner, &labels, NULL, &claimed, st) < 0)
        return -1;
    size_t terminating = 0;
    for (size_t i = 0; i < claimed.count; i++) {
        if (pod_active(claimed.items[i]))
            objects_add(run->arena, &active, claimed.items[i]);
        else if (object_deleting(claimed.items[i]) && !pod_finished(claimed.items[i]))
            terminating++;
    }
    struct status failure;
    status_init(&failure, run->arena);
    if (!object_deleting(owner))
        (void)!scale(run, owner, active, &failure);
    struct counts n = count_pods(run, owner, active, terminating);
    if (put_status(run, owner, n, &failure, st) < 0)
        return -1;
    if (failure.code)
        return status_set(st, failure.reason, "%.*s", STR_ARG(failure.message));
    return 0;
}

struct adopters {
    struct control *control;
    const struct replicas_kind *kind;
    const struct sealed *pod;
};

static bool enqueue_adopter(void *arg, const struct sealed *owner)
{
    struct adopters *m = arg;
    struct arena arena = ARENA_INIT;
    struct status st;
    status_init(&st, &arena);
    struct selector labels;
    if (owner_selector(&arena, m->kind, owner, &labels, &st) == 0 &&
        label_selector_matches(&labels, object_at(m->pod, "metadata.labels")))
        control_enqueue_object(m->control, owner);
    arena_release(&arena);
    return true;
}

/* Where a pod is or how it is named to the network is nothing to its owner. */
static bool matters(const struct sealed *now, const struct sealed *old)
{
    return !now || !old || pod_ready(now) != pod_ready(old) ||
           pod_ready_since_us(now) != pod_ready_since_us(old) ||
           pod_finished(now) != pod_finished(old) || object_deleting(now) != object_deleting(old) ||
           object_differs(now, old, "metadata.labels") ||
           object_differs(now, old, "metadata.ownerReferences");
}

void replicas_map_pod(struct control *c, const struct replicas_kind *kind, const struct sealed *now,
                      const struct sealed *old)
{
    struct owner owner;
    if (!matters(now, old))
        return;
    control_enqueue_owner(c, kind->kind, now, old);
    if (!now || object_deleting(now) || object_controller(now, &owner))
        return;
    struct adopters m = {.control = c, .kind = kind, .pod = now};
    view_each(control_view(c, REPLICAS_OWNERS), object_namespace(now), enqueue_adopter, &m);
}
