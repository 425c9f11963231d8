#include "auth/node_authorizer.h"

#include "auth/policy_rule.h"
#include "auth/quote.h"
#include "auth/stored.h"

/* What every node may do, beside what is decided object by object. */
static const struct static_rule node_rules[] = {
    {"create", "authentication.k8s.io", "tokenreviews"},
    {"create", "authorization.k8s.io", "subjectaccessreviews,localsubjectaccessreviews"},
    {"get,list,watch", "", "services"},
    {"create,update,patch", "", "events"},
    {"create,update,patch", "events.k8s.io", "events"},
    {"get", "", "endpoints"},
    {"create,get,list,watch", "certificates.k8s.io", "certificatesigningrequests"},
    {"get,watch,list", "storage.k8s.io", "csidrivers"},
    {"get,list,watch", "node.k8s.io", "runtimeclasses"},
};

static struct str key_at(struct value v, const char *path)
{
    return value_str(v, path);
}

/* A volume's references, by what they name: member path of the volume. */
static const struct {
    const char *plural, *path;
} volume_refs[] = {
    {"secrets", "azureFile.secretName"},
    {"secrets", "cephfs.secretRef.name"},
    {"secrets", "cinder.secretRef.name"},
    {"secrets", "flexVolume.secretRef.name"},
    {"secrets", "rbd.secretRef.name"},
    {"secrets", "secret.secretName"},
    {"secrets", "scaleIO.secretRef.name"},
    {"secrets", "iscsi.secretRef.name"},
    {"secrets", "storageos.secretRef.name"},
    {"secrets", "csi.nodePublishSecretRef.name"},
    {"configmaps", "configMap.name"},
    {"persistentvolumeclaims", "persistentVolumeClaim.claimName"},
};

static bool projected_refers(struct value volume, struct str plural, struct str name)
{
    const char *path = str_is(plural, "secrets") ? "secret.name" : "configMap.name";
    struct value_iter it = value_iter(value_at(volume, "projected.sources"));
    for (struct value source; value_next(&it, &source);)
        if (str_equal(key_at(source, path), name))
            return true;
    return false;
}

/* The claim of an ephemeral volume is called POD-VOLUME. */
static bool is_ephemeral_claim(const struct sealed *pod, struct value volume, struct str name)
{
    struct str pod_name = object_name(pod), volume_name = value_str(volume, "name");
    return value_present(value_at(volume, "ephemeral")) &&
           name.len == pod_name.len + 1 + volume_name.len &&
           str_equal(str_slice(name, 0, pod_name.len), pod_name) &&
           name.data[pod_name.len] == '-' &&
           str_equal(str_slice(name, pod_name.len + 1, name.len), volume_name);
}

static bool volumes_refer(const struct sealed *pod, struct str plural, struct str name)
{
    bool claims = str_is(plural, "persistentvolumeclaims");
    struct value_iter it = value_iter(value_at(sealed_root(pod), "spec.volumes"));
    for (struct value volume; value_next(&it, &volume);) {
        for (size_t i = 0; i < ARRAY_COUNT(volume_refs); i++)
            if (str_is(plural, volume_refs[i].plural) &&
                str_equal(key_at(volume, volume_refs[i].path), name))
                return true;
        if (claims ? is_ephemeral_claim(pod, volume, name) : projected_refers(volume, plural, name))
            return true;
    }
    return false;
}

static bool containers_refer(const struct sealed *pod, struct str plural, struct str name)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers",
                                        "spec.ephemeralContainers"};
    bool secrets = str_is(plural, "secrets");
    const char *one = secrets ? "valueFrom.secretKeyRef.name" : "valueFrom.configMapKeyRef.name";
    const char *all = secrets ? "secretRef.name" : "configMapRef.name";
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct value_iter it = value_iter(value_at(sealed_root(pod), lists[i]));
        for (struct value container; value_next(&it, &container);) {
            struct value_iter env = value_iter(value_at(container, "env"));
            for (struct value v; value_next(&env, &v);)
                if (str_equal(key_at(v, one), name))
                    return true;
            struct value_iter from = value_iter(value_at(container, "envFrom"));
            for (struct value v; value_next(&from, &v);)
                if (str_equal(key_at(v, all), name))
                    return true;
        }
    }
    return false;
}

