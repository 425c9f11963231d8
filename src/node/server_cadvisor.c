/* /metrics/cadvisor: what containers and pods use, by cAdvisor's names, from their control groups
 * and, for the network, from a process of each pod. */
#include "kernel/machine.h"
#include "kernel/path.h"
#include "node/server.h"

enum {
    PROC_BYTES_MAX = 64 << 10
};

/* One group with all that is read of it. */
struct sample {
    const struct pod *pod;
    const struct container *container; /* NULL: the pod */
    struct cgroup_usage usage;
    struct cgroup_detail detail;
};

struct samples {
    VEC(struct sample) items;
};

static double ns(uint64_t value)
{
    return (double)value / 1e9;
}

static double cpu(const struct sample *s)
{
    return ns(s->usage.cpu_ns);
}

static double cpu_user(const struct sample *s)
{
    return ns(s->detail.user_ns);
}

static double cpu_system(const struct sample *s)
{
    return ns(s->detail.system_ns);
}

static double periods(const struct sample *s)
{
    return (double)s->detail.periods;
}

static double throttled(const struct sample *s)
{
    return (double)s->detail.throttled_periods;
}

static double throttled_seconds(const struct sample *s)
{
    return ns(s->detail.throttled_ns);
}

static double memory(const struct sample *s)
{
    return (double)s->usage.memory_bytes;
}

static double working_set(const struct sample *s)
{
    return (double)s->usage.working_set_bytes;
}

static double rss(const struct sample *s)
{
    return (double)s->detail.rss_bytes;
}

static double cache(const struct sample *s)
{
    return (double)s->detail.cache_bytes;
}

static double swap(const struct sample *s)
{
    return (double)s->detail.swap_bytes;
}

static double mapped(const struct sample *s)
{
    return (double)s->detail.mapped_bytes;
}

static double failures(const struct sample *s)
{
    return (double)s->detail.memory_failures;
}

static double memory_limit(const struct sample *s)
{
    return (double)s->detail.memory_limit_bytes;
}

static double processes(const struct sample *s)
{
    return (double)s->usage.processes;
}

static double started(const struct sample *s)
{
    return (double)(s->container ? s->container->started_us : s->pod->start_us) / 1e6;
}

static const struct family {
    const char *name, *type, *help;
    double (*read)(const struct sample *s);
    bool total; /* labelled cpu="total" */
} families[] = {
    {"container_cpu_cfs_periods_total", "counter",
     "Number of elapsed enforcement period intervals.", periods, false},
    {"container_cpu_cfs_throttled_periods_total", "counter",
     "Number of throttled period intervals.", throttled, false},
    {"container_cpu_cfs_throttled_seconds_total", "counter",
     "Total time duration the container has been throttled.", throttled_seconds, false},
    {"container_cpu_system_seconds_total", "counter",
     "Cumulative system cpu time consumed in seconds.", cpu_system, false},
    {"container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.",
     cpu, true},
    {"container_cpu_user_seconds_total", "counter", "Cumulative user cpu time consumed in seconds.",
     cpu_user, false},
    {"container_memory_cache", "gauge", "Number of bytes of page cache memory.", cache, false},
    {"container_memory_failcnt", "counter", "Number of memory usage hits limits", failures, false},
    {"container_memory_mapped_file", "gauge", "Size of memory mapped files in bytes.", mapped,
     false},
    {"container_memory_rss", "gauge", "Size of RSS in bytes.", rss, false},
    {"container_memory_swap", "gauge", "Container swap usage in bytes.", swap, false},
    {"container_memory_usage_bytes", "gauge",
     "Current memory usage in bytes, including all memory regardless of when it was accessed",
     memory, false},
    {"container_memory_working_set_bytes", "gauge", "Current working set in bytes.", working_set,
     false},
    {"container_processes", "gauge", "Number of processes running inside the container.", processes,
     false},
    {"container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.", memory_limit,
     false},
    {"container_start_time_seconds", "gauge",
     "Start time of the container since unix epoch in seconds.", started, false},
};

static void group_of(const struct sample *s, struct buf *ret)
{
    buf_puts(ret, s->pod->cgroup);
    if (s->container)
        buf_printf(ret, "/%s", s->container->id);
}

static void labels_of(const struct sample *s, struct buf *ret)
{
    const struct container *c = s->container;
    struct buf group cleanup_with(buf_release) = BUF_INIT;
    group_of(s, &group);
    metric_label(ret, "container", c ? str_from(c->name) : STR(""));
    metric_label(ret, "id", buf_str(&group));
    metric_label(ret, "image", c ? node_str(c->spec, "image") : STR(""));
    metric_label(ret, "name", c ? str_from(c->id) : STR(""));
    metric_label(ret, "namespace", str_from(s->pod->ns));
    metric_label(ret, "pod", str_from(s->pod->name));
}

static void take(const struct agent *a, const struct pod *p, const struct container *c,
                 struct samples *all)
{
    struct sample s = {.pod = p, .container = c};
    struct buf group cleanup_with(buf_release) = BUF_INIT;
    group_of(&s, &group);
    if (cgroup_usage(a->cgroups, group.data, &s.usage) == 0 &&
        cgroup_detail(a->cgroups, group.data, &s.detail) == 0)
        vec_push(&all->items, s);
}

