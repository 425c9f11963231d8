#include "object/table_internal.h"

/* Cells of apps, batch, autoscaling and policy. */

#define TEMPLATE_CONTAINERS "spec.template.spec.containers"

static struct node *ready_of_wanted(const struct row *row)
{
    return cell_printf(row, "%lld/%lld", (long long)value_int(row->root, "status.readyReplicas", 0),
                       (long long)value_int(row->root, "spec.replicas", 0));
}

static struct node *revision_controller(const struct row *row)
{
    struct value_iter it = value_iter(value_at(row->root, "metadata.ownerReferences"));
    for (struct value owner; value_next(&it, &owner);) {
        if (!value_bool(owner, "controller", false))
            continue;
        struct str version = value_str(owner, "apiVersion"), kind = value_str(owner, "kind");
        ssize_t slash = str_find(version, '/');
        struct str group = slash < 0 ? STR_NONE : str_slice(version, 0, (size_t)slash);
        char *text = arena_cstr(row->arena, arena_printf(row->arena, "%.*s%s%.*s", STR_ARG(kind),
                                                         group.len ? "." : "", STR_ARG(group)));
        for (char *c = text; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c += 'a' - 'A';
        return cell_printf(row, "%s/%.*s", text, STR_ARG(value_str(owner, "name")));
    }
    return cell_text(row, STR("<none>"));
}

static struct node *job_completions(const struct row *row)
{
    long long succeeded = value_int(row->root, "status.succeeded", 0);
    struct value completions = value_at(row->root, "spec.completions");
    long long parallelism = value_int(row->root, "spec.parallelism", 0);
    if (value_present(completions))
        return cell_printf(row, "%lld/%lld", succeeded, (long long)value_int(completions, "", 0));
    return parallelism > 1 ? cell_printf(row, "%lld/1 of %lld", succeeded, parallelism)
                           : cell_printf(row, "%lld/1", succeeded);
}

static struct node *job_duration(const struct row *row)
{
    int64_t start = value_time_us(row->root, "status.startTime");
    int64_t end = value_time_us(row->root, "status.completionTime");
    if (start == 0)
        return cell_text(row, STR(""));
    return cell_text(row, human_duration(row->arena, (end ? end : row->now_us) - start));
}

static bool job_condition(const struct row *row, const char *type)
{
    struct value c = find_condition(value_at(row->root, "status.conditions"), type);
    return str_is(value_str(c, "status"), "True");
}

static struct node *job_status(const struct row *row)
{
    static const char *const later[] = {"Suspended", "FailureTarget", "SuccessCriteriaMet"};
    if (job_condition(row, "Complete"))
        return cell_text(row, STR("Complete"));
    if (job_condition(row, "Failed"))
        return cell_text(row, STR("Failed"));
    if (value_present(value_at(row->root, "metadata.deletionTimestamp")))
        return cell_text(row, STR("Terminating"));
    for (size_t i = 0; i < ARRAY_COUNT(later); i++)
        if (job_condition(row, later[i]))
            return cell_text(row, str_from(later[i]));
    return cell_text(row, STR("Running"));
}

static struct node *cron_job_suspend(const struct row *row)
{
    struct value v = value_at(row->root, "spec.suspend");
    if (!value_present(v))
        return cell_text(row, STR("<unset>"));
    return cell_text(row, value_bool(v, "", false) ? STR("True") : STR("False"));
}

static struct node *hpa_reference(const struct row *row)
{
    return cell_printf(row, "%.*s/%.*s", STR_ARG(value_str(row->root, "spec.scaleTargetRef.kind")),
                       STR_ARG(value_str(row->root, "spec.scaleTargetRef.name")));
}

/* How the kinds of metrics are shown. */
static const struct metric_kind {
    const char *type, *member;
    bool has_name; /* "cpu: current/target" */
    bool has_utilization;
    bool only_average;
} metric_kinds[] = {
    {"External", "external", false, false, false},
    {"Pods", "pods", false, false, true},
    {"Object", "object", false, false, false},
    {"Resource", "resource", true, true, false},
    {"ContainerResource", "containerResource", true, true, false},
};

static struct str amount(const struct row *row, struct value v, const char *path,
                         const char *otherwise)
{
    struct str text = value_text(row->arena, v, path);
    return text.len ? text : str_from(otherwise);
}

static struct str percent(const struct row *row, struct value v, const char *path,
                          const char *otherwise)
{
    struct value number = value_at(v, path);
    return value_present(number)
               ? arena_printf(row->arena, "%lld%%", (long long)value_int(number, "", 0))
               : str_from(otherwise);
}

static struct str metric_text(const struct row *row, struct value spec, struct value status,
                              const struct metric_kind *kind)
{
    struct value target = value_at(value_at(spec, kind->member), "target");
    struct value reported = value_at(status, kind->member);
    struct value current = value_at(reported, "current");
    struct str have, want;
    const char *suffix = "";
    if (kind->only_average || value_present(value_at(target, "averageValue"))) {
        bool plain = kind->only_average || kind->has_name;
        want = amount(row, target, "averageValue", "<nil>");
        have = amount(row, current, "averageValue",
                      plain && value_present(reported) ? "<nil>" : "<unknown>");
        suffix = plain ? "" : " (avg)";
    } else if (kind->has_utilization) {
        want = percent(row, target, "averageUtilization", "<auto>");
        have = percent(row, current, "averageUtilization", "<unknown>");
    } else {
        want = amount(row, target, "value", "<nil>");
        have = amount(row, current, "value", value_present(reported) ? "<nil>" : "<unknown>");
    }
    struct str name = kind->has_name ? value_str(value_at(spec, kind->member), "name") : STR_NONE;
    return arena_printf(row->arena, "%.*s%s%.*s/%.*s%s", STR_ARG(name), kind->has_name ? ": " : "",
                        STR_ARG(have), STR_ARG(want), suffix);
}

static struct node *hpa_v1_metrics(const struct row *row)
{
    struct str want = percent(row, row->root, "spec.targetCPUUtilizationPercentage", "");
    if (want.len == 0)
        return cell_text(row, STR("<none>"));
    struct str have =
        percent(row, row->root, "status.currentCPUUtilizationPercentage", "<unknown>");
    return cell_printf(row, "cpu: %.*s/%.*s", STR_ARG(have), STR_ARG(want));
}

static struct node *hpa_metrics(const struct row *row)
{
    struct value specs = value_at(row->root, "spec.metrics");
    struct value statuses = value_at(row->root, "status.currentMetrics");
    size_t count = value_count(specs), shown = MIN(count, 2);
    struct buf out = BUF_INIT;
    if (count == 0)
        return hpa_v1_metrics(row);
    for (size_t i = 0; i < shown; i++) {
        struct value spec = value_item(specs, i);
        struct str type = value_str(spec, "type"), text = STR("<unknown type>");
        for (size_t k = 0; k < ARRAY_COUNT(metric_kinds); k++)
            if (str_is(type, metric_kinds[k].type))
                text = metric_text(row, spec, value_item(statuses, i), &metric_kinds[k]);
        buf_printf(&out, "%s%.*s", i ? ", " : "", STR_ARG(text));
    }
    if (count > shown)
        buf_printf(&out, " + %zu more...", count - shown);
    return cell_buf(row, &out);
}

#define HPA_CELLS                                                                                  \
    CELLS(NAME, CALL(hpa_reference), CALL(hpa_metrics), TEXT_OR("spec.minReplicas", "<unset>"),    \
          NUMBER("spec.maxReplicas"), NUMBER("status.currentReplicas"), AGE)

const struct table_kind table_workload_kinds[] = {
    {"apps", "controllerrevisions",
     CELLS(NAME, CALL(revision_controller), NUMBER("revision"), AGE)},
    {"apps", "daemonsets",
     CELLS(NAME, NUMBER("status.desiredNumberScheduled"), NUMBER("status.currentNumberScheduled"),
           NUMBER("status.numberReady"), NUMBER("status.updatedNumberScheduled"),
           NUMBER("status.numberAvailable"), LABELS("spec.template.spec.nodeSelector"), AGE,
           NAMES(TEMPLATE_CONTAINERS), IMAGES(TEMPLATE_CONTAINERS),
           SELECTOR_OR("spec.selector", "<none>"))},
    {"apps", "deployments",
     CELLS(NAME, CALL(ready_of_wanted), NUMBER("status.updatedReplicas"),
           NUMBER("status.availableReplicas"), AGE, NAMES(TEMPLATE_CONTAINERS),
           IMAGES(TEMPLATE_CONTAINERS), SELECTOR_OR("spec.selector", ""))},
    {"apps", "replicasets",
     CELLS(NAME, NUMBER("spec.replicas"), NUMBER("status.replicas"), NUMBER("status.readyReplicas"),
           AGE, NAMES(TEMPLATE_CONTAINERS), IMAGES(TEMPLATE_CONTAINERS),
           SELECTOR_OR("spec.selector", "<none>"))},
    {"apps", "statefulsets",
     CELLS(NAME, CALL(ready_of_wanted), AGE, NAMES(TEMPLATE_CONTAINERS),
           IMAGES(TEMPLATE_CONTAINERS))},
    {"batch", "jobs",
     CELLS(NAME, CALL(job_status), CALL(job_completions), CALL(job_duration), AGE,
           NAMES(TEMPLATE_CONTAINERS), IMAGES(TEMPLATE_CONTAINERS),
           SELECTOR_OR("spec.selector", "<none>"))},
    {"batch", "cronjobs",
     CELLS(NAME, TEXT("spec.schedule"), TEXT_OR("spec.timeZone", "<none>"), CALL(cron_job_suspend),
           COUNT("status.active"), SINCE_OR("status.lastScheduleTime", "<none>"), AGE,
           NAMES("spec.jobTemplate.spec.template.spec.containers"),
           IMAGES("spec.jobTemplate.spec.template.spec.containers"),
           SELECTOR_OR("spec.jobTemplate.spec.selector", "<none>"))},
    {"autoscaling", "horizontalpodautoscalers", HPA_CELLS},
    {"policy", "poddisruptionbudgets",
     CELLS(NAME, TEXT_OR("spec.minAvailable", "N/A"), TEXT_OR("spec.maxUnavailable", "N/A"),
           NUMBER("status.disruptionsAllowed"), AGE)},
};
const size_t table_workload_kind_count = ARRAY_COUNT(table_workload_kinds);
