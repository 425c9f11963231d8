/* NodeResourcesFit: what the pod asks for is free on the node; the emptier node is wanted more
 * (LeastAllocated). */
#include "sched/framework.h"

struct reasons {
    struct sched_cycle *cycle;
    struct str text;
    bool hopeless; /* more than the whole node has */
};

static void add_reason(struct reasons *r, struct str text)
{
    r->text = str_empty(r->text)
                  ? text
                  : arena_printf(r->cycle->arena, "%.*s\n%.*s", STR_ARG(r->text), STR_ARG(text));
}

static void check(struct reasons *r, int64_t asked, int64_t used, int64_t all, struct str text)
{
    if (asked == 0 || asked <= all - used)
        return;
    add_reason(r, text);
    r->hopeless |= asked > all;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    struct reasons r = {.cycle = c};
    const struct sched_amounts *ask = &c->info->requests, *all = &n->allocatable;
    if ((int64_t)n->pod_count + 1 > n->pods_max)
        add_reason(&r, STR("Too many pods"));
    check(&r, ask->cpu_milli, n->requested.cpu_milli, all->cpu_milli, STR("Insufficient cpu"));
    check(&r, ask->memory, n->requested.memory, all->memory, STR("Insufficient memory"));
    check(&r, ask->ephemeral, n->requested.ephemeral, all->ephemeral,
          STR("Insufficient ephemeral-storage"));
    for (int i = 0; i < sched_scalar_count(c->scheduler); i++)
        if (ask->scalars[i] > all->scalars[i] - n->requested.scalars[i])
            check(&r, ask->scalars[i], n->requested.scalars[i], all->scalars[i],
                  arena_printf(c->arena, "Insufficient %.*s",
                               STR_ARG(sched_scalar_name(c->scheduler, i))));
    if (str_empty(r.text))
        return SCHED_FITS;
    *ret_reason = r.text;
    return r.hopeless ? SCHED_UNRESOLVABLE : SCHED_REFUSED;
}

static int64_t free_share(int64_t used, int64_t all)
{
    return all <= 0 || used > all ? 0 : (all - used) * SCHED_SCORE_MAX / all;
}

static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    int64_t total = 0, kinds = 0;
    if (n->allocatable.cpu_milli > 0) {
        total += free_share(n->nonzero_cpu + c->info->nonzero_cpu, n->allocatable.cpu_milli);
        kinds++;
    }
    if (n->allocatable.memory > 0) {
        total += free_share(n->nonzero_memory + c->info->nonzero_memory, n->allocatable.memory);
        kinds++;
    }
    return kinds ? total / kinds : 0;
}

REGISTER(sched_plugin, node_resources_fit)
= {
    .name = "NodeResourcesFit",
    .order = 70,
    .weight = 1,
    .events = SCHED_NODE_ADD | SCHED_NODE_ALLOCATABLE | SCHED_POD_DELETE | SCHED_POD_ITSELF,
    .filter = filter,
    .score = score,
};
