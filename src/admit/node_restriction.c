/* NodeRestriction: a node changes its own Node, Lease, CSINode and the status of its pods, nothing
 * else. */
#include "admit/admit.h"
#include "auth/quote.h"
#include "object/value.h"

struct restriction {
    struct admission *ad;
    struct status *st;
    struct str node, quoted; /* the node's name, plain and in quotes */
};

#define REFUSE(r, format, ...) admit_forbidden((r)->ad, (r)->st, format, ##__VA_ARGS__)

static const struct sealed *pod_of(const struct restriction *r, struct str name)
{
    return admit_get(r->ad, "", "pods", r->ad->ns, name);
}

static bool is_on_node(const struct restriction *r, const struct sealed *pod)
{
    return str_equal(value_str(sealed_root(pod), "spec.nodeName"), r->node);
}

static int check_owner(const struct restriction *r)
{
    const struct node *owners = node_at(r->ad->object, "metadata.ownerReferences"),
                      *owner = node_item(owners, 0);
    if (node_count(owners) > 1)
        return REFUSE(r,
                      "node %.*s can only create pods with a single owner reference set to itself",
                      STR_ARG(r->quoted));
    if (!owner || !str_is(node_str(owner, "apiVersion"), "v1") ||
        !str_is(node_str(owner, "kind"), "Node") || !str_equal(node_str(owner, "name"), r->node))
        return REFUSE(r, "node %.*s can only create pods with an owner reference set to itself",
                      STR_ARG(r->quoted));
    if (!node_flag(owner, "controller", false))
        return REFUSE(
            r, "node %.*s can only create pods with a controller owner reference set to itself",
            STR_ARG(r->quoted));
    if (node_flag(owner, "blockOwnerDeletion", false))
        return REFUSE(r, "node %.*s must not set blockOwnerDeletion on an owner reference",
                      STR_ARG(r->quoted));
    const struct sealed *node = admit_get(r->ad, "", "nodes", STR_NONE, r->node);
    if (!node)
        return status_not_found(r->st, STR(""), STR("nodes"), r->node);
    struct str uid = object_uid(node), given = node_str(owner, "uid");
    if (!str_equal(uid, given))
        return REFUSE(r, "node %.*s UID mismatch: expected %.*s got %.*s", STR_ARG(r->node),
                      STR_ARG(given), STR_ARG(uid));
    return 0;
}

/* Mirror pods refer to nothing of the API: they would give the node access to it. */
static int check_references(const struct restriction *r)
{
    static const struct {
        const char *member, *word;
    } kinds[] = {{"secret", "secrets"},
                 {"configMap", "configmaps"},
                 {"persistentVolumeClaim", "persistentvolumeclaims"},
                 {"ephemeral", "persistentvolumeclaims"}};
    const struct node *pod = r->ad->object;
    const char *word = NULL;
    if (!str_empty(node_str(pod, "spec.serviceAccountName")))
        word = "serviceaccounts";
    if (node_count(node_at(pod, "spec.imagePullSecrets")))
        word = "secrets";
    if (node_count(node_at(pod, "spec.resourceClaims")))
        word = "resourceclaims";
    node_each(volume, node_at(pod, "spec.volumes"))
    {
        for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
            if (node_get(volume, str_from(kinds[i].member)))
                word = kinds[i].word;
        node_each(source, node_at(volume, "projected.sources")) word =
            node_get(source, STR("secret"))                ? "secrets"
            : node_get(source, STR("configMap"))           ? "configmaps"
            : node_get(source, STR("serviceAccountToken")) ? "serviceaccounts"
                                                           : word;
    }
    node_each(container, node_at(pod, "spec.containers"))
    {
        node_each(from, node_get(container, STR("envFrom"))) word =
            node_get(from, STR("secretRef"))      ? "secrets"
            : node_get(from, STR("configMapRef")) ? "configmaps"
                                                  : word;
        node_each(variable, node_get(container, STR("env"))) word =
            node_at(variable, "valueFrom.secretKeyRef")      ? "secrets"
            : node_at(variable, "valueFrom.configMapKeyRef") ? "configmaps"
                                                             : word;
    }
    return word ? REFUSE(r, "node %.*s can not create pods that reference %s", STR_ARG(r->quoted),
                         word)
                : 0;
}

