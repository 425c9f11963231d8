/* PodTopologySpread: pods of a kind are spread over zones, nodes or other domains. Pods are found
 * by the store's label index, so the cost follows the number of pods that match. Source:
 * pkg/scheduler/framework/plugins/podtopologyspread. */
#include <math.h>

#include "control/object.h"
#include "control/placement.h"
#include "sched/framework.h"

struct spread {
    struct str key;
    int64_t max_skew, min_domains;
    bool honor_affinity, honor_taints;
    struct selector labels;
    bool counts_itself;
    int64_t minimum; /* matching pods of the emptiest domain */
};

struct spread_state {
    struct spread *hard, *soft; /* arena */
    size_t hard_count, soft_count;
    bool defaults; /* soft ones are the system's */
};

static bool node_counts(struct sched_cycle *c, const struct spread *s, const struct sealed *node)
{
    if (s->honor_affinity && !pod_selects_node(c->spec, node))
        return false;
    return !s->honor_taints ||
           !taints_forbid(object_at(node, "spec.taints"), value_at(c->spec, "tolerations"),
                          TAINT_NO_SCHEDULE | TAINT_NO_EXECUTE, NULL);
}

/* matchLabelKeys: the pod's own values narrow the selector. */
static void add_own_labels(struct sched_cycle *c, struct value constraint, struct selector *labels)
{
    struct value keys = value_at(constraint, "matchLabelKeys");
    size_t extra = value_count(keys);
    if (extra == 0 || labels->nothing)
        return;
    struct selector_term *terms =
        arena_array(c->arena, struct selector_term, labels->count + extra);
    if (labels->count)
        memcpy(terms, labels->terms, labels->count * sizeof(terms[0]));
    labels->terms = terms;
    struct value_iter it = value_iter(keys);
    for (struct value v; value_next(&it, &v);) {
        struct value own = value_key(value_at(c->root, "metadata.labels"), value_str(v, ""));
        if (!value_present(own))
            continue;
        struct str *text = arena_new(c->arena, struct str);
        *text = value_str(own, "");
        labels->terms[labels->count++] = (struct selector_term){
            .key = value_str(v, ""), .op = SELECT_EQUALS, .values = text, .value_count = 1};
    }
}

static void read_spread(struct sched_cycle *c, struct value constraint, struct spread *ret)
{
    struct status st;
    status_init(&st, c->arena);
    *ret = (struct spread){
        .key = value_str(constraint, "topologyKey"),
        .max_skew = value_int(constraint, "maxSkew", 1),
        .min_domains = value_int(constraint, "minDomains", 1),
        .honor_affinity = !str_is(value_str(constraint, "nodeAffinityPolicy"), "Ignore"),
        .honor_taints = str_is(value_str(constraint, "nodeTaintsPolicy"), "Honor"),
    };
    if (label_selector_from_value(c->arena, value_at(constraint, "labelSelector"), &ret->labels,
                                  &st) < 0)
        ret->labels.nothing = true;
    add_own_labels(c, constraint, &ret->labels);
    ret->counts_itself = label_selector_matches(&ret->labels, value_at(c->root, "metadata.labels"));
}

/* System defaults: pods of a Service or of one controller are spread over nodes and zones. */

struct default_search {
    struct sched_cycle *cycle;
    struct selector *labels;
};

static void merge(struct sched_cycle *c, struct selector *to, const struct selector *more)
{
    if (more->nothing || more->count == 0)
        return;
    struct selector_term *terms =
        arena_array(c->arena, struct selector_term, to->count + more->count);
    if (to->count)
        memcpy(terms, to->terms, to->count * sizeof(terms[0]));
    memcpy(terms + to->count, more->terms, more->count * sizeof(terms[0]));
    to->terms = terms;
    to->count += more->count;
}

static bool add_service(void *arg, const struct sealed *service)
{
    struct default_search *f = arg;
    struct selector labels;
    struct value map = object_at(service, "spec.selector");
    if (value_count(map) == 0)
        return true;
    label_selector_from_map(f->cycle->arena, map, &labels);
    if (label_selector_matches(&labels, value_at(f->cycle->root, "metadata.labels")))
        merge(f->cycle, f->labels, &labels);
    return true;
}

