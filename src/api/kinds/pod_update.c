#include "api/kinds/pod_update.h"

#include "api/kinds/pod_spec.h"

static const char *const basic_resources[] = {"cpu", "memory"};

/* Adds an amount of a resource list to sums; false when it is absent or nothing. */
static bool add_amount(const struct node *list, size_t which, struct quantity sums[2], bool seen[2])
{
    struct quantity q;
    if (!quantity_of(node_get(list, str_from(basic_resources[which])), &q) || q.nano <= 0)
        return false;
    sums[which] = quantity_add(sums[which], q);
    seen[which] = true;
    return true;
}

struct qos_sums {
    struct quantity requests[2], limits[2];
    bool requested[2], limited[2];
    bool all_limited;
};

static void add_resources(struct qos_sums *s, const struct node *resources)
{
    bool limited = true;
    for (size_t i = 0; i < 2; i++) {
        add_amount(node_get(resources, STR("requests")), i, s->requests, s->requested);
        limited =
            add_amount(node_get(resources, STR("limits")), i, s->limits, s->limited) && limited;
    }
    s->all_limited = s->all_limited && limited;
}

const char *pod_qos_class(const struct node *pod)
{
    struct qos_sums s = {.all_limited = true};
    const struct node *level = node_at(pod, "spec.resources");
    if (level) {
        add_resources(&s, level);
        s.all_limited =
            node_count(node_get(level, STR("limits"))) == 0 || (s.limited[0] && s.limited[1]);
    } else {
        node_each(container, node_at(pod, "spec.containers"))
            add_resources(&s, node_get(container, STR("resources")));
        node_each(init, node_at(pod, "spec.initContainers"))
            add_resources(&s, node_get(init, STR("resources")));
    }
    if (!s.requested[0] && !s.requested[1] && !s.limited[0] && !s.limited[1])
        return "BestEffort";
    bool guaranteed = s.all_limited;
    for (size_t i = 0; i < 2; i++)
        if (s.requested[i] != s.limited[i] ||
            (s.requested[i] && quantity_compare(s.requests[i], s.limits[i]) != 0))
            guaranteed = false;
    return guaranteed ? "Guaranteed" : "Burstable";
}

static void check_annotation_changes(struct check *c, const struct node *pod,
                                     const struct node *old)
{
    const struct node *now = node_at(pod, "metadata.annotations"),
                      *before = node_at(old, "metadata.annotations");
    const struct str mirror = STR("kubernetes.io/config.mirror");
    const struct node *new_mirror = node_get(now, mirror), *old_mirror = node_get(before, mirror);
    struct str path = path_key(c, STR("metadata.annotations"), mirror);
    if (old_mirror && (!new_mirror || !node_equal(new_mirror, old_mirror)))
        field_forbidden(c->st, path, "may not remove or update mirror pod annotation");
    if (!old_mirror && new_mirror)
        field_forbidden(c->st, path, "may not add mirror pod annotation");
}

/* False when containers came or went: nothing more is compared then. */
static bool check_container_changes(struct check *c, const struct node *now, const struct node *old,
                                    const char *path)
{
    if (node_count(now) != node_count(old)) {
        field_forbidden(c->st, str_from(path), "pod updates may not add or remove containers");
        return false;
    }
    for (size_t i = 0; i < node_count(now); i++) {
        struct str image = node_str(node_item(now, i), "image"),
                   at = path_of(c, path_index(c, str_from(path), i), "image");
        if (str_empty(image))
            field_required(c->st, at, "%s", "");
        if (str_trim(image).len != image.len)
            field_invalid(c->st, at, image, "must not have leading or trailing whitespace");
    }
    return true;
}

/* From nothing to a time, or to a shorter one. False: no further checks. */
static bool check_deadline(struct check *c, const struct node *pod, const struct node *old)
{
    const struct node *now = node_at(pod, "spec.activeDeadlineSeconds"),
                      *before = node_at(old, "spec.activeDeadlineSeconds");
    struct str path = STR("spec.activeDeadlineSeconds");
    if (!now) {
        if (before)
            field_invalid_bare(c->st, path, STR("null"),
                               "must not update from a positive integer to nil value");
        return true;
    }
    int64_t value = node_num(now, "", 0);
    if (value < 0 || value > INT32_MAX) {
        invalid_number(c, path, value, "must be between 0 and 2147483647, inclusive");
        return false;
    }
    if (before && node_num(before, "", 0) < value) {
        invalid_number(c, path, value, "must be less than or equal to previous value");
        return false;
    }
    return true;
}

static bool same_toleration(struct arena *a, const struct node *one, const struct node *other)
{
    struct node *x = node_copy(a, one), *y = node_copy(a, other);
    node_remove(x, STR("tolerationSeconds"));
    node_remove(y, STR("tolerationSeconds"));
    return node_equal(x, y);
}

