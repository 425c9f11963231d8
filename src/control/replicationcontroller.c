/* ReplicationControllers: ReplicaSets of old, with a plain map as selector. */
#include "control/replicas.h"

static const struct replicas_kind replication_controllers = {.kind = "ReplicationController",
                                                             .plain_selector = true};

static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    replicas_map_pod(c, &replication_controllers, now, old);
}

static int reconcile(struct run *run, struct status *st)
{
    return replicas_reconcile(run, &replication_controllers, st);
}

static const struct control_watch watches[] = {
    [REPLICAS_OWNERS] = {"", "v1", "replicationcontrollers"},
    [REPLICAS_PODS] = {"", "v1", "pods", map_pod},
    {0},
};

REGISTER(controller, replicationcontroller)
= {
    .name = "replicationcontroller-controller",
    .account = "replication-controller",
    .watches = watches,
    .reconcile = reconcile,
};
