/* Pods, and templates of pods. */
#include "api/kinds/pod_spec.h"
#include "api/kinds/pod_update.h"

/* matchLabelKeys become terms of the selector, with the values that the pod's labels have now. */
static void merge_label_keys(struct arena *a, struct node *holder, const char *keys,
                             const char *operator_, const struct node *labels)
{
    struct node *selector = node_get(holder, STR("labelSelector"));
    if (!node_is(selector, NODE_MAP))
        return;
    node_each(key, node_get(holder, str_from(keys)))
    {
        struct node *value = node_get(labels, node_str(key, "")), *term, *values;
        if (!value)
            continue;
        term = node_map(a);
        values = node_list(a);
        node_append(a, values, node_copy(a, value));
        node_put_str(a, term, "key", node_str(key, ""));
        node_put_str(a, term, "operator", str_from(operator_));
        node_set(a, term, STR("values"), values);
        node_append(a, node_need_list(a, selector, "matchExpressions"), term);
    }
}

static void merge_affinity_keys(struct arena *a, struct node *pod, const char *path)
{
    const struct node *labels = node_at(pod, "metadata.labels"), *affinity = node_at(pod, path);
    node_each(term, node_get(affinity, STR("requiredDuringSchedulingIgnoredDuringExecution")))
    {
        merge_label_keys(a, term, "matchLabelKeys", "In", labels);
        merge_label_keys(a, term, "mismatchLabelKeys", "NotIn", labels);
    }
    node_each(weighted, node_get(affinity, STR("preferredDuringSchedulingIgnoredDuringExecution")))
    {
        struct node *term = node_get(weighted, STR("podAffinityTerm"));
        merge_label_keys(a, term, "matchLabelKeys", "In", labels);
        merge_label_keys(a, term, "mismatchLabelKeys", "NotIn", labels);
    }
}

static void drop_stop_signals(struct node *containers)
{
    node_each(container, containers)
    {
        struct node *lifecycle = node_get(container, STR("lifecycle"));
        if (!node_get(lifecycle, STR("stopSignal")))
            continue;
        node_remove(lifecycle, STR("stopSignal"));
        if (node_count(lifecycle) == 0)
            node_remove(container, STR("lifecycle"));
    }
}

void drop_disabled_pod_members(struct node *spec, const struct node *old)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    for (size_t i = 0; !old && i < ARRAY_COUNT(lists); i++)
        drop_stop_signals(node_get(spec, str_from(lists[i])));
    if (!old)
        node_each(volume, node_get(spec, STR("volumes")))
            node_each(source, node_at(volume, "projected.sources"))
        {
            node_remove(source, STR("clusterTrustBundle"));
            node_remove(source, STR("podCertificate"));
        }
}

/* The status of a new pod. It follows from what admission made of the pod, so it is filled after.
 */
static int pod_settle(const struct kind_ctx *ctx, struct node *pod, const struct node *old,
                      struct status *st maybe_unused)
{
    struct arena *a = ctx->arena;
    if (old || !str_empty(ctx->subresource))
        return 0;
    struct node *status = node_map(a);
    node_put_str(a, status, "phase", STR("Pending"));
    node_put_str(a, status, "qosClass", str_from(pod_qos_class(pod)));
    if (node_count(node_at(pod, "spec.schedulingGates"))) {
        struct node *condition = node_map(a);
        node_put_str(a, condition, "type", STR("PodScheduled"));
        node_put_str(a, condition, "status", STR("False"));
        node_put_str(a, condition, "reason", STR("SchedulingGated"));
        node_put_str(a, condition, "message",
                     STR("Scheduling is blocked due to non-empty scheduling gates"));
        node_append(a, node_need_list(a, status, "conditions"), condition);
    }
    node_set(a, pod, STR("status"), status);
    drop_disabled_pod_members(node_get(pod, STR("spec")), NULL);
    merge_affinity_keys(a, pod, "spec.affinity.podAffinity");
    merge_affinity_keys(a, pod, "spec.affinity.podAntiAffinity");
    node_each(constraint, node_at(pod, "spec.topologySpreadConstraints"))
        merge_label_keys(a, constraint, "matchLabelKeys", "In", node_at(pod, "metadata.labels"));
    return 0;
}

/* The condition of a type in a list; several may share one: the count-th of them. */
static const struct node *nth_of_type(const struct node *list, struct str type, size_t count)
{
    node_each(c, list) if (str_equal(node_str(c, "type"), type) && count-- == 0) return c;
    return NULL;
}

/* Who writes a status without saying which generation it is about says nothing about that. */
static void keep_generations(struct arena *a, struct node *pod, const struct node *old)
{
    struct node *list = node_at(pod, "status.conditions");
    int64_t before = node_num(old, "status.observedGeneration", 0);
    if (before && node_num(pod, "status.observedGeneration", 0) == 0)
        node_put_int(a, pod, "status.observedGeneration", before);
    for (size_t i = 0; i < node_count(list); i++) {
        struct node *c = node_item(list, i);
        struct str type = node_str(c, "type");
        size_t earlier = 0;
        for (size_t k = 0; k < i; k++)
            earlier += str_equal(node_str(node_item(list, k), "type"), type);
        before = node_num(nth_of_type(node_at(old, "status.conditions"), type, earlier),
                          "observedGeneration", 0);
        if (before && node_num(c, "observedGeneration", 0) == 0)
            node_put_int(a, c, "observedGeneration", before);
    }
}