static bool list_names(struct value list, const char *path, struct str name)
{
    struct value_iter it = value_iter(list);
    for (struct value item; value_next(&it, &item);)
        if (str_equal(key_at(item, path), name))
            return true;
    return false;
}

bool pod_refers_to(const struct sealed *pod, struct str plural, struct str name)
{
    struct value root = sealed_root(pod);
    /* A node makes mirror pods itself: they give it nothing. */
    if (str_empty(name) || !str_empty(object_annotation(pod, "kubernetes.io/config.mirror")))
        return false;
    if (str_is(plural, "serviceaccounts"))
        return str_equal(value_str(root, "spec.serviceAccountName"), name);
    if (str_is(plural, "resourceclaims"))
        return list_names(value_at(root, "status.resourceClaimStatuses"), "resourceClaimName",
                          name) ||
               list_names(value_at(root, "spec.resourceClaims"), "resourceClaimName", name) ||
               str_equal(value_str(root, "status.extendedResourceClaimStatus.resourceClaimName"),
                         name);
    if (str_is(plural, "persistentvolumeclaims"))
        return volumes_refer(pod, plural, name);
    if (str_is(plural, "secrets") &&
        list_names(value_at(root, "spec.imagePullSecrets"), "name", name))
        return true;
    return containers_refer(pod, plural, name) || volumes_refer(pod, plural, name);
}

struct search {
    struct store *store;
    struct str plural, ns, name;
    bool found;
};

static bool visit_pod(void *arg, const struct store_record *record)
{
    struct search *s = arg;
    if (record->key.resource != resource_named("", "pods")->storage_id ||
        !str_equal(record->key.ns, s->ns))
        return true;
    s->found = pod_refers_to(record->value, s->plural, s->name);
    return !s->found;
}

static bool pods_refer(struct store *store, struct str node, struct str plural, struct str ns,
                       struct str name)
{
    struct search s = {.store = store, .plural = plural, .ns = ns, .name = name};
    return store_by_node(store, node, visit_pod, &s) == 0 && s.found;
}

/* A volume is related through the claim that it is bound to. */
static bool volume_is_related(struct store *store, struct str node, const struct sealed *volume)
{
    struct value claim = value_at(sealed_root(volume), "spec.claimRef");
    return value_present(claim) &&
           pods_refer(store, node, STR("persistentvolumeclaims"), value_str(claim, "namespace"),
                      value_str(claim, "name"));
}

/* Secrets that a volume makes its node read; each with where its namespace stands (else the claim's
 * counts). */
static bool volume_names_secret(const struct sealed *volume, struct str ns, struct str name)
{
    static const struct {
        const char *name, *ns;
    } refs[] = {
        {"spec.azureFile.secretName", "spec.azureFile.secretNamespace"},
        {"spec.cephfs.secretRef.name", "spec.cephfs.secretRef.namespace"},
        {"spec.cinder.secretRef.name", "spec.cinder.secretRef.namespace"},
        {"spec.flexVolume.secretRef.name", "spec.flexVolume.secretRef.namespace"},
        {"spec.rbd.secretRef.name", "spec.rbd.secretRef.namespace"},
        {"spec.scaleIO.secretRef.name", "spec.scaleIO.secretRef.namespace"},
        {"spec.iscsi.secretRef.name", "spec.iscsi.secretRef.namespace"},
        {"spec.storageos.secretRef.name", "spec.storageos.secretRef.namespace"},
        {"spec.csi.nodePublishSecretRef.name", "spec.csi.nodePublishSecretRef.namespace"},
        {"spec.csi.nodeStageSecretRef.name", "spec.csi.nodeStageSecretRef.namespace"},
        {"spec.csi.nodeExpandSecretRef.name", "spec.csi.nodeExpandSecretRef.namespace"},
    };
    struct value root = sealed_root(volume);
    for (size_t i = 0; i < ARRAY_COUNT(refs); i++) {
        if (!str_equal(value_str(root, refs[i].name), name))
            continue;
        struct str where = value_str(root, refs[i].ns);
        if (str_empty(where))
            where = value_str(root, "spec.claimRef.namespace");
        if (str_equal(where, ns))
            return true;
    }
    return false;
}

