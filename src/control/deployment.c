#include "control/deployment.h"

#include "object/scalar.h"
#include "object/seal.h"

static const char hash_label[] = "pod-template-hash";

enum {
    HISTORY_BYTES_MAX = 2000 /* of ANNOTATION_HISTORY; upstream 2,000 */
};

/* Annotations of a Deployment that its ReplicaSets don't inherit. */
static const char *const own_annotations[] = {
    "kubectl.kubernetes.io/last-applied-configuration",
    ANNOTATION_REVISION,
    ANNOTATION_HISTORY,
    ANNOTATION_DESIRED,
    ANNOTATION_MAX,
    "deprecated.deployment.rollback.to",
};

/* What changed last stands last: people read the list from the end. */
static struct node *put_last(struct rollout *r, const char *type, const char *status,
                             const char *reason, struct str message)
{
    struct node *c = node_find(r->conditions, "type", str_from(type));
    condition_put(r->run->arena, r->conditions, type, status, reason, message, r->run->now_us,
                  true);
    if (c) {
        condition_remove(r->conditions, type);
        node_append(r->run->arena, r->conditions, c);
    }
    return node_find(r->conditions, "type", str_from(type));
}

static bool condition_says(const struct rollout *r, const char *type, const char *status,
                           const char *reason)
{
    const struct node *c = node_find(r->conditions, "type", str_from(type));
    return c && str_is(node_str(c, "status"), status) && str_is(node_str(c, "reason"), reason);
}

void rollout_condition(struct rollout *r, const char *type, const char *status, const char *reason,
                       struct str message)
{
    if (!condition_says(r, type, status, reason))
        put_last(r, type, status, reason, message);
}

static const struct resource *sets_resource(struct rollout *r)
{
    return control_resource(r->run->control, REPLICA_SETS);
}

/* Templates without the label that only ReplicaSets have. */
static bool same_template(struct arena *a, struct value x, struct value y)
{
    struct node *left = value_to_node(a, x), *right = value_to_node(a, y);
    node_remove(node_at(left, "metadata.labels"), str_from(hash_label));
    node_remove(node_at(right, "metadata.labels"), str_from(hash_label));
    return node_equal(left, right);
}

static int64_t set_revision(const struct sealed *set)
{
    int64_t revision;
    return str_to_i64(object_annotation(set, ANNOTATION_REVISION), &revision) < 0 ? 0 : revision;
}

static void add_set(struct rollout *r, const struct sealed *object)
{
    /* Room for one more than was found: the set that this run may create. */
    struct replica_set *set = &r->sets[r->count++];
    set->object = object;
    set->wanted = object_int(object, "spec.replicas", 1);
    set->revision = set_revision(object);
}

static int find_sets(struct rollout *r, const struct selector *labels, struct status *st)
{
    struct objects found;
    if (run_claim(r->run, REPLICA_SETS, r->object, labels, NULL, &found, st) < 0)
        return -1;
    objects_sort(&found, object_compare_age);
    r->sets = arena_array(r->run->arena, struct replica_set, found.count + 1);
    struct value template = value_at(r->root, "spec.template");
    for (size_t i = 0; i < found.count; i++) {
        add_set(r, found.items[i]);
        if (!r->newest &&
            same_template(r->run->arena, template, object_at(found.items[i], "spec.template")))
            r->newest = &r->sets[r->count - 1];
    }
    return 0;
}

static int64_t next_revision(const struct rollout *r)
{
    int64_t revision = 0;
    for (size_t i = 0; i < r->count; i++)
        if (&r->sets[i] != r->newest)
            revision = MAX(revision, r->sets[i].revision);
    return revision + 1;
}

/* Adds a revision to the list of earlier ones; the oldest make room for it. */
static struct str longer_history(struct arena *a, struct str history, struct str revision)
{
    struct str rest = history;
    while (!str_empty(rest) && rest.len + 1 + revision.len > HISTORY_BYTES_MAX)
        str_cut(&rest, ',');
    if (revision.len > HISTORY_BYTES_MAX)
        return history;
    return arena_printf(a, "%.*s%s%.*s", STR_ARG(rest), str_empty(rest) ? "" : ",",
                        STR_ARG(revision));
}

