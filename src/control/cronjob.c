/* CronJobs: Jobs by the clock. Source: pkg/controller/cronjob. */
#include "control/cron.h"
#include "control/object.h"
#include "object/scalar.h"
#include "object/seal.h"

enum {
    CRON_JOBS,
    JOBS
};
enum {
    MISSED_MANY = 100, /* missed times that are worth an event; upstream 100 */
    DELTA_MS =
        100, /* after the scheduled time, so that clocks agree that it has come; upstream 100 ms */
};

struct cron_run {
    struct run *run;
    const struct sealed *object;
    struct value root;
    struct node *status; /* as it will be written; arena */
    struct node *active; /* list in status */
    struct objects jobs;
    struct cron cron;
    const struct timezone *zone;
    int64_t now_s;
};

static bool job_finished(const struct sealed *job, const char **ret_condition)
{
    static const char *const types[] = {"Complete", "Failed"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (condition_is(job, types[i], "True")) {
            *ret_condition = types[i];
            return true;
        }
    return false;
}

static struct node *active_reference(struct cron_run *c, struct str uid)
{
    return node_find(c->active, "uid", uid);
}

static void remove_active(struct cron_run *c, struct str uid)
{
    for (size_t i = 0; i < node_count(c->active); i++)
        if (str_equal(node_str(node_item(c->active, i), "uid"), uid)) {
            node_list_remove(c->active, i);
            return;
        }
}

/* Jobs. */

static void note_success(struct cron_run *c, const struct sealed *job)
{
    int64_t done = value_time_us(sealed_root(job), "status.completionTime"), known = 0;
    if (time_parse(node_str(c->status, "lastSuccessfulTime"), &known) < 0)
        known = 0;
    if (done > known)
        node_put_str(c->run->arena, c->status, "lastSuccessfulTime",
                     time_format(c->run->arena, done));
}

static void look_at_jobs(struct cron_run *c)
{
    for (size_t i = 0; i < c->jobs.count; i++) {
        const struct sealed *job = c->jobs.items[i];
        const char *condition;
        bool listed = active_reference(c, object_uid(job)) != NULL;
        if (!job_finished(job, &condition)) {
            if (!listed)
                run_event(c->run, c->object, "Warning", "UnexpectedJob",
                          "Saw a job that the controller did not create or forgot: %.*s",
                          STR_ARG(object_name(job)));
            continue;
        }
        if (listed) {
            remove_active(c, object_uid(job));
            run_event(c->run, c->object, "Normal", "SawCompletedJob",
                      "Saw completed job: %.*s, condition: %s", STR_ARG(object_name(job)),
                      condition);
        }
        if (condition[0] == 'C')
            note_success(c, job);
    }
    for (size_t i = node_count(c->active); i-- > 0;) {
        struct node *reference = node_item(c->active, i);
        const struct sealed *job = run_get(c->run, JOBS, c->run->ns, node_str(reference, "name"));
        if (job && str_equal(object_uid(job), node_str(reference, "uid")))
            continue;
        run_event(c->run, c->object, "Normal", "MissingJob", "Active job went missing: %.*s",
                  STR_ARG(node_str(reference, "name")));
        node_list_remove(c->active, i);
    }
}

static int delete_job(struct cron_run *c, struct str name, struct str uid, struct status *st)
{
    const struct resource *jobs = control_resource(c->run->control, JOBS);
    if (run_delete(c->run, jobs, c->run->ns, name, uid, "Background", st) < 0) {
        run_event(c->run, c->object, "Warning", "FailedDelete", "Deleted job: %.*s",
                  STR_ARG(st->message));
        return -1;
    }
    remove_active(c, uid);
    run_event(c->run, c->object, "Normal", "SuccessfulDelete", "Deleted job %.*s", STR_ARG(name));
    return 0;
}

static int compare_start(const struct sealed *x, const struct sealed *y)
{
    int64_t a = value_time_us(sealed_root(x), "status.startTime");
    int64_t b = value_time_us(sealed_root(y), "status.startTime");
    if (!a != !b)
        return a ? -1 : 1;
    if (a != b)
        return a < b ? -1 : 1;
    return str_compare(object_name(x), object_name(y));
}

static int trim_history(struct cron_run *c, const char *condition, const char *limit_path,
                        struct status *st)
{
    struct objects finished = {0};
    int64_t limit = value_int(c->root, limit_path, INT32_MAX);
    for (size_t i = 0; i < c->jobs.count; i++)
        if (condition_is(c->jobs.items[i], condition, "True") && !object_deleting(c->jobs.items[i]))
            objects_add(c->run->arena, &finished, c->jobs.items[i]);
    objects_sort(&finished, compare_start);
    for (size_t i = 0; (int64_t)i < (int64_t)finished.count - limit; i++)
        if (delete_job(c, object_name(finished.items[i]), object_uid(finished.items[i]), st) < 0)
            return -1;
    return 0;
}

/* Time. */

/* The last scheduled moment that has come and was not acted upon; 0: none. *ret_many: too many were
 * missed. */
static int64_t due_time(struct cron_run *c, bool with_deadline, int64_t *ret_earliest,
                        bool *ret_missed, bool *ret_many)
{
    int64_t earliest = object_created_us(c->object) / 1000000, last_us;
    if (time_parse(node_str(c->status, "lastScheduleTime"), &last_us) == 0)
        earliest = last_us / 1000000;
    int64_t deadline_s = value_int(c->root, "spec.startingDeadlineSeconds", -1);
    if (with_deadline && deadline_s >= 0)
        earliest = MAX(earliest, c->now_s - deadline_s);
    *ret_earliest = earliest;
    *ret_missed = *ret_many = false;
    int64_t first = cron_next(&c->cron, c->zone, earliest);
    if (first == INT64_MAX || c->now_s < first)
        return 0;
    int64_t second = cron_next(&c->cron, c->zone, first);
    if (second == INT64_MAX || c->now_s < second)
        return first;
    /* Many may have passed: start near the end, as far as the distance of the first two tells. */
    int64_t distance = second - first;
    int64_t missed = (c->now_s - first) / distance + 1;
    int64_t recent = 0;
    for (int64_t t = cron_next(&c->cron, c->zone, first + (missed - 2) * distance); t <= c->now_s;
         t = cron_next(&c->cron, c->zone, t))
        recent = t;
    *ret_missed = true;
    *ret_many = missed > MISSED_MANY;
    return recent;
}

static void run_at_next_time(struct cron_run *c)
{
    int64_t earliest;
    bool missed, many;
    int64_t recent = due_time(c, false, &earliest, &missed, &many);
    int64_t from = recent ? recent : missed ? c->now_s : earliest;
    int64_t next = cron_next(&c->cron, c->zone, from);
    if (next == INT64_MAX)
        return;
    int64_t wait_us = next * 1000000 - c->run->now_us;
    run_again(c->run, (uint64_t)MAX(wait_us / 1000, 0) + DELTA_MS);
}

/* RFC 3339 in the CronJob's zone. */
static struct str local_time(struct cron_run *c, int64_t at)
{
    int32_t offset = timezone_offset(c->zone, at);
    struct civil t = civil_of(at + offset);
    struct arena *a = c->run->arena;
    struct str clock = arena_printf(a, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)t.year,
                                    t.month, t.day, t.hour, t.minute, t.second);
    if (offset == 0)
        return arena_printf(a, "%.*sZ", STR_ARG(clock));
    int32_t minutes = (offset < 0 ? -offset : offset) / 60;
    return arena_printf(a, "%.*s%c%02d:%02d", STR_ARG(clock), offset < 0 ? '-' : '+', minutes / 60,
                        minutes % 60);
}