static void check_added_tolerations(struct check *c, const struct node *pod, const struct node *old)
{
    const struct node *now = node_at(pod, "spec.tolerations");
    node_each(before, node_at(old, "spec.tolerations"))
    {
        bool found = false;
        node_each(t, now) found = found || same_toleration(c->a, t, before);
        if (!found) {
            field_forbidden(c->st, STR("spec.tolerations"),
                            "existing toleration can not be modified except its tolerationSeconds");
            return;
        }
    }
    check_tolerations(c, now, STR("spec.tolerations"));
}

static void check_removed_gates(struct check *c, const struct node *pod, const struct node *old)
{
    const struct node *now = node_at(pod, "spec.schedulingGates"),
                      *before = node_at(old, "spec.schedulingGates");
    for (size_t i = 0; i < node_count(now); i++) {
        struct str name = node_str(node_item(now, i), "name");
        if (!node_find(before, "name", name))
            field_forbidden(
                c->st, path_of(c, path_index(c, STR("spec.schedulingGates"), i), "name"),
                "only deletion is allowed, but found new scheduling gate '%.*s'", STR_ARG(name));
    }
}

static void take_images(struct arena *a, struct node *spec, const struct node *old_spec,
                        const char *list)
{
    const struct node *now = node_at(spec, list), *before = node_at(old_spec, list);
    for (size_t i = 0; i < node_count(now) && i < node_count(before); i++)
        keep_old(a, node_item(now, i), node_item(before, i), "image");
}