static int pods(const struct restriction *r)
{
    struct admission *ad = r->ad;
    if (ad->operation == ADMIT_DELETE) {
        const struct sealed *pod = pod_of(r, ad->name);
        if (!pod)
            return status_not_found(r->st, STR(""), STR("pods"), ad->name);
        if (!is_on_node(r, pod))
            return REFUSE(r, "node %.*s can only delete pods with spec.nodeName set to itself",
                          STR_ARG(r->quoted));
        return 0;
    }
    if (ad->operation != ADMIT_CREATE)
        return REFUSE(
            r, "unexpected operation \"UPDATE\", node %.*s can only create and delete mirror pods",
            STR_ARG(r->quoted));
    if (!node_get(node_at(ad->object, "metadata.annotations"), STR("kubernetes.io/config.mirror")))
        return REFUSE(r,
                      "pod does not have \"kubernetes.io/config.mirror\" annotation, node %.*s can "
                      "only create mirror pods",
                      STR_ARG(r->quoted));
    if (!str_equal(node_str(ad->object, "spec.nodeName"), r->node))
        return REFUSE(r, "node %.*s can only create pods with spec.nodeName set to itself",
                      STR_ARG(r->quoted));
    if (check_owner(r) != 0)
        return -1;
    return check_references(r);
}

static bool same(const struct node *a, const struct node *b)
{
    if (node_count(a) == 0 && node_count(b) == 0)
        return true;
    return a && b && node_equal(a, b);
}

static int pod_status(const struct restriction *r)
{
    struct admission *ad = r->ad;
    if (ad->operation != ADMIT_UPDATE)
        return REFUSE(r, "unexpected operation");
    if (!str_equal(node_str(ad->old_object, "spec.nodeName"), r->node))
        return REFUSE(
            r, "node %.*s can only update pod status for pods with spec.nodeName set to itself",
            STR_ARG(r->quoted));
    if (!same(node_at(ad->object, "metadata.labels"), node_at(ad->old_object, "metadata.labels")))
        return REFUSE(r, "node %.*s cannot update labels through pod status", STR_ARG(r->quoted));
    if (!same(node_at(ad->object, "status.resourceClaimStatuses"),
              node_at(ad->old_object, "status.resourceClaimStatuses")))
        return REFUSE(r, "node %.*s cannot update resource claim statues", STR_ARG(r->quoted));
    return 0;
}

static int pod_eviction(const struct restriction *r)
{
    struct str name =
        str_empty(r->ad->name) ? node_str(r->ad->object, "metadata.name") : r->ad->name;
    const struct sealed *pod = pod_of(r, name);
    if (!pod)
        return status_not_found(r->st, STR(""), STR("pods"), name);
    return is_on_node(r, pod)
               ? 0
               : REFUSE(r, "node %.*s can only evict pods with spec.nodeName set to itself",
                        STR_ARG(r->node));
}

static bool in_domain(struct str prefix, const char *domain)
{
    char dotted[64];
    snprintf(dotted, sizeof(dotted), ".%s", domain);
    return str_is(prefix, domain) || str_ends(prefix, dotted);
}

/* Labels of Kubernetes that a node may not give itself. */
static bool is_forbidden_label(struct str key)
{
    static const char *const own[] = {"kubernetes.io/hostname",
                                      "kubernetes.io/arch",
                                      "kubernetes.io/os",
                                      "beta.kubernetes.io/arch",
                                      "beta.kubernetes.io/os",
                                      "beta.kubernetes.io/instance-type",
                                      "node.kubernetes.io/instance-type",
                                      "failure-domain.beta.kubernetes.io/region",
                                      "failure-domain.beta.kubernetes.io/zone",
                                      "failure-domain.kubernetes.io/region",
                                      "failure-domain.kubernetes.io/zone",
                                      "topology.kubernetes.io/region",
                                      "topology.kubernetes.io/zone"};
    ssize_t slash = str_find(key, '/');
    struct str prefix = slash < 0 ? STR_NONE : str_slice(key, 0, (size_t)slash);
    if (in_domain(prefix, "node-restriction.kubernetes.io"))
        return true;
    if (!in_domain(prefix, "kubernetes.io") && !in_domain(prefix, "k8s.io"))
        return false;
    if (in_domain(prefix, "kubelet.kubernetes.io") || in_domain(prefix, "node.kubernetes.io"))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(own); i++)
        if (str_is(key, own[i]))
            return false;
    return true;
}

/* Names of forbidden labels that differ, in order and joined by commas; empty when there is none.
 */