/* The next Job. */

static struct node *job_of(struct cron_run *c, struct str name, int64_t scheduled)
{
    struct arena *a = c->run->arena;
    struct value template = value_at(c->root, "spec.jobTemplate");
    struct node *job = node_map(a);
    node_put_str(a, job, "apiVersion", STR("batch/v1"));
    node_put_str(a, job, "kind", STR("Job"));
    node_put_str(a, job, "metadata.name", name);
    node_put_str(a, job, "metadata.namespace", c->run->ns);
    struct value labels = value_at(template, "metadata.labels");
    struct value annotations = value_at(template, "metadata.annotations");
    if (value_present(labels))
        node_put(a, job, "metadata.labels", value_to_node(a, labels));
    if (value_present(annotations))
        node_put(a, job, "metadata.annotations", value_to_node(a, annotations));
    node_set(a, node_need_map(a, job, "metadata.annotations"),
             STR("batch.kubernetes.io/cronjob-scheduled-timestamp"),
             node_text(a, local_time(c, scheduled)));
    node_append(a, node_need_list(a, job, "metadata.ownerReferences"),
                owner_reference(a, c->object));
    node_put(a, job, "spec", value_to_node(a, value_at(template, "spec")));
    return job;
}

static void add_active(struct cron_run *c, const struct sealed *job)
{
    struct arena *a = c->run->arena;
    struct node *reference = node_map(a);
    node_put_str(a, reference, "kind", STR("Job"));
    node_put_str(a, reference, "namespace", c->run->ns);
    node_put_str(a, reference, "name", object_name(job));
    node_put_str(a, reference, "uid", object_uid(job));
    node_put_str(a, reference, "apiVersion", STR("batch/v1"));
    node_put(a, reference, "resourceVersion",
             node_text_printf(a, "%llu", (unsigned long long)sealed_revision(job)));
    node_append(a, c->active, reference);
}

