/* NodeResourcesBalancedAllocation: nodes whose cpu and memory are used to like shares are wanted
 * more. */
#include "sched/framework.h"

static double share(int64_t used, int64_t all)
{
    double part = all > 0 ? (double)used / (double)all : 1;
    return part > 1 ? 1 : part;
}

static void pre_score(struct sched_cycle *c, bool *ret_skip)
{
    *ret_skip = c->info->requests.cpu_milli == 0 && c->info->requests.memory == 0;
}

static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    double cpu =
        share(n->requested.cpu_milli + c->info->requests.cpu_milli, n->allocatable.cpu_milli);
    double memory = share(n->requested.memory + c->info->requests.memory, n->allocatable.memory);
    double deviation = cpu > memory ? (cpu - memory) / 2 : (memory - cpu) / 2;
    return (int64_t)((1 - deviation) * SCHED_SCORE_MAX);
}

REGISTER(sched_plugin, node_resources_balanced)
= {
    .name = "NodeResourcesBalancedAllocation",
    .order = 150,
    .weight = 1,
    .pre_score = pre_score,
    .score = score,
};
