#include "control/quota_usage.h"

static struct quantity one(void)
{
    return quantity_from_int(1);
}

static bool best_effort(const struct sealed *pod)
{
    struct str qos = object_str(pod, "status.qosClass");
    if (!str_empty(qos))
        return str_is(qos, "BestEffort");
    struct arena arena = ARENA_INIT;
    struct amounts requests = pod_amounts(&arena, object_at(pod, "spec"), "requests");
    struct amounts limits = pod_amounts(&arena, object_at(pod, "spec"), "limits");
    bool none = requests.count == 0 && limits.count == 0;
    arena_release(&arena);
    return none;
}

static bool names_other_namespaces(struct value terms, const char *path)
{
    struct value_iter it = value_iter(terms);
    for (struct value term; value_next(&it, &term);) {
        struct value t = *path ? value_at(term, path) : term;
        if (value_count(value_at(t, "namespaces")) ||
            value_present(value_at(t, "namespaceSelector")))
            return true;
    }
    return false;
}

static bool crosses_namespaces(const struct sealed *pod)
{
    static const char *const kinds[] = {"spec.affinity.podAffinity",
                                        "spec.affinity.podAntiAffinity"};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct value affinity = object_at(pod, kinds[i]);
        if (names_other_namespaces(
                value_at(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), "") ||
            names_other_namespaces(
                value_at(affinity, "preferredDuringSchedulingIgnoredDuringExecution"),
                "podAffinityTerm"))
            return true;
    }
    return false;
}

static bool has_text(struct value list, struct str text)
{
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);)
        if (str_equal(value_str(v, ""), text))
            return true;
    return false;
}

static bool priority_matches(const struct sealed *pod, struct value requirement)
{
    struct str class = object_str(pod, "spec.priorityClassName");
    struct str op = value_str(requirement, "operator");
    struct value values = value_at(requirement, "values");
    if (str_is(op, "In"))
        return has_text(values, class);
    if (str_is(op, "NotIn"))
        return !has_text(values, class);
    return str_is(op, "DoesNotExist") ? str_empty(class) : !str_empty(class);
}

static bool matches_scope(const struct sealed *pod, struct str scope, struct value requirement)
{
    bool terminating = value_present(object_at(pod, "spec.activeDeadlineSeconds"));
    if (str_is(scope, "Terminating"))
        return terminating;
    if (str_is(scope, "NotTerminating"))
        return !terminating;
    if (str_is(scope, "BestEffort"))
        return best_effort(pod);
    if (str_is(scope, "NotBestEffort"))
        return !best_effort(pod);
    if (str_is(scope, "PriorityClass"))
        return priority_matches(pod, requirement);
    if (str_is(scope, "CrossNamespacePodAffinity"))
        return crosses_namespaces(pod);
    return false;
}

bool quota_matches_pod(const struct sealed *pod, struct value quota_spec)
{
    struct value none = {.kind = VALUE_NONE};
    struct value_iter it = value_iter(value_at(quota_spec, "scopes"));
    for (struct value scope; value_next(&it, &scope);)
        if (!matches_scope(pod, value_str(scope, ""), none))
            return false;
    it = value_iter(value_at(quota_spec, "scopeSelector.matchExpressions"));
    for (struct value requirement; value_next(&it, &requirement);)
        if (!matches_scope(pod, value_str(requirement, "scopeName"), requirement))
            return false;
    return true;
}

/* A pod that has ended, or should have by now, counts as an object only. */
static bool holds_compute(const struct sealed *pod, int64_t now_us)
{
    if (pod_finished(pod))
        return false;
    if (!object_deleting(pod))
        return true;
    int64_t grace_s = object_int(pod, "metadata.deletionGracePeriodSeconds", 0);
    int64_t since = value_time_us(sealed_root(pod), "metadata.deletionTimestamp");
    return now_us <= since + grace_s * 1000000;
}

static bool is_native(struct str name)
{
    return str_is(name, "cpu") || str_is(name, "memory") || str_is(name, "ephemeral-storage");
}

