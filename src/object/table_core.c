#include "object/table_internal.h"

/* Cells of core/v1 and of events. */

/* What a pod's status adds up to. */
struct pod_summary {
    struct str reason;
    int64_t restarts, sidecar_restarts;
    int64_t last_restart_us, last_sidecar_restart_us;
    int64_t total, ready;
    bool initializing;
};

static bool is_sidecar(struct value spec, struct str name)
{
    struct value_iter it = value_iter(value_at(spec, "initContainers"));
    for (struct value c; value_next(&it, &c);)
        if (str_equal(value_str(c, "name"), name))
            return str_is(value_str(c, "restartPolicy"), "Always");
    return false;
}

static void note_restarts(struct value status, int64_t *restarts, int64_t *last_us)
{
    *restarts += value_int(status, "restartCount", 0);
    *last_us = MAX(*last_us, value_time_us(status, "lastState.terminated.finishedAt"));
}

/* Why a container ended: its reason, else its signal or exit code. */
static struct str end_reason(struct arena *a, const char *prefix, struct value terminated)
{
    struct str reason = value_str(terminated, "reason");
    if (reason.len > 0)
        return arena_printf(a, "%s%.*s", prefix, STR_ARG(reason));
    long long signal = value_int(terminated, "signal", 0),
              code = value_int(terminated, "exitCode", 0);
    return signal ? arena_printf(a, "%sSignal:%lld", prefix, signal)
                  : arena_printf(a, "%sExitCode:%lld", prefix, code);
}

static void sum_init_containers(const struct row *row, struct pod_summary *p)
{
    struct value spec = value_at(row->root, "spec");
    struct value_iter it = value_iter(value_at(row->root, "status.initContainerStatuses"));
    for (struct value c; value_next(&it, &c);) {
        bool sidecar = is_sidecar(spec, value_str(c, "name"));
        struct value terminated = value_at(c, "state.terminated");
        struct str waiting = value_str(c, "state.waiting.reason");
        note_restarts(c, &p->restarts, &p->last_restart_us);
        if (sidecar)
            note_restarts(c, &p->sidecar_restarts, &p->last_sidecar_restart_us);
        if (value_present(terminated) && value_int(terminated, "exitCode", 0) == 0)
            continue;
        if (sidecar && value_bool(c, "started", false)) {
            p->ready += value_bool(c, "ready", false);
            continue;
        }
        if (value_present(terminated))
            p->reason = end_reason(row->arena, "Init:", terminated);
        else if (waiting.len > 0 && !str_is(waiting, "PodInitializing"))
            p->reason = arena_printf(row->arena, "Init:%.*s", STR_ARG(waiting));
        else
            p->reason = arena_printf(row->arena, "Init:%u/%zu", it.index,
                                     value_count(value_at(spec, "initContainers")));
        p->initializing = true;
        return;
    }
}

static bool condition_true(const struct row *row, const char *type)
{
    struct value_iter it = value_iter(value_at(row->root, "status.conditions"));
    for (struct value c; value_next(&it, &c);)
        if (str_is(value_str(c, "type"), type) && str_is(value_str(c, "status"), "True"))
            return true;
    return false;
}

static void sum_containers(const struct row *row, struct pod_summary *p)
{
    struct value statuses = value_at(row->root, "status.containerStatuses");
    bool running = false;
    struct str error = STR_NONE;
    p->restarts = p->sidecar_restarts;
    p->last_restart_us = p->last_sidecar_restart_us;
    for (size_t i = value_count(statuses); i > 0; i--) {
        struct value c = value_item(statuses, i - 1), terminated = value_at(c, "state.terminated");
        struct str waiting = value_str(c, "state.waiting.reason");
        note_restarts(c, &p->restarts, &p->last_restart_us);
        if (waiting.len > 0) {
            p->reason = waiting;
        } else if (value_present(terminated)) {
            p->reason = end_reason(row->arena, "", terminated);
            if (value_int(terminated, "exitCode", 0) != 0)
                error = p->reason;
        } else if (value_bool(c, "ready", false) && value_present(value_at(c, "state.running"))) {
            running = true;
            p->ready++;
        }
    }
    if (!str_is(p->reason, "Completed"))
        return;
    if (running && condition_true(row, "Ready"))
        p->reason = STR("Running");
    else if (error.len > 0)
        p->reason = error;
    else if (running)
        p->reason = STR("NotReady");
}

