/* eksctl's ClusterConfig (eksctl.io/v1alpha5): every field that it has, and what becomes of it
 * here.
 *
 * Names, kinds and allowed values are those of eksctl's published JSON Schema. */
#include "cli/document.h"

static const struct document_field access_scope_fields[] = {
    {.name = "namespaces", .type = DOC_TEXTS, .support = DOC_USED, .to = "accessScope.namespaces"},
    {.name = "type", .type = DOC_TEXT, .support = DOC_USED, .to = "accessScope.type"},
    {NULL},
};

static const struct document_field access_policy_fields[] = {
    {.name = "accessScope", .type = DOC_OBJECT, .fields = access_scope_fields, .support = DOC_USED},
    {.name = "policyARN", .type = DOC_TEXT, .support = DOC_USED, .to = "policyArn"},
    {NULL},
};

static const struct document_field access_entry_fields[] = {
    {.name = "accessPolicies",
     .type = DOC_OBJECTS,
     .fields = access_policy_fields,
     .support = DOC_USED},
    {.name = "kubernetesGroups", .type = DOC_TEXTS, .support = DOC_USED, .to = "kubernetesGroups"},
    {.name = "kubernetesUsername", .type = DOC_TEXT, .support = DOC_USED, .to = "username"},
    {.name = "principalARN", .type = DOC_TEXT, .support = DOC_USED, .to = "principalArn"},
    {.name = "type", .type = DOC_TEXT, .support = DOC_USED, .to = "type"},
    {NULL},
};

static const struct document_field access_config_fields[] = {
    {.name = "accessEntries",
     .type = DOC_OBJECTS,
     .support = DOC_USED,
     .fields = access_entry_fields},
    {.name = "authenticationMode",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "accessConfig.authenticationMode",
     .initial = "\"API_AND_CONFIG_MAP\""},
    {.name = "bootstrapClusterCreatorAdminPermissions",
     .type = DOC_FLAG,
     .support = DOC_USED,
     .to = "accessConfig.bootstrapClusterCreatorAdminPermissions"},
    {NULL},
};

