#include "control/daemonset.h"

/* The pods of a node that an update is about. */
struct pair {
    const struct sealed *fresh, *old; /* NULL: none */
    bool crowded;                     /* more pods than one of each: the next run sorts it out */
};

static struct pair pair_of(struct daemon_run *d, const struct daemon_node *n)
{
    struct pair p = {0};
    for (size_t i = 0; i < n->pods.count; i++) {
        const struct sealed *pod = n->pods.items[i];
        if (object_deleting(pod))
            continue;
        const struct sealed **place = daemon_updated(d, pod) ? &p.fresh : &p.old;
        p.crowded |= *place != NULL;
        *place = pod;
    }
    return p;
}

/* Old pods go first, their successors come when they are gone. */
static int roll_by_deleting(struct daemon_run *d, struct status *st)
{
    struct arena *a = d->run->arena;
    struct objects allowed = {0}, candidates = {0};
    int64_t missing = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct daemon_node *n = &d->nodes[i];
        if (!n->should_run && n->pods.count == 0)
            continue;
        struct pair p = pair_of(d, n);
        if (p.crowded || !p.fresh == !p.old) {
            missing++;
        } else if (p.fresh) {
            missing += !daemon_available(d, p.fresh);
        } else if (!daemon_available(d, p.old)) {
            objects_add(a, &allowed, p.old);
            missing++;
        } else {
            objects_add(a, &candidates, p.old);
        }
    }
    for (size_t i = 0; i < allowed.count; i++)
        if (daemon_delete_pod(d, allowed.items[i], st) < 0)
            return -1;
    for (size_t i = 0; i < candidates.count && missing < d->unavailable; i++, missing++)
        if (daemon_delete_pod(d, candidates.items[i], st) < 0)
            return -1;
    return 0;
}

/* What an update by surging may do. */
struct surge {
    struct objects useless;   /* old pods with a successor, or broken where none is wanted */
    struct objects misplaced; /* old pods that work where none is wanted any more */
    int64_t surging, available, desired;
};

static void look_at_node(struct daemon_run *d, struct daemon_node *n, struct surge *s)
{
    struct arena *a = d->run->arena;
    s->desired += n->should_run;
    struct pair p = pair_of(d, n);
    const struct sealed *one = p.old ? p.old : p.fresh;
    if (p.crowded) {
        s->surging++;
        return;
    }
    bool available = one && daemon_available(d, one);
    s->available += available;
    if (!p.old)
        return;
    if (p.fresh && !daemon_available(d, p.fresh))
        s->surging++;
    else if (p.fresh || (!n->should_run && !available))
        objects_add(a, &s->useless, p.old);
    else if (!n->should_run)
        objects_add(a, &s->misplaced, p.old);
}

/* Successors of old pods: of those that are of no use at once, of others as far as the surge goes.
 */
static int create_successors(struct daemon_run *d, int64_t room, struct status *st)
{
    for (size_t i = 0; i < d->count; i++) {
        struct daemon_node *n = &d->nodes[i];
        struct pair p = pair_of(d, n);
        if (!n->should_run || p.crowded || !p.old || p.fresh)
            continue;
        if (daemon_available(d, p.old) && room-- <= 0)
            continue;
        if (daemon_create_pod(d, n, st) < 0)
            return -1;
    }
    return 0;
}

static int delete_first(struct daemon_run *d, struct objects pods, int64_t count, struct status *st)
{
    for (int64_t i = 0; i < MIN(count, (int64_t)pods.count); i++)
        if (daemon_delete_pod(d, pods.items[i], st) < 0)
            return -1;
    return 0;
}

/* New pods come first, old ones go when their successors are available. */
static int roll_by_surging(struct daemon_run *d, struct status *st)
{
    struct surge s = {0};
    for (size_t i = 0; i < d->count; i++)
        look_at_node(d, &d->nodes[i], &s);
    if (create_successors(d, d->surge - s.surging, st) < 0 ||
        delete_first(d, s.useless, INT64_MAX, st) < 0)
        return -1;
    return delete_first(d, s.misplaced, s.available - s.desired, st);
}

int daemon_roll(struct daemon_run *d, struct status *st)
{
    return d->surge > 0 ? roll_by_surging(d, st) : roll_by_deleting(d, st);
}
