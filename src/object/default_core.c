#include "object/default_internal.h"
#include "object/patch_edit.h"
#include "object/scalar.h"

/* Hooks of core/v1: pods, their parts, services and what belongs to them. */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Components of a repository's path: words joined by one of . _ __ or dashes. */
static bool path_is_valid(struct str path)
{
    bool after_word = false;
    if (path.len == 0 || path.len > 255)
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        if (is_word(c)) {
            after_word = true;
            continue;
        }
        if (!after_word || i + 1 == path.len)
            return false;
        if (c == '_' && path.data[i + 1] == '_')
            i++;
        while (c == '-' && i + 1 < path.len && path.data[i + 1] == '-')
            i++;
        if (c != '.' && c != '_' && c != '-' && c != '/')
            return false;
        if (i + 1 == path.len || !is_word(path.data[i + 1]))
            return false;
        after_word = c != '/';
    }
    return true;
}

static bool tag_is_valid(struct str tag)
{
    if (tag.len == 0 || tag.len > 128 || tag.data[0] == '.' || tag.data[0] == '-')
        return false;
    for (size_t i = 0; i < tag.len; i++) {
        char c = tag.data[i];
        if (!is_word(c) && !(c >= 'A' && c <= 'Z') && c != '_' && c != '.' && c != '-')
            return false;
    }
    return true;
}

/* Whether what stands before the first slash is a registry's host. */
static bool is_host(struct str s)
{
    bool upper = false;
    for (size_t i = 0; i < s.len; i++)
        upper |= s.data[i] >= 'A' && s.data[i] <= 'Z';
    return upper || str_find(s, '.') >= 0 || str_find(s, ':') >= 0 || str_is(s, "localhost");
}

const char *default_pull_policy(struct str image)
{
    struct str rest = image, digest = STR_NONE, tag = STR_NONE;
    ssize_t at = str_find(rest, '@');
    if (at >= 0) {
        digest = str_slice(rest, (size_t)at + 1, rest.len);
        rest = str_slice(rest, 0, (size_t)at);
    }
    ssize_t slash = str_find(rest, '/');
    if (slash > 0 && is_host(str_slice(rest, 0, (size_t)slash)))
        rest = str_slice(rest, (size_t)slash + 1, rest.len);
    ssize_t colon = str_find_last(rest, ':');
    if (colon >= 0) {
        tag = str_slice(rest, (size_t)colon + 1, rest.len);
        rest = str_slice(rest, 0, (size_t)colon);
        if (!tag_is_valid(tag))
            return "IfNotPresent";
    }
    if (!path_is_valid(rest) || (at >= 0 && str_find(digest, ':') < 0))
        return "IfNotPresent";
    return str_is(tag, "latest") || (tag.len == 0 && at < 0) ? "Always" : "IfNotPresent";
}

static void default_container(struct arena *a, struct node *n)
{
    if (default_is_zero(node_get(n, STR("imagePullPolicy"))))
        node_set(a, n, STR("imagePullPolicy"),
                 node_text(a, str_from(default_pull_policy(node_str(n, "image")))));
}

static void default_image_volume(struct arena *a, struct node *n)
{
    if (default_is_zero(node_get(n, STR("pullPolicy"))))
        node_set(a, n, STR("pullPolicy"),
                 node_text(a, str_from(default_pull_policy(node_str(n, "reference")))));
}

static void default_volume(struct arena *a, struct node *n)
{
    member_each(m, n) if (!str_is(m->name, "name") && m->value->kind == NODE_MAP) return;
    node_set(a, n, STR("emptyDir"), node_map(a));
}

/* serviceAccount is an old name of serviceAccountName: both are always there. */
static void default_pod_spec(struct arena *a, struct node *n)
{
    struct str name = node_str(n, "serviceAccountName");
    if (name.len == 0)
        name = node_str(n, "serviceAccount");
    if (name.len > 0) {
        node_set(a, n, STR("serviceAccountName"), node_text(a, name));
        node_set(a, n, STR("serviceAccount"), node_text(a, name));
    }
}

/* Copies the members of from that into doesn't have. */
static void fill_map(struct arena *a, struct node *into, const struct node *from)
{
    member_each(m, from) if (!node_get(into, m->name))
        node_set(a, into, m->name, node_clone(a, m->value));
}