/* Copies the Deployment's annotations to a ReplicaSet's tree and moves its revision up. */
static void inherit_annotations(struct rollout *r, struct node *set, int64_t revision)
{
    struct arena *a = r->run->arena;
    struct node *annotations = node_need_map(a, set, "metadata.annotations");
    struct value_iter it = value_iter(value_at(r->root, "metadata.annotations"));
    for (struct value v; value_next(&it, &v);) {
        bool own = false;
        for (size_t i = 0; i < ARRAY_COUNT(own_annotations); i++)
            own |= str_is(it.key, own_annotations[i]);
        if (!own)
            node_set(a, annotations, arena_str(a, it.key), node_text_copy(a, value_str(v, "")));
    }
    struct str before = node_str(node_get(annotations, STR(ANNOTATION_REVISION)), "");
    int64_t old_revision = 0;
    if (!str_empty(before) && (str_to_i64(before, &old_revision) < 0 || old_revision >= revision))
        return; /* what is no number was written by somebody else, and stays */
    if (!str_empty(before)) {
        struct str history = node_str(node_get(annotations, STR(ANNOTATION_HISTORY)), "");
        node_set(a, annotations, STR(ANNOTATION_HISTORY),
                 node_text(a, longer_history(a, history, before)));
    }
    node_set(a, annotations, STR(ANNOTATION_REVISION),
             node_text_printf(a, "%lld", (long long)revision));
}

static void note_revision(struct rollout *r, struct str revision)
{
    struct arena *a = r->run->arena;
    if (!str_equal(object_annotation(r->object, ANNOTATION_REVISION), revision))
        node_set(a, node_need_map(a, r->tree, "metadata.annotations"), STR(ANNOTATION_REVISION),
                 node_text_copy(a, revision));
}

/* Keeps the existing newest set's annotations and minReadySeconds those of the Deployment. */
static int refresh_newest(struct rollout *r, struct status *st)
{
    struct arena *a = r->run->arena;
    struct replica_set *set = r->newest;
    struct node *tree = unseal(a, set->object);
    inherit_annotations(r, tree, next_revision(r));
    int64_t min_ready_s = value_int(r->root, "spec.minReadySeconds", 0);
    if (node_num(tree, "spec.minReadySeconds", 0) != min_ready_s)
        node_put_int(a, tree, "spec.minReadySeconds", min_ready_s);
    const struct sealed *changed = NULL;
    if (run_put(r->run, sets_resource(r), NULL, set->object, tree, &changed, st) < 0)
        return -1;
    if (changed)
        set->object = changed;
    note_revision(r, object_annotation(set->object, ANNOTATION_REVISION));
    if (r->has_deadline && !node_find(r->conditions, "type", STR("Progressing")))
        rollout_condition(
            r, "Progressing", "True", "FoundNewReplicaSet",
            arena_printf(a, "Found new replica set \"%.*s\"", STR_ARG(object_name(set->object))));
    return 0;
}

static struct node *new_set_tree(struct rollout *r, struct str hash, struct str name)
{
    struct arena *a = r->run->arena;
    struct node *set = node_map(a);
    node_put_str(a, set, "apiVersion", STR("apps/v1"));
    node_put_str(a, set, "kind", STR("ReplicaSet"));
    node_put_str(a, set, "metadata.name", name);
    node_put_str(a, set, "metadata.namespace", r->run->ns);
    node_append(a, node_need_list(a, set, "metadata.ownerReferences"),
                owner_reference(a, r->object));
    int64_t min_ready_s = value_int(r->root, "spec.minReadySeconds", 0);
    if (min_ready_s)
        node_put_int(a, set, "spec.minReadySeconds", min_ready_s);
    node_put(a, set, "spec.selector", value_to_node(a, value_at(r->root, "spec.selector")));
    node_put(a, set, "spec.template", value_to_node(a, value_at(r->root, "spec.template")));
    node_set(a, node_need_map(a, set, "spec.selector.matchLabels"), str_from(hash_label),
             node_text(a, hash));
    struct node *labels = node_need_map(a, set, "spec.template.metadata.labels");
    node_set(a, labels, str_from(hash_label), node_text(a, hash));
    node_put(a, set, "metadata.labels", node_copy(a, labels));
    node_put_int(a, set, "spec.replicas", rollout_newest_size(r, 0));
    inherit_annotations(r, set, next_revision(r));
    rollout_annotate_sizes(r, set);
    return set;
}

