/* The Node object, its status and its lease as trees: the same for real and simulated nodes. */
#include "kernel/machine.h"
#include "kernel/path.h"
#include "node/agent_internal.h"

static struct str file_word(struct arena *a, const char *path)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    if (path_read(path, 4096, &text) < 0)
        return STR("");
    return arena_str(a, str_trim(buf_str(&text)));
}

static void put_labels(struct arena *a, struct node *node, const struct node_facts *f)
{
    struct machine machine;
    struct node *labels = node_need_map(a, node, "metadata.labels");
    machine_read(&machine);
    static const char *const of_arch[] = {"kubernetes.io/arch", "beta.kubernetes.io/arch"};
    static const char *const of_os[] = {"kubernetes.io/os", "beta.kubernetes.io/os"};
    for (size_t i = 0; i < 2; i++) {
        node_set(a, labels, str_from(of_arch[i]), node_text(a, str_from(machine.architecture)));
        node_set(a, labels, str_from(of_os[i]), node_text(a, STR("linux")));
    }
    node_set(a, labels, STR("kubernetes.io/hostname"), node_text_copy(a, str_from(f->name)));
    for (size_t i = 0; f->labels && f->labels[i]; i++) {
        struct str value = str_from(f->labels[i]);
        struct str key = str_cut(&value, '=');
        node_set(a, labels, arena_str(a, key), node_text_copy(a, value));
    }
}

/* "key=value:Effect" or "key:Effect". */
static void put_taints(struct arena *a, struct node *node, const struct node_facts *f)
{
    for (size_t i = 0; f->taints && f->taints[i]; i++) {
        struct str text = str_from(f->taints[i]);
        ssize_t colon = str_find_last(text, ':');
        struct node *taint = node_map(a);
        struct str pair = colon < 0 ? text : str_slice(text, 0, (size_t)colon);
        struct str effect =
            colon < 0 ? STR("NoSchedule") : str_slice(text, (size_t)colon + 1, text.len);
        struct str key = str_cut(&pair, '=');
        node_put_str(a, taint, "key", key);
        if (pair.len)
            node_put_str(a, taint, "value", pair);
        node_put_str(a, taint, "effect", effect);
        node_append(a, node_need_list(a, node, "spec.taints"), taint);
    }
}

struct node *node_object(struct arena *a, const struct node_facts *f)
{
    struct node *node = node_map(a);
    node_put_str(a, node, "apiVersion", STR("v1"));
    node_put_str(a, node, "kind", STR("Node"));
    node_put_str(a, node, "metadata.name", str_from(f->name));
    put_labels(a, node, f);
    struct node *notes = node_need_map(a, node, "metadata.annotations");
    node_set(a, notes, STR("volumes.kubernetes.io/controller-managed-attach-detach"),
             node_text(a, STR("true")));
    if (f->provider_id)
        node_put_str(a, node, "spec.providerID", str_from(f->provider_id));
    put_taints(a, node, f);
    return node;
}

static void put_condition(struct arena *a, struct node *list, const struct node *old,
                          const char *type, bool status, const char *reason, const char *message,
                          int64_t now_us)
{
    struct node *c = node_map(a);
    struct str text = status ? STR("True") : STR("False"), now = time_format(a, now_us);
    const struct node *before = node_find(old, "type", str_from(type));
    bool same = str_equal(node_str(before, "status"), text);
    node_put_str(a, c, "type", str_from(type));
    node_put(a, c, "status", node_text(a, text));
    node_put(a, c, "lastHeartbeatTime", node_text(a, now));
    node_put_str(a, c, "lastTransitionTime", same ? node_str(before, "lastTransitionTime") : now);
    node_put_str(a, c, "reason", str_from(reason));
    node_put_str(a, c, "message", str_from(message));
    node_append(a, list, c);
}

