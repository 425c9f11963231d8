#include "control/volume.h"

struct str volume_class(const struct sealed *object)
{
    struct str class = object_annotation(object, "volume.beta.kubernetes.io/storage-class");
    return str_empty(class) ? object_str(object, "spec.storageClassName") : class;
}

bool volume_claimed_by(const struct sealed *volume, const struct sealed *claim)
{
    struct value reference = object_at(volume, "spec.claimRef");
    if (!value_present(reference) ||
        !str_equal(value_str(reference, "namespace"), object_namespace(claim)) ||
        !str_equal(value_str(reference, "name"), object_name(claim)))
        return false;
    struct str uid = value_str(reference, "uid");
    return str_empty(uid) || str_equal(uid, object_uid(claim));
}

static struct quantity storage_of(struct arena *a, struct value list)
{
    struct quantity q;
    if (quantity_parse(value_text(a, value_key(list, STR("storage")), ""), &q) < 0)
        return quantity_from_int(0);
    return q;
}

struct quantity claim_request(struct arena *a, const struct sealed *claim)
{
    return storage_of(a, object_at(claim, "spec.resources.requests"));
}

struct quantity volume_capacity(struct arena *a, const struct sealed *volume)
{
    return storage_of(a, object_at(volume, "spec.capacity"));
}

static bool offers_modes(const struct sealed *volume, const struct sealed *claim)
{
    struct value_iter wanted = value_iter(object_at(claim, "spec.accessModes"));
    for (struct value want; value_next(&wanted, &want);) {
        bool found = false;
        struct value_iter have = value_iter(object_at(volume, "spec.accessModes"));
        for (struct value mode; !found && value_next(&have, &mode);)
            found = str_equal(value_str(mode, ""), value_str(want, ""));
        if (!found)
            return false;
    }
    return true;
}

static struct str mode_of(const struct sealed *object)
{
    struct str mode = object_str(object, "spec.volumeMode");
    return str_empty(mode) ? STR("Filesystem") : mode;
}

bool volume_fits(struct arena *a, const struct sealed *volume, const struct sealed *claim)
{
    struct value selector = object_at(claim, "spec.selector");
    if (value_present(selector)) {
        struct selector labels;
        struct status st;
        status_init(&st, a);
        if (label_selector_from_value(a, selector, &labels, &st) < 0 ||
            !label_selector_matches(&labels, object_at(volume, "metadata.labels")))
            return false;
    }
    return str_equal(mode_of(volume), mode_of(claim)) &&
           str_equal(volume_class(volume), volume_class(claim)) && offers_modes(volume, claim) &&
           str_equal(object_str(volume, "spec.volumeAttributesClassName"),
                     object_str(claim, "spec.volumeAttributesClassName")) &&
           quantity_compare(volume_capacity(a, volume), claim_request(a, claim)) >= 0;
}

bool claim_waits(const struct sealed *claim, const struct sealed *class)
{
    return class && str_is(object_str(class, "volumeBindingMode"), "WaitForFirstConsumer") &&
           str_empty(object_annotation(claim, ANNOTATION_SELECTED_NODE));
}
