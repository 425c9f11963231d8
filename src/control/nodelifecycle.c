/* Nodes that fall silent or say that they are in trouble get taints, so that pods stay away or
 * leave. Source: pkg/controller/nodelifecycle. */
#include "control/object.h"
#include "control/placement.h"
#include "object/scalar.h"
#include "object/seal.h"

enum {
    NODES,
    LEASES,
    PODS
};
enum {
    GRACE_MS = 50000,          /* silence after which a node's state is unknown; upstream 50 s */
    EVICTION_PAUSE_MS = 10000, /* between two nodes of a zone that are given up; upstream 0.1 a
                                  second */
    SLOW_PAUSE_MS = 100000,    /* the same in a large zone that is mostly lost; upstream 0.01 */
    LOST_MIN = 3,              /* so many lost nodes, and so large a share of the zone, look like */
    LOST_PERCENT = 55,         /* trouble of the zone rather than of its nodes; upstream 3, 0.55 */
    LARGE_ZONE = 50,           /* a smaller one gives up none of its nodes then; upstream 50 */
};

/* When a node was heard of last, by our own clock. */
struct heartbeat {
    uint64_t heard_ms;
    bool dirty; /* the node changed: look at it, not only at the clock */
    bool known; /* that there is such a node was told */
};

/* Nodes of a region and zone. */
struct zone {
    size_t ready, lost;
    uint64_t next_eviction_ms;
};

struct lifecycle_state {
    struct map heartbeats; /* node -> struct heartbeat, owned */
    struct map zones;      /* "REGION/ZONE" -> struct zone, owned */
    bool counted;          /* the zones' numbers are those of now */
    bool all_lost;         /* no node is ready: the fault is more likely ours */
};

