#include "control/placement.h"

unsigned taint_effect(struct value taint)
{
    struct str effect = value_str(taint, "effect");
    if (str_is(effect, "NoSchedule"))
        return TAINT_NO_SCHEDULE;
    if (str_is(effect, "NoExecute"))
        return TAINT_NO_EXECUTE;
    return str_is(effect, "PreferNoSchedule") ? TAINT_PREFER_NO_SCHEDULE : 0;
}

static bool compare_numbers(struct str op, struct str text, struct str limit)
{
    int64_t x, y;
    if (str_to_i64(text, &x) < 0 || str_to_i64(limit, &y) < 0)
        return false;
    return str_is(op, "Gt") ? x > y : x < y;
}

bool toleration_tolerates(struct value toleration, struct value taint)
{
    struct str effect = value_str(toleration, "effect"), key = value_str(toleration, "key");
    struct str op = value_str(toleration, "operator");
    if (!str_empty(effect) && !str_equal(effect, value_str(taint, "effect")))
        return false;
    if (!str_empty(key) && !str_equal(key, value_str(taint, "key")))
        return false;
    if (str_is(op, "Exists"))
        return true;
    if (str_is(op, "Gt") || str_is(op, "Lt"))
        return compare_numbers(op, value_str(taint, "value"), value_str(toleration, "value"));
    return str_equal(value_str(toleration, "value"), value_str(taint, "value"));
}

bool taint_tolerated(struct value tolerations, struct value taint, struct value *ret)
{
    struct value_iter it = value_iter(tolerations);
    for (struct value toleration; value_next(&it, &toleration);)
        if (toleration_tolerates(toleration, taint)) {
            if (ret)
                *ret = toleration;
            return true;
        }
    return false;
}

bool taints_forbid(struct value taints, struct value tolerations, unsigned effects,
                   struct value *ret_taint)
{
    struct value_iter it = value_iter(taints);
    for (struct value taint; value_next(&it, &taint);) {
        if (!(taint_effect(taint) & effects) || taint_tolerated(tolerations, taint, NULL))
            continue;
        if (ret_taint)
            *ret_taint = taint;
        return true;
    }
    return false;
}

static bool has_value(struct value list, struct str text)
{
    struct value_iter it = value_iter(list);
    for (struct value v; value_next(&it, &v);)
        if (str_equal(value_str(v, ""), text))
            return true;
    return false;
}

bool node_requirement_matches(struct value requirement, bool has, struct str text)
{
    struct str op = value_str(requirement, "operator");
    struct value values = value_at(requirement, "values");
    if (str_is(op, "In"))
        return has && has_value(values, text);
    if (str_is(op, "NotIn"))
        return !has || !has_value(values, text);
    if (str_is(op, "Exists"))
        return has;
    if (str_is(op, "DoesNotExist"))
        return !has;
    return has && (str_is(op, "Gt") || str_is(op, "Lt")) &&
           compare_numbers(op, text, value_str(value_item(values, 0), ""));
}

bool node_term_matches(struct value term, const struct sealed *node)
{
    struct value expressions = value_at(term, "matchExpressions");
    struct value fields = value_at(term, "matchFields");
    struct value labels = value_at(sealed_root(node), "metadata.labels");
    bool any = false;
    struct value_iter it = value_iter(expressions);
    for (struct value requirement; value_next(&it, &requirement); any = true) {
        struct value label = value_key(labels, value_str(requirement, "key"));
        if (!node_requirement_matches(requirement, value_present(label), value_str(label, "")))
            return false;
    }
    it = value_iter(fields);
    for (struct value requirement; value_next(&it, &requirement); any = true)
        if (!str_is(value_str(requirement, "key"), "metadata.name") ||
            !node_requirement_matches(requirement, true, object_name(node)))
            return false;
    return any;
}

bool node_selector_matches(struct value selector, const struct sealed *node)
{
    struct value_iter it = value_iter(value_at(selector, "nodeSelectorTerms"));
    for (struct value term; value_next(&it, &term);)
        if (node_term_matches(term, node))
            return true;
    return false;
}

bool pod_selects_node(struct value pod_spec, const struct sealed *node)
{
    struct value labels = value_at(sealed_root(node), "metadata.labels");
    struct value_iter it = value_iter(value_at(pod_spec, "nodeSelector"));
    for (struct value want; value_next(&it, &want);) {
        struct value have = value_key(labels, it.key);
        if (!value_present(have) || !str_equal(value_str(have, ""), value_str(want, "")))
            return false;
    }
    struct value required =
        value_at(pod_spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    return !value_present(required) || node_selector_matches(required, node);
}

static size_t count_ports(struct value containers)
{
    size_t count = 0;
    struct value_iter it = value_iter(containers);
    for (struct value container; value_next(&it, &container);)
        count += value_count(value_at(container, "ports"));
    return count;
}

static void read_ports(struct host_ports *to, struct value container)
{
    struct value_iter it = value_iter(value_at(container, "ports"));
    for (struct value port; value_next(&it, &port);) {
        int64_t number = value_int(port, "hostPort", 0);
        struct str protocol = value_str(port, "protocol"), address = value_str(port, "hostIP");
        if (number <= 0)
            continue;
        to->items[to->count++] = (struct host_port){
            .number = (uint16_t)number,
            .protocol = str_empty(protocol) ? 'T' : protocol.data[0],
            .address = str_is(address, "0.0.0.0") ? STR_NONE : address,
        };
    }
}

struct host_ports pod_host_ports(struct arena *a, struct value pod_spec)
{
    struct value containers = value_at(pod_spec, "containers");
    struct value init_containers = value_at(pod_spec, "initContainers");
    struct host_ports ports = {0};
    size_t most = count_ports(containers) + count_ports(init_containers);
    if (!most)
        return ports;
    ports.items = arena_array(a, struct host_port, most);
    struct value_iter it = value_iter(init_containers);
    for (struct value container; value_next(&it, &container);)
        if (str_is(value_str(container, "restartPolicy"), "Always"))
            read_ports(&ports, container);
    it = value_iter(containers);
    for (struct value container; value_next(&it, &container);)
        read_ports(&ports, container);
    return ports;
}

/* "::" is an address like any other, as in the original: 0.0.0.0 alone stands for all. */
static bool same_port(const struct host_port *x, const struct host_port *y)
{
    return x->number == y->number && x->protocol == y->protocol &&
           (str_empty(x->address) || str_empty(y->address) || str_equal(x->address, y->address));
}

bool host_ports_conflict(const struct host_ports *x, const struct host_ports *y)
{
    for (size_t i = 0; i < x->count; i++)
        for (size_t j = 0; j < y->count; j++)
            if (same_port(&x->items[i], &y->items[j]))
                return true;
    return false;
}