static struct pod_summary sum_pod(const struct row *row)
{
    struct value spec = value_at(row->root, "spec"), status = value_at(row->root, "status");
    struct str phase = value_str(status, "phase"), reason = value_str(status, "reason");
    struct pod_summary p = {.reason = reason.len ? reason : phase};
    p.total = (int64_t)value_count(value_at(spec, "containers"));
    struct value_iter it = value_iter(value_at(status, "conditions"));
    for (struct value c; value_next(&it, &c);)
        if (str_is(value_str(c, "type"), "PodScheduled") &&
            str_is(value_str(c, "reason"), "SchedulingGated"))
            p.reason = STR("SchedulingGated");
    it = value_iter(value_at(spec, "initContainers"));
    for (struct value c; value_next(&it, &c);)
        p.total += str_is(value_str(c, "restartPolicy"), "Always");
    sum_init_containers(row, &p);
    if (!p.initializing || condition_true(row, "Initialized"))
        sum_containers(row, &p);
    if (!value_present(value_at(row->root, "metadata.deletionTimestamp")))
        return p;
    if (str_is(reason, "NodeLost"))
        p.reason = STR("Unknown");
    else if (!str_is(phase, "Succeeded") && !str_is(phase, "Failed"))
        p.reason = STR("Terminating");
    return p;
}

static struct node *pod_ready(const struct row *row)
{
    struct pod_summary p = sum_pod(row);
    return cell_printf(row, "%lld/%lld", (long long)p.ready, (long long)p.total);
}

static struct node *pod_status(const struct row *row)
{
    return cell_text(row, sum_pod(row).reason);
}

static struct node *pod_restarts(const struct row *row)
{
    struct pod_summary p = sum_pod(row);
    if (p.restarts != 0 && p.last_restart_us != 0)
        return cell_printf(row, "%lld (%.*s ago)", (long long)p.restarts,
                           STR_ARG(since(row, p.last_restart_us)));
    return cell_printf(row, "%lld", (long long)p.restarts);
}

static struct node *pod_ip(const struct row *row)
{
    struct str ip = value_str(value_item(value_at(row->root, "status.podIPs"), 0), "ip");
    return cell_text(row, ip.len ? ip : STR("<none>"));
}

static struct node *pod_readiness_gates(const struct row *row)
{
    struct value gates = value_at(row->root, "spec.readinessGates");
    size_t count = value_count(gates), met = 0;
    if (count == 0)
        return cell_text(row, STR("<none>"));
    struct value_iter it = value_iter(gates);
    for (struct value gate; value_next(&it, &gate);) {
        struct value_iter each = value_iter(value_at(row->root, "status.conditions"));
        for (struct value c; value_next(&each, &c);)
            if (str_equal(value_str(c, "type"), value_str(gate, "conditionType"))) {
                met += str_is(value_str(c, "status"), "True");
                break;
            }
    }
    return cell_printf(row, "%zu/%zu", met, count);
}

static struct node *component_status(const struct row *row)
{
    struct value c = find_condition(value_at(row->root, "conditions"), "Healthy");
    if (!value_present(c))
        return cell_text(row, STR("Unknown"));
    return cell_text(row,
                     str_is(value_str(c, "status"), "True") ? STR("Healthy") : STR("Unhealthy"));
}

static struct node *component_message(const struct row *row)
{
    return cell_text(
        row, value_str(find_condition(value_at(row->root, "conditions"), "Healthy"), "message"));
}

