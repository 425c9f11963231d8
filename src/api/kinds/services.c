/* Services. Source: ValidateService and its update rules in pkg/apis/core/validation of the
 * original. */
#include "api/kinds/service.h"

enum {
    CLIENT_IP_SECONDS_MAX = 86400
};

void check_endpoint_ip(struct check *c, struct str ip, struct str path)
{
    if (ip_family(ip) == 4) {
        uint64_t first = 0, second = 0;
        struct str rest = ip;
        if (str_to_u64(str_cut(&rest, '.'), &first) != 0 ||
            str_to_u64(str_cut(&rest, '.'), &second) != 0)
            return;
        if (str_is(ip, "0.0.0.0"))
            field_invalid(c->st, path, ip, "may not be unspecified (0.0.0.0)");
        if (first == 127)
            field_invalid(c->st, path, ip,
                          "may not be in the loopback range (127.0.0.0/8, ::1/128)");
        if (first == 169 && second == 254)
            field_invalid(c->st, path, ip,
                          "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
        if (str_starts(ip, "224.0.0."))
            field_invalid(c->st, path, ip,
                          "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
        return;
    }
    if (str_is(ip, "::"))
        field_invalid(c->st, path, ip, "may not be unspecified (0.0.0.0)");
    if (str_is(ip, "::1"))
        field_invalid(c->st, path, ip, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
}

static void check_one_port(struct check *c, const struct node *ports, size_t index, struct str path)
{
    const struct node *port = node_item(ports, index);
    struct str name = node_str(port, "name");
    if (node_count(ports) > 1 && str_empty(name)) {
        field_required(c->st, path_of(c, path, "name"), "%s", "");
    } else if (!str_empty(name)) {
        check_text(c, name, path_of(c, path, "name"), name_dns1123_label);
        if (repeats_earlier(&c->repeats, ports, index, "name"))
            field_duplicate(c->st, path_of(c, path, "name"), name);
    }
    check_port_number(c, node_num(port, "port", 0), path_of(c, path, "port"));
    check_needed_word(c, node_str(port, "protocol"), path_of(c, path, "protocol"), "SCTP|TCP|UDP");
    check_port(c, node_get(port, STR("targetPort")), path_of(c, path, "targetPort"));
    if (node_get(port, STR("appProtocol")))
        check_text(c, node_str(port, "appProtocol"), path_of(c, path, "appProtocol"),
                   name_qualified);
}

/* Whether this number with this protocol was there before; it is now. */
static bool pair_again(struct names *seen, const struct node *port, const char *member)
{
    struct str pair = arena_printf(seen->a, "%lld/%.*s", (long long)node_num(port, member, 0),
                                   STR_ARG(node_str(port, "protocol")));
    bool again = names_get(seen, pair) != 0;
    names_put(seen, pair, 1);
    return again;
}

static void check_port_conflicts(struct check *c, const struct node *ports, struct str type)
{
    struct names node_ports = {.a = c->a}, numbers = {.a = c->a};
    struct check_items items;
    check_items_begin(c, &items, node_count(ports));
    for (size_t i = 0; i < node_count(ports); i++) {
        const struct node *port = node_item(ports, i);
        int64_t number = node_num(port, "nodePort", 0);
        struct str at = path_of(c, path_index(c, STR("spec.ports"), i), "nodePort");
        if (number && str_is(type, "ClusterIP"))
            field_forbidden(c->st, at, "may not be used when `type` is 'ClusterIP'");
        if (number && pair_again(&node_ports, port, "nodePort"))
            status_add_cause(c->st, CAUSE_DUPLICATE, at, "Duplicate value: %lld",
                             (long long)number);
        check_item_done(c, &items);
    }
    check_items_end(c, &items);
    for (size_t i = 0; i < node_count(ports); i++) {
        const struct node *port = node_item(ports, i);
        if (pair_again(&numbers, port, "port"))
            status_add_cause(
                c->st, CAUSE_DUPLICATE, path_index(c, STR("spec.ports"), i),
                "Duplicate value: "
                "{\"Name\":\"\",\"Protocol\":\"%.*s\",\"AppProtocol\":null,\"Port\":%lld,"
                "\"TargetPort\":0,\"NodePort\":0}",
                STR_ARG(node_str(port, "protocol")), (long long)node_num(port, "port", 0));
    }
}

static void check_affinity_config(struct check *c, const struct node *service)
{
    struct str affinity = node_str(service, "spec.sessionAffinity"),
               path = STR("spec.sessionAffinityConfig");
    const struct node *config = node_at(service, "spec.sessionAffinityConfig");
    check_needed_word(c, affinity, STR("spec.sessionAffinity"), "ClientIP|None");
    if (str_is(affinity, "None") && config)
        field_forbidden(c->st, path, "must not be set when session affinity is None");
    if (!str_is(affinity, "ClientIP"))
        return;
    const struct node *seconds = node_at(config, "clientIP.timeoutSeconds");
    if (!config)
        field_required(c->st, path, "when session affinity type is ClientIP");
    else if (!node_get(config, STR("clientIP")))
        field_required(c->st, path_of(c, path, "clientIP"),
                       "when session affinity type is ClientIP");
    else if (!seconds)
        field_required(c->st, path_of(c, path, "clientIP.timeoutSeconds"),
                       "when session affinity type is ClientIP");
    else if (node_num(seconds, "", 0) <= 0 || node_num(seconds, "", 0) > CLIENT_IP_SECONDS_MAX)
        invalid_number(c, path_of(c, path, "clientIP.timeoutSeconds"), node_num(seconds, "", 0),
                       "must be greater than 0 and less than %d", CLIENT_IP_SECONDS_MAX);
}

static void check_type(struct check *c, const struct node *service, struct str type)
{
    bool headless = service_is_headless(service);
    if (node_count(node_at(service, "spec.ports")) == 0 && !headless &&
        !str_is(type, "ExternalName"))
        field_required(c->st, STR("spec.ports"), "%s", "");
    if (headless && word_in(type, "LoadBalancer|NodePort"))
        field_invalid(c->st, STR("spec.clusterIPs[0]"), STR("None"),
                      "may not be set to 'None' for %.*s services", STR_ARG(type));
    if (!str_is(type, "ExternalName"))
        return;
    if (node_count(node_at(service, "spec.clusterIPs")))
        field_forbidden(c->st, STR("spec.clusterIPs"), "may not be set for ExternalName services");
    if (node_count(node_at(service, "spec.ipFamilies")))
        field_forbidden(c->st, STR("spec.ipFamilies"), "may not be set for ExternalName services");
    if (node_at(service, "spec.ipFamilyPolicy"))
        field_forbidden(c->st, STR("spec.ipFamilyPolicy"),
                        "may not be set for ExternalName services");
    struct str name = node_str(service, "spec.externalName");
    if (str_ends(name, "."))
        name.len--;
    check_needed(c, name, STR("spec.externalName"), name_dns1123_subdomain);
}

static void check_load_balancer(struct check *c, const struct node *service, struct str type)
{
    bool balanced = str_is(type, "LoadBalancer");
    const struct node *ranges = node_at(service, "spec.loadBalancerSourceRanges"),
                      *class = node_at(service, "spec.loadBalancerClass");
    if (node_count(ranges) && !balanced)
        field_forbidden(c->st, STR("spec.LoadBalancerSourceRanges"),
                        "may only be used when `type` is 'LoadBalancer'");
    for (size_t i = 0; i < node_count(ranges); i++)
        check_cidr(c, str_trim(node_str(node_item(ranges, i), "")),
                   path_index(c, STR("spec.LoadBalancerSourceRanges"), i));
    if (node_at(service, "spec.allocateLoadBalancerNodePorts") && !balanced)
        field_forbidden(c->st, STR("spec.allocateLoadBalancerNodePorts"),
                        "may only be used when `type` is 'LoadBalancer'");
    if (balanced && !node_at(service, "spec.allocateLoadBalancerNodePorts"))
        field_required(c->st, STR("allocateLoadBalancerNodePorts"), "%s", "");
    if (class && balanced)
        check_text(c, node_str(class, ""), STR("spec.loadBalancerClass"), name_qualified);
    else if (class)
        field_forbidden(c->st, STR("spec.loadBalancerClass"),
                        "may only be used when `type` is 'LoadBalancer'");
}

static void check_traffic(struct check *c, const struct node *service, struct str type)
{
    struct str external = node_str(service, "spec.externalTrafficPolicy"),
               internal = node_str(service, "spec.internalTrafficPolicy");
    bool accessible =
        word_in(type, "NodePort|LoadBalancer") ||
        (str_is(type, "ClusterIP") && node_count(node_at(service, "spec.externalIPs")) > 0);
    if (!accessible && !str_empty(external))
        field_invalid(c->st, STR("spec.externalTrafficPolicy"), external,
                      "may only be set for externally-accessible services");
    if (accessible)
        check_needed_word(c, external, STR("spec.externalTrafficPolicy"), "Cluster|Local");
    int64_t health = node_num(service, "spec.healthCheckNodePort", 0);
    if (!service_needs_health_check(service) && health)
        invalid_number(
            c, STR("spec.healthCheckNodePort"), health,
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    if (service_needs_health_check(service) && health)
        check_port_number(c, health, STR("spec.healthCheckNodePort"));
    if (str_empty(internal) && word_in(type, "ClusterIP|NodePort|LoadBalancer"))
        field_required(c->st, STR("spec.internalTrafficPolicy"), "%s", "");
    if (!str_empty(internal))
        check_word(c, internal, STR("spec.internalTrafficPolicy"), "Cluster|Local");
    if (node_at(service, "spec.trafficDistribution"))
        check_word(c, node_str(service, "spec.trafficDistribution"),
                   STR("spec.trafficDistribution"), "PreferClose|PreferSameZone|PreferSameNode");
}

/* What was given stays while the Service has an address. */
static void check_changes(struct check *c, const struct node *service, const struct node *old)
{
    const struct node *now = node_at(service, "spec.clusterIPs"),
                      *before = node_at(old, "spec.clusterIPs");
    const struct node *families = node_at(service, "spec.ipFamilies"),
                      *old_families = node_at(old, "spec.ipFamilies");
    bool external = str_is(node_str(service, "spec.type"), "ExternalName") ||
                    str_is(node_str(old, "spec.type"), "ExternalName");
    bool headless = service_is_headless(service), was_headless = service_is_headless(old);
    if (!external && !(headless && was_headless)) {
        for (size_t i = 0; i < node_count(before) && node_count(now) == node_count(before); i++)
            if (!node_equal(node_item(now, i), node_item(before, i)))
                invalid_node(c, path_index(c, STR("spec.clusterIPs"), i), now,
                             "may not change once set");
        if (node_count(now) < node_count(before) && node_count(now) == 0)
            invalid_node(c, STR("spec.clusterIPs[0]"), now, "primary clusterIP can not be unset");
    }
    if (!external && !headless && !was_headless && node_count(families) == node_count(old_families))
        for (size_t i = 0; i < node_count(families); i++)
            if (!node_equal(node_item(families, i), node_item(old_families, i)))
                invalid_node(c, STR("spec.ipFamilies[0]"), families, "may not change once set");
    if (str_is(node_str(service, "spec.type"), "LoadBalancer") &&
        str_is(node_str(old, "spec.type"), "LoadBalancer") &&
        !str_equal(node_str(service, "spec.loadBalancerClass"),
                   node_str(old, "spec.loadBalancerClass")))
        field_invalid(c->st, STR("spec.loadBalancerClass"),
                      node_str(service, "spec.loadBalancerClass"), "may not change once set");
    if (service_needs_health_check(service) && service_needs_health_check(old) &&
        node_num(service, "spec.healthCheckNodePort", 0) !=
            node_num(old, "spec.healthCheckNodePort", 0))
        field_forbidden(c->st, STR("spec.healthCheckNodePort"), "field is immutable");
}

static void check_status(struct check *c, const struct node *service)
{
    const struct node *list = node_at(service, "status.loadBalancer.ingress");
    bool balanced = str_is(node_str(service, "spec.type"), "LoadBalancer");
    if (node_count(list) && !balanced)
        field_forbidden(c->st, STR("status.loadBalancer.ingress"),
                        "may only be used when `spec.type` is LoadBalancer");
    for (size_t i = 0; balanced && i < node_count(list); i++) {
        const struct node *one = node_item(list, i);
        struct str at = path_index(c, STR("status.loadBalancer.ingress"), i),
                   ip = node_str(one, "ip"), mode = node_str(one, "ipMode");
        struct str host = node_str(one, "hostname");
        if (!str_empty(ip))
            check_ip(c, ip, path_of(c, at, "ip"));
        if (!str_empty(ip) && !node_get(one, STR("ipMode")))
            field_required(c->st, path_of(c, at, "ipMode"), "must be specified when `ip` is set");
        else if (str_empty(ip) && node_get(one, STR("ipMode")))
            field_forbidden(c->st, path_of(c, at, "ipMode"),
                            "may not be specified when `ip` is not set");
        else if (node_get(one, STR("ipMode")))
            check_word(c, mode, path_of(c, at, "ipMode"), "Proxy|VIP");
        if (!str_empty(host)) {
            check_text(c, host, path_of(c, at, "hostname"), name_dns1123_subdomain);
            if (ip_family(host))
                field_invalid(c->st, path_of(c, at, "hostname"), host,
                              "must be a DNS name, not an IP address");
        }
    }
}

static void service_validate(const struct kind_ctx *ctx, const struct node *service,
                             const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    struct str type = node_str(service, "spec.type");
    const struct node *ports = node_at(service, "spec.ports"),
                      *external = node_at(service, "spec.externalIPs");
    if (str_is(ctx->subresource, "status")) {
        check_status(&c, service);
        return;
    }
    if (old)
        check_changes(&c, service, old);
    check_type(&c, service, type);
    struct check_items items;
    check_items_begin(&c, &items, node_count(ports));
    for (size_t i = 0; i < node_count(ports); i++) {
        check_one_port(&c, ports, i, path_index(&c, STR("spec.ports"), i));
        check_item_done(&c, &items);
    }
    check_items_end(&c, &items);
    check_label_map(&c, node_at(service, "spec.selector"), STR("spec.selector"));
    check_affinity_config(&c, service);
    if (!str_is(type, "ExternalName"))
        check_service_addresses(&c, service);
    for (size_t i = 0; i < node_count(external); i++) {
        struct str ip = node_str(node_item(external, i), ""),
                   at = path_index(&c, STR("spec.externalIPs"), i);
        if (!ip_family(ip))
            check_ip(&c, ip, at);
        else
            check_endpoint_ip(&c, ip, at);
    }
    check_needed_word(&c, type, STR("spec.type"), "ClusterIP|ExternalName|LoadBalancer|NodePort");
    check_port_conflicts(&c, ports, type);
    check_load_balancer(&c, service, type);
    check_traffic(&c, service, type);
}

static void service_warnings(const struct kind_ctx *ctx, const struct node *service,
                             const struct node *old maybe_unused,
                             void (*warn)(void *arg, struct str text), void *arg)
{
    const struct node *annotations = node_at(service, "metadata.annotations");
    bool headless = service_is_headless(service),
         external = node_count(node_at(service, "spec.externalIPs")) != 0;
    bool named = str_is(node_str(service, "spec.type"), "ExternalName");
    if (!str_empty(ctx->subresource))
        return;
    if (node_get(annotations, STR("service.kubernetes.io/topology-aware-hints")))
        warn(arg,
             STR("annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
                 "service.kubernetes.io/topology-mode instead"));
    if (headless && !str_empty(node_str(service, "spec.loadBalancerIP")))
        warn(arg, STR("spec.loadBalancerIP is ignored for headless services"));
    if (headless && external)
        warn(arg, STR("spec.externalIPs is ignored for headless services"));
    if (headless && !str_is(node_str(service, "spec.sessionAffinity"), "None"))
        warn(arg, STR("spec.SessionAffinity is ignored for headless services"));
    if (external && !headless && !named)
        warn(arg, STR("spec.externalIPs is deprecated and may no longer be implemented in some "
                      "clusters"));
    if (external && named)
        warn(arg, STR("spec.externalIPs is ignored when spec.type is \"ExternalName\""));
    if (!named && !str_empty(node_str(service, "spec.externalName")))
        warn(arg, STR("spec.externalName is ignored when spec.type is not \"ExternalName\""));
    if (str_is(node_str(service, "spec.trafficDistribution"), "PreferClose"))
        warn(
            arg,
            STR("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\""));
}

static const char *const service_labels[] = {"spec.clusterIP", "spec.type", NULL};

REGISTER(kind, services)
= {
    .group = "",
    .plural = "services",
    .flags = KIND_STATUS_SPLIT | KIND_CREATE_ON_UPDATE | KIND_RETURNS_DELETED,
    .name_rule = name_dns1123_label,
    .prepare = service_prepare,
    .allocate = service_allocate,
    .undo = service_undo,
    .released = service_released,
    .validate = service_validate,
    .warnings = service_warnings,
    .field_labels = service_labels,
};
