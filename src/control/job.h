/* Jobs: the state of one run, shared by its files. job.c: the flow and the status; job_pods.c:
 * which pods to make and delete; job_policy.c: what failures and successes mean. Source:
 * pkg/controller/job. */
#ifndef CONTROL_JOB_H
#define CONTROL_JOB_H

#include "control/interval.h"
#include "control/object.h"

enum {
    JOBS,
    JOB_PODS
};

#define JOB_FINALIZER      "batch.kubernetes.io/job-tracking"
#define JOB_INDEX          "batch.kubernetes.io/job-completion-index"
#define JOB_INDEX_FAILURES "batch.kubernetes.io/job-index-failure-count"
#define JOB_INDEX_IGNORED  "batch.kubernetes.io/job-index-ignored-failure-count"

enum {
    JOB_BURST = 500,             /* pods made or deleted in one run; upstream 500 */
    JOB_UNCOUNTED_MAX = 500,     /* uids in the status; upstream 500 */
    JOB_BACKOFF_MS = 10000,      /* after the first failure; upstream 10 s */
    JOB_BACKOFF_MAX_MS = 600000, /* upstream 10 min */
};

/* Failures since the last success of one Job. */
struct job_backoff {
    int64_t failures, last_failure_us;
};

struct job_state {
    struct map backoffs; /* uid -> struct job_backoff, owned */
};

/* How the Job will end: a condition's type, reason and message. type NULL: not yet. */
struct job_end {
    const char *type;
    struct str reason, message;
};

struct job_run {
    struct run *run;
    const struct sealed *object; /* arena; newest state */
    struct value root;           /* of the state that was read first */
    struct node *status;         /* as it will be written; arena */
    struct objects pods, active;
    int64_t active_count, ready, terminating, succeeded, failed;
    int64_t completions; /* -1: none asked for */
    int64_t parallelism;
    bool indexed, per_index; /* per_index: backoffLimitPerIndex */
    bool only_failed;        /* terminating pods are not replaced before they are gone */
    struct intervals succeeded_before, succeeded_indexes, failed_indexes;
    struct objects delayed; /* failed pods that wait for their successor (per_index) */
    struct job_backoff backoff;
    struct job_end end;
};

/* What a pod failure policy says about a failed pod. */
enum job_verdict {
    JOB_COUNT,
    JOB_IGNORE,
    JOB_FAIL_INDEX,
    JOB_FAIL_JOB
};
enum job_verdict job_judge(struct arena *a, struct value job, const struct sealed *pod,
                           struct str *ret_message);
/* A success policy that is met: its message. */
bool job_success_policy(struct job_run *j, struct str *ret_message);
bool job_suspended(const struct job_run *j);
bool job_pod_failed(const struct job_run *j, const struct sealed *pod);
bool job_pod_tracked(const struct sealed *pod);                        /* has the finalizer */
int64_t job_pod_index(const struct sealed *pod);                       /* -1: none */
int64_t job_pod_failures(const struct sealed *pod, bool with_ignored); /* of its index, before it */
int64_t job_pod_finished_us(const struct sealed *pod);
/* The index is one of this Job's (or the Job has none). */
bool job_pod_valid(const struct job_run *j, const struct sealed *pod);

/* Makes or deletes pods as the Job asks; counts in j move along. */
int job_manage(struct job_run *j, struct status *st) must_use;
int job_delete_active(struct job_run *j, struct status *st) must_use;
int job_untrack(struct run *run, const struct sealed *pod, struct status *st) must_use;

#endif
