/* Whether this node takes a pod that was bound to it: what the scheduler looked at, looked at once
 * more, as others bind pods, too. Source: pkg/kubelet/lifecycle/predicate.go. */
#ifndef NODE_PREDICATES_H
#define NODE_PREDICATES_H

#include "node/agent_internal.h"

/* Why it doesn't. */
struct rejection {
    char reason[400];  /* of the pod's status: "OutOfcpu", "NodePorts", ... */
    char message[600]; /* without "Pod was rejected: " */
    bool about_node;   /* a newer Node object may say otherwise */
};

/* node: the Node object; NULL: not known, it forbids nothing. False: *ret says why not. */
bool predicates_admit(const struct pod *p, const struct sealed *node, struct rejection *ret);

#endif