static void pod_prepare(const struct kind_ctx *ctx, struct node *pod, const struct node *old)
{
    /* Of pods alone, not of templates. */
    if (node_num(pod, "spec.terminationGracePeriodSeconds", 0) < 0)
        node_put_int(ctx->arena, pod, "spec.terminationGracePeriodSeconds", 1);
    if (!old) {
        node_remove(pod, STR("status"));
    } else if (str_is(ctx->subresource, "status")) {
        /* Old kubelets spoil owner references. */
        keep_old(ctx->arena, pod, old, "metadata.ownerReferences");
        if (str_empty(node_str(pod, "status.qosClass")))
            keep_old(ctx->arena, pod, old, "status.qosClass");
        keep_generations(ctx->arena, pod, old);
    } else if (str_is(ctx->subresource, "resize")) {
        prepare_pod_resize(ctx->arena, pod, old);
    } else if (str_is(ctx->subresource, "ephemeralcontainers")) {
        prepare_ephemeral(ctx->arena, pod, old);
    }
}

static void check_token_volumes(struct check *c, const struct node *pod)
{
    const struct node *volumes = node_at(pod, "spec.volumes");
    if (!str_empty(node_str(pod, "spec.serviceAccountName")))
        return;
    for (size_t i = 0; i < node_count(volumes); i++) {
        const struct node *sources = node_at(node_item(volumes, i), "projected.sources");
        for (size_t k = 0; k < node_count(sources); k++)
            if (node_get(node_item(sources, k), STR("serviceAccountToken")))
                field_forbidden(
                    c->st,
                    arena_printf(
                        c->a, "spec.volumes[%zu].projected.sources[%zu].serviceAccountToken", i, k),
                    "must not be specified when serviceAccountName is not set");
    }
}

static void pod_validate(const struct kind_ctx *ctx, const struct node *pod, const struct node *old,
                         struct status *st)
{
    struct check c = check_of(ctx, st);
    if (str_is(ctx->subresource, "status")) {
        check_pod_status_update(&c, pod, old);
        return;
    }
    if (str_is(ctx->subresource, "binding") || str_is(ctx->subresource, "eviction"))
        return;
    check_pod_spec(&c, node_get(pod, STR("spec")), STR("spec"), node_str(pod, "metadata.name"),
                   true);
    check_token_volumes(&c, pod);
    if (str_is(ctx->subresource, "resize")) {
        check_pod_resize(&c, pod, old);
    } else if (str_is(ctx->subresource, "ephemeralcontainers")) {
        check_ephemeral_update(&c, pod, old);
    } else if (old) {
        check_pod_update(&c, pod, old);
    } else {
        check_pod_annotations(&c, node_at(pod, "metadata.annotations"), node_get(pod, STR("spec")),
                              STR("metadata.annotations"));
        if (node_count(node_at(pod, "spec.ephemeralContainers")))
            field_forbidden(st, STR("spec.ephemeralContainers"), "cannot be set on create");
        if (!str_empty(node_str(pod, "spec.nodeName")) &&
            node_count(node_at(pod, "spec.schedulingGates")))
            field_forbidden(st, STR("spec.nodeName"),
                            "cannot be set until all schedulingGates have been cleared");
    }
}

static int64_t pod_grace_seconds(const struct kind_ctx *ctx maybe_unused, const struct node *pod,
                                 const struct node *options)
{
    struct str phase = node_str(pod, "status.phase");
    if (str_empty(node_str(pod, "spec.nodeName")) || word_in(phase, "Failed|Succeeded"))
        return 0; /* nothing runs */
    const struct node *asked = node_get(options, STR("gracePeriodSeconds"));
    int64_t seconds =
        asked ? node_num(asked, "", 0) : node_num(pod, "spec.terminationGracePeriodSeconds", 0);
    return seconds < 0 ? 1 : seconds;
}

static bool pod_field(struct arena *a maybe_unused, const struct sealed *pod, struct str label,
                      struct str *ret)
{
    struct value root = sealed_root(pod);
    if (str_is(label, "spec.hostNetwork")) {
        *ret = value_bool(root, "spec.hostNetwork", false) ? STR("true") : STR("false");
        return true;
    }
    if (str_is(label, "status.podIP")) {
        *ret = value_str(value_item(value_at(root, "status.podIPs"), 0), "ip");
        return true;
    }
    return false;
}

static const char *const pod_labels[] = {"spec.nodeName",
                                         "spec.restartPolicy",
                                         "spec.schedulerName",
                                         "spec.serviceAccountName",
                                         "spec.hostNetwork",
                                         "status.phase",
                                         "status.podIP",
                                         "status.podIPs",
                                         "status.nominatedNodeName",
                                         NULL};

static void pod_warnings(const struct kind_ctx *ctx, const struct node *pod,
                         const struct node *old maybe_unused,
                         void (*warn)(void *arg, struct str text), void *arg)
{
    if (str_empty(ctx->subresource))
        warn_pod(ctx->arena, pod, STR("spec"), warn, arg);
}

static const char *const pod_status_reset[] = {"spec", "metadata.deletionTimestamp",
                                               "metadata.ownerReferences", NULL};
REGISTER(kind, pods)
= {
    .group = "",
    .plural = "pods",
    .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_GRACEFUL | KIND_RETURNS_DELETED,
    .prepare = pod_prepare,
    .allocate = pod_settle,
    .warnings = pod_warnings,
    .validate = pod_validate,
    .field_labels = pod_labels,
    .field = pod_field,
    .grace_seconds = pod_grace_seconds,
    .status_reset_paths = pod_status_reset,
};

static void template_validate(const struct kind_ctx *ctx, const struct node *object,
                              const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    check_pod_template(&c, node_get(object, STR("template")), STR("template"));
}

REGISTER(kind, pod_templates)
= {
    .group = "",
    .plural = "podtemplates",
    .flags = KIND_GENERATION | KIND_RETURNS_DELETED,
    .validate = template_validate,
};
