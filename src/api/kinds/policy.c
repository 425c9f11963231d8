/* PodDisruptionBudgets and HorizontalPodAutoscalers. */
#include "api/kinds/workload.h"

static void budget_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old maybe_unused, struct status *st)
{
    static const char *const counts[] = {"disruptionsAllowed", "currentHealthy", "desiredHealthy",
                                         "expectedPods", NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec"));
    if (str_is(ctx->subresource, "status")) {
        check_counts(&c, node_get(object, STR("status")), STR("status"), counts);
        return;
    }
    const struct node *least = node_get(spec, STR("minAvailable")),
                      *most = node_get(spec, STR("maxUnavailable"));
    if (least && most)
        invalid_go(&c, STR("spec"), spec,
                   "MinAvailable Selector MaxUnavailable UnhealthyPodEvictionPolicy",
                   "minAvailable and maxUnavailable cannot be both set");
    check_int_or_percent(&c, least, STR("spec.minAvailable"), true);
    check_int_or_percent(&c, most, STR("spec.maxUnavailable"), true);
    check_label_selector(&c, node_get(spec, STR("selector")), STR("spec.selector"));
    if (node_get(spec, STR("unhealthyPodEvictionPolicy")))
        check_word(&c, node_str(spec, "unhealthyPodEvictionPolicy"),
                   STR("spec.unhealthyPodEvictionPolicy"), "AlwaysAllow|IfHealthyBudget");
}

REGISTER(kind, budgets)
= {.group = "policy",
   .plural = "poddisruptionbudgets",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_CONDITIONAL_UPDATE,
   .name_rule = name_path_segment,
   .validate = budget_validate};

static void check_reference(struct check *c, const struct node *ref, struct str path)
{
    check_needed(c, node_str(ref, "kind"), path_of(c, path, "kind"), name_path_segment);
    check_needed(c, node_str(ref, "name"), path_of(c, path, "name"), name_path_segment);
}

static void check_positive_amount(struct check *c, const struct node *target, struct str path,
                                  const char *member)
{
    const struct node *amount = node_get(target, str_from(member));
    struct quantity q;
    if (quantity_of(amount, &q) && q.nano <= 0)
        field_invalid(c->st, path_of(c, path, member), node_str(amount, ""), "must be positive");
}

static void check_target(struct check *c, const struct node *target, struct str path)
{
    const struct node *utilization = node_get(target, STR("averageUtilization"));
    struct str type = node_str(target, "type");
    if (str_empty(type))
        field_required(c->st, path_of(c, path, "type"), "must specify a metric target type");
    if (!word_in(type, "Utilization|Value|AverageValue"))
        field_invalid(c->st, path_of(c, path, "type"), type,
                      "must be either Utilization, Value, or AverageValue");
    check_positive_amount(c, target, path, "value");
    check_positive_amount(c, target, path, "averageValue");
    if (utilization && node_num(utilization, "", 0) < 1)
        invalid_number(c, path_of(c, path, "averageUtilization"), node_num(utilization, "", 0),
                       "must be greater than 0");
}

static void check_identifier(struct check *c, const struct node *source, struct str path)
{
    struct str name = node_str(source, "metric.name");
    if (str_empty(name))
        field_required(c->st, path_of(c, path, "metric.name"), "must specify a metric name");
    else
        check_text(c, name, path_of(c, path, "metric.name"), name_path_segment);
}

/* Which members of the target a source needs. */
static void check_source_target(struct check *c, const struct node *source, struct str type,
                                struct str path)
{
    const struct node *target = node_get(source, STR("target")),
                      *average = node_get(target, STR("averageValue"));
    const struct node *value = node_get(target, STR("value")),
                      *utilization = node_get(target, STR("averageUtilization"));
    struct str at = path_of(c, path, "target"), average_at = path_of(c, at, "averageValue");
    check_target(c, target, at);
    if (str_is(type, "Pods")) {
        if (!average)
            field_required(c->st, average_at, "must specify a positive target averageValue");
    } else if (word_in(type, "Resource|ContainerResource")) {
        if (!utilization && !average)
            field_required(c->st, path_of(c, at, "averageUtilization"),
                           "must set either a target raw value or a target utilization");
        if (utilization && average)
            field_forbidden(c->st, average_at,
                            "may not set both a target raw value and a target utilization");
    } else if (!value && !average) {
        field_required(c->st, average_at,
                       str_is(type, "Object")
                           ? "must set either a target value or averageValue"
                           : "must set either a target value for metric or a per-pod target");
    } else if (value && average && str_is(type, "External")) {
        field_forbidden(c->st, path_of(c, at, "value"),
                        "may not set both a target value for metric and a per-pod target");
    }
}

static void check_source(struct check *c, const struct node *source, struct str type,
                         struct str path)
{
    if (str_is(type, "Object"))
        check_reference(c, node_get(source, STR("describedObject")),
                        path_of(c, path, "describedObject"));
    if (!word_in(type, "Resource|ContainerResource"))
        check_identifier(c, source, path);
    else if (str_empty(node_str(source, "name")))
        field_required(c->st, path_of(c, path, "name"), "must specify a resource name");
    else if (str_is(type, "ContainerResource"))
        check_container_resource_name(c, node_str(source, "name"), path_of(c, path, "name"));
    if (str_is(type, "ContainerResource")) {
        if (str_empty(node_str(source, "container")))
            field_required(c->st, path_of(c, path, "container"), "must specify a container");
        else
            check_text(c, node_str(source, "container"), path_of(c, path, "container"),
                       name_dns1123_label);
    }
    check_source_target(c, source, type, path);
}

/* Only the first source of a metric is looked into. */
static void check_metric(struct check *c, const struct node *metric, struct str path)
{
    static const struct {
        const char *type, *member;
    } kinds[] = {{"Object", "object"},
                 {"External", "external"},
                 {"Pods", "pods"},
                 {"Resource", "resource"},
                 {"ContainerResource", "containerResource"}};
    struct str type = node_str(metric, "type");
    size_t present = 0;
    if (str_empty(type))
        field_required(c->st, path_of(c, path, "type"), "must specify a metric source type");
    check_word(c, type, path_of(c, path, "type"),
               "ContainerResource|External|Object|Pods|Resource");
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (node_get(metric, str_from(kinds[i].member)) && present++ == 0)
            check_source(c, node_get(metric, str_from(kinds[i].member)), str_from(kinds[i].type),
                         path_of(c, path, kinds[i].member));
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        bool expected = str_is(type, kinds[i].type),
             there = node_get(metric, str_from(kinds[i].member)) != NULL;
        if (expected && !there)
            field_required(c->st, path_of(c, path, kinds[i].member),
                           "must populate information for the given metric source");
        if (!expected && there && present != 1)
            field_forbidden(c->st, path_of(c, path, kinds[i].member),
                            "must populate the given metric source only");
    }
    if (!word_in(type, "ContainerResource|External|Object|Pods|Resource"))
        check_word(c, type, path_of(c, path, "type"),
                   "ContainerResource|External|Object|Pods|Resource");
}