static void default_requests(struct arena *a, const struct node *containers)
{
    node_each(container, containers)
    {
        const struct node *limits = node_at(container, "resources.limits");
        if (node_is(limits, NODE_MAP))
            fill_map(a, node_need_map(a, container, "resources.requests"), limits);
    }
}

static void default_host_ports(struct arena *a, const struct node *containers)
{
    node_each(container, containers) node_each(
        port,
        node_get(container, STR("ports"))) if (default_is_zero(node_get(port, STR("hostPort"))) &&
                                               node_num(port, "containerPort", 0) != 0)
        node_put_int(a, port, "hostPort", node_num(port, "containerPort", 0));
}

/* What a container asks of one resource; false when it doesn't say. */
static bool container_amount(const struct node *container, const char *list, struct str resource,
                             struct quantity *ret)
{
    const struct node *n =
        node_get(node_get(node_get(container, STR("resources")), str_from(list)), resource);
    return node_is(n, NODE_STRING) && quantity_parse(n->text, ret) == 0;
}

/* The sum of what a pod's containers ask of one resource: all containers and sidecars together, or
 * the largest init container with the sidecars started before it, if that is more. */
static bool pod_amount(const struct node *spec, const char *list, struct str resource,
                       struct quantity *ret)
{
    struct quantity sum = {0}, sidecars = {0}, peak = {0}, amount;
    bool found = false;
    node_each(container, node_get(spec, STR("containers"))) if (container_amount(container, list,
                                                                                 resource, &amount))
    {
        uint8_t format = amount.format;
        sum = quantity_add(amount, sum);
        sum.format = format;
        found = true;
    }
    node_each(container, node_get(spec, STR("initContainers")))
    {
        bool has = container_amount(container, list, resource, &amount);
        struct quantity here = has ? amount : (struct quantity){0};
        found |= has;
        if (str_is(node_str(container, "restartPolicy"), "Always")) {
            sum = quantity_add(
                has && sum.nano == 0 ? (struct quantity){.format = here.format} : sum, here);
            sidecars = quantity_add(sidecars, here);
            here = sidecars;
        } else {
            here = quantity_add(here, sidecars);
        }
        if (quantity_compare(here, peak) > 0)
            peak = here;
    }
    *ret = quantity_compare(peak, sum) > 0 ? peak : sum;
    return found;
}

/* Names of resources in the lists of a pod's containers. */
static void collect_names(struct arena *a, const struct node *spec, const char *list,
                          struct node *names)
{
    static const char *const groups[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++)
        node_each(container, node_get(spec, str_from(groups[i])))
            member_each(m, node_get(node_get(container, STR("resources")), str_from(list)))
                node_set(a, names, m->name, node_null(a));
}

static void fill_from_containers(struct arena *a, struct node *spec, const char *list, bool huge)
{
    struct node *names = node_map(a);
    collect_names(a, spec, list, names);
    member_each(m, names)
    {
        bool wanted = huge ? str_starts(m->name, "hugepages-")
                           : str_is(m->name, "cpu") || str_is(m->name, "memory");
        struct quantity amount;
        const struct node *resources = node_get(spec, STR("resources"));
        if (!wanted || node_get(node_get(resources, str_from(list)), m->name) ||
            (huge && node_get(node_get(resources, STR("requests")), m->name)) ||
            !pod_amount(spec, list, m->name, &amount))
            continue;
        struct node *into = node_need_map(a, node_get(spec, STR("resources")), list);
        node_set(a, into, m->name, node_text(a, quantity_format(a, amount)));
    }
}

static void default_pod_resources(struct arena *a, struct node *spec)
{
    struct node *resources = node_get(spec, STR("resources"));
    if (!node_is(resources, NODE_MAP) || (node_count(node_get(resources, STR("limits"))) == 0 &&
                                          node_count(node_get(resources, STR("requests"))) == 0))
        return;
    fill_from_containers(a, spec, "limits", true);
    const struct node *limits = node_get(resources, STR("limits"));
    if (node_count(limits) == 0)
        return;
    fill_from_containers(a, spec, "requests", false);
    member_each(m, limits) if (str_is(m->name, "cpu") || str_is(m->name, "memory") ||
                               str_starts(m->name, "hugepages-"))
    {
        struct node *requests = node_need_map(a, resources, "requests");
        if (!node_get(requests, m->name))
            node_set(a, requests, m->name, node_clone(a, m->value));
    }
}

