/* The parts of a ClusterConfig that place a cluster: VPC, subnets, endpoints, networks of Services
 * and of nodes elsewhere. */
#include "cli/document_eksctl.h"

const struct document_field eksctl_kubernetes_network_config_fields[] = {
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

const struct document_field eksctl_outpost_fields[] = {
    {.name = "controlPlaneInstanceType", .type = DOC_TEXT},
    {.name = "controlPlaneOutpostARN", .type = DOC_TEXT},
    {.name = "controlPlanePlacement",
     .type = DOC_OBJECT,
     .fields = eksctl_placement_fields,
     .support = DOC_USED},
    {.name = "etcdInstanceType", .type = DOC_TEXT},
    {.name = "etcdPlacement",
     .type = DOC_OBJECT,
     .fields = eksctl_placement_fields,
     .support = DOC_USED},
    {NULL},
};

const struct document_field eksctl_private_cluster_fields[] = {
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

const struct document_field eksctl_remote_network_config_fields[] = {
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

const struct document_field eksctl_cluster_vpc_fields[] = {
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
