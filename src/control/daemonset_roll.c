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
        if (!n->should_run)
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

/* New pods come first, old ones go when their successors are available. */
static int roll_by_surging(struct daemon_run *d, struct status *st)
{
    int64_t surging = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct pair p = pair_of(d, &d->nodes[i]);
        if (!d->nodes[i].should_run || p.crowded || !p.old || !p.fresh)
            continue;
        if (!daemon_available(d, p.fresh))
            surging++;
        else if (daemon_delete_pod(d, p.old, st) < 0)
            return -1;
    }
    for (int pass = 0; pass < 2; pass++) /* first the nodes whose old pod is of no use */
        for (size_t i = 0; i < d->count; i++) {
            struct pair p = pair_of(d, &d->nodes[i]);
            if (!d->nodes[i].should_run || p.crowded || !p.old || p.fresh)
                continue;
            bool useless = !daemon_available(d, p.old);
            if (useless != (pass == 0) || (!useless && surging >= d->surge))
                continue;
            surging++;
            if (daemon_create_pod(d, &d->nodes[i], st) < 0)
                return -1;
        }
    return 0;
}

int daemon_roll(struct daemon_run *d, struct status *st)
{
    return d->surge > 0 ? roll_by_surging(d, st) : roll_by_deleting(d, st);
}
