/* Preemption: which pods of lower priority go, so that the pod at hand fits. Source:
 * pkg/scheduler/framework/preemption, plugins/defaultpreemption. */
#include "control/object.h"
#include "object/scalar.h"
#include "sched/internal.h"

enum {
    CANDIDATES_MIN = 100,    /* nodes looked at, if there are as many; upstream 100 */
    CANDIDATES_PERCENT = 10, /* upstream 10 % */
};

struct candidate {
    struct sched_node *node;
    struct sched_pod **victims; /* arena; highest priority first */
    size_t count;
    size_t violations; /* of disruption budgets */
};

/* A pod that hasn't started yet starts now. */
static int64_t started_us(const struct sched_pod *pod)
{
    return pod->start_us ? pod->start_us : INT64_MAX;
}

static int compare_importance(const void *x, const void *y)
{
    const struct sched_pod *const *left = x, *const *right = y;
    if ((*left)->priority != (*right)->priority)
        return (*left)->priority > (*right)->priority ? -1 : 1;
    int64_t a = started_us(*left), b = started_us(*right);
    return a < b ? -1 : a > b;
}

static void take_off(struct sched_cycle *c, struct sched_node *n, struct sched_pod *pod)
{
    sched_tell_plugins(c, pod, true);
    sched_node_remove_pod(pod);
    pod->node = n; /* where it belongs: plugins and put_back ask */
}

static void put_back(struct sched_cycle *c, struct sched_node *n, struct sched_pod *pod)
{
    sched_node_add_pod(c->scheduler, n, pod);
    sched_tell_plugins(c, pod, false);
}

/* Disruptions that budgets still allow, used up pod by pod. */
struct budget {
    struct str ns;
    struct selector labels;
    struct value disrupted; /* pods that are counted as gone; of the view */
    int64_t allowed;
};

struct budgets {
    struct sched_cycle *cycle;
    VEC(struct budget) list;
};

static bool collect_budget(void *arg, const struct sealed *object)
{
    struct budgets *b = arg;
    struct status st;
    struct budget one = {.ns = arena_str(b->cycle->arena, object_namespace(object)),
                         .disrupted = object_at(object, "status.disruptedPods"),
                         .allowed = object_int(object, "status.disruptionsAllowed", 0)};
    status_init(&st, b->cycle->arena);
    if (label_selector_from_value(b->cycle->arena, object_at(object, "spec.selector"), &one.labels,
                                  &st) == 0 &&
        !one.labels.nothing && one.labels.count) /* one that selects all protects nobody */
        vec_push(&b->list, one);
    return true;
}

static bool violates(struct budgets *b, struct sched_pod *pod)
{
    const struct sealed *object = sched_pod_object(b->cycle->scheduler, pod);
    bool violated = false;
    if (object && value_count(object_at(object, "metadata.labels")) == 0)
        return false;
    for (size_t i = 0; object && i < b->list.count; i++) {
        struct budget *one = &b->list.items[i];
        if (str_equal(one->ns, pod->ns) && !value_present(value_key(one->disrupted, pod->name)) &&
            label_selector_matches(&one->labels, object_at(object, "metadata.labels")))
            violated |= one->allowed-- <= 0;
    }
    return violated;
}

/* The fewest and least important pods of a node that have to go; false: not even all lower ones
 * would help, and why. */
