#include "control/job.h"

static const struct resource *pods_resource(struct run *run)
{
    return control_resource(run->control, JOB_PODS);
}

int job_untrack(struct run *run, const struct sealed *pod, struct status *st)
{
    struct arena *a = run->arena;
    if (!job_pod_tracked(pod))
        return 0;
    struct node *patch = node_map(a);
    struct node *list = node_list(a);
    node_append(a, list, node_text(a, STR(JOB_FINALIZER)));
    node_set(a, node_need_map(a, patch, "metadata"), STR("$deleteFromPrimitiveList/finalizers"),
             list);
    if (run_patch(run, pods_resource(run), object_namespace(pod), object_name(pod), NULL,
                  "application/strategic-merge-patch+json", patch, NULL, st) == 0 ||
        st->reason == REASON_NOT_FOUND)
        return 0;
    return -1;
}

int job_delete_active(struct job_run *j, struct status *st)
{
    for (size_t i = 0; i < j->active.count; i++) {
        const struct sealed *pod = j->active.items[i];
        if (run_delete_pod(j->run, pods_resource(j->run), j->object, pod, st) < 0)
            return -1;
        j->active_count--;
        j->terminating++;
        j->ready -= pod_ready(pod);
    }
    return 0;
}

/* Deletes pods that the Job needs no more: they don't count, so their finalizer goes first. */
static int delete_pods(struct job_run *j, struct objects pods, struct status *st)
{
    for (size_t i = 0; i < pods.count; i++) {
        const struct sealed *pod = pods.items[i];
        if (job_untrack(j->run, pod, st) < 0 ||
            run_delete_pod(j->run, pods_resource(j->run), j->object, pod, st) < 0)
            return -1;
        j->active_count--;
        j->terminating++;
        j->ready -= pod_ready(pod);
    }
    return 0;
}

static int compare_index(const struct sealed *x, const struct sealed *y)
{
    int64_t a = job_pod_index(x), b = job_pod_index(y);
    return a < b ? -1 : a > b ? 1 : -pod_compare_worth(x, y);
}

/* Pods to be removed: those without use (a second one of an index, an index beyond the Job), then
 * as many others as needed. */
static struct objects choose_removals(struct job_run *j, int64_t at_least)
{
    struct arena *a = j->run->arena;
    struct objects removed = {0}, left = {0};
    if (j->indexed) {
        objects_sort(&j->active, compare_index);
        int64_t last = -1;
        for (size_t i = 0; i < j->active.count; i++) {
            int64_t index = job_pod_index(j->active.items[i]);
            bool useless = index < 0 || index >= j->completions || index == last;
            objects_add(a, useless ? &removed : &left, j->active.items[i]);
            last = index;
        }
    } else {
        for (size_t i = 0; i < j->active.count; i++)
            objects_add(a, &left, j->active.items[i]);
    }
    if ((int64_t)removed.count < at_least) {
        objects_sort(&left, pod_compare_worth);
        for (size_t i = 0; i < left.count && (int64_t)removed.count < at_least; i++)
            objects_add(a, &removed, left.items[i]);
    }
    return removed;
}

static uint64_t backoff_left_ms(int64_t failures, int64_t last_failure_us, int64_t now_us)
{
    if (failures <= 0)
        return 0;
    uint64_t backoff = JOB_BACKOFF_MS;
    for (int64_t i = 1; i < failures && backoff < JOB_BACKOFF_MAX_MS; i++)
        backoff *= 2;
    backoff = MIN(backoff, (uint64_t)JOB_BACKOFF_MAX_MS);
    int64_t passed_ms = (now_us - last_failure_us) / 1000;
    return passed_ms < 0                    ? backoff
           : (uint64_t)passed_ms >= backoff ? 0
                                            : backoff - (uint64_t)passed_ms;
}

/* Indexes */

static const struct sealed *delayed_pod(const struct job_run *j, int64_t index)
{
    for (size_t i = 0; i < j->delayed.count; i++)
        if (job_pod_index(j->delayed.items[i]) == index)
            return j->delayed.items[i];
    return NULL;
}

static struct intervals busy_indexes(struct job_run *j)
{
    struct arena *a = j->run->arena;
    struct intervals busy = intervals_merge(a, j->succeeded_indexes, j->failed_indexes);
    for (size_t i = 0; i < j->pods.count; i++) {
        const struct sealed *pod = j->pods.items[i];
        bool terminating = object_deleting(pod) && !pod_finished(pod);
        if ((pod_active(pod) || (j->only_failed && terminating)) && job_pod_index(pod) >= 0)
            busy = intervals_add(a, busy, job_pod_index(pod));
    }
    return busy;
}

/* The first indexes that nobody works on, without those whose back-off isn't over: they keep their
 * turn, later ones don't go before them. */
static size_t choose_indexes(struct job_run *j, int64_t want, int64_t *indexes)
{
    struct intervals busy = busy_indexes(j);
    uint64_t soonest = 0;
    size_t count = 0;
    for (int64_t i = 0; i < j->completions && want > 0; i++) {
        if (intervals_has(busy, i))
            continue;
        want--;
        const struct sealed *failed = j->per_index ? delayed_pod(j, i) : NULL;
        uint64_t wait_ms = failed ? backoff_left_ms(job_pod_failures(failed, true) + 1,
                                                    job_pod_finished_us(failed), j->run->now_us)
                                  : 0;
        if (wait_ms == 0)
            indexes[count++] = i;
        else if (!soonest || wait_ms < soonest)
            soonest = wait_ms;
    }
    if (count == 0 && soonest)
        run_again(j->run, soonest);
    return count;
}

