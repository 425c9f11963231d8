#include "sched/sched.h"

#include "base/log.h"
#include "control/object.h"
#include "sched/internal.h"

static const char scheduler_name[] = "default-scheduler";

struct view *sched_view(struct scheduler *s, enum sched_view which)
{
    return s->views[which];
}

struct client *sched_client(struct scheduler *s)
{
    return s->client;
}

size_t sched_node_count(const struct scheduler *s)
{
    return s->nodes.count;
}

struct sched_node *sched_node_at(const struct scheduler *s, size_t index)
{
    return s->nodes.items[index];
}

const struct sealed *sched_node_object(struct scheduler *s, const struct sched_node *n)
{
    return view_get(s->views[VIEW_NODES], STR(""), n->name);
}

const struct sealed *sched_pod_object(struct scheduler *s, const struct sched_pod *p)
{
    return view_get(s->views[VIEW_PODS], p->ns, p->name);
}

struct str sched_node_label(struct scheduler *s, const struct sched_node *n, struct str key,
                            bool *ret_has)
{
    const struct sealed *node = sched_node_object(s, n);
    struct value label = {.kind = VALUE_NONE};
    if (node)
        label = value_key(object_at(node, "metadata.labels"), key);
    *ret_has = value_present(label);
    return value_str(label, "");
}

struct list *sched_anti_pods(struct scheduler *s)
{
    return &s->anti_pods;
}

struct list *sched_affinity_pods(struct scheduler *s)
{
    return &s->affinity_pods;
}

/* Steps: as many pods as a turn of the loop allows. */

static bool ready(const struct scheduler *s)
{
    return view_synced(s->views[VIEW_PODS]) && view_synced(s->views[VIEW_NODES]);
}

static void on_step(void *arg)
{
    struct scheduler *s = arg;
    uint64_t end_us = loop_now_us(s->loop) + SCHED_TURN_US;
    if (!ready(s))
        return; /* on_synced arms the step again */
    do {
        struct sched_pending *p = sched_queue_pop(&s->queue);
        if (!p)
            return;
        sched_schedule_one(s, p);
    } while (loop_now_us(s->loop) < end_us);
    if (s->queue.active.count)
        deferred_arm(&s->step);
}

static void on_synced(void *user)
{
    struct scheduler *s = user;
    deferred_arm(&s->step);
}

/* Changes. */

static bool assigned(const struct sealed *pod)
{
    return pod && !str_empty(object_str(pod, "spec.nodeName"));
}

static bool ours(const struct sealed *pod)
{
    return str_is(object_str(pod, "spec.schedulerName"), scheduler_name) && !object_deleting(pod) &&
           !pod_finished(pod);
}

/* A pending pod is no longer to be placed. The room that it was promised is others' again. */
static void give_up(struct scheduler *s, const struct sealed *pod)
{
    struct str ns = object_namespace(pod), name = object_name(pod);
    sched_queue_remove(&s->queue, ns, name);
    if (sched_unnominate(s, ns, name))
        sched_queue_event(&s->queue, SCHED_POD_DELETE);
}

static void on_pending_pod(struct scheduler *s, const struct sealed *now, const struct sealed *old)
{
    struct sched_pod *known = sched_pod_named(s, object_namespace(now), object_name(now));
    if (known && str_equal(known->uid, object_uid(now)))
        return; /* news from before our binding */
    if (!ours(now)) {
        give_up(s, now);
        return;
    }
    /* What we wrote ourselves (conditions) is no news. */
    if (old && !object_differs(now, old, "spec") && !object_differs(now, old, "metadata.labels") &&
        !object_differs(now, old, "metadata.annotations"))
        return;
    if (!old) /* promised a node before this scheduler started */
        sched_nominate(s, now, object_str(now, "status.nominatedNodeName"));
    sched_queue_put(&s->queue, now);
}

