/* kind's Cluster (kind.x-k8s.io/v1alpha4): every field that it has, and what becomes of it here.
 *
 * Source: pkg/apis/config/v1alpha4 of kubernetes-sigs/kind. Its control plane nodes are the
 * region's matter; its workers become node groups, one for each set of labels. */
#include "cli/document.h"

static const struct document_field patch_fields[] = {{.name = "group", .type = DOC_TEXT},
                                                     {.name = "version", .type = DOC_TEXT},
                                                     {.name = "kind", .type = DOC_TEXT},
                                                     {.name = "patch", .type = DOC_TEXT},
                                                     {NULL}};

static const struct document_field mount_fields[] = {
    {.name = "containerPath", .type = DOC_TEXT},
    {.name = "hostPath", .type = DOC_TEXT},
    {.name = "readOnly", .type = DOC_FLAG},
    {.name = "selinuxRelabel", .type = DOC_FLAG},
    {.name = "propagation", .type = DOC_TEXT, .values = "None|HostToContainer|Bidirectional"},
    {NULL}};

static const struct document_field port_fields[] = {
    {.name = "containerPort", .type = DOC_NUMBER, .support = DOC_USED},
    {.name = "hostPort", .type = DOC_NUMBER, .support = DOC_USED},
    {.name = "listenAddress", .type = DOC_TEXT, .support = DOC_USED, .served = "127.0.0.1"},
    {.name = "protocol",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .values = "TCP|UDP|SCTP",
     .served = "TCP"},
    {NULL}};

static const struct document_field node_fields[] = {
    {.name = "role",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .values = "control-plane|worker",
     .initial = "\"control-plane\""},
    {.name = "image", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "labels", .type = DOC_TEXT_MAP, .support = DOC_USED, .to = "labels"},
    {.name = "extraMounts", .type = DOC_OBJECTS, .fields = mount_fields},
    {.name = "extraPortMappings", .type = DOC_OBJECTS, .support = DOC_USED, .fields = port_fields},
    {.name = "gpus", .type = DOC_TEXT},
    {.name = "kubeadmConfigPatches", .type = DOC_TEXTS},
    {.name = "kubeadmConfigPatchesJSON6902", .type = DOC_OBJECTS, .fields = patch_fields},
    {NULL}};

static const struct document_field networking_fields[] = {
    {.name = "ipFamily",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "kubernetesNetworkConfig.ipFamily",
     .values = "ipv4|ipv6|dual",
     .initial = "\"ipv4\""},
    {.name = "apiServerPort", .type = DOC_NUMBER},
    {.name = "apiServerAddress", .type = DOC_TEXT, .support = DOC_NO_EFFECT},
    {.name = "podSubnet", .type = DOC_TEXT},
    {.name = "serviceSubnet",
     .type = DOC_TEXT,
     .support = DOC_USED,
     .to = "kubernetesNetworkConfig.serviceIpv4Cidr",
     .initial = "\"10.100.0.0/16\""},
    {.name = "disableDefaultCNI", .type = DOC_FLAG},
    {.name = "kubeProxyMode",
     .type = DOC_TEXT,
     .support = DOC_NO_EFFECT,
     .values = "iptables|ipvs|nftables|none"},
    {.name = "dnsSearch", .type = DOC_TEXTS},
    {NULL}};

static const struct document_field cluster_fields[] = {
    {.name = "apiVersion", .type = DOC_TEXT, .support = DOC_USED},
    {.name = "kind", .type = DOC_TEXT, .support = DOC_USED},
    {.name = "name", .type = DOC_TEXT, .support = DOC_USED, .initial = "\"kind\""},
    {.name = "nodes", .type = DOC_OBJECTS, .support = DOC_USED, .fields = node_fields},
    {.name = "networking", .type = DOC_OBJECT, .support = DOC_USED, .fields = networking_fields},
    {.name = "featureGates", .type = DOC_ANY},
    {.name = "runtimeConfig", .type = DOC_TEXT_MAP},
    {.name = "kubeadmConfigPatches", .type = DOC_TEXTS},
    {.name = "kubeadmConfigPatchesJSON6902", .type = DOC_OBJECTS, .fields = patch_fields},
    {.name = "containerdConfigPatches", .type = DOC_TEXTS},
    {.name = "containerdConfigPatchesJSON6902", .type = DOC_TEXTS},
    {NULL}};

static void defaults(struct arena *a, struct node *document)
{
    struct node *nodes = node_need_list(a, document, "nodes");
    if (node_count(nodes))
        return;
    struct node *one = node_map(a);
    node_put_str(a, one, "role", STR("control-plane"));
    node_append(a, nodes, one);
}

static struct document_group *group_of(struct arena *a, struct document_plan *plan,
                                       const struct node *labels)
{
    for (size_t i = 0; i < plan->group_count; i++)
        if (node_equal(node_at(plan->groups[i].request, "labels"), labels))
            return &plan->groups[i];
    struct document_group *group = &plan->groups[plan->group_count++];
    group->request = node_map(a);
    node_put(a, group->request, "labels", node_copy(a, labels));
    group->name =
        plan->group_count == 1 ? "default" : arena_printf(a, "default-%zu", plan->group_count).data;
    return group;
}

/* A port of any node: which one has the pod isn't known, and NodePorts are on all. */
static void add_ports(struct arena *a, const struct node *mappings, struct node *list)
{
    node_each(mapping, mappings)
    {
        struct node *port = node_map(a);
        node_put_int(a, port, "port", node_num(mapping, "hostPort", 0));
        node_put_str(
            a, port, "target",
            arena_printf(a, "node:%lld", (long long)node_num(mapping, "containerPort", 0)));
        node_append(a, list, port);
    }
}

/* Pods run on the workers; without any, on the one node that there is. */
static void plan(struct arena *a, const struct node *document, struct document_plan *ret)
{
    const struct node *nodes = node_at(document, "nodes");
    struct str name = node_str(document, "name");
    *ret = (struct document_plan){.cluster = str_empty(name) ? "kind" : arena_cstr(a, name),
                                  .request = node_map(a),
                                  .groups =
                                      arena_array(a, struct document_group, node_count(nodes) + 1)};
    document_apply(a, cluster_fields, document, ret->request);
    struct node *ports = node_list(a);
    ret->ports = ports;
    for (size_t i = 0; i < node_count(nodes); i++) {
        const struct node *one = node_item(nodes, i);
        add_ports(a, node_at(one, "extraPortMappings"), ports);
        if (!str_is(node_str(one, "role"), "worker"))
            continue;
        const struct node *labels = node_at(one, "labels");
        group_of(a, ret, labels ? labels : node_map(a))->count++;
    }
    if (ret->group_count == 0)
        group_of(a, ret, node_map(a))->count = 1;
}

const struct document_format document_kind = {.name = "kind",
                                              .api_version = "kind.x-k8s.io/v1alpha4",
                                              .kind = "Cluster",
                                              .fields = cluster_fields,
                                              .defaults = defaults,
                                              .plan = plan};