static bool visit_volume(void *arg, const struct store_record *record)
{
    struct search *s = arg;
    /* plural holds the node's name here. */
    s->found = volume_names_secret(record->value, s->ns, s->name) &&
               volume_is_related(s->store, s->plural, record->value);
    return !s->found;
}

static bool volumes_need_secret(struct store *store, struct str node, struct str ns,
                                struct str name)
{
    struct search s = {.store = store, .plural = node, .ns = ns, .name = name};
    struct store_range range = {.resource = resource_named("", "persistentvolumes")->storage_id};
    return store_list(store, &range, visit_volume, &s) == 0 && s.found;
}

static bool object_is_on(struct store *store, const char *group, const char *plural, struct str ns,
                         struct str name, struct str node)
{
    const struct sealed *object = stored_object(store, group, plural, ns, name);
    return object && str_equal(value_str(sealed_root(object), "spec.nodeName"), node);
}

static bool is_related(struct store *store, struct str node, const struct access *x)
{
    if (str_is(x->resource, "pods"))
        return object_is_on(store, "", "pods", x->ns, x->name, node);
    if (str_is(x->resource, "volumeattachments"))
        return object_is_on(store, "storage.k8s.io", "volumeattachments", STR_NONE, x->name, node);
    if (str_is(x->resource, "resourceslices"))
        return object_is_on(store, "resource.k8s.io", "resourceslices", STR_NONE, x->name, node);
    if (str_is(x->resource, "persistentvolumes")) {
        const struct sealed *volume =
            stored_object(store, "", "persistentvolumes", STR_NONE, x->name);
        return volume && volume_is_related(store, node, volume);
    }
    if (pods_refer(store, node, x->resource, x->ns, x->name))
        return true;
    return str_is(x->resource, "secrets") && volumes_need_secret(store, node, x->ns, x->name);
}

/* One question in the making. */
struct question {
    struct store *store;
    struct arena *arena;
    const struct access *x;
    struct str node;
    struct str *reason;
};

static enum decision no(const struct question *q, const char *reason)
{
    *q->reason = str_from(reason);
    return DECISION_NO_OPINION;
}

static bool verb_in(const struct access *x, const char *verbs)
{
    for (struct str rest = str_from(verbs); rest.len;)
        if (str_is(str_cut(&rest, ','), x->verb))
            return true;
    return false;
}

static enum decision by_relation(const struct question *q)
{
    if (str_empty(q->x->name))
        return no(q, "No Object name found");
    if (is_related(q->store, q->node, q->x))
        return DECISION_ALLOW;
    *q->reason = arena_printf(q->arena, "no relationship found between node '%.*s' and this object",
                              STR_ARG(q->node));
    return DECISION_NO_OPINION;
}

static enum decision by_get(const struct question *q)
{
    if (!verb_in(q->x, "get"))
        return no(q, "can only get individual resources of this type");
    if (!str_empty(q->x->subresource))
        return no(q, "cannot get subresource");
    return by_relation(q);
}