static void add_owner(struct sched_cycle *c, struct selector *to)
{
    static const struct {
        const char *kind;
        enum sched_view view;
    } kinds[] = {{"ReplicaSet", VIEW_REPLICA_SETS},
                 {"StatefulSet", VIEW_STATEFUL_SETS},
                 {"ReplicationController", VIEW_CONTROLLERS}};
    struct owner owner;
    struct selector labels = {.nothing = true};
    struct status st;
    status_init(&st, c->arena);
    if (!object_controller(c->pod, &owner))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        const struct sealed *object =
            str_is(owner.kind, kinds[i].kind)
                ? view_get(sched_view(c->scheduler, kinds[i].view), c->ns, owner.name)
                : NULL;
        if (!object)
            continue;
        if (kinds[i].view == VIEW_CONTROLLERS)
            label_selector_from_map(c->arena, object_at(object, "spec.selector"), &labels);
        else if (label_selector_from_value(c->arena, object_at(object, "spec.selector"), &labels,
                                           &st) < 0)
            return;
        merge(c, to, &labels);
    }
}

static void default_spreads(struct sched_cycle *c, struct spread_state *state)
{
    static const struct {
        const char *key;
        int max_skew;
    } defaults[] = {{"kubernetes.io/hostname", 3}, {"topology.kubernetes.io/zone", 5}};
    struct selector labels = {0};
    struct default_search f = {c, &labels};
    view_each(sched_view(c->scheduler, VIEW_SERVICES), c->ns, add_service, &f);
    add_owner(c, &labels);
    if (labels.count == 0)
        return;
    state->soft = arena_array(c->arena, struct spread, ARRAY_COUNT(defaults));
    for (size_t i = 0; i < ARRAY_COUNT(defaults); i++)
        state->soft[state->soft_count++] = (struct spread){
            .key = str_from(defaults[i].key),
            .max_skew = defaults[i].max_skew,
            .min_domains = 1,
            .honor_affinity = true,
            .labels = labels,
            .counts_itself = true,
        };
    state->defaults = true;
}

static struct spread_state *read_state(struct sched_cycle *c)
{
    struct spread_state *state = arena_new(c->arena, struct spread_state);
    struct value constraints = value_at(c->spec, "topologySpreadConstraints");
    size_t count = value_count(constraints);
    if (count == 0) {
        default_spreads(c, state);
        return state;
    }
    state->hard = arena_array(c->arena, struct spread, count);
    state->soft = arena_array(c->arena, struct spread, count);
    struct value_iter it = value_iter(constraints);
    for (struct value v; value_next(&it, &v);) {
        bool soft = str_is(value_str(v, "whenUnsatisfiable"), "ScheduleAnyway");
        read_spread(c, v,
                    soft ? &state->soft[state->soft_count++] : &state->hard[state->hard_count++]);
    }
    return state;
}

/* Counting: domains in an open-addressed table of the arena; values are counts. */

struct domain {
    struct str value;
    int64_t pods;
    bool used;
};

struct domains {
    struct domain *slots; /* arena */
    size_t cap, count;
};

static struct domain *domain_of(struct domains *d, struct str value, bool add)
{
    for (size_t i = str_hash(value) & (d->cap - 1);; i = (i + 1) & (d->cap - 1)) {
        struct domain *slot = &d->slots[i];
        if (slot->used && str_equal(slot->value, value))
            return slot;
        if (slot->used)
            continue;
        if (!add)
            return NULL;
        *slot = (struct domain){value, 0, true};
        d->count++;
        return slot;
    }
}

static struct domains *domains_new(struct arena *a, size_t most)
{
    struct domains *d = arena_new(a, struct domains);
    d->cap = 16;
    while (d->cap < most * 2)
        d->cap *= 2;
    d->slots = arena_array(a, struct domain, d->cap);
    return d;
}

