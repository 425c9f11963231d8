/* Finished Jobs go away after their time to live. Source: pkg/controller/ttlafterfinished. */
#include "control/object.h"

enum {
    JOBS
};

static int64_t finished_us(const struct sealed *job)
{
    static const char *const types[] = {"Complete", "Failed"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (condition_is(job, types[i], "True"))
            return value_time_us(condition_of(job, types[i]), "lastTransitionTime");
    return 0;
}

static bool concerns(const struct sealed *job)
{
    return job && !object_deleting(job) &&
           value_present(object_at(job, "spec.ttlSecondsAfterFinished")) && finished_us(job) > 0;
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *job = run_get(run, JOBS, run->ns, run->name);
    if (!concerns(job))
        return 0;
    int64_t due_us =
        finished_us(job) + object_int(job, "spec.ttlSecondsAfterFinished", 0) * 1000000;
    if (due_us > run->now_us) {
        run_again(run, (uint64_t)(due_us - run->now_us) / 1000 + 1);
        return 0;
    }
    return run_delete(run, control_resource(run->control, JOBS), run->ns, run->name,
                      object_uid(job), "Foreground", st);
}

static void map_job(struct control *c, const struct sealed *now,
                    const struct sealed *old maybe_unused)
{
    if (concerns(now))
        control_enqueue_object(c, now);
}

static const struct control_watch watches[] = {
    [JOBS] = {"batch", "v1", "jobs", map_job},
    {0},
};

REGISTER(controller, ttlafterfinished)
= {
    .name = "ttl-after-finished-controller",
    .account = "ttl-after-finished-controller",
    .watches = watches,
    .reconcile = reconcile,
};
