/* PodDisruptionBudgets and HorizontalPodAutoscalers. */
#include "api/kinds/workload.h"

static void budget_validate(const struct kind_ctx *ctx, const struct node *object, const struct node *old maybe_unused,
                            struct status *st)
{
    static const char *const counts[] = {"disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods", NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec"));
    if (str_is(ctx->subresource, "status")) {
        check_counts(&c, node_get(object, STR("status")), STR("status"), counts);
        return;
    }
    const struct node *least = node_get(spec, STR("minAvailable")), *most = node_get(spec, STR("maxUnavailable"));
    if (least && most)
        invalid_node(&c, STR("spec"), spec, "minAvailable and maxUnavailable cannot be both set");
    check_int_or_percent(&c, least, STR("spec.minAvailable"), true);
    check_int_or_percent(&c, most, STR("spec.maxUnavailable"), true);
    check_label_selector(&c, node_get(spec, STR("selector")), STR("spec.selector"));
    if (node_get(spec, STR("unhealthyPodEvictionPolicy")))
        check_word(&c, node_str(spec, "unhealthyPodEvictionPolicy"), STR("spec.unhealthyPodEvictionPolicy"),
                   "AlwaysAllow|IfHealthyBudget");
}

REGISTER(kind, budgets) = {.group = "policy",
                           .plural = "poddisruptionbudgets",
                           .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_CONDITIONAL_UPDATE,
                           .validate = budget_validate};

static void check_reference(struct check *c, const struct node *ref, struct str path)
{
    check_needed(c, node_str(ref, "kind"), path_of(c, path, "kind"), name_path_segment);
    check_needed(c, node_str(ref, "name"), path_of(c, path, "name"), name_path_segment);
}

static void check_target(struct check *c, const struct node *target, struct str path, bool resource)
{
    const struct node *utilization = node_get(target, STR("averageUtilization")), *value = node_get(target, STR("value"));
    const struct node *average = node_get(target, STR("averageValue"));
    struct str type = node_str(target, "type");
    if (str_empty(type))
        field_required(c->st, path_of(c, path, "type"), "must specify a metric target type");
    else if (!word_in(type, "Utilization|Value|AverageValue"))
        field_invalid(c->st, path_of(c, path, "type"), type, "must be either Utilization, Value, or AverageValue");
    if (value && node_str(value, "").len && node_str(value, "").data[0] == '-')
        field_invalid(c->st, path_of(c, path, "value"), node_str(value, ""), "must be positive");
    if (average && node_str(average, "").len && node_str(average, "").data[0] == '-')
        field_invalid(c->st, path_of(c, path, "averageValue"), node_str(average, ""), "must be positive");
    if (utilization && node_num(utilization, "", 0) < 1)
        invalid_number(c, path_of(c, path, "averageUtilization"), node_num(utilization, "", 0), "must be greater than 0");
    if (resource && !utilization && !average)
        field_required(c->st, path_of(c, path, "averageUtilization"), "must set either a target raw value or a target utilization");
}

static void check_metric(struct check *c, const struct node *metric, struct str path)
{
    static const struct {
        const char *type, *member;
    } kinds[] = {{"Object", "object"}, {"Pods", "pods"}, {"Resource", "resource"}, {"External", "external"},
                 {"ContainerResource", "containerResource"}};
    struct str type = node_str(metric, "type");
    if (str_empty(type)) {
        field_required(c->st, path_of(c, path, "type"), "must specify a metric source type");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        const struct node *source = node_get(metric, str_from(kinds[i].member));
        struct str at = path_of(c, path, kinds[i].member);
        if (!str_is(type, kinds[i].type)) {
            if (source)
                field_forbidden(c->st, at, "must populate the given metric source only");
            continue;
        }
        if (!source) {
            field_required(c->st, at, "must populate information for the given metric source");
            continue;
        }
        bool resource = word_in(type, "Resource|ContainerResource");
        if (resource && str_empty(node_str(source, "name")))
            field_required(c->st, path_of(c, at, "name"), "must specify a resource name");
        check_target(c, node_get(source, STR("target")), path_of(c, at, "target"), resource);
    }
    if (!word_in(type, "Object|Pods|Resource|External|ContainerResource"))
        check_word(c, type, path_of(c, path, "type"), "ContainerResource|External|Object|Pods|Resource");
}

static void autoscaler_validate(const struct kind_ctx *ctx, const struct node *object, const struct node *old maybe_unused,
                                struct status *st)
{
    static const char *const counts[] = {"currentReplicas", "desiredReplicas", NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")), *metrics = node_get(spec, STR("metrics"));
    if (str_is(ctx->subresource, "status")) {
        check_counts(&c, node_get(object, STR("status")), STR("status"), counts);
        return;
    }
    const struct node *least = node_get(spec, STR("minReplicas"));
    int64_t most = node_num(spec, "maxReplicas", 0);
    if (least && node_num(least, "", 0) < 1)
        invalid_number(&c, STR("spec.minReplicas"), node_num(least, "", 0), "must be greater than or equal to 1");
    if (most == 0)
        field_required(st, STR("spec.maxReplicas"), "must be set and greater than 0");
    else if (most < 0)
        invalid_number(&c, STR("spec.maxReplicas"), most, "must be greater than or equal to 1");
    if (least && most < node_num(least, "", 0))
        invalid_number(&c, STR("spec.maxReplicas"), most, "must be greater than or equal to `minReplicas`");
    check_reference(&c, node_get(spec, STR("scaleTargetRef")), STR("spec.scaleTargetRef"));
    for (size_t i = 0; i < node_count(metrics); i++)
        check_metric(&c, node_item(metrics, i), path_index(&c, STR("spec.metrics"), i));
}

REGISTER(kind, autoscalers) = {.group = "autoscaling",
                               .plural = "horizontalpodautoscalers",
                               .flags = KIND_STATUS_SPLIT,
                               .validate = autoscaler_validate};
