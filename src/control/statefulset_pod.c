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

/* Owners of a claim, by the retention policy: the set, or the pod once it is to go for good. */
static void set_claim_owners(struct set_run *s, struct node *claim, const struct sealed *pod,
                             bool condemned)
{
    struct arena *a = s->run->arena;
    struct node *list = node_need_list(a, claim, "metadata.ownerReferences");
    bool by_pod = pod && condemned && s->delete_with_scale;
    bool by_set = s->delete_with_set && !by_pod;
    bool has_set = false, has_pod = false;
    for (size_t i = node_count(list); i-- > 0;) {
        struct str uid = node_str(node_item(list, i), "uid");
        bool is_set = str_equal(uid, object_uid(s->object));
        bool is_pod = pod && str_equal(uid, object_uid(pod));
        if ((is_set && !by_set) || (is_pod && !by_pod))
            node_list_remove(list, i);
        has_set |= is_set && by_set;
        has_pod |= is_pod && by_pod;
    }
    if (by_set && !has_set)
        node_append(a, list, owner_reference(a, s->object));
    if (by_pod && !has_pod)
        node_append(a, list, owner_reference(a, pod));
    if (node_count(list) == 0)
        node_del(claim, "metadata.ownerReferences");
}

static int create_claim(struct set_run *s, struct value template, struct str name, struct str pod,
                        struct status *st)
{
    struct arena *a = s->run->arena;
    struct node *claim = value_to_node(a, template);
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
    set_claim_owners(s, claim, NULL, false);
    if (run_create(s->run, control_resource(s->run->control, SET_CLAIMS), s->run->ns, claim, NULL,
                   st) == 0) {
        run_event(s->run, s->object, "Normal", "SuccessfulCreate",
                  "create Claim %.*s Pod %.*s in StatefulSet %.*s success", STR_ARG(name),
                  STR_ARG(pod), STR_ARG(s->run->name));
        return 0;
    }
    if (st->reason == REASON_ALREADY_EXISTS)
        return 0;
    run_event(s->run, s->object, "Warning", "FailedCreate",
              "create Claim %.*s for Pod %.*s in StatefulSet %.*s failed error: %.*s",
              STR_ARG(name), STR_ARG(pod), STR_ARG(s->run->name), STR_ARG(st->message));
    return -1;
}

/* *ret_stale: a claim of an earlier pod is still on its way out. */
static int create_claims(struct set_run *s, struct str pod, bool *ret_stale, struct status *st)
{
    *ret_stale = false;
    struct value_iter it = value_iter(value_at(s->root, "spec.volumeClaimTemplates"));
    for (struct value template; value_next(&it, &template);) {
        struct str name = claim_name(s, template, pod);
        const struct sealed *claim = run_get(s->run, SET_CLAIMS, s->run->ns, name);
        if (claim)
            *ret_stale |= object_deleting(claim);
        else if (create_claim(s, template, name, pod, st) < 0)
            return -1;
    }
    return 0;
}

int set_sync_claims(struct set_run *s, const struct sealed *pod, bool condemned, struct status *st)
{
    struct value_iter it = value_iter(value_at(s->root, "spec.volumeClaimTemplates"));
    for (struct value template; value_next(&it, &template);) {
        struct str name = claim_name(s, template, object_name(pod));
        const struct sealed *claim = run_get(s->run, SET_CLAIMS, s->run->ns, name);
        if (!claim) {
            if (!condemned && str_is(object_str(pod, "status.phase"), "Pending") &&
                create_claim(s, template, name, object_name(pod), st) < 0)
                return -1;
            continue;
        }
        struct node *tree = unseal(s->run->arena, claim);
        set_claim_owners(s, tree, pod, condemned);
        if (run_put(s->run, control_resource(s->run->control, SET_CLAIMS), NULL, claim, tree, NULL,
                    st) < 0)
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

int set_create_pod(struct set_run *s, int64_t ordinal, struct status *st)
{
    const struct sealed *revision = revision_for(s, ordinal);
    struct str name = pod_name(s, ordinal);
    bool stale;
    if (!revision)
        return 0;
    if (create_claims(s, name, &stale, st) < 0)
        return -1;
    if (stale)
        return 0; /* its end brings this run back */
    if (run_create(s->run, control_resource(s->run->control, SET_PODS), s->run->ns,
                   pod_of(s, ordinal, revision), NULL, st) == 0) {
        run_event(s->run, s->object, "Normal", "SuccessfulCreate",
                  "create Pod %.*s in StatefulSet %.*s successful", STR_ARG(name),
                  STR_ARG(s->run->name));
        return 0;
    }
    if (st->reason == REASON_ALREADY_EXISTS)
        return -1;
    run_event(s->run, s->object, "Warning", "FailedCreate",
              "create Pod %.*s in StatefulSet %.*s failed error: %.*s", STR_ARG(name),
              STR_ARG(s->run->name), STR_ARG(st->message));
    return -1;
}

int set_delete_pod(struct set_run *s, const struct sealed *pod, struct status *st)
{
    const struct resource *pods = control_resource(s->run->control, SET_PODS);
    if (run_delete(s->run, pods, s->run->ns, object_name(pod), object_uid(pod), NULL, st) < 0) {
        run_event(s->run, s->object, "Warning", "FailedDelete",
                  "delete Pod %.*s in StatefulSet %.*s failed error: %.*s",
                  STR_ARG(object_name(pod)), STR_ARG(s->run->name), STR_ARG(st->message));
        return -1;
    }
    run_event(s->run, s->object, "Normal", "SuccessfulDelete",
              "delete Pod %.*s in StatefulSet %.*s successful", STR_ARG(object_name(pod)),
              STR_ARG(s->run->name));
    return 0;
}

int set_sync_identity(struct set_run *s, const struct sealed *pod, int64_t ordinal,
                      struct status *st)
{
    if (str_equal(object_label(pod, pod_name_label), object_name(pod)) &&
        !str_empty(object_label(pod, pod_index_label)))
        return 0;
    struct node *tree = unseal(s->run->arena, pod);
    set_identity_labels(s, tree, object_name(pod), ordinal);
    return run_put(s->run, control_resource(s->run->control, SET_PODS), NULL, pod, tree, NULL, st);
}