enum {
    WINDOW_SECONDS_MAX = 3600,
    PERIOD_SECONDS_MAX = 1800
};

static void check_scaling_policy(struct check *c, const struct node *policy, struct str path)
{
    int64_t value = node_num(policy, "value", 0), period = node_num(policy, "periodSeconds", 0);
    check_word(c, node_str(policy, "type"), path_of(c, path, "type"), "Percent|Pods");
    if (value <= 0)
        invalid_number(c, path_of(c, path, "value"), value, "must be greater than zero");
    if (period <= 0)
        invalid_number(c, path_of(c, path, "periodSeconds"), period, "must be greater than zero");
    if (period > PERIOD_SECONDS_MAX)
        invalid_number(c, path_of(c, path, "periodSeconds"), period,
                       "must be less than or equal to %d", PERIOD_SECONDS_MAX);
}

static void check_scaling_rules(struct check *c, const struct node *behavior, const char *direction)
{
    const struct node *rules = node_get(behavior, str_from(direction)),
                      *policies = node_get(rules, STR("policies"));
    struct str path = path_of(c, STR("spec.behavior"), direction),
               at = path_of(c, path, "policies");
    int64_t window = node_num(rules, "stabilizationWindowSeconds", 0);
    if (!rules)
        return;
    if (window < 0)
        invalid_number(c, path_of(c, path, "stabilizationWindowSeconds"), window,
                       "must be greater than or equal to zero");
    if (window > WINDOW_SECONDS_MAX)
        invalid_number(c, path_of(c, path, "stabilizationWindowSeconds"), window,
                       "must be less than or equal to %d", WINDOW_SECONDS_MAX);
    if (node_get(rules, STR("selectPolicy")))
        check_word(c, node_str(rules, "selectPolicy"), path_of(c, path, "selectPolicy"),
                   "Disabled|Max|Min");
    if (node_count(policies) == 0)
        field_required(c->st, at, "must specify at least one Policy");
    for (size_t i = 0; i < node_count(policies); i++)
        check_scaling_policy(c, node_item(policies, i), path_index(c, at, i));
    check_quantity_not_negative(c, node_get(rules, STR("tolerance")),
                                path_of(c, path, "tolerance"));
}

