/* Pod Security Standards: what the levels baseline and restricted forbid. Source:
 * k8s.io/pod-security-admission/policy. */
#ifndef ADMIT_POD_SECURITY_CHECKS_H
#define ADMIT_POD_SECURITY_CHECKS_H

#include "object/tree.h"

enum security_level {
    SECURITY_PRIVILEGED,
    SECURITY_BASELINE,
    SECURITY_RESTRICTED
};

/* What a pod violates: empty texts when nothing. details: `privileged (container "x" must not ...),
 * hostPort (...)`; reasons without what stands in parentheses. minor: of Kubernetes 1.minor, whose
 * rules count. */
struct security_result {
    struct str details, reasons; /* arena */
};
struct security_result pod_security_check(struct arena *a, enum security_level level, int minor,
                                          const struct node *metadata, const struct node *spec);

#endif
