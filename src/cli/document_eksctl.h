/* The tables of eksctl's ClusterConfig that its parts share: each is a struct document_field array
 * as document.h tells, ended by a NULL name. */
#ifndef CLI_DOCUMENT_EKSCTL_H
#define CLI_DOCUMENT_EKSCTL_H

#include "cli/document.h"

/* document_eksctl_access.c */
extern const struct document_field eksctl_access_policy_fields[];
extern const struct document_field eksctl_access_config_fields[];
extern const struct document_field eksctl_well_known_policies_fields[];
extern const struct document_field eksctl_pod_identity_association_fields[];
extern const struct document_field eksctl_cluster_iam_fields[];
extern const struct document_field eksctl_iam_identity_mapping_fields[];

/* document_eksctl_addons.c */
extern const struct document_field eksctl_addon_fields[];
extern const struct document_field eksctl_addons_config_fields[];
extern const struct document_field eksctl_capability_fields[];
extern const struct document_field eksctl_fargate_profile_fields[];
extern const struct document_field eksctl_git_ops_fields[];
extern const struct document_field eksctl_karpenter_fields[];

/* document_eksctl_nodes.c */
extern const struct document_field eksctl_placement_fields[];
extern const struct document_field eksctl_managed_node_group_fields[];
extern const struct document_field eksctl_node_group_fields[];

/* document_eksctl_network.c */
extern const struct document_field eksctl_kubernetes_network_config_fields[];
extern const struct document_field eksctl_outpost_fields[];
extern const struct document_field eksctl_private_cluster_fields[];
extern const struct document_field eksctl_remote_network_config_fields[];
extern const struct document_field eksctl_cluster_vpc_fields[];

#endif
