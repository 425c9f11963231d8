/* Every namespace has a ConfigMap "kube-root-ca.crt" with the certificate that pods trust the API
 * server by. Source: pkg/controller/certificates/rootcacertpublisher. */
#include "control/object.h"

enum {
    NAMESPACES,
    CONFIG_MAPS
};

static const char map_name[] = "kube-root-ca.crt";
static const char about[] =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters.";

/* Given by the cluster, else what it publishes for extension API servers. */
static struct str ca_pem(struct run *run)
{
    struct str given = control_trust(run->control)->ca_pem;
    if (!str_empty(given))
        return given;
    const struct sealed *published =
        run_get(run, CONFIG_MAPS, STR("kube-system"), STR("extension-apiserver-authentication"));
    if (!published)
        return STR_NONE;
    return value_str(value_key(object_at(published, "data"), STR("client-ca-file")), "");
}

static void fill(struct arena *a, struct node *map, struct str pem)
{
    struct node *data = node_map(a);
    node_set(a, data, STR("ca.crt"), node_text(a, pem));
    node_put(a, map, "data", data);
    node_set(a, node_need_map(a, map, "metadata.annotations"), STR("kubernetes.io/description"),
             node_text(a, str_from(about)));
}

static int reconcile(struct run *run, struct status *st)
{
    struct arena *a = run->arena;
    const struct resource *maps = control_resource(run->control, CONFIG_MAPS);
    const struct sealed *ns = view_get(control_view(run->control, NAMESPACES), STR(""), run->name);
    struct str pem = ca_pem(run);
    if (!ns || object_deleting(ns) || str_empty(pem))
        return 0;
    const struct sealed *map = run_get(run, CONFIG_MAPS, run->name, str_from(map_name));
    struct str held =
        map ? value_str(value_key(object_at(map, "data"), STR("ca.crt")), "") : STR_NONE;
    if (map && value_count(object_at(map, "data")) == 1 && str_equal(held, pem) &&
        str_is(object_annotation(map, "kubernetes.io/description"), about))
        return 0;
    struct node *tree = node_map(a);
    node_put_str(a, tree, "apiVersion", STR("v1"));
    node_put_str(a, tree, "kind", STR("ConfigMap"));
    node_put_str(a, tree, "metadata.name", str_from(map_name));
    node_put_str(a, tree, "metadata.namespace", run->name);
    fill(a, tree, pem);
    if (map)
        return run_update(run, maps, NULL, tree, NULL, st);
    if (run_create(run, maps, run->name, tree, NULL, st) < 0 &&
        st->reason != REASON_ALREADY_EXISTS && st->reason != REASON_NOT_FOUND &&
        st->reason != REASON_FORBIDDEN)
        return -1;
    return 0;
}

static void map_namespace(struct control *c, const struct sealed *now,
                          const struct sealed *old maybe_unused)
{
    if (now && !object_deleting(now))
        control_enqueue(c, STR(""), object_name(now));
}

static bool enqueue_namespace(void *arg, const struct sealed *ns)
{
    control_enqueue(arg, STR(""), object_name(ns));
    return true;
}

static void map_config_map(struct control *c, const struct sealed *now, const struct sealed *old)
{
    const struct sealed *map = now ? now : old;
    if (str_is(object_name(map), map_name))
        control_enqueue(c, STR(""), object_namespace(map));
    else if (str_is(object_name(map), "extension-apiserver-authentication") &&
             str_is(object_namespace(map), "kube-system"))
        view_each(control_view(c, NAMESPACES), STR_NONE, enqueue_namespace, c);
}

static const struct control_watch watches[] = {
    [NAMESPACES] = {"", "v1", "namespaces", map_namespace},
    [CONFIG_MAPS] = {"", "v1", "configmaps", map_config_map},
    {0},
};

REGISTER(controller, rootca)
= {
    .name = "root-ca-certificate-publisher-controller",
    .account = "root-ca-cert-publisher",
    .watches = watches,
    .reconcile = reconcile,
};
