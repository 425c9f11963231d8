/* EndpointSlices of Services with a selector. Source: pkg/controller/endpointslice,
 * k8s.io/endpointslice. */
#include "control/service.h"
#include "control/slices.h"
#include "object/seal.h"

enum {
    SERVICES,
    PODS,
    SLICES,
    NODES
};
enum {
    ENDPOINTS_MAX = 100 /* a slice; upstream --max-endpoints-per-slice */
};

static const char manager[] = "endpointslice-controller.k8s.io";
static const char managed_by[] = "endpointslice.kubernetes.io/managed-by";
static const char service_label[] = "kubernetes.io/service-name";

static struct objects own_slices(struct run *run)
{
    struct selector_term terms[2] = {
        {.key = str_from(managed_by), .op = SELECT_EQUALS},
        {.key = str_from(service_label), .op = SELECT_EQUALS},
    };
    struct str values[2] = {str_from(manager), run->name};
    for (size_t i = 0; i < 2; i++) {
        terms[i].values = &values[i];
        terms[i].value_count = 1;
    }
    struct selector labels = {.terms = terms, .count = 2};
    return run_list_selected(run, SLICES, run->ns, &labels);
}

static struct node *slice_labels(struct arena *a, const struct sealed *service)
{
    struct value own = object_at(service, "metadata.labels");
    struct node *labels = value_present(own) ? value_to_node(a, own) : node_map(a);
    node_remove(labels, STR("service.kubernetes.io/headless"));
    if (service_headless(service))
        node_set(a, labels, STR("service.kubernetes.io/headless"), node_text(a, STR("")));
    node_set(a, labels, str_from(managed_by), node_text(a, str_from(manager)));
    node_set(a, labels, str_from(service_label), node_text(a, object_name(service)));
    return labels;
}

static void add_hints(struct arena *a, struct node *endpoint, const struct sealed *service,
                      struct str zone, struct str node_name)
{
    struct str wish = object_str(service, "spec.trafficDistribution");
    struct node *hint = node_map(a);
    if (str_is(wish, "PreferClose") || str_is(wish, "PreferSameZone") ||
        str_is(wish, "PreferSameNode")) {
        if (str_empty(zone))
            return;
        node_put_str(a, hint, "name", zone);
        node_append(a, node_need_list(a, endpoint, "hints.forZones"), hint);
    }
    if (str_is(wish, "PreferSameNode")) {
        struct node *same = node_map(a);
        node_put_str(a, same, "name", node_name);
        node_append(a, node_need_list(a, endpoint, "hints.forNodes"), same);
    }
}

static struct node *endpoint_of(struct run *run, const struct sealed *service,
                                const struct sealed *pod, struct str address)
{
    struct arena *a = run->arena;
    bool serving = pod_ready(pod), terminating = object_deleting(pod);
    bool publish = value_bool(sealed_root(service), "spec.publishNotReadyAddresses", false);
    struct node *endpoint = node_map(a);
    node_append(a, node_need_list(a, endpoint, "addresses"), node_text(a, address));
    node_put_bool(a, endpoint, "conditions.ready", publish || (serving && !terminating));
    node_put_bool(a, endpoint, "conditions.serving", serving);
    node_put_bool(a, endpoint, "conditions.terminating", terminating);
    node_put(a, endpoint, "targetRef", pod_reference(a, pod));
    struct str hostname = service_hostname(service, pod);
    if (!str_empty(hostname))
        node_put_str(a, endpoint, "hostname", hostname);
    struct str node_name = object_str(pod, "spec.nodeName");
    if (str_empty(node_name))
        return endpoint;
    node_put_str(a, endpoint, "nodeName", node_name);
    const struct sealed *node = view_get(control_view(run->control, NODES), STR(""), node_name);
    struct str zone = node ? object_label(node, "topology.kubernetes.io/zone") : STR("");
    if (!str_empty(zone)) {
        zone = arena_str(a, zone);
        node_put_str(a, endpoint, "zone", zone);
    }
    add_hints(a, endpoint, service, zone, node_name);
    return endpoint;
}

