/* log, exec, attach, portforward: the pod's kubelet does the work. proxy: to a node, a pod or a
 * service. */
#include <arpa/inet.h>

#include "api/endpoint.h"
#include "api/relay_spdy.h"
#include "api/write.h"
#include "auth/stored.h"
#include "base/encode.h"

enum {
    KUBELET_PORT = 10250
};

static const struct sealed *node_named(struct request *r, struct str name)
{
    return stored_object(r->api->config.store, "", "nodes", STR(""), name);
}

static int node_address(struct request *r, struct str name, struct relay_target *ret)
{
    static const char *const preferred[] = {"InternalIP", "ExternalIP", "Hostname"};
    const struct sealed *node = node_named(r, name);
    if (!node)
        return status_not_found(&r->st, STR(""), STR("nodes"), name);
    struct value root = sealed_root(node);
    ret->port =
        (uint16_t)value_int(root, "status.daemonEndpoints.kubeletEndpoint.Port", KUBELET_PORT);
    if (ret->port == 0)
        ret->port = KUBELET_PORT;
    ret->tls = r->api->config.kubelet_tls;
    for (size_t i = 0; i < ARRAY_COUNT(preferred); i++) {
        struct value_iter it = value_iter(value_at(root, "status.addresses"));
        for (struct value item; value_next(&it, &item);)
            if (str_is(value_str(item, "type"), preferred[i])) {
                ret->host = arena_cstr(r->arena, value_str(item, "address"));
                return 0;
            }
    }
    return status_internal(&r->st, "no preferred addresses found; known addresses: []");
}

static void add_names(struct buf *out, const struct node *containers)
{
    node_each(c, containers)
        buf_printf(out, "%s%.*s", out->len ? " " : "", STR_ARG(node_str(c, "name")));
}

