#include "control/job.h"

#include "object/scalar.h"
#include "object/seal.h"

/* Conditions of Jobs carry the time of the last probe too, and are replaced as a whole. */
static bool put_condition(struct job_run *j, const char *type, const char *status,
                          struct str reason, struct str message)
{
    struct arena *a = j->run->arena;
    struct node *list = node_need_list(a, j->status, "conditions");
    struct node *c = node_find(list, "type", str_from(type));
    if (c && str_is(node_str(c, "status"), status) && str_equal(node_str(c, "reason"), reason) &&
        str_equal(node_str(c, "message"), message))
        return false;
    if (!c && str_is(STR("False"), status))
        return false;
    if (!c) {
        c = node_map(a);
        node_put_str(a, c, "type", str_from(type));
        node_append(a, list, c);
    }
    struct str now = time_format(a, j->run->now_us);
    node_put_str(a, c, "status", str_from(status));
    node_put_str(a, c, "reason", reason);
    node_put_str(a, c, "message", message);
    node_put_str(a, c, "lastProbeTime", now);
    node_put_str(a, c, "lastTransitionTime", now);
    return true;
}

static struct node *condition_node(struct job_run *j, const char *type)
{
    struct node *c = node_find(node_get(j->status, STR("conditions")), "type", str_from(type));
    return c && str_is(node_str(c, "status"), "True") ? c : NULL;
}

static bool finished(const struct sealed *job)
{
    return condition_is(job, "Complete", "True") || condition_is(job, "Failed", "True");
}

/* Writes the status when it differs, and goes on with the state that it made. */
static int flush(struct job_run *j, struct status *st)
{
    struct arena *a = j->run->arena;
    struct node *tree = unseal(a, j->object);
    struct node *conditions = node_get(j->status, STR("conditions"));
    if (node_is(conditions, NODE_LIST) && node_count(conditions) == 0)
        node_del(j->status, "conditions");
    node_put(a, tree, "status", node_copy(a, j->status));
    const struct sealed *made = NULL;
    if (run_put(j->run, control_resource(j->run->control, JOBS), "status", j->object, tree, &made,
                st) < 0)
        return -1;
    if (made)
        j->object = made;
    return 0;
}

static struct node *uncounted(struct job_run *j, const char *which)
{
    struct arena *a = j->run->arena;
    return node_need_list(a, node_need_map(a, j->status, "uncountedTerminatedPods"), which);
}

static bool has_uid(const struct node *list, struct str uid)
{
    node_each(item, list) if (str_equal(node_str(item, ""), uid)) return true;
    return false;
}

/* Counting. */

static void count_pods(struct job_run *j)
{
    const struct node *succeeded = uncounted(j, "succeeded"), *failed = uncounted(j, "failed");
    j->succeeded = node_num(j->status, "succeeded", 0) + (int64_t)node_count(succeeded);
    j->failed = node_num(j->status, "failed", 0) + (int64_t)node_count(failed);
    for (size_t i = 0; i < j->pods.count; i++) {
        const struct sealed *pod = j->pods.items[i];
        if (pod_active(pod)) {
            objects_add(j->run->arena, &j->active, pod);
            j->ready += pod_ready(pod);
        } else if (object_deleting(pod) && !pod_finished(pod)) {
            j->terminating++;
        }
        if (!job_pod_tracked(pod) || !job_pod_valid(j, pod))
            continue;
        if (str_is(object_str(pod, "status.phase"), "Succeeded"))
            j->succeeded += !has_uid(succeeded, object_uid(pod));
        else if (job_pod_failed(j, pod) && !has_uid(failed, object_uid(pod)))
            j->failed += job_judge(j->run->arena, j->root, pod, NULL) != JOB_IGNORE;
    }
    j->active_count = (int64_t)j->active.count;
}

