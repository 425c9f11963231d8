/* Endpoints and EndpointSlices. */
#include "api/kinds/service.h"

enum {
    SLICE_ENDPOINTS_MAX = 1000,
    SLICE_PORTS_MAX = 20000,
    SLICE_ADDRESSES_MAX = 100,
    HINTS_MAX = 8
};

static void check_port_entry(struct check *c, const struct node *port, bool named, struct str path)
{
    struct str name = node_str(port, "name");
    if (named && str_empty(name))
        field_required(c->st, path_of(c, path, "name"), "%s", "");
    else if (!str_empty(name))
        check_text(c, name, path_of(c, path, "name"), name_dns1123_label);
    check_port_number(c, node_num(port, "port", 0), path_of(c, path, "port"));
    check_needed_word(c, node_str(port, "protocol"), path_of(c, path, "protocol"), "SCTP|TCP|UDP");
    if (node_get(port, STR("appProtocol")))
        check_text(c, node_str(port, "appProtocol"), path_of(c, path, "appProtocol"),
                   name_qualified);
}

static void check_addresses(struct check *c, const struct node *list, struct str path)
{
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *address = node_item(list, i);
        struct str at = path_index(c, path, i), ip = node_str(address, "ip");
        check_ip(c, ip, path_of(c, at, "ip"));
        if (!str_empty(node_str(address, "hostname")))
            check_text(c, node_str(address, "hostname"), path_of(c, at, "hostname"),
                       name_dns1123_label);
        if (node_get(address, STR("nodeName")))
            check_text(c, node_str(address, "nodeName"), path_of(c, at, "nodeName"),
                       name_dns1123_subdomain);
        if (ip_family(ip))
            check_endpoint_ip(c, ip, path_of(c, at, "ip"));
        else
            field_invalid(c->st, path_of(c, at, "ip"), ip, "must be a valid IP address");
    }
}

static void endpoints_validate(const struct kind_ctx *ctx, const struct node *object,
                               const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *subsets = node_get(object, STR("subsets")),
                      *before = node_get(old, STR("subsets"));
    if (before && subsets && node_equal(subsets, before))
        return;
    for (size_t i = 0; i < node_count(subsets); i++) {
        const struct node *subset = node_item(subsets, i), *ports = node_get(subset, STR("ports"));
        struct str path = path_index(&c, STR("subsets"), i);
        if (node_count(node_get(subset, STR("addresses"))) == 0 &&
            node_count(node_get(subset, STR("notReadyAddresses"))) == 0)
            field_required(st, path, "must specify `addresses` or `notReadyAddresses`");
        check_addresses(&c, node_get(subset, STR("addresses")), path_of(&c, path, "addresses"));
        check_addresses(&c, node_get(subset, STR("notReadyAddresses")),
                        path_of(&c, path, "notReadyAddresses"));
        for (size_t k = 0; k < node_count(ports); k++)
            check_port_entry(&c, node_item(ports, k), node_count(ports) > 1,
                             path_index(&c, path_of(&c, path, "ports"), k));
    }
}

