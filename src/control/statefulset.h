/* StatefulSets: the state of one run. statefulset.c: which pods when; statefulset_pod.c: a pod of a
 * number, and its claims. Source: pkg/controller/statefulset. */
#ifndef CONTROL_STATEFULSET_H
#define CONTROL_STATEFULSET_H

#include "control/revision.h"

enum {
    SETS,
    SET_PODS,
    SET_CLAIMS,
    SET_REVISIONS
};

#define REVISION_LABEL "controller-revision-hash"

struct set_run {
    struct run *run;
    const struct sealed *object; /* arena */
    struct value root;
    struct history history;
    const struct sealed *current; /* revision; arena */
    int64_t first, count;         /* ordinals: first .. first + count - 1 */
    int64_t min_ready_s;
    bool ordered;
    bool delete_with_set, delete_with_scale; /* claims: retention policy says Delete */
};

/* -1: not a pod of a set. */
int64_t set_pod_ordinal(const struct set_run *s, const struct sealed *pod);
struct str set_pod_revision(const struct sealed *pod);
/* Makes claims and pod of an ordinal; revision NULL counts as "wait" (nothing is done). */
int set_create_pod(struct set_run *s, int64_t ordinal, struct status *st) must_use;
int set_delete_pod(struct set_run *s, const struct sealed *pod, struct status *st) must_use;
/* Makes missing claims of an existing pod, and sets their owners as the retention policy says.
 * *ret_changed: some owners were others. */
int set_sync_claims(struct set_run *s, const struct sealed *pod, bool condemned, bool *ret_changed,
                    struct status *st) must_use;
/* Labels and claims of an existing pod are what they should be, or made so. */
int set_sync_pod(struct set_run *s, const struct sealed *pod, int64_t ordinal,
                 struct status *st) must_use;

#endif
