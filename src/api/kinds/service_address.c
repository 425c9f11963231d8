/* Addresses, families and node ports of a Service: what allocation and validation share.
 * Source: pkg/registry/core/service/storage/alloc.go of the original, for one IPv4 range. */
#include "api/kinds/service.h"

bool service_is_headless(const struct node *service)
{
    const struct node *list = node_at(service, "spec.clusterIPs");
    return node_count(list) == 1 && str_is(node_str(node_item(list, 0), ""), "None");
}

bool service_needs_health_check(const struct node *service)
{
    return str_is(node_str(service, "spec.type"), "LoadBalancer") &&
           str_is(node_str(service, "spec.externalTrafficPolicy"), "Local");
}

void check_service_addresses(struct check *c, const struct node *service)
{
    const struct node *list = node_at(service, "spec.clusterIPs"),
                      *families = node_at(service, "spec.ipFamilies");
    struct str one = node_str(service, "spec.clusterIP"), path = STR("spec.clusterIPs");
    bool wrong = false;
    if (!str_empty(one) && node_count(list) == 0)
        field_required(c->st, path, "%s", "");
    else if (!str_empty(one) && !str_equal(node_str(node_item(list, 0), ""), one))
        invalid_node(c, path, list, "first value must match `clusterIP`");
    else if (str_empty(one) && node_count(list) != 0)
        invalid_node(c, path, list, "must be empty when `clusterIP` is not specified");
    for (size_t i = 0; i < node_count(families); i++) {
        struct str family = node_str(node_item(families, i), ""),
                   at = path_index(c, STR("spec.ipFamilies"), i);
        check_word(c, family, at, "IPv4|IPv6");
        if (repeats_earlier(&c->repeats, families, i, ""))
            field_duplicate(c->st, at, family);
    }
    if (node_at(service, "spec.ipFamilyPolicy"))
        check_word(c, node_str(service, "spec.ipFamilyPolicy"), STR("spec.ipFamilyPolicy"),
                   "PreferDualStack|RequireDualStack|SingleStack");
    for (size_t i = 0; i < node_count(list); i++) {
        struct str ip = node_str(node_item(list, i), "");
        if (i == 0 && str_is(ip, "None")) {
            if (node_count(list) > 1) {
                wrong = true;
                invalid_node(c, path, list, "'None' must be the first and only value");
            }
            continue;
        }
        wrong = wrong || !ip_family(ip);
        check_ip(c, ip, path_index(c, path, i));
    }
    if (node_count(list) > 2)
        invalid_node(c, path, list, "may only hold up to 2 values");
    if (wrong || service_is_headless(service))
        return;
    if (node_count(list) == 2 &&
        ip_family(node_str(node_item(list, 0), "")) == ip_family(node_str(node_item(list, 1), "")))
        invalid_node(c, path, list, "may specify no more than one IP for each IP family");
    for (size_t i = 0; i < node_count(list) && i < node_count(families); i++) {
        struct str ip = node_str(node_item(list, i), ""),
                   family = node_str(node_item(families, i), "");
        if ((str_is(family, "IPv4") && ip_family(ip) == 6) ||
            (str_is(family, "IPv6") && ip_family(ip) == 4))
            field_invalid(c->st, path_index(c, path, i), ip,
                          "expected an %.*s value as indicated by `ipFamilies[%zu]`",
                          STR_ARG(family), i);
    }
}

static bool needs_address(const struct node *service)
{
    return word_in(node_str(service, "spec.type"), "ClusterIP|NodePort|LoadBalancer");
}

static bool needs_ports(const struct node *service)
{
    return word_in(node_str(service, "spec.type"), "NodePort|LoadBalancer");
}

static bool same_at(const struct node *a, const struct node *b, const char *path)
{
    const struct node *x = node_at(a, path), *y = node_at(b, path);
    return (!x && !y) || (x && y && node_equal(x, y)) ||
           (node_count(x) == 0 && node_count(y) == 0 && !node_is(x, NODE_STRING) &&
            !node_is(y, NODE_STRING));
}

