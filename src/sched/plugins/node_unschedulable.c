/* NodeUnschedulable: cordoned nodes take only pods that tolerate it. */
#include "sched/framework.h"

static bool tolerates_cordon(struct value tolerations)
{
    struct value_iter it = value_iter(tolerations);
    for (struct value t; value_next(&it, &t);) {
        struct str key = value_str(t, "key"), effect = value_str(t, "effect");
        bool about = str_empty(key) || str_is(key, "node.kubernetes.io/unschedulable");
        bool exists = str_is(value_str(t, "operator"), "Exists");
        if (about && (exists || (!str_empty(key) && str_empty(value_str(t, "value")))) &&
            (str_empty(effect) || str_is(effect, "NoSchedule")))
            return true;
    }
    return false;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    if (!n->unschedulable || tolerates_cordon(value_at(c->spec, "tolerations")))
        return SCHED_FITS;
    *ret_reason = STR("node(s) were unschedulable");
    return SCHED_UNRESOLVABLE;
}

REGISTER(sched_plugin, node_unschedulable)
= {
    .name = "NodeUnschedulable",
    .order = 20,
    .events = SCHED_NODE_ADD | SCHED_NODE_TAINTS | SCHED_POD_ITSELF,
    .filter = filter,
};