/* A name that is taken: by the set that we want after all, or by another one of the same hash. */
static int resolve_taken_name(struct rollout *r, struct str name, struct status *st)
{
    const struct sealed *taken = run_get(r->run, REPLICA_SETS, r->run->ns, name);
    if (taken && object_controlled_by(taken, object_uid(r->object)) &&
        same_template(r->run->arena, value_at(r->root, "spec.template"),
                      object_at(taken, "spec.template"))) {
        add_set(r, taken);
        r->newest = &r->sets[r->count - 1];
        return 0;
    }
    node_put_int(r->run->arena, r->tree, "status.collisionCount",
                 value_int(r->root, "status.collisionCount", 0) + 1);
    struct status ignored;
    status_init(&ignored, r->run->arena);
    (void)!run_put(r->run, control_resource(r->run->control, DEPLOYMENTS), "status", r->object,
                   r->tree, NULL, &ignored);
    return status_set(st, REASON_CONFLICT, "replica set name %.*s is taken", STR_ARG(name));
}

static bool namespace_leaves(const struct status *st)
{
    for (size_t i = 0; i < st->details.cause_count; i++)
        if (st->details.causes[i].type == CAUSE_NAMESPACE_TERMINATING)
            return true;
    return false;
}

static int report_creation_failure(struct rollout *r, struct str name, struct status *st)
{
    struct arena *a = r->run->arena;
    if (namespace_leaves(st))
        return -1;
    struct str message = arena_printf(a, "Failed to create new replica set \"%.*s\": %.*s",
                                      STR_ARG(name), STR_ARG(st->message));
    if (r->has_deadline) {
        struct status ignored;
        status_init(&ignored, a);
        rollout_condition(r, "Progressing", "False", "ReplicaSetCreateError", message);
        (void)!run_put(r->run, control_resource(r->run->control, DEPLOYMENTS), "status", r->object,
                       r->tree, NULL, &ignored);
    }
    run_event(r->run, r->object, "Warning", "ReplicaSetCreateError", "%.*s", STR_ARG(message));
    return -1;
}

/* Makes the set of the Deployment's template. With a remote client it is seen in a later run:
 * newest stays NULL. */
static int create_newest(struct rollout *r, struct status *st)
{
    struct arena *a = r->run->arena;
    struct str hash = template_hash(a, value_at(r->root, "spec.template"),
                                    value_int(r->root, "status.collisionCount", -1));
    /* Room for the dash and the hash within the limit of names. */
    struct str base = r->run->name;
    if (base.len + 1 + hash.len > 253)
        base = str_slice(base, 0, 253 - 1 - hash.len);
    struct str name = arena_printf(a, "%.*s-%.*s", STR_ARG(base), STR_ARG(hash));
    struct node *tree = new_set_tree(r, hash, name);
    const struct sealed *made = NULL;
    if (run_create(r->run, sets_resource(r), r->run->ns, tree, &made, st) < 0) {
        if (st->reason != REASON_ALREADY_EXISTS)
            return report_creation_failure(r, name, st);
        if (resolve_taken_name(r, name, st) < 0)
            return -1;
        return refresh_newest(r, st);
    }
    if (!made)
        return 0;
    add_set(r, made);
    r->newest = &r->sets[r->count - 1];
    if (r->newest->wanted > 0)
        run_event(r->run, r->object, "Normal", "ScalingReplicaSet",
                  "Scaled up replica set %.*s from 0 to %lld", STR_ARG(name),
                  (long long)r->newest->wanted);
    note_revision(r, object_annotation(made, ANNOTATION_REVISION));
    if (r->has_deadline)
        rollout_condition(r, "Progressing", "True", "NewReplicaSetCreated",
                          arena_printf(a, "Created new replica set \"%.*s\"", STR_ARG(name)));
    return 0;
}

/* Status. */

struct totals {
    int64_t replicas, updated, ready, available, unavailable, terminating;
};

static struct totals count_totals(const struct rollout *r)
{
    struct totals t = {0};
    for (size_t i = 0; i < r->count; i++) {
        const struct sealed *set = r->sets[i].object;
        int64_t replicas = object_int(set, "status.replicas", 0);
        t.replicas += replicas;
        t.ready += object_int(set, "status.readyReplicas", 0);
        t.available += object_int(set, "status.availableReplicas", 0);
        t.terminating += object_int(set, "status.terminatingReplicas", 0);
        if (&r->sets[i] == r->newest)
            t.updated = replicas;
    }
    t.unavailable = MAX(rollout_total_wanted(r) - t.available, 0);
    return t;
}

static bool complete(const struct rollout *r, struct totals t)
{
    return t.updated == r->wanted && t.replicas == r->wanted && t.available == r->wanted;
}

