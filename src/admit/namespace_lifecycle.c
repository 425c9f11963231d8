/* NamespaceLifecycle: nothing is made in a namespace that is missing or being deleted; some
 * namespaces stay. */
#include "admit/admit.h"
#include "object/value.h"

static bool is_immortal(struct str name)
{
    return str_is(name, "default") || str_is(name, "kube-system") || str_is(name, "kube-public");
}

/* Reviews of one's own access are answered in any namespace. */
static bool is_access_review(const struct admission *ad)
{
    return strcmp(ad->resource->group, "authorization.k8s.io") == 0 &&
           strcmp(ad->resource->plural, "localsubjectaccessreviews") == 0;
}

static int lifecycle_admit(struct admission *ad, struct status *st)
{
    bool is_namespace =
        strcmp(ad->resource->plural, "namespaces") == 0 && ad->resource->group[0] == '\0';
    if (ad->operation == ADMIT_DELETE && is_namespace && is_immortal(ad->name))
        return admit_forbidden(ad, st, "this namespace may not be deleted");
    if (is_namespace || str_empty(ad->ns) || ad->operation == ADMIT_DELETE || is_access_review(ad))
        return 0;
    const struct sealed *ns = admit_get(ad, "", "namespaces", STR_NONE, ad->ns);
    if (!ns)
        return status_not_found(st, STR(""), STR("namespaces"), ad->ns);
    if (ad->operation != ADMIT_CREATE ||
        !str_is(value_str(sealed_root(ns), "status.phase"), "Terminating"))
        return 0;
    admit_forbidden(ad, st,
                    "unable to create new content in namespace %.*s because it is being terminated",
                    STR_ARG(ad->ns));
    status_add_cause(st, CAUSE_NAMESPACE_TERMINATING, STR("metadata.namespace"),
                     "namespace %.*s is being terminated", STR_ARG(ad->ns));
    return -1;
}

REGISTER(admission_plugin, namespace_lifecycle)
= {.name = "NamespaceLifecycle",
   .order = 3,
   .operations = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE,
   .admit = lifecycle_admit};