static void set_addresses(struct arena *a, struct node *service, struct str address)
{
    struct node *list = node_list(a);
    node_append(a, list, node_text_copy(a, address));
    node_put(a, service, "spec.clusterIPs", list);
}

/* clusterIP and clusterIPs say the same: clients of old know the first only. */
static void normalize(struct arena *a, struct node *service, const struct node *old)
{
    struct str now = node_str(service, "spec.clusterIP"), before = node_str(old, "spec.clusterIP");
    size_t count = node_count(node_at(service, "spec.clusterIPs"));
    if (!old) {
        if (!str_empty(now) && count == 0)
            set_addresses(a, service, now);
        return;
    }
    if (count == 0 && node_count(node_at(old, "spec.clusterIPs")) > 0 && str_equal(now, before))
        keep_old(a, service, old, "spec.clusterIPs");
    if (str_equal(now, before) || !same_at(service, old, "spec.clusterIPs"))
        return;
    if (str_empty(now))
        node_del(service, "spec.clusterIPs");
    else
        set_addresses(a, service, now);
}

static bool port_is_used(const struct node *service, int64_t port)
{
    node_each(p,
              node_at(service, "spec.ports")) if (node_num(p, "nodePort", 0) == port) return true;
    return false;
}

/* A client that sends its manifest again keeps what was given to it. */
static void take_over(struct arena *a, struct node *service, const struct node *old)
{
    if (needs_address(old) && needs_address(service)) {
        if (str_empty(node_str(service, "spec.clusterIP")))
            keep_old(a, service, old, "spec.clusterIP");
        if (node_count(node_at(service, "spec.clusterIPs")) == 0)
            keep_old(a, service, old, "spec.clusterIPs");
    }
    if (needs_ports(old) && needs_ports(service))
        node_each(port, node_at(service, "spec.ports"))
        {
            const struct node *before =
                node_find(node_at(old, "spec.ports"), "name", node_str(port, "name"));
            if (str_empty(node_str(port, "name")))
                before = node_item(node_at(old, "spec.ports"), 0);
            int64_t number = node_num(before, "nodePort", 0);
            if (node_num(port, "nodePort", 0) == 0 && number && !port_is_used(service, number))
                node_put_int(a, port, "nodePort", number);
        }
    if (service_needs_health_check(old) && service_needs_health_check(service) &&
        node_num(service, "spec.healthCheckNodePort", 0) == 0)
        keep_old(a, service, old, "spec.healthCheckNodePort");
}

/* Members that belong to the old type go when the type changes and the client left them as they
 * were. */
static void drop_of_type(struct node *service, const struct node *old)
{
    if (needs_address(old) && !needs_address(service) && same_at(service, old, "spec.clusterIP") &&
        same_at(service, old, "spec.clusterIPs")) {
        node_del(service, "spec.clusterIP");
        node_del(service, "spec.clusterIPs");
        node_del(service, "spec.ipFamilies");
        node_del(service, "spec.ipFamilyPolicy");
    }
    if (needs_ports(old) && !needs_ports(service))
        node_each(port, node_at(service, "spec.ports"))
        {
            int64_t number = node_num(port, "nodePort", 0);
            if (number && port_is_used(old, number))
                node_remove(port, STR("nodePort"));
        }
    if (service_needs_health_check(old) && !service_needs_health_check(service) &&
        same_at(service, old, "spec.healthCheckNodePort"))
        node_del(service, "spec.healthCheckNodePort");
    bool was_balanced = str_is(node_str(old, "spec.type"), "LoadBalancer");
    bool balanced = str_is(node_str(service, "spec.type"), "LoadBalancer");
    if (was_balanced && !balanced) {
        if (same_at(service, old, "spec.allocateLoadBalancerNodePorts"))
            node_del(service, "spec.allocateLoadBalancerNodePorts");
        if (same_at(service, old, "spec.loadBalancerClass"))
            node_del(service, "spec.loadBalancerClass");
    }
    if (needs_ports(old) && !needs_ports(service) &&
        same_at(service, old, "spec.externalTrafficPolicy"))
        node_del(service, "spec.externalTrafficPolicy");
    if (needs_address(old) && !needs_address(service) &&
        same_at(service, old, "spec.internalTrafficPolicy"))
        node_del(service, "spec.internalTrafficPolicy");
}