/* Pods that wait at a gate may still be narrowed down: node selectors may grow. */
static void check_gated(struct check *c, struct node *spec, const struct node *old_spec)
{
    const struct node *before = node_get(old_spec, STR("nodeSelector"));
    member_each(m, before)
    {
        struct node *now = node_at(spec, "nodeSelector");
        const struct node *value = node_get(now, m->name);
        if (!value || !node_equal(value, m->value)) {
            invalid_node(
                c, STR("spec.nodeSelector"), now,
                "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
            break;
        }
    }
    keep_old(c->a, spec, old_spec, "nodeSelector");
    keep_old(c->a, spec, old_spec, "affinity.nodeAffinity");
    if (node_count(node_get(spec, STR("affinity"))) == 0 && !node_get(old_spec, STR("affinity")))
        node_remove(spec, STR("affinity"));
}

void check_pod_update(struct check *c, const struct node *pod, const struct node *old)
{
    check_annotation_changes(c, pod, old);
    if (!check_container_changes(c, node_at(pod, "spec.containers"),
                                 node_at(old, "spec.containers"), "spec.containers") ||
        !check_container_changes(c, node_at(pod, "spec.initContainers"),
                                 node_at(old, "spec.initContainers"), "spec.initContainers") ||
        !check_deadline(c, pod, old))
        return;
    check_added_tolerations(c, pod, old);
    check_removed_gates(c, pod, old);
    const struct node *old_spec = node_get(old, STR("spec"));
    struct node *spec = node_copy(c->a, node_get(pod, STR("spec")));
    take_images(c->a, spec, old_spec, "containers");
    take_images(c->a, spec, old_spec, "initContainers");
    keep_old(c->a, spec, old_spec, "activeDeadlineSeconds");
    keep_old(c->a, spec, old_spec, "schedulingGates");
    keep_old(c->a, spec, old_spec, "tolerations");
    if (node_num(old_spec, "terminationGracePeriodSeconds", 0) < 0 &&
        node_num(spec, "terminationGracePeriodSeconds", 0) == 1)
        keep_old(c->a, spec, old_spec, "terminationGracePeriodSeconds");
    if (node_count(node_get(old_spec, STR("schedulingGates"))))
        check_gated(c, spec, old_spec);
    if (!node_equal(spec, old_spec))
        field_forbidden(c->st, STR("spec"),
                        "pod updates may not change fields other than `spec.containers[*].image`,"
                        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                        "`spec.tolerations` (only additions to existing tolerations),"
                        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                        "previously negative)\n");
}

/* A container that has ended for good doesn't run again. */
static void check_restarts(struct check *c, const struct node *pod, const struct node *old)
{
    const struct node *now = node_at(pod, "status.containerStatuses"),
                      *before = node_at(old, "status.containerStatuses");
    struct str policy = node_str(old, "spec.restartPolicy");
    if (str_is(policy, "Always"))
        return;
    for (size_t i = 0; i < node_count(before); i++) {
        const struct node *status = node_item(before, i),
                          *ended = node_at(status, "state.terminated");
        const struct node *next = node_find(now, "name", node_str(status, "name"));
        const struct node *container =
            node_find(node_at(old, "spec.containers"), "name", node_str(status, "name"));
        if (!ended || !next || node_at(next, "state.terminated") ||
            node_get(container, STR("restartPolicy")))
            continue;
        if (node_num(ended, "exitCode", 0) != 0 && str_is(policy, "OnFailure"))
            continue;
        field_forbidden(c->st,
                        path_of(c, path_index(c, STR("status.containerStatuses"), i), "state"),
                        "may not be transitioned to non-terminated state");
    }
}

static void check_addresses(struct check *c, const struct node *list, const char *path)
{
    for (size_t i = 0; i < node_count(list); i++)
        check_ip(c, node_str(node_item(list, i), "ip"), path_index(c, str_from(path), i));
    if (node_count(list) > 2)
        invalid_node(c, str_from(path), list, "may specify no more than one IP for each IP family");
}

void check_pod_status_update(struct check *c, const struct node *pod, const struct node *old)
{
    const struct node *conditions = node_at(pod, "status.conditions");
    check_annotation_changes(c, pod, old);
    for (size_t i = 0; i < node_count(conditions); i++) {
        struct str type = node_str(node_item(conditions, i), "type");
        if (!word_in(type, "PodScheduled|Ready|Initialized"))
            check_text(c, type, path_of(c, path_index(c, STR("status.conditions"), i), "Type"),
                       name_qualified);
    }
    struct str nominated = node_str(pod, "status.nominatedNodeName"),
               before = node_str(old, "status.nominatedNodeName");
    if (!str_empty(nominated) && !str_equal(nominated, before)) {
        check_text(c, nominated, STR("status.nominatedNodeName"), name_dns1123_subdomain);
        if (!str_empty(node_str(old, "spec.nodeName")))
            field_forbidden(c->st, STR("status.nominatedNodeName"),
                            "may not be set on pods that are already bound to a node");
    }
    if (node_num(pod, "status.observedGeneration", 0) < 0)
        invalid_number(c, STR("status.observedGeneration"),
                       node_num(pod, "status.observedGeneration", 0),
                       "must be a non-negative integer");
    check_immutable_at(c, pod, old, "status.qosClass");
    check_restarts(c, pod, old);
    check_addresses(c, node_at(pod, "status.podIPs"), "status.podIPs");
    check_addresses(c, node_at(pod, "status.hostIPs"), "status.hostIPs");
}

static bool same_names(const struct node *now, const struct node *old)
{
    if (node_count(now) != node_count(old))
        return false;
    for (size_t i = 0; i < node_count(now); i++)
        if (!str_equal(node_str(node_item(now, i), "name"), node_str(node_item(old, i), "name")))
            return false;
    return true;
}

static void take_resources(struct arena *a, struct node *to, const struct node *from)
{
    for (size_t i = 0; i < node_count(to); i++) {
        keep_old(a, node_item(to, i), node_item(from, i), "resources");
        keep_old(a, node_item(to, i), node_item(from, i), "resizePolicy");
    }
}

/* Status and metadata are the old ones; of metadata a client may change labels, annotations and
 * managedFields. */
static void keep_status(struct arena *a, struct node *pod, const struct node *old)
{
    keep_old(a, pod, old, "status");
    keep_old(a, pod, old, "metadata.ownerReferences");
    keep_old(a, pod, old, "metadata.finalizers");
    keep_old(a, pod, old, "metadata.labels");
    keep_old(a, pod, old, "metadata.annotations");
}

void prepare_pod_resize(struct arena *a, struct node *pod, const struct node *old)
{
    if (!same_names(node_at(pod, "spec.containers"), node_at(old, "spec.containers")) ||
        !same_names(node_at(pod, "spec.initContainers"), node_at(old, "spec.initContainers")))
        return; /* validation refuses it */
    struct node *spec = node_copy(a, node_get(old, STR("spec"))),
                *sent = node_get(pod, STR("spec"));
    take_resources(a, node_get(spec, STR("containers")), node_get(sent, STR("containers")));
    take_resources(a, node_get(spec, STR("initContainers")), node_get(sent, STR("initContainers")));
    keep_old(a, spec, sent, "resources");
    node_set(a, pod, STR("spec"), spec);
    keep_status(a, pod, old);
}

void prepare_ephemeral(struct arena *a, struct node *pod, const struct node *old)
{
    struct node *spec = node_copy(a, node_get(old, STR("spec")));
    keep_old(a, spec, node_get(pod, STR("spec")), "ephemeralContainers");
    node_set(a, pod, STR("spec"), spec);
    keep_status(a, pod, old);
}

static bool lost_resource(const struct node *now, const struct node *old)
{
    member_each(m, old) if (!node_get(now, m->name)) return true;
    return false;
}

static void check_resized(struct check *c, const struct node *pod, const struct node *old,
                          const char *list)
{
    static const char *const sides[] = {"requests", "limits"};
    const struct node *now = node_at(pod, list), *before = node_at(old, list);
    bool init = str_is(str_from(list), "spec.initContainers");
    for (size_t i = 0; i < node_count(now); i++) {
        const struct node *container = node_item(now, i), *was = node_item(before, i);
        struct str at = path_index(c, str_from(list), i);
        bool sidecar = str_is(node_str(container, "restartPolicy"), "Always");
        if (init && !sidecar) {
            if (!node_equal(container, was))
                field_forbidden(c->st, STR("spec"),
                                "resources for non-sidecar init containers are immutable");
            continue;
        }
        for (size_t k = 0; k < 2; k++) {
            struct str side = path_of(c, STR("resources"), sides[k]);
            if (lost_resource(node_at(container, arena_cstr(c->a, side)),
                              node_at(was, arena_cstr(c->a, side))))
                field_forbidden(c->st, path_of(c, at, arena_cstr(c->a, side)),
                                "resource %s cannot be removed", sides[k]);
        }
        struct node *copy = node_copy(c->a, container);
        for (size_t k = 0; k < 2; k++)
            for (size_t r = 0; r < 2; r++)
                keep_old(c->a, copy, was,
                         arena_cstr(c->a, arena_printf(c->a, "resources.%s.%s", sides[k],
                                                       basic_resources[r])));
        if (node_count(node_at(copy, "resources.requests")) == 0 &&
            !node_at(was, "resources.requests"))
            node_del(copy, "resources.requests");
        if (node_count(node_at(copy, "resources.limits")) == 0 && !node_at(was, "resources.limits"))
            node_del(copy, "resources.limits");
        keep_old(c->a, copy, was, "resizePolicy");
        if (!node_equal(copy, was))
            field_forbidden(c->st, init ? at : STR("spec"),
                            "only cpu and memory resources%s are mutable",
                            init ? " for sidecar containers" : "");
    }
}

void check_pod_resize(struct check *c, const struct node *pod, const struct node *old)
{
    if (node_get(node_at(old, "metadata.annotations"), STR("kubernetes.io/config.mirror"))) {
        c->st->details.cause_count = 0;
        field_forbidden(c->st, STR(""), "static pods cannot be resized");
        return;
    }
    if (!str_is(node_str(old, "status.qosClass"), pod_qos_class(pod)) &&
        !str_empty(node_str(old, "status.qosClass")))
        field_invalid(c->st, STR("spec"), node_str(pod, "status.qosClass"),
                      "Pod QOS Class may not change as a result of resizing");
    static const char *const lists[] = {"spec.containers", "spec.initContainers"};
    static const char *const words[] = {"containers", "initContainers"};
    bool ordered = true;
    for (size_t l = 0; l < 2; l++) {
        const struct node *now = node_at(pod, lists[l]), *before = node_at(old, lists[l]);
        if (node_count(now) != node_count(before)) {
            field_forbidden(c->st, str_from(lists[l]), "%s may not be added or removed on resize",
                            words[l]);
            ordered = false;
            continue;
        }
        for (size_t i = 0; i < node_count(now); i++)
            if (!str_equal(node_str(node_item(now, i), "name"),
                           node_str(node_item(before, i), "name"))) {
                field_forbidden(c->st, path_of(c, path_index(c, str_from(lists[l]), i), "name"),
                                "%s may not be renamed or reordered on resize", words[l]);
                ordered = false;
            }
    }
    if (!ordered)
        return;
    check_resized(c, pod, old, "spec.initContainers");
    check_resized(c, pod, old, "spec.containers");
}

void check_ephemeral_update(struct check *c, const struct node *pod, const struct node *old)
{
    check_annotation_changes(c, pod, old);
    if (node_get(node_at(old, "metadata.annotations"), STR("kubernetes.io/config.mirror"))) {
        c->st->details.cause_count = 0;
        field_forbidden(c->st, STR(""), "static pods do not support ephemeral containers");
        return;
    }
    const struct node *now = node_at(pod, "spec.ephemeralContainers");
    node_each(before, node_at(old, "spec.ephemeralContainers"))
    {
        struct str name = node_str(before, "name");
        const struct node *found = node_find(now, "name", name);
        if (!found)
            field_forbidden(c->st, STR("spec.ephemeralContainers"),
                            "existing ephemeral containers \"%.*s\" may not be removed\n",
                            STR_ARG(name));
        else if (!node_equal(found, before))
            field_forbidden(c->st, STR("spec.ephemeralContainers"),
                            "existing ephemeral containers \"%.*s\" may not be changed\n",
                            STR_ARG(name));
    }
}
