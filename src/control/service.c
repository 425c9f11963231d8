#include "control/service.h"

#include "object/scalar.h"

bool service_selects(const struct sealed *service)
{
    return value_count(object_at(service, "spec.selector")) > 0 &&
           !str_is(object_str(service, "spec.type"), "ExternalName");
}

bool service_headless(const struct sealed *service)
{
    return str_is(object_str(service, "spec.clusterIP"), "None");
}

struct objects service_pods(struct run *run, size_t pods_watch, const struct sealed *service)
{
    struct selector labels;
    label_selector_from_map(run->arena, object_at(service, "spec.selector"), &labels);
    struct objects pods = run_list_selected(run, pods_watch, object_namespace(service), &labels);
    objects_sort(&pods, object_compare_age);
    return pods;
}

/* The number behind a port's targetPort; 0: the pod has no such port. */
static int64_t target_port(struct value port, const struct sealed *pod)
{
    struct value target = value_at(port, "targetPort");
    int64_t number = value_int(target, "", 0);
    if (target.kind != VALUE_STRING)
        return number ? number : value_int(port, "port", 0);
    struct str name = value_str(target, ""), protocol = value_str(port, "protocol");
    static const char *const places[] = {"spec.containers", "spec.initContainers"};
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        struct value_iter it = value_iter(object_at(pod, places[i]));
        for (struct value container; value_next(&it, &container);) {
            if (i == 1 && !str_is(value_str(container, "restartPolicy"), "Always"))
                continue;
            struct value_iter ports = value_iter(value_at(container, "ports"));
            for (struct value p; value_next(&ports, &p);)
                if (str_equal(value_str(p, "name"), name) &&
                    str_equal(value_str(p, "protocol"), protocol))
                    return value_int(p, "containerPort", 0);
        }
    }
    return 0;
}

struct node *service_ports(struct arena *a, const struct sealed *service, const struct sealed *pod)
{
    struct node *list = node_list(a);
    struct value_iter it = value_iter(object_at(service, "spec.ports"));
    for (struct value port; value_next(&it, &port);) {
        int64_t number = target_port(port, pod);
        if (!number)
            continue;
        struct node *p = node_map(a);
        struct str app = value_str(port, "appProtocol");
        node_put_str(a, p, "name", value_str(port, "name"));
        node_put_str(a, p, "protocol", value_str(port, "protocol"));
        node_put_int(a, p, "port", number);
        if (!str_empty(app))
            node_put_str(a, p, "appProtocol", app);
        node_append(a, list, p);
    }
    return list;
}

struct str service_trigger_time(struct arena *a, const struct sealed *service, struct objects pods,
                                const struct map *told)
{
    int64_t earliest = told ? 0 : object_created_us(service);
    for (size_t i = 0; told && i < pods.count; i++) {
        const struct sealed *pod = pods.items[i];
        size_t before = (size_t)map_get(told, object_uid(pod));
        int64_t since = value_time_us(condition_of(pod, "Ready"), "lastTransitionTime");
        if (before != (size_t)pod_ready(pod) + 1 && since && (!earliest || since < earliest))
            earliest = since;
    }
    return earliest ? time_format(a, earliest) : STR("");
}

struct node *pod_reference(struct arena *a, const struct sealed *pod)
{
    struct node *reference = node_map(a);
    node_put_str(a, reference, "kind", STR("Pod"));
    node_put_str(a, reference, "namespace", object_namespace(pod));
    node_put_str(a, reference, "name", object_name(pod));
    node_put_str(a, reference, "uid", object_uid(pod));
    return reference;
}

struct str service_hostname(const struct sealed *service, const struct sealed *pod)
{
    return str_equal(object_str(pod, "spec.subdomain"), object_name(service))
               ? object_str(pod, "spec.hostname")
               : STR("");
}

struct pod_change {
    struct control *control;
    const struct sealed *now, *old;
};

static bool enqueue_matching(void *arg, const struct sealed *service)
{
    const struct pod_change *change = arg;
    if (!service_selects(service))
        return true;
    struct arena arena = ARENA_INIT;
    struct selector labels;
    label_selector_from_map(&arena, object_at(service, "spec.selector"), &labels);
    const struct sealed *states[] = {change->now, change->old};
    for (size_t i = 0; i < ARRAY_COUNT(states); i++)
        if (states[i] && label_selector_matches(&labels, object_at(states[i], "metadata.labels")))
            control_enqueue_object(change->control, service);
    arena_release(&arena);
    return true;
}

static bool matters(const struct sealed *now, const struct sealed *old)
{
    static const char *const paths[] = {"metadata.labels",
                                        "status.podIPs",
                                        "spec.hostname",
                                        "spec.subdomain",
                                        "spec.nodeName",
                                        "status.phase",
                                        "metadata.deletionTimestamp"};
    if (!now || !old || pod_ready(now) != pod_ready(old) ||
        !str_equal(object_uid(now), object_uid(old)))
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
        if (object_differs(now, old, paths[i]))
            return true;
    return false;
}

void service_map_pod(struct control *c, size_t services_watch, const struct sealed *now,
                     const struct sealed *old)
{
    if (!matters(now, old))
        return;
    struct pod_change change = {c, now, old};
    view_each(control_view(c, services_watch), object_namespace(now ? now : old), enqueue_matching,
              &change);
}
