/* PodDisruptionBudgets: how many pods may be evicted now. Source: pkg/controller/disruption. */
#include "control/object.h"
#include "object/scalar.h"
#include "object/seal.h"

enum {
    BUDGETS,
    PODS,
    REPLICA_SETS,
    CONTROLLERS,
    STATEFUL_SETS,
    DEPLOYMENTS
};
enum {
    DELETION_MS = 120000, /* a pod that was evicted should be gone by then; upstream 2 min */
    STALE_MS = 120000,    /* a DisruptionTarget of a pod that stays; upstream 2 min */
};

/* Kinds of pods' owners whose size is known without asking /scale. */
static const struct {
    const char *kind;
    size_t watch;
    const char *parent_kind; /* whose size counts instead, when it owns the owner */
    size_t parent_watch;
} owner_kinds[] = {
    {"ReplicaSet", REPLICA_SETS, "Deployment", DEPLOYMENTS},
    {"ReplicationController", CONTROLLERS, NULL, 0},
    {"StatefulSet", STATEFUL_SETS, NULL, 0},
};

/* Of one question. Freed by whoever comes last: the one who asked, or a late answer (remote
 * clients). */
struct scale_question {
    bool answered, found, abandoned;
    struct str uid; /* of run's arena */
    int64_t replicas;
    struct run *run;
};

static void on_scale(void *user, const struct sealed *object, const struct status *st)
{
    struct scale_question *q = user;
    if (q->abandoned) {
        mem_free(q);
        return;
    }
    q->answered = true;
    if (st || !object)
        return;
    q->found = true;
    q->uid = arena_str(q->run->arena, object_uid(object));
    q->replicas = object_int(object, "spec.replicas", 1);
}

/* Any other controller: what has spec.replicas like a scale has. */
static bool ask_owner(struct run *run, struct str ns, const struct owner *owner,
                      struct str *ret_uid, int64_t *ret_replicas)
{
    struct client *client = control_client(run->control);
    const struct resource *r = client_resource_for_kind(client, owner->api_version, owner->kind);
    if (!r)
        return false;
    struct scale_question *q = mem_alloc(sizeof(*q));
    q->run = run;
    client_get(client, r, ns, owner->name, on_scale, q);
    bool found = q->found && str_equal(q->uid, owner->uid);
    *ret_uid = q->uid;
    *ret_replicas = q->replicas;
    if (q->answered)
        mem_free(q);
    else
        q->abandoned = true;
    return found;
}

static bool owner_scale(struct run *run, struct str ns, const struct owner *owner,
                        struct str *ret_uid, int64_t *ret_replicas)
{
    for (size_t i = 0; i < ARRAY_COUNT(owner_kinds); i++) {
        if (!str_is(owner->kind, owner_kinds[i].kind))
            continue;
        const struct sealed *object = run_get(run, owner_kinds[i].watch, ns, owner->name);
        struct owner parent;
        if (!object || !str_equal(object_uid(object), owner->uid))
            return false;
        if (owner_kinds[i].parent_kind && object_controller(object, &parent) &&
            str_is(parent.kind, owner_kinds[i].parent_kind)) {
            const struct sealed *above = run_get(run, owner_kinds[i].parent_watch, ns, parent.name);
            if (above && str_equal(object_uid(above), parent.uid))
                object = above;
        }
        *ret_uid = object_uid(object);
        *ret_replicas = object_int(object, "spec.replicas", 1);
        return true;
    }
    return ask_owner(run, ns, owner, ret_uid, ret_replicas);
}

/* How many pods there should be: the sum of their owners' sizes. */
static int expected_scale(struct run *run, const struct sealed *budget, struct objects pods,
                          int64_t *ret, struct status *st)
{
    struct map scales = MAP_INIT; /* owner uid -> (itself) */
    bool unmanaged = false;
    int result = 0;
    *ret = 0;
    for (size_t i = 0; i < pods.count && result == 0; i++) {
        struct owner owner;
        struct str uid;
        int64_t replicas;
        if (!object_controller(pods.items[i], &owner)) {
            unmanaged = true;
        } else if (!owner_scale(run, run->ns, &owner, &uid, &replicas)) {
            result = status_set(st, REASON_INTERNAL_ERROR, "found no controllers for pod \"%.*s\"",
                                STR_ARG(object_name(pods.items[i])));
        } else if (!map_get(&scales, uid)) {
            map_put(&scales, uid, run);
            *ret += replicas;
        }
    }
    map_release(&scales);
    if (unmanaged && result == 0)
        run_event(run, budget, "Warning", "UnmanagedPods",
                  "Pods selected by this PodDisruptionBudget (selector: %.*s) were found to be "
                  "unmanaged. As a result, the status of the PDB cannot be calculated correctly, "
                  "which may result in undefined behavior. To account for these pods please set "
                  "\".spec.minAvailable\" field of the PDB to an integer value.",
                  STR_ARG(value_text(run->arena, object_at(budget, "spec.selector"), "")));
    return result;
}