static int choose_container(struct request *r, const struct node *pod, struct str *ret)
{
    static const char *const lists[] = {"spec.containers", "spec.initContainers",
                                        "spec.ephemeralContainers"};
    struct str wanted = STR_NONE;
    request_query(r, "container", &wanted);
    if (str_empty(wanted)) {
        const struct node *containers = node_at(pod, "spec.containers");
        if (node_count(containers) == 1) {
            *ret = node_str(node_item(containers, 0), "name");
            return 0;
        }
        struct buf names = BUF_INIT;
        add_names(&names, containers);
        status_set(&r->st, REASON_BAD_REQUEST,
                   "a container name must be specified for pod %.*s, choose one of: [%.*s]",
                   STR_ARG(r->route.name), STR_ARG(buf_str(&names)));
        buf_release(&names);
        return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        if (node_find(node_at(pod, lists[i]), "name", wanted)) {
            *ret = wanted;
            return 0;
        }
    return status_set(&r->st, REASON_BAD_REQUEST, "container %.*s is not valid for pod %.*s",
                      STR_ARG(wanted), STR_ARG(r->route.name));
}

static void add_pair(struct request *r, struct buf *query, const char *name, struct str value)
{
    buf_printf(query, "%s%s=%.*s", query->len ? "&" : "?", name,
               STR_ARG(percent_encode(r->arena, value, "")));
}

static struct str log_query(struct request *r)
{
    static const char *const passed[] = {"follow",     "previous",  "sinceSeconds", "sinceTime",
                                         "timestamps", "tailLines", "limitBytes",   "stream"};
    struct buf query = BUF_INIT;
    struct str value;
    for (size_t i = 0; i < ARRAY_COUNT(passed); i++)
        if (request_query(r, passed[i], &value) && !str_empty(value))
            add_pair(r, &query, passed[i], value);
    struct str copy = arena_str(r->arena, buf_str(&query));
    buf_release(&query);
    return copy;
}

static struct str stream_query(struct request *r)
{
    static const struct {
        const char *asked, *kubelet;
    } flags[] = {{"stdin", "input"}, {"stdout", "output"}, {"stderr", "error"}, {"tty", "tty"}};
    struct buf query = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        if (request_query_flag(r, flags[i].asked))
            add_pair(r, &query, flags[i].kubelet, STR("1"));
    size_t count;
    struct http_header *all = http_query_all(r->http, &count);
    for (size_t i = 0; i < count; i++)
        if (str_is(all[i].name, "command") || str_is(all[i].name, "port") ||
            str_is(all[i].name, "ports"))
            add_pair(r, &query, arena_cstr(r->arena, all[i].name), all[i].value);
    struct str copy = arena_str(r->arena, buf_str(&query));
    buf_release(&query);
    return copy;
}

static const struct {
    const char *subresource, *path;
    bool container;
} kubelet_paths[] = {{"log", "containerLogs", true},
                     {"exec", "exec", true},
                     {"attach", "attach", true},
                     {"portforward", "portForward", false}};

/* Kubelets before 1.36, and those told so, take nothing but SPDY from clients of today. */
static bool takes_websockets(struct request *r, struct str node)
{
    const struct sealed *object = node_named(r, node);
    struct value_iter it = value_iter(value_at(sealed_root(object), "status.declaredFeatures"));
    for (struct value v; value_next(&it, &v);)
        if (str_is(value_str(v, ""), "ExtendWebSocketsToKubelet"))
            return true;
    return false;
}

static enum step_result stream_to_kubelet(struct request *r, const struct relay_target *target,
                                          struct str node)
{
    bool forward = request_is_sub(r, "portforward");
    bool modern = forward ? relay_speaks_tunnel(r) : relay_speaks_channels(r);
    if (!modern || takes_websockets(r, node))
        return relay(r, target);
    if (forward)
        return relay_tunnel(r, target);
    struct relay_streams streams = {.standard_input = request_query_flag(r, "stdin"),
                                    .standard_output = request_query_flag(r, "stdout"),
                                    .standard_error = request_query_flag(r, "stderr"),
                                    .terminal = request_query_flag(r, "tty")};
    return relay_channels(r, target, &streams);
}

static enum step_result to_kubelet(struct request *r)
{
    struct relay_target target = {.what = "error dialing backend"};
    struct str container = STR_NONE;
    if (write_load_old(r) < 0)
        return STEP_FAIL;
    struct str node = node_str(r->old_node, "spec.nodeName");
    for (size_t i = 0; i < ARRAY_COUNT(kubelet_paths); i++) {
        if (!request_is_sub(r, kubelet_paths[i].subresource))
            continue;
        if (kubelet_paths[i].container && choose_container(r, r->old_node, &container) < 0)
            return STEP_FAIL;
        if (str_empty(node)) {
            if (i == 0) { /* a pod that nobody runs has said nothing yet */
                r->code = 204;
                r->rewritten = "text/plain";
                r->raw = STR("");
                return STEP_NEXT;
            }
            status_set(&r->st, REASON_BAD_REQUEST, "pod %.*s does not have a host assigned",
                       STR_ARG(r->route.name));
            return STEP_FAIL;
        }
        target.as_messages = i == 0;
        struct str query = i == 0 ? log_query(r) : stream_query(r);
        target.path_and_query =
            arena_printf(r->arena, "/%s/%.*s/%.*s%s%.*s%.*s", kubelet_paths[i].path,
                         STR_ARG(r->route.ns), STR_ARG(r->route.name),
                         kubelet_paths[i].container ? "/" : "", STR_ARG(container), STR_ARG(query));
    }
    if (node_address(r, node, &target) < 0)
        return STEP_FAIL;
    if (target.as_messages)
        return relay(r, &target);
    /* What isn't upgraded would be the kubelet's own answer, a redirect perhaps. */
    if (str_empty(http_header(r->http, "Upgrade"))) {
        status_set(&r->st, REASON_BAD_REQUEST, "Upgrade request required");
        return STEP_FAIL;
    }
    return stream_to_kubelet(r, &target, node);
}

/* "[scheme:]name[:port]" */
struct named_port {
    struct str scheme, name, port;
};

static struct named_port split_name(struct str text)
{
    struct named_port n = {.scheme = STR("http")};
    struct str first = str_cut(&text, ':');
    if (!text.data) {
        n.name = first;
        return n;
    }
    struct str second = str_cut(&text, ':');
    if (text.data) {
        n.scheme = str_empty(first) ? STR("http") : first;
        n.name = second;
        n.port = text;
    } else if (str_is(first, "http") || str_is(first, "https")) {
        n.scheme = first;
        n.name = second;
    } else {
        n.name = first;
        n.port = second;
    }
    return n;
}

static struct str rest_with_query(struct request *r)
{
    struct str rest = r->route.rest;
    return arena_printf(r->arena, "%s%.*s%s%.*s", str_empty(rest) ? "/" : "",
                        STR_ARG(percent_encode(r->arena, rest, "/:@!$&'()*+,;=")),
                        str_empty(r->http->query) ? "" : "?", STR_ARG(r->http->query));
}

static struct tls_config *insecure_tls(struct request *r, struct str scheme)
{
    return str_is(scheme, "https") ? r->api->config.kubelet_tls : NULL;
}

/* Whoever may write a status must not make the API server speak to itself or to its machine: only
 * addresses that are reached through the network, and no names. */
static bool is_reachable(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        if (!IN6_IS_ADDR_V4MAPPED(&v6))
            return !IN6_IS_ADDR_UNSPECIFIED(&v6) && !IN6_IS_ADDR_LOOPBACK(&v6) &&
                   !IN6_IS_ADDR_MULTICAST(&v6) && !IN6_IS_ADDR_LINKLOCAL(&v6);
        memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
    } else if (inet_pton(AF_INET, host, &v4) != 1) {
        return false;
    }
    uint32_t ip = ntohl(v4.s_addr);
    return ip != INADDR_ANY && ip != INADDR_BROADCAST && ip >> 24 != 127 && ip >> 28 != 14 &&
           ip >> 16 != (169u << 8 | 254);
}

