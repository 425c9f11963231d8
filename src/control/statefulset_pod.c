#include "control/statefulset.h"
#include "object/seal.h"

static const char pod_name_label[] = "statefulset.kubernetes.io/pod-name";
static const char pod_index_label[] = "apps.kubernetes.io/pod-index";

int64_t set_pod_ordinal(const struct set_run *s, const struct sealed *pod)
{
    struct str name = object_name(pod), set = s->run->name;
    int64_t ordinal;
    if (name.len <= set.len + 1 || !str_equal(str_slice(name, 0, set.len), set) ||
        name.data[set.len] != '-')
        return -1;
    struct str number = str_slice(name, set.len + 1, name.len);
    if (str_to_i64(number, &ordinal) < 0 || ordinal < 0 ||
        (number.len > 1 && number.data[0] == '0'))
        return -1;
    return ordinal;
}

struct str set_pod_revision(const struct sealed *pod)
{
    return object_label(pod, REVISION_LABEL);
}

static struct str pod_name(const struct set_run *s, int64_t ordinal)
{
    return arena_printf(s->run->arena, "%.*s-%lld", STR_ARG(s->run->name), (long long)ordinal);
}

static struct str claim_name(const struct set_run *s, struct value template, struct str pod)
{
    return arena_printf(s->run->arena, "%.*s-%.*s", STR_ARG(value_str(template, "metadata.name")),
                        STR_ARG(pod));
}

/* A pod as far as its claims care; one that isn't made yet has no uid. */
struct claimant {
    struct str name, uid;
};

static bool refers_to(const struct node *reference, const char *api_version, const char *kind,
                      struct str name)
{
    return str_is(node_str(reference, "apiVersion"), api_version) &&
           str_is(node_str(reference, "kind"), kind) &&
           str_equal(node_str(reference, "name"), name);
}

static bool is_set(const struct set_run *s, const struct node *reference)
{
    return refers_to(reference, "apps/v1", "StatefulSet", s->run->name);
}

static bool is_pod(struct claimant pod, const struct node *reference)
{
    return refers_to(reference, "v1", "Pod", pod.name);
}

/* An owner of the same name that is another object: the claim is about to go with it. */
static bool has_stale_owner(const struct set_run *s, const struct node *owners, struct claimant pod)
{
    node_each(o, owners)
    {
        if (is_set(s, o) && !str_equal(node_str(o, "uid"), object_uid(s->object)))
            return true;
        if (is_pod(pod, o) && !str_equal(node_str(o, "uid"), pod.uid))
            return true;
    }
    return false;
}

/* Somebody else controls the claim: the retention policy has no say. */
static bool has_other_controller(const struct set_run *s, const struct node *owners,
                                 struct claimant pod)
{
    if (!s->delete_with_set && !s->delete_with_scale)
        return false;
    node_each(o, owners) if (!is_set(s, o) && !is_pod(pod, o) &&
                             node_flag(o, "controller", false)) return true;
    return false;
}

static struct node *pod_owner(struct arena *a, struct claimant pod)
{
    struct node *reference = node_map(a);
    node_put_str(a, reference, "apiVersion", STR("v1"));
    node_put_str(a, reference, "kind", STR("Pod"));
    node_put_str(a, reference, "name", pod.name);
    node_put_str(a, reference, "uid", pod.uid);
    node_put_bool(a, reference, "controller", true);
    node_put_bool(a, reference, "blockOwnerDeletion", true);
    return reference;
}

/* Owners of a claim, by the retention policy: the set, or the pod once it is to go for good.
 * *ret_conflict: another controller stands in the way. */
