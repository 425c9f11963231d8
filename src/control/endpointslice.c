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

static struct node *slice_labels(struct arena *a, const struct sealed *service)
{
    struct value own = object_at(service, "metadata.labels");
    struct node *labels = value_present(own) ? value_to_node(a, own) : node_map(a);
    node_remove(labels, STR("service.kubernetes.io/headless"));
    if (service_headless(service))
        node_set(a, labels, STR("service.kubernetes.io/headless"), node_text(a, STR("")));
    node_set(a, labels, STR(SLICE_MANAGER), node_text(a, str_from(manager)));
    node_set(a, labels, STR(SLICE_SERVICE), node_text(a, object_name(service)));
    return labels;
}

/* Hints by the shares of zones, an older way which goes before: it isn't served here. */
static bool wants_shares(const struct sealed *service)
{
    struct str mode = object_annotation(service, "service.kubernetes.io/topology-aware-hints");
    if (!mode.data)
        mode = object_annotation(service, "service.kubernetes.io/topology-mode");
    return str_is(mode, "Auto") || str_is(mode, "auto");
}

static void add_hint(struct arena *a, struct node *endpoint, const char *list, struct str name)
{
    struct node *hint = node_map(a);
    node_put_str(a, hint, "name", name);
    node_append(a, node_need_list(a, endpoint, list), hint);
}

static void add_hints(struct arena *a, struct node *endpoint, const struct sealed *service,
                      struct str zone, struct str node_name)
{
    struct str wish = object_str(service, "spec.trafficDistribution");
    bool same_node = str_is(wish, "PreferSameNode");
    bool close = same_node || str_is(wish, "PreferClose") || str_is(wish, "PreferSameZone");
    if (!close || wants_shares(service) || !node_flag(endpoint, "conditions.ready", false))
        return;
    if (!str_empty(zone))
        add_hint(a, endpoint, "hints.forZones", zone);
    if (same_node)
        add_hint(a, endpoint, "hints.forNodes", node_name);
}

static bool publishes_all(const struct sealed *service)
{
    return value_bool(sealed_root(service), "spec.publishNotReadyAddresses", false);
}

static struct node *endpoint_of(struct run *run, const struct sealed *service,
                                const struct sealed *pod, const struct sealed *node,
                                struct str address)
{
    struct arena *a = run->arena;
    bool serving = pod_ready(pod), terminating = object_deleting(pod);
    bool publish = publishes_all(service);
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

/* -1 with st: the pod's node isn't there. */
static int add_pod(struct run *run, const struct sealed *service, const struct sealed *pod,
                   struct slice_groups *groups, struct status *st)
{
    if (pod_finished(pod) || value_count(object_at(pod, "status.podIPs")) == 0)
        return 0;
    struct str node_name = object_str(pod, "spec.nodeName");
    const struct sealed *node = view_get(control_view(run->control, NODES), STR(""), node_name);
    if (!node && !publishes_all(service))
        return status_set(
            st, REASON_NOT_FOUND, "skipping Pod %.*s for Service %.*s/%.*s: Node %.*s Not Found",
            STR_ARG(object_name(pod)), STR_ARG(run->ns), STR_ARG(run->name), STR_ARG(node_name));
    struct node *ports = service_ports(run->arena, service, pod);
    struct value_iter it = value_iter(object_at(pod, "status.podIPs"));
    for (struct value v; value_next(&it, &v);) {
        struct str address = value_str(v, "ip");
        const char *type = address_type_of(address);
        if (type && service_has_family(service, type))
            slices_add(run->arena, groups, type, ports,
                       endpoint_of(run, service, pod, node, address));
    }
    return 0;
}

static int delete_slices(struct run *run, struct objects slices, struct status *st)
{
    for (size_t i = 0; i < slices.count; i++)
        if (run_delete(run, control_resource(run->control, SLICES), run->ns,
                       object_name(slices.items[i]), object_uid(slices.items[i]), NULL, st) < 0)
            return -1;
    return 0;
}

/* Slices of an earlier Service of the name go, as it went. */
static int delete_foreign(struct run *run, const struct sealed *service, struct objects *slices,
                          struct status *st)
{
    struct objects own = {0}, foreign = {0};
    for (size_t i = 0; i < slices->count; i++)
        objects_add(run->arena,
                    object_controlled_by(slices->items[i], object_uid(service)) ? &own : &foreign,
                    slices->items[i]);
    *slices = own;
    return delete_slices(run, foreign, st);
}

static struct str trigger_time(struct run *run, const struct sealed *service, struct objects pods,
                               struct objects slices)
{
    if (slices.count == 0)
        return service_trigger_time(run->arena, service, pods, NULL);
    struct map told = MAP_INIT;
    for (size_t i = 0; i < slices.count; i++) {
        struct value_iter it = value_iter(object_at(slices.items[i], "endpoints"));
        for (struct value e; value_next(&it, &e);)
            map_put(&told, value_str(e, "targetRef.uid"),
                    (void *)(size_t)(1 + value_bool(e, "conditions.serving", false)));
    }
    struct str time = service_trigger_time(run->arena, service, pods, &told);
    map_release(&told);
    return time;
}

static bool namespace_leaves(const struct status *st)
{
    for (size_t i = 0; i < st->details.cause_count; i++)
        if (st->details.causes[i].type == CAUSE_NAMESPACE_TERMINATING)
            return true;
    return false;
}

/* Brings the slices to the pods. -1 with st also where some pods could not be told of. */
static int put_slices(struct run *run, const struct sealed *service, struct objects slices,
                      struct status *st)
{
    struct slice_groups groups = {0};
    struct objects pods = service_pods(run, PODS, service);
    struct status skipped;
    status_init(&skipped, run->arena);
    for (size_t i = 0; i < pods.count; i++)
        (void)!add_pod(run, service, pods.items[i], &groups, &skipped);
    if (delete_foreign(run, service, &slices, st) < 0)
        return -1;
    struct str trigger = trigger_time(run, service, pods, slices);
    struct slice_plan plan = {
        .slices_watch = SLICES,
        .owner = service,
        .labels = slice_labels(run->arena, service),
        .trigger = &trigger,
        .existing = slices,
        .endpoints_max = ENDPOINTS_MAX,
        .placeholder_type = service_has_family(service, "IPv4") ? "IPv4" : "IPv6",
    };
    if (slices_put(run, &plan, &groups, st) < 0)
        return namespace_leaves(st) ? 0 : -1;
    return skipped.code ? status_set(st, skipped.reason, "%.*s", STR_ARG(skipped.message)) : 0;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *service = run_get(run, SERVICES, run->ns, run->name);
    struct objects slices = slices_managed_by(run, SLICES, manager);
    if (!service || object_deleting(service))
        return delete_slices(run, slices, st);
    if (!service_selects(service))
        return 0;
    if (put_slices(run, service, slices, st) == 0)
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
    struct str service = object_label(slice, SLICE_SERVICE);
    if (str_is(object_label(slice, SLICE_MANAGER), manager) && !str_empty(service))
        control_enqueue(c, object_namespace(slice), service);
}

static bool enqueue_service(void *arg, const struct sealed *service)
{
    if (service_selects(service))
        control_enqueue_object(arg, service);
    return true;
}

static bool enqueue_services_of(void *arg, const struct sealed *pod)
{
    service_map_pod(arg, SERVICES, pod, NULL);
    return true;
}

/* A node that comes (those of the beginning have come before) may be what its pods waited for. */
static void map_node(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now && !old && view_synced(control_view(c, NODES)))
        view_each_on_node(control_view(c, PODS), object_name(now), enqueue_services_of, c);
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
