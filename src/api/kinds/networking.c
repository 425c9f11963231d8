/* Ingresses, IngressClasses, NetworkPolicies, IPAddresses, ServiceCIDRs. */
#include "api/kinds/check.h"

#define GROUP "networking.k8s.io"

/* What the status of some kinds leaves as it was. */
static const char *const reset_all[] = {"spec", "metadata", NULL};

static void check_host(struct check *c, struct str host, struct str path)
{
    check_text(c, host, path,
               str_find(host, '*') >= 0 ? name_dns1123_wildcard : name_dns1123_subdomain);
}

static void check_local_reference(struct check *c, const struct node *ref, struct str path)
{
    if (node_get(ref, STR("apiGroup")))
        check_text(c, node_str(ref, "apiGroup"), path_of(c, path, "apiGroup"),
                   name_dns1123_subdomain);
    check_needed(c, node_str(ref, "kind"), path_of(c, path, "kind"), name_path_segment);
    check_needed(c, node_str(ref, "name"), path_of(c, path, "name"), name_path_segment);
}

static void check_backend(struct check *c, const struct node *backend, struct str path)
{
    const struct node *service = node_get(backend, STR("service")),
                      *resource = node_get(backend, STR("resource"));
    if (service && resource) {
        field_invalid(c->st, path, STR(""), "cannot set both resource and service backends");
        return;
    }
    if (resource) {
        check_local_reference(c, resource, path_of(c, path, "resource"));
        return;
    }
    if (!service) {
        field_invalid(c->st, path, STR(""), "resource or service backend is required");
        return;
    }
    check_needed(c, node_str(service, "name"), path_of(c, path, "service.name"),
                 name_dns1123_label);
    struct str port = node_str(service, "port.name");
    int64_t number = node_num(service, "port.number", 0);
    if (!str_empty(port) && number)
        field_invalid(c->st, path, STR(""), "cannot set both port name & port number");
    else if (!str_empty(port))
        check_text(c, port, path_of(c, path, "service.port.name"), name_port);
    else if (number)
        check_port_number(c, number, path_of(c, path, "service.port.number"));
    else
        field_required(c->st, path, "port name or number is required");
}

static void check_http_path(struct check *c, const struct node *item, struct str path)
{
    static const char *const sequences[] = {"//", "/./", "/../", "%2f", "%2F"};
    static const char *const endings[] = {"/..", "/."};
    struct str text = node_str(item, "path"), type = node_str(item, "pathType"),
               at = path_of(c, path, "path");
    if (!node_get(item, STR("pathType"))) {
        field_required(c->st, path_of(c, path, "pathType"), "pathType must be specified");
        return;
    }
    bool strict = word_in(type, "Exact|Prefix"), loose = str_is(type, "ImplementationSpecific");
    if ((strict || (loose && !str_empty(text))) && !str_starts(text, "/"))
        field_invalid(c->st, at, text, "must be an absolute path");
    for (size_t i = 0; strict && i < ARRAY_COUNT(sequences); i++)
        if (str_find_str(text, str_from(sequences[i])) >= 0)
            field_invalid(c->st, at, text, "must not contain '%s'", sequences[i]);
    for (size_t i = 0; strict && i < ARRAY_COUNT(endings); i++)
        if (str_ends(text, endings[i]))
            field_invalid(c->st, at, text, "cannot end with '%s'", endings[i]);
    if (!strict && !loose)
        check_word(c, type, path_of(c, path, "pathType"), "Exact|ImplementationSpecific|Prefix");
    check_backend(c, node_get(item, STR("backend")), path_of(c, path, "backend"));
}

static void check_ingress_rules(struct check *c, const struct node *rules)
{
    for (size_t i = 0; i < node_count(rules); i++) {
        const struct node *rule = node_item(rules, i), *http = node_get(rule, STR("http")),
                          *paths = node_get(http, STR("paths"));
        struct str path = path_index(c, STR("spec.rules"), i), host = node_str(rule, "host");
        if (ip_family(host))
            field_invalid(c->st, path_of(c, path, "host"), host,
                          "must be a DNS name, not an IP address");
        if (!str_empty(host))
            check_host(c, host, path_of(c, path, "host"));
        if (http && node_count(paths) == 0)
            field_required(c->st, path_of(c, path, "http.paths"), "%s", "");
        for (size_t k = 0; k < node_count(paths); k++)
            check_http_path(c, node_item(paths, k),
                            path_index(c, path_of(c, path, "http.paths"), k));
    }
}

