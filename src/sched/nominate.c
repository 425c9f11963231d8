/* Nominations: a pod for which others were preempted has the room that they leave, until it is
 * placed. Others of its importance and below see the node as if it ran there already. Source:
 * pkg/scheduler/framework/runtime, RunFilterPluginsWithNominatedPods. */
#include "control/object.h"
#include "object/tree.h"
#include "sched/internal.h"

struct nomination {
    struct list link;      /* in scheduler.nominations */
    struct sched_pod *pod; /* owned; on a node only while somebody else is looked at */
    bool visits;           /* it is now */
    size_t node_len;
    char node[];
};

static struct nomination *nomination_of(struct scheduler *s, struct str ns, struct str name)
{
    list_each(one, &s->nominations, struct nomination, link) {
        if (str_equal(one->pod->name, name) && str_equal(one->pod->ns, ns))
            return one;
    }
    return NULL;
}

static void nomination_free(struct nomination *one)
{
    assert(!one->visits);
    list_remove(&one->link);
    sched_pod_free(one->pod);
    mem_free(one);
}

bool sched_unnominate(struct scheduler *s, struct str ns, struct str name)
{
    struct nomination *one = nomination_of(s, ns, name);
    if (one)
        nomination_free(one);
    return one != NULL;
}

void sched_nominate(struct scheduler *s, const struct sealed *pod, struct str node)
{
    sched_unnominate(s, object_namespace(pod), object_name(pod));
    if (str_empty(node))
        return;
    struct nomination *one = mem_alloc(sizeof(*one) + node.len);
    one->pod = sched_pod_new(s, pod);
    one->node_len = node.len;
    memcpy(one->node, node.data, node.len);
    list_append(&s->nominations, &one->link);
}

void sched_nominations_release(struct scheduler *s)
{
    list_each(one, &s->nominations, struct nomination, link)
        nomination_free(one);
}

static bool is_on(const struct nomination *one, const struct sched_node *n)
{
    return str_equal((struct str){one->node, one->node_len}, n->name);
}

bool sched_nominated_enter(struct sched_cycle *c, struct sched_node *n)
{
    bool any = false;
    list_each(one, &c->scheduler->nominations, struct nomination, link) {
        if (!is_on(one, n) || one->pod->priority < c->info->priority ||
            str_equal(one->pod->uid, c->uid))
            continue;
        sched_node_add_pod(c->scheduler, n, one->pod);
        sched_tell_plugins(c, one->pod, false);
        one->visits = any = true;
    }
    return any;
}

void sched_nominated_leave(struct sched_cycle *c)
{
    list_each(one, &c->scheduler->nominations, struct nomination, link) {
        if (!one->visits)
            continue;
        sched_tell_plugins(c, one->pod, true);
        sched_node_remove_pod(one->pod);
        one->visits = false;
    }
}

static void ignore_answer(void *user maybe_unused, const struct sealed *object maybe_unused,
                          const struct status *st maybe_unused)
{
    /* The pod may be gone meanwhile. */
}

void sched_nominated_displace(struct sched_cycle *c, struct str node)
{
    struct scheduler *s = c->scheduler;
    list_each(one, &s->nominations, struct nomination, link) {
        if (!str_equal((struct str){one->node, one->node_len}, node) ||
            one->pod->priority >= c->info->priority)
            continue;
        struct str ns = arena_str(c->arena, one->pod->ns),
                   name = arena_str(c->arena, one->pod->name);
        struct node *patch = node_map(c->arena);
        nomination_free(one);
        node_put(c->arena, patch, "status.nominatedNodeName", node_null(c->arena));
        client_patch(s->client, client_resource(s->client, "", "v1", "pods"), ns, name, "status",
                     "application/merge-patch+json", patch, ignore_answer, NULL);
    }
}