static void set_claim_owners(struct set_run *s, struct node *claim, struct claimant pod,
                             bool condemned, bool *ret_conflict)
{
    struct arena *a = s->run->arena;
    struct node *list = node_need_list(a, claim, "metadata.ownerReferences");
    bool by_pod = condemned && s->delete_with_scale;
    bool by_set = s->delete_with_set && !by_pod;
    *ret_conflict = has_other_controller(s, list, pod);
    by_pod &= !*ret_conflict;
    by_set &= !*ret_conflict;
    if (!has_stale_owner(s, list, pod)) {
        for (size_t i = node_count(list); i-- > 0;) {
            const struct node *o = node_item(list, i);
            bool controls = node_flag(o, "controller", false);
            bool set = is_set(s, o), its_pod = is_pod(pod, o);
            if ((set && !(by_set && controls)) || (its_pod && !(by_pod && controls)))
                node_list_remove(list, i);
            by_set &= !(set && controls);
            by_pod &= !(its_pod && controls);
        }
        if (by_set)
            node_append(a, list, owner_reference(a, s->object));
        if (by_pod)
            node_append(a, list, pod_owner(a, pod));
    }
    if (node_count(list) == 0)
        node_del(claim, "metadata.ownerReferences");
}

static int create_claim(struct set_run *s, struct value template, struct str name, struct str pod,
                        struct status *st)
{
    struct arena *a = s->run->arena;
    struct node *claim = value_to_node(a, template);
    bool conflict;
    node_put_str(a, claim, "apiVersion", STR("v1"));
    node_put_str(a, claim, "kind", STR("PersistentVolumeClaim"));
    node_put_str(a, claim, "metadata.name", name);
    node_put_str(a, claim, "metadata.namespace", s->run->ns);
    node_del(claim, "status");
    struct value labels = value_at(s->root, "spec.selector.matchLabels");
    struct value_iter it = value_iter(labels);
    for (struct value v; value_next(&it, &v);)
        node_set(a, node_need_map(a, claim, "metadata.labels"), it.key,
                 node_text(a, value_str(v, "")));
    set_claim_owners(s, claim, (struct claimant){.name = pod}, false, &conflict);
    if (run_create(s->run, control_resource(s->run->control, SET_CLAIMS), s->run->ns, claim, NULL,
                   st) == 0) {
        run_event(s->run, s->object, "Normal", "SuccessfulCreate",
                  "Create Claim %.*s Pod %.*s in StatefulSet %.*s success", STR_ARG(name),
                  STR_ARG(pod), STR_ARG(s->run->name));
        return 0;
    }
    if (st->reason == REASON_ALREADY_EXISTS)
        return 0;
    run_event(s->run, s->object, "Warning", "FailedCreate",
              "Create Claim %.*s for Pod %.*s in StatefulSet %.*s failed error: %.*s",
              STR_ARG(name), STR_ARG(pod), STR_ARG(s->run->name), STR_ARG(st->message));
    return -1;
}

/* Gives an existing claim its owners. *ret_changed becomes true when they were others. */
static int sync_owners(struct set_run *s, const struct sealed *claim, struct claimant pod,
                       bool condemned, bool tell, bool *ret_changed, struct status *st)
{
    bool conflict;
    const struct sealed *now = claim;
    struct node *tree = unseal(s->run->arena, claim);
    set_claim_owners(s, tree, pod, condemned, &conflict);
    if (conflict && tell)
        run_event(s->run, s->object, "Warning", "ConflictingController",
                  "PersistentVolumeClaim %.*s has a conflicting OwnerReference that acts as a "
                  "manging controller, the retention policy is ignored for this claim",
                  STR_ARG(object_name(claim)));
    if (run_put(s->run, control_resource(s->run->control, SET_CLAIMS), NULL, claim, tree, &now,
                st) < 0)
        return -1;
    *ret_changed |= now != claim;
    return 0;
}

/* Claims of a pod that is about to be made. *ret_stale: one is still on its way out with an earlier
 * pod of the name. */