static void put_conditions(struct arena *a, struct node *status, const struct node_facts *f,
                           const struct node *old, int64_t now_us)
{
    const struct {
        const char *type;
        bool status;
        const char *bad_reason, *bad, *good_reason, *good;
    } pressures[] = {
        {"MemoryPressure", f->memory_pressure, "KubeletHasInsufficientMemory",
         "kubelet has insufficient memory available", "KubeletHasSufficientMemory",
         "kubelet has sufficient memory available"},
        {"DiskPressure", f->disk_pressure, "KubeletHasDiskPressure", "kubelet has disk pressure",
         "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
        {"PIDPressure", f->pid_pressure, "KubeletHasInsufficientPID",
         "kubelet has insufficient PID available", "KubeletHasSufficientPID",
         "kubelet has sufficient PID available"},
    };
    struct node *list = node_need_list(a, status, "conditions");
    for (size_t i = 0; i < ARRAY_COUNT(pressures); i++)
        put_condition(a, list, old, pressures[i].type, pressures[i].status,
                      pressures[i].status ? pressures[i].bad_reason : pressures[i].good_reason,
                      pressures[i].status ? pressures[i].bad : pressures[i].good, now_us);
    put_condition(a, list, old, "Ready", f->ready, f->ready ? "KubeletReady" : "KubeletNotReady",
                  f->ready ? "kubelet is posting ready status" : f->not_ready_message, now_us);
}

static void put_amounts(struct arena *a, struct node *status, const struct node_facts *f)
{
    static const char *const maps[] = {"capacity", "allocatable"};
    for (size_t i = 0; i < ARRAY_COUNT(maps); i++) {
        struct node *m = node_need_map(a, status, maps[i]);
        /* What the eviction threshold keeps back is not for pods. */
        int64_t memory = i == 0 ? f->memory_bytes : MAX(f->memory_bytes - (100ll << 20), 0);
        node_set(a, m, STR("cpu"), node_text_printf(a, "%lld", (long long)f->cpus));
        node_set(a, m, STR("memory"), node_text_printf(a, "%lldKi", (long long)(memory >> 10)));
        node_set(a, m, STR("ephemeral-storage"),
                 node_text_printf(a, "%lldKi", (long long)(f->storage_bytes >> 10)));
        node_set(a, m, STR("pods"), node_text_printf(a, "%lld", (long long)f->pods_max));
        node_set(a, m, STR("hugepages-1Gi"), node_text(a, STR("0")));
        node_set(a, m, STR("hugepages-2Mi"), node_text(a, STR("0")));
    }
}

static void put_info(struct arena *a, struct node *status, const struct node_facts *f)
{
    struct machine machine;
    machine_read(&machine);
    struct str id = file_word(a, "/etc/machine-id");
    struct node *info = node_need_map(a, status, "nodeInfo");
    node_put_str(a, info, "machineID", id);
    node_put_str(a, info, "systemUUID", id);
    node_put(a, info, "bootID", node_text(a, file_word(a, "/proc/sys/kernel/random/boot_id")));
    node_put_str(a, info, "kernelVersion", str_from(machine.kernel));
    node_put_str(a, info, "osImage", STR("Linux"));
    node_put_str(a, info, "containerRuntimeVersion", str_from(f->runtime_version));
    node_put_str(a, info, "kubeletVersion", STR(NODE_VERSION));
    node_put_str(a, info, "kubeProxyVersion", STR(""));
    node_put_str(a, info, "operatingSystem", STR("linux"));
    node_put_str(a, info, "architecture", str_from(machine.architecture));
}

struct node *node_status(struct arena *a, const struct node_facts *f,
                         const struct node *old_conditions, int64_t now_us)
{
    struct node *status = node_map(a), *list = node_need_list(a, status, "addresses");
    const struct {
        const char *type, *address;
    } addresses[] = {{"InternalIP", f->ip}, {"Hostname", f->name}};
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        if (!addresses[i].address)
            continue;
        struct node *item = node_map(a);
        node_put_str(a, item, "type", str_from(addresses[i].type));
        node_put_str(a, item, "address", str_from(addresses[i].address));
        node_append(a, list, item);
    }
    put_amounts(a, status, f);
    put_conditions(a, status, f, old_conditions, now_us);
    node_put_int(a, status, "daemonEndpoints.kubeletEndpoint.Port", f->port);
    put_info(a, status, f);
    /* The API server hands WebSockets on as they come instead of translating them. */
    node_append(a, node_need_list(a, status, "declaredFeatures"),
                node_text(a, STR("ExtendWebSocketsToKubelet")));
    return status;
}

struct node *node_lease(struct arena *a, const char *name, struct str node_uid, int64_t now_us)
{
    struct node *lease = node_map(a), *owner = node_map(a);
    node_put_str(a, lease, "apiVersion", STR("coordination.k8s.io/v1"));
    node_put_str(a, lease, "kind", STR("Lease"));
    node_put_str(a, lease, "metadata.name", str_from(name));
    node_put_str(a, lease, "metadata.namespace", STR("kube-node-lease"));
    if (node_uid.len) {
        node_put_str(a, owner, "apiVersion", STR("v1"));
        node_put_str(a, owner, "kind", STR("Node"));
        node_put_str(a, owner, "name", str_from(name));
        node_put_str(a, owner, "uid", node_uid);
        node_append(a, node_need_list(a, lease, "metadata.ownerReferences"), owner);
    }
    node_put_str(a, lease, "spec.holderIdentity", str_from(name));
    node_put_int(a, lease, "spec.leaseDurationSeconds", 40);
    node_put(a, lease, "spec.renewTime", node_text(a, micro_time_format(a, now_us)));
    return lease;
}