/* A folder of this very node, made by the provisioner of such. */
static bool volume_lies_on(const struct sealed *volume, struct str node)
{
    struct value terms =
        value_at(sealed_root(volume), "spec.nodeAffinity.required.nodeSelectorTerms");
    struct value expressions = value_at(value_item(terms, 0), "matchExpressions");
    struct value expression = value_item(expressions, 0), values = value_at(expression, "values");
    return str_is(object_annotation(volume, "pv.kubernetes.io/provisioned-by"),
                  "kaname.dev/local") &&
           value_count(terms) == 1 && value_count(expressions) == 1 &&
           str_is(value_str(expression, "key"), "kubernetes.io/hostname") &&
           str_is(value_str(expression, "operator"), "In") && value_count(values) == 1 &&
           str_equal(value_str(value_item(values, 0), ""), node);
}

/* Beyond the original: a node looks after the volumes that are folders of its own. It follows them
 * and holds them by a finalizer, which it writes with the status, so that it can't change more. */
static enum decision volumes(const struct question *q)
{
    bool status = str_is(q->x->subresource, "status");
    if (!str_empty(q->x->name) &&
        (status ? verb_in(q->x, "patch")
                : str_empty(q->x->subresource) && verb_in(q->x, "get,list,watch"))) {
        const struct sealed *volume =
            stored_object(q->store, "", "persistentvolumes", STR_NONE, q->x->name);
        if (volume && volume_lies_on(volume, q->node))
            return DECISION_ALLOW;
    }
    return by_get(q);
}

static enum decision by_read(const struct question *q)
{
    if (!verb_in(q->x, "get,list,watch"))
        return no(q, "can only read resources of this type");
    if (!str_empty(q->x->subresource))
        return no(q, "cannot read subresource");
    if (str_empty(q->x->ns))
        return no(q, "can only read namespaced object of this type");
    return by_relation(q);
}

static enum decision claims(const struct question *q)
{
    if (!str_is(q->x->subresource, "status"))
        return by_get(q);
    return verb_in(q->x, "update,patch") ? by_relation(q)
                                         : no(q, "can only get/update/patch this type");
}

static enum decision service_accounts(const struct question *q)
{
    if (verb_in(q->x, "get") && str_empty(q->x->subresource))
        return by_read(q);
    if (!verb_in(q->x, "create") || str_empty(q->x->name))
        return no(q, "can only create tokens for individual service accounts");
    if (!str_is(q->x->subresource, "token"))
        return no(q, "can only create token subresource of serviceaccount");
    return by_relation(q);
}

static enum decision leases(const struct question *q)
{
    if (!verb_in(q->x, "get,create,update,patch,delete"))
        return no(q, "can only get, create, update, patch, or delete a node lease");
    if (!str_is(q->x->ns, "kube-node-lease"))
        return no(q, "can only access leases in the \"kube-node-lease\" system namespace");
    if (!verb_in(q->x, "create") && !str_equal(q->x->name, q->node))
        return no(q, "can only access node lease with the same name as the requesting node");
    return DECISION_ALLOW;
}

static enum decision csi_nodes(const struct question *q)
{
    if (!verb_in(q->x, "get,create,update,patch,delete"))
        return no(q, "can only get, create, update, patch, or delete a CSINode");
    if (!str_empty(q->x->subresource))
        return no(q, "cannot authorize CSINode subresources");
    if (!verb_in(q->x, "create") && !str_equal(q->x->name, q->node))
        return no(q, "can only access CSINode with the same name as the requesting node");
    return DECISION_ALLOW;
}

/* A field selector that leaves only what belongs to the node. */
static bool selects_own(const struct question *q, const char *label)
{
    const struct selector *s = q->x->field_selector;
    for (size_t i = 0; s && i < s->count; i++) {
        const struct selector_term *t = &s->terms[i];
        if (str_is(t->key, label) && t->op == SELECT_EQUALS && t->value_count == 1 &&
            str_equal(t->values[0], q->node))
            return true;
    }
    return false;
}

