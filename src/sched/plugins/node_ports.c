/* NodePorts: a host port is given to one pod of a node. */
#include "sched/framework.h"

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    *ret_skip = c->info->ports.count == 0;
    return SCHED_FITS;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    list_each(pod, &n->pods, struct sched_pod, link) {
        if (host_ports_conflict(&c->info->ports, &pod->ports)) {
            *ret_reason = STR("node(s) didn't have free ports for the requested pod ports");
            return SCHED_REFUSED;
        }
    }
    return SCHED_FITS;
}

REGISTER(sched_plugin, node_ports)
= {
    .name = "NodePorts",
    .order = 60,
    .events = SCHED_NODE_ADD | SCHED_POD_DELETE,
    .pre_filter = pre_filter,
    .filter = filter,
};
