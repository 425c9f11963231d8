#include "node/predicates.h"

#include "control/object.h"
#include "control/placement.h"
#include "node/resize.h"

static bool refuse(struct rejection *r, const char *reason, const char *message)
{
    snprintf(r->reason, sizeof(r->reason), "%s", reason);
    snprintf(r->message, sizeof(r->message), "%s", message);
    return false;
}

static bool os_fits(const struct pod *p, struct rejection *r)
{
    struct str label = object_label(p->object, "kubernetes.io/os");
    struct str field = node_str(p->tree, "spec.os.name");
    if (label.len && !str_is(label, "linux"))
        return refuse(r, "PodOSSelectorNodeLabelDoesNotMatch",
                      "Failed to admit pod as the `kubernetes.io/os` label doesn't match node "
                      "label");
    if (field.len && !str_is(field, "linux"))
        return refuse(r, "PodOSNotSupported",
                      "Failed to admit pod as the OS field doesn't match node OS");
    return true;
}

static bool resources_fit(const struct pod *p, struct rejection *r)
{
    int64_t others = 0, most = p->agent->config.pods_max;
    struct shortage s;
    map_each(slot, &p->agent->pods) {
        const struct pod *other = slot->value;
        others += other != p && pod_takes_room(other);
    }
    if (others >= most)
        s = (struct shortage){STR("pods"), 1, others, most};
    else if (resize_fits(p, false, &s))
        return true;
    snprintf(r->reason, sizeof(r->reason), "OutOf%.*s", STR_ARG(s.resource));
    snprintf(r->message, sizeof(r->message),
             "Node didn't have enough resource: %.*s, requested: %lld, used: %lld, capacity: %lld",
             STR_ARG(s.resource), (long long)s.requested, (long long)s.used, (long long)s.capacity);
    return false;
}

static struct host_ports ports_of(struct arena *a, const struct pod *p)
{
    return pod_host_ports(a, object_at(p->object, "spec"));
}

static bool ports_free(const struct pod *p, struct rejection *r)
{
    struct arena a = ARENA_INIT;
    struct host_ports wanted = ports_of(&a, p);
    bool conflict = false;
    map_each(slot, &p->agent->pods) {
        const struct pod *other = slot->value;
        if (!wanted.count || conflict)
            break;
        if (other == p || !pod_takes_room(other))
            continue;
        struct host_ports taken = ports_of(&a, other);
        conflict = host_ports_conflict(&wanted, &taken);
    }
    arena_release(&a);
    return !conflict || refuse(r, "NodePorts",
                               "Predicate NodePorts failed: node(s) didn't have free ports for "
                               "the requested pod ports");
}

bool predicates_admit(const struct pod *p, const struct sealed *node, struct rejection *ret)
{
    struct value taint;
    *ret = (struct rejection){.about_node = false};
    /* What runs already had its room when it came. */
    if (!os_fits(p, ret) || (!p->sandbox_id && !resources_fit(p, ret)))
        return false;
    if (p->sandbox_id)
        return true;
    if (node && !pod_selects_node(object_at(p->object, "spec"), node)) {
        ret->about_node = true;
        return refuse(ret, "NodeAffinity",
                      "Predicate NodeAffinity failed: node(s) didn't match Pod's node "
                      "affinity/selector");
    }
    if (!ports_free(p, ret))
        return false;
    if (node && !p->is_static &&
        taints_forbid(object_at(node, "spec.taints"), object_at(p->object, "spec.tolerations"),
                      TAINT_NO_EXECUTE, &taint))
        return refuse(ret, "TaintToleration",
                      "Predicate TaintToleration failed: node(s) had taints that the pod didn't "
                      "tolerate");
    return true;
}
