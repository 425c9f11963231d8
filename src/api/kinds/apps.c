/* Deployments, ReplicaSets, StatefulSets, DaemonSets, ControllerRevisions, ReplicationControllers.
 */
#include "api/kinds/workload.h"

/* What no more than all replicas can be. */
static void check_replica_status(struct check *c, const struct node *object,
                                 const char *const *members)
{
    const struct node *status = node_get(object, STR("status"));
    int64_t replicas = node_num(status, "replicas", 0),
            ready = node_num(status, "readyReplicas", 0);
    static const char *const parts[] = {"fullyLabeledReplicas", "updatedReplicas", "readyReplicas",
                                        "availableReplicas", "currentReplicas"};
    check_counts(c, status, STR("status"), members);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        if (node_num(status, parts[i], 0) > replicas)
            invalid_number(c, path_of(c, STR("status"), parts[i]), node_num(status, parts[i], 0),
                           "cannot be greater than status.replicas");
    if (node_num(status, "availableReplicas", 0) > ready)
        invalid_number(c, STR("status.availableReplicas"), node_num(status, "availableReplicas", 0),
                       "cannot be greater than readyReplicas");
}

static const char *const replica_counts[] = {"replicas",
                                             "fullyLabeledReplicas",
                                             "updatedReplicas",
                                             "readyReplicas",
                                             "availableReplicas",
                                             "unavailableReplicas",
                                             "observedGeneration",
                                             "collisionCount",
                                             "currentReplicas",
                                             "terminatingReplicas",
                                             NULL};

static void check_deployment_strategy(struct check *c, const struct node *spec)
{
    const struct node *strategy = node_get(spec, STR("strategy")),
                      *rolling = node_get(strategy, STR("rollingUpdate"));
    struct str type = node_str(strategy, "type"), path = STR("spec.strategy.rollingUpdate");
    if (str_is(type, "Recreate")) {
        if (rolling)
            field_forbidden(c->st, path, "may not be specified when strategy `type` is 'Recreate'");
        return;
    }
    if (!str_is(type, "RollingUpdate")) {
        status_add_cause(c->st, CAUSE_NOT_SUPPORTED, STR("spec.strategy"),
                         "Unsupported value: {\"Type\":\"%.*s\",\"RollingUpdate\":null}: supported "
                         "values: \"Recreate\", \"RollingUpdate\"",
                         STR_ARG(type));
        return;
    }
    if (!rolling) {
        field_required(c->st, path, "this should be defaulted and never be nil");
        return;
    }
    const struct node *unavailable = node_get(rolling, STR("maxUnavailable")),
                      *surge = node_get(rolling, STR("maxSurge"));
    check_int_or_percent(c, unavailable, path_of(c, path, "maxUnavailable"), false);
    check_int_or_percent(c, surge, path_of(c, path, "maxSurge"), false);
    if (int_or_percent_of(unavailable) == 0 && int_or_percent_of(surge) == 0)
        invalid_node(c, path_of(c, path, "maxUnavailable"), unavailable,
                     "may not be 0 when `maxSurge` is 0");
    int64_t percent = node_is(unavailable, NODE_STRING) ? int_or_percent_of(unavailable) : 0;
    if (percent > 100)
        field_invalid(c->st, path_of(c, path, "maxUnavailable"), unavailable->text,
                      "must not be greater than 100%%");
}

static void deployment_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *deadline = node_get(spec, STR("progressDeadlineSeconds"));
    struct str path = STR("spec");
    if (str_is(ctx->subresource, "status")) {
        check_replica_status(&c, object, replica_counts);
        return;
    }
    check_not_negative(&c, spec, path, "replicas");
    check_workload_selector(&c, spec, path, "deployment", true);
    check_long_running_template(&c, spec, path, "ReplicaSet");
    check_deployment_strategy(&c, spec);
    check_not_negative(&c, spec, path, "minReadySeconds");
    check_not_negative(&c, spec, path, "revisionHistoryLimit");
    check_not_negative(&c, spec, path, "progressDeadlineSeconds");
    if (deadline && node_num(deadline, "", 0) <= node_num(spec, "minReadySeconds", 0))
        invalid_number(&c, STR("spec.progressDeadlineSeconds"), node_num(deadline, "", 0),
                       "must be greater than minReadySeconds");
    if (old)
        check_immutable_at(&c, object, old, "spec.selector");
}

