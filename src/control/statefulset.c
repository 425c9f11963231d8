#include "control/statefulset.h"

#include "object/seal.h"

/* The pods of a set, by ordinal. */
struct members {
    const struct sealed **replicas; /* arena; count entries, NULL: not there */
    struct objects condemned;       /* highest ordinal first */
};

static bool running_ready(const struct sealed *pod)
{
    return str_is(object_str(pod, "status.phase"), "Running") && pod_ready(pod);
}

static bool available(const struct set_run *s, const struct sealed *pod)
{
    uint64_t wait_ms = 0;
    if (!running_ready(pod))
        return false;
    bool yes = pod_available(pod, s->min_ready_s, s->run->now_us, &wait_ms);
    if (wait_ms)
        run_again(s->run, wait_ms);
    return yes;
}

static bool unavailable(const struct set_run *s, const struct sealed *pod)
{
    return !pod || !available(s, pod) || object_deleting(pod);
}

/* Only pods that are named after the set are its own, whatever their labels say. */
static bool is_member(void *arg, const struct sealed *pod)
{
    return set_pod_ordinal(arg, pod) >= 0;
}

static int collect_members(struct set_run *s, struct members *ret, struct status *st)
{
    struct arena *a = s->run->arena;
    struct selector labels;
    struct objects pods;
    if (label_selector_from_value(a, value_at(s->root, "spec.selector"), &labels, st) < 0 ||
        run_claim_those(s->run, SET_PODS, s->object, &labels, is_member, s, &pods, st) < 0)
        return -1;
    *ret = (struct members){.replicas = arena_array(a, const struct sealed *, s->count + 1)};
    for (size_t i = 0; i < pods.count; i++) {
        int64_t ordinal = set_pod_ordinal(s, pods.items[i]);
        if (ordinal < 0)
            continue;
        if (ordinal >= s->first && ordinal < s->first + s->count)
            ret->replicas[ordinal - s->first] = pods.items[i];
        else
            objects_add(a, &ret->condemned, pods.items[i]);
    }
    /* Few: by insertion, the highest ordinal first. */
    struct objects *c = &ret->condemned;
    for (size_t i = 1; i < c->count; i++)
        for (size_t j = i;
             j > 0 && set_pod_ordinal(s, c->items[j]) > set_pod_ordinal(s, c->items[j - 1]); j--) {
            const struct sealed *swap = c->items[j];
            c->items[j] = c->items[j - 1];
            c->items[j - 1] = swap;
        }
    return 0;
}

/* One replica. *ret_wait: the next ones have to wait for it. */
static int process_replica(struct set_run *s, const struct sealed *pod, int64_t ordinal,
                           bool *ret_wait, struct status *st)
{
    bool changed;
    *ret_wait = s->ordered;
    if (!pod)
        return set_create_pod(s, ordinal, st);
    if (pod_finished(pod))
        return object_deleting(pod) ? 0 : set_delete_pod(s, pod, st);
    *ret_wait = false;
    if (str_is(object_str(pod, "status.phase"), "Pending") &&
        set_sync_claims(s, pod, false, &changed, st) < 0)
        return -1;
    if (s->ordered && (object_deleting(pod) || !available(s, pod))) {
        *ret_wait = true;
        return 0;
    }
    return object_deleting(pod) ? 0 : set_sync_pod(s, pod, ordinal, st);
}

static int process_condemned(struct set_run *s, const struct sealed *pod,
                             const struct sealed *first_unavailable, bool *ret_wait,
                             struct status *st)
{
    *ret_wait = s->ordered;
    if (object_deleting(pod))
        return 0;
    if (s->ordered && !available(s, pod) && pod != first_unavailable)
        return 0;
    return set_delete_pod(s, pod, st);
}

