/* Jobs and CronJobs. */
#include "api/kinds/cron_schedule.h"
#include "api/kinds/workload.h"

enum {
    INDEXED_PARALLELISM_MAX = 100000,
    INDEXED_FAILED_MAX = 100000,
    COMPLETIONS_SOFT_LIMIT = 100000,
    HIGH_COMPLETIONS_LIMIT = 10000,
    FAILURE_RULES_MAX = 20,
    EXIT_CODES_MAX = 255,
    CONDITION_PATTERNS_MAX = 20,
    MANAGED_BY_MAX = 63,
    CRON_NAME_MAX = 52, /* the controller appends 11 characters to make a Job's name */
};

/* Labels and selector by which a Job knows its pods. */
static void job_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    struct arena *a = ctx->arena;
    prepare_template(ctx, object, old);
    if (old || node_flag(object, "spec.manualSelector", false))
        return;
    struct str name = node_str(object, "metadata.name"), uid = node_str(object, "metadata.uid");
    const struct {
        struct str label, value;
    } labels[] = {{STR("job-name"), name},
                  {STR("batch.kubernetes.io/job-name"), name},
                  {STR("controller-uid"), uid},
                  {STR("batch.kubernetes.io/controller-uid"), uid}};
    struct node *map = node_need_map(a, object, "spec.template.metadata.labels");
    for (size_t i = 0; i < ARRAY_COUNT(labels); i++)
        if (!node_get(map, labels[i].label))
            node_set(a, map, labels[i].label, node_text_copy(a, labels[i].value));
    struct node *matches = node_need_map(a, object, "spec.selector.matchLabels");
    if (!node_get(matches, STR("batch.kubernetes.io/controller-uid")))
        node_set(a, matches, STR("batch.kubernetes.io/controller-uid"), node_text_copy(a, uid));
    /* Jobs without labels have those of their template. */
    if (node_count(node_at(object, "metadata.labels")) == 0)
        node_put(a, object, "metadata.labels", node_copy(a, map));
}

static void check_completions(struct check *c, const struct node *spec, struct str path)
{
    const struct node *mode = node_get(spec, STR("completionMode")),
                      *completions = node_get(spec, STR("completions"));
    const struct node *per_index = node_get(spec, STR("backoffLimitPerIndex")),
                      *failed = node_get(spec, STR("maxFailedIndexes"));
    int64_t total = node_num(completions, "", 0), parallel = node_num(spec, "parallelism", 0),
            failed_max = node_num(failed, "", 0);
    if (mode)
        check_word(c, node_str(mode, ""), path_of(c, path, "completionMode"), "NonIndexed|Indexed");
    if (!str_is(node_str(mode, ""), "Indexed")) {
        if (per_index)
            invalid_number(c, path_of(c, path, "backoffLimitPerIndex"), node_num(per_index, "", 0),
                           "requires indexed completion mode");
        if (failed)
            invalid_number(c, path_of(c, path, "maxFailedIndexes"), failed_max,
                           "requires indexed completion mode");
        return;
    }
    if (!completions)
        field_required(c->st, path_of(c, path, "completions"), "when completion mode is Indexed");
    if (parallel > INDEXED_PARALLELISM_MAX)
        invalid_number(c, path_of(c, path, "parallelism"), parallel,
                       "must be less than or equal to %d when completion mode is Indexed",
                       INDEXED_PARALLELISM_MAX);
    if (completions && failed && failed_max > total)
        invalid_number(c, path_of(c, path, "maxFailedIndexes"), failed_max,
                       "must be less than or equal to completions");
    if (failed && failed_max > INDEXED_FAILED_MAX)
        invalid_number(c, path_of(c, path, "maxFailedIndexes"), failed_max,
                       "must be less than or equal to %d", INDEXED_FAILED_MAX);
    if (total <= COMPLETIONS_SOFT_LIMIT || !per_index)
        return;
    if (!failed)
        field_required(c->st, path_of(c, path, "maxFailedIndexes"),
                       "must be specified when completions is above %d", COMPLETIONS_SOFT_LIMIT);
    if (parallel > HIGH_COMPLETIONS_LIMIT)
        invalid_number(c, path_of(c, path, "parallelism"), parallel,
                       "must be less than or equal to %d when completions are above %d and used "
                       "with backoff limit per index",
                       HIGH_COMPLETIONS_LIMIT, COMPLETIONS_SOFT_LIMIT);
}