static const char *const deployment_status_reset[] = {"spec", "metadata.labels", NULL};
REGISTER(kind, deployments)
= {.group = "apps",
   .plural = "deployments",
   .prepare = prepare_template,
   .warnings = warn_template,
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_GENERATION_BY_ANNOTATIONS,
   .validate = deployment_validate,
   .status_reset_paths = deployment_status_reset,
   .scale_spec_path = "spec.replicas",
   .scale_status_path = "status.replicas",
   .scale_selector_path = "spec.selector"};

static const char *const replica_labels[] = {"status.replicas", NULL};

static void replicaset_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec"));
    if (str_is(ctx->subresource, "status")) {
        check_replica_status(&c, object, replica_counts);
        return;
    }
    check_not_negative(&c, spec, STR("spec"), "replicas");
    check_not_negative(&c, spec, STR("spec"), "minReadySeconds");
    check_workload_selector(&c, spec, STR("spec"), "deployment", true);
    check_long_running_template(&c, spec, STR("spec"), "ReplicaSet");
    if (old)
        check_immutable_at(&c, object, old, "spec.selector");
}

REGISTER(kind, replicasets)
= {.group = "apps",
   .plural = "replicasets",
   .prepare = prepare_template,
   .warnings = warn_template,
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .validate = replicaset_validate,
   .field_labels = replica_labels,
   .scale_spec_path = "spec.replicas",
   .scale_status_path = "status.replicas",
   .scale_selector_path = "spec.selector"};

static void check_set_strategy(struct check *c, const struct node *spec)
{
    struct str management = node_str(spec, "podManagementPolicy"),
               type = node_str(spec, "updateStrategy.type");
    const struct node *rolling = node_at(spec, "updateStrategy.rollingUpdate"), *unavailable;
    struct str path = STR("spec.updateStrategy.rollingUpdate");
    if (str_empty(management))
        field_required(c->st, STR("spec.podManagementPolicy"), "%s", "");
    else if (!word_in(management, "OrderedReady|Parallel"))
        field_invalid(c->st, STR("spec.podManagementPolicy"), management,
                      "must be 'OrderedReady' or 'Parallel'");
    if (str_empty(type))
        field_required(c->st, STR("spec.updateStrategy"), "%s", "");
    else if (!word_in(type, "RollingUpdate|OnDelete"))
        invalid_go(c, STR("spec.updateStrategy"), node_get(spec, STR("updateStrategy")),
                   "Type\" RollingUpdate{Partition MaxUnavailable}",
                   "must be 'RollingUpdate' or 'OnDelete'");
    else if (str_is(type, "OnDelete") && rolling)
        invalid_go(c, path, rolling, "Partition MaxUnavailable",
                   "only allowed for updateStrategy 'RollingUpdate'");
    if (!str_is(type, "RollingUpdate") || !rolling)
        return;
    check_not_negative(c, rolling, path, "partition");
    unavailable = node_get(rolling, STR("maxUnavailable"));
    check_int_or_percent(c, unavailable, path_of(c, path, "maxUnavailable"), true);
    if (unavailable && int_or_percent_of(unavailable) == 0)
        invalid_node(c, path_of(c, path, "maxUnavailable"), unavailable, "cannot be 0");
}

/* The template as the controller completes it: with volumes for its claims, without names that it
 * sets itself. */
static struct node *complete_template(struct check *c, const struct node *spec)
{
    struct node *copy = node_copy(c->a, spec), *pod = node_need_map(c->a, copy, "template.spec");
    node_remove(pod, STR("subdomain"));
    node_remove(pod, STR("hostname"));
    node_each(claim, node_get(spec, STR("volumeClaimTemplates")))
    {
        struct str name = node_str(claim, "metadata.name");
        struct node *volumes = node_need_list(c->a, pod, "volumes"),
                    *volume = node_find(volumes, "name", name);
        if (volume)
            continue;
        volume = node_map(c->a);
        node_put_str(c->a, volume, "name", name);
        node_put_str(c->a, volume, "persistentVolumeClaim.claimName", name);
        node_append(c->a, volumes, volume);
    }
    return copy;
}

