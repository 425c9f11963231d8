/* What the node's pods are and use: /pods, /metrics/resource, /stats/summary, from the pods'
 * control groups. */
#include "node/server.h"
#include "object/seal.h"

void server_answer(struct http_request *req, const char *type, struct buf *body)
{
    struct http_header header = {STR("Content-Type"), str_from(type)};
    http_respond_buf(req, &(struct http_reply){.code = 200, .headers = &header, .header_count = 1},
                     body);
}

void server_pods(struct agent *a, struct http_request *req, struct str rest maybe_unused)
{
    struct buf out = BUF_INIT;
    bool first = true;
    buf_puts(&out, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        if (!p->object || p->deleted)
            continue;
        if (!first)
            buf_putc(&out, ',');
        first = false;
        sealed_to_json(&out, p->object, 0);
    }
    buf_puts(&out, "]}\n");
    server_answer(req, "application/json", &out);
}

static bool usage_of(const struct agent *a, const char *group, struct cgroup_usage *ret)
{
    return a->cgroups && group && cgroup_usage(a->cgroups, group, ret) == 0;
}

bool container_usage(const struct agent *a, const struct pod *p, const struct container *c,
                     struct cgroup_usage *ret)
{
    char group[512];
    if (!p->cgroup || !c->id || !container_alive(c))
        return false;
    snprintf(group, sizeof(group), "%s/%s", p->cgroup, c->id);
    return usage_of(a, group, ret);
}

struct sample {
    struct buf cpu, memory, start, pod_cpu, pod_memory;
};

static void sample_pod(const struct agent *a, const struct pod *p, struct sample *s,
                       long long now_ms)
{
    struct cgroup_usage u;
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        if (!container_usage(a, p, c, &u))
            continue;
        static const char *const names[] = {"container_cpu_usage_seconds_total",
                                            "container_memory_working_set_bytes",
                                            "container_start_time_seconds"};
        struct buf *const to[] = {&s->cpu, &s->memory, &s->start};
        for (size_t n = 0; n < 3; n++) {
            buf_puts(to[n], names[n]);
            buf_printf(to[n], "{container=\"%s\",namespace=\"%s\",pod=\"%s\"} ", c->name, p->ns,
                       p->name);
        }
        buf_printf(&s->cpu, "%.9g %lld\n", (double)u.cpu_ns / 1e9, now_ms);
        buf_printf(&s->memory, "%llu %lld\n", (unsigned long long)u.working_set_bytes, now_ms);
        buf_printf(&s->start, "%.6f\n", (double)c->started_us / 1e6);
    }
    if (p->step == STEP_RUN && usage_of(a, p->cgroup, &u)) {
        buf_printf(&s->pod_cpu,
                   "pod_cpu_usage_seconds_total{namespace=\"%s\",pod=\"%s\"} %.9g %lld\n", p->ns,
                   p->name, (double)u.cpu_ns / 1e9, now_ms);
        buf_printf(&s->pod_memory,
                   "pod_memory_working_set_bytes{namespace=\"%s\",pod=\"%s\"} %llu %lld\n", p->ns,
                   p->name, (unsigned long long)u.working_set_bytes, now_ms);
    }
}

static void put_metric(struct buf *out, const char *name, const char *help, const char *type,
                       struct buf *lines)
{
    if (lines->len)
        buf_printf(out, "# HELP %s [STABLE] %s\n# TYPE %s %s\n", name, help, name, type);
    buf_add(out, buf_str(lines));
    buf_release(lines);
}

