#include "control/deployment.h"

#include "object/seal.h"

int64_t rollout_total_wanted(const struct rollout *r)
{
    int64_t total = 0;
    for (size_t i = 0; i < r->count; i++)
        total += r->sets[i].wanted;
    return total;
}

static bool is_old(const struct rollout *r, const struct replica_set *set)
{
    return set != r->newest;
}

void rollout_annotate_sizes(struct rollout *r, struct node *set_tree)
{
    struct arena *a = r->run->arena;
    struct node *annotations = node_need_map(a, set_tree, "metadata.annotations");
    node_set(a, annotations, STR(ANNOTATION_DESIRED),
             node_text_printf(a, "%lld", (long long)r->wanted));
    node_set(a, annotations, STR(ANNOTATION_MAX),
             node_text_printf(a, "%lld", (long long)(r->wanted + r->surge)));
}

int rollout_scale_set(struct rollout *r, struct replica_set *set, int64_t wanted, bool force,
                      bool *ret_scaled, struct status *st)
{
    if (ret_scaled)
        *ret_scaled = false;
    int64_t before = set->wanted;
    if (!force && before == wanted)
        return 0;
    struct node *tree = unseal(r->run->arena, set->object);
    node_put_int(r->run->arena, tree, "spec.replicas", wanted);
    rollout_annotate_sizes(r, tree);
    const struct sealed *changed = NULL;
    if (run_put(r->run, control_resource(r->run->control, REPLICA_SETS), NULL, set->object, tree,
                &changed, st) < 0)
        return -1;
    if (changed)
        set->object = changed;
    set->wanted = wanted;
    if (before == wanted)
        return 0;
    run_event(r->run, r->object, "Normal", "ScalingReplicaSet",
              "Scaled %s replica set %.*s from %lld to %lld", before < wanted ? "up" : "down",
              STR_ARG(object_name(set->object)), (long long)before, (long long)wanted);
    if (ret_scaled)
        *ret_scaled = true;
    return 0;
}

int64_t rollout_newest_size(const struct rollout *r, int64_t its_size)
{
    if (!r->rolling)
        return r->wanted;
    int64_t room = r->wanted + r->surge - rollout_total_wanted(r);
    if (room <= 0)
        return its_size;
    return its_size + MIN(room, r->wanted - its_size);
}

/* The only set with pods, or the newest when none has any; NULL when several have. */
static struct replica_set *active_or_latest(const struct rollout *r)
{
    struct replica_set *active = NULL;
    size_t active_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->sets[i].wanted == 0)
            continue;
        active = &r->sets[i];
        active_count++;
    }
    if (active_count > 1)
        return NULL;
    if (active_count == 1)
        return active;
    if (r->newest)
        return r->newest;
    return r->count ? &r->sets[r->count - 1] : NULL;
}

int64_t rollout_size_noted(const struct replica_set *set, const char *annotation)
{
    int64_t size;
    if (str_to_i64(object_annotation(set->object, annotation), &size) < 0 || size > INT32_MAX)
        return -1;
    return MAX(size, -1);
}

static bool saturated(const struct rollout *r)
{
    const struct replica_set *set = r->newest;
    return set && set->wanted == r->wanted && set_available(set) == r->wanted &&
           rollout_size_noted(set, ANNOTATION_DESIRED) == r->wanted;
}

/* What a set gets of the pods to be added or taken away, by its share of the old total. */
static int64_t proportion(const struct rollout *r, const struct replica_set *set, int64_t to_add,
                          int64_t added)
{
    if (set->wanted == 0 || to_add == 0 || to_add == added)
        return 0;
    int64_t fraction = -set->wanted;
    if (r->wanted > 0) {
        int64_t total_before = rollout_size_noted(set, ANNOTATION_MAX);
        if (total_before <= 0)
            total_before = value_int(r->root, "status.replicas", 0);
        if (total_before == 0)
            return 0;
        int64_t product = set->wanted * (r->wanted + r->surge);
        fraction = (2 * product + total_before) / (2 * total_before) - set->wanted;
    }
    int64_t left = to_add - added;
    return to_add > 0 ? MIN(fraction, left) : MAX(fraction, left);
}

