#include "admit/quota_usage.h"

#include "admit/pod_resources.h"

static bool is(const struct resource *r, const char *group, const char *plural)
{
    return strcmp(r->plural, plural) == 0 && strcmp(r->group, group) == 0;
}

static struct str count_name(struct arena *a, const struct resource *r)
{
    return arena_printf(a, "count/%s%s%s", r->plural, r->group[0] ? "." : "", r->group);
}

static void put(struct arena *a, struct node *usage, struct str name, struct str value)
{
    node_set(a, usage, name, node_text(a, value));
}

static void put_count(struct arena *a, struct node *usage, const char *name, int64_t value)
{
    put(a, usage, str_from(name), arena_printf(a, "%lld", (long long)value));
}

/* Names under which a requested amount counts. */
static void add_amounts(struct arena *a, struct node *usage, const struct node *requests,
                        const struct node *limits)
{
    static const char *const basic[] = {"cpu", "memory", "ephemeral-storage"};
    for (size_t i = 0; i < ARRAY_COUNT(basic); i++) {
        struct str request = node_str(node_get(requests, str_from(basic[i])), "");
        struct str limit = node_str(node_get(limits, str_from(basic[i])), "");
        if (!str_empty(request)) {
            put(a, usage, str_from(basic[i]), request);
            put(a, usage, arena_printf(a, "requests.%s", basic[i]), request);
        }
        if (!str_empty(limit))
            put(a, usage, arena_printf(a, "limits.%s", basic[i]), limit);
    }
    member_each(m, requests)
    {
        struct str value = node_str(m->value, "");
        bool huge = str_starts(m->name, "hugepages-");
        bool extended =
            str_find(m->name, '/') > 0 && str_find_str(m->name, STR("kubernetes.io/")) < 0;
        if (huge)
            put(a, usage, m->name, value);
        if (huge || extended)
            put(a, usage, arena_printf(a, "requests.%.*s", STR_ARG(m->name)), value);
    }
}

static bool counts(const struct node *pod, int64_t now_us)
{
    struct str phase = node_str(pod, "status.phase"),
               deletion = node_str(pod, "metadata.deletionTimestamp");
    int64_t at_us;
    if (str_is(phase, "Failed") || str_is(phase, "Succeeded"))
        return false;
    if (str_empty(deletion) || time_parse(deletion, &at_us) != 0 ||
        !node_at(pod, "metadata.deletionGracePeriodSeconds"))
        return true;
    return now_us <= at_us + node_num(pod, "metadata.deletionGracePeriodSeconds", 0) * 1000000;
}

static void service_usage(struct arena *a, struct node *usage, const struct node *service)
{
    struct str type = node_str(service, "spec.type");
    const struct node *ports = node_at(service, "spec.ports");
    int64_t node_ports = 0;
    bool balanced = str_is(type, "LoadBalancer");
    if (balanced && !node_flag(service, "spec.allocateLoadBalancerNodePorts", true)) {
        node_each(port, ports) node_ports += node_num(port, "nodePort", 0) != 0;
    } else if (balanced || str_is(type, "NodePort")) {
        node_ports = (int64_t)node_count(ports);
    }
    put_count(a, usage, "services", 1);
    put_count(a, usage, "services.loadbalancers", balanced);
    put_count(a, usage, "services.nodeports", node_ports);
}

static void claim_usage(struct arena *a, struct node *usage, const struct node *claim)
{
    struct str class = node_str(node_get(node_at(claim, "metadata.annotations"),
                                         STR("volume.beta.kubernetes.io/storage-class")),
                                "");
    struct str size = node_str(claim, "spec.resources.requests.storage");
    if (str_empty(class))
        class = node_str(claim, "spec.storageClassName");
    put_count(a, usage, "persistentvolumeclaims", 1);
    if (!str_empty(size))
        put(a, usage, STR("requests.storage"), size);
    if (str_empty(class))
        return;
    put(a, usage,
        arena_printf(a, "%.*s.storageclass.storage.k8s.io/persistentvolumeclaims", STR_ARG(class)),
        STR("1"));
    if (!str_empty(size))
        put(a, usage,
            arena_printf(a, "%.*s.storageclass.storage.k8s.io/requests.storage", STR_ARG(class)),
            size);
}

/* Counted under their plain name, too. */
static bool has_plain_name(const struct resource *r)
{
    static const char *const plain[] = {"configmaps", "secrets", "replicationcontrollers",
                                        "resourcequotas"};
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        if (is(r, "", plain[i]))
            return true;
    return false;
}

struct node *quota_usage(struct arena *a, const struct resource *r, const struct node *object,
                         int64_t now_us)
{
    struct node *usage = node_map(a);
    put(a, usage, count_name(a, r), STR("1"));
    if (is(r, "", "pods") && counts(object, now_us)) {
        put_count(a, usage, "pods", 1);
        add_amounts(a, usage, pod_total(a, object, "requests"), pod_total(a, object, "limits"));
    } else if (is(r, "", "services")) {
        service_usage(a, usage, object);
    } else if (is(r, "", "persistentvolumeclaims")) {
        claim_usage(a, usage, object);
    } else if (has_plain_name(r)) {
        put_count(a, usage, r->plural, 1);
    }
    return usage;
}

bool quota_name_is_about(struct arena *a, const struct resource *r, struct str name)
{
    if (str_equal(name, count_name(a, r)))
        return true;
    if (is(r, "", "pods"))
        return str_is(name, "pods") || str_is(name, "cpu") || str_is(name, "memory") ||
               str_is(name, "ephemeral-storage") ||
               (str_starts(name, "requests.") && !str_is(name, "requests.storage")) ||
               str_starts(name, "limits.") || str_starts(name, "hugepages-");
    if (is(r, "", "services"))
        return str_is(name, "services") || str_is(name, "services.loadbalancers") ||
               str_is(name, "services.nodeports");
    if (is(r, "", "persistentvolumeclaims"))
        return str_is(name, "persistentvolumeclaims") || str_is(name, "requests.storage") ||
               str_ends(name, ".storageclass.storage.k8s.io/persistentvolumeclaims") ||
               str_ends(name, ".storageclass.storage.k8s.io/requests.storage");
    return has_plain_name(r) && str_is(name, r->plural);
}