/* Failures after the last success: how long the next pod waits. */
static void read_backoff(struct job_run *j)
{
    struct job_state *state = control_state(j->run->control);
    struct job_backoff *known = map_get(&state->backoffs, object_uid(j->object));
    int64_t last_success = 0;
    if (known)
        j->backoff = *known;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < j->pods.count; i++) {
            const struct sealed *pod = j->pods.items[i];
            if (!job_pod_tracked(pod) || !job_pod_valid(j, pod))
                continue;
            int64_t at = job_pod_finished_us(pod);
            if (pass == 0 && str_is(object_str(pod, "status.phase"), "Succeeded")) {
                if (has_uid(uncounted(j, "succeeded"), object_uid(pod)))
                    continue;
                last_success = MAX(last_success, at);
                j->backoff = (struct job_backoff){0};
            } else if (pass == 1 && job_pod_failed(j, pod) && at > last_success &&
                       !has_uid(uncounted(j, "failed"), object_uid(pod))) {
                j->backoff.failures++;
                j->backoff.last_failure_us = MAX(j->backoff.last_failure_us, at);
            }
        }
    }
}

static void keep_backoff(struct job_run *j)
{
    struct job_state *state = control_state(j->run->control);
    struct job_backoff *known = map_get(&state->backoffs, object_uid(j->object));
    if (!known && j->backoff.failures == 0)
        return;
    if (!known) {
        known = mem_alloc(sizeof(*known));
        map_put(&state->backoffs, object_uid(j->object), known);
    }
    *known = j->backoff;
}

static void forget_backoff(struct control *c, struct str uid)
{
    struct job_state *state = control_state(c);
    mem_free(map_del(&state->backoffs, uid));
}

/* Indexes. */

static bool index_failed(struct job_run *j, const struct sealed *pod)
{
    if (!job_pod_failed(j, pod))
        return false;
    enum job_verdict verdict = job_judge(j->run->arena, j->root, pod, NULL);
    if (verdict == JOB_FAIL_INDEX)
        return true;
    return verdict != JOB_IGNORE &&
           job_pod_failures(pod, false) >= value_int(j->root, "spec.backoffLimitPerIndex", 0);
}

static void read_indexes(struct job_run *j)
{
    struct arena *a = j->run->arena;
    j->succeeded_before =
        intervals_parse(a, node_str(j->status, "completedIndexes"), j->completions);
    j->failed_indexes = intervals_parse(a, node_str(j->status, "failedIndexes"), j->completions);
    j->succeeded_indexes = j->succeeded_before;
    for (size_t i = 0; i < j->pods.count; i++) {
        const struct sealed *pod = j->pods.items[i];
        if (!job_pod_tracked(pod) || !job_pod_valid(j, pod))
            continue;
        int64_t index = job_pod_index(pod);
        if (str_is(object_str(pod, "status.phase"), "Succeeded"))
            j->succeeded_indexes = intervals_add(a, j->succeeded_indexes, index);
        else if (j->per_index && index_failed(j, pod))
            j->failed_indexes = intervals_add(a, j->failed_indexes, index);
    }
    j->succeeded = intervals_total(j->succeeded_indexes);
}

/* The newest failed pod of each index that has no successor yet. */
static void read_delayed(struct job_run *j)
{
    struct intervals done = intervals_merge(j->run->arena, j->succeeded_indexes, j->failed_indexes);
    for (size_t i = 0; i < j->active.count; i++)
        if (job_pod_index(j->active.items[i]) >= 0)
            done = intervals_add(j->run->arena, done, job_pod_index(j->active.items[i]));
    for (size_t i = 0; i < j->pods.count; i++) {
        const struct sealed *pod = j->pods.items[i];
        int64_t index = job_pod_index(pod);
        if (!job_pod_tracked(pod) || !job_pod_valid(j, pod) || !job_pod_failed(j, pod) ||
            intervals_has(done, index))
            continue;
        size_t at = 0;
        while (at < j->delayed.count && job_pod_index(j->delayed.items[at]) != index)
            at++;
        if (at == j->delayed.count)
            objects_add(j->run->arena, &j->delayed, pod);
        else if (job_pod_failures(j->delayed.items[at], true) <= job_pod_failures(pod, true) &&
                 job_pod_finished_us(j->delayed.items[at]) <= job_pod_finished_us(pod))
            j->delayed.items[at] = pod;
    }
}

