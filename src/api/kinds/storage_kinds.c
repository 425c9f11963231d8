/* PersistentVolumes and PersistentVolumeClaims. */
#include "api/kinds/pod_spec.h"

#define ACCESS_MODES "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod"

static void check_access_modes(struct check *c, const struct node *modes, struct str path,
                               const char *needed)
{
    bool exclusive = false, other = false;
    if (node_count(modes) == 0)
        field_required(c->st, path, "%s", needed);
    node_each(mode, modes)
    {
        struct str text = node_str(mode, "");
        check_word(c, text, path, ACCESS_MODES);
        exclusive = exclusive || str_is(text, "ReadWriteOncePod");
        other = other || (word_in(text, ACCESS_MODES) && !str_is(text, "ReadWriteOncePod"));
    }
    if (exclusive && other)
        field_forbidden(c->st, path, "may not use ReadWriteOncePod with other access modes");
}

static void check_data_source(struct check *c, const struct node *source, struct str path)
{
    struct str group = node_str(source, "apiGroup"), kind = node_str(source, "kind"),
               ns = node_str(source, "namespace");
    if (str_empty(node_str(source, "name")))
        field_required(c->st, path_of(c, path, "name"), "%s", "");
    if (str_empty(kind))
        field_required(c->st, path_of(c, path, "kind"), "%s", "");
    if (str_empty(group) && !str_is(kind, "PersistentVolumeClaim"))
        field_invalid(c->st, path, kind,
                      "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    if (!str_empty(group))
        check_text(c, group, path_of(c, path, "apiGroup"), name_dns1123_subdomain);
    if (!str_empty(ns))
        check_text(c, ns, path_of(c, path, "namespace"), name_dns1123_label);
}

static void check_positive_quantity(struct check *c, const struct node *q, struct str path)
{
    struct quantity value;
    if (quantity_of(q, &value) && value.nano <= 0)
        field_invalid(c->st, path, node_str(q, ""), "must be greater than zero");
}

void check_claim_spec(struct check *c, const struct node *spec, struct str path)
{
    check_access_modes(c, node_get(spec, STR("accessModes")), path_of(c, path, "accessModes"),
                       "at least 1 access mode is required");
    check_label_selector(c, node_get(spec, STR("selector")), path_of(c, path, "selector"));
    const struct node *size = node_get(node_at(spec, "resources.requests"), STR("storage"));
    struct str size_path = path_key(c, path_of(c, path, "resources"), STR("storage"));
    if (!size)
        field_required(c->st, size_path, "%s", "");
    else
        check_positive_quantity(c, size, size_path);
    if (!str_empty(node_str(spec, "storageClassName")))
        check_text(c, node_str(spec, "storageClassName"), path_of(c, path, "storageClassName"),
                   name_dns1123_subdomain);
    if (node_get(spec, STR("volumeMode")))
        check_word(c, node_str(spec, "volumeMode"), path_of(c, path, "volumeMode"),
                   "Block|Filesystem");
    if (node_get(spec, STR("dataSource")))
        check_data_source(c, node_get(spec, STR("dataSource")), path_of(c, path, "dataSource"));
    if (node_get(spec, STR("dataSourceRef")))
        check_data_source(c, node_get(spec, STR("dataSourceRef")),
                          path_of(c, path, "dataSourceRef"));
    if (!str_empty(node_str(spec, "volumeAttributesClassName")))
        check_text(c, node_str(spec, "volumeAttributesClassName"),
                   path_of(c, path, "volumeAttributesClassName"), name_dns1123_subdomain);
}

/* dataSource is for claims and snapshots; others go by dataSourceRef. */
static void drop_foreign_source(struct node *object)
{
    const struct node *source = node_at(object, "spec.dataSource");
    struct str group = node_str(source, "apiGroup"), kind = node_str(source, "kind");
    if (source && !(str_empty(group) && str_is(kind, "PersistentVolumeClaim")) &&
        !(str_is(group, "snapshot.storage.k8s.io") && str_is(kind, "VolumeSnapshot")))
        node_del(object, "spec.dataSource");
}

/* dataSource and dataSourceRef are two names of one thing. */
static void claim_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    struct arena *a = ctx->arena;
    if (!old)
        node_put_str(a, object, "status.phase", STR("Pending"));
    if (old && !str_empty(ctx->subresource))
        return;
    /* Sources in other namespaces are behind a gate that is closed. */
    if (!str_empty(node_str(object, "spec.dataSourceRef.namespace")) &&
        !(old && node_at(old, "spec.dataSourceRef")))
        node_del(object, "spec.dataSourceRef");
    if ((!old || !node_at(old, "spec.dataSource")) && !node_at(object, "spec.dataSourceRef"))
        drop_foreign_source(object);
    struct node *source = node_at(object, "spec.dataSource"),
                *ref = node_at(object, "spec.dataSourceRef");
    if (source && !ref)
        node_put(a, object, "spec.dataSourceRef", node_copy(a, source));
    else if (ref && !source && str_empty(node_str(ref, "namespace"))) {
        struct node *copy = node_copy(a, ref);
        node_remove(copy, STR("namespace"));
        node_put(a, object, "spec.dataSource", copy);
    }
}