static const struct sealed *find_first_unavailable(const struct set_run *s, struct members *m)
{
    for (int64_t i = 0; i < s->count; i++)
        if (unavailable(s, m->replicas[i]))
            return m->replicas[i];
    for (size_t i = m->condemned.count; i-- > 0;)
        if (unavailable(s, m->condemned.items[i]))
            return m->condemned.items[i];
    return NULL;
}

/* From the highest ordinal down: one pod of an old revision at a time, once all above it are there.
 */
static int roll(struct set_run *s, struct members *m, struct status *st)
{
    if (str_is(value_str(s->root, "spec.updateStrategy.type"), "OnDelete") || !s->history.update)
        return 0;
    int64_t partition = value_int(s->root, "spec.updateStrategy.rollingUpdate.partition", 0);
    for (int64_t i = s->count - 1; i >= partition; i--) {
        const struct sealed *pod = m->replicas[i];
        if (pod && !object_deleting(pod) && !pod_finished(pod) &&
            !str_equal(set_pod_revision(pod), object_name(s->history.update)))
            return set_delete_pod(s, pod, st);
        if (unavailable(s, pod))
            return 0;
    }
    return 0;
}

static int act(struct set_run *s, struct members *m, struct status *st)
{
    bool wait, changed;
    const struct sealed *first_unavailable = find_first_unavailable(s, m);
    for (int64_t i = 0; i < s->count; i++) {
        if (process_replica(s, m->replicas[i], s->first + i, &wait, st) < 0)
            return -1;
        if (wait)
            return 0;
    }
    for (size_t i = 0; i < m->condemned.count; i++)
        if (set_sync_claims(s, m->condemned.items[i], true, &changed, st) < 0)
            return -1;
    for (size_t i = 0; i < m->condemned.count; i++) {
        if (process_condemned(s, m->condemned.items[i], first_unavailable, &wait, st) < 0)
            return -1;
        if (wait)
            return 0;
    }
    return roll(s, m, st);
}

/* Status. */

struct counts {
    int64_t replicas, ready, available, current, updated;
};

static void count_pod(struct set_run *s, const struct sealed *pod, struct counts *n)
{
    n->replicas++;
    if (running_ready(pod)) {
        n->ready++;
        n->available += available(s, pod);
    }
    if (object_deleting(pod))
        return;
    n->current += str_equal(set_pod_revision(pod), object_name(s->current));
    n->updated +=
        s->history.update && str_equal(set_pod_revision(pod), object_name(s->history.update));
}