static struct node *component_error(const struct row *row)
{
    return cell_text(
        row, value_str(find_condition(value_at(row->root, "conditions"), "Healthy"), "error"));
}

static struct node *config_map_data(const struct row *row)
{
    return node_int(row->arena, (int64_t)(value_count(value_at(row->root, "data")) +
                                          value_count(value_at(row->root, "binaryData"))));
}

static struct node *endpoints_addresses(const struct row *row)
{
    struct some_of list = {.text = BUF_INIT, .max = 3};
    struct value_iter it = value_iter(value_at(row->root, "subsets"));
    for (struct value subset; value_next(&it, &subset);) {
        struct value ports = value_at(subset, "ports");
        size_t port_count = value_count(ports);
        for (size_t p = 0; p < MAX(port_count, 1); p++) {
            long long port = value_int(value_item(ports, p), "port", 0);
            struct value_iter each = value_iter(value_at(subset, "addresses"));
            for (struct value address; value_next(&each, &address);) {
                struct str ip = value_str(address, "ip");
                const char *format = str_find(ip, ':') >= 0 ? "[%.*s]:%lld" : "%.*s:%lld";
                some_of_add(&list,
                            port_count ? arena_printf(row->arena, format, STR_ARG(ip), port) : ip);
            }
        }
    }
    bool none = value_count(value_at(row->root, "subsets")) == 0;
    return some_of_cell(row, &list, none ? "<none>" : "");
}

static struct node *node_status(const struct row *row)
{
    struct value ready = find_condition(value_at(row->root, "status.conditions"), "Ready");
    const char *status = !value_present(ready)                        ? "Unknown"
                         : str_is(value_str(ready, "status"), "True") ? "Ready"
                                                                      : "NotReady";
    bool off = value_bool(row->root, "spec.unschedulable", false);
    return cell_printf(row, "%s%s", status, off ? ",SchedulingDisabled" : "");
}

static struct node *sorted_cell(const struct row *row, struct str *texts, size_t count,
                                const char *otherwise)
{
    struct buf out = BUF_INIT;
    qsort(texts, count, sizeof(*texts), str_compare_items);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && str_equal(texts[i], texts[i - 1]))
            continue;
        if (out.len > 0)
            buf_putc(&out, ',');
        buf_add(&out, texts[i]);
    }
    if (out.len == 0)
        buf_puts(&out, otherwise);
    return cell_buf(row, &out);
}

static struct node *node_roles(const struct row *row)
{
    struct value labels = value_at(row->root, "metadata.labels");
    struct str *roles = arena_array(row->arena, struct str, value_count(labels) + 1);
    size_t count = 0, prefix = strlen("node-role.kubernetes.io/");
    struct value_iter it = value_iter(labels);
    for (struct value v; value_next(&it, &v);) {
        if (str_starts(it.key, "node-role.kubernetes.io/") && it.key.len > prefix)
            roles[count++] = str_slice(it.key, prefix, it.key.len);
        else if (str_is(it.key, "kubernetes.io/role") && value_str(v, "").len > 0)
            roles[count++] = value_str(v, "");
    }
    return sorted_cell(row, roles, count, "<none>");
}

static struct node *node_address(const struct row *row, const char *type)
{
    struct value v = find_condition(value_at(row->root, "status.addresses"), type);
    return cell_text(row, value_present(v) ? value_str(v, "address") : STR("<none>"));
}

static struct node *node_internal_ip(const struct row *row)
{
    return node_address(row, "InternalIP");
}

static struct node *node_external_ip(const struct row *row)
{
    return node_address(row, "ExternalIP");
}

static struct node *node_kernel(const struct row *row)
{
    struct str version = row_text(row, "status.nodeInfo.kernelVersion");
    struct str architecture = row_text(row, "status.nodeInfo.architecture");
    if (version.len == 0)
        version = STR("<unknown>");
    if (architecture.len == 0)
        return cell_text(row, version);
    return cell_printf(row, "%.*s (%.*s)", STR_ARG(version), STR_ARG(architecture));
}

