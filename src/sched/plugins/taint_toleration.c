/* TaintToleration: taints keep pods away, or make a node less wanted. */
#include "control/placement.h"
#include "sched/framework.h"

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const unsigned effects = TAINT_NO_SCHEDULE | TAINT_NO_EXECUTE;
    if (!(n->taints & effects))
        return SCHED_FITS;
    const struct sealed *node = sched_node_object(c->scheduler, n);
    if (node && !taints_forbid(value_at(sealed_root(node), "spec.taints"),
                               value_at(c->spec, "tolerations"), effects, NULL))
        return SCHED_FITS;
    *ret_reason = STR("node(s) had untolerated taint(s)");
    return SCHED_UNRESOLVABLE;
}

static void pre_score(struct sched_cycle *c, bool *ret_skip)
{
    unsigned any = 0;
    for (size_t i = 0; i < c->feasible_count; i++)
        any |= c->feasible[i]->taints;
    *ret_skip = !(any & TAINT_PREFER_NO_SCHEDULE);
}

/* Taints that the pod would rather avoid. */
static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    const struct sealed *node = sched_node_object(c->scheduler, n);
    int64_t count = 0;
    if (!node || !(n->taints & TAINT_PREFER_NO_SCHEDULE))
        return 0;
    struct value_iter it = value_iter(value_at(sealed_root(node), "spec.taints"));
    for (struct value taint; value_next(&it, &taint);)
        count += taint_effect(taint) == TAINT_PREFER_NO_SCHEDULE &&
                 !taint_tolerated(value_at(c->spec, "tolerations"), taint, NULL);
    return count;
}

static void normalize(struct sched_cycle *c maybe_unused, int64_t *scores, size_t count)
{
    sched_normalize(scores, count, true);
}

REGISTER(sched_plugin, taint_toleration)
= {
    .name = "TaintToleration",
    .order = 40,
    .weight = 3,
    .events = SCHED_NODE_ADD | SCHED_NODE_TAINTS | SCHED_POD_ITSELF,
    .filter = filter,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
};
