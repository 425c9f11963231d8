/* DefaultTolerationSeconds: pods stay on a node that is not ready or not reachable for five
 * minutes. */
#include "admit/admit.h"

enum {
    TOLERATION_S = 300
};

static void tolerate(struct admission *ad, struct str key)
{
    struct arena *a = ad->arena;
    node_each(t, node_at(ad->object, "spec.tolerations"))
    {
        struct str own = node_str(t, "key"), effect = node_str(t, "effect");
        if ((str_empty(own) || str_equal(own, key)) &&
            (str_empty(effect) || str_is(effect, "NoExecute")))
            return;
    }
    struct node *toleration = node_map(a);
    node_put_str(a, toleration, "key", key);
    node_put_str(a, toleration, "operator", STR("Exists"));
    node_put_str(a, toleration, "effect", STR("NoExecute"));
    node_put_int(a, toleration, "tolerationSeconds", TOLERATION_S);
    node_append(a, node_need_list(a, ad->object, "spec.tolerations"), toleration);
}

static int tolerations_admit(struct admission *ad, struct status *st maybe_unused)
{
    if (!admit_is(ad, "", "pods"))
        return 0;
    tolerate(ad, STR("node.kubernetes.io/not-ready"));
    tolerate(ad, STR("node.kubernetes.io/unreachable"));
    return 0;
}

REGISTER(admission_plugin, default_tolerations)
= {.name = "DefaultTolerationSeconds",
   .order = 15,
   .operations = ADMIT_CREATE | ADMIT_UPDATE,
   .admit = tolerations_admit};
