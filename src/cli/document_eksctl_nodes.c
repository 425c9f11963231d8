/* The parts of a ClusterConfig that describe nodes: managed and self-managed node groups. */
#include "cli/document_eksctl.h"

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

const struct document_field eksctl_placement_fields[] = {
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

/* What both kinds of node groups have: eksctl's NodeGroupBase. */
#define NODE_GROUP_BASE_FIELDS                                                                     \
    {.name = "additionalVolumes", .type = DOC_OBJECTS, .fields = volume_mapping_fields},           \
        {.name = "ami", .type = DOC_TEXT},                                                         \
        {.name = "amiFamily",                                                                      \
         .type = DOC_TEXT,                                                                         \
         .support = DOC_NO_EFFECT,                                                                 \
         .initial = "\"AmazonLinux2023\""},                                                        \
        {.name = "asgSuspendProcesses", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},              \
        {.name = "availabilityZones", .type = DOC_TEXTS, .support = DOC_NO_EFFECT},                \
        {.name = "bottlerocket", .type = DOC_OBJECT, .fields = node_group_bottlerocket_fields},    \
        {.name = "capacityReservation",                                                            \
         .type = DOC_OBJECT,                                                                       \
         .fields = capacity_reservation_fields},                                                   \
        {.name = "desiredCapacity",                                                                \
         .type = DOC_NUMBER,                                                                       \
         .support = DOC_USED,                                                                      \
         .to = "scalingConfig.desiredSize"},                                                       \
        {.name = "disableIMDSv1", .type = DOC_FLAG, .support = DOC_NO_EFFECT},                     \
        {.name = "disablePodIMDS", .type = DOC_FLAG, .support = DOC_NO_EFFECT},                    \
        {.name = "ebsOptimized", .type = DOC_FLAG, .support = DOC_NO_EFFECT},                      \
        {.name = "efaEnabled", .type = DOC_FLAG},                                                  \
        {.name = "enableDetailedMonitoring", .type = DOC_FLAG, .support = DOC_NO_EFFECT},          \
        {.name = "iam", .type = DOC_OBJECT, .fields = node_groupiam_fields, .support = DOC_USED},  \
        {.name = "instanceMarketOptions",                                                          \
         .type = DOC_OBJECT,                                                                       \
         .fields = instance_market_options_fields},                                                \
        {.name = "instanceName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},                      \
        {.name = "instancePrefix", .type = DOC_TEXT, .support = DOC_NO_EFFECT},                    \
        {.name = "instanceSelector", .type = DOC_OBJECT, .fields = instance_selector_fields},      \
        {.name = "instanceType",                                                                   \
         .type = DOC_TEXT,                                                                         \
         .support = DOC_USED,                                                                      \
         .to = "instanceTypes",                                                                    \
         .convert = document_list},                                                                \
        {.name = "labels", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "labels"},             \
        {.name = "maxPodsPerNode", .type = DOC_NUMBER},                                            \
        {.name = "maxSize",                                                                        \
         .type = DOC_NUMBER,                                                                       \
         .support = DOC_USED,                                                                      \
         .to = "scalingConfig.maxSize"},                                                           \
        {.name = "minSize",                                                                        \
         .type = DOC_NUMBER,                                                                       \
         .support = DOC_USED,                                                                      \
         .to = "scalingConfig.minSize"},                                                           \
        {.name = "name", .type = DOC_TEXT, .support = DOC_USED, .to = "nodegroupName"},            \
        {.name = "outpostARN", .type = DOC_TEXT},                                                  \
        {.name = "overrideBootstrapCommand", .type = DOC_TEXT},                                    \
        {.name = "placement",                                                                      \
         .type = DOC_OBJECT,                                                                       \
         .fields = eksctl_placement_fields,                                                        \
         .support = DOC_NO_EFFECT},                                                                \
        {.name = "preBootstrapCommands", .type = DOC_TEXTS},                                       \
        {.name = "privateNetworking", .type = DOC_FLAG, .support = DOC_NO_EFFECT},                 \
        {.name = "propagateASGTags", .type = DOC_FLAG, .support = DOC_NO_EFFECT},                  \
        {.name = "securityGroups",                                                                 \
         .type = DOC_OBJECT,                                                                       \
         .fields = node_groups_gs_fields,                                                          \
         .support = DOC_USED},                                                                     \
        {.name = "ssh", .type = DOC_OBJECT, .fields = node_groupssh_fields},                       \
        {.name = "subnets", .type = DOC_TEXTS},                                                    \
        {.name = "tags", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "tags"},                 \
        {.name = "updateConfig",                                                                   \
         .type = DOC_OBJECT,                                                                       \
         .fields = node_group_update_config_fields,                                                \
         .support = DOC_USED},                                                                     \
        {.name = "volumeEncrypted", .type = DOC_FLAG, .support = DOC_NO_EFFECT},                   \
        {.name = "volumeIOPS", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},                      \
        {.name = "volumeKmsKeyID", .type = DOC_TEXT, .support = DOC_NO_EFFECT},                    \
        {.name = "volumeName", .type = DOC_TEXT, .support = DOC_NO_EFFECT},                        \
        {.name = "volumeSize",                                                                     \
         .type = DOC_NUMBER,                                                                       \
         .support = DOC_USED,                                                                      \
         .to = "diskSize",                                                                         \
         .initial = "80"},                                                                         \
        {.name = "volumeThroughput", .type = DOC_NUMBER, .support = DOC_NO_EFFECT},                \
    {                                                                                              \
        .name = "volumeType", .type = DOC_TEXT, .support = DOC_NO_EFFECT                           \
    }

const struct document_field eksctl_managed_node_group_fields[] = {
    NODE_GROUP_BASE_FIELDS,
    {.name = "instanceTypes", .type = DOC_TEXTS, .support = DOC_USED, .to = "instanceTypes"},
    {.name = "launchTemplate", .type = DOC_OBJECT, .fields = launch_template_fields},
    {.name = "nodeRepairConfig",
     .type = DOC_OBJECT,
     .fields = node_group_node_repair_config_fields},
    {.name = "releaseVersion", .type = DOC_TEXT},
    {.name = "spot",
     .type = DOC_FLAG,
     .support = DOC_USED,
     .to = "capacityType",
     .convert = document_spot},
    {.name = "taints",
     .type = DOC_OBJECTS,
     .fields = node_group_taint_fields,
     .support = DOC_USED,
     .to = "taints",
     .convert = document_taints},
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

const struct document_field eksctl_node_group_fields[] = {
    NODE_GROUP_BASE_FIELDS,
    {.name = "asgMetricsCollection",
     .type = DOC_OBJECTS,
     .fields = metrics_collection_fields,
     .support = DOC_NO_EFFECT},
    {.name = "classicLoadBalancerNames", .type = DOC_TEXTS},
    {.name = "clusterDNS", .type = DOC_TEXT},
    {.name = "containerRuntime", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "cpuCredits", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "enclaveEnabled", .type = DOC_FLAG},
    {.name = "instancesDistribution",
     .type = DOC_OBJECT,
     .fields = node_group_instances_distribution_fields,
     .support = DOC_USED},
    {.name = "kubeletExtraConfig", .type = DOC_ANY},
    {.name = "localZones", .type = DOC_TEXTS},
    {.name = "maxInstanceLifetime", .type = DOC_NUMBER},
    {.name = "taints",
     .type = DOC_ANY,
     .support = DOC_USED,
     .to = "taints",
     .convert = document_taints},
    {.name = "targetGroupARNs", .type = DOC_TEXTS},
    {NULL},
};
