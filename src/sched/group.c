#include "control/object.h"
#include "sched/internal.h"

static void add_to_zone(struct sched_group *g, struct str zone, int64_t change)
{
    if (str_empty(zone) || change == 0)
        return;
    int64_t *count = map_get(&g->zones, zone);
    if (!count) {
        count = mem_alloc(sizeof(*count));
        map_put(&g->zones, zone, count);
    }
    *count += change;
    if (*count == 0)
        mem_free(map_del(&g->zones, zone));
}

static void count_pod(struct scheduler *s, size_t group, struct sched_pod *p, int64_t change)
{
    struct sched_node *n = p->node;
    if (!n->group_counts)
        n->group_counts = mem_alloc(SCHED_GROUPS_MAX * sizeof(n->group_counts[0]));
    n->group_counts[group] = (uint32_t)((int64_t)n->group_counts[group] + change);
    add_to_zone(&s->groups[group], n->zone, change);
    p->groups ^= UINT64_C(1) << group;
}

void sched_groups_add_pod(struct scheduler *s, struct sched_pod *p, const struct sealed *pod)
{
    if (p->deleting)
        return;
    struct value labels = object_at(pod, "metadata.labels");
    for (size_t i = 0; i < SCHED_GROUPS_MAX; i++) {
        const struct sched_group *g = &s->groups[i];
        if (g->key.len && str_equal(g->ns, p->ns) && label_selector_matches(&g->labels, labels))
            count_pod(s, i, p, 1);
    }
}

void sched_groups_remove_pod(struct scheduler *s, struct sched_pod *p)
{
    for (size_t i = 0; p->groups; i++)
        if (p->groups >> i & 1)
            count_pod(s, i, p, -1);
}

void sched_groups_move_node(struct scheduler *s, struct sched_node *n, struct str old_zone,
                            struct str new_zone)
{
    for (size_t i = 0; n->group_counts && i < SCHED_GROUPS_MAX; i++) {
        add_to_zone(&s->groups[i], old_zone, -(int64_t)n->group_counts[i]);
        add_to_zone(&s->groups[i], new_zone, n->group_counts[i]);
    }
}

static void group_release(struct sched_group *g)
{
    map_each(slot, &g->zones)
        mem_free(slot->value);
    map_release(&g->zones);
    arena_release(&g->arena);
    *g = (struct sched_group){.asked = 0};
}

/* Empties a group that has members: its bit is free for another one. */
static void group_empty(struct scheduler *s, size_t group)
{
    map_each(slot, &s->pods) {
        struct sched_pod *p = slot->value;
        if (p->groups >> group & 1)
            count_pod(s, group, p, -1);
    }
    group_release(&s->groups[group]);
}

static void copy_selector(struct arena *a, const struct selector *from, struct selector *ret)
{
    *ret = (struct selector){.nothing = from->nothing, .count = from->count};
    ret->terms = arena_array(a, struct selector_term, from->count + 1);
    for (size_t i = 0; i < from->count; i++) {
        struct selector_term *t = &ret->terms[i];
        *t = from->terms[i];
        t->key = arena_str(a, t->key);
        t->values = arena_array(a, struct str, t->value_count + 1);
        for (size_t j = 0; j < t->value_count; j++)
            t->values[j] = arena_str(a, from->terms[i].values[j]);
    }
}

struct filling {
    struct scheduler *scheduler;
    size_t group;
};

static bool fill(void *arg, const struct sealed *pod)
{
    struct filling *f = arg;
    struct sched_pod *p = sched_pod_named(f->scheduler, object_namespace(pod), object_name(pod));
    if (p && !p->deleting && str_equal(p->uid, object_uid(pod)))
        count_pod(f->scheduler, f->group, p, 1);
    return true;
}

static size_t group_make(struct scheduler *s, struct str key, struct str ns,
                         const struct selector *labels)
{
    size_t group = 0;
    for (size_t i = 1; i < SCHED_GROUPS_MAX; i++)
        if (s->groups[i].asked < s->groups[group].asked)
            group = i; /* free ones were asked about at 0 */
    struct sched_group *g = &s->groups[group];
    if (g->key.len)
        group_empty(s, group);
    g->key = arena_str(&g->arena, key);
    g->ns = arena_str(&g->arena, ns);
    copy_selector(&g->arena, labels, &g->labels);
    struct filling f = {s, group};
    view_each_selected(sched_view(s, VIEW_PODS), g->ns, &g->labels, fill, &f);
    return group;
}

size_t sched_group_of(struct scheduler *s, struct str ns, const struct selector *labels)
{
    struct arena arena = ARENA_INIT;
    struct str key = arena_printf(&arena, "%.*s/%.*s", STR_ARG(ns),
                                  STR_ARG(label_selector_format(&arena, labels)));
    size_t group = 0;
    while (group < SCHED_GROUPS_MAX && !str_equal(s->groups[group].key, key))
        group++;
    if (group == SCHED_GROUPS_MAX)
        group = group_make(s, key, ns, labels);
    s->groups[group].asked = ++s->group_questions;
    arena_release(&arena);
    return group;
}

int64_t sched_group_on_node(const struct sched_node *n, size_t group)
{
    return n->group_counts ? n->group_counts[group] : 0;
}

void sched_group_each_zone(struct scheduler *s, size_t group, sched_zone_visit fn, void *arg)
{
    map_each(slot, &s->groups[group].zones)
        fn(arg, map_slot_key(slot), *(int64_t *)slot->value);
}

void sched_groups_release(struct scheduler *s)
{
    for (size_t i = 0; i < SCHED_GROUPS_MAX; i++)
        group_release(&s->groups[i]);
}
