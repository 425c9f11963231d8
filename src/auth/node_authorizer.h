/* Node authorizer: a node may read what the pods bound to it need, and write what is its own.
 *
 * The original keeps a graph; here the store's index by node name is it: pods of the node are read
 * in place and searched for the object asked for. */
#ifndef AUTH_NODE_AUTHORIZER_H
#define AUTH_NODE_AUTHORIZER_H

#include "auth/authorize.h"

/* DECISION_ALLOW, or DECISION_NO_OPINION with a reason (may be empty). */
enum decision node_authorize(struct store *store, struct arena *a, const struct access *access,
                             struct str *ret_reason);

/* Whether a pod (not a mirror pod) refers to an object of its namespace: for NodeRestriction, too.
 * plural: secrets, configmaps, persistentvolumeclaims, serviceaccounts, resourceclaims. */
bool pod_refers_to(const struct sealed *pod, struct str plural, struct str name);

#endif
