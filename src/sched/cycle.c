/* One attempt to find a node for one pod. */
#include "base/log.h"
#include "control/object.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "sched/internal.h"

static uint64_t next_random(struct scheduler *s)
{
    /* xorshift64*: ties are broken evenly, nothing more is needed. */
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * UINT64_C(2685821657736338717);
}

void sched_normalize(int64_t *scores, size_t count, bool reverse)
{
    int64_t highest = 0;
    for (size_t i = 0; i < count; i++)
        highest = MAX(highest, scores[i]);
    for (size_t i = 0; i < count; i++) {
        if (highest == 0) {
            scores[i] = reverse ? SCHED_SCORE_MAX : 0;
            continue;
        }
        scores[i] = scores[i] * SCHED_SCORE_MAX / highest;
        if (reverse)
            scores[i] = SCHED_SCORE_MAX - scores[i];
    }
}

/* How many feasible nodes are enough: all of a small cluster, a falling share of a large one. */
static size_t nodes_wanted(size_t count)
{
    if (count < SCHED_NODES_MIN)
        return count;
    int64_t percent = 50 - (int64_t)count / 125;
    percent = MAX(percent, 5);
    return MAX(count * (size_t)percent / 100, (size_t)SCHED_NODES_MIN);
}

static void count_refusal(struct sched_refusals *list, struct str reason)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_equal(list->items[i].reason, reason)) {
            list->items[i].nodes++;
            return;
        }
    if (list->count < ARRAY_COUNT(list->items))
        list->items[list->count++] = (struct sched_refusal){reason, 1};
}

void sched_count_refusals(struct sched_refusals *list, struct str reasons)
{
    while (reasons.data)
        count_refusal(list, str_cut(&reasons, '\n'));
}

static int compare_refusals(const void *x, const void *y)
{
    const struct sched_refusal *const *left = x, *const *right = y;
    char a[24], b[24];
    /* The original sorts the printed lines: "10 ..." stands before "2 ...". */
    snprintf(a, sizeof(a), "%zu ", (*left)->nodes);
    snprintf(b, sizeof(b), "%zu ", (*right)->nodes);
    int order = strcmp(a, b);
    return order ? order : str_compare((*left)->reason, (*right)->reason);
}

