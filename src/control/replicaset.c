/* ReplicaSets: a number of equal pods. */
#include "control/replicas.h"

static const struct replicas_kind replica_sets = {.kind = "ReplicaSet"};

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    replicas_map_pod(c, &replica_sets, now, old);
}

static int reconcile(struct run *run, struct status *st)
{
    return replicas_reconcile(run, &replica_sets, st);
}

static const struct control_watch watches[] = {
    [REPLICAS_OWNERS] = {"apps", "v1", "replicasets"},
    [REPLICAS_PODS] = {"", "v1", "pods", map_pod},
    {0},
};

REGISTER(controller, replicaset)
= {
    .name = "replicaset-controller",
    .account = "replicaset-controller",
    .watches = watches,
    .reconcile = reconcile,
};