static enum decision resource_slices(const struct question *q)
{
    if (!str_empty(q->x->subresource))
        return no(q, "cannot authorize ResourceSlice subresources");
    if (verb_in(q->x, "create"))
        return DECISION_ALLOW;
    if (verb_in(q->x, "get,update,patch,delete"))
        return by_relation(q);
    if (!verb_in(q->x, "watch,list,deletecollection"))
        return no(q, "only the following verbs are allowed for a ResourceSlice: get, watch, list, "
                     "create, update, patch, "
                     "delete, deletecollection");
    if (selects_own(q, "spec.nodeName"))
        return DECISION_ALLOW;
    return no(q,
              "can only list/watch/deletecollection resourceslices with nodeName field selector");
}

static enum decision nodes(const struct question *q)
{
    if (str_is(q->x->subresource, "status"))
        return verb_in(q->x, "update,patch") ? DECISION_ALLOW : no(q, "");
    if (!str_empty(q->x->subresource))
        return no(q, "");
    if (verb_in(q->x, "create,update,patch"))
        return DECISION_ALLOW; /* which node: NodeRestriction looks at it */
    if (!verb_in(q->x, "get,list,watch"))
        return no(q, "");
    if (str_equal(q->x->name, q->node))
        return DECISION_ALLOW;
    *q->reason =
        str_empty(q->x->name)
            ? arena_printf(q->arena, "node '%.*s' cannot read all nodes, only its own Node object",
                           STR_ARG(q->node))
            : arena_printf(q->arena, "node '%.*s' cannot read '%.*s', only its own Node object",
                           STR_ARG(q->node), STR_ARG(q->x->name));
    return DECISION_NO_OPINION;
}

static enum decision pods(const struct question *q)
{
    if (str_is(q->x->subresource, "status"))
        return verb_in(q->x, "update,patch") ? DECISION_ALLOW : no(q, "");
    if (str_is(q->x->subresource, "eviction"))
        return verb_in(q->x, "create") ? DECISION_ALLOW : no(q, "");
    if (!str_empty(q->x->subresource))
        return no(q, "");
    if (verb_in(q->x, "get"))
        return by_get(q);
    if (verb_in(q->x, "create,delete"))
        return DECISION_ALLOW; /* mirror pods: NodeRestriction looks at them */
    if (!verb_in(q->x, "list,watch"))
        return no(q, "");
    if (selects_own(q, "spec.nodeName"))
        return DECISION_ALLOW;
    if (!str_empty(q->x->name))
        return by_relation(q);
    return no(q, "can only list/watch pods with spec.nodeName field selector");
}

static const struct {
    const char *group, *resource;
    enum decision (*decide)(const struct question *q);
} divided[] = {
    {"", "secrets", by_read},
    {"", "configmaps", by_read},
    {"", "persistentvolumeclaims", claims},
    {"", "persistentvolumes", volumes},
    {"resource.k8s.io", "resourceclaims", by_get},
    {"storage.k8s.io", "volumeattachments", by_get},
    {"", "serviceaccounts", service_accounts},
    {"coordination.k8s.io", "leases", leases},
    {"storage.k8s.io", "csinodes", csi_nodes},
    {"resource.k8s.io", "resourceslices", resource_slices},
    {"", "nodes", nodes},
    {"", "pods", pods},
};

enum decision node_authorize(struct store *store, struct arena *a, const struct access *access,
                             struct str *ret_reason)
{
    struct question q = {.store = store, .arena = a, .x = access, .reason = ret_reason};
    *ret_reason = STR_NONE;
    if (!user_is_node(access->user, &q.node))
        return DECISION_NO_OPINION;
    if (str_empty(q.node)) {
        struct str name = quote(a, access->user->name);
        *ret_reason = arena_printf(a, "unknown node for user %.*s", STR_ARG(name));
        return DECISION_NO_OPINION;
    }
    for (size_t i = 0; access->resource_request && i < ARRAY_COUNT(divided); i++)
        if (str_is(access->group, divided[i].group) &&
            str_is(access->resource, divided[i].resource))
            return divided[i].decide(&q);
    for (size_t i = 0; i < ARRAY_COUNT(node_rules); i++)
        if (static_rule_allows(&node_rules[i], access))
            return DECISION_ALLOW;
    return DECISION_NO_OPINION;
}