void service_prepare(const struct kind_ctx *ctx, struct node *service, const struct node *old)
{
    if (old && !str_empty(ctx->subresource))
        return;
    if (old) {
        take_over(ctx->arena, service, old);
        drop_of_type(service, old);
    }
    normalize(ctx->arena, service, old);
}

static void set_families(struct arena *a, struct node *service, const char *first,
                         const char *second)
{
    struct node *list = node_list(a);
    node_append(a, list, node_text(a, str_from(first)));
    if (second)
        node_append(a, list, node_text(a, str_from(second)));
    node_put(a, service, "spec.ipFamilies", list);
}

/* ipFamilyPolicy and ipFamilies of a cluster with one family; faults as causes. */
static void fill_families(struct check *c, struct node *service, const struct node *old)
{
    struct arena *a = c->a;
    bool loose = str_is(node_str(service, "spec.clusterIP"), "None") &&
                 node_count(node_at(service, "spec.selector")) == 0;
    if (str_empty(node_str(service, "spec.ipFamilyPolicy"))) {
        if (!str_empty(node_str(old, "spec.ipFamilyPolicy")))
            keep_old(a, service, old, "spec.ipFamilyPolicy");
        else
            node_put_str(a, service, "spec.ipFamilyPolicy",
                         loose ? STR("RequireDualStack") : STR("SingleStack"));
    }
    check_service_addresses(c, service);
    if (c->st->details.cause_count)
        return;
    struct str policy = node_str(service, "spec.ipFamilyPolicy");
    const struct node *families = node_at(service, "spec.ipFamilies"),
                      *addresses = node_at(service, "spec.clusterIPs");
    struct str policy_path = STR("spec.ipFamilyPolicy");
    if (str_is(policy, "SingleStack") && node_count(addresses) == 2)
        field_invalid(c->st, policy_path, policy,
                      "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs "
                      "are specified");
    if (str_is(policy, "SingleStack") && node_count(families) == 2)
        field_invalid(c->st, policy_path, policy,
                      "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families "
                      "are specified");
    for (size_t i = node_count(families); i < node_count(addresses); i++)
        if (ip_family(node_str(node_item(addresses, i), "")) == 6)
            invalid_node(c, path_index(c, STR("spec.clusterIPs"), i), addresses,
                         "IPv6 is not configured on this cluster");
    if (c->st->details.cause_count)
        return;
    if (loose) {
        const char *first = str_is(node_str(node_item(families, 0), ""), "IPv6") ? "IPv6" : "IPv4";
        if (node_count(families) < 2)
            set_families(a, service, first,
                         str_is(policy, "SingleStack")     ? NULL
                         : str_is(str_from(first), "IPv4") ? "IPv6"
                                                           : "IPv4");
        return;
    }
    if (str_is(policy, "RequireDualStack"))
        field_invalid(c->st, policy_path, policy,
                      "this cluster is not configured for dual-stack services");
    for (size_t i = 0; i < node_count(families); i++)
        if (!str_is(node_str(node_item(families, i), ""), "IPv4"))
            field_invalid(c->st, path_index(c, STR("spec.ipFamilies"), i),
                          node_str(node_item(families, i), ""), "not configured on this cluster");
    if (c->st->details.cause_count == 0 && node_count(families) == 0)
        set_families(a, service, "IPv4", NULL);
}