static void add_index_variable(struct arena *a, struct node *containers)
{
    node_each(container, containers)
    {
        struct node *env = node_need_list(a, container, "env");
        if (node_find(env, "name", STR("JOB_COMPLETION_INDEX")))
            continue;
        struct node *variable = node_map(a);
        node_put_str(a, variable, "name", STR("JOB_COMPLETION_INDEX"));
        node_put_str(a, variable, "valueFrom.fieldRef.fieldPath",
                     STR("metadata.labels['" JOB_INDEX "']"));
        node_append(a, env, variable);
    }
}

static void count_index_failures(struct job_run *j, struct node *annotations, int64_t index)
{
    struct arena *a = j->run->arena;
    const struct sealed *failed = delayed_pod(j, index);
    int64_t failures = 0, ignored = 0;
    if (failed) {
        bool ignore = job_judge(a, j->root, failed, NULL) == JOB_IGNORE;
        failures = job_pod_failures(failed, false) + !ignore;
        ignored = job_pod_failures(failed, true) - job_pod_failures(failed, false) + ignore;
    }
    node_set(a, annotations, STR(JOB_INDEX_FAILURES),
             node_text_printf(a, "%lld", (long long)failures));
    if (ignored > 0)
        node_set(a, annotations, STR(JOB_INDEX_IGNORED),
                 node_text_printf(a, "%lld", (long long)ignored));
}

static void give_index(struct job_run *j, struct node *pod, int64_t index)
{
    struct arena *a = j->run->arena;
    struct str name = object_name(j->object);
    struct node *annotations = node_need_map(a, pod, "metadata.annotations");
    struct node *labels = node_need_map(a, pod, "metadata.labels");
    node_set(a, annotations, STR(JOB_INDEX), node_text_printf(a, "%lld", (long long)index));
    node_set(a, labels, STR(JOB_INDEX), node_text_printf(a, "%lld", (long long)index));
    node_put(a, pod, "spec.hostname",
             node_text_printf(a, "%.*s-%lld", STR_ARG(name), (long long)index));
    struct str suffix = arena_printf(a, "-%lld-", (long long)index);
    struct str prefix = str_slice(name, 0, MIN(name.len, 58 - suffix.len));
    node_put(a, pod, "metadata.generateName",
             node_text_printf(a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(suffix)));
    if (j->per_index)
        count_index_failures(j, annotations, index);
}

static struct node *pod_of(struct job_run *j)
{
    struct arena *a = j->run->arena;
    struct node *pod = pod_from_template(a, value_at(j->root, "spec.template"), j->object);
    struct node *finalizers = node_need_list(a, pod, "metadata.finalizers");
    bool there = false;
    node_each(f, finalizers) there |= str_is(node_str(f, ""), JOB_FINALIZER);
    if (!there)
        node_append(a, finalizers, node_text(a, STR(JOB_FINALIZER)));
    node_put_str(a, pod, "metadata.generateName", pod_name_prefix(a, object_name(j->object)));
    if (j->indexed) {
        add_index_variable(a, node_at(pod, "spec.containers"));
        add_index_variable(a, node_at(pod, "spec.initContainers"));
    }
    return pod;
}

static int create_pods(struct job_run *j, int64_t count, struct status *st)
{
    struct arena *a = j->run->arena;
    uint64_t wait_ms = j->per_index ? 0
                                    : backoff_left_ms(j->backoff.failures,
                                                      j->backoff.last_failure_us, j->run->now_us);
    if (wait_ms) {
        run_again(j->run, wait_ms);
        return 0;
    }
    if (count > JOB_BURST)
        run_again(j->run, 0);
    count = MIN(count, JOB_BURST);
    int64_t *indexes = arena_array(a, int64_t, count);
    if (j->indexed)
        count = (int64_t)choose_indexes(j, count, indexes);
    struct node *template = pod_of(j);
    for (int64_t i = 0; i < count; i++) {
        struct node *pod = j->indexed ? node_copy(a, template) : template;
        if (j->indexed)
            give_index(j, pod, indexes[i]);
        if (run_create_pod(j->run, pods_resource(j->run), j->object, pod, st) < 0)
            return -1;
        j->active_count++;
    }
    return 0;
}

int job_manage(struct job_run *j, struct status *st)
{
    int64_t active = (int64_t)j->active.count;
    if (job_suspended(j))
        return delete_pods(j, choose_removals(j, active), st);
    int64_t wanted = j->parallelism;
    if (j->completions < 0)
        wanted = j->succeeded > 0 ? active : j->parallelism;
    else
        wanted = MAX(MIN(j->completions - j->succeeded, j->parallelism), 0);
    struct objects removals = choose_removals(j, MAX(active - wanted, 0));
    if (removals.count > 0) {
        removals.count = MIN(removals.count, (size_t)JOB_BURST);
        return delete_pods(j, removals, st);
    }
    int64_t missing = wanted - active - (j->only_failed ? j->terminating : 0);
    return missing > 0 ? create_pods(j, missing, st) : 0;
}
