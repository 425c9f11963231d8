/* PodTopologyLabels: a pod that is bound carries its node's zone and region. */
#include "admit/admit.h"
#include "object/value.h"

static int labels_admit(struct admission *ad, struct status *st maybe_unused)
{
    static const char *const keys[] = {"topology.kubernetes.io/zone",
                                       "topology.kubernetes.io/region"};
    bool binding =
        (strcmp(ad->resource->plural, "pods") == 0 && str_is(ad->subresource, "binding")) ||
        admit_is(ad, "", "bindings");
    struct str node_name = node_str(ad->object, binding ? "target.name" : "spec.nodeName");
    if (ad->resource->group[0] || (!binding && !admit_is(ad, "", "pods")) || str_empty(node_name))
        return 0;
    const struct sealed *node = admit_get(ad, "", "nodes", STR_NONE, node_name);
    for (size_t i = 0; node && i < ARRAY_COUNT(keys); i++) {
        struct str label = object_label(node, keys[i]);
        if (!str_empty(label))
            node_set(ad->arena, node_need_map(ad->arena, ad->object, "metadata.labels"),
                     str_from(keys[i]), node_text_copy(ad->arena, label));
    }
    return 0;
}

REGISTER(admission_plugin, topology_labels)
= {.name = "PodTopologyLabels", .order = 31, .operations = ADMIT_CREATE, .admit = labels_admit};
