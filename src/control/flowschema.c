/* Flow schemas tell whether the priority level that they name is there. Source:
 * apiserver/pkg/util/flowcontrol/apf_controller.go, where the API server itself does it. */
#include "control/object.h"
#include "object/seal.h"

enum {
    SCHEMAS,
    LEVELS
};

static int reconcile(struct run *run, struct status *st)
{
    struct arena *a = run->arena;
    const struct sealed *schema = run_get(run, SCHEMAS, STR(""), run->name);
    if (!schema || object_deleting(schema))
        return 0;
    struct str level = object_str(schema, "spec.priorityLevelConfiguration.name");
    bool there = run_get(run, LEVELS, STR(""), level) != NULL;
    struct str message = arena_printf(
        a, "This FlowSchema references the PriorityLevelConfiguration object named \"%.*s\" %s",
        STR_ARG(level), there ? "and it exists" : "but there is no such object");
    struct value old = object_at(schema, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    condition_put(a, node_need_list(a, status, "conditions"), "Dangling", there ? "False" : "True",
                  there ? "Found" : "NotFound", message, run->now_us, false);
    return run_put_status(run, control_resource(run->control, SCHEMAS), schema, status, NULL, st);
}

struct named_level {
    struct control *control;
    struct str name;
};

static bool enqueue_if_named(void *arg, const struct sealed *schema)
{
    struct named_level *level = arg;
    if (str_equal(object_str(schema, "spec.priorityLevelConfiguration.name"), level->name))
        control_enqueue_object(level->control, schema);
    return true;
}

static void map_level(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now && old)
        return;
    struct named_level level = {c, object_name(now ? now : old)};
    view_each(control_view(c, SCHEMAS), STR_NONE, enqueue_if_named, &level);
}

static const struct control_watch watches[] = {
    [SCHEMAS] = {"flowcontrol.apiserver.k8s.io", "v1", "flowschemas"},
    [LEVELS] = {"flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", map_level},
    {0},
};

REGISTER(controller, flowschema)
= {
    .name = "flow-schema-status-controller",
    .account = "flow-schema-status-controller",
    .watches = watches,
    .reconcile = reconcile,
};