static int fill_address(struct check *c, struct node *service, struct allocators *al,
                        const struct allocation_owner *owner)
{
    struct node *list = node_at(service, "spec.clusterIPs");
    struct str asked = node_str(node_item(list, 0), ""), given;
    const char *fault = allocate_address(al, owner, asked, &given);
    if (fault && str_empty(asked))
        return status_internal(c->st, "failed to allocate a serviceIP for Service \"%.*s\": %s",
                               STR_ARG(node_str(service, "metadata.name")), fault);
    if (fault) {
        invalid_node(c, STR("spec.clusterIPs"), list, "failed to allocate IP %.*s: %s",
                     STR_ARG(asked), fault);
        return 0;
    }
    node_put_str(c->a, service, "spec.clusterIP", given);
    set_addresses(c->a, service, given);
    return 0;
}

/* The same port number under two protocols gets the same node port. */
static int64_t twin_port(const struct node *ports, size_t index, int64_t number)
{
    for (size_t i = 0; i < node_count(ports); i++)
        if (i != index && node_num(node_item(ports, i), "port", 0) == number &&
            node_num(node_item(ports, i), "nodePort", 0) != 0)
            return node_num(node_item(ports, i), "nodePort", 0);
    return 0;
}

static int fill_ports(struct check *c, struct node *service, const struct node *old,
                      struct allocators *al, const struct allocation_owner *owner)
{
    const struct node *ports = node_at(service, "spec.ports");
    bool any = str_is(node_str(service, "spec.type"), "NodePort") ||
               node_flag(service, "spec.allocateLoadBalancerNodePorts", true);
    struct node *taken = node_map(c->a);
    for (size_t i = 0; i < node_count(ports); i++) {
        struct node *port = node_item(ports, i);
        int64_t asked = node_num(port, "nodePort", 0);
        if (asked == 0)
            asked = any ? twin_port(ports, i, node_num(port, "port", 0)) : -1;
        if (asked < 0)
            continue;
        struct str key = arena_printf(c->a, "%lld", (long long)asked);
        if (asked && (port_is_used(old, asked) || node_get(taken, key))) {
            node_put_int(c->a, port, "nodePort", asked);
            continue;
        }
        uint16_t given;
        const char *fault =
            asked > UINT16_MAX
                ? "provided port is not in the valid range. The range of valid ports is 30000-32767"
                : allocate_port(al, owner, (uint16_t)asked, &given);
        if (fault && asked == 0)
            return status_internal(c->st, "failed to allocate a nodePort: %s", fault);
        if (fault) {
            invalid_number(c, path_of(c, path_index(c, STR("spec.ports"), i), "nodePort"), asked,
                           "%s", fault);
            return 0;
        }
        node_put_int(c->a, port, "nodePort", given);
        node_set(c->a, taken, arena_printf(c->a, "%u", given), node_bool(c->a, true));
    }
    return 0;
}

static int fill_health_port(struct check *c, struct node *service, const struct node *old,
                            struct allocators *al, const struct allocation_owner *owner)
{
    int64_t asked = node_num(service, "spec.healthCheckNodePort", 0);
    uint16_t given;
    if (!service_needs_health_check(service) ||
        (asked && asked == node_num(old, "spec.healthCheckNodePort", 0)))
        return 0;
    const char *fault = allocate_port(al, owner, (uint16_t)asked, &given);
    if (fault)
        return status_internal(c->st, "failed to allocate requested HealthCheck NodePort %lld: %s",
                               (long long)asked, fault);
    node_put_int(c->a, service, "spec.healthCheckNodePort", given);
    return 0;
}

