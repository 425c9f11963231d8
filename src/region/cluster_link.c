/* The region's eye on a cluster: its nodes, seen as an administrator. */
#include "base/log.h"
#include "region/cluster_process.h"
#include "region/fleet_internal.h"

struct cluster_link {
    struct client *client; /* owned */
    struct view *nodes;    /* owned */
    const struct resource *resource;
};

static void nodes_changed(void *user, const struct sealed *now maybe_unused,
                          const struct sealed *old maybe_unused)
{
    struct fleet *f = user;
    deferred_arm(&f->soon);
}

/* One that is there from an earlier start, or that somebody changed, stays as it is. */
static void made(void *user maybe_unused, const struct sealed *object maybe_unused,
                 const struct status *st)
{
    if (st && st->reason != REASON_ALREADY_EXISTS)
        log_error("a cluster's first objects can't be made", LOG_STR("message", st->message));
}

/* Node agents of the region do what kube-proxy does elsewhere: they may read what it reads. */
static void bind_proxier(struct client *client)
{
    struct arena a = ARENA_INIT;
    struct node *binding = node_map(&a), *subject = node_map(&a);
    node_put_str(&a, binding, "apiVersion", STR("rbac.authorization.k8s.io/v1"));
    node_put_str(&a, binding, "kind", STR("ClusterRoleBinding"));
    node_put_str(&a, binding, "metadata.name", STR("eks:node-proxier"));
    node_put_str(&a, binding, "roleRef.apiGroup", STR("rbac.authorization.k8s.io"));
    node_put_str(&a, binding, "roleRef.kind", STR("ClusterRole"));
    node_put_str(&a, binding, "roleRef.name", STR("system:node-proxier"));
    node_put_str(&a, subject, "apiGroup", STR("rbac.authorization.k8s.io"));
    node_put_str(&a, subject, "kind", STR("Group"));
    node_put_str(&a, subject, "name", STR("system:nodes"));
    node_append(&a, node_need_list(&a, binding, "subjects"), subject);
    client_create(client, resource_named("rbac.authorization.k8s.io", "clusterrolebindings"),
                  STR_NONE, binding, made, NULL);
    arena_release(&a);
}

/* Claims without a class get a folder on the node of their pod. */
static void make_storage_class(struct client *client)
{
    struct arena a = ARENA_INIT;
    struct node *class = node_map(&a);
    node_put_str(&a, class, "apiVersion", STR("storage.k8s.io/v1"));
    node_put_str(&a, class, "kind", STR("StorageClass"));
    node_put_str(&a, class, "metadata.name", STR("local"));
    node_set(&a, node_need_map(&a, class, "metadata.annotations"),
             STR("storageclass.kubernetes.io/is-default-class"), node_text(&a, STR("true")));
    node_put_str(&a, class, "provisioner", STR("kaname.dev/local"));
    node_put_str(&a, class, "volumeBindingMode", STR("WaitForFirstConsumer"));
    node_put_str(&a, class, "reclaimPolicy", STR("Delete"));
    client_create(client, resource_named("storage.k8s.io", "storageclasses"), STR_NONE, class, NULL,
                  NULL);
    arena_release(&a);
}

static struct cluster_link *link_open(struct fleet *f, struct arena *a, struct str cluster,
                                      uint16_t port)
{
    struct pki_pair credentials;
    struct str ca;
    const char *error = NULL;
    int err = cluster_process_issue(f->region, a, cluster, STR(""), &credentials, &ca);
    if (err) {
        log_error("the region can't enter a cluster", LOG_STR("cluster", cluster), LOG_ERRNO(err));
        return NULL;
    }
    const struct client_remote_config config = {.loop = f->region->loop,
                                                .host = "127.0.0.1",
                                                .port = port,
                                                .ca_pem = ca,
                                                .certificate_pem = credentials.certificate_pem,
                                                .key_pem = credentials.key_pem,
                                                .user_agent = "kaname-region",
                                                .netns_fd = -1};
    struct client *client = client_remote(&config, &error);
    if (!client) {
        log_error("the region can't enter a cluster", LOG_STR("cluster", cluster),
                  LOG_CSTR("why", error));
        return NULL;
    }
    struct cluster_link *l = mem_alloc(sizeof(*l));
    l->client = client;
    l->resource = resource_named("", "nodes");
    bind_proxier(client);
    make_storage_class(client);
    l->nodes = view_open(
        client,
        &(struct view_options){.resource = l->resource, .on_change = nodes_changed, .user = f});
    return l;
}

struct cluster_link *cluster_link_of(struct fleet *f, struct arena *a, struct str cluster)
{
    struct cluster_link *l = map_get(&f->links, cluster);
    const struct node *object = state_tree(f->region->state, a, STATE_CLUSTER, cluster);
    if (l || !str_is(node_str(object, "status.status"), "ACTIVE"))
        return l;
    l = link_open(f, a, cluster, (uint16_t)node_num(object, "spec.internal.port", 0));
    if (l)
        map_put(&f->links, cluster, l);
    return l;
}

bool cluster_link_node_ready(struct cluster_link *l, struct str node)
{
    const struct sealed *object = view_get(l->nodes, STR_NONE, node);
    if (!object)
        return false;
    struct value_iter it = value_iter(value_at(sealed_root(object), "status.conditions"));
    for (struct value condition; value_next(&it, &condition);)
        if (str_is(value_str(condition, "type"), "Ready"))
            return str_is(value_str(condition, "status"), "True");
    return false;
}

void cluster_link_delete_node(struct cluster_link *l, struct str node)
{
    const struct client_delete_options options = {.grace_s = -1};
    client_delete(l->client, l->resource, STR_NONE, node, &options, NULL, NULL);
}

struct client *cluster_link_client(struct cluster_link *l)
{
    return l->client;
}

void cluster_link_free(struct cluster_link *l)
{
    view_close(l->nodes);
    client_free(l->client);
    mem_free(l);
}
