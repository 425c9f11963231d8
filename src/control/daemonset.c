#include "control/daemonset.h"

#include "object/seal.h"

enum {
    FAILED_BACKOFF_MS = 1000, /* before a failed pod of a node is replaced again; upstream 1 s */
    FAILED_BACKOFF_MAX_MS = 900000, /* upstream 15 min */
};

static struct daemon_node *node_named(struct daemon_run *d, const struct map *by_name,
                                      struct str name)
{
    size_t at = (size_t)map_get(by_name, name);
    return at ? &d->nodes[at - 1] : NULL;
}

/* Those that have their node first, then the oldest. */
static int compare_pods(const struct sealed *x, const struct sealed *y)
{
    int order =
        str_empty(object_str(x, "spec.nodeName")) - str_empty(object_str(y, "spec.nodeName"));
    return order ? order : object_compare_age(x, y);
}

/* All nodes, then those that are gone but still have pods in the store. */
static int collect_nodes(struct daemon_run *d, struct status *st)
{
    struct arena *a = d->run->arena;
    struct selector labels;
    if (label_selector_from_value(a, value_at(d->root, "spec.selector"), &labels, st) < 0 ||
        run_claim(d->run, DAEMON_PODS, d->object, &labels, NULL, &d->pods, st) < 0)
        return -1;
    struct objects pods = d->pods;
    objects_sort(&pods, compare_pods);
    struct objects nodes = run_list(d->run, DAEMON_NODES, STR_NONE);
    struct map by_name = MAP_INIT;
    d->nodes = arena_array(a, struct daemon_node, nodes.count + pods.count + 1);
    for (size_t i = 0; i < nodes.count; i++) {
        struct daemon_node *n = &d->nodes[d->count++];
        n->node = nodes.items[i];
        n->name = object_name(n->node);
        map_put(&by_name, n->name, (void *)d->count);
        daemon_judge_node(d, n);
    }
    for (size_t i = 0; i < pods.count; i++) {
        struct str name = daemon_pod_node(pods.items[i]);
        if (pod_finished(pods.items[i]) && object_deleting(pods.items[i]))
            continue; /* it may take long to go, and stands in nobody's way */
        struct daemon_node *n = node_named(d, &by_name, name);
        if (!n) {
            n = &d->nodes[d->count++];
            n->name = name;
            map_put(&by_name, name, (void *)d->count);
        }
        objects_add(a, &n->pods, pods.items[i]);
    }
    map_release(&by_name);
    return 0;
}

/* Whether a failed pod of a node may be replaced now; else when. */
static bool backoff_over(struct daemon_run *d, struct str node_name)
{
    struct daemon_state *state = control_state(d->run->control);
    struct str key = arena_printf(d->run->arena, "%.*s/%lld/%.*s", STR_ARG(object_uid(d->object)),
                                  (long long)value_int(d->root, "status.observedGeneration", 0),
                                  STR_ARG(node_name));
    uint64_t now = loop_now_ms(control_loop(d->run->control));
    struct daemon_backoff *b = map_get(&state->backoffs, key);
    if (!b) {
        b = mem_alloc(sizeof(*b));
        map_put(&state->backoffs, key, b);
        *b = (struct daemon_backoff){.last_ms = now, .wait_ms = FAILED_BACKOFF_MS};
        return true;
    }
    uint64_t passed = now - b->last_ms;
    if (passed < b->wait_ms) {
        run_again(d->run, b->wait_ms - passed);
        return false;
    }
    b->last_ms = now;
    b->wait_ms = passed > 2 * FAILED_BACKOFF_MAX_MS
                     ? FAILED_BACKOFF_MS
                     : MIN(b->wait_ms * 2, (uint64_t)FAILED_BACKOFF_MAX_MS);
    return true;
}

