#include "object/default_internal.h"
#include "object/patch_edit.h"

/* Hooks of the other groups. */

static void default_deployment(struct arena *a, struct node *n)
{
    if (!str_is(node_str(n, "spec.strategy.type"), "RollingUpdate"))
        return;
    default_text(a, n, "spec.strategy.rollingUpdate.maxUnavailable", "25%", false);
    default_text(a, n, "spec.strategy.rollingUpdate.maxSurge", "25%", false);
}

static void default_daemon_set(struct arena *a, struct node *n)
{
    if (!str_is(node_str(n, "spec.updateStrategy.type"), "RollingUpdate"))
        return;
    default_int(a, n, "spec.updateStrategy.rollingUpdate.maxUnavailable", 1, false);
    default_int(a, n, "spec.updateStrategy.rollingUpdate.maxSurge", 0, false);
}

/* rollingUpdate is made only together with the type. */
static void default_stateful_set(struct arena *a, struct node *n)
{
    struct node *strategy = node_need_map(a, n, "spec.updateStrategy");
    if (node_str(strategy, "type").len == 0) {
        node_put_str(a, strategy, "type", STR("RollingUpdate"));
        (void)node_need_map(a, strategy, "rollingUpdate");
    }
    if (str_is(node_str(strategy, "type"), "RollingUpdate") &&
        node_is(node_get(strategy, STR("rollingUpdate")), NODE_MAP))
        default_int(a, strategy, "rollingUpdate.partition", 0, false);
    node_each(claim, node_at(n, "spec.volumeClaimTemplates"))
    {
        node_put_str(a, claim, "kind", STR("PersistentVolumeClaim"));
        node_put_str(a, claim, "apiVersion", STR("v1"));
    }
}

static void default_job(struct arena *a, struct node *n)
{
    struct node *spec = node_need_map(a, n, "spec");
    if (default_unset(node_get(spec, STR("completions"))) &&
        default_unset(node_get(spec, STR("parallelism"))))
        node_put_int(a, spec, "completions", 1);
    default_int(a, spec, "parallelism", 1, false);
    bool per_index = !default_unset(node_get(spec, STR("backoffLimitPerIndex")));
    default_int(a, spec, "backoffLimit", per_index ? INT32_MAX : 6, false);
    bool failure_policy = !default_unset(node_get(spec, STR("podFailurePolicy")));
    default_text(a, spec, "podReplacementPolicy", failure_policy ? "Failed" : "TerminatingOrFailed",
                 false);
    const struct node *labels = node_at(spec, "template.metadata.labels");
    if (node_is(labels, NODE_MAP) && node_count(node_at(n, "metadata.labels")) == 0)
        node_put(a, n, "metadata.labels", node_clone(a, labels));
}

static void default_hpa_v1(struct arena *a, struct node *n)
{
    /* Metrics of v2 travel in an annotation. */
    const struct node *metrics = node_get(node_at(n, "metadata.annotations"),
                                          STR("autoscaling.alpha.kubernetes.io/metrics"));
    if (!metrics)
        default_int(a, n, "spec.targetCPUUtilizationPercentage", 80, false);
}

static struct node *scaling_policy(struct arena *a, const char *type, int64_t value)
{
    struct node *n = node_map(a);
    node_put_str(a, n, "type", str_from(type));
    node_put_int(a, n, "value", value);
    node_put_int(a, n, "periodSeconds", 15);
    return n;
}

static void default_scaling_rules(struct arena *a, struct node *behavior, const char *direction,
                                  bool up)
{
    struct node *rules = node_need_map(a, behavior, direction);
    if (up)
        default_int(a, rules, "stabilizationWindowSeconds", 0, false);
    default_text(a, rules, "selectPolicy", "Max", false);
    if (!default_unset(node_get(rules, STR("policies"))))
        return;
    struct node *policies = node_need_list(a, rules, "policies");
    if (up)
        node_append(a, policies, scaling_policy(a, "Pods", 4));
    node_append(a, policies, scaling_policy(a, "Percent", 100));
}