/* Ends. */

static bool restarts_exceed(const struct job_run *j)
{
    if (!str_is(value_str(j->root, "spec.template.spec.restartPolicy"), "OnFailure"))
        return false;
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    int64_t restarts = 0, limit = value_int(j->root, "spec.backoffLimit", 6);
    for (size_t i = 0; i < j->pods.count; i++) {
        if (pod_finished(j->pods.items[i]))
            continue;
        for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
            struct value_iter it = value_iter(object_at(j->pods.items[i], lists[k]));
            for (struct value c; value_next(&it, &c);)
                restarts += value_int(c, "restartCount", 0);
        }
    }
    return limit == 0 ? restarts > 0 : restarts >= limit;
}

static void set_end(struct job_run *j, const char *type, struct str reason, struct str message)
{
    j->end = (struct job_end){type, reason, message};
}

static void end_as_told_before(struct job_run *j)
{
    const struct node *met = condition_node(j, "SuccessCriteriaMet");
    const struct node *target = condition_node(j, "FailureTarget");
    if (met)
        set_end(j, "SuccessCriteriaMet", node_str(met, "reason"), node_str(met, "message"));
    else if (target)
        set_end(j, "Failed", node_str(target, "reason"), node_str(target, "message"));
}

static void end_by_failure(struct job_run *j)
{
    struct str message;
    if (value_present(value_at(j->root, "spec.podFailurePolicy")))
        for (size_t i = 0; i < j->pods.count && !j->end.type; i++)
            if (job_pod_failed(j, j->pods.items[i]) &&
                job_judge(j->run->arena, j->root, j->pods.items[i], &message) == JOB_FAIL_JOB)
                set_end(j, "FailureTarget", STR("PodFailurePolicy"), message);
    if (j->end.type)
        return;
    int64_t started = 0, deadline_s = value_int(j->root, "spec.activeDeadlineSeconds", -1);
    if (j->failed > value_int(j->root, "spec.backoffLimit", 6) || restarts_exceed(j)) {
        set_end(j, "FailureTarget", STR("BackoffLimitExceeded"),
                STR("Job has reached the specified backoff limit"));
    } else if (deadline_s >= 0 && !job_suspended(j) &&
               time_parse(node_str(j->status, "startTime"), &started) == 0) {
        int64_t left_us = started + deadline_s * 1000000 - j->run->now_us;
        if (left_us <= 0)
            set_end(j, "FailureTarget", STR("DeadlineExceeded"),
                    STR("Job was active longer than specified deadline"));
        else
            run_again(j->run, (uint64_t)left_us / 1000 + 1);
    }
}

static void end_by_indexes(struct job_run *j)
{
    int64_t failed = intervals_total(j->failed_indexes);
    struct str message;
    if (j->per_index && !j->end.type) {
        if (failed > value_int(j->root, "spec.maxFailedIndexes", INT64_MAX))
            set_end(j, "FailureTarget", STR("MaxFailedIndexesExceeded"),
                    STR("Job has exceeded the specified maximal number of failed indexes"));
        else if (failed > 0 && failed + intervals_total(j->succeeded_indexes) >= j->completions)
            set_end(j, "FailureTarget", STR("FailedIndexes"), STR("Job has failed indexes"));
    }
    if (!j->end.type && job_success_policy(j, &message))
        set_end(j, "SuccessCriteriaMet", STR("SuccessPolicy"), message);
}

static void tell_suspension(struct job_run *j)
{
    struct arena *a = j->run->arena;
    if (job_suspended(j)) {
        if (put_condition(j, "Suspended", "True", STR("JobSuspended"), STR("Job suspended"))) {
            run_event(j->run, j->object, "Normal", "Suspended", "Job suspended");
            node_del(j->status, "startTime");
        }
    } else if (put_condition(j, "Suspended", "False", STR("JobResumed"), STR("Job resumed"))) {
        run_event(j->run, j->object, "Normal", "Resumed", "Job resumed");
        node_put_str(a, j->status, "startTime", time_format(a, j->run->now_us));
    }
}

