/* NodeAffinity: node selectors and node affinity, required and preferred. */
#include "control/placement.h"
#include "sched/framework.h"

static const char preferred[] =
    "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution";

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    *ret_skip = value_count(value_at(c->spec, "nodeSelector")) == 0 &&
                !value_present(value_at(c->spec, "affinity.nodeAffinity."
                                                 "requiredDuringSchedulingIgnoredDuringExecution"));
    return SCHED_FITS;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct sealed *node = sched_node_object(c->scheduler, n);
    if (node && pod_selects_node(c->spec, node))
        return SCHED_FITS;
    *ret_reason = STR("node(s) didn't match Pod's node affinity/selector");
    return SCHED_UNRESOLVABLE;
}

static void pre_score(struct sched_cycle *c, bool *ret_skip)
{
    *ret_skip = value_count(value_at(c->spec, preferred)) == 0;
}

static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    const struct sealed *node = sched_node_object(c->scheduler, n);
    int64_t total = 0;
    struct value_iter it = value_iter(value_at(c->spec, preferred));
    for (struct value term; node && value_next(&it, &term);)
        if (node_term_matches(value_at(term, "preference"), node))
            total += value_int(term, "weight", 0);
    return total;
}

static void normalize(struct sched_cycle *c maybe_unused, int64_t *scores, size_t count)
{
    sched_normalize(scores, count, false);
}

REGISTER(sched_plugin, node_affinity)
= {
    .name = "NodeAffinity",
    .order = 50,
    .weight = 2,
    .events = SCHED_NODE_ADD | SCHED_NODE_LABELS | SCHED_POD_ITSELF,
    .pre_filter = pre_filter,
    .filter = filter,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
};