static struct str forbidden_changes(struct arena *a, const struct node *now,
                                    const struct node *before)
{
    struct str *names = arena_array(a, struct str, node_count(now) + node_count(before)),
               text = STR_NONE;
    size_t count = 0;
    member_each(m, now)
    {
        const struct node *was = node_get(before, m->name);
        if ((!was || !node_equal(was, m->value)) && is_forbidden_label(m->name))
            names[count++] = m->name;
    }
    member_each(m, before) if (!node_get(now, m->name) && is_forbidden_label(m->name))
        names[count++] = m->name;
    qsort(names, count, sizeof(*names), str_compare_items);
    for (size_t i = 0; i < count; i++)
        text = i ? arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(names[i])) : names[i];
    return text;
}

static int nodes(const struct restriction *r)
{
    struct admission *ad = r->ad;
    struct str name = str_empty(ad->name) ? node_str(ad->object, "metadata.name") : ad->name;
    if (!str_equal(name, r->node)) {
        struct str other = quote(ad->arena, name);
        return REFUSE(r, "node %.*s is not allowed to modify node %.*s", STR_ARG(r->quoted),
                      STR_ARG(other));
    }
    if (ad->operation == ADMIT_DELETE)
        return 0;
    struct str labels =
        forbidden_changes(ad->arena, node_at(ad->object, "metadata.labels"),
                          ad->old_object ? node_at(ad->old_object, "metadata.labels") : NULL);
    if (ad->operation == ADMIT_CREATE && !str_empty(labels))
        return REFUSE(r, "node %.*s is not allowed to set the following labels: %.*s",
                      STR_ARG(r->quoted), STR_ARG(labels));
    if (ad->operation == ADMIT_CREATE)
        return 0;
    if (!same(node_at(ad->object, "spec.taints"), node_at(ad->old_object, "spec.taints")))
        return REFUSE(r, "node %.*s is not allowed to modify taints", STR_ARG(r->quoted));
    if (!same(node_at(ad->object, "metadata.ownerReferences"),
              node_at(ad->old_object, "metadata.ownerReferences")))
        return REFUSE(r, "node %.*s is not allowed to modify ownerReferences", STR_ARG(r->quoted));
    if (!str_empty(labels))
        return REFUSE(r, "is not allowed to modify labels: %.*s", STR_ARG(labels));
    return 0;
}

static int claims(const struct restriction *r)
{
    static const char *const free_members[] = {"metadata.resourceVersion",
                                               "metadata.managedFields",
                                               "status.capacity",
                                               "status.conditions",
                                               "status.allocatedResourceStatuses",
                                               "status.allocatedResources"};
    if (!str_is(r->ad->subresource, "status"))
        return REFUSE(r, "may only update PVC status");
    struct node *now = node_copy(r->ad->arena, r->ad->object),
                *before = node_copy(r->ad->arena, r->ad->old_object);
    for (size_t i = 0; i < ARRAY_COUNT(free_members); i++) {
        node_del(now, free_members[i]);
        node_del(before, free_members[i]);
    }
    if (node_equal(now, before))
        return 0;
    return REFUSE(r,
                  "node %.*s is not allowed to update fields other than status.quantity and "
                  "status.conditions: ",
                  STR_ARG(r->quoted));
}

static bool has_audience(const struct sealed *pod, struct str audience)
{
    struct value_iter volumes = value_iter(value_at(sealed_root(pod), "spec.volumes"));
    for (struct value volume; value_next(&volumes, &volume);) {
        struct value_iter sources = value_iter(value_at(volume, "projected.sources"));
        for (struct value source; value_next(&sources, &source);)
            if (value_present(value_at(source, "serviceAccountToken")) &&
                str_equal(value_str(source, "serviceAccountToken.audience"), audience))
                return true;
    }
    return false;
}

static int check_audience(const struct restriction *r, const struct sealed *pod)
{
    struct admission *ad = r->ad;
    const struct node *audiences = node_at(ad->object, "spec.audiences");
    struct str audience = node_str(node_item(audiences, 0), ""), reason;
    if (node_count(audiences) > 1)
        return REFUSE(r, "node may only request 0 or 1 audiences");
    if (has_audience(pod, audience))
        return 0;
    struct access access = {.user = ad->user,
                            .verb = "request-serviceaccounts-token-audience",
                            .resource_request = true,
                            .version = STR("v1"),
                            .resource = audience,
                            .ns = ad->ns,
                            .name = ad->name};
    if (authorize(ad->env->authorizer, ad->arena, &access, &reason) == DECISION_ALLOW)
        return 0;
    struct str quoted = quote(ad->arena, audience);
    return REFUSE(r,
                  "audience %.*s not found in pod spec volume, %.*s is not authorized to request "
                  "tokens for this audience",
                  STR_ARG(quoted), STR_ARG(ad->user->name));
}

