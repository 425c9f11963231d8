#include "node/eviction.h"

#include <errno.h>

#include "base/log.h"
#include "kernel/machine.h"
#include "kernel/path.h"
#include "node/image_collect.h"

enum {
    GRACE_S = 1,
    CLEANUP_US = 30 * 1000000, /* how long the next eviction waits for the last one's end */
    PRIORITY_CRITICAL = 2000000000
};

struct observation {
    bool known;
    int64_t capacity, available;
};

struct eviction {
    struct agent *agent;
    struct eviction_threshold thresholds[SIGNAL_COUNT];
    struct observation seen[SIGNAL_COUNT];
    int64_t met_us[SIGNAL_COUNT]; /* when it was below last; 0: never */
    bool met[SIGNAL_COUNT];
    unsigned conditions;
    bool counting; /* a census is under way */
    char *victim;  /* owned; uid of the last one */
    int64_t victim_us;
    uint64_t evicted[SIGNAL_COUNT + 1]; /* the last: over limits of their own */
};

static const struct {
    enum eviction_condition condition;
    const char *name, *resource;
} signals[SIGNAL_COUNT] = {
    [SIGNAL_MEMORY] = {PRESSURE_MEMORY, "MemoryPressure", "memory"},
    [SIGNAL_NODE_DISK] = {PRESSURE_DISK, "DiskPressure", "ephemeral-storage"},
    [SIGNAL_NODE_INODES] = {PRESSURE_DISK, "DiskPressure", "inodes"},
    [SIGNAL_IMAGE_DISK] = {PRESSURE_DISK, "DiskPressure", "ephemeral-storage"},
    [SIGNAL_IMAGE_INODES] = {PRESSURE_DISK, "DiskPressure", "inodes"},
    [SIGNAL_PIDS] = {PRESSURE_PID, "PIDPressure", "pids"},
};

/* Observations. */

static void observe_memory(const struct agent *a, struct observation *o)
{
    struct machine machine;
    struct cgroup_usage usage;
    machine_read(&machine);
    if (!a->cgroups || cgroup_usage(a->cgroups, "", &usage) < 0)
        return;
    /* What the node's own group uses: several nodes may share a machine. */
    *o = (struct observation){true, machine.memory_bytes,
                              machine.memory_bytes - (int64_t)usage.working_set_bytes};
}

static void observe_disk(const char *path, struct observation *bytes, struct observation *inodes)
{
    struct disk_usage disk;
    if (disk_usage(path, &disk) < 0 && disk_usage("/var/lib", &disk) < 0)
        return;
    *bytes =
        (struct observation){true, (int64_t)disk.capacity_bytes, (int64_t)disk.available_bytes};
    /* File systems that make inodes as they need them have no number of them. */
    *inodes =
        (struct observation){disk.inodes > 0, (int64_t)disk.inodes, (int64_t)disk.inodes_free};
}

static bool read_number(const char *path, char before, int64_t *ret)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    if (path_read(path, 256, &text) < 0)
        return false;
    struct str rest = str_trim(buf_str(&text));
    if (before)
        str_cut(&rest, before);
    return str_to_i64(str_trim(str_cut(&rest, ' ')), ret) == 0;
}

/* "0.10 0.20 0.30 RUNNING/ALL LAST". */
static void observe_pids(struct observation *o)
{
    int64_t pids, threads, running;
    if (!read_number("/proc/sys/kernel/pid_max", 0, &pids) ||
        !read_number("/proc/sys/kernel/threads-max", 0, &threads) ||
        !read_number("/proc/loadavg", '/', &running))
        return;
    *o = (struct observation){true, MIN(pids, threads), MIN(pids, threads) - running};
}

static int64_t threshold_amount(const struct eviction_threshold *t, int64_t capacity)
{
    return t->percent < 0 ? t->amount : (int64_t)((double)capacity * t->percent / 100);
}

