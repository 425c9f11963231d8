/* Clusters as the EKS API shows them. */
#ifndef REGION_EKS_CLUSTER_H
#define REGION_EKS_CLUSTER_H

#include "region/operation.h"

/* The cluster's object, or NULL after aws_fail with ResourceNotFoundException. */
struct node *eks_cluster(struct aws_call *call, struct str name);
/* The same, and ACTIVE; else InvalidRequestException. */
struct node *eks_active_cluster(struct aws_call *call, struct str name);
/* DescribeCluster's answer for an object. */
struct node *eks_cluster_shape(struct arena *a, const struct node *object);

/* The Kubernetes version that this build serves. */
#define EKS_VERSION          "1.36"
#define EKS_PLATFORM_VERSION "eks.1"

#endif