/* A pod that has ended makes room for the next one. */
static int replace_finished(struct daemon_run *d, const struct daemon_node *n,
                            const struct sealed *pod, struct status *st)
{
    bool failed = str_is(object_str(pod, "status.phase"), "Failed");
    if (failed && !backoff_over(d, n->name))
        return 0;
    run_event(d->run, d->object, failed ? "Warning" : "Normal",
              failed ? "FailedDaemonPod" : "SucceededDaemonPod",
              "Found %s daemon pod %.*s/%.*s on node %.*s, will try to %s it",
              failed ? "failed" : "succeeded", STR_ARG(d->run->ns), STR_ARG(object_name(pod)),
              STR_ARG(n->name), failed ? "kill" : "delete");
    return daemon_delete_pod(d, pod, st);
}

/* Of several running pods on a node, the oldest stays; while surging, the oldest of each revision
 * until the new one is available or the old one of no use. */
static int thin_out(struct daemon_run *d, struct objects running, struct status *st)
{
    const struct sealed *fresh = NULL, *old = NULL;
    for (size_t i = 0; i < running.count; i++) {
        const struct sealed *pod = running.items[i];
        bool updated = d->surge > 0 && str_equal(object_label(pod, DAEMON_HASH), d->hash);
        const struct sealed **place = updated ? &fresh : &old;
        if (!*place)
            *place = pod;
        else if (daemon_delete_pod(d, pod, st) < 0)
            return -1;
    }
    if (fresh && old && (!pod_ready(old) || daemon_available(d, fresh)))
        return daemon_delete_pod(d, old, st);
    return 0;
}

/* Pods of a node that is gone and never had them; podgc ends those that it had. */
static int delete_unplaced(struct daemon_run *d, const struct daemon_node *n, struct status *st)
{
    for (size_t i = 0; i < n->pods.count; i++)
        if ((n->node || str_empty(object_str(n->pods.items[i], "spec.nodeName"))) &&
            daemon_delete_pod(d, n->pods.items[i], st) < 0)
            return -1;
    return 0;
}

static int manage_node(struct daemon_run *d, struct daemon_node *n, struct status *st)
{
    struct objects running = {0};
    if (n->should_run && n->pods.count == 0)
        return daemon_create_pod(d, n, st);
    if (!n->should_continue)
        return delete_unplaced(d, n, st);
    for (size_t i = 0; i < n->pods.count; i++) {
        const struct sealed *pod = n->pods.items[i];
        if (object_deleting(pod))
            continue;
        if (!pod_finished(pod))
            objects_add(d->run->arena, &running, pod);
        else if (replace_finished(d, n, pod, st) < 0)
            return -1;
    }
    if (d->surge > 0 && running.count == 0 && n->should_run)
        return daemon_create_pod(d, n, st);
    return thin_out(d, running, st);
}

/* What goes wrong on one node doesn't keep the others from what they need. */
static int manage(struct daemon_run *d, struct status *st)
{
    int result = 0;
    for (size_t i = 0; i < d->count; i++)
        if (manage_node(d, &d->nodes[i], st) < 0)
            result = -1;
    return result == 0 && d->rolling && !d->changed ? daemon_roll(d, st) : result;
}

static int put_status(struct daemon_run *d, struct status *st)
{
    struct arena *a = d->run->arena;
    struct value old = value_at(d->root, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    int64_t desired = 0, current = 0, misplaced = 0, ready = 0, updated = 0, available = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct daemon_node *n = &d->nodes[i];
        if (!n->node)
            continue;
        bool has = n->pods.count > 0;
        desired += n->should_run;
        misplaced += !n->should_run && has;
        if (!n->should_run || !has)
            continue;
        current++;
        const struct sealed *pod = n->pods.items[0];
        ready += pod_ready(pod);
        available += pod_ready(pod) && daemon_available(d, pod);
        updated += daemon_updated(d, pod);
    }
    node_put_int(a, status, "observedGeneration", object_generation(d->object));
    node_put_int(a, status, "currentNumberScheduled", current);
    node_put_int(a, status, "numberMisscheduled", misplaced);
    node_put_int(a, status, "desiredNumberScheduled", desired);
    node_put_int(a, status, "numberReady", ready);
    node_put_int(a, status, "updatedNumberScheduled", updated);
    node_put_int(a, status, "numberAvailable", available);
    node_put_int(a, status, "numberUnavailable", desired - available);
    if (d->history.collisions)
        node_put_int(a, status, "collisionCount", d->history.collisions);
    return run_put_status(d->run, control_resource(d->run->control, DAEMON_SETS), d->object, status,
                          NULL, st);
}

