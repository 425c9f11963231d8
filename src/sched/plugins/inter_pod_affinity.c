/* InterPodAffinity: pods near others, or away from them. Matching pods are found by the store's
 * label index; pods that keep others away are few and kept in a list. Source:
 * pkg/scheduler/framework/plugins/interpodaffinity. */
#include "control/object.h"
#include "sched/framework.h"

static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";

/* A PodAffinityTerm, compiled. */
struct term {
    struct str key; /* topologyKey */
    struct selector labels;
    struct selector namespaces; /* by label; nothing: not asked for */
    struct str *names;          /* namespaces by name; arena */
    size_t name_count;
    bool all_namespaces;
    int64_t weight;
};

struct terms {
    struct term *items; /* arena */
    size_t count;
};

static void read_term(struct arena *a, struct str own_ns, struct value v, struct term *ret)
{
    struct status st;
    status_init(&st, a);
    *ret = (struct term){.key = value_str(v, "topologyKey"), .namespaces = {.nothing = true}};
    if (label_selector_from_value(a, value_at(v, "labelSelector"), &ret->labels, &st) < 0)
        ret->labels.nothing = true;
    struct value list = value_at(v, "namespaces"), selector = value_at(v, "namespaceSelector");
    size_t count = value_count(list);
    ret->names = arena_array(a, struct str, count + 1);
    struct value_iter it = value_iter(list);
    for (struct value name; value_next(&it, &name);)
        ret->names[ret->name_count++] = value_str(name, "");
    if (value_present(selector)) {
        if (label_selector_from_value(a, selector, &ret->namespaces, &st) < 0)
            ret->namespaces.nothing = true;
        ret->all_namespaces = !ret->namespaces.nothing && ret->namespaces.count == 0;
    } else if (count == 0) {
        ret->names[ret->name_count++] = own_ns;
    }
}

static struct terms read_terms(struct arena *a, struct value spec, struct str own_ns,
                               const char *kind, const char *which)
{
    char path[128];
    snprintf(path, sizeof(path), "affinity.%s.%s", kind, which);
    struct value list = value_at(spec, path);
    struct terms terms = {arena_array(a, struct term, value_count(list) + 1), 0};
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);) {
        struct term *t = &terms.items[terms.count++];
        bool weighted = which == preferred;
        read_term(a, own_ns, weighted ? value_at(v, "podAffinityTerm") : v, t);
        t->weight = weighted ? value_int(v, "weight", 0) : 1;
    }
    return terms;
}

static bool covers_namespace(struct scheduler *s, const struct term *t, struct str ns)
{
    if (t->all_namespaces)
        return true;
    for (size_t i = 0; i < t->name_count; i++)
        if (str_equal(t->names[i], ns))
            return true;
    if (t->namespaces.nothing)
        return false;
    const struct sealed *object = view_get(sched_view(s, VIEW_NAMESPACES), STR(""), ns);
    return object && label_selector_matches(&t->namespaces, object_at(object, "metadata.labels"));
}

static bool term_matches(struct scheduler *s, const struct term *t, struct str ns,
                         struct value labels)
{
    return covers_namespace(s, t, ns) && label_selector_matches(&t->labels, labels);
}

/* Numbers by (topology key, value), in an open-addressed table of the arena. */
struct pair {
    struct str key, value;
    int64_t number;
    bool used;
};

struct pairs {
    struct pair *slots; /* arena */
    size_t cap, count;
    struct str *keys; /* arena; those that occur, each once */
    size_t key_count;
};

static struct pair *find_pair(const struct pairs *p, struct str key, struct str value)
{
    if (p->cap == 0)
        return NULL;
    uint64_t hash = str_hash(key) * 31 + str_hash(value);
    for (size_t i = hash & (p->cap - 1);; i = (i + 1) & (p->cap - 1)) {
        struct pair *slot = &p->slots[i];
        if (!slot->used || (str_equal(slot->key, key) && str_equal(slot->value, value)))
            return slot;
    }
}

static void grow(struct arena *a, struct pairs *p)
{
    struct pairs larger = *p;
    larger.cap = p->cap ? p->cap * 2 : 16;
    larger.slots = arena_array(a, struct pair, larger.cap);
    for (size_t i = 0; i < p->cap; i++)
        if (p->slots[i].used)
            *find_pair(&larger, p->slots[i].key, p->slots[i].value) = p->slots[i];
    *p = larger;
}

