#include "control/job.h"

bool job_suspended(const struct job_run *j)
{
    return value_bool(j->root, "spec.suspend", false);
}

bool job_pod_failed(const struct job_run *j, const struct sealed *pod)
{
    struct str phase = object_str(pod, "status.phase");
    if (str_is(phase, "Failed"))
        return true;
    return !j->only_failed && object_deleting(pod) && !str_is(phase, "Succeeded");
}

bool job_pod_tracked(const struct sealed *pod)
{
    return object_has_finalizer(pod, JOB_FINALIZER);
}

int64_t job_pod_index(const struct sealed *pod)
{
    int64_t index;
    if (str_to_i64(object_annotation(pod, JOB_INDEX), &index) < 0 || index < 0)
        return -1;
    return index;
}

bool job_pod_valid(const struct job_run *j, const struct sealed *pod)
{
    if (!j->indexed)
        return true;
    int64_t index = job_pod_index(pod);
    return index >= 0 && index < j->completions;
}

static int64_t count_annotation(const struct sealed *pod, const char *name)
{
    int64_t count;
    return str_to_i64(object_annotation(pod, name), &count) < 0 || count < 0 ? 0 : count;
}

int64_t job_pod_failures(const struct sealed *pod, bool with_ignored)
{
    return count_annotation(pod, JOB_INDEX_FAILURES) +
           (with_ignored ? count_annotation(pod, JOB_INDEX_IGNORED) : 0);
}

/* The later of `latest` and the last end of these containers; 0 while one of them runs or says
 * nothing. */
static int64_t latest_end_us(const struct sealed *pod, const char *path, bool sidecars_only,
                             int64_t latest)
{
    struct value_iter it = value_iter(object_at(pod, path));
    for (struct value c; value_next(&it, &c);) {
        if (sidecars_only && !pod_sidecar(pod, value_str(c, "name")))
            continue;
        int64_t finished = value_time_us(c, "state.terminated.finishedAt");
        if (!finished)
            return 0;
        latest = MAX(latest, finished);
    }
    return latest;
}

static int64_t containers_finished_us(const struct sealed *pod)
{
    int64_t latest = latest_end_us(pod, "status.containerStatuses", false, 0);
    return latest_end_us(pod, "status.initContainerStatuses", true, latest);
}

int64_t job_pod_finished_us(const struct sealed *pod)
{
    int64_t finished = containers_finished_us(pod);
    if (finished)
        return finished;
    struct value ready = condition_of(pod, "Ready");
    if (str_is(value_str(ready, "status"), "False") && value_time_us(ready, "lastTransitionTime"))
        return value_time_us(ready, "lastTransitionTime");
    if (object_deleting(pod))
        return value_time_us(sealed_root(pod), "metadata.deletionTimestamp") -
               object_int(pod, "metadata.deletionGracePeriodSeconds", 0) * 1000000;
    return object_created_us(pod);
}

static bool has_number(struct value list, int64_t number)
{
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);)
        if (value_int(v, "", number - 1) == number)
            return true;
    return false;
}

/* The first container that ended as a rule says. */
static bool exit_code_matches(const struct sealed *pod, struct value rule,
                              struct str *ret_container, int64_t *ret_code)
{
    static const char *const lists[] = {"status.containerStatuses", "status.initContainerStatuses"};
    struct str wanted = value_str(rule, "containerName");
    bool in = str_is(value_str(rule, "operator"), "In");
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct value_iter it = value_iter(object_at(pod, lists[i]));
        for (struct value c; value_next(&it, &c);) {
            struct value ended = value_at(c, "state.terminated");
            int64_t code = value_int(ended, "exitCode", 0);
            if (!value_present(ended) || code == 0 ||
                (!str_empty(wanted) && !str_equal(wanted, value_str(c, "name"))) ||
                has_number(value_at(rule, "values"), code) != in)
                continue;
            *ret_container = value_str(c, "name");
            *ret_code = code;
            return true;
        }
    }
    return false;
}

static bool condition_matches(const struct sealed *pod, struct value patterns, struct str *ret_type)
{
    struct value_iter it = value_iter(object_at(pod, "status.conditions"));
    for (struct value c; value_next(&it, &c);) {
        struct value_iter rules = value_iter(patterns);
        for (struct value rule; value_next(&rules, &rule);)
            if (str_equal(value_str(c, "type"), value_str(rule, "type")) &&
                str_equal(value_str(c, "status"), value_str(rule, "status"))) {
                *ret_type = value_str(c, "type");
                return true;
            }
    }
    return false;
}

static enum job_verdict verdict_named(struct str action)
{
    if (str_is(action, "Ignore"))
        return JOB_IGNORE;
    if (str_is(action, "FailIndex"))
        return JOB_FAIL_INDEX;
    return str_is(action, "FailJob") ? JOB_FAIL_JOB : JOB_COUNT;
}

enum job_verdict job_judge(struct arena *a, struct value job, const struct sealed *pod,
                           struct str *ret_message)
{
    struct value_iter it = value_iter(value_at(job, "spec.podFailurePolicy.rules"));
    for (struct value rule; value_next(&it, &rule);) {
        enum job_verdict verdict = verdict_named(value_str(rule, "action"));
        struct value codes = value_at(rule, "onExitCodes");
        struct str what;
        int64_t code;
        struct str message;
        if (value_present(codes) && exit_code_matches(pod, codes, &what, &code))
            message = arena_printf(a,
                                   "Container %.*s for pod %.*s/%.*s failed with exit code %lld "
                                   "matching %.*s rule at index %u",
                                   STR_ARG(what), STR_ARG(object_namespace(pod)),
                                   STR_ARG(object_name(pod)), (long long)code,
                                   STR_ARG(value_str(rule, "action")), it.index);
        else if (!value_present(codes) &&
                 condition_matches(pod, value_at(rule, "onPodConditions"), &what))
            message = arena_printf(a,
                                   "Pod %.*s/%.*s has condition %.*s matching %.*s rule at "
                                   "index %u",
                                   STR_ARG(object_namespace(pod)), STR_ARG(object_name(pod)),
                                   STR_ARG(what), STR_ARG(value_str(rule, "action")), it.index);
        else
            continue;
        if (ret_message)
            *ret_message = message;
        return verdict;
    }
    return JOB_COUNT;
}

bool job_success_policy(struct job_run *j, struct str *ret_message)
{
    struct arena *a = j->run->arena;
    if (j->succeeded_indexes.count == 0)
        return false;
    struct value_iter it = value_iter(value_at(j->root, "spec.successPolicy.rules"));
    for (struct value rule; value_next(&it, &rule);) {
        struct value indexes = value_at(rule, "succeededIndexes");
        int64_t count = value_int(rule, "succeededCount", INT64_MAX);
        bool met;
        if (value_present(indexes)) {
            struct intervals wanted = intervals_parse(a, value_str(indexes, ""), j->completions);
            int64_t common = intervals_common(wanted, j->succeeded_indexes);
            met = wanted.count && (common == intervals_total(wanted) || common >= count);
        } else {
            met = intervals_total(j->succeeded_indexes) >= count;
        }
        if (met) {
            *ret_message = arena_printf(a, "Matched rules at index %u", it.index);
            return true;
        }
    }
    return false;
}
