/* NodeName: spec.nodeName, if the pod has one. */
#include "sched/framework.h"

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    struct str wanted = value_str(c->spec, "nodeName");
    if (str_empty(wanted) || str_equal(wanted, n->name))
        return SCHED_FITS;
    *ret_reason = STR("node(s) didn't match the requested node name");
    return SCHED_UNRESOLVABLE;
}

REGISTER(sched_plugin, node_name)
= {
    .name = "NodeName",
    .order = 30,
    .events = SCHED_NODE_ADD,
    .filter = filter,
};