static int expected_pods(struct run *run, const struct sealed *budget, struct objects pods,
                         int64_t *ret_expected, int64_t *ret_healthy, struct status *st)
{
    struct value spec = object_at(budget, "spec");
    struct value minimum = value_at(spec, "minAvailable");
    *ret_expected = (int64_t)pods.count;
    *ret_healthy = 0;
    if (value_present(value_at(spec, "maxUnavailable"))) {
        if (expected_scale(run, budget, pods, ret_expected, st) < 0)
            return -1;
        int64_t out = int_or_percent(spec, "maxUnavailable", *ret_expected, true, 0);
        *ret_healthy = MAX(*ret_expected - out, 0);
    } else if (minimum.kind == VALUE_INT) {
        *ret_healthy = value_int(minimum, "", 0);
    } else if (value_present(minimum)) {
        if (expected_scale(run, budget, pods, ret_expected, st) < 0)
            return -1;
        *ret_healthy = int_or_percent(spec, "minAvailable", *ret_expected, true, 0);
    } else {
        *ret_expected = 0;
    }
    return 0;
}

/* Evicted pods that are still there and may still go: name -> time of the eviction. */
static struct node *disrupted_pods(struct run *run, const struct sealed *budget,
                                   struct objects pods)
{
    struct arena *a = run->arena;
    struct node *map = node_map(a);
    struct value known = object_at(budget, "status.disruptedPods");
    for (size_t i = 0; i < pods.count; i++) {
        const struct sealed *pod = pods.items[i];
        struct value at = value_key(known, object_name(pod));
        if (!value_present(at) || object_deleting(pod))
            continue;
        int64_t left_ms = DELETION_MS - (run->now_us - value_time_us(at, "")) / 1000;
        if (left_ms < 0) {
            run_event(run, pod, "Warning", "NotDeleted",
                      "Pod was expected by PDB %.*s/%.*s to be deleted but it wasn't",
                      STR_ARG(run->ns), STR_ARG(run->name));
            continue;
        }
        node_set(a, map, object_name(pod), node_text(a, value_text(a, at, "")));
        run_again(run, (uint64_t)left_ms + 1);
    }
    return map;
}

static int put_status(struct run *run, const struct sealed *budget, struct node *status,
                      const char *condition_status, const char *reason, struct str message,
                      struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(budget, "status.conditions");
    struct node *conditions = value_present(old) ? value_to_node(a, old) : node_list(a);
    condition_put(a, conditions, "DisruptionAllowed", condition_status, reason, message,
                  run->now_us, false);
    node_put_int(a, node_find(conditions, "type", STR("DisruptionAllowed")), "observedGeneration",
                 node_num(status, "observedGeneration", 0));
    node_put(a, status, "conditions", conditions);
    return run_put_status(run, control_resource(run->control, BUDGETS), budget, status, NULL, st);
}

/* What can't be known allows nothing. */
static int fail_safe(struct run *run, const struct sealed *budget, struct str message,
                     struct status *st)
{
    struct value old = object_at(budget, "status");
    struct node *status =
        value_present(old) ? value_to_node(run->arena, old) : node_map(run->arena);
    node_put_int(run->arena, status, "disruptionsAllowed", 0);
    run_event(run, budget, "Warning", "CalculateExpectedPodCountFailed",
              "Failed to calculate the number of expected pods: %.*s", STR_ARG(message));
    struct status ignored;
    status_init(&ignored, run->arena);
    (void)!put_status(run, budget, status, "False", "SyncFailed", message, &ignored);
    return status_set(st, REASON_INTERNAL_ERROR, "%.*s", STR_ARG(message));
}