static bool is_best_effort(const struct node *pod)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers"},
                             *const sides[] = {"requests", "limits"};
    for (size_t l = 0; l < 2; l++)
        node_each(container, node_at(pod, lists[l])) for (size_t s = 0; s < 2; s++)
        {
            const struct node *list =
                node_get(node_get(container, STR("resources")), str_from(sides[s]));
            if (node_get(list, STR("cpu")) || node_get(list, STR("memory")))
                return false;
        }
    return node_count(node_at(pod, "spec.resources.requests")) == 0 &&
           node_count(node_at(pod, "spec.resources.limits")) == 0;
}

static bool crosses_namespaces(const struct node *pod)
{
    static const char *const kinds[] = {"spec.affinity.podAffinity",
                                        "spec.affinity.podAntiAffinity"};
    for (size_t i = 0; i < 2; i++) {
        const struct node *affinity = node_at(pod, kinds[i]);
        node_each(
            term,
            node_get(affinity, STR("requiredDuringSchedulingIgnoredDuringExecutio"
                                   "n"))) if (node_count(node_get(term, STR("namespaces"))) ||
                                              node_get(term, STR("namespaceSelector"))) return true;
        node_each(
            weighted,
            node_get(affinity,
                     STR("preferredDuringSchedulingIgnoredDuringExecutio"
                         "n"))) if (node_count(node_at(weighted, "podAffinityTerm.namespaces")) ||
                                    node_at(weighted,
                                            "podAffinityTerm.namespaceSelector")) return true;
    }
    return false;
}

static bool value_matches(struct str value, struct str operator_, const struct node *values)
{
    bool listed = false;
    node_each(v, values) listed = listed || str_equal(node_str(v, ""), value);
    if (str_is(operator_, "In"))
        return !str_empty(value) && listed;
    if (str_is(operator_, "NotIn"))
        return !listed;
    if (str_is(operator_, "DoesNotExist"))
        return str_empty(value);
    return !str_empty(value);
}

static bool scope_matches(const struct resource *r, struct str scope, struct str operator_,
                          const struct node *values, const struct node *object)
{
    if (is(r, "", "persistentvolumeclaims"))
        return str_is(scope, "VolumeAttributesClass") &&
               value_matches(node_str(object, "spec.volumeAttributesClassName"), operator_, values);
    if (!is(r, "", "pods"))
        return false;
    bool terminating = node_num(object, "spec.activeDeadlineSeconds", -1) >= 0;
    if (str_is(scope, "Terminating"))
        return terminating;
    if (str_is(scope, "NotTerminating"))
        return !terminating;
    if (str_is(scope, "BestEffort"))
        return is_best_effort(object);
    if (str_is(scope, "NotBestEffort"))
        return !is_best_effort(object);
    if (str_is(scope, "CrossNamespacePodAffinity"))
        return crosses_namespaces(object);
    return str_is(scope, "PriorityClass") &&
           value_matches(node_str(object, "spec.priorityClassName"), operator_, values);
}

bool quota_scopes_match(const struct resource *r, const struct node *quota,
                        const struct node *object)
{
    node_each(scope, node_at(quota, "spec.scopes")) if (!scope_matches(r, node_str(scope, ""),
                                                                       STR("Exists"), NULL,
                                                                       object)) return false;
    node_each(
        term,
        node_at(
            quota,
            "spec.scopeSelector.matchExpressions")) if (!scope_matches(r,
                                                                       node_str(term, "scopeName"),
                                                                       node_str(term, "operator"),
                                                                       node_get(term,
                                                                                STR("values")),
                                                                       object)) return false;
    return true;
}

static bool says(struct arena *a, const struct node *container, struct str name)
{
    struct node *usage = node_map(a);
    add_amounts(a, usage, node_at(container, "resources.requests"),
                node_at(container, "resources.limits"));
    return node_get(usage, name) != NULL;
}

static int compare_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

struct str quota_missing_requests(struct arena *a, const struct node *pod, const struct node *hard)
{
    /* In the order of names, as the original's sets give them. */
    static const char *const needed[] = {"cpu",    "limits.cpu",   "limits.memory",
                                         "memory", "requests.cpu", "requests.memory"};
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    struct str text = STR_NONE;
    if (node_count(node_at(pod, "spec.resources.requests")) ||
        node_count(node_at(pod, "spec.resources.limits")))
        return text;
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++) {
        struct str names[64], joined = STR_NONE;
        size_t count = 0;
        if (!node_get(hard, str_from(needed[i])))
            continue;
        for (size_t l = 0; l < ARRAY_COUNT(lists); l++)
            node_each(container,
                      node_at(pod, lists[l])) if (count < ARRAY_COUNT(names) &&
                                                  !says(a, container, str_from(needed[i])))
                names[count++] = node_str(container, "name");
        qsort(names, count, sizeof(names[0]), compare_text);
        for (size_t k = 0; k < count; k++)
            joined =
                arena_printf(a, "%.*s%s%.*s", STR_ARG(joined), k ? "," : "", STR_ARG(names[k]));
        if (count)
            text = arena_printf(a, "%.*s%s%s for: %.*s", STR_ARG(text), text.len ? "; " : "",
                                needed[i], STR_ARG(joined));
    }
    return text;
}