static void on_pod(void *user, const struct sealed *now, const struct sealed *old)
{
    struct scheduler *s = user;
    unsigned events = 0;
    if (assigned(now) || assigned(old)) {
        sched_cache_pod(s, now, old, &events);
        sched_unnominate(s, object_namespace(now ? now : old), object_name(now ? now : old));
        if (now && !assigned(old))
            sched_queue_remove(&s->queue, object_namespace(now), object_name(now));
        sched_queue_event(&s->queue, events);
        return;
    }
    if (now) {
        on_pending_pod(s, now, old);
        return;
    }
    give_up(s, old);
}

static void on_node(void *user, const struct sealed *now, const struct sealed *old)
{
    struct scheduler *s = user;
    unsigned events;
    sched_cache_node(s, now, old, &events);
    sched_queue_event(&s->queue, events);
}

static void on_volumes(void *user, const struct sealed *now maybe_unused,
                       const struct sealed *old maybe_unused)
{
    sched_queue_event(&((struct scheduler *)user)->queue, SCHED_VOLUMES);
}

static void on_namespace(void *user, const struct sealed *now, const struct sealed *old)
{
    if (!now || !old || object_differs(now, old, "metadata.labels"))
        sched_queue_event(&((struct scheduler *)user)->queue, SCHED_NAMESPACE);
}

static const struct {
    const char *group, *plural;
    void (*on_change)(void *user, const struct sealed *now, const struct sealed *old);
} view_table[VIEW_COUNT] = {
    [VIEW_PODS] = {"", "pods", on_pod},
    [VIEW_NODES] = {"", "nodes", on_node},
    [VIEW_NAMESPACES] = {"", "namespaces", on_namespace},
    [VIEW_CLAIMS] = {"", "persistentvolumeclaims", on_volumes},
    [VIEW_VOLUMES] = {"", "persistentvolumes", on_volumes},
    [VIEW_CLASSES] = {"storage.k8s.io", "storageclasses", on_volumes},
    [VIEW_CSI_NODES] = {"storage.k8s.io", "csinodes", on_volumes},
    [VIEW_SERVICES] = {"", "services", NULL},
    [VIEW_REPLICA_SETS] = {"apps", "replicasets", NULL},
    [VIEW_CONTROLLERS] = {"", "replicationcontrollers", NULL},
    [VIEW_STATEFUL_SETS] = {"apps", "statefulsets", NULL},
    [VIEW_BUDGETS] = {"policy", "poddisruptionbudgets", NULL},
    [VIEW_ATTACHMENTS] = {"storage.k8s.io", "volumeattachments", on_volumes},
};

static void register_plugins(struct scheduler *s)
{
    size_t count = registry_count(sched_plugin);
    assert(count <= SCHED_PLUGINS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct sched_plugin *plugin = registry_item(sched_plugin, i);
        size_t at = s->plugin_count++;
        for (; at > 0 && s->plugins[at - 1]->order > plugin->order; at--)
            s->plugins[at] = s->plugins[at - 1];
        assert(at == 0 || s->plugins[at - 1]->order != plugin->order);
        s->plugins[at] = plugin;
    }
}

struct scheduler *scheduler_start(struct loop *loop, struct client *client)
{
    struct scheduler *s = mem_alloc(sizeof(*s));
    s->loop = loop;
    s->client = client;
    s->random = loop_now_us(loop) | 1;
    list_init(&s->anti_pods);
    list_init(&s->affinity_pods);
    list_init(&s->nominations);
    deferred_init(&s->step, loop, on_step, s);
    sched_queue_init(&s->queue, s);
    register_plugins(s);
    client_set_event_source(client, scheduler_name);
    for (size_t i = 0; i < VIEW_COUNT; i++) {
        struct view_options options = {
            .resource = client_resource(client, view_table[i].group, "v1", view_table[i].plural),
            .on_change = view_table[i].on_change,
            .on_synced = i == VIEW_PODS || i == VIEW_NODES ? on_synced : NULL,
            .user = s,
        };
        s->views[i] = view_open(client, &options);
    }
    return s;
}

void scheduler_stop(struct scheduler *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < VIEW_COUNT; i++)
        view_close(s->views[i]);
    deferred_cancel(&s->step);
    sched_queue_release(&s->queue);
    sched_nominations_release(s);
    sched_cache_release(s);
    mem_free(s);
}