void quota_use_pod(struct arena *a, const struct sealed *pod, int64_t now_us, struct amounts *used)
{
    amounts_add(a, used, STR("count/pods"), one());
    if (!holds_compute(pod, now_us))
        return;
    amounts_add(a, used, STR("pods"), one());
    struct amounts requests = pod_amounts(a, object_at(pod, "spec"), "requests");
    struct amounts limits = pod_amounts(a, object_at(pod, "spec"), "limits");
    for (size_t i = 0; i < requests.count; i++) {
        struct str name = requests.items[i].name;
        amounts_add(a, used, arena_printf(a, "requests.%.*s", STR_ARG(name)),
                    requests.items[i].value);
        if (is_native(name) || str_starts(name, "hugepages-"))
            amounts_add(a, used, name, requests.items[i].value);
    }
    for (size_t i = 0; i < limits.count; i++)
        if (is_native(limits.items[i].name))
            amounts_add(a, used, arena_printf(a, "limits.%.*s", STR_ARG(limits.items[i].name)),
                        limits.items[i].value);
}

void quota_use_service(struct arena *a, const struct sealed *service, struct amounts *used)
{
    struct str type = object_str(service, "spec.type");
    bool balanced = str_is(type, "LoadBalancer");
    bool node_ports = balanced || str_is(type, "NodePort");
    bool allocates = value_bool(sealed_root(service), "spec.allocateLoadBalancerNodePorts", true);
    int64_t ports = 0;
    struct value_iter it = value_iter(object_at(service, "spec.ports"));
    for (struct value port; value_next(&it, &port);)
        ports += !balanced || allocates || value_int(port, "nodePort", 0) != 0;
    amounts_add(a, used, STR("count/services"), one());
    amounts_add(a, used, STR("services"), one());
    amounts_add(a, used, STR("services.nodeports"), quantity_from_int(node_ports ? ports : 0));
    amounts_add(a, used, STR("services.loadbalancers"), quantity_from_int(balanced));
}

void quota_use_claim(struct arena *a, const struct sealed *claim, struct amounts *used)
{
    static const char suffix[] = ".storageclass.storage.k8s.io/";
    struct quantity storage = quantity_from_int(0);
    struct value requests = object_at(claim, "spec.resources.requests");
    (void)!quantity_parse(value_text(a, value_key(requests, STR("storage")), ""), &storage);
    struct str class = object_annotation(claim, "volume.beta.kubernetes.io/storage-class");
    if (str_empty(class))
        class = object_str(claim, "spec.storageClassName");
    amounts_add(a, used, STR("count/persistentvolumeclaims"), one());
    amounts_add(a, used, STR("persistentvolumeclaims"), one());
    amounts_add(a, used, STR("requests.storage"), storage);
    if (str_empty(class))
        return;
    amounts_add(a, used, arena_printf(a, "%.*s%spersistentvolumeclaims", STR_ARG(class), suffix),
                one());
    amounts_add(a, used, arena_printf(a, "%.*s%srequests.storage", STR_ARG(class), suffix),
                storage);
}

bool quota_counted_resource(struct str name, struct str *ret_plural, struct str *ret_group)
{
    static const char *const plain[] = {
        "pods",    "services",   "replicationcontrollers", "resourcequotas",
        "secrets", "configmaps", "persistentvolumeclaims"};
    *ret_group = STR("");
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        if (str_is(name, plain[i])) {
            *ret_plural = name;
            return true;
        }
    if (str_starts(name, "count/")) {
        struct str rest = str_slice(name, 6, name.len);
        *ret_plural = str_cut(&rest, '.');
        if (rest.data)
            *ret_group = rest;
        return true;
    }
    bool claims = str_is(name, "requests.storage") ||
                  str_find_str(name, STR(".storageclass.storage.k8s.io/")) >= 0;
    *ret_plural = claims                          ? STR("persistentvolumeclaims")
                  : str_starts(name, "services.") ? STR("services")
                                                  : STR("pods");
    return true;
}