void server_metrics_resource(struct agent *a, struct http_request *req,
                             struct str rest maybe_unused)
{
    struct buf out = BUF_INIT, node_cpu = BUF_INIT, node_memory = BUF_INIT, error = BUF_INIT;
    struct sample s = {0};
    struct cgroup_usage u;
    long long now_ms = agent_now_us(a) / 1000;
    bool good = usage_of(a, "", &u);
    if (good) {
        buf_printf(&node_cpu, "node_cpu_usage_seconds_total %.9g %lld\n", (double)u.cpu_ns / 1e9,
                   now_ms);
        buf_printf(&node_memory, "node_memory_working_set_bytes %llu %lld\n",
                   (unsigned long long)u.working_set_bytes, now_ms);
    }
    map_each(slot, &a->pods)
        sample_pod(a, slot->value, &s, now_ms);
    buf_printf(&error, "resource_scrape_error %d\n", !good);
    put_metric(&out, "container_cpu_usage_seconds_total",
               "Cumulative cpu time consumed by the container in core-seconds", "counter", &s.cpu);
    put_metric(&out, "container_memory_working_set_bytes",
               "Current working set of the container in bytes", "gauge", &s.memory);
    put_metric(&out, "container_start_time_seconds",
               "Start time of the container since unix epoch in seconds", "gauge", &s.start);
    put_metric(&out, "node_cpu_usage_seconds_total",
               "Cumulative cpu time consumed by the node in core-seconds", "counter", &node_cpu);
    put_metric(&out, "node_memory_working_set_bytes", "Current working set of the node in bytes",
               "gauge", &node_memory);
    put_metric(&out, "pod_cpu_usage_seconds_total",
               "Cumulative cpu time consumed by the pod in core-seconds", "counter", &s.pod_cpu);
    put_metric(&out, "pod_memory_working_set_bytes", "Current working set of the pod in bytes",
               "gauge", &s.pod_memory);
    put_metric(&out, "resource_scrape_error",
               "1 if there was an error while getting container metrics, 0 otherwise", "gauge",
               &error);
    server_answer(req, "text/plain; version=0.0.4; charset=utf-8", &out);
}

static void put_usage(struct arena *a, struct node *to, const struct cgroup_usage *u,
                      struct str now)
{
    node_put(a, to, "cpu.time", node_text(a, now));
    node_put_int(a, to, "cpu.usageCoreNanoSeconds", (int64_t)u->cpu_ns);
    node_put(a, to, "memory.time", node_text(a, now));
    node_put_int(a, to, "memory.usageBytes", (int64_t)u->memory_bytes);
    node_put_int(a, to, "memory.workingSetBytes", (int64_t)u->working_set_bytes);
}

static struct node *pod_summary(struct arena *arena, const struct agent *a, const struct pod *p,
                                struct str now)
{
    struct node *out = node_map(arena), *containers = node_need_list(arena, out, "containers");
    struct cgroup_usage u;
    node_put_str(arena, out, "podRef.name", str_from(p->name));
    node_put_str(arena, out, "podRef.namespace", str_from(p->ns));
    node_put_str(arena, out, "podRef.uid", str_from(p->uid));
    node_put(arena, out, "startTime", node_text(arena, time_format(arena, p->start_us)));
    for (size_t i = 0; i < p->containers.count; i++) {
        const struct container *c = p->containers.items[i];
        struct node *one = node_map(arena);
        if (!container_usage(a, p, c, &u))
            continue;
        node_put_str(arena, one, "name", str_from(c->name));
        node_put(arena, one, "startTime", node_text(arena, time_format(arena, c->started_us)));
        put_usage(arena, one, &u, now);
        node_append(arena, containers, one);
    }
    if (usage_of(a, p->cgroup, &u))
        put_usage(arena, out, &u, now);
    return out;
}

void server_summary(struct agent *a, struct http_request *req, struct str rest maybe_unused)
{
    struct arena *arena = req->arena;
    struct buf out = BUF_INIT;
    struct node *summary = node_map(arena), *pods = node_need_list(arena, summary, "pods");
    struct str now = time_format(arena, agent_now_us(a));
    struct cgroup_usage u;
    node_put_str(arena, summary, "node.nodeName", str_from(a->config.node_name));
    if (usage_of(a, "", &u))
        put_usage(arena, node_need_map(arena, summary, "node"), &u, now);
    map_each(slot, &a->pods) {
        const struct pod *p = slot->value;
        if (p->step == STEP_RUN)
            node_append(arena, pods, pod_summary(arena, a, p, now));
    }
    node_to_json(&out, summary, 0);
    server_answer(req, "application/json", &out);
}
