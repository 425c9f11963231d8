/* ClusterRoles with an aggregation rule hold the rules of those that it selects.
 * Source: pkg/controller/clusterroleaggregation. */
#include "control/object.h"
#include "object/seal.h"

enum {
    ROLES
};

static void add_rules(struct arena *a, struct node *rules, const struct sealed *role)
{
    struct value_iter it = value_iter(object_at(role, "rules"));
    for (struct value rule; value_next(&it, &rule);) {
        struct node *one = value_to_node(a, rule);
        bool there = false;
        node_each(known, rules) there |= node_equal(known, one);
        if (!there)
            node_append(a, rules, one);
    }
}

static int compare_names(const struct sealed *x, const struct sealed *y)
{
    return str_compare(object_name(x), object_name(y));
}

static int reconcile(struct run *run, struct status *st)
{
    struct arena *a = run->arena;
    const struct sealed *role = run_get(run, ROLES, STR(""), run->name);
    if (!role || !value_present(object_at(role, "aggregationRule")))
        return 0;
    struct node *rules = node_list(a);
    struct value_iter it = value_iter(object_at(role, "aggregationRule.clusterRoleSelectors"));
    for (struct value v; value_next(&it, &v);) {
        struct selector labels;
        if (label_selector_from_value(a, v, &labels, st) < 0)
            return -1;
        struct objects roles = run_list_selected(run, ROLES, STR_NONE, &labels);
        objects_sort(&roles, compare_names);
        for (size_t i = 0; i < roles.count; i++)
            if (!str_equal(object_name(roles.items[i]), run->name))
                add_rules(a, rules, roles.items[i]);
    }
    struct node *tree = unseal(a, role);
    node_put(a, tree, "rules", rules);
    return run_put(run, control_resource(run->control, ROLES), NULL, role, tree, NULL, st);
}

static bool enqueue_aggregate(void *arg, const struct sealed *role)
{
    if (value_present(object_at(role, "aggregationRule")))
        control_enqueue_object(arg, role);
    return true;
}

/* Any role may be part of any aggregate, but only its rules and labels count. */
static void map_role(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now && value_present(object_at(now, "aggregationRule")))
        control_enqueue_object(c, now);
    if (object_differs(now, old, "rules") || object_differs(now, old, "metadata.labels"))
        view_each(control_view(c, ROLES), STR_NONE, enqueue_aggregate, c);
}

static const struct control_watch watches[] = {
    [ROLES] = {"rbac.authorization.k8s.io", "v1", "clusterroles", map_role},
    {0},
};

REGISTER(controller, clusterroleaggregation)
= {
    .name = "clusterrole-aggregation-controller",
    .account = "clusterrole-aggregation-controller",
    .watches = watches,
    .reconcile = reconcile,
};
