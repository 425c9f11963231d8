/* Which nodes a pod may be on: node selectors, affinity, taints, ports of the node. Shared by the
 * DaemonSet controller, taint eviction, the scheduler and the node. Sources:
 * k8s.io/component-helpers/scheduling/corev1, k8s.io/kube-scheduler/framework (HostPortInfo). */
#ifndef CONTROL_PLACEMENT_H
#define CONTROL_PLACEMENT_H

#include "base/arena.h"
#include "object/value.h"

enum taint_effects {
    TAINT_NO_SCHEDULE = 1,
    TAINT_NO_EXECUTE = 2,
    TAINT_PREFER_NO_SCHEDULE = 4
};
unsigned taint_effect(struct value taint);
bool toleration_tolerates(struct value toleration, struct value taint);
/* Whether any of a pod's tolerations tolerates the taint. ret (may be NULL): which. */
bool taint_tolerated(struct value tolerations, struct value taint, struct value *ret);
/* The first taint of these effects that is not tolerated. */
bool taints_forbid(struct value taints, struct value tolerations, unsigned effects,
                   struct value *ret_taint);

/* One requirement of a node selector: {key, operator, values} on a label's text; has: whether the
 * label is there. */
bool node_requirement_matches(struct value requirement, bool has, struct str text);
/* A NodeSelectorTerm; an empty one matches nothing. */
bool node_term_matches(struct value term, const struct sealed *node);
/* A NodeSelector: one of its terms. */
bool node_selector_matches(struct value selector, const struct sealed *node);
/* spec.nodeSelector and the required node affinity of a pod. */
bool pod_selects_node(struct value pod_spec, const struct sealed *node);

/* A port of the node that a pod takes. */
struct host_port {
    uint16_t number;
    char protocol;      /* 'T', 'U', 'S' */
    struct str address; /* borrowed from the pod; empty: every one */
};
struct host_ports {
    struct host_port *items; /* arena; NULL: none */
    size_t count;
};
/* Those of the pod's containers and sidecars; init containers that end don't count. */
struct host_ports pod_host_ports(struct arena *a, struct value pod_spec);
/* Whether both want the same port of one address. */
bool host_ports_conflict(const struct host_ports *x, const struct host_ports *y);

#endif