/* Makes, deletes and judges pods. The status of failures to do so is kept for the end of the run.
 */
static void act(struct job_run *j, struct status *failure)
{
    if (j->end.type) {
        if (job_delete_active(j, failure) < 0)
            j->end.type = NULL;
        return;
    }
    bool managed = !object_deleting(j->object);
    if (managed)
        (void)!job_manage(j, failure);
    bool enough = j->completions < 0 ? j->succeeded > 0 : j->succeeded >= j->completions;
    if (enough && j->active_count == 0)
        set_end(j, "SuccessCriteriaMet", STR("CompletionsReached"),
                STR("Reached expected number of succeeded pods"));
    else if (managed)
        tell_suspension(j);
}

/* Tracking: a finished pod is counted once. Its uid is written to the status, then its finalizer
 * goes, then the counter grows. */

static bool may_untrack(struct job_run *j, const struct sealed *pod)
{
    if (object_deleting(j->object) || j->end.type ||
        str_is(object_str(pod, "status.phase"), "Succeeded"))
        return true;
    if (!job_pod_failed(j, pod))
        return false;
    for (size_t i = 0; i < j->delayed.count; i++)
        if (str_equal(object_uid(j->delayed.items[i]), object_uid(pod)))
            return false;
    return true;
}

static void move_counted(struct job_run *j, const struct map *tracked, const char *list_name)
{
    struct node *list = uncounted(j, list_name);
    int64_t moved = 0;
    for (size_t i = node_count(list); i-- > 0;) {
        if (map_get(tracked, node_str(node_item(list, i), "")))
            continue;
        node_list_remove(list, i);
        moved++;
    }
    if (moved)
        node_put_int(j->run->arena, j->status, list_name,
                     node_num(j->status, list_name, 0) + moved);
}

/* Notes one pod's end. */
static void note_pod(struct job_run *j, const struct sealed *pod)
{
    struct arena *a = j->run->arena;
    struct node *failed = uncounted(j, "failed"), *succeeded = uncounted(j, "succeeded");
    struct str uid = object_uid(pod);
    bool success_end = j->end.type && strcmp(j->end.type, "SuccessCriteriaMet") == 0;
    if (str_is(object_str(pod, "status.phase"), "Succeeded") && !has_uid(failed, uid)) {
        if (!j->indexed && !has_uid(succeeded, uid))
            node_append(a, succeeded, node_text(a, uid));
    } else if (job_pod_failed(j, pod) || (j->end.type && !success_end)) {
        if (!has_uid(failed, uid) && job_pod_valid(j, pod) &&
            job_judge(a, j->root, pod, NULL) != JOB_IGNORE)
            node_append(a, failed, node_text(a, uid));
    }
}

static void put_indexes(struct job_run *j)
{
    struct arena *a = j->run->arena;
    if (!j->indexed)
        return;
    node_put_int(a, j->status, "succeeded", intervals_total(j->succeeded_indexes));
    node_put_str(a, j->status, "completedIndexes", intervals_format(a, j->succeeded_indexes));
    if (j->per_index)
        node_put_str(a, j->status, "failedIndexes", intervals_format(a, j->failed_indexes));
}

static void put_interim_condition(struct job_run *j)
{
    if (!j->end.type)
        return;
    bool target = strcmp(j->end.type, "FailureTarget") == 0;
    if (target || strcmp(j->end.type, "SuccessCriteriaMet") == 0) {
        put_condition(j, j->end.type, "True", j->end.reason, j->end.message);
        j->end.type = target ? "Failed" : "Complete";
    }
}

static bool finish(struct job_run *j)
{
    struct arena *a = j->run->arena;
    if (!j->end.type || j->terminating > 0 || node_count(uncounted(j, "succeeded")) ||
        node_count(uncounted(j, "failed")))
        return false;
    put_condition(j, j->end.type, "True", j->end.reason, j->end.message);
    if (strcmp(j->end.type, "Complete") == 0)
        node_put_str(a, j->status, "completionTime", time_format(a, j->run->now_us));
    return true;
}