static void observe(struct eviction *e)
{
    int64_t now_us = agent_now_us(e->agent);
    unsigned conditions = 0;
    memset(e->seen, 0, sizeof(e->seen));
    observe_memory(e->agent, &e->seen[SIGNAL_MEMORY]);
    observe_disk(e->agent->config.root_dir, &e->seen[SIGNAL_NODE_DISK],
                 &e->seen[SIGNAL_NODE_INODES]);
    observe_disk("/var/lib/containerd", &e->seen[SIGNAL_IMAGE_DISK], &e->seen[SIGNAL_IMAGE_INODES]);
    observe_pids(&e->seen[SIGNAL_PIDS]);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        const struct observation *o = &e->seen[i];
        const struct eviction_threshold *t = &e->thresholds[i];
        e->met[i] = t->set && o->known && o->available < threshold_amount(t, o->capacity);
        if (e->met[i])
            e->met_us[i] = now_us;
        if (e->met_us[i] &&
            now_us - e->met_us[i] < e->agent->config.eviction_transition_s * 1000000)
            conditions |= signals[i].condition;
    }
    if (conditions == e->conditions)
        return;
    log_info("the node's pressure changed", LOG_INT("memory", !!(conditions & PRESSURE_MEMORY)),
             LOG_INT("disk", !!(conditions & PRESSURE_DISK)),
             LOG_INT("pids", !!(conditions & PRESSURE_PID)));
    e->conditions = conditions;
    registration_runtime_changed(e->agent->registration);
}

/* Evicting. */

static bool is_critical(const struct pod *p)
{
    return p->is_static || node_num(p->tree, "spec.priority", 0) >= PRIORITY_CRITICAL;
}

static void evict(struct eviction *e, struct pod *p, size_t counter, bool pressure,
                  const char *message)
{
    log_info("evicting a pod", LOG_CSTR("pod", p->name), LOG_CSTR("namespace", p->ns),
             LOG_CSTR("message", message));
    agent_event(p, "Warning", "Evicted", "%s", message);
    e->evicted[counter]++;
    text_set(&e->victim, str_from(p->uid));
    e->victim_us = agent_now_us(e->agent);
    p->grace_s = GRACE_S;
    p->disrupted = pressure;
    pod_fail(p, "Evicted", "%s", message);
}

/* The last victim's containers are stopping still: what it used isn't free yet. */
static bool victim_lives(const struct eviction *e)
{
    const struct pod *p = e->victim ? agent_pod(e->agent, str_from(e->victim)) : NULL;
    return p && p->step <= STEP_UNMOUNT && agent_now_us(e->agent) - e->victim_us < CLEANUP_US;
}

static int64_t request_of(const struct pod *p, const char *resource)
{
    int64_t sum = 0, most = 0;
    node_each(c, node_at(p->tree, "spec.containers"))
    {
        const struct node *requests = node_at(c, "resources.requests");
        sum += amount_at(node_get(requests, str_from(resource)), "", false, 0);
    }
    node_each(c, node_at(p->tree, "spec.initContainers"))
    {
        int64_t one =
            amount_at(node_get(node_at(c, "resources.requests"), str_from(resource)), "", false, 0);
        if (str_is(node_str(c, "restartPolicy"), "Always"))
            sum += one;
        else
            most = MAX(most, one);
    }
    return MAX(sum, most);
}

static const struct storage_pod *storage_find(const struct storage_census *s, const struct pod *p)
{
    for (size_t i = 0; i < s->pods.count; i++) {
        if (strcmp(s->pods.items[i].uid, p->uid) == 0)
            return &s->pods.items[i];
    }
    return NULL;
}

static void read_usage(const struct agent *a, const struct storage_census *s, struct pod *p,
                       struct pod_usage *ret)
{
    struct cgroup_usage usage = {0};
    const struct storage_pod *storage = storage_find(s, p);
    if (a->cgroups && p->cgroup)
        (void)!cgroup_usage(a->cgroups, p->cgroup, &usage);
    *ret = (struct pod_usage){
        .pod = p,
        .memory = (int64_t)usage.working_set_bytes,
        .memory_request = request_of(p, "memory"),
        .disk = storage ? storage_of(storage) : 0,
        .disk_request = request_of(p, "ephemeral-storage"),
        .processes = (int64_t)usage.processes,
        .priority = node_num(p->tree, "spec.priority", 0),
    };
}