static bool select_victims(struct sched_cycle *c, struct sched_node *n, struct candidate *ret,
                           struct str *ret_reason)
{
    struct str reason;
    size_t count = 0;
    struct sched_pod **lower = arena_array(c->arena, struct sched_pod *, n->pod_count + 1);
    list_each(pod, &n->pods, struct sched_pod, link) {
        if (pod->priority < c->info->priority && !pod->assumed)
            lower[count++] = pod;
    }
    *ret_reason = STR("No preemption victims found for incoming pod");
    if (count == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        take_off(c, n, lower[i]);
    bool fits = sched_filter_node(c, n, &reason) == SCHED_FITS;
    if (!fits)
        *ret_reason = reason;
    *ret =
        (struct candidate){.node = n, .victims = arena_array(c->arena, struct sched_pod *, count)};
    struct budgets budgets = {.cycle = c};
    view_each(sched_view(c->scheduler, VIEW_BUDGETS), STR_NONE, collect_budget, &budgets);
    qsort(lower, count, sizeof(lower[0]), compare_importance);
    /* The important ones, and those that budgets protect, are spared first if there is room for
     * them. */
    bool *protected_pods = arena_array(c->arena, bool, count);
    for (size_t i = 0; i < count; i++)
        protected_pods[i] = violates(&budgets, lower[i]);
    vec_release(&budgets.list);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            if (protected_pods[i] != (pass == 0))
                continue;
            put_back(c, n, lower[i]);
            if (!fits || sched_filter_node(c, n, &reason) == SCHED_FITS)
                continue;
            take_off(c, n, lower[i]);
            ret->victims[ret->count++] = lower[i];
            ret->violations += pass == 0;
        }
    for (size_t i = 0; i < ret->count; i++)
        put_back(c, n, ret->victims[i]);
    qsort(ret->victims, ret->count, sizeof(ret->victims[0]), compare_importance);
    return fits && ret->count > 0;
}

/* <0: x is better. */
static int compare_candidates(const struct candidate *x, const struct candidate *y)
{
    int64_t sum_x = 0, sum_y = 0;
    for (size_t i = 0; i < x->count; i++)
        sum_x += x->victims[i]->priority + INT64_C(2147483648);
    for (size_t i = 0; i < y->count; i++)
        sum_y += y->victims[i]->priority + INT64_C(2147483648);
    const int64_t steps[][2] = {
        {(int64_t)x->violations, (int64_t)y->violations},
        {x->victims[0]->priority, y->victims[0]->priority},
        {sum_x, sum_y},
        {(int64_t)x->count, (int64_t)y->count},
        {-started_us(x->victims[0]), -started_us(y->victims[0])},
    };
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
        if (steps[i][0] != steps[i][1])
            return steps[i][0] < steps[i][1] ? -1 : 1;
    return 0;
}

static void ignore_answer(void *user maybe_unused, const struct sealed *object maybe_unused,
                          const struct status *st maybe_unused)
{
    /* A victim that is gone already is what was wanted. */
}

static void delete_victim(struct sched_cycle *c, const struct sealed *victim)
{
    struct scheduler *s = c->scheduler;
    struct arena *a = c->arena;
    const struct resource *pods = client_resource(s->client, "", "v1", "pods");
    struct str ns = object_namespace(victim), name = object_name(victim);
    struct str message = arena_printf(a, "%.*s: preempting to accommodate a higher priority pod",
                                      STR_ARG(value_str(c->spec, "schedulerName")));
    struct node *patch =
        pod_condition_patch(a, victim, "DisruptionTarget", "True", "PreemptionByScheduler", message,
                            loop_wall_us(s->loop));
    client_patch(s->client, pods, ns, name, "status", "application/strategic-merge-patch+json",
                 patch, ignore_answer, NULL);
    struct client_delete_options options = {.uid = object_uid(victim), .grace_s = -1};
    client_delete(s->client, pods, ns, name, &options, ignore_answer, NULL);
}

/* Deletes what has to go. Names are copied first: writes change the cache. */
static void evict(struct sched_cycle *c, const struct candidate *best)
{
    struct scheduler *s = c->scheduler;
    struct arena *a = c->arena;
    struct str(*names)[2] = arena_alloc(a, sizeof(*names) * best->count);
    struct str node = arena_str(a, best->node->name);
    size_t count = 0;
    for (size_t i = 0; i < best->count; i++) {
        if (best->victims[i]->deleting)
            continue;
        names[count][0] = arena_str(a, best->victims[i]->ns);
        names[count++][1] = arena_str(a, best->victims[i]->name);
    }
    for (size_t i = 0; i < count; i++) {
        const struct sealed *object = view_get(sched_view(s, VIEW_PODS), names[i][0], names[i][1]);
        if (!object)
            continue;
        struct sealed *kept = sealed_copy(object);
        delete_victim(c, kept);
        client_event(s->client, kept, "Normal", "Preempted", "Preempting",
                     "Preempted by pod %.*s on node %.*s", STR_ARG(c->uid), STR_ARG(node));
        sealed_unref(kept);
    }
}

