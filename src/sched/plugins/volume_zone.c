/* VolumeZone: volumes that carry zone labels are used on nodes of these zones. */
#include "sched/plugins/volumes.h"

static const char *const zone_labels[] = {
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
};

struct zone_need {
    struct str key, values; /* values: parted by "__" */
};

struct zone_state {
    struct zone_need *needs; /* arena */
    size_t count;
};

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    struct value volumes = value_at(c->spec, "volumes");
    struct zone_state *state = arena_new(c->arena, struct zone_state);
    struct value_iter it = value_iter(volumes);
    for (struct value volume; value_next(&it, &volume);) {
        bool ephemeral;
        struct str name = volume_claim_name(c->arena, c->name, volume, &ephemeral);
        const struct sealed *claim =
            str_empty(name) ? NULL : view_get(sched_view(c->scheduler, VIEW_CLAIMS), c->ns, name);
        const struct sealed *pv = claim ? claim_volume(c->scheduler, claim) : NULL;
        for (size_t i = 0; pv && i < ARRAY_COUNT(zone_labels); i++) {
            struct str zones = object_label(pv, zone_labels[i]);
            if (str_empty(zones))
                continue;
            if (!state->needs)
                state->needs = arena_array(c->arena, struct zone_need,
                                           value_count(volumes) * ARRAY_COUNT(zone_labels));
            state->needs[state->count++] = (struct zone_need){str_from(zone_labels[i]), zones};
        }
    }
    cycle_set_state(c, state);
    *ret_skip = state->count == 0;
    return SCHED_FITS;
}

static bool is_one_of(struct str values, struct str zone)
{
    for (;;) {
        ssize_t end = str_find_str(values, STR("__"));
        if (str_equal(end < 0 ? values : str_slice(values, 0, (size_t)end), zone))
            return true;
        if (end < 0)
            return false;
        values = str_slice(values, (size_t)end + 2, values.len);
    }
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct zone_state *state = cycle_state(c);
    for (size_t i = 0; i < state->count; i++) {
        bool has;
        struct str zone = sched_node_label(c->scheduler, n, state->needs[i].key, &has);
        if (has && is_one_of(state->needs[i].values, zone))
            continue;
        *ret_reason = STR("node(s) had no available volume zone");
        return SCHED_UNRESOLVABLE;
    }
    return SCHED_FITS;
}

REGISTER(sched_plugin, volume_zone)
= {
    .name = "VolumeZone",
    .order = 110,
    .events = SCHED_NODE_ADD | SCHED_NODE_LABELS | SCHED_VOLUMES,
    .pre_filter = pre_filter,
    .filter = filter,
};