/* Gives back what the old state had and the new one has not. */
static void release_old(struct allocators *al, const struct allocation_owner *owner,
                        const struct node *service, const struct node *old)
{
    const struct node *now = node_at(service, "spec.clusterIPs");
    node_each(address,
              node_at(old, "spec.clusterIPs")) if (!list_has_text(now, node_str(address, "")))
        release_address(al, owner, node_str(address, ""));
    node_each(port, node_at(old, "spec.ports"))
    {
        int64_t number = node_num(port, "nodePort", 0);
        if (number && !port_is_used(service, number))
            release_port(al, owner, (uint16_t)number);
    }
    int64_t health = node_num(old, "spec.healthCheckNodePort", 0);
    if (health && health != node_num(service, "spec.healthCheckNodePort", 0))
        release_port(al, owner, (uint16_t)health);
}

static bool keeps_address(const struct node *service, const struct node *old)
{
    return old && needs_address(old) && !service_is_headless(old) &&
           same_at(service, old, "spec.clusterIPs");
}

int service_allocate(const struct kind_ctx *ctx, struct node *service, const struct node *old,
                     struct status *st)
{
    struct allocators *al = ctx->allocators;
    struct check c = check_of(ctx, st);
    allocators_begin(al);
    if (!str_empty(ctx->subresource))
        return 0;
    struct allocation_owner owner = {.arena = ctx->arena,
                                     .ns = node_str(service, "metadata.namespace"),
                                     .name = node_str(service, "metadata.name"),
                                     .now_us = ctx->now_us,
                                     .dry_run = ctx->dry_run};
    size_t before = st->details.cause_count;
    int err = 0;
    if (needs_address(service)) {
        fill_families(&c, service, old);
        if (st->details.cause_count == before && !service_is_headless(service) &&
            !keeps_address(service, old) &&
            !(old && needs_address(old) && !service_is_headless(old)))
            err = fill_address(&c, service, al, &owner);
    }
    if (err == 0 && st->details.cause_count == before && needs_ports(service))
        err = fill_ports(&c, service, old, al, &owner);
    if (err == 0 && st->details.cause_count == before)
        err = fill_health_port(&c, service, old, al, &owner);
    if (err == 0 && st->details.cause_count > before)
        err = status_invalid_from_causes(st, STR(""), STR("Service"), owner.name);
    if (err == 0 && old)
        release_old(al, &owner, service, old);
    return err;
}

void service_undo(const struct kind_ctx *ctx, struct node *service maybe_unused,
                  const struct node *old maybe_unused)
{
    allocators_undo(ctx->allocators);
}

void service_released(const struct kind_ctx *ctx, const struct sealed *service)
{
    struct allocation_owner owner = {.arena = ctx->arena,
                                     .ns = object_namespace(service),
                                     .name = object_name(service),
                                     .now_us = ctx->now_us};
    struct value spec = value_at(sealed_root(service), "spec");
    /* Copied first: releasing writes, and a write ends what was read before. */
    struct str addresses[4];
    uint16_t ports[512];
    size_t address_count = 0, port_count = 0;
    struct value_iter it = value_iter(value_at(spec, "clusterIPs"));
    for (struct value v; address_count < ARRAY_COUNT(addresses) && value_next(&it, &v);)
        addresses[address_count++] = arena_str(ctx->arena, value_str(v, ""));
    it = value_iter(value_at(spec, "ports"));
    for (struct value v; port_count + 1 < ARRAY_COUNT(ports) && value_next(&it, &v);)
        ports[port_count++] = (uint16_t)value_int(v, "nodePort", 0);
    ports[port_count++] = (uint16_t)value_int(spec, "healthCheckNodePort", 0);
    owner.ns = arena_str(ctx->arena, owner.ns);
    owner.name = arena_str(ctx->arena, owner.name);
    allocators_begin(ctx->allocators);
    for (size_t i = 0; i < address_count; i++)
        release_address(ctx->allocators, &owner, addresses[i]);
    for (size_t i = 0; i < port_count; i++)
        release_port(ctx->allocators, &owner, ports[i]);
}