static bool leaves_by_preemption(struct scheduler *s, struct sched_pod *pod)
{
    const struct sealed *object = pod->deleting ? sched_pod_object(s, pod) : NULL;
    struct value c =
        object ? condition_of(object, "DisruptionTarget") : (struct value){.kind = VALUE_NONE};
    return str_is(value_str(c, "status"), "True") &&
           str_is(value_str(c, "reason"), "PreemptionByScheduler");
}

/* Victims of an earlier preemption for this pod are still on their way out: nothing more is
 * deleted. */
static bool waits_for_victims(struct sched_cycle *c, const uint8_t *verdicts, struct str nominated)
{
    struct sched_node *n = str_empty(nominated) ? NULL : sched_node_named(c->scheduler, nominated);
    /* A node that is gone, or that the pod can't use any more, is nothing to wait for. */
    if (!n || !n->present || verdicts[n->index] == SCHED_UNRESOLVABLE)
        return false;
    list_each(pod, &n->pods, struct sched_pod, link) {
        if (pod->priority < c->info->priority && leaves_by_preemption(c->scheduler, pod))
            return true;
    }
    return false;
}

/* Why the pod may not even try; NULL: it may. */
static const char *not_eligible(struct sched_cycle *c, const uint8_t *verdicts,
                                struct str nominated)
{
    if (str_is(value_str(c->spec, "preemptionPolicy"), "Never"))
        return "preemption: not eligible due to preemptionPolicy=Never.";
    if (waits_for_victims(c, verdicts, nominated))
        return "preemption: not eligible due to a terminating pod on the nominated node.";
    return NULL;
}

/* How many candidates are enough. */
static size_t candidates_wanted(const uint8_t *verdicts, size_t nodes)
{
    size_t potential = 0;
    for (size_t i = 0; i < nodes; i++)
        potential += verdicts[i] == SCHED_REFUSED;
    return MAX(potential * CANDIDATES_PERCENT / 100, (size_t)CANDIDATES_MIN);
}

void sched_preempt(struct sched_cycle *c, const uint8_t *verdicts, struct str *ret_node,
                   struct str *ret_message)
{
    struct scheduler *s = c->scheduler;
    size_t nodes = s->nodes.count, found = 0, wanted = candidates_wanted(verdicts, nodes);
    struct sched_refusals refusals = {0};
    struct candidate best = {0};
    unsigned refused_by = c->refused_by;
    struct str nominated = value_str(c->root, "status.nominatedNodeName");
    const char *never = not_eligible(c, verdicts, nominated);
    if (never) {
        *ret_node = nominated; /* as it was */
        *ret_message = str_from(never);
        return;
    }
    /* All are looked at as long as none spares the disruption budgets. */
    for (size_t i = 0; i < nodes && (found < wanted || best.violations); i++) {
        struct candidate one;
        struct str reason = STR("Preemption is not helpful for scheduling");
        if (verdicts[i] != SCHED_REFUSED || !select_victims(c, s->nodes.items[i], &one, &reason)) {
            sched_count_refusals(&refusals, reason);
            continue;
        }
        found++;
        if (!best.node || compare_candidates(&one, &best) < 0)
            best = one;
    }
    c->refused_by = refused_by;
    if (!best.node) {
        *ret_message = arena_printf(c->arena, "preemption: %.*s",
                                    STR_ARG(sched_refusal_message(c, &refusals, nodes)));
        return;
    }
    *ret_node = arena_str(c->arena, best.node->name);
    sched_nominated_displace(c, *ret_node);
    evict(c, &best);
}
