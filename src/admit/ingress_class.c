/* DefaultIngressClass: an Ingress that names no class gets the default one. */
#include "admit/default_class.h"

static int ingress_admit(struct admission *ad, struct status *st maybe_unused)
{
    static const char *const annotations[] = {"ingressclass.kubernetes.io/is-default-class", NULL};
    if (!admit_is(ad, "networking.k8s.io", "ingresses") ||
        node_at(ad->object, "spec.ingressClassName") ||
        node_get(node_at(ad->object, "metadata.annotations"), STR("kubernetes.io/ingress.class")))
        return 0;
    const struct sealed *class =
        default_class_of(ad, "networking.k8s.io", "ingressclasses", annotations);
    if (class)
        node_put_str(ad->arena, ad->object, "spec.ingressClassName", object_name(class));
    return 0;
}

REGISTER(admission_plugin, default_ingress_class)
= {.name = "DefaultIngressClass", .order = 29, .operations = ADMIT_CREATE, .admit = ingress_admit};