static int compare_sizes(const struct replica_set *x, const struct replica_set *y, bool newer_first)
{
    if (x->wanted != y->wanted)
        return x->wanted > y->wanted ? -1 : 1;
    int age = object_compare_age(x->object, y->object);
    return newer_first ? -age : age;
}

static int spread_proportionally(struct rollout *r, struct status *st)
{
    struct replica_set **active = arena_array(r->run->arena, struct replica_set *, r->count);
    int64_t *sizes = arena_array(r->run->arena, int64_t, r->count);
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->sets[i].wanted > 0)
            active[count++] = &r->sets[i];
    int64_t allowed = r->wanted > 0 ? r->wanted + r->surge : 0;
    int64_t to_add = allowed - rollout_total_wanted(r), added = 0;
    /* Few sets: insertion sort, the largest first. */
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && compare_sizes(active[j], active[j - 1], to_add > 0) < 0; j--) {
            struct replica_set *swap = active[j];
            active[j] = active[j - 1];
            active[j - 1] = swap;
        }
    for (size_t i = 0; i < count; i++) {
        int64_t share = proportion(r, active[i], to_add, added);
        sizes[i] = active[i]->wanted + share;
        added += share;
    }
    if (count)
        sizes[0] = MAX(sizes[0] + to_add - added, 0);
    for (size_t i = 0; i < count; i++)
        if (rollout_scale_set(r, active[i], sizes[i], true, NULL, st) < 0)
            return -1;
    return 0;
}

int rollout_spread(struct rollout *r, struct status *st)
{
    struct replica_set *only = active_or_latest(r);
    if (only)
        return rollout_scale_set(r, only, r->wanted, false, NULL, st);
    if (saturated(r)) {
        for (size_t i = 0; i < r->count; i++)
            if (is_old(r, &r->sets[i]) && rollout_scale_set(r, &r->sets[i], 0, false, NULL, st) < 0)
                return -1;
        return 0;
    }
    return r->rolling ? spread_proportionally(r, st) : 0;
}

static int scale_newest(struct rollout *r, bool *ret_scaled, struct status *st)
{
    int64_t size = r->newest->wanted;
    if (size > r->wanted)
        size = r->wanted;
    else if (size < r->wanted)
        size = rollout_newest_size(r, size);
    return rollout_scale_set(r, r->newest, size, false, ret_scaled, st);
}

/* Takes up to limit pods from old sets: those that aren't available first (unhealthy), or any. */
static int shrink_old(struct rollout *r, bool unhealthy, int64_t limit, int64_t *done,
                      struct status *st)
{
    for (size_t i = 0; i < r->count && *done < limit; i++) {
        struct replica_set *set = &r->sets[i];
        if (!is_old(r, set) || set->wanted == 0)
            continue;
        int64_t candidates = unhealthy ? set->wanted - set_available(set) : set->wanted;
        int64_t take = MIN(limit - *done, candidates);
        if (take <= 0)
            continue;
        if (rollout_scale_set(r, set, set->wanted - take, false, NULL, st) < 0)
            return -1;
        *done += take;
    }
    return 0;
}

static int scale_old(struct rollout *r, bool *ret_scaled, struct status *st)
{
    *ret_scaled = false;
    int64_t minimum = r->wanted - r->unavailable;
    int64_t new_unavailable = r->newest->wanted - set_available(r->newest);
    int64_t cleaned = 0, shrunk = 0, available = 0;
    if (rollout_total_wanted(r) == r->newest->wanted)
        return 0;
    int64_t limit = rollout_total_wanted(r) - minimum - new_unavailable;
    if (limit <= 0)
        return 0;
    if (shrink_old(r, true, limit, &cleaned, st) < 0)
        return -1;
    for (size_t i = 0; i < r->count; i++)
        available += set_available(&r->sets[i]);
    if (available > minimum && shrink_old(r, false, available - minimum, &shrunk, st) < 0)
        return -1;
    *ret_scaled = cleaned + shrunk > 0;
    return 0;
}

int rollout_roll(struct rollout *r, bool *ret_scaled, struct status *st)
{
    if (scale_newest(r, ret_scaled, st) < 0)
        return -1;
    return *ret_scaled ? 0 : scale_old(r, ret_scaled, st);
}
