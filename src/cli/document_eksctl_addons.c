/* The parts of a ClusterConfig that are installed into a cluster: add-ons, capabilities, Fargate
 * profiles, GitOps. */
#include "cli/document_eksctl.h"

static const struct document_field addon_namespace_config_fields[] = {
    {.name = "namespace", .type = DOC_TEXT},
    {NULL},
};

const struct document_field eksctl_addon_fields[] = {
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
     .fields = eksctl_pod_identity_association_fields,
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
     .fields = eksctl_well_known_policies_fields,
     .support = DOC_USED},
    {NULL},
};

const struct document_field eksctl_addons_config_fields[] = {
    {.name = "autoApplyPodIdentityAssociations", .type = DOC_FLAG},
    {.name = "disableDefaultAddons", .type = DOC_FLAG, .support = DOC_NO_EFFECT},
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

const struct document_field eksctl_capability_fields[] = {
    {.name = "accessPolicies",
     .type = DOC_OBJECTS,
     .fields = eksctl_access_policy_fields,
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

static const struct document_field fargate_profile_selector_fields[] = {
    {.name = "labels", .type = DOC_TEXT_MAP},
    {.name = "namespace", .type = DOC_TEXT},
    {NULL},
};

const struct document_field eksctl_fargate_profile_fields[] = {
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

const struct document_field eksctl_git_ops_fields[] = {
    {.name = "flux", .type = DOC_OBJECT, .fields = flux_fields, .support = DOC_USED},
    {NULL},
};

const struct document_field eksctl_karpenter_fields[] = {
    {.name = "createServiceAccount", .type = DOC_FLAG},
    {.name = "defaultInstanceProfile", .type = DOC_TEXT},
    {.name = "version", .type = DOC_TEXT},
    {.name = "withSpotInterruptionQueue", .type = DOC_FLAG},
    {NULL},
};