static void add_zone(void *arg, struct str zone, int64_t pods)
{
    struct domain *d = domain_of(arg, zone, false);
    if (d)
        d->pods += pods;
}

/* Matching pods of each domain: by zone as they are counted all along, else node by node of
 * `nodes`. eligible: which of them count; NULL: all. */
static void count_matching(struct sched_cycle *c, struct spread *spread, struct domains *domains,
                           struct sched_node *const *nodes, size_t count, const bool *eligible)
{
    struct scheduler *s = c->scheduler;
    if (spread->labels.nothing || spread->labels.count == 0)
        return; /* a selector of everything counts nobody */
    size_t group = sched_group_of(s, c->ns, &spread->labels);
    if (!eligible && str_is(spread->key, "topology.kubernetes.io/zone")) {
        sched_group_each_zone(s, group, add_zone, domains);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool has;
        int64_t pods = eligible && !eligible[i] ? 0 : sched_group_on_node(nodes[i], group);
        struct str value = pods ? sched_topology(s, nodes[i], spread->key, &has) : STR("");
        if (pods && has)
            add_zone(domains, value, pods);
    }
}

/* Filter. */

struct hard_state {
    struct spread_state *constraints;
    struct domains **domains; /* of each hard constraint; arena */
    /* Of each hard constraint, by the node's index: whether the node's pods count. arena */
    bool **eligible;
};

static bool has_all_keys(struct sched_cycle *c, const struct spread *list, size_t count,
                         struct sched_node *n)
{
    for (size_t i = 0; i < count; i++) {
        bool has;
        sched_topology(c->scheduler, n, list[i].key, &has);
        if (!has)
            return false;
    }
    return true;
}

static void find_minimum(struct spread *spread, const struct domains *domains)
{
    spread->minimum = INT64_MAX;
    for (size_t i = 0; i < domains->cap; i++)
        if (domains->slots[i].used)
            spread->minimum = MIN(spread->minimum, domains->slots[i].pods);
    if (spread->minimum == INT64_MAX || (int64_t)domains->count < spread->min_domains)
        spread->minimum = 0;
}

/* Adds the domains of a node on which pods count. partly: some nodes of a domain don't. */
static void look_at_node(struct sched_cycle *c, struct hard_state *h, size_t index, bool *partly)
{
    const struct spread_state *state = h->constraints;
    struct sched_node *n = sched_node_at(c->scheduler, index);
    bool all_keys = has_all_keys(c, state->hard, state->hard_count, n);
    const struct sealed *object = all_keys ? sched_node_object(c->scheduler, n) : NULL;
    for (size_t j = 0; j < state->hard_count; j++) {
        bool has;
        struct str value = sched_topology(c->scheduler, n, state->hard[j].key, &has);
        if (object && node_counts(c, &state->hard[j], object)) {
            h->eligible[j][index] = true;
            domain_of(h->domains[j], value, true);
        } else {
            partly[j] |= has;
        }
    }
}

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    struct hard_state *h = arena_new(c->arena, struct hard_state);
    struct spread_state *state = read_state(c);
    size_t nodes = sched_node_count(c->scheduler);
    h->constraints = state;
    cycle_set_state(c, h);
    *ret_skip = state->hard_count == 0;
    if (*ret_skip)
        return SCHED_FITS;
    h->domains = arena_array(c->arena, struct domains *, state->hard_count);
    h->eligible = arena_array(c->arena, bool *, state->hard_count);
    bool *partly = arena_array(c->arena, bool, state->hard_count);
    for (size_t i = 0; i < state->hard_count; i++) {
        h->domains[i] = domains_new(c->arena, nodes);
        h->eligible[i] = arena_array(c->arena, bool, nodes + 1);
    }
    for (size_t i = 0; i < nodes; i++)
        look_at_node(c, h, i, partly);
    struct sched_node **all = arena_array(c->arena, struct sched_node *, nodes + 1);
    for (size_t i = 0; i < nodes; i++)
        all[i] = sched_node_at(c->scheduler, i);
    for (size_t i = 0; i < state->hard_count; i++) {
        count_matching(c, &state->hard[i], h->domains[i], all, nodes,
                       partly[i] ? h->eligible[i] : NULL);
        find_minimum(&state->hard[i], h->domains[i]);
    }
    return SCHED_FITS;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct hard_state *h = cycle_state(c);
    for (size_t i = 0; i < h->constraints->hard_count; i++) {
        const struct spread *spread = &h->constraints->hard[i];
        bool has;
        struct str value = sched_topology(c->scheduler, n, spread->key, &has);
        if (!has) {
            *ret_reason = STR("node(s) didn't match pod topology spread constraints (missing "
                              "required label)");
            return SCHED_UNRESOLVABLE;
        }
        const struct domain *d = domain_of(h->domains[i], value, false);
        int64_t pods = d ? d->pods : 0;
        if (pods + spread->counts_itself - spread->minimum > spread->max_skew) {
            *ret_reason = STR("node(s) didn't match pod topology spread constraints");
            return SCHED_REFUSED;
        }
    }
    return SCHED_FITS;
}