static int create_claims(struct set_run *s, struct str pod, bool *ret_stale, struct status *st)
{
    struct arena *a = s->run->arena;
    struct value templates = value_at(s->root, "spec.volumeClaimTemplates");
    struct claimant claimant = {.name = pod};
    struct buf failures = BUF_INIT;
    size_t failed = 0;
    *ret_stale = false;
    struct value_iter it = value_iter(templates);
    for (struct value template; s->delete_with_scale && value_next(&it, &template);) {
        const struct sealed *claim =
            run_get(s->run, SET_CLAIMS, s->run->ns, claim_name(s, template, pod));
        node_each(o, claim ? node_at(unseal(a, claim), "metadata.ownerReferences")
                           : NULL) *ret_stale |= is_pod(claimant, o);
    }
    if (*ret_stale)
        return 0;
    it = value_iter(templates);
    for (struct value template; value_next(&it, &template);) {
        struct str name = claim_name(s, template, pod);
        const struct sealed *claim = run_get(s->run, SET_CLAIMS, s->run->ns, name);
        bool changed = false;
        if (claim && object_deleting(claim))
            buf_printf(&failures, "%spvc %.*s is being deleted", failed++ ? ", " : "",
                       STR_ARG(name));
        else if (claim ? sync_owners(s, claim, claimant, false, true, &changed, st) < 0
                       : create_claim(s, template, name, pod, st) < 0)
            buf_printf(&failures, "%sfailed to create PVC %.*s: %.*s", failed++ ? ", " : "",
                       STR_ARG(name), STR_ARG(st->message));
    }
    if (failed)
        status_set(st, REASON_CONFLICT, failed > 1 ? "[%.*s]" : "%.*s",
                   STR_ARG(arena_str(a, buf_str(&failures))));
    buf_release(&failures);
    return failed ? -1 : 0;
}

int set_sync_claims(struct set_run *s, const struct sealed *pod, bool condemned, bool *ret_changed,
                    struct status *st)
{
    bool pending = str_is(object_str(pod, "status.phase"), "Pending");
    struct claimant claimant = {object_name(pod), object_uid(pod)};
    struct value_iter it = value_iter(value_at(s->root, "spec.volumeClaimTemplates"));
    *ret_changed = false;
    for (struct value template; value_next(&it, &template);) {
        struct str name = claim_name(s, template, object_name(pod));
        const struct sealed *claim = run_get(s->run, SET_CLAIMS, s->run->ns, name);
        if (!claim) {
            if (!condemned && pending && create_claim(s, template, name, object_name(pod), st) < 0)
                return -1;
            continue;
        }
        if (sync_owners(s, claim, claimant, condemned, pending, ret_changed, st) < 0)
            return -1;
    }
    return 0;
}

/* Replaces the volumes of claim templates by those of this pod's claims. */
static void set_volumes(struct set_run *s, struct node *pod, struct str name)
{
    struct arena *a = s->run->arena;
    struct value_iter it = value_iter(value_at(s->root, "spec.volumeClaimTemplates"));
    for (struct value template; value_next(&it, &template);) {
        struct node *volumes = node_need_list(a, pod, "spec.volumes");
        struct str volume_name = value_str(template, "metadata.name");
        for (size_t i = node_count(volumes); i-- > 0;)
            if (str_equal(node_str(node_item(volumes, i), "name"), volume_name))
                node_list_remove(volumes, i);
        struct node *volume = node_map(a);
        node_put_str(a, volume, "name", volume_name);
        node_put_str(a, volume, "persistentVolumeClaim.claimName", claim_name(s, template, name));
        node_append(a, volumes, volume);
    }
}

static void set_identity_labels(struct set_run *s, struct node *pod, struct str name,
                                int64_t ordinal)
{
    struct arena *a = s->run->arena;
    struct node *labels = node_need_map(a, pod, "metadata.labels");
    node_set(a, labels, str_from(pod_name_label), node_text(a, name));
    node_set(a, labels, str_from(pod_index_label), node_text_printf(a, "%lld", (long long)ordinal));
}

/* Which template a new pod gets: below the partition (or the pods that are not updated yet) the
 * current one. */