struct str sched_refusal_message(struct sched_cycle *c, struct sched_refusals *list, size_t nodes)
{
    if (nodes == 0)
        return STR("no nodes available to schedule pods");
    struct sched_refusal *sorted[64];
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = &list->items[i];
    qsort(sorted, list->count, sizeof(sorted[0]), compare_refusals);
    buf_printf(&text, "0/%zu nodes are available:", nodes);
    for (size_t i = 0; i < list->count; i++)
        buf_printf(&text, "%s %zu %.*s", i ? "," : "", sorted[i]->nodes,
                   STR_ARG(sorted[i]->reason));
    buf_putc(&text, '.');
    struct str copy = arena_str(c->arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

void sched_tell_plugins(struct sched_cycle *c, struct sched_pod *pod, bool removed)
{
    struct scheduler *s = c->scheduler;
    for (size_t i = 0; i < s->plugin_count; i++) {
        void (*fn)(struct sched_cycle *, struct sched_pod *) =
            removed ? s->plugins[i]->pod_removed : s->plugins[i]->pod_added;
        c->plugin_index = i;
        if (fn && !c->skip_filter[i])
            fn(c, pod);
    }
}

static enum sched_verdict run_filters(struct sched_cycle *c, struct sched_node *n,
                                      struct str *ret_reason)
{
    struct scheduler *s = c->scheduler;
    for (size_t i = 0; i < s->plugin_count; i++) {
        const struct sched_plugin *plugin = s->plugins[i];
        if (!plugin->filter || c->skip_filter[i])
            continue;
        c->plugin_index = i;
        enum sched_verdict verdict = plugin->filter(c, n, ret_reason);
        if (verdict != SCHED_FITS) {
            c->refused_by |= 1u << i;
            return verdict;
        }
    }
    return SCHED_FITS;
}

enum sched_verdict sched_filter_node(struct sched_cycle *c, struct sched_node *n,
                                     struct str *ret_reason)
{
    if (list_empty(&c->scheduler->nominations) || !sched_nominated_enter(c, n))
        return run_filters(c, n, ret_reason);
    enum sched_verdict verdict = run_filters(c, n, ret_reason);
    sched_nominated_leave(c);
    /* It must not lean on a pod that isn't there yet either. */
    return verdict == SCHED_FITS ? run_filters(c, n, ret_reason) : verdict;
}

static enum sched_verdict pre_filter(struct sched_cycle *c, struct str *ret_message)
{
    struct scheduler *s = c->scheduler;
    for (size_t i = 0; i < s->plugin_count; i++) {
        const struct sched_plugin *plugin = s->plugins[i];
        if (!plugin->pre_filter)
            continue;
        c->plugin_index = i;
        enum sched_verdict verdict = plugin->pre_filter(c, &c->skip_filter[i], ret_message);
        if (verdict != SCHED_FITS) {
            c->refused_by |= 1u << i;
            return verdict;
        }
    }
    return SCHED_FITS;
}

/* Looks for feasible nodes, from where the last search ended. verdicts: of each node looked at. */
static void find_feasible(struct sched_cycle *c, struct sched_refusals *refusals, uint8_t *verdicts)
{
    struct scheduler *s = c->scheduler;
    size_t count = s->nodes.count, wanted = nodes_wanted(count), looked = 0;
    c->feasible = arena_array(c->arena, struct sched_node *, count + 1);
    for (; looked < count && c->feasible_count < wanted; looked++) {
        size_t index = (s->next_node + looked) % count;
        struct sched_node *n = s->nodes.items[index];
        struct str reason = STR("");
        verdicts[index] = (uint8_t)sched_filter_node(c, n, &reason);
        if (verdicts[index] == SCHED_FITS)
            c->feasible[c->feasible_count++] = n;
        else
            sched_count_refusals(refusals, reason);
    }
    if (count)
        s->next_node = (s->next_node + looked) % count;
}

static struct sched_node *choose(struct sched_cycle *c)
{
    struct scheduler *s = c->scheduler;
    if (c->feasible_count == 1)
        return c->feasible[0];
    int64_t *totals = arena_array(c->arena, int64_t, c->feasible_count);
    int64_t *scores = arena_array(c->arena, int64_t, c->feasible_count);
    for (size_t i = 0; i < s->plugin_count; i++) {
        const struct sched_plugin *plugin = s->plugins[i];
        bool skip = false;
        c->plugin_index = i;
        if (!plugin->score)
            continue;
        if (plugin->pre_score)
            plugin->pre_score(c, &skip);
        if (skip)
            continue;
        for (size_t j = 0; j < c->feasible_count; j++)
            scores[j] = plugin->score(c, c->feasible[j]);
        if (plugin->normalize)
            plugin->normalize(c, scores, c->feasible_count);
        for (size_t j = 0; j < c->feasible_count; j++)
            totals[j] += scores[j] * plugin->weight;
    }
    struct sched_node *best = NULL;
    int64_t best_score = INT64_MIN;
    uint64_t equals = 0;
    for (size_t i = 0; i < c->feasible_count; i++) {
        if (totals[i] > best_score) {
            best = c->feasible[i];
            best_score = totals[i];
            equals = 1;
        } else if (totals[i] == best_score && next_random(s) % ++equals == 0) {
            best = c->feasible[i];
        }
    }
    return best;
}

/* Binding. Answers may come later (remote clients): what is needed then is kept here. */
struct binding {
    struct scheduler *scheduler; /* borrowed */
    struct sched_pending *pending;
    struct sealed *pod; /* owned reference */
    char *node;         /* owned */
};

static void on_bound(void *user, const struct sealed *object maybe_unused, const struct status *st)
{
    struct binding *b = user;
    struct scheduler *s = b->scheduler;
    struct sched_pending *p = b->pending;
    if (!st) {
        client_event(s->client, b->pod, "Normal", "Scheduled", "Binding",
                     "Successfully assigned %.*s/%.*s to %s", STR_ARG(p->ns), STR_ARG(p->name),
                     b->node);
        sched_queue_forget(&s->queue, p);
    } else {
        log_info("binding failed", LOG_STR("pod", p->name), LOG_STR("message", st->message));
        sched_forget(s, p->ns, p->name);
        sched_queue_event(&s->queue, SCHED_POD_DELETE); /* the room that it had is free again */
        p->refused_by = 0;
        sched_queue_done(&s->queue, p, true);
    }
    sealed_unref(b->pod);
    mem_free(b->node);
    mem_free(b);
}

static void bind(struct sched_cycle *c, struct sched_pending *p, struct sched_node *n)
{
    struct scheduler *s = c->scheduler;
    struct arena *a = c->arena;
    struct binding *b = mem_alloc(sizeof(*b));
    b->scheduler = s;
    b->pending = p;
    b->pod = sealed_copy(c->pod);
    b->node = mem_alloc(n->name.len + 1);
    memcpy(b->node, n->name.data, n->name.len);
    struct node *binding = node_map(a);
    node_put_str(a, binding, "apiVersion", STR("v1"));
    node_put_str(a, binding, "kind", STR("Binding"));
    node_put_str(a, binding, "metadata.name", c->name);
    node_put_str(a, binding, "metadata.namespace", c->ns);
    node_put_str(a, binding, "metadata.uid", c->uid);
    node_put_str(a, binding, "target.kind", STR("Node"));
    node_put_str(a, binding, "target.name", n->name);
    sched_unnominate(s, c->ns, c->name);
    sched_assume(s, c->info, n);
    c->info = NULL;
    client_post(s->client, client_resource(s->client, "", "v1", "pods"), c->ns, c->name, "binding",
                binding, on_bound, b);
}

/* Failure. */

static void ignore_answer(void *user maybe_unused, const struct sealed *object maybe_unused,
                          const struct status *st maybe_unused)
{
    /* The pod may be gone or changed meanwhile: its next event tells. */
}

static bool says_already(const struct sealed *pod, struct str message, struct str nominated)
{
    struct value c = condition_of(pod, "PodScheduled");
    return str_is(value_str(c, "status"), "False") &&
           str_is(value_str(c, "reason"), "Unschedulable") &&
           str_equal(value_str(c, "message"), message) &&
           value_int(c, "observedGeneration", 0) == object_generation(pod) &&
           str_equal(object_str(pod, "status.nominatedNodeName"), nominated);
}

static void tell_failure(struct sched_cycle *c, struct str message, struct str nominated)
{
    struct scheduler *s = c->scheduler;
    struct arena *a = c->arena;
    client_event(s->client, c->pod, "Warning", "FailedScheduling", "Scheduling", "%.*s",
                 STR_ARG(message));
    if (says_already(c->pod, message, nominated))
        return;
    struct value old = condition_of(c->pod, "PodScheduled");
    int64_t since = str_is(value_str(old, "status"), "False")
                        ? value_time_us(old, "lastTransitionTime")
                        : loop_wall_us(s->loop);
    struct node *patch =
        pod_condition_patch(a, c->pod, "PodScheduled", "False", "Unschedulable", message, since);
    if (!str_empty(nominated))
        node_put_str(a, patch, "status.nominatedNodeName", nominated);
    else if (!str_empty(object_str(c->pod, "status.nominatedNodeName")))
        node_put(a, patch, "status.nominatedNodeName", node_null(a));
    client_patch(s->client, client_resource(s->client, "", "v1", "pods"), c->ns, c->name, "status",
                 "application/strategic-merge-patch+json", patch, ignore_answer, NULL);
}

static void fail(struct sched_cycle *c, struct sched_pending *p, struct str message,
                 const uint8_t *verdicts)
{
    struct str nominated = STR(""), preemption = STR("");
    if (verdicts)
        sched_preempt(c, verdicts, &nominated, &preemption);
    sched_nominate(c->scheduler, c->pod, nominated);
    if (!str_empty(preemption))
        message = arena_printf(c->arena, "%.*s %.*s", STR_ARG(message), STR_ARG(preemption));
    p->refused_by = c->refused_by;
    tell_failure(c, message, nominated);
    sched_queue_done(&c->scheduler->queue, p, false);
}

static bool pre_bind(struct sched_cycle *c, struct sched_node *n, struct str *ret_message)
{
    struct scheduler *s = c->scheduler;
    for (size_t i = 0; i < s->plugin_count; i++) {
        c->plugin_index = i;
        if (s->plugins[i]->pre_bind && !s->plugins[i]->pre_bind(c, n, ret_message)) {
            c->refused_by |= 1u << i;
            return false;
        }
    }
    return true;
}

static void run_cycle(struct sched_cycle *c, struct sched_pending *p)
{
    struct scheduler *s = c->scheduler;
    struct sched_refusals refusals = {0};
    struct str message = STR("");
    size_t nodes = s->nodes.count;
    enum sched_verdict verdict = pre_filter(c, &message);
    if (verdict != SCHED_FITS) {
        message =
            arena_printf(c->arena, "0/%zu nodes are available: %.*s.", nodes, STR_ARG(message));
        fail(c, p, message, NULL);
        return;
    }
    uint8_t *verdicts = arena_array(c->arena, uint8_t, nodes + 1);
    find_feasible(c, &refusals, verdicts);
    if (c->feasible_count == 0) {
        fail(c, p, sched_refusal_message(c, &refusals, nodes), nodes ? verdicts : NULL);
        return;
    }
    struct sched_node *n = choose(c);
    if (!pre_bind(c, n, &message)) {
        /* What was asked for (a volume ...) takes a moment; its event brings the pod back. */
        p->refused_by = c->refused_by;
        p->attempts = 0;
        sched_queue_done(&s->queue, p, false);
        return;
    }
    bind(c, p, n);
}

void sched_schedule_one(struct scheduler *s, struct sched_pending *p)
{
    struct arena arena = ARENA_INIT;
    const struct sealed *pod = view_get(sched_view(s, VIEW_PODS), p->ns, p->name);
    if (!pod || !str_equal(object_uid(pod), p->uid) || object_deleting(pod) ||
        !str_empty(object_str(pod, "spec.nodeName")) || pod_finished(pod)) {
        sched_queue_forget(&s->queue, p);
        return;
    }
    struct sched_cycle c = {.scheduler = s, .arena = &arena};
    c.pod = arena_dup(&arena, pod, sealed_size(pod));
    c.root = sealed_root(c.pod);
    c.spec = value_at(c.root, "spec");
    c.ns = object_namespace(c.pod);
    c.name = object_name(c.pod);
    c.uid = object_uid(c.pod);
    c.info = sched_pod_new(s, c.pod);
    run_cycle(&c, p);
    if (c.info)
        sched_pod_free(c.info);
    arena_release(&arena);
}
