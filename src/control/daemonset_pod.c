#include "control/daemonset.h"
#include "control/placement.h"
#include "object/seal.h"

/* What every daemon pod tolerates: nodes in trouble still need their daemons. */
static const struct {
    const char *key, *effect;
    bool host_network_only;
} tolerations[] = {
    {"node.kubernetes.io/not-ready", "NoExecute", false},
    {"node.kubernetes.io/unreachable", "NoExecute", false},
    {"node.kubernetes.io/disk-pressure", "NoSchedule", false},
    {"node.kubernetes.io/memory-pressure", "NoSchedule", false},
    {"node.kubernetes.io/pid-pressure", "NoSchedule", false},
    {"node.kubernetes.io/unschedulable", "NoSchedule", false},
    {"node.kubernetes.io/network-unavailable", "NoSchedule", true},
};

static bool tolerated_anyway(struct value taint, bool host_network)
{
    for (size_t i = 0; i < ARRAY_COUNT(tolerations); i++)
        if (str_is(value_str(taint, "key"), tolerations[i].key) &&
            str_is(value_str(taint, "effect"), tolerations[i].effect) &&
            (host_network || !tolerations[i].host_network_only))
            return true;
    return false;
}

void daemon_judge_node(struct daemon_run *d, struct daemon_node *n)
{
    struct value spec = value_at(d->root, "spec.template.spec");
    struct str fixed = value_str(spec, "nodeName");
    bool host_network = value_bool(spec, "hostNetwork", false);
    n->should_run = n->should_continue = false;
    if (!n->node || (!str_empty(fixed) && !str_equal(fixed, n->name)) ||
        !pod_selects_node(spec, n->node))
        return;
    n->should_run = n->should_continue = true;
    struct value_iter it = value_iter(object_at(n->node, "spec.taints"));
    for (struct value taint; value_next(&it, &taint);) {
        unsigned effect = taint_effect(taint);
        if (!(effect & (TAINT_NO_SCHEDULE | TAINT_NO_EXECUTE)) ||
            tolerated_anyway(taint, host_network) ||
            taint_tolerated(value_at(spec, "tolerations"), taint, NULL))
            continue;
        n->should_run = false;
        n->should_continue &= !(effect & TAINT_NO_EXECUTE);
    }
}

/* The node named by a required affinity of ours. */
static struct str affinity_node(const struct sealed *pod)
{
    struct value terms = object_at(pod, "spec.affinity.nodeAffinity."
                                        "requiredDuringSchedulingIgnoredDuringExecution."
                                        "nodeSelectorTerms");
    struct value_iter it = value_iter(terms);
    for (struct value term; value_next(&it, &term);) {
        struct value_iter fields = value_iter(value_at(term, "matchFields"));
        for (struct value f; value_next(&fields, &f);)
            if (str_is(value_str(f, "key"), "metadata.name") &&
                str_is(value_str(f, "operator"), "In"))
                return value_str(value_item(value_at(f, "values"), 0), "");
    }
    return STR("");
}

struct str daemon_pod_node(const struct sealed *pod)
{
    struct str node = object_str(pod, "spec.nodeName");
    return str_empty(node) ? affinity_node(pod) : node;
}

bool daemon_updated(const struct daemon_run *d, const struct sealed *pod)
{
    struct str generation =
        object_annotation(d->object, "deprecated.daemonset.template.generation");
    return str_equal(object_label(pod, DAEMON_HASH), d->hash) ||
           (!str_empty(generation) &&
            str_equal(object_label(pod, "pod-template-generation"), generation));
}

bool daemon_available(struct daemon_run *d, const struct sealed *pod)
{
    uint64_t wait_ms;
    bool yes = pod_available(pod, d->min_ready_s, d->run->now_us, &wait_ms);
    if (wait_ms)
        run_again(d->run, wait_ms);
    return yes;
}

static struct node *name_field(struct arena *a, struct str node_name)
{
    struct node *field = node_map(a), *list = node_list(a);
    node_put_str(a, field, "key", STR("metadata.name"));
    node_put_str(a, field, "operator", STR("In"));
    node_append(a, node_need_list(a, field, "values"), node_text(a, node_name));
    node_append(a, list, field);
    return list;
}

/* Pins the pod to a node by affinity, within what the template asks for itself. */
static void pin(struct arena *a, struct node *pod, struct str node_name)
{
    struct node *affinity = node_need_map(a, pod, "spec.affinity.nodeAffinity");
    struct node *required =
        node_need_map(a, affinity, "requiredDuringSchedulingIgnoredDuringExecution");
    struct node *terms = node_need_list(a, required, "nodeSelectorTerms");
    if (node_count(terms) == 0)
        node_append(a, terms, node_map(a));
    node_each(term, terms) node_put(a, term, "matchFields", name_field(a, node_name));
}

static void tolerate(struct arena *a, struct node *pod)
{
    struct node *list = node_need_list(a, pod, "spec.tolerations");
    bool host_network = node_flag(pod, "spec.hostNetwork", false);
    for (size_t i = 0; i < ARRAY_COUNT(tolerations); i++) {
        bool there = tolerations[i].host_network_only && !host_network;
        node_each(t, list)
        {
            there |= str_is(node_str(t, "key"), tolerations[i].key) &&
                     str_is(node_str(t, "operator"), "Exists") &&
                     str_is(node_str(t, "effect"), tolerations[i].effect) &&
                     !node_has(t, "tolerationSeconds");
        }
        if (there)
            continue;
        struct node *t = node_map(a);
        node_put_str(a, t, "key", str_from(tolerations[i].key));
        node_put_str(a, t, "operator", STR("Exists"));
        node_put_str(a, t, "effect", str_from(tolerations[i].effect));
        node_append(a, list, t);
    }
}

int daemon_create_pod(struct daemon_run *d, const struct daemon_node *n, struct status *st)
{
    struct arena *a = d->run->arena;
    if (d->refused)
        return 0;
    struct node *pod = pod_from_template(a, value_at(d->root, "spec.template"), d->object);
    struct node *labels = node_need_map(a, pod, "metadata.labels");
    struct str generation =
        object_annotation(d->object, "deprecated.daemonset.template.generation");
    node_put_str(a, pod, "metadata.generateName", pod_name_prefix(a, d->run->name));
    if (!str_empty(generation))
        node_set(a, labels, STR("pod-template-generation"), node_text(a, generation));
    node_set(a, labels, STR(DAEMON_HASH), node_text(a, d->hash));
    pin(a, pod, n->name);
    tolerate(a, pod);
    d->changed = true;
    d->refused = run_create_pod(d->run, control_resource(d->run->control, DAEMON_PODS), d->object,
                                pod, st) < 0;
    return d->refused ? -1 : 0;
}

int daemon_delete_pod(struct daemon_run *d, const struct sealed *pod, struct status *st)
{
    if (object_deleting(pod))
        return 0;
    d->changed = true;
    return run_delete_pod(d->run, control_resource(d->run->control, DAEMON_PODS), d->object, pod,
                          st);
}
