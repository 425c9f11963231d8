/* Conversion between the versions of one record. Only two kinds have two served versions: events
 * and horizontal pod autoscalers (pkg/apis/events/v1 and pkg/apis/autoscaling/v1 of the original).
 */
#include "api/objects.h"
#include "api/render.h"

struct rename {
    const char *from, *to;
};

static const struct rename core_to_events[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

static struct node *rename_members(struct arena *a, struct node *n, const struct rename *table,
                                   size_t count, bool backwards)
{
    struct node *out = node_map(a);
    member_each(m, n)
    {
        struct str name = m->name;
        for (size_t i = 0; i < count; i++)
            if (str_is(name, backwards ? table[i].to : table[i].from)) {
                name = str_from(backwards ? table[i].from : table[i].to);
                break;
            }
        node_set(a, out, name, m->value);
    }
    return out;
}

#define METRICS_ANNOTATION         "autoscaling.alpha.kubernetes.io/metrics"
#define BEHAVIOR_ANNOTATION        "autoscaling.alpha.kubernetes.io/behavior"
#define CURRENT_METRICS_ANNOTATION "autoscaling.alpha.kubernetes.io/current-metrics"
#define CONDITIONS_ANNOTATION      "autoscaling.alpha.kubernetes.io/conditions"

/* What v1 has no field for travels in annotations, as JSON. */
static const struct {
    const char *path;
    const char *member;
    const char *annotation;
} carried[] = {
    {"spec", "metrics", METRICS_ANNOTATION},
    {"spec", "behavior", BEHAVIOR_ANNOTATION},
    {"status", "currentMetrics", CURRENT_METRICS_ANNOTATION},
    {"status", "conditions", CONDITIONS_ANNOTATION},
};

static bool is_cpu_utilization(const struct node *metric)
{
    return str_is(node_str(metric, "type"), "Resource") &&
           str_is(node_str(metric, "resource.name"), "cpu");
}

static void annotate(struct arena *a, struct node *n, const char *annotation,
                     const struct node *value)
{
    struct buf text = BUF_INIT;
    node_to_json(&text, value, 0);
    node_set(a, node_need_map(a, n, "metadata.annotations"), str_from(annotation),
             node_text_copy(a, buf_str(&text)));
    buf_release(&text);
}

static void cpu_to_v1(struct arena *a, struct node *n, const char *list_path, const char *source,
                      const char *target)
{
    struct node *list = node_at(n, list_path);
    for (size_t i = 0; i < node_count(list); i++) {
        const struct node *metric = node_item(list, i);
        struct node *percent = node_at(metric, source);
        if (!is_cpu_utilization(metric) || !percent)
            continue;
        node_put(a, n, target, percent);
        node_list_remove(list, i);
        return;
    }
}

static struct node *hpa_to_v1(struct arena *a, struct node *v2)
{
    struct node *n = node_copy(a, v2);
    cpu_to_v1(a, n, "spec.metrics", "resource.target.averageUtilization",
              "spec.targetCPUUtilizationPercentage");
    cpu_to_v1(a, n, "status.currentMetrics", "resource.current.averageUtilization",
              "status.currentCPUUtilizationPercentage");
    for (size_t i = 0; i < ARRAY_COUNT(carried); i++) {
        struct node *side = node_at(n, carried[i].path);
        struct node *value = node_get(side, str_from(carried[i].member));
        if (node_count(value))
            annotate(a, n, carried[i].annotation, value);
        if (value)
            node_remove(side, str_from(carried[i].member));
    }
    return n;
}

static void cpu_to_v2(struct arena *a, struct node *n, const char *side_path, const char *from,
                      const char *list, bool target)
{
    struct node *side = node_at(n, side_path);
    struct node *percent = node_get(side, str_from(from));
    if (!percent)
        return;
    node_remove(side, str_from(from));
    struct node *metric = node_map(a);
    node_put_str(a, metric, "type", STR("Resource"));
    node_put_str(a, metric, "resource.name", STR("cpu"));
    if (target)
        node_put_str(a, metric, "resource.target.type", STR("Utilization"));
    node_put(a, metric,
             target ? "resource.target.averageUtilization" : "resource.current.averageUtilization",
             percent);
    node_append(a, node_need_list(a, side, list), metric);
}

static struct node *hpa_to_v2(struct arena *a, struct node *v1)
{
    struct node *n = node_copy(a, v1);
    struct node *annotations = node_at(n, "metadata.annotations");
    for (size_t i = 0; i < ARRAY_COUNT(carried); i++) {
        struct node *text = node_get(annotations, str_from(carried[i].annotation));
        struct node *value;
        struct status ignored;
        status_init(&ignored, a);
        if (!text || json_parse(a, node_str(text, ""), &value, &ignored) < 0)
            continue;
        node_remove(annotations, str_from(carried[i].annotation));
        node_set(a, node_need_map(a, n, carried[i].path), str_from(carried[i].member), value);
    }
    cpu_to_v2(a, n, "spec", "targetCPUUtilizationPercentage", "metrics", true);
    cpu_to_v2(a, n, "status", "currentCPUUtilizationPercentage", "currentMetrics", false);
    return n;
}

struct node *convert_tree(struct arena *a, struct node *n, schema_id from, schema_id to)
{
    if (from == to)
        return n;
    struct str source = str_from(schema_type(from)->name), target = str_from(schema_type(to)->name);
    struct node *out = NULL;
    if (str_is(source, "core/v1.Event") && str_is(target, "events.k8s.io/v1.Event"))
        out = rename_members(a, n, core_to_events, ARRAY_COUNT(core_to_events), false);
    else if (str_is(source, "events.k8s.io/v1.Event") && str_is(target, "core/v1.Event"))
        out = rename_members(a, n, core_to_events, ARRAY_COUNT(core_to_events), true);
    else if (str_is(source, "autoscaling/v2.HorizontalPodAutoscaler"))
        out = hpa_to_v1(a, n);
    else if (str_is(source, "autoscaling/v1.HorizontalPodAutoscaler"))
        out = hpa_to_v2(a, n);
    if (!out)
        return NULL;
    const struct schema_type *type = schema_type(to);
    node_set(a, out, STR("apiVersion"),
             node_text(a, group_version_text(a, str_from(type->group), str_from(type->version))));
    return out;
}