static int pod_target(struct request *r, const struct named_port *n, struct relay_target *ret)
{
    r->route.name = n->name;
    if (write_load_old(r) < 0)
        return -1;
    struct str ip = node_str(r->old_node, "status.podIP");
    uint64_t port = 0;
    if (str_empty(n->port)) {
        node_each(c, node_at(r->old_node, "spec.containers"))
        {
            if (port == 0)
                port = (uint64_t)node_num(node_item(node_at(c, "ports"), 0), "containerPort", 0);
        }
        port = port ? port : 80;
    } else if (str_to_u64(n->port, &port) < 0 || port == 0 || port > 65535) {
        return status_set(&r->st, REASON_BAD_REQUEST, "invalid port %.*s", STR_ARG(n->port));
    }
    ret->host = arena_cstr(r->arena, ip);
    ret->port = (uint16_t)port;
    ret->tls = insecure_tls(r, n->scheme);
    return 0;
}

struct endpoint_choice {
    struct request *request;
    struct str service, port_name; /* of the slices' ports */
    struct str address;
    uint16_t port;
};

static bool choose_endpoint(void *arg, const struct store_record *record)
{
    struct endpoint_choice *c = arg;
    struct arena *a = c->request->arena;
    if (!str_equal(object_label(record->value, "kubernetes.io/service-name"), c->service))
        return true;
    const struct node *slice = unseal(a, arena_dup(a, record->value, record->size));
    const struct node *port = NULL;
    node_each(p, node_get(slice, STR("ports"))) if (!port && str_equal(node_str(p, "name"),
                                                                       c->port_name)) port = p;
    if (!port)
        return true;
    node_each(e, node_get(slice, STR("endpoints"))) if (node_flag(e, "conditions.ready", true) &&
                                                        !c->port)
    {
        c->address = node_str(node_item(node_get(e, STR("addresses")), 0), "");
        c->port = (uint16_t)node_num(port, "port", 0);
    }
    return c->port == 0;
}

static int service_target(struct request *r, const struct named_port *n, struct relay_target *ret)
{
    r->route.name = n->name;
    if (write_load_old(r) < 0)
        return -1;
    const struct node *ports = node_at(r->old_node, "spec.ports"), *port = NULL;
    node_each(p, ports)
    {
        struct str number = arena_printf(r->arena, "%lld", (long long)node_num(p, "port", 0));
        bool named = str_equal(n->port, number) ||
                     (!str_empty(n->port) && str_equal(n->port, node_str(p, "name")));
        if (!port && (named || (str_empty(n->port) && node_count(ports) == 1)))
            port = p;
    }
    if (!port)
        return status_set(&r->st, REASON_SERVICE_UNAVAILABLE,
                          "no service port \"%.*s\" found for service \"%.*s\"", STR_ARG(n->port),
                          STR_ARG(n->name));
    struct endpoint_choice choice = {
        .request = r, .service = n->name, .port_name = node_str(port, "name")};
    struct store_range range = {
        .resource = resource_named("discovery.k8s.io", "endpointslices")->storage_id,
        .ns = r->route.ns};
    if (store_list(r->api->config.store, &range, choose_endpoint, &choice) < 0 || !choice.port)
        return status_set(&r->st, REASON_SERVICE_UNAVAILABLE,
                          "no endpoints available for service \"%.*s\"", STR_ARG(n->name));
    ret->host = arena_cstr(r->arena, choice.address);
    ret->port = choice.port;
    ret->tls = insecure_tls(r, n->scheme);
    return 0;
}