static void note_key(struct arena *a, struct pairs *p, struct str key)
{
    for (size_t i = 0; i < p->key_count; i++)
        if (str_equal(p->keys[i], key))
            return;
    p->keys = arena_grow(a, p->keys, p->key_count * sizeof(key), (p->key_count + 1) * sizeof(key));
    p->keys[p->key_count++] = key;
}

static void add_number(struct arena *a, struct pairs *p, struct str key, struct str value,
                       int64_t number)
{
    if ((p->count + 1) * 2 > p->cap)
        grow(a, p);
    struct pair *slot = find_pair(p, key, value);
    if (!slot->used) {
        *slot = (struct pair){key, value, 0, true};
        p->count++;
        note_key(a, p, key);
    }
    slot->number += number;
}

static int64_t number_at(const struct pairs *p, struct str key, struct str value)
{
    const struct pair *slot = find_pair(p, key, value);
    return slot && slot->used ? slot->number : 0;
}

static void add_at_node(struct sched_cycle *c, struct pairs *p, const struct sched_node *n,
                        struct str key, int64_t number)
{
    bool has;
    struct str value = sched_topology(c->scheduler, n, key, &has);
    if (has)
        add_number(c->arena, p, key, value, number);
}

/* Visits of pods on nodes that a term may mean. */

struct visit {
    struct sched_cycle *cycle;
    const struct term *term;
    void (*fn)(struct visit *v, struct sched_pod *pod, const struct sealed *object);
    void *arg;
    int64_t factor;
};

static bool visit_pod(void *arg, const struct sealed *object)
{
    struct visit *v = arg;
    struct scheduler *s = v->cycle->scheduler;
    struct sched_pod *pod = sched_pod_named(s, object_namespace(object), object_name(object));
    if (pod && pod->node && pod->node->present && covers_namespace(s, v->term, pod->ns))
        v->fn(v, pod, object);
    return true;
}

static void each_matching(struct visit *v)
{
    struct view *pods = sched_view(v->cycle->scheduler, VIEW_PODS);
    bool one = !v->term->all_namespaces && v->term->namespaces.nothing && v->term->name_count == 1;
    view_each_selected(pods, one ? v->term->names[0] : STR_NONE, &v->term->labels, visit_pod, v);
}

/* Filter. */

struct affinity_state {
    struct terms near, away;
    struct pairs near_counts, away_counts; /* of pods that the incoming one wants or avoids */
    struct pairs forbidden;                /* domains of pods that avoid the incoming one */
    bool
        fits_itself; /* matches all its own required terms: the first of its kind may go anywhere */
    struct soft_scores *soft;
};

static bool matches_all(struct sched_cycle *c, const struct terms *terms, struct str ns,
                        struct value labels)
{
    for (size_t i = 0; i < terms->count; i++)
        if (!term_matches(c->scheduler, &terms->items[i], ns, labels))
            return false;
    return true;
}

static void count_near(struct visit *v, struct sched_pod *pod, const struct sealed *object)
{
    struct affinity_state *state = v->arg;
    if (!matches_all(v->cycle, &state->near, pod->ns, object_at(object, "metadata.labels")))
        return;
    for (size_t i = 0; i < state->near.count; i++)
        add_at_node(v->cycle, &state->near_counts, pod->node, state->near.items[i].key, v->factor);
}

static void count_away(struct visit *v, struct sched_pod *pod,
                       const struct sealed *object maybe_unused)
{
    struct affinity_state *state = v->arg;
    add_at_node(v->cycle, &state->away_counts, pod->node, v->term->key, v->factor);
}

