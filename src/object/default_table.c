#include "object/default_internal.h"

/* Defaults that upstream sets in Go (pkg/apis/GROUP/VERSION/defaults.go) and that are plain values.
 * They are set when the member is absent; ZERO_: also when it is empty or 0, because the member is
 * no pointer there. Sorted by type. */

#define TEXT(type, path, text)                                                                     \
    {                                                                                              \
        type, path, DEFAULT_TEXT, text, 0, false                                                   \
    }
#define INT(type, path, number)                                                                    \
    {                                                                                              \
        type, path, DEFAULT_INT, NULL, number, false                                               \
    }
#define BOOL(type, path, flag)                                                                     \
    {                                                                                              \
        type, path, DEFAULT_BOOL, NULL, flag, false                                                \
    }
#define MAP(type, path)                                                                            \
    {                                                                                              \
        type, path, DEFAULT_MAP, NULL, 0, false                                                    \
    }
#define ZERO_TEXT(type, path, text)                                                                \
    {                                                                                              \
        type, path, DEFAULT_TEXT, text, 0, true                                                    \
    }
#define ZERO_INT(type, path, number)                                                               \
    {                                                                                              \
        type, path, DEFAULT_INT, NULL, number, true                                                \
    }

const struct default_row default_rows[] = {
    TEXT("admissionregistration.k8s.io/v1.MatchResources", "matchPolicy", "Equivalent"),
    MAP("admissionregistration.k8s.io/v1.MatchResources", "namespaceSelector"),
    MAP("admissionregistration.k8s.io/v1.MatchResources", "objectSelector"),
    TEXT("admissionregistration.k8s.io/v1.MutatingAdmissionPolicySpec", "failurePolicy", "Fail"),
    TEXT("admissionregistration.k8s.io/v1.MutatingWebhook", "failurePolicy", "Fail"),
    TEXT("admissionregistration.k8s.io/v1.MutatingWebhook", "matchPolicy", "Equivalent"),
    MAP("admissionregistration.k8s.io/v1.MutatingWebhook", "namespaceSelector"),
    MAP("admissionregistration.k8s.io/v1.MutatingWebhook", "objectSelector"),
    INT("admissionregistration.k8s.io/v1.MutatingWebhook", "timeoutSeconds", 10),
    TEXT("admissionregistration.k8s.io/v1.MutatingWebhook", "reinvocationPolicy", "Never"),
    TEXT("admissionregistration.k8s.io/v1.NamedRuleWithOperations", "scope", "*"),
    TEXT("admissionregistration.k8s.io/v1.RuleWithOperations", "scope", "*"),
    INT("admissionregistration.k8s.io/v1.ServiceReference", "port", 443),
    TEXT("admissionregistration.k8s.io/v1.ValidatingAdmissionPolicySpec", "failurePolicy", "Fail"),
    TEXT("admissionregistration.k8s.io/v1.ValidatingWebhook", "failurePolicy", "Fail"),
    TEXT("admissionregistration.k8s.io/v1.ValidatingWebhook", "matchPolicy", "Equivalent"),
    MAP("admissionregistration.k8s.io/v1.ValidatingWebhook", "namespaceSelector"),
    MAP("admissionregistration.k8s.io/v1.ValidatingWebhook", "objectSelector"),
    INT("admissionregistration.k8s.io/v1.ValidatingWebhook", "timeoutSeconds", 10),
    INT("apiextensions.k8s.io/v1.ServiceReference", "port", 443),
    INT("apiregistration.k8s.io/v1.ServiceReference", "port", 443),
    ZERO_TEXT("apps/v1.DaemonSet", "spec.updateStrategy.type", "RollingUpdate"),
    INT("apps/v1.DaemonSet", "spec.revisionHistoryLimit", 10),
    INT("apps/v1.Deployment", "spec.replicas", 1),
    ZERO_TEXT("apps/v1.Deployment", "spec.strategy.type", "RollingUpdate"),
    INT("apps/v1.Deployment", "spec.revisionHistoryLimit", 10),
    INT("apps/v1.Deployment", "spec.progressDeadlineSeconds", 600),
    INT("apps/v1.ReplicaSet", "spec.replicas", 1),
    ZERO_TEXT("apps/v1.StatefulSet", "spec.podManagementPolicy", "OrderedReady"),
    ZERO_TEXT("apps/v1.StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
              "Retain"),
    ZERO_TEXT("apps/v1.StatefulSet", "spec.persistentVolumeClaimRetentionPolicy.whenScaled",
              "Retain"),
    INT("apps/v1.StatefulSet", "spec.replicas", 1),
    INT("apps/v1.StatefulSet", "spec.revisionHistoryLimit", 10),
    INT("autoscaling/v1.HorizontalPodAutoscaler", "spec.minReplicas", 1),
    INT("autoscaling/v2.HorizontalPodAutoscaler", "spec.minReplicas", 1),
    ZERO_TEXT("batch/v1.CronJob", "spec.concurrencyPolicy", "Allow"),
    BOOL("batch/v1.CronJob", "spec.suspend", false),
    INT("batch/v1.CronJob", "spec.successfulJobsHistoryLimit", 3),
    INT("batch/v1.CronJob", "spec.failedJobsHistoryLimit", 1),
    TEXT("batch/v1.Job", "spec.completionMode", "NonIndexed"),
    BOOL("batch/v1.Job", "spec.suspend", false),
    BOOL("batch/v1.Job", "spec.manualSelector", false),
    ZERO_TEXT("batch/v1.PodFailurePolicyOnPodConditionsPattern", "status", "True"),
    TEXT("core/v1.AzureDiskVolumeSource", "cachingMode", "ReadWrite"),
    TEXT("core/v1.AzureDiskVolumeSource", "fsType", "ext4"),
    TEXT("core/v1.AzureDiskVolumeSource", "kind", "Shared"),
    BOOL("core/v1.AzureDiskVolumeSource", "readOnly", false),
    MAP("core/v1.ConfigMap", "data"),
    INT("core/v1.ConfigMapVolumeSource", "defaultMode", 420),
    ZERO_TEXT("core/v1.Container", "terminationMessagePath", "/dev/termination-log"),
    ZERO_TEXT("core/v1.Container", "terminationMessagePolicy", "File"),
    INT("core/v1.DownwardAPIVolumeSource", "defaultMode", 420),
    ZERO_TEXT("core/v1.EndpointPort", "protocol", "TCP"),
    ZERO_TEXT("core/v1.EphemeralContainer", "terminationMessagePath", "/dev/termination-log"),
    ZERO_TEXT("core/v1.EphemeralContainer", "terminationMessagePolicy", "File"),
    TEXT("core/v1.GRPCAction", "service", ""),
    ZERO_TEXT("core/v1.HTTPGetAction", "path", "/"),
    ZERO_TEXT("core/v1.HTTPGetAction", "scheme", "HTTP"),
    TEXT("core/v1.HostPathVolumeSource", "type", ""),
    ZERO_TEXT("core/v1.Namespace", "status.phase", "Active"),
    ZERO_TEXT("core/v1.ObjectFieldSelector", "apiVersion", "v1"),
    ZERO_TEXT("core/v1.PersistentVolume", "status.phase", "Pending"),
    ZERO_TEXT("core/v1.PersistentVolume", "spec.persistentVolumeReclaimPolicy", "Retain"),
    TEXT("core/v1.PersistentVolume", "spec.volumeMode", "Filesystem"),
    ZERO_TEXT("core/v1.PersistentVolumeClaim", "status.phase", "Pending"),
    TEXT("core/v1.PersistentVolumeClaimSpec", "volumeMode", "Filesystem"),
    BOOL("core/v1.Pod", "spec.enableServiceLinks", true),
    ZERO_TEXT("core/v1.PodSpec", "dnsPolicy", "ClusterFirst"),
    ZERO_TEXT("core/v1.PodSpec", "restartPolicy", "Always"),
    MAP("core/v1.PodSpec", "securityContext"),
    INT("core/v1.PodSpec", "terminationGracePeriodSeconds", 30),
    ZERO_TEXT("core/v1.PodSpec", "schedulerName", "default-scheduler"),
    ZERO_INT("core/v1.Probe", "timeoutSeconds", 1),
    ZERO_INT("core/v1.Probe", "periodSeconds", 10),
    ZERO_INT("core/v1.Probe", "successThreshold", 1),
    ZERO_INT("core/v1.Probe", "failureThreshold", 3),
    INT("core/v1.ProjectedVolumeSource", "defaultMode", 420),
    ZERO_TEXT("core/v1.Secret", "type", "Opaque"),
    INT("core/v1.SecretVolumeSource", "defaultMode", 420),
    ZERO_TEXT("core/v1.Service", "spec.sessionAffinity", "None"),
    ZERO_TEXT("core/v1.Service", "spec.type", "ClusterIP"),
    INT("core/v1.ServiceAccountTokenProjection", "expirationSeconds", 3600),
    TEXT("discovery.k8s.io/v1.EndpointPort", "name", ""),
    TEXT("discovery.k8s.io/v1.EndpointPort", "protocol", "TCP"),
    INT("flowcontrol.apiserver.k8s.io/v1.ExemptPriorityLevelConfiguration",
        "nominalConcurrencyShares", 0),
    INT("flowcontrol.apiserver.k8s.io/v1.ExemptPriorityLevelConfiguration", "lendablePercent", 0),
    ZERO_INT("flowcontrol.apiserver.k8s.io/v1.FlowSchemaSpec", "matchingPrecedence", 1000),
    INT("flowcontrol.apiserver.k8s.io/v1.LimitedPriorityLevelConfiguration",
        "nominalConcurrencyShares", 30),
    INT("flowcontrol.apiserver.k8s.io/v1.LimitedPriorityLevelConfiguration", "lendablePercent", 0),
    ZERO_INT("flowcontrol.apiserver.k8s.io/v1.QueuingConfiguration", "handSize", 8),
    ZERO_INT("flowcontrol.apiserver.k8s.io/v1.QueuingConfiguration", "queues", 64),
    ZERO_INT("flowcontrol.apiserver.k8s.io/v1.QueuingConfiguration", "queueLengthLimit", 50),
    TEXT("networking.k8s.io/v1.IngressClassParametersReference", "scope", "Cluster"),
    TEXT("networking.k8s.io/v1.NetworkPolicyPort", "protocol", "TCP"),
    ZERO_TEXT("rbac.authorization.k8s.io/v1.ClusterRoleBinding", "roleRef.apiGroup",
              "rbac.authorization.k8s.io"),
    ZERO_TEXT("rbac.authorization.k8s.io/v1.RoleBinding", "roleRef.apiGroup",
              "rbac.authorization.k8s.io"),
    ZERO_TEXT("resource.k8s.io/v1.DeviceSubRequest", "allocationMode", "ExactCount"),
    ZERO_TEXT("resource.k8s.io/v1.DeviceToleration", "operator", "Equal"),
    ZERO_TEXT("resource.k8s.io/v1.ExactDeviceRequest", "allocationMode", "ExactCount"),
    TEXT("scheduling.k8s.io/v1.PriorityClass", "preemptionPolicy", "PreemptLowerPriority"),
    BOOL("storage.k8s.io/v1.CSIDriver", "spec.attachRequired", true),
    BOOL("storage.k8s.io/v1.CSIDriver", "spec.podInfoOnMount", false),
    BOOL("storage.k8s.io/v1.CSIDriver", "spec.storageCapacity", false),
    TEXT("storage.k8s.io/v1.CSIDriver", "spec.fsGroupPolicy", "ReadWriteOnceWithFSType"),
    BOOL("storage.k8s.io/v1.CSIDriver", "spec.requiresRepublish", false),
    BOOL("storage.k8s.io/v1.CSIDriver", "spec.seLinuxMount", false),
    TEXT("storage.k8s.io/v1.StorageClass", "reclaimPolicy", "Delete"),
    TEXT("storage.k8s.io/v1.StorageClass", "volumeBindingMode", "Immediate"),
};
const size_t default_row_count = ARRAY_COUNT(default_rows);