/* Preemption takes a pod away and puts it back: its domain follows, and so does the minimum. */
static void change_pod(struct sched_cycle *c, struct sched_pod *pod, int64_t change)
{
    struct hard_state *h = cycle_state(c);
    const struct sealed *object =
        str_equal(pod->ns, c->ns) ? sched_pod_object(c->scheduler, pod) : NULL;
    for (size_t i = 0; object && pod->node->present && i < h->constraints->hard_count; i++) {
        struct spread *spread = &h->constraints->hard[i];
        bool has;
        struct str value = sched_topology(c->scheduler, pod->node, spread->key, &has);
        struct domain *d = has ? domain_of(h->domains[i], value, false) : NULL;
        if (!d || pod->deleting || !h->eligible[i][pod->node->index] ||
            !label_selector_matches(&spread->labels, object_at(object, "metadata.labels")))
            continue;
        d->pods += change;
        find_minimum(spread, h->domains[i]);
    }
}

static void pod_removed(struct sched_cycle *c, struct sched_pod *pod)
{
    change_pod(c, pod, -1);
}

static void pod_added(struct sched_cycle *c, struct sched_pod *pod)
{
    change_pod(c, pod, 1);
}

/* Score: fewer matching pods in the node's domains are better, each constraint weighed by how many
 * domains there are. */

struct soft_state {
    struct spread_state *constraints;
    struct domains **domains; /* arena */
    double *weights;          /* arena */
};

/* Whether a node has a place in the score: the pod's own constraints ask for all their labels, the
 * system's take what there is. */
static bool takes_part(struct sched_cycle *c, const struct spread_state *state,
                       struct sched_node *n)
{
    return state->defaults || has_all_keys(c, state->soft, state->soft_count, n);
}