static void ingress_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *rules = node_at(object, "spec.rules"),
                      *backend = node_at(object, "spec.defaultBackend");
    const struct node *tls = node_at(object, "spec.tls"),
                      *class = node_at(object, "spec.ingressClassName");
    const struct str key = STR("kubernetes.io/ingress.class");
    if (str_is(ctx->subresource, "status"))
        return;
    if (node_count(rules) == 0 && !backend)
        invalid_node(&c, STR("spec"), rules,
                     "either `defaultBackend` or `rules` must be specified");
    if (backend)
        check_backend(&c, backend, STR("spec.defaultBackend"));
    check_ingress_rules(&c, rules);
    for (size_t i = 0; i < node_count(tls); i++) {
        const struct node *hosts = node_get(node_item(tls, i), STR("hosts"));
        struct str path = path_index(&c, STR("spec.tls"), i),
                   secret = node_str(node_item(tls, i), "secretName");
        for (size_t k = 0; k < node_count(hosts); k++)
            check_host(&c, node_str(node_item(hosts, k), ""),
                       path_index(&c, path_of(&c, path, "hosts"), k));
        if (!str_empty(secret))
            check_text(&c, secret, path_of(&c, path, "secretName"), name_dns1123_subdomain);
    }
    if (class)
        check_text(&c, node_str(class, ""), STR("spec.ingressClassName"), name_dns1123_subdomain);
    const struct node *annotation = node_get(node_at(object, "metadata.annotations"), key);
    if (!old && annotation && class && !str_equal(node_str(annotation, ""), node_str(class, "")))
        field_invalid(st, STR("annotations.kubernetes.io/ingress.class"), node_str(annotation, ""),
                      "must match `ingressClassName` when both are specified");
}

REGISTER(kind, ingresses)
= {.group = GROUP,
   .plural = "ingresses",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .validate = ingress_validate};

static void ingress_class_validate(const struct kind_ctx *ctx, const struct node *object,
                                   const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    struct str controller = node_str(object, "spec.controller");
    const struct node *parameters = node_at(object, "spec.parameters");
    if (controller.len > 250)
        field_too_long(st, STR("spec.controller"), 250);
    ssize_t slash = str_find(controller, '/');
    if (str_empty(controller))
        field_required(st, STR("spec.controller"), "%s", "");
    else if (slash <= 0 || (size_t)slash + 1 == controller.len)
        field_invalid(st, STR("spec.controller"), controller,
                      "must be a domain-prefixed path (such as \"acme.io/foo\")");
    if (parameters) {
        struct str scope = node_str(parameters, "scope"), ns = node_str(parameters, "namespace");
        check_local_reference(&c, parameters, STR("spec.parameters"));
        if (str_empty(scope))
            field_required(st, STR("spec.parameters.scope"), "%s", "");
        else
            check_word(&c, scope, STR("spec.parameters.scope"), "Cluster|Namespace");
        if (str_is(scope, "Namespace") && str_empty(ns))
            field_required(st, STR("spec.parameters.namespace"),
                           "`parameters.scope` is set to 'Namespace'");
        if (str_is(scope, "Cluster") && node_get(parameters, STR("namespace")))
            field_forbidden(st, STR("spec.parameters.namespace"),
                            "`parameters.scope` is set to 'Cluster'");
    }
    if (old)
        check_immutable_at(&c, object, old, "spec.controller");
}

REGISTER(kind, ingress_classes)
= {.group = GROUP,
   .plural = "ingressclasses",
   .flags = KIND_GENERATION,
   .validate = ingress_class_validate};

static void check_policy_port(struct check *c, const struct node *port, struct str path)
{
    const struct node *number = node_get(port, STR("port")), *end = node_get(port, STR("endPort"));
    int64_t last = node_num(end, "", 0);
    if (node_get(port, STR("protocol")))
        check_word(c, node_str(port, "protocol"), path_of(c, path, "protocol"), "TCP|UDP|SCTP");
    if (!number) {
        if (end)
            invalid_number(c, path_of(c, path, "endPort"), last,
                           "may not be specified when `port` is not specified");
        return;
    }
    if (node_is(number, NODE_STRING) && end)
        invalid_number(c, path_of(c, path, "endPort"), last,
                       "may not be specified when `port` is non-numeric");
    check_port(c, number, path_of(c, path, "port"));
    if (!node_is(number, NODE_INT) || !end)
        return;
    if (last < number->integer)
        invalid_number(c, path_of(c, path, "endPort"), number->integer,
                       "must be greater than or equal to `port`");
    check_port_number(c, last, path_of(c, path, "endPort"));
}