static int create_job(struct cron_run *c, struct str name, int64_t scheduled, struct status *st)
{
    struct arena *a = c->run->arena;
    const struct sealed *job = NULL;
    if (run_create(c->run, control_resource(c->run->control, JOBS), c->run->ns,
                   job_of(c, name, scheduled), &job, st) < 0) {
        if (st->reason != REASON_ALREADY_EXISTS) {
            run_event(c->run, c->object, "Warning", "FailedCreate", "Error creating job: %.*s",
                      STR_ARG(st->message));
            return -1;
        }
        job = run_get(c->run, JOBS, c->run->ns, name);
        if (!job || !object_controlled_by(job, object_uid(c->object)))
            return 0;
    } else if (job) {
        run_event(c->run, c->object, "Normal", "SuccessfulCreate", "Created job %.*s",
                  STR_ARG(name));
    }
    if (job && !active_reference(c, object_uid(job)))
        add_active(c, job);
    node_put_str(a, c->status, "lastScheduleTime", time_format(a, scheduled * 1000000));
    return 0;
}

static int replace_active(struct cron_run *c, struct status *st)
{
    while (node_count(c->active) > 0) {
        struct node *reference = node_item(c->active, 0);
        if (delete_job(c, node_str(reference, "name"), node_str(reference, "uid"), st) < 0)
            return -1;
    }
    return 0;
}

static bool too_late(const struct cron_run *c, int64_t scheduled)
{
    int64_t deadline_s = value_int(c->root, "spec.startingDeadlineSeconds", -1);
    return deadline_s >= 0 && scheduled + deadline_s < c->now_s;
}

