/* NodeVolumeLimits: a CSI driver attaches only so many volumes to a node. */
#include "sched/plugins/volumes.h"

struct limits_state {
    struct str *drivers; /* of each volume of the pod; arena */
    struct str *handles; /* driver and handle: one volume counts once */
    size_t count;
};

static void add_volumes(struct scheduler *s, struct arena *a, struct str ns, struct str pod_name,
                        struct value spec, struct limits_state *ret)
{
    struct value volumes = value_at(spec, "volumes");
    size_t cap = value_count(volumes);
    ret->drivers = arena_array(a, struct str, cap + 1);
    ret->handles = arena_array(a, struct str, cap + 1);
    struct value_iter it = value_iter(volumes);
    for (struct value volume; value_next(&it, &volume);) {
        bool ephemeral;
        struct str name = volume_claim_name(a, pod_name, volume, &ephemeral);
        const struct sealed *claim =
            str_empty(name) ? NULL : view_get(sched_view(s, VIEW_CLAIMS), ns, name);
        const struct sealed *pv = claim ? claim_volume(s, claim) : NULL;
        struct value csi = pv ? value_at(sealed_root(pv), "spec.csi") : (struct value){0};
        if (!pv || !value_present(csi))
            continue;
        ret->drivers[ret->count] = value_str(csi, "driver");
        ret->handles[ret->count++] = value_str(csi, "volumeHandle");
    }
}

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    struct limits_state *state = arena_new(c->arena, struct limits_state);
    if (value_count(value_at(c->spec, "volumes")))
        add_volumes(c->scheduler, c->arena, c->ns, c->name, c->spec, state);
    cycle_set_state(c, state);
    *ret_skip = state->count == 0;
    return SCHED_FITS;
}

static int64_t limit_of(const struct sealed *csi_node, struct str driver)
{
    struct value_iter it = value_iter(value_at(sealed_root(csi_node), "spec.drivers"));
    for (struct value d; value_next(&it, &d);)
        if (str_equal(value_str(d, "name"), driver))
            return value_int(d, "allocatable.count", -1);
    return -1;
}

/* Different volumes of a driver: those on the node and those of the pod. */
static int64_t count_with(struct sched_cycle *c, struct sched_node *n, struct str driver,
                          const struct limits_state *own)
{
    struct map seen = MAP_INIT;
    for (size_t i = 0; i < own->count; i++)
        if (str_equal(own->drivers[i], driver))
            map_put(&seen, own->handles[i], c);
    list_each(pod, &n->pods, struct sched_pod, link) {
        const struct sealed *object = sched_pod_object(c->scheduler, pod);
        struct limits_state other = {0};
        if (object)
            add_volumes(c->scheduler, c->arena, pod->ns, pod->name,
                        value_at(sealed_root(object), "spec"), &other);
        for (size_t i = 0; i < other.count; i++)
            if (str_equal(other.drivers[i], driver))
                map_put(&seen, other.handles[i], c);
    }
    int64_t count = (int64_t)seen.count;
    map_release(&seen);
    return count;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct limits_state *state = cycle_state(c);
    const struct sealed *csi_node =
        view_get(sched_view(c->scheduler, VIEW_CSI_NODES), STR(""), n->name);
    for (size_t i = 0; csi_node && i < state->count; i++) {
        int64_t limit = limit_of(csi_node, state->drivers[i]);
        if (limit >= 0 && count_with(c, n, state->drivers[i], state) > limit) {
            *ret_reason = STR("node(s) exceed max volume count");
            return SCHED_REFUSED;
        }
    }
    return SCHED_FITS;
}

REGISTER(sched_plugin, node_volume_limits)
= {
    .name = "NodeVolumeLimits",
    .order = 90,
    .events = SCHED_NODE_ADD | SCHED_POD_DELETE | SCHED_VOLUMES,
    .pre_filter = pre_filter,
    .filter = filter,
};
