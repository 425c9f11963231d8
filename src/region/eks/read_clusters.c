/* DescribeCluster, ListClusters, DescribeClusterVersions. */
#include "region/eks/cluster.h"

static int run_describe(struct aws_call *call)
{
    struct node *object = eks_cluster(call, aws_text(call, "name"));
    if (!object)
        return -1;
    node_set(call->arena, call->output, STR("cluster"), eks_cluster_shape(call->arena, object));
    return 0;
}

static int run_list(struct aws_call *call)
{
    struct node *names = state_names(call->region->state, call->arena, STATE_CLUSTER, STR_NONE);
    return aws_page(call, "clusters", names, 100);
}

static int run_versions(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct node *v = node_map(a);
    node_put_str(a, v, "clusterVersion", STR(EKS_VERSION));
    node_put_str(a, v, "clusterType", STR("eks"));
    node_put_str(a, v, "defaultPlatformVersion", STR(EKS_PLATFORM_VERSION));
    node_put_bool(a, v, "defaultVersion", true);
    node_put_str(a, v, "kubernetesPatchVersion", STR("1.36.3"));
    node_put_str(a, v, "status", STR("standard-support"));
    node_put_str(a, v, "versionStatus", STR("STANDARD_SUPPORT"));
    node_append(a, node_need_list(a, call->output, "clusterVersions"), v);
    return 0;
}

REGISTER(aws_operation, describe_cluster)
= {.service = "eks", .name = "DescribeCluster", .run = run_describe};
REGISTER(aws_operation, list_clusters)
= {.service = "eks", .name = "ListClusters", .run = run_list};
REGISTER(aws_operation, describe_cluster_versions)
= {.service = "eks", .name = "DescribeClusterVersions", .run = run_versions};
