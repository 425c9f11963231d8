/* VolumeBinding: bound claims pin the pod to where their volumes are; claims that wait for their
 * first pod get a volume where the pod goes. Source: pkg/scheduler/framework/plugins/volumebinding.
 */
#include "control/placement.h"
#include "control/volume.h"
#include "object/seal.h"
#include "sched/plugins/volumes.h"

struct waiting_claim {
    const struct sealed *claim, *class; /* in place */
    struct str name;
};

struct binding_state {
    const struct sealed **volumes; /* bound ones; in place; arena array */
    size_t volume_count;
    struct waiting_claim *waiting; /* arena */
    size_t waiting_count;
};

static enum sched_verdict refuse(struct str *ret_message, struct str text)
{
    *ret_message = text;
    return SCHED_UNRESOLVABLE;
}

static enum sched_verdict take_claim(struct sched_cycle *c, struct binding_state *state,
                                     struct str name, struct str *ret_message)
{
    struct scheduler *s = c->scheduler;
    const struct sealed *claim = view_get(sched_view(s, VIEW_CLAIMS), c->ns, name);
    if (!claim)
        return refuse(
            ret_message,
            arena_printf(c->arena, "persistentvolumeclaim \"%.*s\" not found", STR_ARG(name)));
    if (object_deleting(claim))
        return refuse(ret_message,
                      arena_printf(c->arena, "persistentvolumeclaim \"%.*s\" is being deleted",
                                   STR_ARG(name)));
    if (str_is(object_str(claim, "status.phase"), "Lost"))
        return refuse(ret_message,
                      arena_printf(c->arena,
                                   "persistentvolumeclaim \"%.*s\" bound to non-existent "
                                   "persistentvolume \"%.*s\"",
                                   STR_ARG(name), STR_ARG(object_str(claim, "spec.volumeName"))));
    if (!str_empty(object_annotation(claim, ANNOTATION_BIND_COMPLETED))) {
        const struct sealed *volume = claim_volume(s, claim);
        if (!volume)
            return refuse(ret_message, STR("node(s) unavailable due to one or more pvc(s) bound "
                                           "to non-existent pv(s)"));
        state->volumes[state->volume_count++] = volume;
        return SCHED_FITS;
    }
    const struct sealed *class =
        view_get(sched_view(s, VIEW_CLASSES), STR(""), volume_class(claim));
    if (!class || !str_is(object_str(class, "volumeBindingMode"), "WaitForFirstConsumer") ||
        !str_empty(object_str(claim, "spec.volumeName")))
        return refuse(ret_message, STR("pod has unbound immediate PersistentVolumeClaims"));
    state->waiting[state->waiting_count++] = (struct waiting_claim){claim, class, name};
    return SCHED_FITS;
}

static enum sched_verdict pre_filter(struct sched_cycle *c, bool *ret_skip, struct str *ret_message)
{
    struct value volumes = value_at(c->spec, "volumes");
    size_t cap = value_count(volumes);
    struct binding_state *state = arena_new(c->arena, struct binding_state);
    cycle_set_state(c, state);
    if (cap == 0) {
        *ret_skip = true;
        return SCHED_FITS;
    }
    state->volumes = arena_array(c->arena, const struct sealed *, cap);
    state->waiting = arena_array(c->arena, struct waiting_claim, cap);
    struct value_iter it = value_iter(volumes);
    for (struct value volume; value_next(&it, &volume);) {
        bool ephemeral;
        struct str name = volume_claim_name(c->arena, c->name, volume, &ephemeral);
        if (str_empty(name))
            continue;
        enum sched_verdict verdict = take_claim(c, state, name, ret_message);
        if (verdict != SCHED_FITS)
            return verdict;
    }
    *ret_skip = state->volume_count == 0 && state->waiting_count == 0;
    return SCHED_FITS;
}

static bool volume_reaches(const struct sealed *volume, const struct sealed *node)
{
    struct value required = object_at(volume, "spec.nodeAffinity.required");
    return !value_present(required) || node_selector_matches(required, node);
}

struct search {
    struct sched_cycle *cycle;
    const struct sealed *claim, *node;
    const struct sealed *best; /* in place */
};

static bool look_at_volume(void *arg, const struct sealed *volume)
{
    struct search *f = arg;
    struct arena *a = f->cycle->arena;
    if (object_deleting(volume) || !volume_fits(a, volume, f->claim) ||
        !volume_reaches(volume, f->node))
        return true;
    if (volume_claimed_by(volume, f->claim)) {
        f->best = volume;
        return false;
    }
    if (value_present(object_at(volume, "spec.claimRef")) ||
        !str_is(object_str(volume, "status.phase"), "Available"))
        return true;
    if (!f->best || quantity_compare(volume_capacity(a, volume), volume_capacity(a, f->best)) < 0)
        f->best = volume;
    return true;
}

/* A volume for a waiting claim that is there already and can be used on the node; NULL: none. */
static const struct sealed *static_volume(struct sched_cycle *c, const struct sealed *claim,
                                          const struct sealed *node)
{
    struct search f = {.cycle = c, .claim = claim, .node = node};
    view_each(sched_view(c->scheduler, VIEW_VOLUMES), STR_NONE, look_at_volume, &f);
    return f.best;
}