/* What a pod with required anti-affinity forbids to the incoming one. */
static void count_forbidden(struct sched_cycle *c, struct affinity_state *state,
                            struct sched_pod *pod, const struct sealed *object, int64_t factor)
{
    struct terms terms =
        read_terms(c->arena, object_at(object, "spec"), pod->ns, "podAntiAffinity", required);
    for (size_t i = 0; i < terms.count; i++)
        if (term_matches(c->scheduler, &terms.items[i], c->ns,
                         value_at(c->root, "metadata.labels")))
            add_at_node(c, &state->forbidden, pod->node, terms.items[i].key, factor);
}

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message maybe_unused)
{
    struct affinity_state *state = arena_new(c->arena, struct affinity_state);
    struct list *anti = sched_anti_pods(c->scheduler);
    cycle_set_state(c, state);
    if (value_present(value_at(c->spec, "affinity"))) {
        state->near = read_terms(c->arena, c->spec, c->ns, "podAffinity", required);
        state->away = read_terms(c->arena, c->spec, c->ns, "podAntiAffinity", required);
    }
    *ret_skip = state->near.count == 0 && state->away.count == 0 && list_empty(anti);
    if (*ret_skip)
        return SCHED_FITS;
    list_each(pod, anti, struct sched_pod, anti_link) {
        const struct sealed *object = sched_pod_object(c->scheduler, pod);
        if (object && pod->node && pod->node->present)
            count_forbidden(c, state, pod, object, 1);
    }
    struct visit v = {.cycle = c, .arg = state, .factor = 1};
    if (state->near.count) {
        v.term = &state->near.items[0];
        v.fn = count_near;
        each_matching(&v);
        state->fits_itself =
            matches_all(c, &state->near, c->ns, value_at(c->root, "metadata.labels"));
    }
    v.fn = count_away;
    for (size_t i = 0; i < state->away.count; i++) {
        v.term = &state->away.items[i];
        each_matching(&v);
    }
    return SCHED_FITS;
}

static bool near_satisfied(struct sched_cycle *c, const struct affinity_state *state,
                           struct sched_node *n)
{
    bool all = true, keys = true, any_pod = false;
    for (size_t i = 0; i < state->near.count; i++) {
        bool has;
        struct str value = sched_topology(c->scheduler, n, state->near.items[i].key, &has);
        keys &= has;
        all &= has && number_at(&state->near_counts, state->near.items[i].key, value) > 0;
    }
    if (all)
        return true;
    for (size_t i = 0; i < state->near_counts.cap; i++)
        any_pod |= state->near_counts.slots[i].used && state->near_counts.slots[i].number > 0;
    return keys && !any_pod && state->fits_itself;
}

static bool away_satisfied(struct sched_cycle *c, const struct affinity_state *state,
                           struct sched_node *n)
{
    for (size_t i = 0; i < state->away.count; i++) {
        bool has;
        struct str value = sched_topology(c->scheduler, n, state->away.items[i].key, &has);
        if (has && number_at(&state->away_counts, state->away.items[i].key, value) > 0)
            return false;
    }
    return true;
}

static bool forbidden_here(struct sched_cycle *c, const struct affinity_state *state,
                           struct sched_node *n)
{
    for (size_t i = 0; i < state->forbidden.key_count; i++) {
        bool has;
        struct str value = sched_topology(c->scheduler, n, state->forbidden.keys[i], &has);
        if (has && number_at(&state->forbidden, state->forbidden.keys[i], value) > 0)
            return true;
    }
    return false;
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct affinity_state *state = cycle_state(c);
    if (!near_satisfied(c, state, n)) {
        *ret_reason = STR("node(s) didn't match pod affinity rules");
        return SCHED_UNRESOLVABLE;
    }
    if (!away_satisfied(c, state, n)) {
        *ret_reason = STR("node(s) didn't match pod anti-affinity rules");
        return SCHED_REFUSED;
    }
    if (forbidden_here(c, state, n)) {
        *ret_reason = STR("node(s) didn't satisfy existing pods anti-affinity rules");
        return SCHED_REFUSED;
    }
    return SCHED_FITS;
}

static void change_pod(struct sched_cycle *c, struct sched_pod *pod, int64_t factor)
{
    struct affinity_state *state = cycle_state(c);
    const struct sealed *object = sched_pod_object(c->scheduler, pod);
    if (!object)
        return;
    struct value labels = object_at(object, "metadata.labels");
    count_forbidden(c, state, pod, object, factor);
    if (state->near.count && matches_all(c, &state->near, pod->ns, labels))
        for (size_t i = 0; i < state->near.count; i++)
            add_at_node(c, &state->near_counts, pod->node, state->near.items[i].key, factor);
    for (size_t i = 0; i < state->away.count; i++)
        if (term_matches(c->scheduler, &state->away.items[i], pod->ns, labels))
            add_at_node(c, &state->away_counts, pod->node, state->away.items[i].key, factor);
}