static enum revision_use revision_in_use(void *arg, const struct sealed *revision)
{
    struct daemon_run *d = arg;
    struct str hash = object_label(revision, DAEMON_HASH);
    if (str_equal(hash, d->hash))
        return REVISION_CURRENT;
    for (size_t i = 0; i < d->pods.count; i++)
        if (str_equal(object_label(d->pods.items[i], DAEMON_HASH), hash))
            return REVISION_COUNTED;
    return REVISION_IDLE;
}

static void read_strategy(struct daemon_run *d)
{
    struct value rolling = value_at(d->root, "spec.updateStrategy.rollingUpdate");
    int64_t desired = 0;
    for (size_t i = 0; i < d->count; i++)
        desired += d->nodes[i].should_run;
    d->rolling = !str_is(value_str(d->root, "spec.updateStrategy.type"), "OnDelete");
    d->surge = int_or_percent(rolling, "maxSurge", desired, true, 0);
    d->unavailable = int_or_percent(rolling, "maxUnavailable", desired, true, 1);
    if (d->unavailable == 0 && d->surge == 0)
        d->unavailable = 1;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *object = run_get(run, DAEMON_SETS, run->ns, run->name);
    if (!object)
        return 0;
    struct daemon_run d = {.run = run, .object = object, .root = sealed_root(object)};
    d.min_ready_s = value_int(d.root, "spec.minReadySeconds", 0);
    if (object_deleting(object))
        return 0;
    if (history_sync(run, DAEMON_REVISIONS, object, DAEMON_HASH, &d.history, st) < 0)
        return -1;
    if (!d.history.update)
        return 0;
    d.hash = object_label(d.history.update, DAEMON_HASH);
    if (collect_nodes(&d, st) < 0)
        return -1;
    read_strategy(&d);
    struct status failure;
    status_init(&failure, run->arena);
    (void)!manage(&d, &failure);
    if (put_status(&d, st) < 0 ||
        history_trim(run, DAEMON_REVISIONS, object, &d.history, revision_in_use, &d, st) < 0)
        return -1;
    if (failure.code)
        return status_set(st, failure.reason, "%.*s", STR_ARG(failure.message));
    return 0;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    control_enqueue_owner(c, "DaemonSet", now, old);
    if (now)
        control_enqueue_adopters(c, DAEMON_SETS, now);
}

static bool enqueue_set(void *arg, const struct sealed *set)
{
    control_enqueue_object(arg, set);
    return true;
}

/* Heartbeats don't matter; labels and taints do. */
static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now && old && !object_differs(now, old, "metadata.labels") &&
        !object_differs(now, old, "spec.taints"))
        return;
    view_each(control_view(c, DAEMON_SETS), STR_NONE, enqueue_set, c);
}

static void stop(struct control *c)
{
    struct daemon_state *state = control_state(c);
    map_each(slot, &state->backoffs)
        mem_free(slot->value);
    map_release(&state->backoffs);
}

static const struct control_watch watches[] = {
    [DAEMON_SETS] = {"apps", "v1", "daemonsets"},
    [DAEMON_PODS] = {"", "v1", "pods", map_pod},
    [DAEMON_REVISIONS] = {"apps", "v1", "controllerrevisions", NULL, true},
    [DAEMON_NODES] = {"", "v1", "nodes", map_node},
    {0},
};

REGISTER(controller, daemonset)
= {
    .name = "daemonset-controller",
    .account = "daemon-set-controller",
    .event_source = "daemonset-controller",
    .watches = watches,
    .state_bytes = sizeof(struct daemon_state),
    .stop = stop,
    .reconcile = reconcile,
};
