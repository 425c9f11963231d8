/* /metrics: what the agent did and has, by the names that the original's dashboards and alerts ask
 * for; and /metrics/probes. */
#include "kernel/path.h"
#include "node/eviction.h"
#include "node/image_collect.h"
#include "node/server.h"
#include "node/volume.h"

enum {
    PROC_BYTES_MAX = 4096,
    TICKS_A_SECOND = 100, /* of /proc: USER_HZ, the same everywhere */
    PAGE_BYTES = 4096
};

static const char text_type[] = "text/plain; version=0.0.4; charset=utf-8";

static void put_one(struct buf *out, const char *name, const char *type, const char *level,
                    const char *help, double value)
{
    metric_head(out, name, type, level, help);
    metric_put(out, name, "", value);
}

static void put_identity(struct buf *out, const struct agent *a)
{
    struct buf labels cleanup_with(buf_release) = BUF_INIT;
    metric_head(out, "kubernetes_build_info", "gauge", "ALPHA",
                "A metric with a constant '1' value labeled by the version that is running.");
    metric_label(&labels, "git_version", STR(NODE_VERSION));
    metric_label(&labels, "platform", STR("linux"));
    metric_put(out, "kubernetes_build_info", labels.data, 1);
    buf_clear(&labels);
    metric_head(out, "kubelet_node_name", "gauge", "ALPHA",
                "The node's name. The count is always 1.");
    metric_label(&labels, "node", str_from(a->config.node_name));
    metric_put(out, "kubelet_node_name", labels.data, 1);
}

static void put_running(struct buf *out, const struct agent *a)
{
    static const char *const names[] = {"created", "exited", "running"};
    uint64_t pods = 0, containers[3] = {0};
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        pods += p->sandbox_ready;
        for (size_t i = 0; i < p->containers.count; i++) {
            const struct container *c = p->containers.items[i];
            if (c->state == CONTAINER_RUNNING || c->state == CONTAINER_STOPPING)
                containers[2]++;
            else if (c->state == CONTAINER_EXITED)
                containers[1]++;
            else if (c->state == CONTAINER_STARTING)
                containers[0]++;
        }
    }
    put_one(out, "kubelet_running_pods", "gauge", "BETA",
            "Number of pods that have a running pod sandbox", (double)pods);
    metric_head(out, "kubelet_running_containers", "gauge", "BETA",
                "Number of containers currently running");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct buf labels cleanup_with(buf_release) = BUF_INIT;
        metric_label(&labels, "container_state", str_from(names[i]));
        metric_put(out, "kubelet_running_containers", labels.data, (double)containers[i]);
    }
}

static void put_starts(struct buf *out, const struct agent *a)
{
    static const char *const types[] = {[CONTAINER_INIT] = "init_container",
                                        [CONTAINER_SIDECAR] = "init_container",
                                        [CONTAINER_MAIN] = "container",
                                        [CONTAINER_EPHEMERAL] = "ephemeral_container"};
    static const enum container_kind kinds[] = {CONTAINER_INIT, CONTAINER_MAIN,
                                                CONTAINER_EPHEMERAL};
    const struct node_counts *n = &a->counts;
    put_one(out, "kubelet_started_pods_total", "counter", "ALPHA",
            "Cumulative number of pods started", (double)n->started_pods);
    put_one(out, "kubelet_started_pods_errors_total", "counter", "ALPHA",
            "Cumulative number of errors when starting pods", (double)n->started_pods_errors);
    metric_head(out, "kubelet_started_containers_total", "counter", "ALPHA",
                "Cumulative number of containers started");
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct buf labels cleanup_with(buf_release) = BUF_INIT;
        uint64_t count = n->started_containers[kinds[i]];
        if (kinds[i] == CONTAINER_INIT)
            count += n->started_containers[CONTAINER_SIDECAR];
        metric_label(&labels, "container_type", str_from(types[kinds[i]]));
        metric_put(out, "kubelet_started_containers_total", labels.data, (double)count);
    }
    metric_head(out, "kubelet_pod_start_duration_seconds", "histogram", "ALPHA",
                "Duration in seconds from kubelet seeing a pod for the first time to the pod "
                "starting to run");
    metric_put_histogram(out, "kubelet_pod_start_duration_seconds", "", &n->pod_start,
                         &bounds_of_starts);
}

