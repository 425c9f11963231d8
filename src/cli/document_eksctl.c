/* eksctl's ClusterConfig (eksctl.io/v1alpha5): every field that it has, and what becomes of it
 * here.
 *
 * Its parts stand in files of their own (document_eksctl.h). Names, kinds and allowed values are
 * those of eksctl's published JSON Schema. */
#include "cli/document_eksctl.h"

static const struct document_field auto_mode_config_fields[] = {
    {.name = "enabled", .type = DOC_FLAG},
    {.name = "nodePools", .type = DOC_TEXTS},
    {.name = "nodeRoleARN", .type = DOC_TEXT},
    {.name = "permissionsBoundaryARN", .type = DOC_TEXT},
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

static const struct document_field zonal_shift_config_fields[] = {
    {.name = "enabled", .type = DOC_FLAG},
    {NULL},
};

static const struct document_field cluster_config_fields[] = {
    {.name = "accessConfig",
     .type = DOC_OBJECT,
     .fields = eksctl_access_config_fields,
     .support = DOC_USED},
    {.name = "addons", .type = DOC_OBJECTS, .fields = eksctl_addon_fields},
    {.name = "addonsConfig", .type = DOC_OBJECT, .fields = eksctl_addons_config_fields},
    {.name = "apiVersion", .type = DOC_TEXT, .support = DOC_USED, .values = "eksctl.io/v1alpha5"},
    {.name = "autoModeConfig", .type = DOC_OBJECT, .fields = auto_mode_config_fields},
    {.name = "availabilityZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "capabilities", .type = DOC_OBJECTS, .fields = eksctl_capability_fields},
    {.name = "cloudWatch",
     .type = DOC_OBJECT,
     .fields = cluster_cloud_watch_fields,
     .support = DOC_USED},
    {.name = "controlPlaneScalingConfig",
     .type = DOC_OBJECT,
     .fields = control_plane_scaling_config_fields},
    {.name = "fargateProfiles", .type = DOC_OBJECTS, .fields = eksctl_fargate_profile_fields},
    {.name = "gitops", .type = DOC_OBJECT, .fields = eksctl_git_ops_fields},
    {.name = "iam", .type = DOC_OBJECT, .fields = eksctl_cluster_iam_fields, .support = DOC_USED},
    {.name = "iamIdentityMappings",
     .type = DOC_OBJECTS,
     .fields = eksctl_iam_identity_mapping_fields},
    {.name = "identityProviders", .type = DOC_ANY},
    {.name = "karpenter", .type = DOC_OBJECT, .fields = eksctl_karpenter_fields},
    {.name = "kind", .type = DOC_TEXT, .support = DOC_USED, .values = "ClusterConfig"},
    {.name = "kubeAPIServerConfig", .type = DOC_OBJECT, .fields = kubeapi_server_config_fields},
    {.name = "kubeControllerManagerConfig",
     .type = DOC_OBJECT,
     .fields = kube_controller_manager_config_fields},
    {.name = "kubeSchedulerConfig", .type = DOC_OBJECT, .fields = kube_scheduler_config_fields},
    {.name = "kubernetesNetworkConfig",
     .type = DOC_OBJECT,
     .fields = eksctl_kubernetes_network_config_fields,
     .support = DOC_USED},
    {.name = "localZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},
    {.name = "managedNodeGroups",
     .type = DOC_OBJECTS,
     .fields = eksctl_managed_node_group_fields,
     .support = DOC_USED},
    {.name = "metadata", .type = DOC_OBJECT, .fields = cluster_meta_fields, .support = DOC_USED},
    {.name = "nodeGroups",
     .type = DOC_OBJECTS,
     .fields = eksctl_node_group_fields,
     .support = DOC_USED},
    {.name = "outpost", .type = DOC_OBJECT, .fields = eksctl_outpost_fields},
    {.name = "privateCluster", .type = DOC_OBJECT, .fields = eksctl_private_cluster_fields},
    {.name = "remoteNetworkConfig",
     .type = DOC_OBJECT,
     .fields = eksctl_remote_network_config_fields},
    {.name = "secretsEncryption", .type = DOC_OBJECT, .fields = secrets_encryption_fields},
    {.name = "upgradePolicy",
     .type = DOC_OBJECT,
     .fields = upgrade_policy_fields,
     .support = DOC_USED},
    {.name = "vpc", .type = DOC_OBJECT, .fields = eksctl_cluster_vpc_fields, .support = DOC_USED},
    {.name = "zonalShiftConfig", .type = DOC_OBJECT, .fields = zonal_shift_config_fields},
    {NULL},
};

const struct document_format document_eksctl = {.name = "eksctl",
                                                .api_version = "eksctl.io/v1alpha5",
                                                .kind = "ClusterConfig",
                                                .fields = cluster_config_fields,
                                                .defaults = document_defaults_eksctl,
                                                .plan = document_plan_eksctl};
