/* DefaultStorageClass, StorageObjectInUseProtection, PersistentVolumeClaimResize. */
#include "admit/default_class.h"
#include "object/scalar.h"

static int default_class_admit(struct admission *ad, struct status *st maybe_unused)
{
    static const char *const annotations[] = {"storageclass.kubernetes.io/is-default-class",
                                              "storageclass.beta.kubernetes.io/is-default-class",
                                              NULL};
    if (!admit_is(ad, "", "persistentvolumeclaims") ||
        node_at(ad->object, "spec.storageClassName") ||
        node_get(node_at(ad->object, "metadata.annotations"),
                 STR("volume.beta.kubernetes.io/storage-class")))
        return 0;
    const struct sealed *class =
        default_class_of(ad, "storage.k8s.io", "storageclasses", annotations);
    if (class)
        node_put_str(ad->arena, ad->object, "spec.storageClassName", object_name(class));
    return 0;
}

REGISTER(admission_plugin, default_storage_class)
= {.name = "DefaultStorageClass",
   .order = 19,
   .operations = ADMIT_CREATE,
   .admit = default_class_admit};

static int protection_admit(struct admission *ad, struct status *st maybe_unused)
{
    static const struct {
        const char *group, *plural;
        struct str finalizer;
    } protections[] = {
        {"", "persistentvolumeclaims", {"kubernetes.io/pvc-protection", 28}},
        {"", "persistentvolumes", {"kubernetes.io/pv-protection", 27}},
        {"storage.k8s.io", "volumeattributesclasses", {"kubernetes.io/vac-protection", 28}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(protections); i++) {
        if (!admit_is(ad, protections[i].group, protections[i].plural))
            continue;
        struct node *list = node_need_list(ad->arena, ad->object, "metadata.finalizers");
        node_each(finalizer,
                  list) if (str_equal(node_str(finalizer, ""), protections[i].finalizer)) return 0;
        node_append(ad->arena, list, node_text(ad->arena, protections[i].finalizer));
    }
    return 0;
}

REGISTER(admission_plugin, in_use_protection)
= {.name = "StorageObjectInUseProtection",
   .order = 20,
   .operations = ADMIT_CREATE,
   .admit = protection_admit};

static int resize_validate(struct admission *ad, struct status *st)
{
    struct quantity now, before;
    const char *path = "spec.resources.requests.storage";
    if (!admit_is(ad, "", "persistentvolumeclaims") ||
        quantity_parse(node_str(ad->object, path), &now) != 0 ||
        quantity_parse(node_str(ad->old_object, path), &before) != 0 ||
        quantity_compare(now, before) <= 0)
        return 0;
    if (!str_is(node_str(ad->old_object, "status.phase"), "Bound"))
        return admit_forbidden(ad, st, "Only bound persistent volume claims can be expanded");
    struct str name = node_str(ad->old_object, "spec.storageClassName");
    const struct sealed *class =
        str_empty(name) ? NULL : admit_get(ad, "storage.k8s.io", "storageclasses", STR_NONE, name);
    if (class && value_bool(sealed_root(class), "allowVolumeExpansion", false))
        return 0;
    return admit_forbidden(ad, st,
                           "only dynamically provisioned pvc can be resized and the storageclass "
                           "that provisions the pvc must "
                           "support resize");
}

REGISTER(admission_plugin, claim_resize)
= {.name = "PersistentVolumeClaimResize",
   .order = 23,
   .operations = ADMIT_UPDATE,
   .validate = resize_validate};
