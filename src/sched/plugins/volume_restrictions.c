/* VolumeRestrictions: a claim with access mode ReadWriteOncePod is for one pod in the cluster. */
#include "sched/framework.h"

struct restrictions {
    struct str *claims; /* ReadWriteOncePod ones of the pod; arena */
    size_t count;
};

static bool once_per_pod(const struct sealed *claim)
{
    struct value_iter it = value_iter(value_at(sealed_root(claim), "spec.accessModes"));
    for (struct value mode; value_next(&it, &mode);)
        if (str_is(value_str(mode, ""), "ReadWriteOncePod"))
            return true;
    return false;
}

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    struct value volumes = value_at(c->spec, "volumes");
    struct restrictions *r = arena_new(c->arena, struct restrictions);
    struct value_iter it = value_iter(volumes);
    for (struct value volume; value_next(&it, &volume);) {
        struct str name = value_str(volume, "persistentVolumeClaim.claimName");
        const struct sealed *claim =
            str_empty(name) ? NULL : view_get(sched_view(c->scheduler, VIEW_CLAIMS), c->ns, name);
        if (!claim || !once_per_pod(claim))
            continue;
        if (!r->claims)
            r->claims = arena_array(c->arena, struct str, value_count(volumes));
        r->claims[r->count++] = name;
    }
    cycle_set_state(c, r);
    *ret_skip = r->count == 0;
    return SCHED_FITS;
}

static bool uses(const struct sealed *pod, struct str claim)
{
    struct value_iter it = value_iter(value_at(sealed_root(pod), "spec.volumes"));
    for (struct value volume; value_next(&it, &volume);)
        if (str_equal(value_str(volume, "persistentVolumeClaim.claimName"), claim))
            return true;
    return false;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct restrictions *r = cycle_state(c);
    list_each(other, &n->pods, struct sched_pod, link) {
        const struct sealed *pod =
            str_equal(other->ns, c->ns) ? sched_pod_object(c->scheduler, other) : NULL;
        for (size_t i = 0; pod && i < r->count; i++)
            if (uses(pod, r->claims[i])) {
                *ret_reason = STR("node(s) unavailable due to PersistentVolumeClaim with "
                                  "ReadWriteOncePod access mode already in-use by another pod");
                return SCHED_REFUSED;
            }
    }
    return SCHED_FITS;
}

REGISTER(sched_plugin, volume_restrictions)
= {
    .name = "VolumeRestrictions",
    .order = 80,
    .events = SCHED_POD_DELETE | SCHED_VOLUMES,
    .pre_filter = pre_filter,
    .filter = filter,
};