static void default_pod(struct arena *a, struct node *n)
{
    struct node *spec = node_get(n, STR("spec"));
    if (!node_is(spec, NODE_MAP))
        return;
    const struct node *containers = node_get(spec, STR("containers"));
    const struct node *init_containers = node_get(spec, STR("initContainers"));
    default_requests(a, containers);
    default_requests(a, init_containers);
    default_pod_resources(a, spec);
    if (node_flag(spec, "hostNetwork", false)) {
        default_host_ports(a, containers);
        default_host_ports(a, init_containers);
    }
}

static void default_replication_controller(struct arena *a, struct node *n)
{
    const struct node *labels = node_at(n, "spec.template.metadata.labels");
    if (!node_is(labels, NODE_MAP))
        return;
    if (node_count(node_at(n, "spec.selector")) == 0)
        node_put(a, n, "spec.selector", node_clone(a, labels));
    if (node_count(node_at(n, "metadata.labels")) == 0)
        node_put(a, n, "metadata.labels", node_clone(a, labels));
}

static void default_service_ports(struct arena *a, struct node *spec)
{
    node_each(port, node_get(spec, STR("ports")))
    {
        default_text(a, port, "protocol", "TCP", true);
        if (default_is_zero(node_get(port, STR("targetPort"))))
            node_put_int(a, port, "targetPort", node_num(port, "port", 0));
    }
}

static void default_service(struct arena *a, struct node *n)
{
    struct node *spec = node_get(n, STR("spec"));
    struct str type = node_str(spec, "type"), affinity = node_str(spec, "sessionAffinity");
    bool balanced = str_is(type, "LoadBalancer"), node_port = str_is(type, "NodePort");
    bool cluster = str_is(type, "ClusterIP");
    if (str_is(affinity, "None"))
        (void)node_del(spec, "sessionAffinityConfig");
    else if (str_is(affinity, "ClientIP"))
        default_int(a, spec, "sessionAffinityConfig.clientIP.timeoutSeconds", 10800, false);
    default_service_ports(a, spec);
    if (balanced || node_port || (cluster && node_count(node_get(spec, STR("externalIPs"))) > 0))
        default_text(a, spec, "externalTrafficPolicy", "Cluster", true);
    if (balanced || node_port || cluster)
        default_text(a, spec, "internalTrafficPolicy", "Cluster", false);
    if (!balanced)
        return;
    default_bool(a, spec, "allocateLoadBalancerNodePorts", true);
    node_each(ingress,
              node_at(n, "status.loadBalancer.ingress")) if (node_str(ingress, "ip").len > 0)
        default_text(a, ingress, "ipMode", "VIP", false);
}

static void default_namespace(struct arena *a, struct node *n)
{
    struct str name = node_str(n, "metadata.name");
    if (name.len > 0)
        node_set(a, node_need_map(a, n, "metadata.labels"), STR("kubernetes.io/metadata.name"),
                 node_text(a, name));
}

static void default_node_status(struct arena *a, struct node *n)
{
    const struct node *capacity = node_get(n, STR("capacity"));
    if (node_is(capacity, NODE_MAP) && default_unset(node_get(n, STR("allocatable"))))
        node_set(a, n, STR("allocatable"), node_clone(a, capacity));
}

static void default_limit_range_item(struct arena *a, struct node *n)
{
    if (!str_is(node_str(n, "type"), "Container"))
        return;
    struct node *limits = node_need_map(a, n, "default");
    fill_map(a, limits, node_get(n, STR("max")));
    struct node *requests = node_need_map(a, n, "defaultRequest");
    fill_map(a, requests, limits);
    fill_map(a, requests, node_get(n, STR("min")));
}

const struct default_hook default_core_hooks[] = {
    {"core/v1.Container", default_container},
    {"core/v1.EphemeralContainer", default_container},
    {"core/v1.ImageVolumeSource", default_image_volume},
    {"core/v1.LimitRangeItem", default_limit_range_item},
    {"core/v1.Namespace", default_namespace},
    {"core/v1.NodeStatus", default_node_status},
    {"core/v1.Pod", default_pod},
    {"core/v1.PodSpec", default_pod_spec},
    {"core/v1.ReplicationController", default_replication_controller},
    {"core/v1.Service", default_service},
    {"core/v1.Volume", default_volume},
};
const size_t default_core_hook_count = ARRAY_COUNT(default_core_hooks);
