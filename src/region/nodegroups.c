/* Node groups: as many instances as each wants, and its status. */
#include "base/log.h"
#include "region/fleet_internal.h"
#include "sys/random.h"

struct names {
    struct arena *arena;
    struct node *list;
    struct str group; /* of instances to collect; data NULL: all objects */
};

static bool collect(void *arg, const struct sealed *object)
{
    struct names *n = arg;
    if (!n->group.data || str_equal(value_str(sealed_root(object), "spec.nodegroup"), n->group))
        node_append(n->arena, n->list, node_text_copy(n->arena, object_name(object)));
    return true;
}

static struct node *instances_of(struct fleet *f, struct arena *a, struct str group)
{
    struct names n = {a, node_list(a), group};
    state_each(f->region->state, STATE_INSTANCE, STR_NONE, collect, &n);
    return n.list;
}

static void create_instance(struct fleet *f, struct arena *a, const struct node *group,
                            size_t index)
{
    char digits[18];
    struct status st;
    struct node *subnets = node_at(group, "spec.subnets");
    random_text(digits, 17, "0123456789abcdef");
    struct str id = arena_printf(a, "i-%s", digits);
    struct node *o = state_object(a, STATE_INSTANCE, id);
    node_put_str(a, o, "spec.instanceId", id);
    node_put_str(a, o, "spec.nodegroup", node_str(group, "metadata.name"));
    node_put_str(a, o, "spec.nodegroupName", node_str(group, "spec.nodegroupName"));
    node_put_str(a, o, "spec.clusterName", node_str(group, "spec.clusterName"));
    node_put_str(a, o, "spec.instanceType",
                 node_str(node_item(node_at(group, "spec.instanceTypes"), 0), ""));
    /* Spread over the zones in turn. */
    node_put_str(a, o, "spec.subnetId",
                 node_str(node_item(subnets, index % MAX(node_count(subnets), (size_t)1)), ""));
    node_put(a, o, "spec.labels",
             node_copy(a, node_need_map(a, (struct node *)group, "spec.labels")));
    if (node_has(group, "spec.taints"))
        node_put(a, o, "spec.taints", node_copy(a, node_at(group, "spec.taints")));
    node_put_str(a, o, "status.state", STR("pending"));
    status_init(&st, a);
    if (state_create(f->region->state, a, STATE_INSTANCE, o, &st))
        log_error("an instance can't be made", LOG_STR("message", st.message));
}

static void doom_instance(struct fleet *f, struct arena *a, struct str id)
{
    struct status st;
    struct node *o = state_tree(f->region->state, a, STATE_INSTANCE, id);
    if (!o || str_is(node_str(o, "status.state"), "shutting-down"))
        return;
    node_put_str(a, o, "status.state", STR("shutting-down"));
    status_init(&st, a);
    if (state_update(f->region->state, a, STATE_INSTANCE, o, &st))
        log_error("an instance can't be ended", LOG_STR("instance", id),
                  LOG_STR("message", st.message));
}

static void set_status(struct fleet *f, struct arena *a, struct node *group, const char *status)
{
    struct status st;
    if (str_is(node_str(group, "status.status"), status))
        return;
    node_put_str(a, group, "status.status", str_from(status));
    status_init(&st, a);
    if (state_update(f->region->state, a, STATE_NODEGROUP, group, &st))
        log_error("a node group's status can't be written", LOG_STR("message", st.message));
}

static void delete_group(struct fleet *f, struct arena *a, struct node *group,
                         const struct node *instances)
{
    struct status st;
    node_each(id, instances) doom_instance(f, a, id->text);
    if (node_count(instances))
        return;
    status_init(&st, a);
    if (state_delete(f->region->state, a, STATE_NODEGROUP, node_str(group, "metadata.name"), &st))
        log_error("a deleted node group can't be removed", LOG_STR("message", st.message));
}

static void reconcile_group(struct fleet *f, struct arena *a, struct str name)
{
    struct node *group = state_tree(f->region->state, a, STATE_NODEGROUP, name);
    struct node *instances = instances_of(f, a, name);
    if (str_is(node_str(group, "status.status"), "DELETING")) {
        delete_group(f, a, group, instances);
        return;
    }
    size_t want = (size_t)node_num(group, "spec.scalingConfig.desiredSize", 0),
           have = node_count(instances), ready = 0, starting = 0;
    for (size_t i = have; i < want; i++)
        create_instance(f, a, group, i);
    for (size_t i = want; i < have; i++)
        doom_instance(f, a, node_item(instances, i)->text);
    struct cluster_link *link = cluster_link_of(f, a, node_str(group, "spec.clusterName"));
    node_each(id, instances) ready +=
        link && machines_filled(f, id->text) && cluster_link_node_ready(link, id->text);
    node_each(id, instances) starting += machines_starting(f, id->text);
    bool whole = have == want && ready == want;
    if (whole)
        set_status(f, a, group, "ACTIVE");
    else if ((have != want || starting) && str_is(node_str(group, "status.status"), "ACTIVE"))
        set_status(f, a, group, "UPDATING");
}

void nodegroups_reconcile(struct fleet *f, struct arena *a)
{
    struct names n = {.arena = a, .list = node_list(a)};
    state_each(f->region->state, STATE_NODEGROUP, STR_NONE, collect, &n);
    node_each(name, n.list) reconcile_group(f, a, name->text);
}
