/* What one cluster may have of the machine: defaults, and what its tags say instead.
 *
 *     kaname.dev/memory         what its process may allocate: "4Gi"
 *     kaname.dev/storage-quota  its store: "8Gi"
 *
 * Amounts are Kubernetes' quantities. Tags are the EKS API's way to say things of a cluster that it
 * has no parameter for, and every client of it can set them. */
#ifndef REGION_CLUSTER_SHARE_H
#define REGION_CLUSTER_SHARE_H

#include "object/tree.h"
#include "sys/share.h"

struct cluster_share {
    uint64_t memory_bytes; /* 0: as the machine allows */
    uint64_t quota_bytes;
};
/* Of a cluster's object. False when a tag says no amount, or less than a control plane needs: it
 * doesn't count then. */
bool cluster_share_of(const struct node *cluster, struct cluster_share *ret);
/* Limits of the process on this machine; says in the share what memory it has. */
struct share_limits cluster_share_limits(struct cluster_share *share);

#endif