static void check_exit_codes(struct check *c, const struct node *codes, const struct node *spec,
                             struct str path)
{
    const struct node *values = node_get(codes, STR("values"));
    struct str operator_ = node_str(codes, "operator"), name = node_str(codes, "containerName"),
               at = path_of(c, path, "values");
    if (str_empty(operator_))
        field_required(c->st, path_of(c, path, "operator"), "valid values: [\"In\" \"NotIn\"]");
    else
        check_word(c, operator_, path_of(c, path, "operator"), "In|NotIn");
    if (node_get(codes, STR("containerName")) &&
        !node_find(node_at(spec, "template.spec.containers"), "name", name) &&
        !node_find(node_at(spec, "template.spec.initContainers"), "name", name))
        field_invalid(c->st, path_of(c, path, "containerName"), name,
                      "must be one of the container or initContainer names in the pod template");
    if (node_count(values) == 0)
        field_invalid_bare(c->st, at, STR("[]"), "at least one value is required");
    if (node_count(values) > EXIT_CODES_MAX)
        field_too_many(c->st, at, node_count(values), EXIT_CODES_MAX);
    for (size_t i = 0; i < node_count(values); i++) {
        int64_t code = node_num(node_item(values, i), "", 0);
        if (str_is(operator_, "In") && code == 0)
            invalid_number(c, path_index(c, at, i), code, "must not be 0 for the In operator");
        for (size_t k = 0; k < i; k++)
            if (node_num(node_item(values, k), "", 0) == code) {
                status_add_cause(c->st, CAUSE_DUPLICATE, path_index(c, at, i),
                                 "Duplicate value: %lld", (long long)code);
                break;
            }
    }
}