static void add_excess(struct buf *out, const char *name, int64_t usage, int64_t request,
                       const char *resource)
{
    if (usage <= request)
        return;
    buf_printf(out, "Container %s was using ", name);
    bytes_text(out, usage);
    buf_puts(out, ", request is ");
    bytes_text(out, request);
    buf_printf(out, ", has larger consumption of %s. ", resource);
}

/* The original's words, with a blank at the end. */
static void tell_pressure(const struct eviction *e, const struct storage_census *s,
                          const struct pod *p, enum eviction_signal signal, struct buf *out)
{
    const struct observation *o = &e->seen[signal];
    const char *resource = signals[signal].resource;
    const struct storage_pod *storage = storage_find(s, p);
    int64_t threshold = threshold_amount(&e->thresholds[signal], o->capacity);
    bool bytes = signal == SIGNAL_MEMORY || strcmp(resource, "ephemeral-storage") == 0;
    buf_printf(out, "The node was low on resource: %s. Threshold quantity: ", resource);
    if (bytes) {
        bytes_text(out, threshold);
        buf_puts(out, ", available: ");
        bytes_text(out, o->available);
        buf_puts(out, ". ");
    } else {
        buf_printf(out, "%lld, available: %lld. ", (long long)threshold, (long long)o->available);
    }
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        const struct node *requests = node_at(c->spec, "resources.requests");
        int64_t request = amount_at(node_get(requests, str_from(resource)), "", false, 0);
        struct cgroup_usage usage;
        if (signal == SIGNAL_MEMORY && container_usage(e->agent, p, c, &usage))
            add_excess(out, c->name, (int64_t)usage.working_set_bytes, request, resource);
        for (size_t n = 0;
             bytes && signal != SIGNAL_MEMORY && storage && n < storage->containers.count; n++) {
            const struct storage_container *one = &storage->containers.items[n];
            if (strcmp(one->name, c->name) == 0)
                add_excess(out, c->name, one->log_bytes + one->layer_bytes, request, resource);
        }
    }
}

static bool evictable(const struct pod *p)
{
    return p->step >= STEP_VOLUMES && p->step <= STEP_RUN && p->tree && !pod_terminating(p) &&
           !is_critical(p);
}

static void evict_one(struct eviction *e, const struct storage_census *s,
                      enum eviction_signal signal)
{
    VEC(struct pod_usage) pods = {0};
    struct buf message cleanup_with(buf_release) = BUF_INIT;
    map_each(slot, &e->agent->pods) {
        struct pod *p = slot->value;
        struct pod_usage usage;
        if (!evictable(p))
            continue;
        read_usage(e->agent, s, p, &usage);
        vec_push(&pods, usage);
    }
    eviction_rank(pods.items, pods.count, signal);
    if (pods.count) {
        tell_pressure(e, s, pods.items[0].pod, signal, &message);
        evict(e, pods.items[0].pod, signal, true, message.data);
    }
    vec_release(&pods);
}

/* Limits of their own: emptyDirs, then the whole pod, then its containers. */
static bool over_limit(const struct pod *p, const struct storage_pod *s, struct buf *out)
{
    int64_t limit = 0;
    bool all = true;
    for (size_t i = 0; i < s->volumes.count; i++) {
        const struct storage_volume *v = &s->volumes.items[i];
        if (v->limit <= 0 || v->bytes <= v->limit)
            continue;
        buf_printf(
            out, "Usage of EmptyDir volume \"%s\" exceeds the limit \"%.*s\". ", v->name,
            STR_ARG(node_str(node_find(node_at(p->tree, "spec.volumes"), "name", str_from(v->name)),
                             "emptyDir.sizeLimit")));
        return true;
    }
    node_each(c, node_at(p->tree, "spec.containers"))
    {
        int64_t one = amount_at(node_get(node_at(c, "resources.limits"), STR("ephemeral-storage")),
                                "", false, 0);
        all &= one > 0;
        limit += one;
    }
    if (all && limit > 0 && storage_of(s) > limit) {
        buf_puts(out, "Pod ephemeral local storage usage exceeds the total limit of containers ");
        bytes_text(out, limit);
        buf_puts(out, ". ");
        return true;
    }
    for (size_t i = 0; i < s->containers.count; i++) {
        const struct storage_container *c = &s->containers.items[i];
        if (c->limit <= 0 || c->log_bytes + c->layer_bytes <= c->limit)
            continue;
        buf_printf(out, "Container %s exceeded its local ephemeral storage limit \"", c->name);
        bytes_text(out, c->limit);
        buf_puts(out, "\". ");
        return true;
    }
    return false;
}