static bool service_has_family(const struct sealed *service, const char *family)
{
    struct value families = object_at(service, "spec.ipFamilies");
    if (value_count(families) == 0)
        return str_is(STR("IPv4"), family);
    struct value_iter it = value_iter(families);
    for (struct value f; value_next(&it, &f);)
        if (str_is(value_str(f, ""), family))
            return true;
    return false;
}

static void add_pod(struct run *run, const struct sealed *service, const struct sealed *pod,
                    struct slice_groups *groups)
{
    if (pod_finished(pod))
        return;
    struct node *ports = service_ports(run->arena, service, pod);
    struct value_iter it = value_iter(object_at(pod, "status.podIPs"));
    for (struct value v; value_next(&it, &v);) {
        struct str address = value_str(v, "ip");
        const char *type = address_type_of(address);
        if (type && service_has_family(service, type))
            slices_add(run->arena, groups, type, ports, endpoint_of(run, service, pod, address));
    }
}

static int delete_slices(struct run *run, struct objects slices, struct status *st)
{
    for (size_t i = 0; i < slices.count; i++)
        if (run_delete(run, control_resource(run->control, SLICES), run->ns,
                       object_name(slices.items[i]), object_uid(slices.items[i]), NULL, st) < 0)
            return -1;
    return 0;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *service = run_get(run, SERVICES, run->ns, run->name);
    struct objects slices = own_slices(run);
    if (!service || object_deleting(service))
        return delete_slices(run, slices, st);
    if (!service_selects(service))
        return 0;
    struct slice_groups groups = {0};
    struct objects pods = service_pods(run, PODS, service);
    for (size_t i = 0; i < pods.count; i++)
        add_pod(run, service, pods.items[i], &groups);
    bool v4 = service_has_family(service, "IPv4");
    struct slice_plan plan = {
        .slices_watch = SLICES,
        .owner = service,
        .labels = slice_labels(run->arena, service),
        .existing = slices,
        .endpoints_max = ENDPOINTS_MAX,
        .placeholder_type = v4 ? "IPv4" : "IPv6",
    };
    if (slices_put(run, &plan, &groups, st) == 0)
        return 0;
    for (size_t i = 0; i < st->details.cause_count; i++)
        if (st->details.causes[i].type == CAUSE_NAMESPACE_TERMINATING)
            return 0;
    run_event(run, service, "Warning", "FailedToUpdateEndpointSlices",
              "Error updating Endpoint Slices for Service %.*s/%.*s: %.*s", STR_ARG(run->ns),
              STR_ARG(run->name), STR_ARG(st->message));
    return -1;
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    service_map_pod(c, SERVICES, now, old);
}

static void map_slice(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *slice = now ? now : old;
    struct str service = object_label(slice, service_label);
    if (str_is(object_label(slice, managed_by), manager) && !str_empty(service))
        control_enqueue(c, object_namespace(slice), service);
}

static bool enqueue_service(void *arg, const struct sealed *service)
{
    if (service_selects(service))
        control_enqueue_object(arg, service);
    return true;
}

static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now && old &&
        !str_equal(object_label(now, "topology.kubernetes.io/zone"),
                   object_label(old, "topology.kubernetes.io/zone")))
        view_each(control_view(c, SERVICES), STR_NONE, enqueue_service, c);
}

static const struct control_watch watches[] = {
    [SERVICES] = {"", "v1", "services"},
    [PODS] = {"", "v1", "pods", map_pod},
    [SLICES] = {"discovery.k8s.io", "v1", "endpointslices", map_slice},
    [NODES] = {"", "v1", "nodes", map_node},
    {0},
};

REGISTER(controller, endpointslice)
= {
    .name = "endpointslice-controller",
    .account = "endpointslice-controller",
    .watches = watches,
    .reconcile = reconcile,
};
