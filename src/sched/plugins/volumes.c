#include "sched/plugins/volumes.h"

struct str volume_claim_name(struct arena *a, struct str pod_name, struct value volume,
                             bool *ret_ephemeral)
{
    *ret_ephemeral = value_present(value_at(volume, "ephemeral"));
    if (*ret_ephemeral)
        return arena_printf(a, "%.*s-%.*s", STR_ARG(pod_name), STR_ARG(value_str(volume, "name")));
    return value_str(volume, "persistentVolumeClaim.claimName");
}

const struct sealed *claim_volume(struct scheduler *s, const struct sealed *claim)
{
    struct str name = value_str(sealed_root(claim), "spec.volumeName");
    return str_empty(name) ? NULL : view_get(sched_view(s, VIEW_VOLUMES), STR(""), name);
}