static void put_operations(struct buf *out, const struct agent *a)
{
    static const struct {
        const char *name, *type, *help;
    } families[] = {
        {"kubelet_runtime_operations_total", "counter",
         "Cumulative number of runtime operations by operation type."},
        {"kubelet_runtime_operations_errors_total", "counter",
         "Cumulative number of runtime operation errors by operation type."},
        {"kubelet_runtime_operations_duration_seconds", "histogram",
         "Duration in seconds of runtime operations. Broken down by operation type."},
    };
    for (size_t f = 0; f < ARRAY_COUNT(families); f++) {
        metric_head(out, families[f].name, families[f].type, "BETA", families[f].help);
        for (size_t i = 0; i < CRI_CALL_COUNT; i++) {
            const struct cri_count *n = cri_count(a->cri, (enum cri_method)i);
            struct buf labels cleanup_with(buf_release) = BUF_INIT;
            if (!cri_operation((enum cri_method)i) || !n->calls || (f == 1 && !n->errors))
                continue;
            metric_label(&labels, "operation_type", str_from(cri_operation((enum cri_method)i)));
            if (f == 2)
                metric_put_histogram(out, families[f].name, labels.data, &n->seconds,
                                     &bounds_of_calls);
            else
                metric_put(out, families[f].name, labels.data,
                           (double)(f == 0 ? n->calls : n->errors));
        }
    }
}

static void put_evictions(struct buf *out, const struct agent *a)
{
    metric_head(out, "kubelet_evictions", "counter", "BETA",
                "Cumulative number of pod evictions by eviction signal");
    for (size_t i = 0; i <= SIGNAL_COUNT; i++) {
        struct buf labels cleanup_with(buf_release) = BUF_INIT;
        uint64_t count = eviction_count(a->eviction, (enum eviction_signal)i);
        if (!count)
            continue;
        metric_label(&labels, "eviction_signal",
                     str_from(i < SIGNAL_COUNT ? eviction_signal_name((enum eviction_signal)i)
                                               : "ephemeralstorage.limit"));
        metric_put(out, "kubelet_evictions", labels.data, (double)count);
    }
    metric_head(out, "kubelet_image_garbage_collected_total", "counter", "BETA",
                "Total number of images garbage collected by the kubelet, whether through disk "
                "usage or image age.");
    metric_put(out, "kubelet_image_garbage_collected_total", "reason=\"space\"",
               (double)images_removed(a));
}

struct claim_stats {
    const char *name, *help;
    double (*read)(const struct disk_usage *d);
};

static double capacity(const struct disk_usage *d)
{
    return (double)d->capacity_bytes;
}

static double available(const struct disk_usage *d)
{
    return (double)d->available_bytes;
}

static double used(const struct disk_usage *d)
{
    return (double)(d->capacity_bytes - MIN(d->available_bytes, d->capacity_bytes));
}

static double inodes(const struct disk_usage *d)
{
    return (double)d->inodes;
}

static double inodes_free(const struct disk_usage *d)
{
    return (double)d->inodes_free;
}

static double inodes_used(const struct disk_usage *d)
{
    return (double)(d->inodes - MIN(d->inodes_free, d->inodes));
}

static const struct claim_stats claim_stats[] = {
    {"kubelet_volume_stats_available_bytes", "Number of available bytes in the volume", available},
    {"kubelet_volume_stats_capacity_bytes", "Capacity in bytes of the volume", capacity},
    {"kubelet_volume_stats_inodes", "Maximum number of inodes in the volume", inodes},
    {"kubelet_volume_stats_inodes_free", "Number of free inodes in the volume", inodes_free},
    {"kubelet_volume_stats_inodes_used", "Number of used inodes in the volume", inodes_used},
    {"kubelet_volume_stats_used_bytes", "Number of used bytes in the volume", used},
};

static void put_claim(struct buf *out, const struct claim_stats *stats, const struct pod *p,
                      const struct mounted *m)
{
    struct buf labels cleanup_with(buf_release) = BUF_INIT;
    struct disk_usage disk;
    const struct node *volume =
        node_find(node_at(p->tree, "spec.volumes"), "name", str_from(m->name));
    struct str claim = node_str(volume, "persistentVolumeClaim.claimName");
    struct arena a = ARENA_INIT;
    if (m->claim_volume && m->ready && disk_usage(m->path, &disk) == 0) {
        if (!claim.len)
            claim = arena_printf(&a, "%s-%s", p->name, m->name);
        metric_label(&labels, "namespace", str_from(p->ns));
        metric_label(&labels, "persistentvolumeclaim", claim);
        metric_put(out, stats->name, labels.data, stats->read(&disk));
    }
    arena_release(&a);
}

