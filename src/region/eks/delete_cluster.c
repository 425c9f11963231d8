#include "region/eks/cluster.h"

static int run(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct str name = aws_text(call, "name");
    struct status st;
    struct node *object = eks_cluster(call, name);
    if (!object)
        return -1;
    aws_error_member(call, "clusterName", name);
    if (state_count(call->region->state, STATE_NODEGROUP, arena_printf(a, "%.*s:", STR_ARG(name))))
        return aws_fail(call, "ResourceInUseException", "Cluster has nodegroups attached");
    if (node_flag(object, "spec.deletionProtection", false))
        return aws_fail(call, "InvalidRequestException",
                        "Cluster %.*s has deletion protection enabled.", STR_ARG(name));
    node_put_str(a, object, "status.status", STR("DELETING"));
    status_init(&st, a);
    if (state_update(call->region->state, a, STATE_CLUSTER, object, &st))
        return aws_fail_status(call, &st);
    node_set(a, call->output, STR("cluster"), eks_cluster_shape(a, object));
    return 0;
}

REGISTER(aws_operation, delete_cluster)
= {.service = "eks", .name = "DeleteCluster", .run = run};