static void take_all(const struct agent *a, struct samples *all)
{
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        if (!a->cgroups || !p->cgroup || p->step != STEP_RUN)
            continue;
        take(a, p, NULL, all);
        for (size_t i = 0; i < p->containers.count; i++) {
            const struct container *c = p->containers.items[i];
            if (c->id && c->spec && container_alive(c))
                take(a, p, c, all);
        }
    }
}

/* The network: /proc/PID/net/dev has a line for each interface, "name: RX BYTES PACKETS ERRORS
 * DROPPED and four more, then the same of TX". */

static const struct {
    const char *name, *help;
    size_t field;
} network_families[] = {
    {"container_network_receive_bytes_total", "Cumulative count of bytes received", 0},
    {"container_network_receive_errors_total",
     "Cumulative count of errors encountered while receiving", 2},
    {"container_network_receive_packets_dropped_total",
     "Cumulative count of packets dropped while receiving", 3},
    {"container_network_receive_packets_total", "Cumulative count of packets received", 1},
    {"container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", 8},
    {"container_network_transmit_errors_total",
     "Cumulative count of errors encountered while transmitting", 10},
    {"container_network_transmit_packets_dropped_total",
     "Cumulative count of packets dropped while transmitting", 11},
    {"container_network_transmit_packets_total", "Cumulative count of packets transmitted", 9},
};

static void keep_pid(void *arg, pid_t pid)
{
    *(pid_t *)arg = pid;
}

static void read_network(const struct agent *a, const struct sample *s, struct buf *ret)
{
    struct buf group cleanup_with(buf_release) = BUF_INIT;
    char path[64];
    pid_t pid = 0;
    if (!s->container || pod_host_network(s->pod))
        return;
    group_of(s, &group);
    if (cgroup_each_process(a->cgroups, group.data, keep_pid, &pid) < 0 || pid <= 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
    if (path_read(path, PROC_BYTES_MAX, ret) < 0)
        buf_clear(ret);
}

static void put_interface(struct buf *out, size_t family, const struct pod *p, struct str line)
{
    struct buf labels cleanup_with(buf_release) = BUF_INIT;
    uint64_t value = 0;
    if (str_find(line, ':') < 0)
        return;
    struct str name = str_trim(str_cut(&line, ':'));
    if (str_is(name, "lo"))
        return;
    for (size_t field = 0; line.data;) {
        struct str word = str_cut(&line, ' ');
        if (!word.len)
            continue;
        if (field++ == network_families[family].field)
            (void)!str_to_u64(word, &value);
    }
    metric_label(&labels, "id", str_from(p->cgroup));
    metric_label(&labels, "interface", name);
    metric_label(&labels, "namespace", str_from(p->ns));
    metric_label(&labels, "pod", str_from(p->name));
    metric_put(out, network_families[family].name, labels.data, (double)value);
}

struct network {
    const struct pod *pod;
    struct buf text;
};

static void put_network(struct buf *out, const struct agent *a, const struct samples *all)
{
    VEC(struct network) networks = {0};
    for (size_t i = 0; i < all->items.count; i++) {
        const struct sample *s = &all->items.items[i];
        struct network n = {s->pod, BUF_INIT};
        bool known = networks.count && networks.items[networks.count - 1].pod == s->pod;
        if (!known)
            read_network(a, s, &n.text);
        if (n.text.len)
            vec_push(&networks, n);
        else
            buf_release(&n.text);
    }
    for (size_t f = 0; f < ARRAY_COUNT(network_families); f++) {
        metric_head(out, network_families[f].name, "counter", NULL, network_families[f].help);
        for (size_t i = 0; i < networks.count; i++) {
            for (struct str rest = buf_str(&networks.items[i].text); rest.data;)
                put_interface(out, f, networks.items[i].pod, str_cut(&rest, '\n'));
        }
    }
    for (size_t i = 0; i < networks.count; i++)
        buf_release(&networks.items[i].text);
    vec_release(&networks);
}

void server_metrics_cadvisor(struct agent *a, struct http_request *req,
                             struct str rest maybe_unused)
{
    struct buf out = BUF_INIT;
    struct samples all = {0};
    struct machine machine;
    take_all(a, &all);
    for (size_t f = 0; f < ARRAY_COUNT(families); f++) {
        metric_head(&out, families[f].name, families[f].type, NULL, families[f].help);
        for (size_t i = 0; i < all.items.count; i++) {
            struct buf labels cleanup_with(buf_release) = BUF_INIT;
            labels_of(&all.items.items[i], &labels);
            if (families[f].total)
                metric_label(&labels, "cpu", STR("total"));
            metric_put(&out, families[f].name, labels.data, families[f].read(&all.items.items[i]));
        }
    }
    put_network(&out, a, &all);
    machine_read(&machine);
    metric_head(&out, "machine_cpu_cores", "gauge", NULL, "Number of logical CPU cores.");
    metric_put(&out, "machine_cpu_cores", "", (double)machine.cpus);
    metric_head(&out, "machine_memory_bytes", "gauge", NULL,
                "Amount of memory installed on the machine.");
    metric_put(&out, "machine_memory_bytes", "", (double)machine.memory_bytes);
    vec_release(&all.items);
    server_answer(req, "text/plain; version=0.0.4; charset=utf-8", &out);
}
