/* Endpoints of Services with a selector, the older form of EndpointSlices. Source:
 * pkg/controller/endpoint. */
#include "control/service.h"
#include "control/slices.h"
#include "object/seal.h"

enum {
    SERVICES,
    PODS,
    ENDPOINTS
};
enum {
    ADDRESSES_MAX = 1000 /* an object; upstream 1000 */
};

static const char managed_by[] = "endpoints.kubernetes.io/managed-by";
static const char headless[] = "service.kubernetes.io/headless";

/* Addresses that share ports. */
struct subset {
    struct node *ports, *ready, *not_ready; /* lists; arena */
};

struct subsets {
    struct subset *items; /* arena */
    size_t count, cap;
};

static struct subset *subset_of(struct arena *a, struct subsets *list, struct node *ports)
{
    for (size_t i = 0; i < list->count; i++)
        if (node_equal(list->items[i].ports, ports))
            return &list->items[i];
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 2;
        list->items = arena_grow(a, list->items, list->cap * sizeof(list->items[0]),
                                 cap * sizeof(list->items[0]));
        list->cap = cap;
    }
    struct subset *s = &list->items[list->count++];
    *s = (struct subset){ports, node_list(a), node_list(a)};
    return s;
}

/* A pod that will not run again has no place even among those that aren't ready. */
static bool may_become_ready(const struct sealed *pod)
{
    struct str policy = object_str(pod, "spec.restartPolicy");
    struct str phase = object_str(pod, "status.phase");
    if (str_is(policy, "Never"))
        return !pod_finished(pod);
    if (str_is(policy, "OnFailure"))
        return !str_is(phase, "Succeeded");
    return true;
}

static struct str pod_address(const struct sealed *service, const struct sealed *pod)
{
    bool want_v6 =
        str_is(value_str(value_item(object_at(service, "spec.ipFamilies"), 0), ""), "IPv6");
    struct value_iter it = value_iter(object_at(pod, "status.podIPs"));
    for (struct value v; value_next(&it, &v);) {
        struct str address = value_str(v, "ip");
        if (!str_empty(address) && (str_find(address, ':') >= 0) == want_v6)
            return address;
    }
    return STR("");
}

static void add_pod(struct run *run, const struct sealed *service, const struct sealed *pod,
                    struct subsets *subsets)
{
    struct arena *a = run->arena;
    bool publish = value_bool(sealed_root(service), "spec.publishNotReadyAddresses", false);
    struct str ip = pod_address(service, pod);
    if (str_empty(ip) || pod_finished(pod) || (object_deleting(pod) && !publish))
        return;
    struct node *address = node_map(a);
    struct str hostname = service_hostname(service, pod);
    struct str node_name = object_str(pod, "spec.nodeName");
    node_put_str(a, address, "ip", ip);
    if (!str_empty(hostname))
        node_put_str(a, address, "hostname", hostname);
    if (!str_empty(node_name))
        node_put_str(a, address, "nodeName", node_name);
    node_put(a, address, "targetRef", pod_reference(a, pod));
    struct node *ports = service_ports(a, service, pod);
    if (node_count(ports) == 0 &&
        (value_count(object_at(service, "spec.ports")) || !service_headless(service)))
        return;
    struct subset *subset = subset_of(a, subsets, ports);
    if (publish || pod_ready(pod))
        node_append(a, subset->ready, address);
    else if (may_become_ready(pod))
        node_append(a, subset->not_ready, address);
}

static int compare_addresses(const void *x, const void *y)
{
    const struct node *const *left = x, *const *right = y;
    int order = str_compare(node_str(*left, "ip"), node_str(*right, "ip"));
    return order ? order
                 : str_compare(node_str(*left, "targetRef.uid"), node_str(*right, "targetRef.uid"));
}

static void sort_addresses(struct node *list)
{
    if (list->list.count > 1)
        qsort(list->list.items, list->list.count, sizeof(list->list.items[0]), compare_addresses);
}

/* Keeps within what an object may hold; ready addresses stay first. True when something was cut. */
static bool cut(struct subset *s, size_t *room)
{
    bool over = false;
    struct node *lists[] = {s->ready, s->not_ready};
    for (size_t i = 0; i < 2; i++) {
        size_t count = lists[i]->list.count;
        if (count > *room) {
            lists[i]->list.count = (uint32_t)*room;
            over = true;
        }
        *room -= lists[i]->list.count;
    }
    return over;
}

static struct node *subsets_node(struct arena *a, struct subsets *subsets, bool *ret_over)
{
    struct node *list = node_list(a);
    size_t room = ADDRESSES_MAX;
    *ret_over = false;
    for (size_t i = 0; i < subsets->count; i++) {
        struct subset *s = &subsets->items[i];
        sort_addresses(s->ready);
        sort_addresses(s->not_ready);
        *ret_over |= cut(s, &room);
        if (node_count(s->ready) + node_count(s->not_ready) == 0)
            continue;
        struct node *subset = node_map(a);
        if (node_count(s->ready))
            node_put(a, subset, "addresses", s->ready);
        if (node_count(s->not_ready))
            node_put(a, subset, "notReadyAddresses", s->not_ready);
        if (node_count(s->ports))
            node_put(a, subset, "ports", s->ports);
        node_append(a, list, subset);
    }
    return list;
}

