/* The parts of a ClusterConfig that say who may do what: access entries, roles, identities of pods.
 */
#include "cli/document_eksctl.h"

static const struct document_field access_scope_fields[] = {
    {.name = "namespaces", .type = DOC_TEXTS, .support = DOC_USED, .to = "accessScope.namespaces"},
    {.name = "type", .type = DOC_TEXT, .support = DOC_USED, .to = "accessScope.type"},
    {NULL},
};

const struct document_field eksctl_access_policy_fields[] = {
    {.name = "accessScope", .type = DOC_OBJECT, .fields = access_scope_fields, .support = DOC_USED},
    {.name = "policyARN", .type = DOC_TEXT, .support = DOC_USED, .to = "policyArn"},
    {NULL},
};

static const struct document_field access_entry_fields[] = {
    {.name = "accessPolicies",
     .type = DOC_OBJECTS,
     .fields = eksctl_access_policy_fields,
     .support = DOC_USED},
    {.name = "kubernetesGroups", .type = DOC_TEXTS, .support = DOC_USED, .to = "kubernetesGroups"},
    {.name = "kubernetesUsername", .type = DOC_TEXT, .support = DOC_USED, .to = "username"},
    {.name = "principalARN", .type = DOC_TEXT, .support = DOC_USED, .to = "principalArn"},
    {.name = "type", .type = DOC_TEXT, .support = DOC_USED, .to = "type"},
    {NULL},
};

const struct document_field eksctl_access_config_fields[] = {
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

const struct document_field eksctl_well_known_policies_fields[] = {
    {.name = "autoScaler", .type = DOC_FLAG},
    {.name = "awsLoadBalancerController", .type = DOC_FLAG},
    {.name = "certManager", .type = DOC_FLAG},
    {.name = "ebsCSIController", .type = DOC_FLAG},
    {.name = "efsCSIController", .type = DOC_FLAG},
    {.name = "externalDNS", .type = DOC_FLAG},
    {.name = "imageBuilder", .type = DOC_FLAG},
    {NULL},
};

const struct document_field eksctl_pod_identity_association_fields[] = {
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
     .fields = eksctl_well_known_policies_fields,
     .support = DOC_USED},
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
     .fields = eksctl_well_known_policies_fields,
     .support = DOC_USED},
    {NULL},
};

const struct document_field eksctl_cluster_iam_fields[] = {
    {.name = "fargatePodExecutionRoleARN", .type = DOC_TEXT},
    {.name = "fargatePodExecutionRolePermissionsBoundary", .type = DOC_TEXT},
    {.name = "podIdentityAssociations",
     .type = DOC_OBJECTS,
     .fields = eksctl_pod_identity_association_fields},
    {.name = "serviceAccounts", .type = DOC_OBJECTS, .fields = clusteriam_service_account_fields},
    {.name = "serviceRoleARN", .type = DOC_TEXT, .support = DOC_USED, .to = "roleArn"},
    {.name = "serviceRolePermissionsBoundary", .type = DOC_TEXT},
    {.name = "vpcResourceControllerPolicy", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
    {.name = "withOIDC", .type = DOC_FLAG},
    {NULL},
};

const struct document_field eksctl_iam_identity_mapping_fields[] = {
    {.name = "account", .type = DOC_TEXT},         {.name = "arn", .type = DOC_TEXT},
    {.name = "groups", .type = DOC_TEXTS},         {.name = "namespace", .type = DOC_TEXT},
    {.name = "noDuplicateARNs", .type = DOC_FLAG}, {.name = "serviceName", .type = DOC_TEXT},
    {.name = "username", .type = DOC_TEXT},        {NULL},
};