static void put_volumes(struct buf *out, const struct agent *a)
{
    uint64_t wanted = 0, mounted = 0;
    for (size_t s = 0; s < ARRAY_COUNT(claim_stats); s++) {
        metric_head(out, claim_stats[s].name, "gauge", "ALPHA", claim_stats[s].help);
        map_each(slot, &a->pods) {
            const struct pod *p = slot->value;
            for (size_t i = 0; i < p->volumes.count; i++)
                put_claim(out, &claim_stats[s], p, p->volumes.items[i]);
        }
    }
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        wanted += p->volumes.count;
        for (size_t i = 0; i < p->volumes.count; i++)
            mounted += p->volumes.items[i]->ready;
    }
    metric_head(out, "volume_manager_total_volumes", "gauge", "ALPHA",
                "Number of volumes in Volume Manager");
    metric_put(out, "volume_manager_total_volumes", "state=\"actual_state_of_world\"",
               (double)mounted);
    metric_put(out, "volume_manager_total_volumes", "state=\"desired_state_of_world\"",
               (double)wanted);
}

/* Fields of /proc/self/stat behind the name in parentheses: 14 utime, 15 stime, 22 starttime, 24
 * rss. */
static void put_process(struct buf *out)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    struct buf boot cleanup_with(buf_release) = BUF_INIT;
    int64_t fields[25] = {0};
    if (path_read("/proc/self/stat", PROC_BYTES_MAX, &text) < 0)
        return;
    struct str rest = buf_str(&text);
    ssize_t close = str_find_last(rest, ')');
    if (close < 0 || (size_t)close + 2 > rest.len)
        return;
    rest = str_slice(rest, (size_t)close + 2, rest.len);
    for (size_t i = 3; i < ARRAY_COUNT(fields) && rest.data; i++)
        (void)!str_to_i64(str_cut(&rest, ' '), &fields[i]);
    put_one(out, "process_cpu_seconds_total", "counter", NULL,
            "Total user and system CPU time spent in seconds.",
            (double)(fields[14] + fields[15]) / TICKS_A_SECOND);
    put_one(out, "process_resident_memory_bytes", "gauge", NULL, "Resident memory size in bytes.",
            (double)fields[24] * PAGE_BYTES);
    if (path_read("/proc/stat", 1 << 20, &boot) < 0)
        return;
    for (struct str all = buf_str(&boot); all.data;) {
        struct str line = str_cut(&all, '\n');
        int64_t seconds;
        if (str_is(str_cut(&line, ' '), "btime") && str_to_i64(line, &seconds) == 0)
            put_one(out, "process_start_time_seconds", "gauge", NULL,
                    "Start time of the process since unix epoch in seconds.",
                    (double)seconds + (double)fields[22] / TICKS_A_SECOND);
    }
}

void server_metrics(struct agent *a, struct http_request *req, struct str rest maybe_unused)
{
    struct buf out = BUF_INIT;
    put_identity(&out, a);
    put_running(&out, a);
    put_starts(&out, a);
    put_operations(&out, a);
    put_evictions(&out, a);
    put_volumes(&out, a);
    put_process(&out);
    server_answer(req, text_type, &out);
}

void server_metrics_probes(struct agent *a, struct http_request *req, struct str rest maybe_unused)
{
    static const char *const kinds[] = {[PROBE_STARTUP] = "Startup",
                                        [PROBE_LIVENESS] = "Liveness",
                                        [PROBE_READINESS] = "Readiness"};
    static const char *const results[] = {"failed", "successful"};
    struct buf out = BUF_INIT;
    metric_head(&out, "prober_probe_total", "counter", "BETA",
                "Cumulative number of a liveness, readiness or startup probe for a container by "
                "result.");
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        for (size_t i = 0; i < p->containers.count * PROBE_KINDS * 2; i++) {
            const struct container *c = p->containers.items[i / (PROBE_KINDS * 2)];
            size_t kind = i / 2 % PROBE_KINDS, result = i % 2;
            struct buf labels cleanup_with(buf_release) = BUF_INIT;
            if (!c->probed[kind][result])
                continue;
            metric_label(&labels, "container", str_from(c->name));
            metric_label(&labels, "namespace", str_from(p->ns));
            metric_label(&labels, "pod", str_from(p->name));
            metric_label(&labels, "pod_uid", str_from(p->uid));
            metric_label(&labels, "probe_type", str_from(kinds[kind]));
            metric_label(&labels, "result", str_from(results[result]));
            metric_put(&out, "prober_probe_total", labels.data, (double)c->probed[kind][result]);
        }
    }
    server_answer(req, text_type, &out);
}