static void tell_end(struct job_run *j)
{
    if (strcmp(j->end.type, "Complete") != 0) {
        run_event(j->run, j->object, "Warning", arena_cstr(j->run->arena, j->end.reason), "%.*s",
                  STR_ARG(j->end.message));
        return;
    }
    if (j->completions >= 0 && node_num(j->status, "succeeded", 0) > j->completions)
        run_event(j->run, j->object, "Warning", "TooManySucceededPods",
                  "Too many succeeded pods running after completion count reached");
    run_event(j->run, j->object, "Normal", "Completed", "Job completed");
}

static int track(struct job_run *j, struct status *st)
{
    struct map tracked = MAP_INIT;
    struct objects leaving = {0};
    bool full = false;
    int result = 0;
    for (size_t i = 0; i < j->pods.count; i++)
        if (job_pod_tracked(j->pods.items[i]))
            map_put(&tracked, object_uid(j->pods.items[i]), j);
    move_counted(j, &tracked, "succeeded");
    move_counted(j, &tracked, "failed");
    for (size_t i = 0; i < j->pods.count && !full; i++) {
        const struct sealed *pod = j->pods.items[i];
        if (!job_pod_tracked(pod) || !may_untrack(j, pod))
            continue;
        objects_add(j->run->arena, &leaving, pod);
        note_pod(j, pod);
        full = leaving.count >= JOB_UNCOUNTED_MAX;
    }
    put_indexes(j);
    put_interim_condition(j);
    if (flush(j, st) < 0)
        result = -1;
    else
        keep_backoff(j);
    for (size_t i = 0; i < leaving.count && result == 0; i++) {
        result = job_untrack(j->run, leaving.items[i], st);
        if (result == 0)
            map_del(&tracked, object_uid(leaving.items[i]));
    }
    if (result == 0) {
        move_counted(j, &tracked, "succeeded");
        move_counted(j, &tracked, "failed");
        bool done = !full && finish(j);
        result = flush(j, st);
        if (result == 0 && done)
            tell_end(j);
        if (full)
            run_again(j->run, 0);
    }
    map_release(&tracked);
    return result;
}

static void job_read(struct job_run *j, struct run *run, const struct sealed *object)
{
    struct arena *a = run->arena;
    *j = (struct job_run){.run = run, .object = object, .root = sealed_root(object)};
    struct value status = value_at(j->root, "status");
    j->status = value_present(status) ? value_to_node(a, status) : node_map(a);
    j->completions = value_int(j->root, "spec.completions", -1);
    j->parallelism = value_int(j->root, "spec.parallelism", 1);
    j->indexed = str_is(value_str(j->root, "spec.completionMode"), "Indexed");
    j->per_index = value_present(value_at(j->root, "spec.backoffLimitPerIndex"));
    j->only_failed = value_present(value_at(j->root, "spec.podFailurePolicy")) ||
                     str_is(value_str(j->root, "spec.podReplacementPolicy"), "Failed");
    if (!node_has(j->status, "startTime") && !job_suspended(j))
        node_put_str(a, j->status, "startTime", time_format(a, run->now_us));
}

static int sync_job(struct run *run, const struct sealed *object, struct status *st)
{
    struct job_run j;
    struct selector labels;
    job_read(&j, run, object);
    if (label_selector_from_value(run->arena, value_at(j.root, "spec.selector"), &labels, st) < 0 ||
        run_claim(run, JOB_PODS, object, &labels, JOB_FINALIZER, &j.pods, st) < 0)
        return -1;
    count_pods(&j);
    read_backoff(&j);
    end_as_told_before(&j);
    if (!j.end.type)
        end_by_failure(&j);
    if (j.indexed) {
        read_indexes(&j);
        end_by_indexes(&j);
        if (j.per_index)
            read_delayed(&j);
    }
    struct status failure;
    status_init(&failure, run->arena);
    act(&j, &failure);
    node_put_int(run->arena, j.status, "active", j.active_count);
    node_put_int(run->arena, j.status, "ready", j.ready);
    node_put_int(run->arena, j.status, "terminating", j.terminating);
    if (track(&j, st) < 0)
        return -1;
    if (failure.code)
        return status_set(st, failure.reason, "%.*s", STR_ARG(failure.message));
    return 0;
}