static struct totals old_totals(const struct rollout *r)
{
    return (struct totals){
        .replicas = value_int(r->root, "status.replicas", 0),
        .updated = value_int(r->root, "status.updatedReplicas", 0),
        .ready = value_int(r->root, "status.readyReplicas", 0),
        .available = value_int(r->root, "status.availableReplicas", 0),
    };
}

static bool progressing(const struct rollout *r, struct totals now)
{
    struct totals before = old_totals(r);
    return now.updated > before.updated ||
           now.replicas - now.updated < before.replicas - before.updated ||
           now.ready > before.ready || now.available > before.available;
}

/* Microseconds until the deadline of progress; negative: missed. */
static int64_t deadline_left_us(const struct rollout *r, const struct node *condition)
{
    int64_t since = 0;
    if (time_parse(node_str(condition, "lastUpdateTime"), &since) < 0)
        since = r->run->now_us;
    int64_t deadline_s = value_int(r->root, "spec.progressDeadlineSeconds", 600);
    return since + deadline_s * 1000000 - r->run->now_us;
}

static struct str about_newest(const struct rollout *r, const char *what)
{
    struct arena *a = r->run->arena;
    if (r->newest)
        return arena_printf(a, "ReplicaSet \"%.*s\" %s", STR_ARG(object_name(r->newest->object)),
                            what);
    return arena_printf(a, "Deployment \"%.*s\" %s", STR_ARG(r->run->name), what);
}

static void judge_progress(struct rollout *r, struct totals t)
{
    const struct node *current = node_find(r->conditions, "type", STR("Progressing"));
    struct str reason = node_str(current, "reason");
    if (t.replicas == t.updated && str_is(reason, "NewReplicaSetAvailable"))
        return;
    if (complete(r, t)) {
        rollout_condition(r, "Progressing", "True", "NewReplicaSetAvailable",
                          about_newest(r, "has successfully progressed."));
    } else if (progressing(r, t)) {
        /* The same reason again moves lastUpdateTime: it is what the deadline counts from. */
        struct node *now = put_last(r, "Progressing", "True", "ReplicaSetUpdated",
                                    about_newest(r, "is progressing."));
        node_put_str(r->run->arena, now, "lastUpdateTime",
                     time_format(r->run->arena, r->run->now_us));
    } else if (current && !str_is(reason, "ProgressDeadlineExceeded") &&
               !str_is(reason, "NewReplicaSetAvailable")) { /* that clock ran for an earlier one */
        int64_t left_us = deadline_left_us(r, current);
        if (left_us < 0)
            rollout_condition(r, "Progressing", "False", "ProgressDeadlineExceeded",
                              about_newest(r, "has timed out progressing."));
    }
    current = node_find(r->conditions, "type", STR("Progressing"));
    if (current && !complete(r, t) &&
        !str_is(node_str(current, "reason"), "ProgressDeadlineExceeded")) {
        int64_t left_us = deadline_left_us(r, current);
        run_again(r->run, left_us > 0 ? (uint64_t)left_us / 1000 + 1000 : 1000);
    }
}

/* The ReplicaFailure of a set becomes the Deployment's; the newest one's goes before. */
static void copy_failure(struct rollout *r)
{
    struct value failure = {.kind = VALUE_NONE};
    for (size_t i = 0; i < r->count; i++) {
        struct value c = condition_of(r->sets[i].object, "ReplicaFailure");
        if (value_present(c) && (!value_present(failure) || &r->sets[i] == r->newest))
            failure = c;
    }
    if (!value_present(failure)) {
        condition_remove(r->conditions, "ReplicaFailure");
        return;
    }
    struct arena *a = r->run->arena;
    const char *status = arena_cstr(a, value_str(failure, "status")),
               *reason = arena_cstr(a, value_str(failure, "reason"));
    if (condition_says(r, "ReplicaFailure", status, reason))
        return;
    const struct node *before = node_find(r->conditions, "type", STR("ReplicaFailure"));
    bool moved = !before || !str_is(node_str(before, "status"), status);
    struct node *c = put_last(r, "ReplicaFailure", status, reason, value_str(failure, "message"));
    /* It failed when the set did, not when that was seen. */
    struct str since = time_format(a, value_time_us(failure, "lastTransitionTime"));
    node_put_str(a, c, "lastUpdateTime", since);
    if (moved)
        node_put_str(a, c, "lastTransitionTime", since);
}