static void default_hpa_v2(struct arena *a, struct node *n)
{
    if (node_count(node_at(n, "spec.metrics")) == 0) {
        struct node *metric = node_map(a), *list = node_list(a);
        node_put_str(a, metric, "type", STR("Resource"));
        node_put_str(a, metric, "resource.name", STR("cpu"));
        node_put_str(a, metric, "resource.target.type", STR("Utilization"));
        node_put_int(a, metric, "resource.target.averageUtilization", 80);
        node_append(a, list, metric);
        node_put(a, n, "spec.metrics", list);
    }
    struct node *behavior = node_at(n, "spec.behavior");
    if (!node_is(behavior, NODE_MAP))
        return;
    default_scaling_rules(a, behavior, "scaleUp", true);
    default_scaling_rules(a, behavior, "scaleDown", false);
}

static void default_network_policy(struct arena *a, struct node *n)
{
    if (node_count(node_at(n, "spec.policyTypes")) > 0)
        return;
    struct node *types = node_list(a);
    node_append(a, types, node_text(a, STR("Ingress")));
    if (node_count(node_at(n, "spec.egress")) > 0)
        node_append(a, types, node_text(a, STR("Egress")));
    node_put(a, n, "spec.policyTypes", types);
}

static void default_subject(struct arena *a, struct node *n)
{
    struct str kind = node_str(n, "kind");
    if (str_is(kind, "User") || str_is(kind, "Group"))
        default_text(a, n, "apiGroup", "rbac.authorization.k8s.io", true);
}

static void default_csi_driver(struct arena *a, struct node *n)
{
    if (node_count(node_at(n, "spec.volumeLifecycleModes")) > 0)
        return;
    struct node *modes = node_list(a);
    node_append(a, modes, node_text(a, STR("Persistent")));
    node_put(a, n, "spec.volumeLifecycleModes", modes);
}

static void default_device_request(struct arena *a, struct node *n)
{
    if (str_is(node_str(n, "allocationMode"), "ExactCount"))
        default_int(a, n, "count", 1, true);
}

static void default_crd(struct arena *a, struct node *n)
{
    struct node *names = node_need_map(a, n, "spec.names");
    struct str kind = node_str(names, "kind");
    if (node_str(names, "singular").len == 0 && kind.len > 0) {
        char *lower = arena_cstr(a, kind);
        for (char *c = lower; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c += 'a' - 'A';
        node_put(a, names, "singular", node_text(a, str_from(lower)));
    }
    if (node_str(names, "listKind").len == 0 && kind.len > 0)
        node_put(a, names, "listKind", node_text_printf(a, "%.*sList", STR_ARG(kind)));
    if (default_unset(node_at(n, "spec.conversion")))
        node_put_str(a, n, "spec.conversion.strategy", STR("None"));
    if (node_count(node_at(n, "status.storedVersions")) > 0)
        return;
    node_each(version, node_at(n, "spec.versions")) if (node_flag(version, "storage", false))
    {
        node_append(a, node_need_list(a, n, "status.storedVersions"),
                    node_text(a, node_str(version, "name")));
        return;
    }
}

const struct default_hook default_group_hooks[] = {
    {"apiextensions.k8s.io/v1.CustomResourceDefinition", default_crd},
    {"apps/v1.DaemonSet", default_daemon_set},
    {"apps/v1.Deployment", default_deployment},
    {"apps/v1.StatefulSet", default_stateful_set},
    {"autoscaling/v1.HorizontalPodAutoscaler", default_hpa_v1},
    {"autoscaling/v2.HorizontalPodAutoscaler", default_hpa_v2},
    {"batch/v1.Job", default_job},
    {"networking.k8s.io/v1.NetworkPolicy", default_network_policy},
    {"rbac.authorization.k8s.io/v1.Subject", default_subject},
    {"resource.k8s.io/v1.DeviceSubRequest", default_device_request},
    {"resource.k8s.io/v1.ExactDeviceRequest", default_device_request},
    {"storage.k8s.io/v1.CSIDriver", default_csi_driver},
};
const size_t default_group_hook_count = ARRAY_COUNT(default_group_hooks);