static void check_peer(struct check *c, const struct node *peer, struct str path)
{
    const struct node *pods = node_get(peer, STR("podSelector")),
                      *spaces = node_get(peer, STR("namespaceSelector"));
    const struct node *block = node_get(peer, STR("ipBlock")),
                      *except = node_get(block, STR("except"));
    check_label_selector(c, pods, path_of(c, path, "podSelector"));
    check_label_selector(c, spaces, path_of(c, path, "namespaceSelector"));
    struct str cidr = node_str(block, "cidr"), at = path_of(c, path, "ipBlock.cidr");
    if (block && str_empty(cidr))
        field_required(c->st, at, "%s", "");
    else if (block) {
        check_cidr(c, cidr, at);
        for (size_t i = 0; i < node_count(except); i++) {
            struct str one = node_str(node_item(except, i), ""),
                       where = path_index(c, path_of(c, path, "ipBlock.except"), i);
            check_cidr(c, one, where);
            if (cidr_family(cidr) && cidr_family(one) && !cidr_holds(cidr, one))
                field_invalid(c->st, where, one, "must be a strict subset of `cidr`");
        }
    }
    if (!pods && !spaces && !block)
        field_required(c->st, path, "must specify a peer");
    else if (block && (pods || spaces))
        field_forbidden(c->st, path, "may not specify both ipBlock and another peer");
}

static void check_policy_rules(struct check *c, const struct node *rules, const char *direction,
                               const char *peers)
{
    struct str base = path_of(c, STR("spec"), direction);
    for (size_t i = 0; i < node_count(rules); i++) {
        const struct node *ports = node_get(node_item(rules, i), STR("ports"));
        const struct node *list = node_get(node_item(rules, i), str_from(peers));
        struct str path = path_index(c, base, i);
        for (size_t k = 0; k < node_count(ports); k++)
            check_policy_port(c, node_item(ports, k), path_index(c, path_of(c, path, "ports"), k));
        for (size_t k = 0; k < node_count(list); k++)
            check_peer(c, node_item(list, k), path_index(c, path_of(c, path, peers), k));
    }
}

static void policy_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *types = node_at(object, "spec.policyTypes");
    check_label_selector(&c, node_at(object, "spec.podSelector"), STR("spec.podSelector"));
    check_policy_rules(&c, node_at(object, "spec.ingress"), "ingress", "from");
    check_policy_rules(&c, node_at(object, "spec.egress"), "egress", "to");
    if (node_count(types) > 2) {
        invalid_node(&c, STR("spec.policyTypes"), types,
                     "may not specify more than two policyTypes");
        return;
    }
    for (size_t i = 0; i < node_count(types); i++)
        check_word(&c, node_str(node_item(types, i), ""),
                   path_index(&c, STR("spec.policyTypes"), i), "Ingress|Egress");
}

REGISTER(kind, network_policies)
= {.group = GROUP,
   .plural = "networkpolicies",
   .flags = KIND_GENERATION,
   .validate = policy_validate};

static const char *name_ip(struct str s)
{
    return ip_family(s) ? NULL : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

static void address_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *parent = node_at(object, "spec.parentRef");
    if (!parent) {
        field_required(st, STR("spec.parentRef"), "%s", "");
    } else {
        if (!str_empty(node_str(parent, "group")))
            check_text(&c, node_str(parent, "group"), STR("spec.parentRef.group"),
                       name_dns1123_subdomain);
        check_needed(&c, node_str(parent, "resource"), STR("spec.parentRef.resource"),
                     name_path_segment);
        check_needed(&c, node_str(parent, "name"), STR("spec.parentRef.name"), name_path_segment);
    }
    if (old)
        check_immutable_at(&c, object, old, "spec.parentRef");
}

static const char *const address_labels[] = {"spec.parentRef.group", "spec.parentRef.resource",
                                             "spec.parentRef.namespace", "spec.parentRef.name",
                                             NULL};
REGISTER(kind, ip_addresses)
= {.group = GROUP,
   .plural = "ipaddresses",
   .name_rule = name_ip,
   .validate = address_validate,
   .field_labels = address_labels};

static void cidr_validate(const struct kind_ctx *ctx, const struct node *object,
                          const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *cidrs = node_at(object, "spec.cidrs");
    if (str_is(ctx->subresource, "status"))
        return;
    if (node_count(cidrs) == 0)
        field_required(st, STR("spec.cidrs"), "at least one CIDR required");
    if (node_count(cidrs) > 2)
        invalid_node(&c, STR("spec"), node_get(object, STR("spec")),
                     "may only hold up to 2 values");
    for (size_t i = 0; i < node_count(cidrs); i++)
        check_cidr(&c, node_str(node_item(cidrs, i), ""), path_index(&c, STR("spec.cidrs"), i));
    if (old)
        check_immutable_at(&c, object, old, "spec.cidrs");
}

REGISTER(kind, service_cidrs)
= {.group = GROUP,
   .plural = "servicecidrs",
   .flags = KIND_STATUS_SPLIT,
   .validate = cidr_validate,
   .status_reset_paths = reset_all};