static int put_status(struct rollout *r, bool judge, struct status *st)
{
    struct arena *a = r->run->arena;
    struct totals t = count_totals(r);
    node_put_int(a, r->tree, "status.observedGeneration", object_generation(r->object));
    node_put_int(a, r->tree, "status.replicas", t.replicas);
    node_put_int(a, r->tree, "status.updatedReplicas", t.updated);
    node_put_int(a, r->tree, "status.readyReplicas", t.ready);
    node_put_int(a, r->tree, "status.availableReplicas", t.available);
    node_put_int(a, r->tree, "status.unavailableReplicas", t.unavailable);
    node_put_int(a, r->tree, "status.terminatingReplicas", t.terminating);
    bool enough = t.available >= r->wanted - r->unavailable;
    rollout_condition(r, "Available", enough ? "True" : "False",
                      enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                      enough ? STR("Deployment has minimum availability.")
                             : STR("Deployment does not have minimum availability."));
    if (judge) {
        if (!r->has_deadline)
            condition_remove(r->conditions, "Progressing");
        else
            judge_progress(r, t);
        copy_failure(r);
    }
    return run_put(r->run, control_resource(r->run->control, DEPLOYMENTS), "status", r->object,
                   r->tree, NULL, st);
}

static void note_pause(struct rollout *r, bool paused)
{
    const struct node *current = node_find(r->conditions, "type", STR("Progressing"));
    struct str reason = node_str(current, "reason");
    if (!r->has_deadline || str_is(reason, "ProgressDeadlineExceeded"))
        return;
    bool noted = str_is(reason, "DeploymentPaused");
    if (paused && !noted)
        rollout_condition(r, "Progressing", "Unknown", "DeploymentPaused",
                          STR("Deployment is paused"));
    else if (!paused && noted)
        rollout_condition(r, "Progressing", "Unknown", "DeploymentResumed",
                          STR("Deployment is resumed"));
}

/* Strategies. */

static int compare_revisions(const void *x, const void *y)
{
    const struct replica_set *const *left = x, *const *right = y;
    if ((*left)->revision != (*right)->revision)
        return (*left)->revision < (*right)->revision ? -1 : 1;
    return object_compare_age((*left)->object, (*right)->object);
}

static int delete_history(struct rollout *r, struct status *st)
{
    int64_t keep = value_int(r->root, "spec.revisionHistoryLimit", INT32_MAX);
    struct replica_set **old = arena_array(r->run->arena, struct replica_set *, r->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        if (&r->sets[i] != r->newest && !object_deleting(r->sets[i].object))
            old[count++] = &r->sets[i];
    qsort(old, count, sizeof(old[0]), compare_revisions);
    for (size_t i = 0; (int64_t)i < (int64_t)count - keep; i++) {
        const struct sealed *set = old[i]->object;
        if (object_int(set, "status.replicas", 0) != 0 || old[i]->wanted != 0 ||
            object_generation(set) > object_int(set, "status.observedGeneration", 0))
            continue;
        if (run_delete(r->run, sets_resource(r), r->run->ns, object_name(set), object_uid(set),
                       NULL, st) < 0)
            return -1;
    }
    return 0;
}

static bool was_complete(const struct rollout *r)
{
    return complete(r, old_totals(r)) &&
           value_int(r->root, "status.observedGeneration", 0) >= object_generation(r->object);
}

static int finish(struct rollout *r, struct status *st)
{
    if (was_complete(r) && delete_history(r, st) < 0)
        return -1;
    return put_status(r, true, st);
}

static int roll(struct rollout *r, struct status *st)
{
    bool scaled;
    if ((r->newest ? refresh_newest(r, st) : create_newest(r, st)) < 0)
        return -1;
    if (!r->newest)
        return 0;
    if (rollout_roll(r, &scaled, st) < 0)
        return -1;
    return scaled ? put_status(r, true, st) : finish(r, st);
}

static bool old_pods_left(struct rollout *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (&r->sets[i] == r->newest)
            continue;
        if (object_int(r->sets[i].object, "status.replicas", 0) > 0)
            return true;
        struct objects pods =
            run_list_owned(r->run, DEPLOYMENT_PODS, object_uid(r->sets[i].object));
        for (size_t j = 0; j < pods.count; j++)
            if (!pod_finished(pods.items[j]))
                return true;
    }
    return false;
}