/* Another controller's, as it says itself. */
static bool managed_elsewhere(const struct sealed *job)
{
    struct str manager = object_str(job, "spec.managedBy");
    return !str_empty(manager) && !str_is(manager, "kubernetes.io/job-controller");
}

/* "pod/NAME": a pod whose Job is gone is let go. */
static int let_go(struct run *run, struct str pod_name, struct status *st)
{
    const struct sealed *pod = run_get(run, JOB_PODS, run->ns, pod_name);
    struct owner owner;
    if (!pod || !job_pod_tracked(pod))
        return 0;
    if (object_controller(pod, &owner)) {
        if (!str_is(owner.kind, "Job") || !str_is(owner.api_version, "batch/v1"))
            return 0;
        const struct sealed *job = run_get(run, JOBS, run->ns, owner.name);
        if (job && str_equal(object_uid(job), owner.uid) &&
            (!finished(job) || managed_elsewhere(job)))
            return 0;
    }
    return job_untrack(run, pod, st);
}

static int reconcile(struct run *run, struct status *st)
{
    if (str_starts(run->name, "pod/"))
        return let_go(run, str_slice(run->name, 4, run->name.len), st);
    const struct sealed *job = run_get(run, JOBS, run->ns, run->name);
    if (!job)
        return 0;
    if (managed_elsewhere(job))
        return 0;
    if (finished(job)) {
        forget_backoff(run->control, object_uid(job));
        return 0;
    }
    return sync_job(run, job, st);
}

/* Changes. */

static void enqueue_orphan(struct control *c, const struct sealed *pod)
{
    char key[300];
    int len = snprintf(key, sizeof(key), "pod/%.*s", STR_ARG(object_name(pod)));
    control_enqueue(c, object_namespace(pod), (struct str){key, (size_t)len});
}

static bool enqueue_owned(void *arg, const struct sealed *pod)
{
    if (job_pod_tracked(pod))
        enqueue_orphan(arg, pod);
    return true;
}

static void map_job(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now) {
        control_enqueue_object(c, now);
        if (finished(now))
            view_each_owned(control_view(c, JOB_PODS), object_uid(now), enqueue_owned, c);
        return;
    }
    forget_backoff(c, object_uid(old));
    view_each_owned(control_view(c, JOB_PODS), object_uid(old), enqueue_owned, c);
}

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    struct owner owner;
    control_enqueue_owner(c, "Job", now, old);
    if (!now)
        return;
    bool owned = object_controller(now, &owner);
    if (owned && job_pod_tracked(now)) {
        const struct sealed *job =
            view_get(control_view(c, JOBS), object_namespace(now), owner.name);
        if (!job || !str_equal(object_uid(job), owner.uid) || finished(job))
            enqueue_orphan(c, now);
    }
    if (owned || object_deleting(now))
        return;
    if (job_pod_tracked(now))
        enqueue_orphan(c, now);
    control_enqueue_adopters(c, JOBS, now);
}

static void stop(struct control *c)
{
    struct job_state *state = control_state(c);
    map_each(slot, &state->backoffs)
        mem_free(slot->value);
    map_release(&state->backoffs);
}

static const struct control_watch watches[] = {
    [JOBS] = {"batch", "v1", "jobs", map_job},
    [JOB_PODS] = {"", "v1", "pods", map_pod},
    {0},
};

REGISTER(controller, job)
= {
    .name = "job-controller",
    .account = "job-controller",
    .watches = watches,
    .state_bytes = sizeof(struct job_state),
    .stop = stop,
    .reconcile = reconcile,
};
