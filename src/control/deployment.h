/* Deployments: the state of one run, shared by its three files.
 *
 * deployment.c finds the ReplicaSets and says what happened in the status; deployment_scale.c sets
 * their sizes. Source: pkg/controller/deployment. */
#ifndef CONTROL_DEPLOYMENT_H
#define CONTROL_DEPLOYMENT_H

#include "control/object.h"

enum {
    DEPLOYMENTS,
    REPLICA_SETS,
    DEPLOYMENT_PODS
};

#define ANNOTATION_REVISION "deployment.kubernetes.io/revision"
#define ANNOTATION_HISTORY  "deployment.kubernetes.io/revision-history"
#define ANNOTATION_DESIRED  "deployment.kubernetes.io/desired-replicas"
#define ANNOTATION_MAX      "deployment.kubernetes.io/max-replicas"

struct replica_set {
    const struct sealed *object; /* arena */
    int64_t wanted;              /* spec.replicas as written last */
    int64_t revision;
};

struct rollout {
    struct run *run;
    const struct sealed *object; /* the Deployment; arena */
    struct value root;           /* of it */
    struct node *tree;           /* of it, with the status and revision that will be written */
    struct node *conditions;     /* in tree */
    int64_t wanted, surge, unavailable;
    bool rolling;
    bool has_deadline;
    struct replica_set *sets; /* arena; oldest first */
    size_t count;
    struct replica_set *newest; /* the one of the Deployment's template; NULL: none */
};

static inline int64_t set_available(const struct replica_set *s)
{
    return object_int(s->object, "status.availableReplicas", 0);
}

/* Changes a ReplicaSet's size and the annotations about it. *ret_scaled (may be NULL): whether the
 * size changed. */
int rollout_scale_set(struct rollout *r, struct replica_set *set, int64_t wanted, bool force,
                      bool *ret_scaled, struct status *st) must_use;
/* Spreads the Deployment's new size over its ReplicaSets: at scaling and while paused. */
int rollout_spread(struct rollout *r, struct status *st) must_use;
/* One step of a rolling update; *ret_scaled: something was done. */
int rollout_roll(struct rollout *r, bool *ret_scaled, struct status *st) must_use;
/* How large the newest set may be now. */
int64_t rollout_newest_size(const struct rollout *r, int64_t its_size);
int64_t rollout_total_wanted(const struct rollout *r);
void rollout_annotate_sizes(struct rollout *r, struct node *set_tree);
/* A size that an annotation of a set tells; -1: none, or no size. */
int64_t rollout_size_noted(const struct replica_set *set, const char *annotation);
/* Sets a condition as the original does: nothing changes while status and reason are the same; what
 * changes becomes the last of the list. */
void rollout_condition(struct rollout *r, const char *type, const char *status, const char *reason,
                       struct str message);

#endif