static int sync_budget(struct run *run, const struct sealed *budget, struct status *st)
{
    struct arena *a = run->arena;
    struct selector labels;
    if (label_selector_from_value(a, object_at(budget, "spec.selector"), &labels, st) < 0)
        return -1;
    struct objects pods = run_list_selected(run, PODS, run->ns, &labels);
    if (pods.count == 0)
        run_event(run, budget, "Normal", "NoPods", "No matching pods found");
    int64_t expected, desired, healthy = 0;
    struct status why;
    status_init(&why, a);
    if (expected_pods(run, budget, pods, &expected, &desired, &why) < 0)
        return fail_safe(run, budget, why.message, st);
    struct node *disrupted = disrupted_pods(run, budget, pods);
    for (size_t i = 0; i < pods.count; i++)
        healthy += !object_deleting(pods.items[i]) && pod_ready(pods.items[i]) &&
                   !node_get(disrupted, object_name(pods.items[i]));
    int64_t allowed = expected > 0 ? MAX(healthy - desired, 0) : 0;
    struct node *status = node_map(a);
    node_put_int(a, status, "observedGeneration", object_generation(budget));
    if (node_count(disrupted))
        node_put(a, status, "disruptedPods", disrupted);
    node_put_int(a, status, "disruptionsAllowed", allowed);
    node_put_int(a, status, "currentHealthy", healthy);
    node_put_int(a, status, "desiredHealthy", desired);
    node_put_int(a, status, "expectedPods", expected);
    return put_status(run, budget, status, allowed > 0 ? "True" : "False",
                      allowed > 0 ? "SufficientPods" : "InsufficientPods", STR(""), st);
}

/* "pod/NAME": a pod that was to be disrupted, but lives on, loses the condition. */
static int clear_stale(struct run *run, struct str name, struct status *st)
{
    struct arena *a = run->arena;
    const struct sealed *pod = run_get(run, PODS, run->ns, name);
    if (!pod || object_deleting(pod) || pod_finished(pod))
        return 0;
    struct value c = condition_of(pod, "DisruptionTarget");
    if (!str_is(value_str(c, "status"), "True") ||
        str_is(value_str(c, "reason"), "TerminationByKubelet"))
        return 0;
    int64_t left_ms = STALE_MS - (run->now_us - value_time_us(c, "lastTransitionTime")) / 1000;
    if (left_ms > 0) {
        run_again(run, (uint64_t)left_ms);
        return 0;
    }
    struct node *patch =
        pod_condition_patch(a, pod, "DisruptionTarget", "False", NULL, STR(""), run->now_us);
    return run_patch(run, control_resource(run->control, PODS), run->ns, name, "status",
                     "application/strategic-merge-patch+json", patch, NULL, st);
}

static int reconcile(struct run *run, struct status *st)
{
    if (str_starts(run->name, "pod/"))
        return clear_stale(run, str_slice(run->name, 4, run->name.len), st);
    const struct sealed *budget = run_get(run, BUDGETS, run->ns, run->name);
    return budget ? sync_budget(run, budget, st) : 0;
}

struct pod_change {
    struct control *control;
    const struct sealed *states[2];
};

static bool enqueue_matching(void *arg, const struct sealed *budget)
{
    struct pod_change *change = arg;
    struct arena arena = ARENA_INIT;
    struct status st;
    struct selector labels;
    status_init(&st, &arena);
    if (label_selector_from_value(&arena, object_at(budget, "spec.selector"), &labels, &st) == 0)
        for (size_t i = 0; i < 2; i++)
            if (change->states[i] &&
                label_selector_matches(&labels, object_at(change->states[i], "metadata.labels")))
                control_enqueue_object(change->control, budget);
    arena_release(&arena);
    return true;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    struct pod_change change = {c, {now, old}};
    view_each(control_view(c, BUDGETS), object_namespace(now ? now : old), enqueue_matching,
              &change);
    if (now && condition_is(now, "DisruptionTarget", "True") && !object_deleting(now)) {
        char key[300];
        int len = snprintf(key, sizeof(key), "pod/%.*s", STR_ARG(object_name(now)));
        control_enqueue(c, object_namespace(now), (struct str){key, (size_t)len});
    }
}

static bool enqueue_budget(void *arg, const struct sealed *budget)
{
    control_enqueue_object(arg, budget);
    return true;
}

/* Another size of an owner: the budgets of its namespace count anew. */
static void map_owner(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now && old && object_int(now, "spec.replicas", 1) == object_int(old, "spec.replicas", 1))
        return;
    view_each(control_view(c, BUDGETS), object_namespace(now ? now : old), enqueue_budget, c);
}

static const struct control_watch watches[] = {
    [BUDGETS] = {"policy", "v1", "poddisruptionbudgets"},
    [PODS] = {"", "v1", "pods", map_pod},
    [REPLICA_SETS] = {"apps", "v1", "replicasets", map_owner},
    [CONTROLLERS] = {"", "v1", "replicationcontrollers", map_owner},
    [STATEFUL_SETS] = {"apps", "v1", "statefulsets", map_owner},
    [DEPLOYMENTS] = {"apps", "v1", "deployments", map_owner},
    {0},
};

REGISTER(controller, disruption)
= {
    .name = "disruption-controller",
    .account = "disruption-controller",
    .event_source = "controllermanager",
    .watches = watches,
    .reconcile = reconcile,
};