static void check_claim_update(struct check *c, const struct node *object, const struct node *old)
{
    struct node *spec = node_copy(c->a, node_get(object, STR("spec")));
    const struct node *before = node_get(old, STR("spec"));
    bool bound = str_is(node_str(object, "status.phase"), "Bound");
    if (str_empty(node_str(before, "volumeName")))
        keep_old(c->a, spec, before, "volumeName");
    if (!node_get(before, STR("storageClassName")) && node_get(spec, STR("storageClassName")))
        node_remove(spec, STR("storageClassName"));
    if (bound) {
        keep_old(c->a, spec, before, "resources.requests.storage");
        keep_old(c->a, spec, before, "volumeAttributesClassName");
    }
    if (!node_equal(spec, before))
        field_forbidden(c->st, STR("spec"),
                        "spec is immutable after creation except resources.requests and "
                        "volumeAttributesClassName for bound claims\n");
    struct quantity now, was, have;
    if (quantity_at_path(object, "spec.resources.requests.storage", &now) &&
        quantity_at_path(before, "resources.requests.storage", &was) &&
        quantity_compare(now, was) < 0) {
        bool known = quantity_at_path(old, "status.capacity.storage", &have);
        if (!known)
            have = quantity_from_int(0);
        if (quantity_compare(now, have) <= 0)
            field_forbidden(c->st, STR("spec.resources.requests.storage"),
                            "field can not be less than status.capacity");
    }
    check_immutable(c, node_at(object, "spec.volumeMode"), node_get(before, STR("volumeMode")),
                    STR("volumeMode"));
}

static void claim_validate(const struct kind_ctx *ctx, const struct node *object,
                           const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    if (str_is(ctx->subresource, "status")) {
        member_each(m, node_at(object, "status.capacity")) check_quantity_not_negative(
            &c, m->value, path_key(&c, STR("status.capacity"), m->name));
        return;
    }
    check_claim_spec(&c, node_get(object, STR("spec")), STR("spec"));
    if (old)
        check_claim_update(&c, object, old);
}

static const char *const claim_labels[] = {"name", NULL};
static bool name_field(struct arena *a maybe_unused, const struct sealed *object, struct str label,
                       struct str *ret)
{
    if (!str_is(label, "name"))
        return false;
    *ret = object_name(object);
    return true;
}
REGISTER(kind, claims)
= {.group = "",
   .plural = "persistentvolumeclaims",
   .flags = KIND_STATUS_SPLIT | KIND_RETURNS_DELETED,
   .prepare = claim_prepare,
   .validate = claim_validate,
   .field_labels = claim_labels,
   .field = name_field};

