/* Keeping a number of equal pods: what ReplicaSets and ReplicationControllers share.
 * Source: pkg/controller/replicaset. */
#ifndef CONTROL_REPLICAS_H
#define CONTROL_REPLICAS_H

#include "control/object.h"

/* Places in the tables of watches of both controllers. */
enum {
    REPLICAS_OWNERS,
    REPLICAS_PODS
};

/* What tells the two kinds apart. */
struct replicas_kind {
    const char *kind;
    bool plain_selector; /* spec.selector is a map of labels, not a LabelSelector */
};
int replicas_reconcile(struct run *run, const struct replicas_kind *kind,
                       struct status *st) must_use;
/* A pod's change concerns its owner, or, without one, those who may adopt it. */
void replicas_map_pod(struct control *c, const struct replicas_kind *kind, const struct sealed *now,
                      const struct sealed *old);

#endif
