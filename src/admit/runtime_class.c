/* RuntimeClass: it must exist; its overhead and scheduling become the pod's. */
#include "admit/admit.h"
#include "auth/quote.h"
#include "object/seal.h"
#include "object/value.h"

static bool is_pod(const struct admission *ad)
{
    return admit_is(ad, "", "pods");
}

static int merge_scheduling(struct admission *ad, const struct node *scheduling, struct status *st)
{
    struct arena *a = ad->arena;
    member_each(m, node_get(scheduling, STR("nodeSelector")))
    {
        struct node *selector = node_need_map(a, ad->object, "spec.nodeSelector");
        const struct node *own = node_get(selector, m->name);
        if (own && !node_equal(own, m->value))
            return admit_forbidden(ad, st,
                                   "conflict: runtimeClass.scheduling.nodeSelector[%.*s] = %.*s; "
                                   "pod.spec.nodeSelector[%.*s] = %.*s",
                                   STR_ARG(m->name), STR_ARG(node_str(m->value, "")),
                                   STR_ARG(m->name), STR_ARG(node_str(own, "")));
        node_set(a, selector, m->name, m->value);
    }
    node_each(toleration, node_get(scheduling, STR("tolerations")))
    {
        struct node *list = node_need_list(a, ad->object, "spec.tolerations");
        bool known = false;
        node_each(own, list) known = known || node_equal(own, toleration);
        if (!known)
            node_append(a, list, toleration);
    }
    return 0;
}

static int runtime_admit(struct admission *ad, struct status *st)
{
    struct str name = node_str(ad->object, "spec.runtimeClassName");
    if (!is_pod(ad) || str_empty(name))
        return 0;
    const struct sealed *class = admit_get(ad, "node.k8s.io", "runtimeclasses", STR_NONE, name);
    if (!class) {
        struct str quoted = quote(ad->arena, name);
        return admit_forbidden(ad, st, "pod rejected: RuntimeClass %.*s not found",
                               STR_ARG(quoted));
    }
    struct node *copy = unseal(ad->arena, class), *fixed = node_at(copy, "overhead.podFixed"),
                *own = node_at(ad->object, "spec.overhead");
    if (fixed && own && !node_equal(fixed, own))
        return admit_forbidden(
            ad, st, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    if (fixed)
        node_put(ad->arena, ad->object, "spec.overhead", fixed);
    return merge_scheduling(ad, node_get(copy, STR("scheduling")), st);
}

static int runtime_validate(struct admission *ad, struct status *st)
{
    if (!is_pod(ad) || !node_count(node_at(ad->object, "spec.overhead")))
        return 0;
    struct str name = node_str(ad->object, "spec.runtimeClassName");
    const struct sealed *class =
        str_empty(name) ? NULL : admit_get(ad, "node.k8s.io", "runtimeclasses", STR_NONE, name);
    if (!class || !value_present(value_at(sealed_root(class), "overhead")))
        return admit_forbidden(
            ad, st,
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
    return 0;
}

REGISTER(admission_plugin, runtime_class)
= {.name = "RuntimeClass",
   .order = 24,
   .operations = ADMIT_CREATE,
   .admit = runtime_admit,
   .validate = runtime_validate};