static const char *const volume_sources[] = {"hostPath",
                                             "gcePersistentDisk",
                                             "awsElasticBlockStore",
                                             "glusterfs",
                                             "flocker",
                                             "nfs",
                                             "rbd",
                                             "quobyte",
                                             "cephfs",
                                             "iscsi",
                                             "cinder",
                                             "fc",
                                             "flexVolume",
                                             "azureFile",
                                             "vsphereVolume",
                                             "photonPersistentDisk",
                                             "portworxVolume",
                                             "azureDisk",
                                             "scaleIO",
                                             "local",
                                             "storageos",
                                             "csi"};

static void check_secret_ref(struct check *c, const struct node *csi, struct str base,
                             const char *member)
{
    const struct node *ref = node_get(csi, str_from(member));
    struct str path = path_of(c, base, member);
    if (!ref)
        return;
    if (str_empty(node_str(ref, "name")))
        field_required(c->st, path_of(c, path, "name"), "%s", "");
    else
        check_text(c, node_str(ref, "name"), path_of(c, path, "name"), name_dns1123_label);
    if (str_empty(node_str(ref, "namespace")))
        field_required(c->st, path_of(c, path, "namespace"), "%s", "");
    else
        check_text(c, node_str(ref, "namespace"), path_of(c, path, "namespace"),
                   name_dns1123_label);
}

static void check_volume_source(struct check *c, const struct node *spec, const char *kind,
                                struct str path)
{
    static const char *const refs[] = {"controllerPublishSecretRef", "controllerExpandSecretRef",
                                       "nodePublishSecretRef", "nodeExpandSecretRef"};
    const struct node *source = node_get(spec, str_from(kind));
    struct str word = str_from(kind);
    if (str_is(word, "csi")) {
        check_csi_driver_name(c, node_str(source, "driver"), path_of(c, path, "driver"));
        if (str_empty(node_str(source, "volumeHandle")))
            field_required(c->st, path_of(c, path, "volumeHandle"), "%s", "");
        for (size_t i = 0; i < ARRAY_COUNT(refs); i++)
            check_secret_ref(c, source, path, refs[i]);
    } else if (word_in(word, "hostPath|local|nfs")) {
        struct str target = node_str(source, "path");
        if (str_is(word, "nfs") && str_empty(node_str(source, "server")))
            field_required(c->st, path_of(c, path, "server"), "%s", "");
        if (str_empty(target))
            field_required(c->st, path_of(c, path, "path"), "%s", "");
        else if (str_is(word, "nfs") && !str_starts(target, "/"))
            field_invalid(c->st, path_of(c, path, "path"), target, "must be an absolute path");
        else if (!str_is(word, "nfs"))
            check_no_backsteps(c, target, path_of(c, path, "path"));
        if (str_is(word, "local") &&
            node_count(node_at(spec, "nodeAffinity.required.nodeSelectorTerms")) == 0)
            field_required(c->st, STR("spec.nodeAffinity"), "Local volume requires node affinity");
    }
}

static void check_sources(struct check *c, const struct node *spec)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_COUNT(volume_sources); i++) {
        struct str at = path_of(c, STR("spec"), volume_sources[i]);
        if (!node_get(spec, str_from(volume_sources[i])))
            continue;
        if (any)
            field_forbidden(c->st, at, "may not specify more than 1 volume type");
        else
            check_volume_source(c, spec, volume_sources[i], at);
        any = true;
    }
    if (!any)
        field_required(c->st, STR("spec"), "must specify a volume type");
}

static void check_volume_update(struct check *c, const struct node *spec, const struct node *before)
{
    for (size_t i = 0; i < ARRAY_COUNT(volume_sources); i++) {
        struct node *now = node_get(spec, str_from(volume_sources[i])),
                    *was = node_get(before, str_from(volume_sources[i]));
        if (now && was && str_is(str_from(volume_sources[i]), "csi") &&
            !node_get(was, STR("controllerExpandSecretRef"))) {
            now = node_copy(c->a, now);
            node_remove(now, STR("controllerExpandSecretRef"));
        }
        if ((now != NULL) != (was != NULL) || (now && !node_equal(now, was))) {
            field_forbidden(c->st, STR("spec.persistentvolumesource"),
                            "spec.persistentvolumesource is immutable after creation\n");
            break;
        }
    }
    check_immutable(c, node_get(spec, STR("volumeMode")), node_get(before, STR("volumeMode")),
                    STR("volumeMode"));
}