REGISTER(kind, endpoints)
= {.group = "",
   .plural = "endpoints",
   .flags = KIND_CREATE_ON_UPDATE,
   .validate = endpoints_validate,
   .deprecation = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"};

static void check_slice_address(struct check *c, struct str address, struct str type,
                                struct str path)
{
    if (str_is(type, "FQDN")) {
        check_text(c, address, path, name_dns1123_subdomain);
        return;
    }
    int family = ip_family(address), wanted = str_is(type, "IPv6") ? 6 : 4;
    if (!family)
        check_ip(c, address, path);
    else if (family != wanted)
        field_invalid(c->st, path, address, "must be a valid %s address",
                      wanted == 6 ? "IPv6" : "IPv4");
    else
        check_endpoint_ip(c, address, path);
}

/* Names of zones or nodes for which an endpoint is meant. */
static void check_hints(struct check *c, const struct node *list, struct str path,
                        const char *(*rule)(struct str))
{
    if (node_count(list) > HINTS_MAX) {
        field_too_many(c->st, path, node_count(list), HINTS_MAX);
        return;
    }
    for (size_t i = 0; i < node_count(list); i++) {
        struct str at = path_of(c, path_index(c, path, i), "name"),
                   name = node_str(node_item(list, i), "name");
        for (size_t k = 0; k < i; k++)
            if (str_equal(name, node_str(node_item(list, k), "name"))) {
                field_duplicate(c->st, at, name);
                break;
            }
        check_text(c, name, at, rule);
    }
}

static void check_endpoint(struct check *c, const struct node *endpoint, struct str type,
                           struct str path)
{
    const struct node *addresses = node_get(endpoint, STR("addresses"));
    struct str at = path_of(c, path, "addresses");
    if (node_count(addresses) == 0)
        field_required(c->st, at, "must contain at least 1 address");
    else if (node_count(addresses) > SLICE_ADDRESSES_MAX)
        field_too_many(c->st, at, node_count(addresses), SLICE_ADDRESSES_MAX);
    for (size_t i = 0; i < node_count(addresses); i++)
        check_slice_address(c, node_str(node_item(addresses, i), ""), type, path_index(c, at, i));
    if (node_get(endpoint, STR("nodeName")))
        check_text(c, node_str(endpoint, "nodeName"), path_of(c, path, "nodeName"),
                   name_dns1123_subdomain);
    if (node_get(endpoint, STR("hostname")))
        check_text(c, node_str(endpoint, "hostname"), path_of(c, path, "hostname"),
                   name_dns1123_label);
    check_hints(c, node_at(endpoint, "hints.forZones"), path_of(c, path, "hints.forZones"),
                name_label_value);
    check_hints(c, node_at(endpoint, "hints.forNodes"), path_of(c, path, "hints.forNodes"),
                name_dns1123_subdomain);
}

/* The older way to say where an endpoint is can't be written in this version. */
static void slice_prepare(const struct kind_ctx *ctx maybe_unused, struct node *object,
                          const struct node *old)
{
    const struct node *before = node_get(old, STR("endpoints"));
    struct node *endpoints = node_get(object, STR("endpoints"));
    if (before && node_equal(before, endpoints))
        return;
    node_each(e, endpoints) node_remove(e, STR("deprecatedTopology"));
}

static void slice_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    struct str type = node_str(object, "addressType");
    const struct node *endpoints = node_get(object, STR("endpoints")),
                      *ports = node_get(object, STR("ports"));
    check_needed_word(&c, type, STR("addressType"), "FQDN|IPv4|IPv6");
    if (node_count(endpoints) > SLICE_ENDPOINTS_MAX)
        field_too_many(st, STR("endpoints"), node_count(endpoints), SLICE_ENDPOINTS_MAX);
    else
        for (size_t i = 0; i < node_count(endpoints); i++)
            check_endpoint(&c, node_item(endpoints, i), type, path_index(&c, STR("endpoints"), i));
    if (node_count(ports) > SLICE_PORTS_MAX)
        field_too_many(st, STR("ports"), node_count(ports), SLICE_PORTS_MAX);
    for (size_t i = 0; i < node_count(ports); i++) {
        const struct node *port = node_item(ports, i);
        struct str at = path_index(&c, STR("ports"), i), name = node_str(port, "name");
        if (!str_empty(name))
            check_text(&c, name, path_of(&c, at, "name"), name_dns1123_label);
        if (repeats_earlier(&c.repeats, ports, i, "name"))
            field_duplicate(st, path_of(&c, at, "name"), name);
        check_needed_word(&c, node_str(port, "protocol"), path_of(&c, at, "protocol"),
                          "SCTP|TCP|UDP");
        if (node_get(port, STR("appProtocol")))
            check_text(&c, node_str(port, "appProtocol"), path_of(&c, at, "appProtocol"),
                       name_qualified);
    }
    if (old)
        check_immutable_at(&c, object, old, "addressType");
}

REGISTER(kind, endpointslices)
= {.group = "discovery.k8s.io",
   .plural = "endpointslices",
   .flags = KIND_GENERATION | KIND_GENERATION_BY_LABELS,
   .prepare = slice_prepare,
   .validate = slice_validate};
