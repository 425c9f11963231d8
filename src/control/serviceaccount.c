/* Every namespace has a ServiceAccount "default". Source: pkg/controller/serviceaccount. */
#include "control/object.h"

enum {
    NAMESPACES,
    ACCOUNTS
};

static int reconcile(struct run *run, struct status *st)
{
    struct view *namespaces = control_view(run->control, NAMESPACES);
    const struct sealed *ns = view_get(namespaces, STR(""), run->name);
    if (!ns || object_deleting(ns) ||
        view_get(control_view(run->control, ACCOUNTS), run->name, STR("default")))
        return 0;
    struct node *account = node_map(run->arena);
    node_put_str(run->arena, account, "apiVersion", STR("v1"));
    node_put_str(run->arena, account, "kind", STR("ServiceAccount"));
    node_put_str(run->arena, account, "metadata.name", STR("default"));
    node_put_str(run->arena, account, "metadata.namespace", run->name);
    const struct resource *accounts = control_resource(run->control, ACCOUNTS);
    if (run_create(run, accounts, run->name, account, NULL, st) < 0 &&
        st->reason != REASON_ALREADY_EXISTS && st->reason != REASON_NOT_FOUND &&
        st->reason != REASON_FORBIDDEN)
        return -1;
    return 0;
}

static void map_account(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (!now && str_is(object_name(old), "default"))
        control_enqueue(c, STR(""), object_namespace(old));
}

static void map_namespace(struct control *c, const struct sealed *now,
                          const struct sealed *old maybe_unused)
{
    if (now && !object_deleting(now))
        control_enqueue(c, STR(""), object_name(now));
}

static const struct control_watch watches[] = {
    [NAMESPACES] = {"", "v1", "namespaces", map_namespace},
    [ACCOUNTS] = {"", "v1", "serviceaccounts", map_account},
    {0},
};

REGISTER(controller, serviceaccount)
= {
    .name = "serviceaccount-controller",
    .account = "service-account-controller",
    .watches = watches,
    .reconcile = reconcile,
};