static void volume_validate(const struct kind_ctx *ctx, const struct node *object,
                            const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *capacity = node_get(spec, STR("capacity"));
    if (str_is(ctx->subresource, "status"))
        return;
    check_access_modes(&c, node_get(spec, STR("accessModes")), STR("spec.accessModes"), "");
    if (node_count(capacity) == 0)
        field_required(st, STR("spec.capacity"), "%s", "");
    if (!node_get(capacity, STR("storage")) || node_count(capacity) > 1)
        status_add_cause(st, CAUSE_NOT_SUPPORTED, STR("spec.capacity"),
                         "Unsupported value: %s: supported values: \"storage\"",
                         node_count(capacity) ? "{...}"
                         : capacity           ? "{}"
                                              : "null");
    member_each(m, capacity)
        check_positive_quantity(&c, m->value, path_key(&c, STR("spec.capacity"), m->name));
    if (!str_empty(node_str(spec, "persistentVolumeReclaimPolicy")))
        check_word(&c, node_str(spec, "persistentVolumeReclaimPolicy"),
                   STR("spec.persistentVolumeReclaimPolicy"), "Delete|Recycle|Retain");
    const struct node *affinity = node_get(spec, STR("nodeAffinity"));
    if (affinity && node_get(affinity, STR("required")))
        check_node_selector(&c, node_get(affinity, STR("required")),
                            STR("spec.nodeAffinity.required"));
    else if (affinity)
        field_required(st, STR("spec.nodeAffinity.required"),
                       "must specify required node constraints");
    check_sources(&c, spec);
    if (str_is(node_str(spec, "hostPath.path"), "/") &&
        str_is(node_str(spec, "persistentVolumeReclaimPolicy"), "Recycle"))
        field_forbidden(st, STR("spec.persistentVolumeReclaimPolicy"),
                        "may not be 'recycle' for a hostPath mount of '/'");
    if (!str_empty(node_str(spec, "storageClassName")))
        check_text(&c, node_str(spec, "storageClassName"), STR("spec.storageClassName"),
                   name_dns1123_subdomain);
    if (node_get(spec, STR("volumeMode")))
        check_word(&c, node_str(spec, "volumeMode"), STR("spec.volumeMode"), "Block|Filesystem");
    if (old)
        check_volume_update(&c, spec, node_get(old, STR("spec")));
}

static void volume_prepare(const struct kind_ctx *ctx, struct node *object, const struct node *old)
{
    struct arena *a = ctx->arena;
    bool status = old && str_is(ctx->subresource, "status");
    bool changed =
        status && !str_equal(node_str(object, "status.phase"), node_str(old, "status.phase"));
    struct node *since = node_at(old, "status.lastPhaseTransitionTime");
    if (status && !changed && since && !node_has(object, "status.lastPhaseTransitionTime"))
        node_put(a, object, "status.lastPhaseTransitionTime", node_copy(a, since));
    if (!old)
        node_put_str(a, object, "status.phase", STR("Pending"));
    if (!old || (changed && !node_at(object, "status.lastPhaseTransitionTime")) ||
        (changed && node_at(old, "status.lastPhaseTransitionTime") &&
         node_equal(node_at(object, "status.lastPhaseTransitionTime"),
                    node_at(old, "status.lastPhaseTransitionTime"))))
        node_put_str(a, object, "status.lastPhaseTransitionTime", time_format(a, ctx->now_us));
}

REGISTER(kind, volumes)
= {.group = "",
   .plural = "persistentvolumes",
   .flags = KIND_STATUS_SPLIT | KIND_RETURNS_DELETED,
   .prepare = volume_prepare,
   .validate = volume_validate,
   .field_labels = claim_labels,
   .field = name_field};
