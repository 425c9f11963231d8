/* EndpointSlices of Endpoints that somebody wrote by hand, so that who reads slices sees them too.
 * Source: pkg/controller/endpointslicemirroring. */
#include "control/service.h"
#include "control/slices.h"
#include "object/seal.h"

enum {
    ENDPOINTS,
    SERVICES,
    SLICES
};
enum {
    MIRRORED_MAX = 1000 /* addresses a subset and endpoints a slice; upstream 1000 */
};

static const char manager[] = "endpointslicemirroring-controller.k8s.io";
static const char leader_annotation[] = "control-plane.alpha.kubernetes.io/leader";

/* Annotations that are about the Endpoints object itself. */
static const char *const own_annotations[] = {
    "kubectl.kubernetes.io/last-applied-configuration",
    TRIGGER_TIME,
};

static bool mirrored(struct run *run, const struct sealed *endpoints)
{
    if (!endpoints || object_deleting(endpoints) ||
        str_is(object_label(endpoints, "endpointslice.kubernetes.io/skip-mirror"), "true") ||
        !str_empty(object_annotation(endpoints, leader_annotation)))
        return false;
    const struct sealed *service =
        view_get(control_view(run->control, SERVICES), run->ns, run->name);
    return service && value_count(object_at(service, "spec.selector")) == 0;
}

static void add_addresses(struct arena *a, struct slice_groups *groups, struct value subset,
                          const char *list, bool ready, const struct node *ports)
{
    size_t count = 0;
    struct value_iter it = value_iter(value_at(subset, list));
    for (struct value address; value_next(&it, &address) && count < MIRRORED_MAX; count++) {
        struct str ip = value_str(address, "ip");
        const char *type = address_type_of(ip);
        if (!type)
            continue;
        struct node *endpoint = node_map(a);
        struct str hostname = value_str(address, "hostname");
        struct str node_name = value_str(address, "nodeName");
        struct value target = value_at(address, "targetRef");
        node_append(a, node_need_list(a, endpoint, "addresses"), node_text(a, ip));
        node_put_bool(a, endpoint, "conditions.ready", ready);
        if (!str_empty(hostname))
            node_put_str(a, endpoint, "hostname", hostname);
        if (!str_empty(node_name))
            node_put_str(a, endpoint, "nodeName", node_name);
        if (value_present(target))
            node_put(a, endpoint, "targetRef", value_to_node(a, target));
        slices_add(a, groups, type, ports, endpoint);
    }
}

static struct node *mirrored_ports(struct arena *a, struct value subset)
{
    struct node *ports = node_list(a);
    struct value_iter it = value_iter(value_at(subset, "ports"));
    for (struct value port; value_next(&it, &port);) {
        struct node *p = value_to_node(a, port);
        if (!node_has(p, "name"))
            node_put_str(a, p, "name", STR(""));
        node_append(a, ports, p);
    }
    return ports;
}

static struct node *labels_of(struct arena *a, const struct sealed *endpoints)
{
    struct value own = object_at(endpoints, "metadata.labels");
    struct node *labels = value_present(own) ? value_to_node(a, own) : node_map(a);
    node_set(a, labels, STR(SLICE_MANAGER), node_text(a, str_from(manager)));
    node_set(a, labels, STR(SLICE_SERVICE), node_text(a, object_name(endpoints)));
    return labels;
}

static struct node *annotations_of(struct arena *a, const struct sealed *endpoints)
{
    struct value own = object_at(endpoints, "metadata.annotations");
    struct node *annotations = value_present(own) ? value_to_node(a, own) : node_map(a);
    for (size_t i = 0; i < ARRAY_COUNT(own_annotations); i++)
        node_remove(annotations, str_from(own_annotations[i]));
    return annotations;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *endpoints = run_get(run, ENDPOINTS, run->ns, run->name);
    struct objects slices = slices_managed_by(run, SLICES, manager);
    if (!mirrored(run, endpoints)) {
        for (size_t i = 0; i < slices.count; i++)
            if (run_delete(run, control_resource(run->control, SLICES), run->ns,
                           object_name(slices.items[i]), object_uid(slices.items[i]), NULL, st) < 0)
                return -1;
        return 0;
    }
    struct slice_groups groups = {0};
    struct value_iter it = value_iter(object_at(endpoints, "subsets"));
    for (struct value subset; value_next(&it, &subset);) {
        struct node *ports = mirrored_ports(run->arena, subset);
        add_addresses(run->arena, &groups, subset, "addresses", true, ports);
        add_addresses(run->arena, &groups, subset, "notReadyAddresses", false, ports);
    }
    struct slice_plan plan = {
        .slices_watch = SLICES,
        .owner = endpoints,
        .labels = labels_of(run->arena, endpoints),
        .annotations = annotations_of(run->arena, endpoints),
        .existing = slices,
        .endpoints_max = MIRRORED_MAX,
    };
    return slices_put(run, &plan, &groups, st);
}

static void map_service(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now || !old || object_differs(now, old, "spec.selector"))
        control_enqueue_object(c, now ? now : old);
}

static void map_slice(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *slice = now ? now : old;
    struct str service = object_label(slice, SLICE_SERVICE);
    if (str_is(object_label(slice, SLICE_MANAGER), manager) && !str_empty(service))
        control_enqueue(c, object_namespace(slice), service);
}

static const struct control_watch watches[] = {
    [ENDPOINTS] = {"", "v1", "endpoints"},
    [SERVICES] = {"", "v1", "services", map_service},
    [SLICES] = {"discovery.k8s.io", "v1", "endpointslices", map_slice},
    {0},
};

REGISTER(controller, endpointslicemirroring)
= {
    .name = "endpointslice-mirroring-controller",
    .account = "endpointslicemirroring-controller",
    .watches = watches,
    .reconcile = reconcile,
};