static int recreate(struct rollout *r, struct status *st)
{
    bool any = false;
    if (r->newest && refresh_newest(r, st) < 0)
        return -1;
    for (size_t i = 0; i < r->count; i++) {
        bool scaled;
        if (&r->sets[i] == r->newest)
            continue;
        if (rollout_scale_set(r, &r->sets[i], 0, false, &scaled, st) < 0)
            return -1;
        any |= scaled;
    }
    if (any || old_pods_left(r))
        return put_status(r, true, st);
    if (!r->newest && create_newest(r, st) < 0)
        return -1;
    if (!r->newest)
        return 0;
    if (rollout_scale_set(r, r->newest, r->wanted, false, NULL, st) < 0)
        return -1;
    return finish(r, st);
}

/* A size that the sets with pods have not been told yet. */
static bool scaling(const struct rollout *r)
{
    for (size_t i = 0; i < r->count; i++) {
        int64_t desired = rollout_size_noted(&r->sets[i], ANNOTATION_DESIRED);
        if (r->sets[i].wanted > 0 && desired >= 0 && desired != r->wanted)
            return true;
    }
    return false;
}

static int spread(struct rollout *r, bool paused, struct status *st)
{
    if ((r->newest && refresh_newest(r, st) < 0) || rollout_spread(r, st) < 0)
        return -1;
    if (paused && delete_history(r, st) < 0)
        return -1;
    return put_status(r, false, st);
}

static void rollout_read(struct rollout *r, struct run *run, const struct sealed *object)
{
    *r = (struct rollout){.run = run, .object = object, .root = sealed_root(object)};
    r->tree = unseal(run->arena, object);
    r->conditions = node_need_list(run->arena, r->tree, "status.conditions");
    r->wanted = value_int(r->root, "spec.replicas", 1);
    r->rolling = !str_is(value_str(r->root, "spec.strategy.type"), "Recreate");
    int64_t deadline = value_int(r->root, "spec.progressDeadlineSeconds", INT32_MAX);
    r->has_deadline = deadline != INT32_MAX; /* which means none */
    if (!r->rolling)
        return;
    struct value rolling = value_at(r->root, "spec.strategy.rollingUpdate");
    r->surge = int_or_percent(rolling, "maxSurge", r->wanted, true, 0);
    r->unavailable = int_or_percent(rolling, "maxUnavailable", r->wanted, false, 0);
    if (r->surge == 0 && r->unavailable == 0)
        r->unavailable = 1;
    r->unavailable = MIN(r->unavailable, r->wanted);
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *object = run_get(run, DEPLOYMENTS, run->ns, run->name);
    if (!object)
        return 0;
    struct rollout r;
    rollout_read(&r, run, object);
    struct selector labels;
    if (label_selector_from_value(run->arena, value_at(r.root, "spec.selector"), &labels, st) < 0)
        return -1;
    if (!labels.nothing && labels.count == 0) {
        run_event(run, object, "Warning", "SelectingAll",
                  "This deployment is selecting all pods. A non-empty selector is required.");
        return 0;
    }
    if (find_sets(&r, &labels, st) < 0)
        return -1;
    if (object_deleting(object))
        return put_status(&r, false, st);
    bool paused = value_bool(r.root, "spec.paused", false);
    note_pause(&r, paused);
    if (paused || scaling(&r))
        return spread(&r, paused, st);
    return r.rolling ? roll(&r, st) : recreate(&r, st);
}

static void map_set(struct control *c, const struct sealed *now, const struct sealed *old)
{
    control_enqueue_owner(c, "Deployment", now, old);
}

/* The end of a pod matters to Recreate, which waits for it. */
static void map_pod(struct control *c, const struct sealed *now, const struct sealed *old)
{
    struct owner set;
    if (now || !object_controller(old, &set) || !str_is(set.kind, "ReplicaSet"))
        return;
    const struct sealed *owner =
        view_get(control_view(c, REPLICA_SETS), object_namespace(old), set.name);
    if (owner)
        control_enqueue_owner(c, "Deployment", owner, NULL);
}

static const struct control_watch watches[] = {
    [DEPLOYMENTS] = {"apps", "v1", "deployments"},
    [REPLICA_SETS] = {"apps", "v1", "replicasets", map_set},
    [DEPLOYMENT_PODS] = {"", "v1", "pods", map_pod},
    {0},
};

REGISTER(controller, deployment)
= {
    .name = "deployment-controller",
    .account = "deployment-controller",
    .watches = watches,
    .reconcile = reconcile,
};
