/* TaintNodesByCondition: a new node takes no pods before it is ready. */
#include "admit/admit.h"

static int taint_admit(struct admission *ad, struct status *st maybe_unused)
{
    struct arena *a = ad->arena;
    if (!admit_is(ad, "", "nodes"))
        return 0;
    node_each(taint,
              node_at(ad->object, "spec.taints")) if (str_is(node_str(taint, "key"),
                                                             "node.kubernetes.io/not-ready") &&
                                                      str_is(node_str(taint, "effect"),
                                                             "NoSchedule")) return 0;
    struct node *taint = node_map(a);
    node_put_str(a, taint, "key", STR("node.kubernetes.io/not-ready"));
    node_put_str(a, taint, "effect", STR("NoSchedule"));
    node_append(a, node_need_list(a, ad->object, "spec.taints"), taint);
    return 0;
}

REGISTER(admission_plugin, node_taints)
= {.name = "TaintNodesByCondition", .order = 9, .operations = ADMIT_CREATE, .admit = taint_admit};