static int service_accounts(const struct restriction *r)
{
    struct admission *ad = r->ad;
    const struct node *ref = node_at(ad->object, "spec.boundObjectRef");
    struct str name = node_str(ref, "name"), uid = node_str(ref, "uid");
    if (ad->operation != ADMIT_CREATE || !str_is(ad->subresource, "token"))
        return 0;
    if (!str_is(node_str(ref, "apiVersion"), "v1") || !str_is(node_str(ref, "kind"), "Pod") ||
        str_empty(name))
        return REFUSE(r, "node requested token not bound to a pod");
    if (str_empty(uid))
        return REFUSE(r, "node requested token with a pod binding without a uid");
    const struct sealed *pod = pod_of(r, name);
    if (!pod)
        return status_not_found(r->st, STR(""), STR("pods"), name);
    if (!str_equal(object_uid(pod), uid))
        return REFUSE(r,
                      "the UID in the bound object reference (%.*s) does not match the UID in "
                      "record. The object might have been "
                      "deleted and then recreated",
                      STR_ARG(uid));
    if (!is_on_node(r, pod))
        return REFUSE(r, "node requested token bound to a pod scheduled on a different node");
    return check_audience(r, pod);
}

static int leases(const struct restriction *r)
{
    struct admission *ad = r->ad;
    struct str name = str_empty(ad->name) ? node_str(ad->object, "metadata.name") : ad->name;
    if (!str_is(ad->ns, "kube-node-lease"))
        return REFUSE(r, "can only access leases in the \"kube-node-lease\" system namespace");
    return str_equal(name, r->node)
               ? 0
               : REFUSE(r, "can only access node lease with the same name as the requesting node");
}

static int csi_nodes(const struct restriction *r)
{
    struct str name =
        str_empty(r->ad->name) ? node_str(r->ad->object, "metadata.name") : r->ad->name;
    return str_equal(name, r->node)
               ? 0
               : REFUSE(r, "can only access CSINode with the same name as the requesting node");
}

static int resource_slices(const struct restriction *r)
{
    if (r->ad->operation == ADMIT_CREATE &&
        !str_equal(node_str(r->ad->object, "spec.nodeName"), r->node))
        return REFUSE(
            r, "can only create ResourceSlice with the same NodeName as the requesting node");
    return 0;
}

static const struct {
    const char *group, *plural;
    int (*check)(const struct restriction *r);
} restricted[] = {{"", "nodes", nodes},
                  {"", "persistentvolumeclaims", claims},
                  {"", "serviceaccounts", service_accounts},
                  {"coordination.k8s.io", "leases", leases},
                  {"storage.k8s.io", "csinodes", csi_nodes},
                  {"resource.k8s.io", "resourceslices", resource_slices}};

static int restriction_admit(struct admission *ad, struct status *st)
{
    struct restriction r = {.ad = ad, .st = st};
    if (!user_is_node(ad->user, &r.node))
        return 0;
    struct str user = quote(ad->arena, ad->user->name);
    if (str_empty(r.node))
        return admit_forbidden(ad, st, "could not determine node from user %.*s", STR_ARG(user));
    r.quoted = quote(ad->arena, r.node);
    if (strcmp(ad->resource->plural, "pods") == 0 && ad->resource->group[0] == '\0') {
        if (str_empty(ad->subresource))
            return pods(&r);
        if (str_is(ad->subresource, "status"))
            return pod_status(&r);
        if (str_is(ad->subresource, "eviction"))
            return pod_eviction(&r);
        struct str sub = quote(ad->arena, ad->subresource);
        return admit_forbidden(
            ad, st, "unexpected pod subresource %.*s, only 'status' and 'eviction' are allowed",
            STR_ARG(sub));
    }
    for (size_t i = 0; i < ARRAY_COUNT(restricted); i++)
        if (strcmp(ad->resource->group, restricted[i].group) == 0 &&
            strcmp(ad->resource->plural, restricted[i].plural) == 0)
            return restricted[i].check(&r);
    return 0;
}

REGISTER(admission_plugin, node_restriction)
= {.name = "NodeRestriction",
   .order = 8,
   .operations = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE,
   .admit = restriction_admit};
