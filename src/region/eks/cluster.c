#include "region/eks/cluster.h"

struct node *eks_cluster(struct aws_call *call, struct str name)
{
    struct node *object = state_tree(call->region->state, call->arena, STATE_CLUSTER, name);
    if (!object) {
        aws_fail(call, "ResourceNotFoundException", "No cluster found for name: %.*s.",
                 STR_ARG(name));
        aws_error_member(call, "clusterName", name);
    }
    return object;
}

struct node *eks_active_cluster(struct aws_call *call, struct str name)
{
    struct node *object = eks_cluster(call, name);
    if (object && !str_is(node_str(object, "status.status"), "ACTIVE")) {
        aws_fail(call, "InvalidRequestException", "Cluster '%.*s' is not in ACTIVE status",
                 STR_ARG(name));
        aws_error_member(call, "clusterName", name);
        return NULL;
    }
    return object;
}

struct node *eks_cluster_shape(struct arena *a, const struct node *object)
{
    struct node *shape = node_copy(a, node_at(object, "spec"));
    node_del(shape, "internal");
    node_del(shape, "accessConfig.bootstrapClusterCreatorAdminPermissions");
    member_each(m, node_at(object, "status")) node_set(a, shape, m->name, node_copy(a, m->value));
    return shape;
}