static int start_due_job(struct cron_run *c, struct status *st)
{
    int64_t earliest, last_us = 0;
    bool missed, many;
    int64_t scheduled = due_time(c, true, &earliest, &missed, &many);
    if (!scheduled)
        return 0;
    if (many)
        run_event(c->run, c->object, "Warning", "TooManyMissedTimes",
                  "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or "
                  "check clock skew");
    if (too_late(c, scheduled)) {
        run_event(c->run, c->object, "Warning", "MissSchedule",
                  "Missed scheduled time to start a job: %.*s",
                  STR_ARG(time_format(c->run->arena, scheduled * 1000000)));
        return 0;
    }
    struct str name = arena_printf(c->run->arena, "%.*s-%lld", STR_ARG(c->run->name),
                                   (long long)(scheduled / 60));
    bool known = time_parse(node_str(c->status, "lastScheduleTime"), &last_us) == 0;
    if (node_find(c->active, "name", name) || (known && last_us / 1000000 == scheduled))
        return 0;
    struct str policy = value_str(c->root, "spec.concurrencyPolicy");
    if (str_is(policy, "Forbid") && node_count(c->active) > 0) {
        run_event(c->run, c->object, "Normal", "JobAlreadyActive",
                  "Not starting job because prior execution is running and concurrency policy is "
                  "Forbid");
        return 0;
    }
    if (str_is(policy, "Replace") && replace_active(c, st) < 0)
        return -1;
    return create_job(c, name, scheduled, st);
}

static int keep_schedule(struct cron_run *c, struct status *st)
{
    struct arena *a = c->run->arena;
    struct str zone = value_str(c->root, "spec.timeZone");
    struct str schedule = value_str(c->root, "spec.schedule"), error;
    c->zone = timezone_load(a, zone);
    if (!c->zone) {
        run_event(c->run, c->object, "Warning", "UnknownTimeZone",
                  "invalid timeZone: \"%.*s\": unknown time zone %.*s", STR_ARG(zone),
                  STR_ARG(zone));
        return 0;
    }
    if (value_bool(c->root, "spec.suspend", false))
        return 0;
    if (cron_parse(a, schedule, &c->cron, &error) < 0) {
        run_event(c->run, c->object, "Warning", "UnparseableSchedule",
                  "unparseable schedule: \"%.*s\" : %.*s", STR_ARG(schedule), STR_ARG(error));
        return 0;
    }
    if (start_due_job(c, st) < 0)
        return -1;
    run_at_next_time(c);
    return 0;
}

static int reconcile(struct run *run, struct status *st)
{
    struct arena *a = run->arena;
    const struct sealed *object = run_get(run, CRON_JOBS, run->ns, run->name);
    if (!object)
        return 0;
    struct cron_run c = {
        .run = run, .object = object, .root = sealed_root(object), .now_s = run->now_us / 1000000};
    struct value status = value_at(c.root, "status");
    c.status = value_present(status) ? value_to_node(a, status) : node_map(a);
    c.active = node_need_list(a, c.status, "active");
    struct objects owned = run_list_owned(run, JOBS, object_uid(object));
    for (size_t i = 0; i < owned.count; i++)
        if (object_controlled_by(owned.items[i], object_uid(object)))
            objects_add(a, &c.jobs, owned.items[i]);
    struct status failure;
    status_init(&failure, a);
    look_at_jobs(&c);
    if (!object_deleting(object) && keep_schedule(&c, &failure) == 0 &&
        trim_history(&c, "Complete", "spec.successfulJobsHistoryLimit", &failure) == 0)
        (void)!trim_history(&c, "Failed", "spec.failedJobsHistoryLimit", &failure);
    if (run_put_status(run, control_resource(run->control, CRON_JOBS), object, c.status, NULL, st) <
        0)
        return -1;
    if (failure.code)
        return status_set(st, failure.reason, "%.*s", STR_ARG(failure.message));
    return 0;
}

static void map_job(struct control *c, const struct sealed *now, const struct sealed *old)
{
    control_enqueue_owner(c, "CronJob", now, old);
}

static const struct control_watch watches[] = {
    [CRON_JOBS] = {"batch", "v1", "cronjobs"},
    [JOBS] = {"batch", "v1", "jobs", map_job},
    {0},
};

REGISTER(controller, cronjob)
= {
    .name = "cronjob-controller",
    .account = "cronjob-controller",
    .watches = watches,
    .reconcile = reconcile,
};