static int node_target(struct request *r, const struct named_port *n, struct relay_target *ret)
{
    if (node_address(r, n->name, ret) < 0)
        return -1;
    uint64_t port;
    if (!str_empty(n->port) && str_to_u64(n->port, &port) == 0 && port && port <= 65535 &&
        port != ret->port) {
        ret->port = (uint16_t)port;
        ret->tls = insecure_tls(r, n->scheme);
    }
    return 0;
}

/* How answers of a target lead back here. */
static struct rewrite *way_back(struct request *r, const struct relay_target *target)
{
    struct rewrite *w = arena_new(r->arena, struct rewrite);
    struct str path = r->http->path;
    size_t end = path.len - r->route.rest.len;
    while (end > 0 && path.data[end - 1] == '/')
        end--;
    bool v6 = strchr(target->host, ':') != NULL;
    *w = (struct rewrite){.prefix = str_slice(path, 0, end),
                          .backend = arena_printf(r->arena, "%s%s%s:%u", v6 ? "[" : "",
                                                  target->host, v6 ? "]" : "", target->port),
                          .asked = http_header(r->http, "Host"),
                          .asked_path = percent_encode(r->arena, path, "/:@!$&'()*+,;=")};
    return w;
}

/* Links of a page count from its last slash: the root is asked for with one. */
static enum step_result send_to_root(struct request *r)
{
    struct str query = r->http->query;
    r->code = 301;
    request_header(r, "Location",
                   arena_printf(r->arena, "%.*s/%s%.*s",
                                STR_ARG(percent_encode(r->arena, r->http->path, "/:@!$&'()*+,;=")),
                                str_empty(query) ? "" : "?", STR_ARG(query)));
    r->rewritten = "text/plain; charset=utf-8";
    r->raw = STR("");
    return STEP_NEXT;
}

static enum step_result proxy(struct request *r)
{
    struct relay_target target = {.what = "error trying to reach service"};
    struct named_port n = split_name(r->route.name);
    int err = strcmp(r->resource->plural, "pods") == 0       ? pod_target(r, &n, &target)
              : strcmp(r->resource->plural, "services") == 0 ? service_target(r, &n, &target)
                                                             : node_target(r, &n, &target);
    if (err < 0)
        return STEP_FAIL;
    if (!is_reachable(target.host)) {
        status_set(&r->st, REASON_BAD_REQUEST, "address not allowed");
        return STEP_FAIL;
    }
    bool reads = str_is(r->http->method, "GET") || str_is(r->http->method, "HEAD");
    if (reads && str_empty(http_header(r->http, "Upgrade")) && str_empty(r->route.rest) &&
        r->http->path.data[r->http->path.len - 1] != '/')
        return send_to_root(r);
    target.path_and_query = rest_with_query(r);
    target.rewrite = way_back(r, &target);
    return relay(r, &target);
}

#define READS   (ON(VERB_IS_GET))
#define STREAMS (ON(VERB_IS_GET) | ON(VERB_IS_CREATE))
#define ANY                                                                                        \
    (ON(VERB_IS_GET) | ON(VERB_IS_CREATE) | ON(VERB_IS_UPDATE) | ON(VERB_IS_PATCH) |               \
     ON(VERB_IS_DELETE) | ON(VERB_OF_PATH))

static const struct endpoint endpoint_kubelet = {.name = "kubelet", .commit = to_kubelet},
                             endpoint_proxy = {.name = "proxy", .commit = proxy};

#define CONNECT(ident, of_plural, sub, on, what)                                                   \
    REGISTER(api_endpoint, ident)                                                                  \
    = {.group = "",                                                                                \
       .plural = of_plural,                                                                        \
       .subresource = sub,                                                                         \
       .verbs = on,                                                                                \
       .endpoint = what,                                                                           \
       .long_running = true}
CONNECT(pod_log, "pods", "log", READS, &endpoint_kubelet);
CONNECT(pod_exec, "pods", "exec", STREAMS, &endpoint_kubelet);
CONNECT(pod_attach, "pods", "attach", STREAMS, &endpoint_kubelet);
CONNECT(pod_portforward, "pods", "portforward", STREAMS, &endpoint_kubelet);
CONNECT(pod_proxy, "pods", "proxy", ANY, &endpoint_proxy);
CONNECT(service_proxy, "services", "proxy", ANY, &endpoint_proxy);
CONNECT(node_proxy, "nodes", "proxy", ANY, &endpoint_proxy);
