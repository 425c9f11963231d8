/* Access policies: EKS's own authorization beside RBAC.
 *
 * The token webhook names the policies that are associated with the caller's access entry in the
 * user's extra under ACCESS_POLICY_EXTRA, one "NAME" (whole cluster) or "NAME@ns1,ns2*"
 * (namespaces, * as wildcard) each. So they belong to the authenticated caller and not to whom they
 * impersonate. Source: the EKS user guide, "access policy permissions". */
#ifndef AUTH_ACCESS_POLICY_H
#define AUTH_ACCESS_POLICY_H

#include "auth/authorize.h"

#define ACCESS_POLICY_EXTRA "kaname.dev/access-policies"

struct access_policy_rule {
    const char *policy; /* "AmazonEKSViewPolicy" */
    const char
        *groups; /* joined by commas, "" is the core group, "*" all; NULL: a rule about paths */
    const char *urls, *resources, *verbs; /* joined by commas */
};
extern const struct access_policy_rule access_policy_rules[];
extern const size_t access_policy_rule_count;

/* DECISION_ALLOW or DECISION_NO_OPINION. */
enum decision access_policy_authorize(const struct access *access);
bool access_policy_exists(struct str name);

#endif