static struct node *access_modes(const struct row *row, const char *path)
{
    static const char *const modes[][2] = {{"ReadWriteOnce", "RWO"},
                                           {"ReadOnlyMany", "ROX"},
                                           {"ReadWriteMany", "RWX"},
                                           {"ReadWriteOncePod", "RWOP"}};
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        struct value_iter it = value_iter(value_at(row->root, path));
        for (struct value v; value_next(&it, &v);)
            if (str_is(value_str(v, ""), modes[i][0])) {
                buf_printf(&out, "%s%s", out.len ? "," : "", modes[i][1]);
                break;
            }
    }
    return cell_buf(row, &out);
}

static struct node *volume_modes(const struct row *row)
{
    return access_modes(row, "spec.accessModes");
}

static struct node *phase(const struct row *row)
{
    if (value_present(value_at(row->root, "metadata.deletionTimestamp")))
        return cell_text(row, STR("Terminating"));
    return cell_text(row, value_str(row->root, "status.phase"));
}

static struct node *volume_claim(const struct row *row)
{
    if (!value_present(value_at(row->root, "spec.claimRef")))
        return cell_text(row, STR(""));
    return cell_printf(row, "%.*s/%.*s", STR_ARG(value_str(row->root, "spec.claimRef.namespace")),
                       STR_ARG(value_str(row->root, "spec.claimRef.name")));
}

static struct node *storage_class(const struct row *row)
{
    struct value old = value_key(value_at(row->root, "metadata.annotations"),
                                 STR("volume.beta.kubernetes.io/storage-class"));
    return cell_text(row, value_present(old) ? value_str(old, "")
                                             : value_str(row->root, "spec.storageClassName"));
}

static struct node *claim_capacity(const struct row *row)
{
    if (row_text(row, "spec.volumeName").len == 0)
        return cell_text(row, STR(""));
    struct str size = row_text(row, "status.capacity.storage");
    return cell_text(row, size.len ? size : STR("0"));
}

static struct node *claim_modes(const struct row *row)
{
    if (row_text(row, "spec.volumeName").len == 0)
        return cell_text(row, STR(""));
    return access_modes(row, "status.accessModes");
}

/* "name: used/hard, ..." of the resources whose names begin with "limits." or of the others. */
static struct node *quota_cell(const struct row *row, bool limits)
{
    struct value hard = value_at(row->root, "status.hard"),
                 used = value_at(row->root, "status.used");
    struct str *names = arena_array(row->arena, struct str, value_count(hard) + 1);
    size_t count = 0;
    struct value_iter it = value_iter(hard);
    for (struct value v; value_next(&it, &v);)
        if (str_starts(it.key, "limits.") == limits)
            names[count++] = it.key;
    qsort(names, count, sizeof(*names), str_compare_items);
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        struct str have = value_text(row->arena, value_key(used, names[i]), "");
        buf_printf(&out, "%s%.*s: %.*s/%.*s", i ? ", " : "", STR_ARG(names[i]),
                   STR_ARG(have.len ? have : STR("0")),
                   STR_ARG(value_text(row->arena, value_key(hard, names[i]), "")));
    }
    return cell_buf(row, &out);
}

static struct node *quota_requests(const struct row *row)
{
    return quota_cell(row, false);
}

static struct node *quota_limits(const struct row *row)
{
    return quota_cell(row, true);
}

static struct node *service_cluster_ip(const struct row *row)
{
    struct str ip = value_str(value_item(value_at(row->root, "spec.clusterIPs"), 0), "");
    return cell_text(row, ip.len ? ip : STR("<none>"));
}