/* allowedTopologies of a class: one of the terms, all its expressions. */
static bool class_allows(const struct sealed *class, const struct sealed *node)
{
    struct value terms = object_at(class, "allowedTopologies");
    if (value_count(terms) == 0)
        return true;
    struct value labels = object_at(node, "metadata.labels");
    struct value_iter it = value_iter(terms);
    for (struct value term; value_next(&it, &term);) {
        bool all = true;
        struct value_iter expressions = value_iter(value_at(term, "matchLabelExpressions"));
        for (struct value e; all && value_next(&expressions, &e);) {
            struct str have = value_str(value_key(labels, value_str(e, "key")), "");
            bool one = false;
            struct value_iter values = value_iter(value_at(e, "values"));
            for (struct value v; !one && value_next(&values, &v);)
                one = str_equal(value_str(v, ""), have);
            all = one;
        }
        if (all)
            return true;
    }
    return false;
}

static bool can_provision(const struct sealed *class, const struct sealed *node)
{
    return !str_is(object_str(class, "provisioner"), "kubernetes.io/no-provisioner") &&
           class_allows(class, node);
}

static enum sched_verdict filter(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason)
{
    const struct binding_state *state = cycle_state(c);
    const struct sealed *node = sched_node_object(c->scheduler, n);
    for (size_t i = 0; i < state->volume_count; i++)
        if (!node || !volume_reaches(state->volumes[i], node)) {
            *ret_reason = STR("node(s) didn't match PersistentVolume's node affinity");
            return SCHED_UNRESOLVABLE;
        }
    for (size_t i = 0; i < state->waiting_count; i++) {
        const struct waiting_claim *w = &state->waiting[i];
        struct str selected = object_annotation(w->claim, ANNOTATION_SELECTED_NODE);
        if (!str_empty(selected) && !str_equal(selected, n->name)) {
            *ret_reason = STR("node(s) didn't find available persistent volumes to bind");
            return SCHED_UNRESOLVABLE;
        }
        if (!node || (!static_volume(c, w->claim, node) && !can_provision(w->class, node))) {
            *ret_reason = STR("node(s) didn't find available persistent volumes to bind");
            return SCHED_UNRESOLVABLE;
        }
    }
    return SCHED_FITS;
}

static void ignore_answer(void *user maybe_unused, const struct sealed *object maybe_unused,
                          const struct status *st maybe_unused)
{
    /* Another writer was first: the claim's next event brings the pod back. */
}

/* Gives a volume that is there to the claim: the binder does the rest. */
static void claim_static(struct sched_cycle *c, struct str volume_name,
                         const struct node *reference)
{
    struct arena *a = c->arena;
    struct node *patch = node_map(a);
    node_put(a, patch, "spec.claimRef", node_copy(a, reference));
    node_set(a, node_need_map(a, patch, "metadata.annotations"), STR(ANNOTATION_BOUND_BY),
             node_text(a, STR("yes")));
    client_patch(sched_client(c->scheduler),
                 client_resource(sched_client(c->scheduler), "", "v1", "persistentvolumes"),
                 STR(""), volume_name, NULL, "application/merge-patch+json", patch, ignore_answer,
                 NULL);
}

static void select_node(struct sched_cycle *c, struct str claim_name, struct str node_name)
{
    struct arena *a = c->arena;
    struct node *patch = node_map(a);
    node_set(a, node_need_map(a, patch, "metadata.annotations"), STR(ANNOTATION_SELECTED_NODE),
             node_text(a, node_name));
    client_patch(sched_client(c->scheduler),
                 client_resource(sched_client(c->scheduler), "", "v1", "persistentvolumeclaims"),
                 c->ns, claim_name, NULL, "application/merge-patch+json", patch, ignore_answer,
                 NULL);
}

static struct node *reference_to(struct arena *a, const struct sealed *claim)
{
    struct node *reference = node_map(a);
    node_put_str(a, reference, "kind", STR("PersistentVolumeClaim"));
    node_put_str(a, reference, "apiVersion", STR("v1"));
    node_put_str(a, reference, "namespace", object_namespace(claim));
    node_put_str(a, reference, "name", object_name(claim));
    node_put_str(a, reference, "uid", object_uid(claim));
    return reference;
}

struct volume_step {
    struct str claim;  /* to be provisioned */
    struct str volume; /* to be claimed; empty: provisioned */
    struct node *reference;
};

/* Waiting claims are settled first; the pod comes back when they are bound. All is read before
 * anything is written. */
static bool pre_bind(struct sched_cycle *c, struct sched_node *n, struct str *ret_message)
{
    const struct binding_state *state = cycle_state(c);
    struct arena *a = c->arena;
    const struct sealed *node = sched_node_object(c->scheduler, n);
    if (!state || state->waiting_count == 0 || !node)
        return true;
    struct volume_step *steps = arena_array(a, struct volume_step, state->waiting_count);
    struct str node_name = arena_str(a, n->name);
    for (size_t i = 0; i < state->waiting_count; i++) {
        const struct sealed *claim = state->waiting[i].claim;
        const struct sealed *volume = static_volume(c, claim, node);
        steps[i].claim = arena_str(a, state->waiting[i].name);
        steps[i].volume = volume ? arena_str(a, object_name(volume)) : STR("");
        steps[i].reference = node_copy(a, reference_to(a, claim));
    }
    for (size_t i = 0; i < state->waiting_count; i++) {
        if (str_empty(steps[i].volume))
            select_node(c, steps[i].claim, node_name);
        else
            claim_static(c, steps[i].volume, steps[i].reference);
    }
    *ret_message = STR("waiting for volumes to be bound");
    return false;
}

REGISTER(sched_plugin, volume_binding)
= {
    .name = "VolumeBinding",
    .order = 100,
    .events = SCHED_NODE_ADD | SCHED_NODE_LABELS | SCHED_VOLUMES,
    .pre_filter = pre_filter,
    .filter = filter,
    .pre_bind = pre_bind,
};