static const struct sealed *revision_for(const struct set_run *s, int64_t ordinal)
{
    if (str_is(value_str(s->root, "spec.updateStrategy.type"), "OnDelete"))
        return s->history.update;
    struct value rolling = value_at(s->root, "spec.updateStrategy.rollingUpdate");
    int64_t current = value_present(rolling) ? value_int(rolling, "partition", 0)
                                             : value_int(s->root, "status.currentReplicas", 0);
    return ordinal < s->first + current ? s->current : s->history.update;
}

static struct node *pod_of(struct set_run *s, int64_t ordinal, const struct sealed *revision)
{
    struct arena *a = s->run->arena;
    struct str name = pod_name(s, ordinal);
    struct node *pod = pod_from_template(a, revision_template(revision), s->object);
    node_put_str(a, pod, "metadata.name", name);
    node_put_str(a, pod, "spec.hostname", name);
    node_put_str(a, pod, "spec.subdomain", value_str(s->root, "spec.serviceName"));
    set_identity_labels(s, pod, name, ordinal);
    node_set(a, node_need_map(a, pod, "metadata.labels"), STR(REVISION_LABEL),
             node_text(a, object_name(revision)));
    set_volumes(s, pod, name);
    return pod;
}

/* One event about a pod; failure NULL: it went well. */
static void tell_pod(struct set_run *s, const char *verb, struct str pod,
                     const struct status *failure)
{
    struct arena *a = s->run->arena;
    const char *reason =
        arena_cstr(a, arena_printf(a, "%s%s", failure ? "Failed" : "Successful", verb));
    if (failure)
        run_event(s->run, s->object, "Warning", reason,
                  "%s Pod %.*s in StatefulSet %.*s failed error: %.*s", verb, STR_ARG(pod),
                  STR_ARG(s->run->name), STR_ARG(failure->message));
    else
        run_event(s->run, s->object, "Normal", reason, "%s Pod %.*s in StatefulSet %.*s successful",
                  verb, STR_ARG(pod), STR_ARG(s->run->name));
}

int set_create_pod(struct set_run *s, int64_t ordinal, struct status *st)
{
    const struct sealed *revision = revision_for(s, ordinal);
    struct str name = pod_name(s, ordinal);
    bool stale;
    if (!revision)
        return 0;
    if (create_claims(s, name, &stale, st) < 0) {
        tell_pod(s, "Create", name, st);
        return -1;
    }
    if (stale)
        return 0; /* its end brings this run back */
    if (run_create(s->run, control_resource(s->run->control, SET_PODS), s->run->ns,
                   pod_of(s, ordinal, revision), NULL, st) == 0) {
        tell_pod(s, "Create", name, NULL);
        return 0;
    }
    if (st->reason != REASON_ALREADY_EXISTS)
        tell_pod(s, "Create", name, st);
    return -1;
}

int set_delete_pod(struct set_run *s, const struct sealed *pod, struct status *st)
{
    const struct resource *pods = control_resource(s->run->control, SET_PODS);
    int result = run_delete(s->run, pods, s->run->ns, object_name(pod), object_uid(pod), NULL, st);
    tell_pod(s, "Delete", object_name(pod), result < 0 ? st : NULL);
    return result;
}

static int sync_identity(struct set_run *s, const struct sealed *pod, int64_t ordinal,
                         bool *ret_changed, struct status *st)
{
    *ret_changed = !str_equal(object_label(pod, pod_name_label), object_name(pod));
    if (!*ret_changed)
        return 0;
    struct node *tree = unseal(s->run->arena, pod);
    set_identity_labels(s, tree, object_name(pod), ordinal);
    return run_put(s->run, control_resource(s->run->control, SET_PODS), NULL, pod, tree, NULL, st);
}

int set_sync_pod(struct set_run *s, const struct sealed *pod, int64_t ordinal, struct status *st)
{
    bool identity = false, claims = false;
    if (sync_identity(s, pod, ordinal, &identity, st) < 0 ||
        set_sync_claims(s, pod, false, &claims, st) < 0) {
        tell_pod(s, "Update", object_name(pod), st);
        return -1;
    }
    if (identity || claims)
        tell_pod(s, "Update", object_name(pod), NULL);
    return 0;
}