static void check_failure_policy(struct check *c, const struct node *spec, struct str path)
{
    const struct node *rules = node_at(spec, "podFailurePolicy.rules");
    struct str base = path_of(c, path, "podFailurePolicy.rules");
    if (node_count(rules) > FAILURE_RULES_MAX)
        field_too_many(c->st, base, node_count(rules), FAILURE_RULES_MAX);
    for (size_t i = 0; i < node_count(rules); i++) {
        const struct node *rule = node_item(rules, i), *codes = node_get(rule, STR("onExitCodes"));
        const struct node *conditions = node_get(rule, STR("onPodConditions"));
        struct str at = path_index(c, base, i), action = node_str(rule, "action");
        if (str_empty(action))
            field_required(c->st, path_of(c, at, "action"),
                           "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
        else if (str_is(action, "FailIndex")) {
            if (!node_get(spec, STR("backoffLimitPerIndex")))
                field_invalid(c->st, path_of(c, at, "action"), action,
                              "requires the backoffLimitPerIndex to be set");
        } else {
            check_word(c, action, path_of(c, at, "action"), "Count|FailIndex|FailJob|Ignore");
        }
        if (codes)
            check_exit_codes(c, codes, spec, path_of(c, at, "onExitCodes"));
        if (node_count(conditions) > CONDITION_PATTERNS_MAX)
            field_too_many(c->st, path_of(c, at, "onPodConditions"), node_count(conditions),
                           CONDITION_PATTERNS_MAX);
        for (size_t k = 0; k < node_count(conditions); k++) {
            const struct node *pattern = node_item(conditions, k);
            struct str where = path_index(c, path_of(c, at, "onPodConditions"), k);
            check_text(c, node_str(pattern, "type"), path_of(c, where, "type"), name_qualified);
            if (str_empty(node_str(pattern, "status")))
                field_required(c->st, path_of(c, where, "status"),
                               "valid values: [\"False\" \"True\" \"Unknown\"]");
            else
                check_word(c, node_str(pattern, "status"), path_of(c, where, "status"),
                           "False|True|Unknown");
        }
        if (codes && node_count(conditions))
            status_add_cause(
                c->st, CAUSE_INVALID, at,
                "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported");
        if (!codes && node_count(conditions) == 0)
            status_add_cause(
                c->st, CAUSE_INVALID, at,
                "Invalid value: specifying one of OnExitCodes and OnPodConditions is required");
    }
}

static void check_replacement(struct check *c, const struct node *spec, struct str path)
{
    const struct node *policy = node_get(spec, STR("podReplacementPolicy"));
    if (!policy)
        return;
    if (node_get(spec, STR("podFailurePolicy")))
        check_word(c, node_str(policy, ""), path_of(c, path, "podReplacementPolicy"), "Failed");
    else
        check_word(c, node_str(policy, ""), path_of(c, path, "podReplacementPolicy"),
                   "Failed|TerminatingOrFailed");
}

/* example.com/path */
static void check_managed_by(struct check *c, struct str by, struct str path)
{
    ssize_t slash = str_find(by, '/');
    if (by.len == 0)
        field_required(c->st, path, "%s", "");
    else if (slash <= 0 || (size_t)slash + 1 == by.len)
        field_invalid(c->st, path, by, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    else
        check_text(c, str_slice(by, 0, (size_t)slash), path, name_dns1123_subdomain);
    if (by.len > MANAGED_BY_MAX)
        field_too_long(c->st, path, MANAGED_BY_MAX);
}

static void check_job_spec(struct check *c, const struct node *spec, struct str path)
{
    static const char *const counts[] = {"parallelism",
                                         "completions",
                                         "activeDeadlineSeconds",
                                         "backoffLimit",
                                         "ttlSecondsAfterFinished",
                                         "backoffLimitPerIndex",
                                         "maxFailedIndexes",
                                         NULL};
    struct str policy = node_str(spec, "template.spec.restartPolicy"),
               at = path_of(c, path, "template.spec.restartPolicy");
    check_counts(c, spec, path, counts);
    if (node_get(spec, STR("maxFailedIndexes")) && !node_get(spec, STR("backoffLimitPerIndex")))
        field_required(c->st, path_of(c, path, "backoffLimitPerIndex"),
                       "when maxFailedIndexes is specified");
    if (node_get(spec, STR("managedBy")))
        check_managed_by(c, node_str(spec, "managedBy"), path_of(c, path, "managedBy"));
    check_completions(c, spec, path);
    if (node_get(spec, STR("podFailurePolicy")))
        check_failure_policy(c, spec, path);
    if (node_get(spec, STR("successPolicy")) &&
        !str_is(node_str(spec, "completionMode"), "Indexed"))
        invalid_go(c, path_of(c, path, "successPolicy"), node_get(spec, STR("successPolicy")),
                   "Rules{SucceededIndexes SucceededCount}", "requires indexed completion mode");
    check_replacement(c, spec, path);
    check_pod_template(c, node_get(spec, STR("template")), path_of(c, path, "template"));
    if (word_in(policy, "|Always"))
        field_required(c->st, at, "valid values: \"OnFailure\", \"Never\"");
    else if (!word_in(policy, "OnFailure|Never"))
        check_word(c, policy, at, "OnFailure|Never");
    else if (node_get(spec, STR("podFailurePolicy")) && !str_is(policy, "Never"))
        field_invalid(c->st, at, policy,
                      "only \"Never\" is supported when podFailurePolicy is specified");
}

/* Labels that the server sets must be its own. */
static void check_generated_labels(struct check *c, const struct node *object)
{
    const struct node *labels = node_at(object, "spec.template.metadata.labels");
    const struct {
        struct str label, value;
    } wanted[] = {{STR("controller-uid"), node_str(object, "metadata.uid")},
                  {STR("batch.kubernetes.io/controller-uid"), node_str(object, "metadata.uid")},
                  {STR("job-name"), node_str(object, "metadata.name")},
                  {STR("batch.kubernetes.io/job-name"), node_str(object, "metadata.name")}};
    if (node_flag(object, "spec.manualSelector", false))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
        if (!str_equal(node_str(node_get(labels, wanted[i].label), ""), wanted[i].value))
            invalid_node(c, path_key(c, STR("spec.template.metadata.labels"), wanted[i].label),
                         sorted_map(c, labels), "must be '%.*s'", STR_ARG(wanted[i].value));
    struct node *map = node_map(c->a);
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
        node_set(c->a, map, wanted[i].label, node_text_copy(c->a, wanted[i].value));
    if (!selector_matches_labels(c, node_at(object, "spec.selector"), map))
        invalid_node(c, STR("spec.selector"), node_at(object, "spec.selector"),
                     "`selector` not auto-generated");
}

static void check_template_update(struct check *c, const struct node *object,
                                  const struct node *old)
{
    struct node *now = node_copy(c->a, node_at(object, "spec.template"));
    const struct node *before = node_at(old, "spec.template");
    bool suspended = node_flag(old, "spec.suspend", false) && !node_at(old, "status.startTime");
    if (suspended) {
        static const char *const free_members[] = {
            "spec.affinity.nodeAffinity", "spec.nodeSelector", "spec.tolerations",
            "metadata.annotations",       "metadata.labels",   "spec.schedulingGates"};
        for (size_t i = 0; i < ARRAY_COUNT(free_members); i++)
            keep_old(c->a, now, before, free_members[i]);
        node_each(container, node_at(now, "spec.containers"))
        {
            const struct node *was =
                node_find(node_at(before, "spec.containers"), "name", node_str(container, "name"));
            keep_old(c->a, container, was, "resources");
        }
    }
    if (!before || !node_equal(now, before))
        invalid_node(c, STR("spec.template"), node_at(object, "spec.template"),
                     "field is immutable");
}

static void check_job_update(struct check *c, const struct node *object, const struct node *old)
{
    static const char *const fixed[] = {"spec.completionMode", "spec.podFailurePolicy",
                                        "spec.backoffLimitPerIndex", "spec.managedBy",
                                        "spec.successPolicy"};
    if (!str_is(node_str(object, "spec.completionMode"), "Indexed"))
        check_immutable_at(c, object, old, "spec.completions");
    else if (node_num(object, "spec.completions", 0) != node_num(old, "spec.completions", 0) &&
             node_num(object, "spec.completions", 0) != node_num(object, "spec.parallelism", 0))
        invalid_number(c, STR("spec.completions"), node_num(object, "spec.completions", 0),
                       "can only be modified in tandem with spec.parallelism");
    check_immutable_at(c, object, old, "spec.selector");
    check_template_update(c, object, old);
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        check_immutable_at(c, object, old, fixed[i]);
}

static void job_validate(const struct kind_ctx *ctx, const struct node *object,
                         const struct node *old, struct status *st)
{
    static const char *const counts[] = {"active", "succeeded",   "failed",
                                         "ready",  "terminating", NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec"));
    if (str_is(ctx->subresource, "status")) {
        check_counts(&c, node_get(object, STR("status")), STR("status"), counts);
        return;
    }
    if (!old)
        check_generated_labels(&c, object);
    check_job_spec(&c, spec, STR("spec"));
    const struct node *selector = node_get(spec, STR("selector")),
                      *labels = node_at(spec, "template.metadata.labels");
    if (!selector)
        field_required(st, STR("spec.selector"), "%s", "");
    else
        check_label_selector(&c, selector, STR("spec.selector"));
    if (!selector || !selector_matches_labels(&c, selector, labels))
        invalid_node(&c, STR("spec.template.metadata.labels"), sorted_map(&c, labels),
                     "`selector` does not match template `labels`");
    if (!old && str_is(node_str(spec, "completionMode"), "Indexed")) {
        const char *fault = name_dns1123_label(node_str(object, "metadata.name"));
        if (fault)
            field_invalid(st, STR("metadata.name"), node_str(object, "metadata.name"),
                          "will not able to create pod with invalid DNS label: %s", fault);
    }
    if (old)
        check_job_update(&c, object, old);
}

static const char *const job_labels[] = {"status.successful", NULL};
static bool job_field(struct arena *a, const struct sealed *object, struct str label,
                      struct str *ret)
{
    if (!str_is(label, "status.successful"))
        return false;
    *ret =
        arena_printf(a, "%lld", (long long)value_int(sealed_root(object), "status.succeeded", 0));
    return true;
}

REGISTER(kind, jobs)
= {.group = "batch",
   .plural = "jobs",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_ORPHANS_BY_DEFAULT,
   .prepare = job_prepare,
   .warnings = warn_template,
   .validate = job_validate,
   .field_labels = job_labels,
   .field = job_field};

static void check_time_zone(struct check *c, const struct node *zone)
{
    struct str name = node_str(zone, ""), path = STR("spec.timeZone");
    if (!zone)
        return;
    if (str_empty(name)) {
        field_invalid(c->st, path, name, "timeZone must be nil or non-empty string");
        return;
    }
    bool known = true;
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.data[i];
        known = known && ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                          (ch >= '0' && ch <= '9') || strchr("._-+/", ch));
    }
    if (!known || str_find_str(name, STR("..")) >= 0)
        field_invalid(c->st, path, name, "unknown time zone %.*s", STR_ARG(name));
    else if (str_equal_nocase(name, STR("Local")))
        field_invalid(
            c->st, path, name,
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
}

static void cronjob_validate(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *old, struct status *st)
{
    static const char *const counts[] = {"successfulJobsHistoryLimit", "failedJobsHistoryLimit",
                                         NULL};
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *template = node_get(spec, STR("jobTemplate"));
    struct str schedule = node_str(spec, "schedule"), path = STR("spec.schedule"),
               name = node_str(object, "metadata.name");
    if (str_is(ctx->subresource, "status"))
        return;
    if (str_empty(schedule)) {
        field_required(st, path, "%s", "");
    } else {
        struct str fault = cron_schedule_fault(c.a, schedule);
        if (!str_empty(fault))
            field_invalid(st, path, schedule, "%.*s", STR_ARG(fault));
        if (str_find_str(schedule, STR("TZ")) >= 0 &&
            !(old && str_find_str(node_str(old, "spec.schedule"), STR("TZ")) >= 0))
            field_invalid(st, path, schedule,
                          "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
    }
    check_not_negative(&c, spec, STR("spec"), "startingDeadlineSeconds");
    if (!old || !str_equal(node_str(spec, "timeZone"), node_str(old, "spec.timeZone")))
        check_time_zone(&c, node_get(spec, STR("timeZone")));
    check_needed_word(&c, node_str(spec, "concurrencyPolicy"), STR("spec.concurrencyPolicy"),
                      "Allow|Forbid|Replace");
    check_label_map(&c, node_at(template, "metadata.labels"),
                    STR("spec.jobTemplate.metadata.labels"));
    check_annotation_map(&c, node_at(template, "metadata.annotations"),
                         STR("spec.jobTemplate.metadata.annotations"));
    if (node_flag(template, "spec.manualSelector", false))
        status_add_cause(st, CAUSE_NOT_SUPPORTED, STR("spec.jobTemplate.spec.manualSelector"),
                         "Unsupported value: true: supported values: \"nil\", \"false\"");
    if (node_at(template, "spec.selector"))
        invalid_node(&c, STR("spec.jobTemplate.spec.selector"), node_at(template, "spec.selector"),
                     "`selector` will be auto-generated");
    check_job_spec(&c, node_get(template, STR("spec")), STR("spec.jobTemplate.spec"));
    check_counts(&c, spec, STR("spec"), counts);
    if (!old && name.len > CRON_NAME_MAX)
        field_invalid(st, STR("metadata.name"), name, "must be no more than 52 characters");
}

static void cronjob_prepare(const struct kind_ctx *ctx maybe_unused, struct node *object,
                            const struct node *old)
{
    const char *path = "spec.jobTemplate.spec.template.spec";
    drop_disabled_pod_members(node_at(object, path), old ? node_at(old, path) : NULL);
}

REGISTER(kind, cronjobs)
= {.group = "batch",
   .plural = "cronjobs",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION,
   .prepare = cronjob_prepare,
   .warnings = warn_template,
   .validate = cronjob_validate};