static struct node *service_external_ip(const struct row *row)
{
    struct str type = value_str(row->root, "spec.type");
    struct value ips = value_at(row->root, "spec.externalIPs");
    struct value ingress = value_at(row->root, "status.loadBalancer.ingress");
    if (str_is(type, "ExternalName"))
        return cell_text(row, value_str(row->root, "spec.externalName"));
    bool balanced = str_is(type, "LoadBalancer");
    if (!balanced && !str_is(type, "ClusterIP") && !str_is(type, "NodePort"))
        return cell_text(row, STR("<unknown>"));
    struct str *texts = arena_array(row->arena, struct str, value_count(ingress) + 1);
    size_t count = 0;
    struct value_iter it = value_iter(ingress);
    for (struct value v; balanced && value_next(&it, &v);) {
        struct str ip = value_str(v, "ip");
        texts[count] = ip.len ? ip : value_str(v, "hostname");
        count += texts[count].len > 0;
    }
    struct buf out = BUF_INIT;
    buf_add(&out, node_str(sorted_cell(row, texts, count, ""), ""));
    it = value_iter(ips);
    for (struct value v; value_next(&it, &v);)
        buf_printf(&out, "%s%.*s", out.len ? "," : "", STR_ARG(value_str(v, "")));
    if (out.len == 0)
        buf_puts(&out, balanced ? "<pending>" : "<none>");
    return cell_buf(row, &out);
}

static struct node *service_ports(const struct row *row)
{
    struct buf out = BUF_INIT;
    struct value_iter it = value_iter(value_at(row->root, "spec.ports"));
    for (struct value v; value_next(&it, &v);) {
        long long port = value_int(v, "port", 0), node_port = value_int(v, "nodePort", 0);
        buf_printf(&out, "%s%lld", out.len ? "," : "", port);
        if (node_port > 0)
            buf_printf(&out, ":%lld", node_port);
        buf_printf(&out, "/%.*s", STR_ARG(value_str(v, "protocol")));
    }
    if (out.len == 0)
        buf_puts(&out, "<none>");
    return cell_buf(row, &out);
}

/* Events have two shapes: the first name is that of core/v1, the second that of events.k8s.io/v1.
 */
static struct value event_value(const struct row *row, const char *core, const char *events)
{
    struct value v = value_at(row->root, core);
    return value_present(v) ? v : value_at(row->root, events);
}

static struct str event_first(const struct row *row)
{
    int64_t first =
        value_time_us(event_value(row, "firstTimestamp", "deprecatedFirstTimestamp"), "");
    return since(row, first ? first : value_time_us(row->root, "eventTime"));
}

static struct node *event_first_seen(const struct row *row)
{
    return cell_text(row, event_first(row));
}

static struct node *event_last_seen(const struct row *row)
{
    struct value series = value_at(row->root, "series");
    if (value_present(series))
        return cell_text(row, since(row, value_time_us(series, "lastObservedTime")));
    int64_t last = value_time_us(event_value(row, "lastTimestamp", "deprecatedLastTimestamp"), "");
    return cell_text(row, last ? since(row, last) : event_first(row));
}

static struct node *event_count(const struct row *row)
{
    struct value series = value_at(row->root, "series");
    int64_t count = value_int(event_value(row, "count", "deprecatedCount"), "", 0);
    if (value_present(series))
        count = value_int(series, "count", 0);
    else if (count == 0)
        count = 1;
    return node_int(row->arena, count);
}