static const struct {
    const char *condition, *status, *taint;
} condition_taints[] = {
    {"Ready", "False", "node.kubernetes.io/not-ready"},
    {"Ready", "Unknown", "node.kubernetes.io/unreachable"},
    {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
    {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
};

static const char unschedulable[] = "node.kubernetes.io/unschedulable";

static struct heartbeat *heartbeat_of(struct control *c, struct str node)
{
    struct lifecycle_state *state = control_state(c);
    struct heartbeat *h = map_get(&state->heartbeats, node);
    if (!h) {
        h = mem_alloc(sizeof(*h));
        h->heard_ms = loop_now_ms(control_loop(c));
        h->dirty = true;
        map_put(&state->heartbeats, node, h);
    }
    return h;
}

static void heard(struct control *c, struct str node)
{
    heartbeat_of(c, node)->heard_ms = loop_now_ms(control_loop(c));
}

/* Taints. */

static struct node *find_taint(const struct node *taints, const char *key, const char *effect)
{
    node_each(t, taints)
    {
        if (str_is(node_str(t, "key"), key) && str_is(node_str(t, "effect"), effect))
            return t;
    }
    return NULL;
}

static bool set_taint(struct run *run, struct node *taints, const char *key, const char *effect,
                      bool wanted)
{
    const struct node *known = find_taint(taints, key, effect);
    if (wanted == (known != NULL))
        return false;
    if (!wanted) {
        for (size_t i = node_count(taints); i-- > 0;)
            if (node_item(taints, i) == known)
                node_list_remove(taints, i);
        return true;
    }
    struct node *taint = node_map(run->arena);
    node_put_str(run->arena, taint, "key", str_from(key));
    node_put_str(run->arena, taint, "effect", str_from(effect));
    node_put_str(run->arena, taint, "timeAdded", time_format(run->arena, run->now_us));
    node_append(run->arena, taints, taint);
    return true;
}

/* Zones. */

static struct zone *zone_of(struct control *c, const struct sealed *node)
{
    struct lifecycle_state *state = control_state(c);
    struct str region = object_label(node, "topology.kubernetes.io/region");
    struct str name = object_label(node, "topology.kubernetes.io/zone");
    char key[200];
    int len = snprintf(key, sizeof(key), "%.*s/%.*s", STR_ARG(region), STR_ARG(name));
    assert(len > 0 && (size_t)len < sizeof(key)); /* values of labels have 63 bytes at most */
    struct zone *zone = map_get(&state->zones, (struct str){key, (size_t)len});
    if (!zone) {
        zone = mem_alloc(sizeof(*zone));
        map_put(&state->zones, (struct str){key, (size_t)len}, zone);
    }
    return zone;
}

static bool is_silent(struct control *c, const struct sealed *node)
{
    uint64_t now = loop_now_ms(control_loop(c));
    return now - heartbeat_of(c, object_name(node))->heard_ms >= GRACE_MS;
}

static bool count_node(void *arg, const struct sealed *node)
{
    struct control *c = arg;
    struct zone *zone = zone_of(c, node);
    /* Who is silent is lost already, though it isn't said yet. */
    if (condition_is(node, "Ready", "True") && !is_silent(c, node))
        zone->ready++;
    else
        zone->lost++;
    return true;
}

static bool look_again(void *arg, const struct sealed *node)
{
    heartbeat_of(arg, object_name(node))->dirty = true;
    control_enqueue_object(arg, node);
    return true;
}

/* When the last node is lost, those that were given up before are taken back; when the first comes
 * back, the others get time to do so, too. */
static void turn(struct control *c, bool all_lost)
{
    struct lifecycle_state *state = control_state(c);
    state->all_lost = all_lost;
    if (!all_lost)
        map_each(slot, &state->heartbeats)
            ((struct heartbeat *)slot->value)->heard_ms = loop_now_ms(control_loop(c));
    view_each(control_view(c, NODES), STR_NONE, look_again, c);
}

static void count_zones(struct control *c)
{
    struct lifecycle_state *state = control_state(c);
    size_t ready = 0, lost = 0;
    if (state->counted)
        return;
    map_each(slot, &state->zones) {
        struct zone *zone = slot->value;
        zone->ready = zone->lost = 0;
    }
    state->counted = true;
    view_each(control_view(c, NODES), STR_NONE, count_node, c);
    map_each(slot, &state->zones) {
        ready += ((struct zone *)slot->value)->ready;
        lost += ((struct zone *)slot->value)->lost;
    }
    bool all_lost = ready == 0 && lost > 1;
    if (all_lost != state->all_lost)
        turn(c, all_lost);
}

/* Between two nodes that the zone gives up; 0: it gives up none. */
static uint64_t eviction_pause_ms(const struct zone *zone)
{
    size_t all = zone->ready + zone->lost;
    if (zone->ready == 0 || zone->lost < LOST_MIN || zone->lost * 100 < all * LOST_PERCENT)
        return EVICTION_PAUSE_MS;
    return all > LARGE_ZONE ? SLOW_PAUSE_MS : 0;
}

/* Whether pods may be told to leave a node now; if not, it is looked at again. */
static bool may_evict(struct run *run, const struct sealed *node)
{
    struct lifecycle_state *state = control_state(run->control);
    uint64_t now = loop_now_ms(control_loop(run->control));
    struct zone *zone = zone_of(run->control, node);
    uint64_t pause = eviction_pause_ms(zone);
    if (!state->all_lost && pause && now >= zone->next_eviction_ms) {
        zone->next_eviction_ms = now + pause;
        return true;
    }
    if (!state->all_lost) { /* else the first that comes back brings all back */
        bool later = pause && zone->next_eviction_ms > now;
        heartbeat_of(run->control, run->name)->dirty = true;
        run_again(run, later ? zone->next_eviction_ms - now : EVICTION_PAUSE_MS);
    }
    return false;
}

static void taint_for_execution(struct run *run, const struct sealed *node, struct node *taints,
                                bool *changed)
{
    static const char *const keys[] = {"node.kubernetes.io/not-ready",
                                       "node.kubernetes.io/unreachable"};
    static const char *const states[] = {"False", "Unknown"};
    bool had = false;
    for (size_t i = 0; i < 2; i++)
        had |= find_taint(taints, keys[i], "NoExecute") != NULL;
    count_zones(run->control);
    for (size_t i = 0; i < 2; i++) {
        bool wanted = condition_is(node, "Ready", states[i]);
        if (wanted && had)
            wanted = !((struct lifecycle_state *)control_state(run->control))->all_lost;
        else if (wanted && !may_evict(run, node))
            continue;
        *changed |= set_taint(run, taints, keys[i], "NoExecute", wanted);
    }
}

static int sync_taints(struct run *run, const struct sealed *node, struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(node, "spec.taints");
    struct node *taints = value_present(old) ? value_to_node(a, old) : node_list(a);
    bool changed = false;
    for (size_t i = 0; i < ARRAY_COUNT(condition_taints); i++)
        changed |= set_taint(
            run, taints, condition_taints[i].taint, "NoSchedule",
            condition_is(node, condition_taints[i].condition, condition_taints[i].status));
    changed |= set_taint(run, taints, unschedulable, "NoSchedule",
                         value_bool(sealed_root(node), "spec.unschedulable", false));
    taint_for_execution(run, node, taints, &changed);
    if (!changed)
        return 0;
    struct node *patch = node_map(a);
    node_put(a, patch, "metadata.resourceVersion",
             node_text_printf(a, "%llu", (unsigned long long)sealed_revision(node)));
    node_put(a, patch, "spec.taints", taints);
    return run_merge(run, control_resource(run->control, NODES), STR(""), run->name, patch, st);
}

/* Silence. */

static void set_unknown(struct run *run, const struct sealed *node, struct node *conditions)
{
    static const char *const types[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
    struct arena *a = run->arena;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        struct node *c = node_find(conditions, "type", str_from(types[i]));
        bool never = !c;
        if (never) {
            c = node_map(a);
            node_put_str(a, c, "type", str_from(types[i]));
            node_put_str(a, c, "lastHeartbeatTime", time_format(a, object_created_us(node)));
            node_append(a, conditions, c);
        } else if (str_is(node_str(c, "status"), "Unknown")) {
            continue;
        }
        node_put_str(a, c, "status", STR("Unknown"));
        node_put_str(a, c, "reason",
                     never ? STR("NodeStatusNeverUpdated") : STR("NodeStatusUnknown"));
        node_put_str(a, c, "message",
                     never ? STR("Kubelet never posted node status.")
                           : STR("Kubelet stopped posting node status."));
        node_put_str(a, c, "lastTransitionTime", time_format(a, run->now_us));
    }
}

/* Pods of a node that is not heard of are not ready, whatever they said last. */
static int mark_pods_not_ready(struct run *run, struct status *st)
{
    struct arena *a = run->arena;
    struct objects pods = run_list_on_node(run, PODS, run->name);
    for (size_t i = 0; i < pods.count; i++) {
        const struct sealed *pod = pods.items[i];
        if (!pod_ready(pod))
            continue;
        struct node *patch = node_map(a), *c = node_map(a);
        node_put_str(a, c, "type", STR("Ready"));
        node_put_str(a, c, "status", STR("False"));
        node_put_str(a, c, "lastTransitionTime", time_format(a, run->now_us));
        node_append(a, node_need_list(a, patch, "status.conditions"), c);
        if (run_patch(run, control_resource(run->control, PODS), object_namespace(pod),
                      object_name(pod), "status", "application/strategic-merge-patch+json", patch,
                      NULL, st) < 0 &&
            st->reason != REASON_NOT_FOUND)
            return -1;
        run_event(run, pod, "Warning", "NodeNotReady", "Node is not ready");
    }
    return 0;
}

static int declare_unknown(struct run *run, const struct sealed *node, const struct sealed **ret,
                           struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(node, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    bool was_ready = condition_is(node, "Ready", "True");
    set_unknown(run, node, node_need_list(a, status, "conditions"));
    if (run_put_status(run, control_resource(run->control, NODES), node, status, ret, st) < 0)
        return -1;
    if (!was_ready)
        return 0;
    run_event(run, node, "Normal", "NodeNotReady", "Node %.*s status is now: NodeNotReady",
              STR_ARG(run->name));
    return mark_pods_not_ready(run, st);
}

static int reconcile(struct run *run, struct status *st)
{
    struct lifecycle_state *state = control_state(run->control);
    uint64_t now = loop_now_ms(control_loop(run->control));
    if (!view_get(control_view(run->control, NODES), STR(""), run->name)) {
        mem_free(map_del(&state->heartbeats, run->name));
        return 0;
    }
    struct heartbeat *h = heartbeat_of(run->control, run->name);
    bool silent = now - h->heard_ms >= GRACE_MS;
    if (!silent)
        run_again(run, GRACE_MS - (now - h->heard_ms));
    if (!silent && !h->dirty)
        return 0;
    const struct sealed *node = run_get(run, NODES, STR(""), run->name);
    const struct sealed *current = node;
    h->dirty = false;
    state->counted &= !silent;
    if (!h->known)
        run_event(run, node, "Normal", "RegisteredNode",
                  "Node %.*s event: Registered Node %.*s in Controller", STR_ARG(run->name),
                  STR_ARG(run->name));
    h->known = true;
    if ((silent && !condition_is(node, "Ready", "Unknown") &&
         declare_unknown(run, node, &current, st) < 0) ||
        (current && sync_taints(run, current, st) < 0)) {
        heartbeat_of(run->control, run->name)->dirty = true;
        return -1;
    }
    return 0;
}

static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    struct str name = object_name(now ? now : old);
    if (now) {
        /* Our own writes are no sign of life: the kubelet's move the heartbeat. */
        if (!old || object_differs(now, old, "status.conditions")) {
            struct value beat = condition_of(now, "Ready");
            struct value before = old ? condition_of(old, "Ready") : (struct value){0};
            if (!old || value_time_us(beat, "lastHeartbeatTime") !=
                            value_time_us(before, "lastHeartbeatTime"))
                heard(c, name);
        }
        heartbeat_of(c, name)->dirty = true;
    }
    ((struct lifecycle_state *)control_state(c))->counted = false;
    control_enqueue(c, STR(""), name);
}

/* A renewed lease is a sign of life; who was given up is looked at again. */
static void map_lease(struct control *c, const struct sealed *now,
                      const struct sealed *old maybe_unused)
{
    if (!now || !str_is(object_namespace(now), "kube-node-lease"))
        return;
    struct lifecycle_state *state = control_state(c);
    if (map_get(&state->heartbeats, object_name(now)))
        heard(c, object_name(now));
}

static void stop(struct control *c)
{
    struct lifecycle_state *state = control_state(c);
    map_each(slot, &state->heartbeats)
        mem_free(slot->value);
    map_release(&state->heartbeats);
    map_each(slot, &state->zones)
        mem_free(slot->value);
    map_release(&state->zones);
}

static const struct control_watch watches[] = {
    [NODES] = {"", "v1", "nodes", map_node},
    [LEASES] = {"coordination.k8s.io", "v1", "leases", map_lease},
    [PODS] = {"", "v1", "pods", NULL, true},
    {0},
};

REGISTER(controller, nodelifecycle)
= {
    .name = "node-lifecycle-controller",
    .account = "node-controller",
    .watches = watches,
    .state_bytes = sizeof(struct lifecycle_state),
    .stop = stop,
    .reconcile = reconcile,
};