/* What is scaled belongs to a group, but for the one scalable kind of the core. What was let in
 * before stays. */
static void check_target_version(struct check *c, const struct node *target,
                                 const struct node *before)
{
    struct str version = node_str(target, "apiVersion"), kind = node_str(target, "kind"),
               path = STR("spec.scaleTargetRef.apiVersion");
    ssize_t slash = str_find(version, '/');
    if (before && str_equal(version, node_str(before, "apiVersion")) &&
        str_equal(kind, node_str(before, "kind")))
        return;
    if (slash >= 0 && str_find(str_slice(version, (size_t)slash + 1, version.len), '/') >= 0)
        field_invalid(c->st, path, version, "unexpected GroupVersion string: %.*s",
                      STR_ARG(version));
    else if (slash <= 0 && !str_is(kind, "ReplicationController"))
        field_invalid(c->st, path, version, "apiVersion must specify API group");
}

static void autoscaler_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    static const char *const counts[] = {"currentReplicas", "desiredReplicas", NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *metrics = node_get(spec, STR("metrics"));
    if (str_is(ctx->subresource, "status")) {
        check_counts(&c, node_get(object, STR("status")), STR("status"), counts);
        return;
    }
    /* In the older form this stands for the first metric. */
    const struct node *cpu = node_get(spec, STR("targetCPUUtilizationPercentage"));
    if (cpu && node_num(cpu, "", 0) < 1)
        invalid_number(&c, STR("spec.metrics[0].resource.target.averageUtilization"),
                       node_num(cpu, "", 0), "must be greater than 0");
    const struct node *least = node_get(spec, STR("minReplicas"));
    int64_t most = node_num(spec, "maxReplicas", 0);
    if (least && node_num(least, "", 0) < 1)
        invalid_number(&c, STR("spec.minReplicas"), node_num(least, "", 0),
                       "must be greater than or equal to 1");
    if (most == 0)
        field_required(st, STR("spec.maxReplicas"), "must be set and greater than 0");
    else if (most < 0)
        invalid_number(&c, STR("spec.maxReplicas"), most, "must be greater than or equal to 1");
    if (least && most < node_num(least, "", 0))
        invalid_number(&c, STR("spec.maxReplicas"), most,
                       "must be greater than or equal to `minReplicas`");
    check_reference(&c, node_get(spec, STR("scaleTargetRef")), STR("spec.scaleTargetRef"));
    check_target_version(&c, node_get(spec, STR("scaleTargetRef")),
                         old ? node_at(old, "spec.scaleTargetRef") : NULL);
    for (size_t i = 0; i < node_count(metrics); i++)
        check_metric(&c, node_item(metrics, i), path_index(&c, STR("spec.metrics"), i));
    if (least && node_num(least, "", 0) == 0 && !node_find(metrics, "type", STR("Object")) &&
        !node_find(metrics, "type", STR("External")))
        field_forbidden(st, STR("spec.metrics"),
                        "must specify at least one Object or External metric to support scaling to "
                        "zero replicas");
    check_scaling_rules(&c, node_get(spec, STR("behavior")), "scaleUp");
    check_scaling_rules(&c, node_get(spec, STR("behavior")), "scaleDown");
}

REGISTER(kind, autoscalers)
= {.group = "autoscaling",
   .plural = "horizontalpodautoscalers",
   .flags = KIND_STATUS_SPLIT,
   .validate = autoscaler_validate};