static void on_census(void *user, const struct storage_census *s)
{
    struct eviction *e = user;
    bool any = false;
    e->counting = false;
    for (size_t i = 0; i < s->pods.count; i++) {
        struct pod *p = agent_pod(e->agent, str_from(s->pods.items[i].uid));
        struct buf message cleanup_with(buf_release) = BUF_INIT;
        if (!p || !evictable(p) || !over_limit(p, &s->pods.items[i], &message))
            continue;
        evict(e, p, SIGNAL_COUNT, false, message.data);
        any = true;
    }
    for (size_t i = 0; i < SIGNAL_COUNT && !any && !victim_lives(e); i++) {
        if (!e->met[i])
            continue;
        evict_one(e, s, (enum eviction_signal)i);
        break;
    }
}

void eviction_round(struct eviction *e)
{
    bool disk = false;
    if (e->counting || !e->agent->runtime_listed)
        return;
    observe(e);
    for (size_t i = SIGNAL_NODE_DISK; i <= SIGNAL_IMAGE_INODES; i++)
        disk |= e->met[i];
    /* Unused images go first; if that is enough, the next round sees it. */
    if (disk && images_reclaim(e->agent))
        return;
    e->counting = true;
    storage_census_start(e->agent, disk, on_census, e);
}

unsigned eviction_conditions(const struct eviction *e)
{
    return e->conditions;
}

static bool tolerates(const struct pod *p, const char *key)
{
    node_each(t, node_at(p->tree, "spec.tolerations"))
    {
        struct str wanted = node_str(t, "key"), effect = node_str(t, "effect");
        if ((!wanted.len || str_is(wanted, key)) && (!effect.len || str_is(effect, "NoSchedule")) &&
            (str_is(node_str(t, "operator"), "Exists") ||
             (wanted.len && !node_str(t, "value").len)))
            return true;
    }
    return false;
}

bool eviction_admits(const struct eviction *e, const struct pod *p, struct buf *ret_message)
{
    unsigned told = 0;
    if (!e->conditions || is_critical(p))
        return true;
    if (e->conditions == PRESSURE_MEMORY && (!str_is(pod_qos(p->tree), "BestEffort") ||
                                             tolerates(p, "node.kubernetes.io/memory-pressure")))
        return true;
    buf_puts(ret_message, "The node had condition: [");
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (!(e->conditions & signals[i].condition) || told & signals[i].condition)
            continue;
        buf_printf(ret_message, "%s%s", told ? " " : "", signals[i].name);
        told |= signals[i].condition;
    }
    buf_puts(ret_message, "]. ");
    return false;
}

uint64_t eviction_count(const struct eviction *e, enum eviction_signal signal)
{
    return e->evicted[signal];
}

struct eviction *eviction_start(struct agent *a, struct str *ret_bad)
{
    const char *text = a->config.eviction_hard ? a->config.eviction_hard : EVICTION_DEFAULT;
    struct eviction *e = mem_alloc(sizeof(*e));
    e->agent = a;
    if (eviction_parse(str_from(text), e->thresholds, ret_bad) == 0)
        return e;
    mem_free(e);
    return NULL;
}

void eviction_stop(struct eviction *e)
{
    mem_free(e->victim);
    mem_free(e);
}