static void statefulset_check_update(struct check *c, const struct node *object,
                                     const struct node *old)
{
    static const char *const free_members[] = {"replicas",
                                               "template",
                                               "updateStrategy",
                                               "minReadySeconds",
                                               "ordinals",
                                               "revisionHistoryLimit",
                                               "persistentVolumeClaimRetentionPolicy"};
    struct node *spec = node_copy(c->a, node_get(object, STR("spec")));
    for (size_t i = 0; i < ARRAY_COUNT(free_members); i++)
        keep_old(c->a, spec, node_get(old, STR("spec")), free_members[i]);
    if (!node_equal(spec, node_get(old, STR("spec"))))
        field_forbidden(c->st, STR("spec"),
                        "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                        "'template', 'updateStrategy', "
                        "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                        "'minReadySeconds' are forbidden");
}

static void statefulset_validate(const struct kind_ctx *ctx, const struct node *object,
                                 const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *claims = node_get(spec, STR("volumeClaimTemplates"));
    if (str_is(ctx->subresource, "status")) {
        check_replica_status(&c, object, replica_counts);
        return;
    }
    check_set_strategy(&c, spec);
    const struct node *retention = node_get(spec, STR("persistentVolumeClaimRetentionPolicy"));
    if (retention) {
        check_word(&c, node_str(retention, "whenDeleted"),
                   STR("spec.persistentVolumeClaimRetentionPolicy.whenDeleted"), "Retain|Delete");
        check_word(&c, node_str(retention, "whenScaled"),
                   STR("spec.persistentVolumeClaimRetentionPolicy.whenScaled"), "Retain|Delete");
    }
    for (size_t i = 0; !old && i < node_count(claims); i++)
        check_claim_spec(&c, node_get(node_item(claims, i), STR("spec")),
                         path_of(&c, path_index(&c, STR("spec.volumeClaimTemplates"), i), "spec"));
    check_not_negative(&c, spec, STR("spec"), "replicas");
    check_not_negative(&c, spec, STR("spec"), "minReadySeconds");
    if (node_num(spec, "ordinals.start", 0) < 0)
        invalid_number(&c, STR("spec.ordinals.start"), node_num(spec, "ordinals.start", 0),
                       "must be greater than or equal to 0");
    if (!old && !str_empty(node_str(spec, "serviceName")))
        check_text(&c, node_str(spec, "serviceName"), STR("spec.serviceName"), name_dns1123_label);
    check_workload_selector(&c, spec, STR("spec"), "statefulset", true);
    check_long_running_template(&c, complete_template(&c, spec), STR("spec"), "StatefulSet");
    if (old)
        statefulset_check_update(&c, object, old);
}

REGISTER(kind, statefulsets)
= {.group = "apps",
   .plural = "statefulsets",
   .prepare = prepare_template,
   .warnings = warn_template,
   .name_rule = name_dns1123_label,
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .validate = statefulset_validate,
   .scale_spec_path = "spec.replicas",
   .scale_status_path = "status.replicas",
   .scale_selector_path = "spec.selector"};

static void check_daemon_strategy(struct check *c, const struct node *spec)
{
    const struct node *strategy = node_get(spec, STR("updateStrategy")),
                      *rolling = node_get(strategy, STR("rollingUpdate"));
    struct str type = node_str(strategy, "type"), path = STR("spec.updateStrategy.rollingUpdate");
    if (str_is(type, "OnDelete"))
        return;
    if (!str_is(type, "RollingUpdate")) {
        status_add_cause(c->st, CAUSE_NOT_SUPPORTED, STR("spec.updateStrategy"),
                         "Unsupported value: {\"Type\":\"%.*s\",\"RollingUpdate\":null}: supported "
                         "values: \"RollingUpdate\", \"OnDelete\"",
                         STR_ARG(type));
        return;
    }
    if (!rolling) {
        field_required(c->st, path, "%s", "");
        return;
    }
    const struct node *unavailable = node_get(rolling, STR("maxUnavailable")),
                      *surge = node_get(rolling, STR("maxSurge"));
    check_int_or_percent(c, unavailable, path_of(c, path, "maxUnavailable"), true);
    check_int_or_percent(c, surge, path_of(c, path, "maxSurge"), true);
    bool some_unavailable = int_or_percent_of(unavailable) != 0,
         some_surge = int_or_percent_of(surge) != 0;
    if (some_unavailable && some_surge)
        invalid_node(c, path_of(c, path, "maxSurge"), surge,
                     "may not be set when maxUnavailable is non-zero");
    if (!some_unavailable && !some_surge)
        field_required(c->st, path_of(c, path, "maxUnavailable"), "cannot be 0 when maxSurge is 0");
}

static void daemonset_validate(const struct kind_ctx *ctx, const struct node *object,
                               const struct node *old, struct status *st)
{
    static const char *const counts[] = {"currentNumberScheduled", "numberMisscheduled",
                                         "desiredNumberScheduled", "numberReady",
                                         "observedGeneration",     "updatedNumberScheduled",
                                         "numberAvailable",        "numberUnavailable",
                                         "collisionCount",         NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec"));
    if (str_is(ctx->subresource, "status")) {
        check_counts(&c, node_get(object, STR("status")), STR("status"), counts);
        return;
    }
    check_workload_selector(&c, spec, STR("spec"), "daemonset", false);
    check_long_running_template(&c, spec, STR("spec"), "DaemonSet");
    check_not_negative(&c, spec, STR("spec"), "minReadySeconds");
    check_daemon_strategy(&c, spec);
    check_not_negative(&c, spec, STR("spec"), "revisionHistoryLimit");
    if (old)
        check_immutable_at(&c, object, old, "spec.selector");
}

#define TEMPLATE_GENERATION STR("deprecated.daemonset.template.generation")

/* The annotation stands for a field: it is always there. */
static void daemonset_decoded(const struct kind_ctx *ctx, struct node *object)
{
    struct node *annotations = node_need_map(ctx->arena, object, "metadata.annotations");
    if (!node_get(annotations, TEMPLATE_GENERATION))
        node_set(ctx->arena, annotations, TEMPLATE_GENERATION, node_text(ctx->arena, STR("0")));
}

/* The generation of the template of old stands in an annotation. */
static void daemonset_prepare(const struct kind_ctx *ctx, struct node *object,
                              const struct node *old)
{
    const struct str key = TEMPLATE_GENERATION;
    int64_t generation = 1;
    prepare_template(ctx, object, old);
    if (old && !str_empty(ctx->subresource))
        return;
    if (old) {
        struct str text = node_str(node_get(node_at(old, "metadata.annotations"), key), "");
        const struct node *now = node_at(object, "spec.template"),
                          *before = node_at(old, "spec.template");
        if (str_to_i64(text, &generation) != 0)
            generation = 1;
        if (!now || !before || !node_equal(now, before))
            generation++;
    }
    struct node *annotations = node_need_map(ctx->arena, object, "metadata.annotations");
    node_set(ctx->arena, annotations, key,
             node_text_printf(ctx->arena, "%lld", (long long)generation));
}

REGISTER(kind, daemonsets)
= {.group = "apps",
   .plural = "daemonsets",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .decoded = daemonset_decoded,
   .prepare = daemonset_prepare,
   .warnings = warn_template,
   .validate = daemonset_validate};

static void revision_validate(const struct kind_ctx *ctx, const struct node *object,
                              const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *data = node_get(object, STR("data"));
    if (!old && (!data || node_is(data, NODE_NULL)))
        field_required(st, STR("data"), "data is mandatory");
    check_not_negative(&c, object, STR_NONE, "revision");
    if (old)
        check_immutable_at(&c, object, old, "data");
}

REGISTER(kind, controller_revisions)
= {.group = "apps", .plural = "controllerrevisions", .validate = revision_validate};

static void controller_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old maybe_unused, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *selector = node_get(spec, STR("selector"));
    const struct node *template = node_get(spec, STR("template")),
                      *labels = node_at(template, "metadata.labels");
    if (str_is(ctx->subresource, "status")) {
        check_replica_status(&c, object, replica_counts);
        return;
    }
    check_not_negative(&c, spec, STR("spec"), "minReadySeconds");
    if (node_count(selector) == 0)
        field_required(st, STR("spec.selector"), "%s", "");
    check_not_negative(&c, spec, STR("spec"), "replicas");
    if (!template) {
        field_required(st, STR("spec.template"), "%s", "");
        return;
    }
    bool matches = true;
    member_each(m, selector)
    {
        const struct node *value = node_get(labels, m->name);
        matches = matches && value && node_equal(value, m->value);
    }
    if (node_count(selector) && !matches)
        invalid_node(&c, STR("spec.template.metadata.labels"), sorted_map(&c, labels),
                     "`selector` does not match template `labels`");
    check_long_running_template(&c, spec, STR("spec"), "ReplicationController");
}

REGISTER(kind, replication_controllers)
= {.group = "",
   .plural = "replicationcontrollers",
   .prepare = prepare_template,
   .warnings = warn_template,
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_ORPHANS_BY_DEFAULT,
   .validate = controller_validate,
   .field_labels = replica_labels,
   .scale_spec_path = "spec.replicas",
   .scale_status_path = "status.replicas",
   .scale_selector_path = "spec.selector"};