static struct node *labels_of(struct arena *a, const struct sealed *service)
{
    struct value own = object_at(service, "metadata.labels");
    struct node *labels = value_present(own) ? value_to_node(a, own) : node_map(a);
    node_remove(labels, str_from(headless));
    if (service_headless(service))
        node_set(a, labels, str_from(headless), node_text(a, STR("")));
    node_set(a, labels, str_from(managed_by), node_text(a, STR("endpoint-controller")));
    return labels;
}

static void note_addresses(struct map *told, struct value subset, const char *list, size_t ready)
{
    struct value_iter it = value_iter(value_at(subset, list));
    for (struct value address; value_next(&it, &address);)
        map_put(told, value_str(address, "targetRef.uid"), (void *)(1 + ready));
}

static struct str trigger_time(struct run *run, const struct sealed *service, struct objects pods)
{
    const struct sealed *current = run_get(run, ENDPOINTS, run->ns, run->name);
    if (!current)
        return service_trigger_time(run->arena, service, pods, NULL);
    struct map told = MAP_INIT;
    struct value_iter it = value_iter(object_at(current, "subsets"));
    for (struct value subset; value_next(&it, &subset);) {
        note_addresses(&told, subset, "addresses", 1);
        note_addresses(&told, subset, "notReadyAddresses", 0);
    }
    struct str time = service_trigger_time(run->arena, service, pods, &told);
    map_release(&told);
    return time;
}

static int put(struct run *run, const struct sealed *service, struct node *subsets, bool over,
               struct str trigger, struct status *st)
{
    struct arena *a = run->arena;
    const struct resource *r = control_resource(run->control, ENDPOINTS);
    const struct sealed *current = run_get(run, ENDPOINTS, run->ns, run->name);
    struct node *tree = current ? unseal(a, current) : node_map(a);
    if (!current) {
        node_put_str(a, tree, "apiVersion", STR("v1"));
        node_put_str(a, tree, "kind", STR("Endpoints"));
        node_put_str(a, tree, "metadata.name", run->name);
        node_put_str(a, tree, "metadata.namespace", run->ns);
    }
    node_put(a, tree, "metadata.labels", labels_of(a, service));
    struct node *annotations = node_need_map(a, tree, "metadata.annotations");
    node_remove(annotations, STR("endpoints.kubernetes.io/over-capacity"));
    if (over)
        node_set(a, annotations, STR("endpoints.kubernetes.io/over-capacity"),
                 node_text(a, STR("truncated")));
    node_put(a, tree, "subsets", subsets);
    if (current)
        return run_put_noting(run, r, current, tree, TRIGGER_TIME, trigger, st);
    node_annotate(a, tree, TRIGGER_TIME, trigger);
    if (run_create(run, r, run->ns, tree, NULL, st) == 0)
        return 0;
    for (size_t i = 0; i < st->details.cause_count; i++)
        if (st->details.causes[i].type == CAUSE_NAMESPACE_TERMINATING)
            return 0;
    run_event(run, service, "Warning", "FailedToCreateEndpoint",
              "Failed to create endpoint for service %.*s/%.*s: %.*s", STR_ARG(run->ns),
              STR_ARG(run->name), STR_ARG(st->message));
    return -1;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *service = run_get(run, SERVICES, run->ns, run->name);
    if (!service || object_deleting(service)) {
        if (!view_get(control_view(run->control, ENDPOINTS), run->ns, run->name))
            return 0;
        return run_delete(run, control_resource(run->control, ENDPOINTS), run->ns, run->name,
                          STR_NONE, NULL, st);
    }
    if (!service_selects(service))
        return 0;
    struct subsets subsets = {0};
    struct objects pods = service_pods(run, PODS, service);
    for (size_t i = 0; i < pods.count; i++)
        add_pod(run, service, pods.items[i], &subsets);
    bool over;
    struct node *list = subsets_node(run->arena, &subsets, &over);
    return put(run, service, list, over, trigger_time(run, service, pods), st);
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    service_map_pod(c, SERVICES, now, old);
}

/* Only what this loop made is its business: Endpoints of a Service without selector are somebody's
 * own. */
static void map_endpoints(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *endpoints = now ? now : old;
    const struct sealed *service =
        view_get(control_view(c, SERVICES), object_namespace(endpoints), object_name(endpoints));
    if (service ? service_selects(service)
                : str_is(object_label(endpoints, managed_by), "endpoint-controller"))
        control_enqueue_object(c, endpoints);
}

static const struct control_watch watches[] = {
    [SERVICES] = {"", "v1", "services"},
    [PODS] = {"", "v1", "pods", map_pod},
    [ENDPOINTS] = {"", "v1", "endpoints", map_endpoints},
    {0},
};

REGISTER(controller, endpoints)
= {
    .name = "endpoints-controller",
    .account = "endpoint-controller",
    .watches = watches,
    .reconcile = reconcile,
};