/* Which of all nodes count for a constraint; NULL: each that has its label. */
static bool *soft_eligible(struct sched_cycle *c, const struct spread_state *state,
                           const struct spread *spread)
{
    struct value required =
        value_at(c->spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    bool picky = spread->honor_taints ||
                 (spread->honor_affinity &&
                  (value_present(required) || value_count(value_at(c->spec, "nodeSelector")) > 0));
    if (!picky && (state->defaults || state->soft_count == 1))
        return NULL;
    size_t count = sched_node_count(c->scheduler);
    bool *eligible = arena_array(c->arena, bool, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct sched_node *n = sched_node_at(c->scheduler, i);
        const struct sealed *object = picky ? sched_node_object(c->scheduler, n) : NULL;
        eligible[i] =
            takes_part(c, state, n) && (!picky || (object && node_counts(c, spread, object)));
    }
    return eligible;
}

/* Hosts are counted where pods may go; zones are all along; other domains need all nodes. */
static void count_soft(struct sched_cycle *c, const struct spread_state *state,
                       struct spread *spread, struct domains *domains)
{
    if (str_is(spread->key, "kubernetes.io/hostname")) {
        count_matching(c, spread, domains, c->feasible, c->feasible_count, NULL);
        return;
    }
    bool *eligible = soft_eligible(c, state, spread);
    struct sched_node **nodes = NULL;
    size_t count = 0;
    if (eligible || !str_is(spread->key, "topology.kubernetes.io/zone")) {
        count = sched_node_count(c->scheduler);
        nodes = arena_array(c->arena, struct sched_node *, count + 1);
        for (size_t i = 0; i < count; i++)
            nodes[i] = sched_node_at(c->scheduler, i);
    }
    count_matching(c, spread, domains, nodes, count, eligible);
}

/* The domains of a constraint among the feasible nodes. *ret_size: how many there are; nodes
 * without the label are one more. */
static struct domains *soft_domains(struct sched_cycle *c, const struct spread_state *state,
                                    const struct spread *spread, size_t *ret_size)
{
    struct domains *domains = domains_new(c->arena, c->feasible_count);
    size_t hosts = 0, others = 0;
    for (size_t i = 0; i < c->feasible_count; i++) {
        bool has;
        if (!takes_part(c, state, c->feasible[i]))
            continue;
        hosts++;
        struct str value = sched_topology(c->scheduler, c->feasible[i], spread->key, &has);
        if (has)
            domain_of(domains, value, true);
        else
            others = 1;
    }
    *ret_size = str_is(spread->key, "kubernetes.io/hostname") ? hosts : domains->count + others;
    return domains;
}

static void pre_score(struct sched_cycle *c, bool *ret_skip)
{
    struct hard_state *h = cycle_state(c);
    struct spread_state *state = h->constraints;
    *ret_skip = state->soft_count == 0;
    if (*ret_skip)
        return;
    struct soft_state *soft = arena_new(c->arena, struct soft_state);
    soft->constraints = state;
    soft->domains = arena_array(c->arena, struct domains *, state->soft_count);
    soft->weights = arena_array(c->arena, double, state->soft_count);
    for (size_t i = 0; i < state->soft_count; i++) {
        size_t size;
        soft->domains[i] = soft_domains(c, state, &state->soft[i], &size);
        soft->weights[i] = log((double)size + 2);
        count_soft(c, state, &state->soft[i], soft->domains[i]);
    }
    cycle_set_state(c, soft);
}

static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    const struct soft_state *soft = cycle_state(c);
    double total = 0;
    if (!takes_part(c, soft->constraints, n))
        return INT64_MAX; /* lacks a label that the pod asked for: last choice */
    for (size_t i = 0; i < soft->constraints->soft_count; i++) {
        const struct spread *spread = &soft->constraints->soft[i];
        bool has;
        struct str value = sched_topology(c->scheduler, n, spread->key, &has);
        const struct domain *d = has ? domain_of(soft->domains[i], value, false) : NULL;
        if (d)
            total += (double)d->pods * soft->weights[i] + (double)(spread->max_skew - 1);
    }
    return (int64_t)(total + 0.5);
}

static void normalize(struct sched_cycle *c maybe_unused, int64_t *scores, size_t count)
{
    int64_t lowest = INT64_MAX, highest = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        if (scores[i] == INT64_MAX)
            continue;
        lowest = MIN(lowest, scores[i]);
        highest = MAX(highest, scores[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (scores[i] == INT64_MAX)
            scores[i] = 0;
        else if (highest == 0)
            scores[i] = SCHED_SCORE_MAX;
        else
            scores[i] = SCHED_SCORE_MAX * (highest + lowest - scores[i]) / highest;
    }
}

REGISTER(sched_plugin, pod_topology_spread)
= {
    .name = "PodTopologySpread",
    .order = 120,
    .weight = 2,
    .events = SCHED_NODE_ADD | SCHED_NODE_DELETE | SCHED_NODE_LABELS | SCHED_NODE_TAINTS |
              SCHED_POD_ADD | SCHED_POD_LABELS | SCHED_POD_DELETE | SCHED_POD_ITSELF,
    .pre_filter = pre_filter,
    .filter = filter,
    .pod_removed = pod_removed,
    .pod_added = pod_added,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
};