static void pod_removed(struct sched_cycle *c, struct sched_pod *pod)
{
    change_pod(c, pod, -1);
}

static void pod_added(struct sched_cycle *c, struct sched_pod *pod)
{
    change_pod(c, pod, 1);
}

/* Score: weights of preferred terms, the pod's own and those of pods that prefer it (or require it:
 * weight 1). */

struct soft_scores {
    struct pairs weights;
};

static void add_weight(struct visit *v, struct sched_pod *pod,
                       const struct sealed *object maybe_unused)
{
    struct soft_scores *soft = v->arg;
    add_at_node(v->cycle, &soft->weights, pod->node, v->term->key, v->factor * v->term->weight);
}

static void add_own_wishes(struct sched_cycle *c, struct soft_scores *soft, const char *kind,
                           int64_t factor)
{
    struct terms terms = read_terms(c->arena, c->spec, c->ns, kind, preferred);
    for (size_t i = 0; i < terms.count; i++) {
        struct visit v = {c, &terms.items[i], add_weight, soft, factor};
        each_matching(&v);
    }
}

static void add_their_wishes(struct sched_cycle *c, struct soft_scores *soft, struct sched_pod *pod,
                             const struct sealed *object)
{
    static const struct {
        const char *kind, *which;
        int64_t factor;
    } wishes[] = {{"podAffinity", required, 1},
                  {"podAffinity", preferred, 1},
                  {"podAntiAffinity", preferred, -1}};
    struct value labels = value_at(c->root, "metadata.labels");
    for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
        struct terms terms = read_terms(c->arena, object_at(object, "spec"), pod->ns,
                                        wishes[i].kind, wishes[i].which);
        for (size_t j = 0; j < terms.count; j++)
            if (term_matches(c->scheduler, &terms.items[j], c->ns, labels))
                add_at_node(c, &soft->weights, pod->node, terms.items[j].key,
                            wishes[i].factor * terms.items[j].weight);
    }
}

static void pre_score(struct sched_cycle *c, bool *ret_skip)
{
    struct affinity_state *state = cycle_state(c);
    struct soft_scores *soft = arena_new(c->arena, struct soft_scores);
    state->soft = soft;
    if (value_present(value_at(c->spec, "affinity"))) {
        add_own_wishes(c, soft, "podAffinity", 1);
        add_own_wishes(c, soft, "podAntiAffinity", -1);
    }
    list_each(pod, sched_affinity_pods(c->scheduler), struct sched_pod, affinity_link) {
        const struct sealed *object = sched_pod_object(c->scheduler, pod);
        if (object && pod->node && pod->node->present)
            add_their_wishes(c, soft, pod, object);
    }
    *ret_skip = soft->weights.count == 0;
}

static int64_t score(struct sched_cycle *c, struct sched_node *n)
{
    const struct pairs *weights = &((struct affinity_state *)cycle_state(c))->soft->weights;
    int64_t total = 0;
    for (size_t i = 0; i < weights->key_count; i++) {
        bool has;
        struct str value = sched_topology(c->scheduler, n, weights->keys[i], &has);
        if (has)
            total += number_at(weights, weights->keys[i], value);
    }
    return total;
}

static void normalize(struct sched_cycle *c maybe_unused, int64_t *scores, size_t count)
{
    int64_t lowest = INT64_MAX, highest = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        lowest = MIN(lowest, scores[i]);
        highest = MAX(highest, scores[i]);
    }
    for (size_t i = 0; i < count; i++)
        scores[i] =
            highest > lowest ? SCHED_SCORE_MAX * (scores[i] - lowest) / (highest - lowest) : 0;
}

REGISTER(sched_plugin, inter_pod_affinity)
= {
    .name = "InterPodAffinity",
    .order = 130,
    .weight = 2,
    .events = SCHED_NODE_ADD | SCHED_NODE_LABELS | SCHED_POD_ADD | SCHED_POD_LABELS |
              SCHED_POD_DELETE | SCHED_POD_ITSELF | SCHED_NAMESPACE,
    .pre_filter = pre_filter,
    .filter = filter,
    .pod_removed = pod_removed,
    .pod_added = pod_added,
    .pre_score = pre_score,
    .score = score,
    .normalize = normalize,
};