static const struct document_field addon_namespace_config_fields[] = {
    {.name = "namespace", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field well_known_policies_fields[] = {
    {.name = "autoScaler", .type = DOC_FLAG},
    {.name = "awsLoadBalancerController", .type = DOC_FLAG},
    {.name = "certManager", .type = DOC_FLAG},
    {.name = "ebsCSIController", .type = DOC_FLAG},
    {.name = "efsCSIController", .type = DOC_FLAG},
    {.name = "externalDNS", .type = DOC_FLAG},
    {.name = "imageBuilder", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field pod_identity_association_fields[] = {
    {.name = "createServiceAccount", .type = DOC_FLAG},
    {.name = "disableSessionTags", .type = DOC_FLAG},
    {.name = "namespace", .type = DOC_TEXT},
    {.name = "permissionPolicy", .type = DOC_ANY},
    {.name = "permissionPolicyARNs", .type = DOC_TEXTS},
    {.name = "permissionPolicyName", .type = DOC_TEXT},
    {.name = "permissionsBoundaryARN", .type = DOC_TEXT},
    {.name = "policy", .type = DOC_TEXT},
    {.name = "roleARN", .type = DOC_TEXT},
    {.name = "roleName", .type = DOC_TEXT},
    {.name = "serviceAccountName", .type = DOC_TEXT},
    {.name = "tags", .type = DOC_TEXT_MAP},
    {.name = "targetRoleARN", .type = DOC_TEXT},
    {.name = "wellKnownPolicies",
     .type = DOC_OBJECT,
     .fields = well_known_policies_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field addon_fields[] = {
    {.name = "attachPolicy", .type = DOC_ANY},
    {.name = "attachPolicyARNs", .type = DOC_TEXTS},
    {.name = "configurationValues", .type = DOC_TEXT},
    {.name = "name", .type = DOC_TEXT},
    {.name = "namespaceConfig",
     .type = DOC_OBJECT,
     .fields = addon_namespace_config_fields,
     .support = DOC_USED},
    {.name = "owners", .type = DOC_TEXTS},
    {.name = "permissionsBoundary", .type = DOC_TEXT},
    {.name = "podIdentityAssociations",
     .type = DOC_OBJECTS,
     .fields = pod_identity_association_fields,
     .support = DOC_USED},
    {.name = "publishers", .type = DOC_TEXTS},
    {.name = "resolveConflicts", .type = DOC_TEXT},
    {.name = "serviceAccountRoleARN", .type = DOC_TEXT},
    {.name = "tags", .type = DOC_TEXT_MAP},
    {.name = "types", .type = DOC_TEXTS},
    {.name = "useDefaultPodIdentityAssociations", .type = DOC_FLAG},
    {.name = "version", .type = DOC_TEXT},
    {.name = "wellKnownPolicies",
     .type = DOC_OBJECT,
     .fields = well_known_policies_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field addons_config_fields[] = {
    {.name = "autoApplyPodIdentityAssociations", .type = DOC_FLAG},
    {.name = "disableDefaultAddons", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field auto_mode_config_fields[] = {
    {.name = "enabled", .type = DOC_FLAG},
    {.name = "nodePools", .type = DOC_TEXTS},
    {.name = "nodeRoleARN", .type = DOC_TEXT},
    {.name = "permissionsBoundaryARN", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field argocdawsidc_fields[] = {
    {.name = "idcInstanceArn", .type = DOC_TEXT},
    {.name = "idcRegion", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field argocd_network_access_fields[] = {
    {.name = "vpceIds", .type = DOC_TEXTS},
    {NULL},
};

static const struct document_field sso_identity_fields[] = {
    {.name = "id", .type = DOC_TEXT},
    {.name = "type", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field argocd_role_mapping_fields[] = {
    {.name = "identities", .type = DOC_OBJECTS, .fields = sso_identity_fields, .support = DOC_USED},
    {.name = "role", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field argocd_configuration_fields[] = {
    {.name = "awsIdc", .type = DOC_OBJECT, .fields = argocdawsidc_fields, .support = DOC_USED},
    {.name = "namespace", .type = DOC_TEXT},
    {.name = "networkAccess",
     .type = DOC_OBJECT,
     .fields = argocd_network_access_fields,
     .support = DOC_USED},
    {.name = "rbacRoleMappings",
     .type = DOC_OBJECTS,
     .fields = argocd_role_mapping_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field capability_configuration_fields[] = {
    {.name = "argocd",
     .type = DOC_OBJECT,
     .fields = argocd_configuration_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field capability_fields[] = {
    {.name = "accessPolicies",
     .type = DOC_OBJECTS,
     .fields = access_policy_fields,
     .support = DOC_USED},
    {.name = "attachPolicy", .type = DOC_ANY},
    {.name = "attachPolicyARNs", .type = DOC_TEXTS},
    {.name = "configuration",
     .type = DOC_OBJECT,
     .fields = capability_configuration_fields,
     .support = DOC_USED},
    {.name = "deletePropagationPolicy", .type = DOC_TEXT},
    {.name = "name", .type = DOC_TEXT},
    {.name = "permissionsBoundary", .type = DOC_TEXT},
    {.name = "roleArn", .type = DOC_TEXT},
    {.name = "tags", .type = DOC_TEXT_MAP},
    {.name = "type", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field cluster_cloud_watch_logging_fields[] = {
    {.name = "enableTypes",
     .type = DOC_TEXTS,
     .support = DOC_USED,
     .to = "logging",
     .convert = document_logging},
    {.name = "logRetentionInDays", .type = DOC_NUMBER},
    {NULL},
};

static const struct document_field cluster_cloud_watch_fields[] = {
    {.name = "clusterLogging",
     .type = DOC_OBJECT,
     .fields = cluster_cloud_watch_logging_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field control_plane_scaling_config_fields[] = {
    {.name = "tier", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field fargate_profile_selector_fields[] = {
    {.name = "labels", .type = DOC_TEXT_MAP},
    {.name = "namespace", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field fargate_profile_fields[] = {
    {.name = "name", .type = DOC_TEXT},
    {.name = "podExecutionRoleARN", .type = DOC_TEXT},
    {.name = "selectors",
     .type = DOC_OBJECTS,
     .fields = fargate_profile_selector_fields,
     .support = DOC_USED},
    {.name = "status", .type = DOC_TEXT},
    {.name = "subnets", .type = DOC_TEXTS},
    {.name = "tags", .type = DOC_TEXT_MAP},
    {NULL},
};

static const struct document_field flux_fields[] = {
    {.name = "flags", .type = DOC_TEXT_MAP},
    {.name = "gitProvider", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field git_ops_fields[] = {
    {.name = "flux", .type = DOC_OBJECT, .fields = flux_fields, .support = DOC_USED},
    {NULL},
};

static const struct document_field clusteriam_meta_fields[] = {
    {.name = "annotations", .type = DOC_TEXT_MAP},
    {.name = "labels", .type = DOC_TEXT_MAP},
    {.name = "name", .type = DOC_TEXT},
    {.name = "namespace", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field clusteriam_service_account_status_fields[] = {
    {.name = "capabilities", .type = DOC_TEXTS},
    {.name = "roleARN", .type = DOC_TEXT},
    {.name = "stackName", .type = DOC_TEXT},
    {.name = "tags", .type = DOC_TEXT_MAP},
    {NULL},
};

static const struct document_field clusteriam_service_account_fields[] = {
    {.name = "attachPolicy", .type = DOC_ANY},
    {.name = "attachPolicyARNs", .type = DOC_TEXTS},
    {.name = "attachRoleARN", .type = DOC_TEXT},
    {.name = "metadata", .type = DOC_OBJECT, .fields = clusteriam_meta_fields, .support = DOC_USED},
    {.name = "permissionsBoundary", .type = DOC_TEXT},
    {.name = "roleName", .type = DOC_TEXT},
    {.name = "roleOnly", .type = DOC_FLAG},
    {.name = "status",
     .type = DOC_OBJECT,
     .fields = clusteriam_service_account_status_fields,
     .support = DOC_USED},
    {.name = "subjectPattern", .type = DOC_TEXT},
    {.name = "tags", .type = DOC_TEXT_MAP},
    {.name = "wellKnownPolicies",
     .type = DOC_OBJECT,
     .fields = well_known_policies_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field clusteriam_fields[] = {
    {.name = "fargatePodExecutionRoleARN", .type = DOC_TEXT},
    {.name = "fargatePodExecutionRolePermissionsBoundary", .type = DOC_TEXT},
    {.name = "podIdentityAssociations",
     .type = DOC_OBJECTS,
     .fields = pod_identity_association_fields},
    {.name = "serviceAccounts", .type = DOC_OBJECTS, .fields = clusteriam_service_account_fields},
    {.name = "serviceRoleARN", .type = DOC_TEXT, .support = DOC_USED, .to = "roleArn"},
    {.name = "serviceRolePermissionsBoundary", .type = DOC_TEXT},
    {.name = "vpcResourceControllerPolicy", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "withOIDC", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field iam_identity_mapping_fields[] = {
    {.name = "account", .type = DOC_TEXT},         {.name = "arn", .type = DOC_TEXT},
    {.name = "groups", .type = DOC_TEXTS},         {.name = "namespace", .type = DOC_TEXT},
    {.name = "noDuplicateARNs", .type = DOC_FLAG}, {.name = "serviceName", .type = DOC_TEXT},
    {.name = "username", .type = DOC_TEXT},        {NULL},
};

static const struct document_field karpenter_fields[] = {
    {.name = "createServiceAccount", .type = DOC_FLAG},
    {.name = "defaultInstanceProfile", .type = DOC_TEXT},
    {.name = "version", .type = DOC_TEXT},
    {.name = "withSpotInterruptionQueue", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field service_node_port_range_fields[] = {
    {.name = "maxPort", .type = DOC_NUMBER},
    {.name = "minPort", .type = DOC_NUMBER},
    {NULL},
};

static const struct document_field kubeapi_server_config_fields[] = {
    {.name = "eventTTL", .type = DOC_TEXT},
    {.name = "serviceNodePortRange",
     .type = DOC_OBJECT,
     .fields = service_node_port_range_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field horizontal_pod_autoscaler_controller_config_fields[] = {
    {.name = "horizontalPodAutoscalerSyncPeriod", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field kube_controller_manager_config_fields[] = {
    {.name = "horizontalPodAutoscalerControllerConfig",
     .type = DOC_OBJECT,
     .fields = horizontal_pod_autoscaler_controller_config_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field resource_weight_fields[] = {
    {.name = "name", .type = DOC_TEXT},
    {.name = "weight", .type = DOC_NUMBER},
    {NULL},
};

static const struct document_field scoring_strategy_fields[] = {
    {.name = "resources",
     .type = DOC_OBJECTS,
     .fields = resource_weight_fields,
     .support = DOC_USED},
    {.name = "type", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field node_resources_fit_config_fields[] = {
    {.name = "scoringStrategy",
     .type = DOC_OBJECT,
     .fields = scoring_strategy_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field kube_scheduler_config_fields[] = {
    {.name = "nodeResourcesFit",
     .type = DOC_OBJECT,
     .fields = node_resources_fit_config_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field kubernetes_network_config_fields[] = {
    {.name = "ipFamily",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "kubernetesNetworkConfig.ipFamily",
     .convert = document_lower,
     .initial = "\"IPv4\""},
    {.name = "serviceIPv4CIDR",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "kubernetesNetworkConfig.serviceIpv4Cidr"},
    {.name = "serviceIPv6CIDR", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field volume_mapping_fields[] = {
    {.name = "snapshotID", .type = DOC_TEXT},
    {.name = "volumeEncrypted", .type = DOC_FLAG},
    {.name = "volumeIOPS", .type = DOC_NUMBER},
    {.name = "volumeKmsKeyID", .type = DOC_TEXT},
    {.name = "volumeName", .type = DOC_TEXT},
    {.name = "volumeSize", .type = DOC_NUMBER},
    {.name = "volumeThroughput", .type = DOC_NUMBER},
    {.name = "volumeType", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field node_group_bottlerocket_fields[] = {
    {.name = "enableAdminContainer", .type = DOC_FLAG},
    {.name = "settings", .type = DOC_ANY},
    {NULL},
};

static const struct document_field capacity_reservation_target_fields[] = {
    {.name = "capacityReservationID", .type = DOC_TEXT},
    {.name = "capacityReservationResourceGroupARN", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field capacity_reservation_fields[] = {
    {.name = "capacityReservationPreference", .type = DOC_TEXT},
    {.name = "capacityReservationTarget",
     .type = DOC_OBJECT,
     .fields = capacity_reservation_target_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field node_groupiam_addon_policies_fields[] = {
    {.name = "albIngress", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "appMesh", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "appMeshPreview", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "autoScaler", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "awsLoadBalancerController", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "certManager", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "cloudWatch", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "ebs", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "efs", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "externalDNS", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "fsx", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "imageBuilder", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "xRay", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field node_groupiam_fields[] = {
    {.name = "attachPolicy", .type = DOC_ANY, .support = DOC_NO_EFFECT},
    {.name = "attachPolicyARNs", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "instanceProfileARN", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "instanceRoleARN", .type = DOC_TEXT, .support = DOC_USED, .to = "nodeRole"},
    {.name = "instanceRoleName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "instanceRolePermissionsBoundary", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "withAddonPolicies",
     .type = DOC_OBJECT,
     .fields = node_groupiam_addon_policies_fields,
     .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field instance_market_options_fields[] = {
    {.name = "marketType", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field instance_selector_fields[] = {
    {.name = "allow", .type = DOC_TEXT},
    {.name = "cpuArchitecture", .type = DOC_TEXT, .values = "x86_64|amd64|arm64"},
    {.name = "deny", .type = DOC_TEXT},
    {.name = "gpus", .type = DOC_NUMBER},
    {.name = "memory", .type = DOC_TEXT},
    {.name = "neuron_devices", .type = DOC_NUMBER},
    {.name = "vCPUs", .type = DOC_NUMBER},
    {NULL},
};

static const struct document_field launch_template_fields[] = {
    {.name = "id", .type = DOC_TEXT},
    {.name = "version", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field node_repair_config_override_fields[] = {
    {.name = "minRepairWaitTimeMins", .type = DOC_NUMBER},
    {.name = "nodeMonitoringCondition", .type = DOC_TEXT},
    {.name = "nodeUnhealthyReason", .type = DOC_TEXT},
    {.name = "repairAction", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field node_group_node_repair_config_fields[] = {
    {.name = "enabled", .type = DOC_FLAG},
    {.name = "maxParallelNodesRepairedCount", .type = DOC_NUMBER},
    {.name = "maxParallelNodesRepairedPercentage", .type = DOC_NUMBER},
    {.name = "maxUnhealthyNodeThresholdCount", .type = DOC_NUMBER},
    {.name = "maxUnhealthyNodeThresholdPercentage", .type = DOC_NUMBER},
    {.name = "nodeRepairConfigOverrides",
     .type = DOC_OBJECTS,
     .fields = node_repair_config_override_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field placement_fields[] = {
    {.name = "groupName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "spreadLevel", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field node_groups_gs_fields[] = {
    {.name = "attachIDs", .type = DOC_TEXTS},
    {.name = "withLocal", .type = DOC_FLAG},
    {.name = "withShared", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field node_groupssh_fields[] = {
    {.name = "allow", .type = DOC_FLAG},
    {.name = "enableSsm", .type = DOC_FLAG},
    {.name = "publicKey", .type = DOC_TEXT},
    {.name = "publicKeyName", .type = DOC_TEXT},
    {.name = "publicKeyPath", .type = DOC_TEXT},
    {.name = "sourceSecurityGroupIds", .type = DOC_TEXTS},
    {NULL},
};

static const struct document_field node_group_taint_fields[] = {
    {.name = "effect", .type = DOC_TEXT},
    {.name = "key", .type = DOC_TEXT},
    {.name = "value", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field node_group_update_config_fields[] = {
    {.name = "maxUnavailable",
     .type = DOC_NUMBER,
     .support = DOC_USED,
     .to = "updateConfig.maxUnavailable"},
    {.name = "maxUnavailablePercentage",
     .type = DOC_NUMBER,
     .support = DOC_USED,
     .to = "updateConfig.maxUnavailablePercentage"},
    {NULL},
};

static const struct document_field managed_node_group_fields[] = {
    {.name = "additionalVolumes", .type = DOC_OBJECTS, .fields = volume_mapping_fields},
    {.name = "ami", .type = DOC_TEXT},
    {.name = "amiFamily",
     .type = DOC_TEXT,
     .support = DOC_NO_EFFECT,
     .initial = "\"AmazonLinux2023\""},
    {.name = "asgSuspendProcesses", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "availabilityZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "bottlerocket", .type = DOC_OBJECT, .fields = node_group_bottlerocket_fields},
    {.name = "capacityReservation", .type = DOC_OBJECT, .fields = capacity_reservation_fields},
    {.name = "desiredCapacity",
     .type = DOC_NUMBER,
     .support = DOC_USED,
     .to = "scalingConfig.desiredSize"},
    {.name = "disableIMDSv1", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "disablePodIMDS", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "ebsOptimized", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "efaEnabled", .type = DOC_FLAG},
    {.name = "enableDetailedMonitoring", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "iam", .type = DOC_OBJECT, .fields = node_groupiam_fields, .support = DOC_USED},
    {.name = "instanceMarketOptions", .type = DOC_OBJECT, .fields = instance_market_options_fields},
    {.name = "instanceName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "instancePrefix", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "instanceSelector", .type = DOC_OBJECT, .fields = instance_selector_fields},
    {.name = "instanceType",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "instanceTypes",
     .convert = document_list},
    {.name = "instanceTypes", .type = DOC_TEXTS, .support = DOC_USED, .to = "instanceTypes"},
    {.name = "labels", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "labels"},
    {.name = "launchTemplate", .type = DOC_OBJECT, .fields = launch_template_fields},
    {.name = "maxPodsPerNode", .type = DOC_NUMBER},
    {.name = "maxSize", .type = DOC_NUMBER, .support = DOC_USED, .to = "scalingConfig.maxSize"},
    {.name = "minSize", .type = DOC_NUMBER, .support = DOC_USED, .to = "scalingConfig.minSize"},
    {.name = "name", .type = DOC_TEXT, .support = DOC_USED, .to = "nodegroupName"},
    {.name = "nodeRepairConfig",
     .type = DOC_OBJECT,
     .fields = node_group_node_repair_config_fields},
    {.name = "outpostARN", .type = DOC_TEXT},
    {.name = "overrideBootstrapCommand", .type = DOC_TEXT},
    {.name = "placement", .type = DOC_OBJECT, .fields = placement_fields, .support = DOC_NO_EFFECT},
    {.name = "preBootstrapCommands", .type = DOC_TEXTS},
    {.name = "privateNetworking", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "propagateASGTags", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "releaseVersion", .type = DOC_TEXT},
    {.name = "securityGroups",
     .type = DOC_OBJECT,
     .fields = node_groups_gs_fields,
     .support = DOC_USED},
    {.name = "spot",
     .type = DOC_FLAG,
     .support = DOC_USED,
     .to = "capacityType",
     .convert = document_spot},
    {.name = "ssh", .type = DOC_OBJECT, .fields = node_groupssh_fields},
    {.name = "subnets", .type = DOC_TEXTS},
    {.name = "tags", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "tags"},
    {.name = "taints",
     .type = DOC_OBJECTS,
     .fields = node_group_taint_fields,
     .support = DOC_USED,
     .to = "taints",
     .convert = document_taints},
    {.name = "updateConfig",
     .type = DOC_OBJECT,
     .fields = node_group_update_config_fields,
     .support = DOC_USED},
    {.name = "volumeEncrypted", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "volumeIOPS", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "volumeKmsKeyID", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "volumeName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "volumeSize",
     .type = DOC_NUMBER,
     .support = DOC_USED,
     .to = "diskSize",
     .initial = "80"},
    {.name = "volumeThroughput", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "volumeType", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field rollback_config_fields[] = {
    {.name = "timeoutMinutes", .type = DOC_NUMBER},
    {NULL},
};

static const struct document_field cluster_meta_fields[] = {
    {.name = "annotations", .type = DOC_TEXT_MAP, .support = DOC_NO_EFFECT},
    {.name = "forceUpdateVersion", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "name", .type = DOC_TEXT, .support = DOC_USED, .to = "name"},
    {.name = "region", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "rollbackConfig", .type = DOC_OBJECT, .fields = rollback_config_fields},
    {.name = "tags", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "tags"},
    {.name = "version",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "version",
     .initial = "\"1.36\""},
    {NULL},
};

static const struct document_field metrics_collection_fields[] = {
    {.name = "granularity", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "metrics", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field node_group_instances_distribution_fields[] = {
    {.name = "capacityRebalance", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "instanceTypes", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "maxPrice", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "onDemandBaseCapacity", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "onDemandPercentageAboveBaseCapacity", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "spotAllocationStrategy", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "spotInstancePools", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field node_group_fields[] = {
    {.name = "additionalVolumes", .type = DOC_OBJECTS, .fields = volume_mapping_fields},
    {.name = "ami", .type = DOC_TEXT},
    {.name = "amiFamily",
     .type = DOC_TEXT,
     .support = DOC_NO_EFFECT,
     .initial = "\"AmazonLinux2023\""},
    {.name = "asgMetricsCollection",
     .type = DOC_OBJECTS,
     .fields = metrics_collection_fields,
     .support = DOC_NO_EFFECT},
    {.name = "asgSuspendProcesses", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "availabilityZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "bottlerocket", .type = DOC_OBJECT, .fields = node_group_bottlerocket_fields},
    {.name = "capacityReservation", .type = DOC_OBJECT, .fields = capacity_reservation_fields},
    {.name = "classicLoadBalancerNames", .type = DOC_TEXTS},
    {.name = "clusterDNS", .type = DOC_TEXT},
    {.name = "containerRuntime", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "cpuCredits", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "desiredCapacity",
     .type = DOC_NUMBER,
     .support = DOC_USED,
     .to = "scalingConfig.desiredSize"},
    {.name = "disableIMDSv1", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "disablePodIMDS", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "ebsOptimized", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "efaEnabled", .type = DOC_FLAG},
    {.name = "enableDetailedMonitoring", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "enclaveEnabled", .type = DOC_FLAG},
    {.name = "iam", .type = DOC_OBJECT, .fields = node_groupiam_fields, .support = DOC_USED},
    {.name = "instanceMarketOptions", .type = DOC_OBJECT, .fields = instance_market_options_fields},
    {.name = "instanceName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "instancePrefix", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "instanceSelector", .type = DOC_OBJECT, .fields = instance_selector_fields},
    {.name = "instanceType",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "instanceTypes",
     .convert = document_list},
    {.name = "instancesDistribution",
     .type = DOC_OBJECT,
     .fields = node_group_instances_distribution_fields,
     .support = DOC_USED},
    {.name = "kubeletExtraConfig", .type = DOC_ANY},
    {.name = "labels", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "labels"},
    {.name = "localZones", .type = DOC_TEXTS},
    {.name = "maxInstanceLifetime", .type = DOC_NUMBER},
    {.name = "maxPodsPerNode", .type = DOC_NUMBER},
    {.name = "maxSize", .type = DOC_NUMBER, .support = DOC_USED, .to = "scalingConfig.maxSize"},
    {.name = "minSize", .type = DOC_NUMBER, .support = DOC_USED, .to = "scalingConfig.minSize"},
    {.name = "name", .type = DOC_TEXT, .support = DOC_USED, .to = "nodegroupName"},
    {.name = "outpostARN", .type = DOC_TEXT},
    {.name = "overrideBootstrapCommand", .type = DOC_TEXT},
    {.name = "placement", .type = DOC_OBJECT, .fields = placement_fields, .support = DOC_NO_EFFECT},
    {.name = "preBootstrapCommands", .type = DOC_TEXTS},
    {.name = "privateNetworking", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "propagateASGTags", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "securityGroups",
     .type = DOC_OBJECT,
     .fields = node_groups_gs_fields,
     .support = DOC_USED},
    {.name = "ssh", .type = DOC_OBJECT, .fields = node_groupssh_fields},
    {.name = "subnets", .type = DOC_TEXTS},
    {.name = "tags", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "tags"},
    {.name = "taints",
     .type = DOC_ANY,
     .support = DOC_USED,
     .to = "taints",
     .convert = document_taints},
    {.name = "targetGroupARNs", .type = DOC_TEXTS},
    {.name = "updateConfig",
     .type = DOC_OBJECT,
     .fields = node_group_update_config_fields,
     .support = DOC_USED},
    {.name = "volumeEncrypted", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "volumeIOPS", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "volumeKmsKeyID", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "volumeName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "volumeSize",
     .type = DOC_NUMBER,
     .support = DOC_USED,
     .to = "diskSize",
     .initial = "80"},
    {.name = "volumeThroughput", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},
    {.name = "volumeType", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {NULL},
};

static const struct document_field outpost_fields[] = {
    {.name = "controlPlaneInstanceType", .type = DOC_TEXT},
    {.name = "controlPlaneOutpostARN", .type = DOC_TEXT},
    {.name = "controlPlanePlacement",
     .type = DOC_OBJECT,
     .fields = placement_fields,
     .support = DOC_USED},
    {.name = "etcdInstanceType", .type = DOC_TEXT},
    {.name = "etcdPlacement", .type = DOC_OBJECT, .fields = placement_fields, .support = DOC_USED},
    {NULL},
};

static const struct document_field private_cluster_fields[] = {
    {.name = "additionalEndpointServices", .type = DOC_TEXTS},
    {.name = "enabled", .type = DOC_FLAG},
    {.name = "skipEndpointCreation", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field remote_nodesiam_fields[] = {
    {.name = "caBundleCert", .type = DOC_TEXT},
    {.name = "provider", .type = DOC_TEXT},
    {.name = "roleARN", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field remote_network_fields[] = {
    {.name = "cidrs", .type = DOC_TEXTS},
    {NULL},
};

static const struct document_field remote_network_config_fields[] = {
    {.name = "iam", .type = DOC_OBJECT, .fields = remote_nodesiam_fields, .support = DOC_USED},
    {.name = "remoteNodeNetworks",
     .type = DOC_OBJECTS,
     .fields = remote_network_fields,
     .support = DOC_USED},
    {.name = "remotePodNetworks",
     .type = DOC_OBJECTS,
     .fields = remote_network_fields,
     .support = DOC_USED},
    {.name = "vpcGatewayID", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field secrets_encryption_fields[] = {
    {.name = "keyARN", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field upgrade_policy_fields[] = {
    {.name = "supportType",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "upgradePolicy.supportType",
     .values = "STANDARD|EXTENDED"},
    {NULL},
};

static const struct document_field cluster_endpoints_fields[] = {
    {.name = "privateAccess",
     .type = DOC_FLAG,
     .support = DOC_USED,
     .to = "resourcesVpcConfig.endpointPrivateAccess",
     .initial = "false"},
    {.name = "publicAccess",
     .type = DOC_FLAG,
     .support = DOC_USED,
     .to = "resourcesVpcConfig.endpointPublicAccess",
     .initial = "true"},
    {NULL},
};

static const struct document_field clusternat_fields[] = {
    {.name = "gateway",
     .type = DOC_TEXT,
     .support = DOC_NO_EFFECT,
     .values = "HighlyAvailable|Single|Disable"},
    {NULL},
};

static const struct document_field az_subnet_spec_fields[] = {
    {.name = "az", .type = DOC_TEXT},
    {.name = "cidr", .type = DOC_TEXT},
    {.name = "id", .type = DOC_TEXT},
    {NULL},
};

static const struct document_field cluster_subnets_fields[] = {
    {.name = "private",
     .type = DOC_OBJECT_MAP,
     .fields = az_subnet_spec_fields,
     .support = DOC_USED},
    {.name = "public",
     .type = DOC_OBJECT_MAP,
     .fields = az_subnet_spec_fields,
     .support = DOC_USED},
    {NULL},
};

static const struct document_field clustervpc_fields[] = {
    {.name = "autoAllocateIPv6", .type = DOC_FLAG},
    {.name = "cidr", .type = DOC_TEXT},
    {.name = "clusterEndpoints",
     .type = DOC_OBJECT,
     .fields = cluster_endpoints_fields,
     .support = DOC_USED},
    {.name = "controlPlaneEgressMode", .type = DOC_TEXT},
    {.name = "controlPlaneOnPrivateSubnets", .type = DOC_FLAG},
    {.name = "controlPlaneSecurityGroupIDs",
     .type = DOC_TEXTS,
     .support = DOC_USED,
     .to = "resourcesVpcConfig.securityGroupIds"},
    {.name = "controlPlaneSubnetIDs",
     .type = DOC_TEXTS,
     .support = DOC_USED,
     .to = "resourcesVpcConfig.subnetIds"},
    {.name = "extraCIDRs", .type = DOC_TEXTS},
    {.name = "extraIPv6CIDRs", .type = DOC_TEXTS},
    {.name = "hostnameType", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "id", .type = DOC_TEXT},
    {.name = "ipv6Cidr", .type = DOC_TEXT},
    {.name = "ipv6Pool", .type = DOC_TEXT},
    {.name = "manageSharedNodeSecurityGroupRules", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "nat", .type = DOC_OBJECT, .fields = clusternat_fields, .support = DOC_USED},
    {.name = "publicAccessCIDRs",
     .type = DOC_TEXTS,
     .support = DOC_USED,
     .to = "resourcesVpcConfig.publicAccessCidrs"},
    {.name = "securityGroup", .type = DOC_TEXT},
    {.name = "sharedNodeSecurityGroup", .type = DOC_TEXT},
    {.name = "subnets", .type = DOC_OBJECT, .fields = cluster_subnets_fields},
    {NULL},
};

static const struct document_field zonal_shift_config_fields[] = {
    {.name = "enabled", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field cluster_config_fields[] = {
    {.name = "accessConfig",
     .type = DOC_OBJECT,
     .fields = access_config_fields,
     .support = DOC_USED},
    {.name = "addons", .type = DOC_OBJECTS, .fields = addon_fields},
    {.name = "addonsConfig", .type = DOC_OBJECT, .fields = addons_config_fields},
    {.name = "apiVersion", .type = DOC_TEXT, .support = DOC_USED, .values = "eksctl.io/v1alpha5"},
    {.name = "autoModeConfig", .type = DOC_OBJECT, .fields = auto_mode_config_fields},
    {.name = "availabilityZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "capabilities", .type = DOC_OBJECTS, .fields = capability_fields},
    {.name = "cloudWatch",
     .type = DOC_OBJECT,
     .fields = cluster_cloud_watch_fields,
     .support = DOC_USED},
    {.name = "controlPlaneScalingConfig",
     .type = DOC_OBJECT,
     .fields = control_plane_scaling_config_fields},
    {.name = "fargateProfiles", .type = DOC_OBJECTS, .fields = fargate_profile_fields},
    {.name = "gitops", .type = DOC_OBJECT, .fields = git_ops_fields},
    {.name = "iam", .type = DOC_OBJECT, .fields = clusteriam_fields, .support = DOC_USED},
    {.name = "iamIdentityMappings", .type = DOC_OBJECTS, .fields = iam_identity_mapping_fields},
    {.name = "identityProviders", .type = DOC_ANY},
    {.name = "karpenter", .type = DOC_OBJECT, .fields = karpenter_fields},
    {.name = "kind", .type = DOC_TEXT, .support = DOC_USED, .values = "ClusterConfig"},
    {.name = "kubeAPIServerConfig", .type = DOC_OBJECT, .fields = kubeapi_server_config_fields},
    {.name = "kubeControllerManagerConfig",
     .type = DOC_OBJECT,
     .fields = kube_controller_manager_config_fields},
    {.name = "kubeSchedulerConfig", .type = DOC_OBJECT, .fields = kube_scheduler_config_fields},
    {.name = "kubernetesNetworkConfig",
     .type = DOC_OBJECT,
     .fields = kubernetes_network_config_fields,
     .support = DOC_USED},
    {.name = "localZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "managedNodeGroups",
     .type = DOC_OBJECTS,
     .fields = managed_node_group_fields,
     .support = DOC_USED},
    {.name = "metadata", .type = DOC_OBJECT, .fields = cluster_meta_fields, .support = DOC_USED},
    {.name = "nodeGroups", .type = DOC_OBJECTS, .fields = node_group_fields, .support = DOC_USED},
    {.name = "outpost", .type = DOC_OBJECT, .fields = outpost_fields},
    {.name = "privateCluster", .type = DOC_OBJECT, .fields = private_cluster_fields},
    {.name = "remoteNetworkConfig", .type = DOC_OBJECT, .fields = remote_network_config_fields},
    {.name = "secretsEncryption", .type = DOC_OBJECT, .fields = secrets_encryption_fields},
    {.name = "upgradePolicy",
     .type = DOC_OBJECT,
     .fields = upgrade_policy_fields,
     .support = DOC_USED},
    {.name = "vpc", .type = DOC_OBJECT, .fields = clustervpc_fields, .support = DOC_USED},
    {.name = "zonalShiftConfig", .type = DOC_OBJECT, .fields = zonal_shift_config_fields},
    {NULL},
};

const struct document_format document_eksctl = {.name = "eksctl",
                                                .api_version = "eksctl.io/v1alpha5",
                                                .kind = "ClusterConfig",
                                                .fields = cluster_config_fields,
                                                .defaults = document_defaults_eksctl,
                                                .plan = document_plan_eksctl};