static int put_status(struct set_run *s, struct status *st)
{
    struct arena *a = s->run->arena;
    struct value old = value_at(s->root, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    struct counts n = {0};
    struct objects pods = run_list_owned(s->run, SET_PODS, object_uid(s->object));
    for (size_t i = 0; i < pods.count; i++)
        if (object_controlled_by(pods.items[i], object_uid(s->object)) &&
            set_pod_ordinal(s, pods.items[i]) >= 0)
            count_pod(s, pods.items[i], &n);
    struct str update = object_name(s->history.update), current = object_name(s->current);
    bool on_delete = str_is(value_str(s->root, "spec.updateStrategy.type"), "OnDelete");
    if (!on_delete && n.updated == s->count && n.ready == s->count && n.replicas == s->count) {
        n.current = n.updated;
        current = update;
    }
    node_put_int(a, status, "observedGeneration", object_generation(s->object));
    node_put_int(a, status, "replicas", n.replicas);
    node_put_int(a, status, "readyReplicas", n.ready);
    node_put_int(a, status, "currentReplicas", n.current);
    node_put_int(a, status, "updatedReplicas", n.updated);
    node_put_int(a, status, "availableReplicas", n.available);
    node_put_int(a, status, "collisionCount", s->history.collisions);
    node_put_str(a, status, "currentRevision", current);
    node_put_str(a, status, "updateRevision", update);
    return run_put_status(s->run, control_resource(s->run->control, SETS), s->object, status, NULL,
                          st);
}

static enum revision_use revision_in_use(void *arg, const struct sealed *revision)
{
    struct set_run *s = arg;
    struct str name = object_name(revision);
    if (str_equal(name, object_name(s->current)) || str_equal(name, object_name(s->history.update)))
        return REVISION_CURRENT;
    struct objects pods = run_list_owned(s->run, SET_PODS, object_uid(s->object));
    for (size_t i = 0; i < pods.count; i++)
        if (str_equal(set_pod_revision(pods.items[i]), name))
            return REVISION_CURRENT;
    return REVISION_IDLE;
}

static void set_read(struct set_run *s, struct run *run, const struct sealed *object)
{
    *s = (struct set_run){.run = run, .object = object, .root = sealed_root(object)};
    s->first = value_int(s->root, "spec.ordinals.start", 0);
    s->count = value_int(s->root, "spec.replicas", 1);
    s->min_ready_s = value_int(s->root, "spec.minReadySeconds", 0);
    s->ordered = !str_is(value_str(s->root, "spec.podManagementPolicy"), "Parallel");
    struct value policy = value_at(s->root, "spec.persistentVolumeClaimRetentionPolicy");
    s->delete_with_set = str_is(value_str(policy, "whenDeleted"), "Delete");
    s->delete_with_scale = str_is(value_str(policy, "whenScaled"), "Delete");
}

static void find_current(struct set_run *s)
{
    struct str name = value_str(s->root, "status.currentRevision");
    for (size_t i = 0; i < s->history.list.count; i++)
        if (str_equal(object_name(s->history.list.items[i]), name))
            s->current = s->history.list.items[i];
    if (!s->current)
        s->current = s->history.update;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *object = run_get(run, SETS, run->ns, run->name);
    if (!object)
        return 0;
    struct set_run s;
    struct members members;
    set_read(&s, run, object);
    if (history_sync(run, SET_REVISIONS, object, "controller.kubernetes.io/hash", &s.history, st) <
        0)
        return -1;
    find_current(&s);
    if (!s.history.update)
        return 0;
    if (collect_members(&s, &members, st) < 0)
        return -1;
    struct status failure;
    status_init(&failure, run->arena);
    if (!object_deleting(object))
        (void)!act(&s, &members, &failure);
    if (put_status(&s, st) < 0 ||
        history_trim(run, SET_REVISIONS, object, &s.history, revision_in_use, &s, st) < 0)
        return -1;
    if (failure.code)
        return status_set(st, failure.reason, "%.*s", STR_ARG(failure.message));
    return 0;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    control_enqueue_owner(c, "StatefulSet", now, old);
    if (now)
        control_enqueue_adopters(c, SETS, now);
}

/* A claim that is gone may be what a new pod waits for: its name ends in the pod's, whose front
 * part is the set's. */
struct lost_claim {
    struct control *control;
    struct str name;
};

static bool enqueue_if_named(void *arg, const struct sealed *set)
{
    struct lost_claim *lost = arg;
    ssize_t at = str_find_str(lost->name, object_name(set));
    if (at > 0 && lost->name.data[at - 1] == '-')
        control_enqueue_object(lost->control, set);
    return true;
}

static void map_claim(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now)
        return;
    struct lost_claim lost = {c, object_name(old)};
    view_each(control_view(c, SETS), object_namespace(old), enqueue_if_named, &lost);
}

static const struct control_watch watches[] = {
    [SETS] = {"apps", "v1", "statefulsets"},
    [SET_PODS] = {"", "v1", "pods", map_pod},
    [SET_CLAIMS] = {"", "v1", "persistentvolumeclaims", map_claim},
    [SET_REVISIONS] = {"apps", "v1", "controllerrevisions", NULL, true},
    {0},
};

REGISTER(controller, statefulset)
= {
    .name = "statefulset-controller",
    .account = "statefulset-controller",
    .watches = watches,
    .reconcile = reconcile,
};