static struct node *event_object(const struct row *row)
{
    struct value object = event_value(row, "involvedObject", "regarding");
    struct str name = value_str(object, "name");
    char *kind = arena_cstr(row->arena, value_str(object, "kind"));
    for (char *c = kind; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c += 'a' - 'A';
    return name.len ? cell_printf(row, "%s/%.*s", kind, STR_ARG(name))
                    : cell_text(row, str_from(kind));
}

static struct node *event_subobject(const struct row *row)
{
    return cell_text(row, value_str(event_value(row, "involvedObject", "regarding"), "fieldPath"));
}

static struct node *event_source(const struct row *row)
{
    struct value source = event_value(row, "source", "deprecatedSource");
    struct str component = value_str(source, "component"), host = value_str(source, "host");
    if (component.len == 0)
        component = value_str(event_value(row, "reportingComponent", "reportingController"), "");
    if (host.len == 0)
        host = value_str(row->root, "reportingInstance");
    return host.len ? cell_printf(row, "%.*s, %.*s", STR_ARG(component), STR_ARG(host))
                    : cell_text(row, component);
}

static struct node *event_message(const struct row *row)
{
    return cell_text(row, str_trim(value_str(event_value(row, "message", "note"), "")));
}

#define EVENT_CELLS                                                                                \
    CELLS(CALL(event_last_seen), TEXT("type"), TEXT("reason"), CALL(event_object),                 \
          CALL(event_subobject), CALL(event_source), CALL(event_message), CALL(event_first_seen),  \
          CALL(event_count), NAME)

const struct table_kind table_core_kinds[] = {
    {"", "pods",
     CELLS(NAME, CALL(pod_ready), CALL(pod_status), CALL(pod_restarts), AGE, CALL(pod_ip),
           TEXT_OR("spec.nodeName", "<none>"), TEXT_OR("status.nominatedNodeName", "<none>"),
           CALL(pod_readiness_gates))},
    {"", "componentstatuses",
     CELLS(NAME, CALL(component_status), CALL(component_message), CALL(component_error))},
    {"", "configmaps", CELLS(NAME, CALL(config_map_data), AGE)},
    {"", "endpoints", CELLS(NAME, CALL(endpoints_addresses), AGE)},
    {"", "events", EVENT_CELLS},
    {"events.k8s.io", "events", EVENT_CELLS},
    {"", "namespaces", CELLS(NAME, TEXT("status.phase"), AGE)},
    {"", "nodes",
     CELLS(NAME, CALL(node_status), CALL(node_roles), AGE, TEXT("status.nodeInfo.kubeletVersion"),
           CALL(node_internal_ip), CALL(node_external_ip),
           TEXT_OR("status.nodeInfo.osImage", "<unknown>"), CALL(node_kernel),
           TEXT_OR("status.nodeInfo.containerRuntimeVersion", "<unknown>"))},
    {"", "persistentvolumeclaims",
     CELLS(NAME, CALL(phase), TEXT("spec.volumeName"), CALL(claim_capacity), CALL(claim_modes),
           CALL(storage_class), TEXT_OR("spec.volumeAttributesClassName", "<unset>"), AGE,
           TEXT_OR("spec.volumeMode", "<unset>"))},
    {"", "persistentvolumes",
     CELLS(NAME, TEXT_OR("spec.capacity.storage", "0"), CALL(volume_modes),
           TEXT("spec.persistentVolumeReclaimPolicy"), CALL(phase), CALL(volume_claim),
           CALL(storage_class), TEXT_OR("spec.volumeAttributesClassName", "<unset>"),
           TEXT("status.reason"), AGE, TEXT_OR("spec.volumeMode", "<unset>"))},
    {"", "podtemplates",
     CELLS(NAME, NAMES("template.spec.containers"), IMAGES("template.spec.containers"),
           LABELS("template.metadata.labels"))},
    {"", "replicationcontrollers",
     CELLS(NAME, NUMBER("spec.replicas"), NUMBER("status.replicas"), NUMBER("status.readyReplicas"),
           AGE, NAMES("spec.template.spec.containers"), IMAGES("spec.template.spec.containers"),
           LABELS("spec.selector"))},
    {"", "resourcequotas", CELLS(NAME, CALL(quota_requests), CALL(quota_limits), AGE)},
    {"", "secrets", CELLS(NAME, TEXT("type"), COUNT("data"), AGE)},
    {"", "serviceaccounts", CELLS(NAME, AGE)},
    {"", "services",
     CELLS(NAME, TEXT("spec.type"), CALL(service_cluster_ip), CALL(service_external_ip),
           CALL(service_ports), AGE, LABELS("spec.selector"))},
};
const size_t table_core_kind_count = ARRAY_COUNT(table_core_kinds);
