/* PublishPort, UnpublishPort, ListPublishedPorts: operations that only kaname has. */
#include <errno.h>

#include "region/eks/cluster.h"
#include "region/publish.h"
#include "region/publish_target.h"

enum {
    PORTS_MAX = 100 /* of a cluster: listening sockets of the region's one process */
};

static struct node *shape(struct aws_call *call, const struct node *entry)
{
    struct arena *a = call->arena;
    struct node *port = node_map(a);
    int64_t number = node_num(entry, "port", 0);
    node_put_int(a, port, "port", number);
    node_put_str(a, port, "target", node_str(entry, "target"));
    node_put_str(a, port, "address", arena_printf(a, "127.0.0.1:%lld", (long long)number));
    node_put_bool(a, port, "listening",
                  publisher_listens(call->region->publisher, (uint16_t)number));
    return port;
}

static int save(struct aws_call *call, const struct node *object)
{
    struct status st;
    status_init(&st, call->arena);
    return state_update(call->region->state, call->arena, STATE_CLUSTER, object, &st)
               ? aws_fail_status(call, &st)
               : 0;
}

static int answer(struct aws_call *call, const struct node *entry, bool changed)
{
    node_set(call->arena, call->output, STR("publishedPort"), shape(call, entry));
    node_put_bool(call->arena, call->output, "changed", changed);
    return 0;
}

/* 1: it was there already and is the answer; 0: it isn't; -1: refused. */
static int find_published(struct aws_call *call, const struct node *ports, int64_t port,
                          struct str target)
{
    node_each(entry, ports)
    {
        bool same = str_equal(node_str(entry, "target"), target);
        if (same && (port == 0 || port == node_num(entry, "port", 0)))
            return answer(call, entry, false) ? -1 : 1;
        if (port && port == node_num(entry, "port", 0))
            return aws_fail(call, "PortPublishedException", "The port %lld leads to %.*s already.",
                            (long long)port, STR_ARG(node_str(entry, "target")));
    }
    if (node_count(ports) >= PORTS_MAX)
        return aws_fail(call, "InvalidRequestException",
                        "A cluster has at most %d published ports.", PORTS_MAX);
    return 0;
}

static int run_publish(struct aws_call *call)
{
    struct arena *a = call->arena;
    struct str name = aws_text(call, "clusterName"), target = aws_text(call, "target");
    int64_t port = node_num(call->input, "port", 0);
    struct publish_target parsed;
    uint16_t taken;
    struct node *object = eks_active_cluster(call, name);
    if (!object)
        return -1;
    if (publish_target_parse(target, &parsed))
        return aws_fail(call, "InvalidParameterException",
                        "%.*s is no target: service/NAMESPACE/NAME[:PORT], node:PORT or endpoint "
                        "is one.",
                        STR_ARG(target));
    if (parsed.kind != PUBLISH_ENDPOINT && !call->region->fleet)
        return aws_fail(call, "InvalidRequestException",
                        "This region runs without root, so it has no nodes: only the endpoint can "
                        "be published.");
    struct node *ports = node_need_list(a, object, "spec.internal.publishedPorts");
    int found = find_published(call, ports, port, target);
    if (found)
        return found < 0 ? -1 : 0;
    int err = publisher_take(call->region->publisher, name, target, (uint16_t)port, &taken);
    if (err)
        return aws_fail(call, err == -EADDRINUSE ? "PortInUseException" : "InvalidRequestException",
                        "The port 127.0.0.1:%lld can't be published: %s", (long long)port,
                        strerrordesc_np(-err));
    struct node *entry = node_map(a);
    node_put_int(a, entry, "port", taken);
    node_put_str(a, entry, "target", target);
    node_append(a, ports, entry);
    if (save(call, object)) {
        publisher_give_back(call->region->publisher, taken);
        return -1;
    }
    return answer(call, entry, true);
}

static int run_unpublish(struct aws_call *call)
{
    uint64_t port;
    struct node *object = eks_cluster(call, aws_text(call, "clusterName"));
    if (!object)
        return -1;
    if (str_to_u64(aws_text(call, "port"), &port))
        return aws_fail(call, "InvalidParameterException", "%.*s is no port.",
                        STR_ARG(aws_text(call, "port")));
    struct node *ports = node_need_list(call->arena, object, "spec.internal.publishedPorts");
    bool changed = false;
    for (size_t i = node_count(ports); i-- > 0;)
        if (node_num(node_item(ports, i), "port", 0) == (int64_t)port) {
            node_list_remove(ports, i);
            changed = true;
        }
    node_put_bool(call->arena, call->output, "changed", changed);
    return changed ? save(call, object) : 0;
}

static int run_list(struct aws_call *call)
{
    const struct node *object = eks_cluster(call, aws_text(call, "clusterName"));
    if (!object)
        return -1;
    struct node *list = node_need_list(call->arena, call->output, "publishedPorts");
    node_each(entry, node_at(object, "spec.internal.publishedPorts"))
        node_append(call->arena, list, shape(call, entry));
    return 0;
}

REGISTER(aws_operation, publish_port)
= {.service = "eks", .name = "PublishPort", .run = run_publish};
REGISTER(aws_operation, unpublish_port)
= {.service = "eks", .name = "UnpublishPort", .run = run_unpublish};
REGISTER(aws_operation, list_published_ports)
= {.service = "eks", .name = "ListPublishedPorts", .run = run_list};
