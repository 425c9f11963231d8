#include <errno.h>

#include "base/encode.h"
#include "base/log.h"
#include "kernel/namespace.h"
#include "kernel/path.h"
#include "net/digest.h"
#include "node/cni_state.h"
#include "object/seal.h"

enum {
    REQUEST_BYTES_MAX = 2 << 20,
    STATE_BYTES_MAX = 16 << 20
};

struct cni {
    struct loop *loop;
    struct cni_pool pool;
    struct netlink *nl; /* owned; the host's */
    int netns_fd;
    char *pool_path, *state_path; /* owned */
    int listener;
    struct loop_fd *listener_watch;
    struct list connections;
    void (*on_change)(void *arg, struct ip ip, struct str ns, struct str pod, bool added);
    void *on_change_arg;
};

struct connection {
    struct cni *cni;
    int fd;
    struct loop_fd *watch;
    struct buf request, answer;
    bool answering;
    struct list link;
};

/* A plug-in call taken apart. */
struct call {
    struct str command, container, netns, device, args, config;
    struct str ns, pod;
};

static void read_pool(struct cni *c)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    if (path_read(c->pool_path, STATE_BYTES_MAX, &text) == 0)
        pool_assign(&c->pool, buf_str(&text));
}

static int save(struct cni *c)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    pool_write(&c->pool, &text);
    /* It lies in memory (/run): a machine that lost power has no pods either. */
    return path_replace(c->state_path, buf_str(&text), 0600, false);
}

static void host_device(struct str ns, struct str pod, char *ret)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    struct arena arena = ARENA_INIT;
    uint8_t digest[SHA1_BYTES];
    buf_printf(&text, "%.*s.%.*s", STR_ARG(ns), STR_ARG(pod));
    digest_sha1(buf_str(&text), digest);
    struct str hex = hex_encode(&arena, digest, sizeof(digest));
    snprintf(ret, LINK_NAME_BYTES, "eni%.*s", 11, hex.data);
    arena_release(&arena);
}

/* The pod's end: address, gateway, default route. */
static int set_up_pod(struct netlink *nl, const char *device, struct ip ip, struct mac host_mac)
{
    struct link link, lo;
    struct ip gateway = ip_from_u32(0xa9fe0101); /* 169.254.1.1 */
    int err = link_find(nl, device, &link);
    if (err == 0)
        err = address_add(nl, link.index, (struct ip_prefix){ip, (uint8_t)ip_bits(ip)});
    if (err == 0)
        err = link_set_up(nl, link.index);
    if (err == 0 && link_find(nl, "lo", &lo) == 0)
        err = link_set_up(nl, lo.index);
    if (err == 0)
        err = route_add(nl, &(struct route){.to = {gateway, 32}, .index = link.index});
    if (err == 0)
        err = route_add(
            nl, &(struct route){.to.ip.family = 4, .gateway = gateway, .index = link.index});
    return err == 0 ? neighbour_set(nl, link.index, gateway, host_mac) : err;
}

static int set_up(struct cni *c, const struct allocation *a, const char *device,
                  const char *host_name, struct mac *ret_pod_mac, struct mac *ret_host_mac)
{
    struct netlink *pod;
    struct link link;
    int pod_fd cleanup_with(fd_close_ptr) = -1;
    int err = netns_open_path(a->netns, &pod_fd);
    if (err < 0)
        return err;
    *ret_pod_mac = mac_from_ip(a->ip);
    *ret_host_mac =
        (struct mac){{0x02, 0x6d, a->ip.bytes[0], a->ip.bytes[1], a->ip.bytes[2], a->ip.bytes[3]}};
    if (link_find(c->nl, host_name, &link) == 0)
        (void)!link_delete(c->nl, link.index); /* of an earlier pod of this name */
    struct veth veth = {.name = host_name,
                        .mac = *ret_host_mac,
                        .mtu = CNI_MTU,
                        .peer_name = device,
                        .peer_mac = *ret_pod_mac,
                        .peer_netns_fd = pod_fd};
    err = link_add_veth(c->nl, &veth);
    if (err == 0)
        err = netlink_open(pod_fd, &pod);
    if (err < 0)
        return err;
    err = set_up_pod(pod, device, a->ip, *ret_host_mac);
    netlink_close(pod);
    if (err == 0)
        err = link_find(c->nl, host_name, &link);
    if (err == 0)
        err = link_set_up(c->nl, link.index);
    if (err == 0)
        err = neighbour_set(c->nl, link.index, a->ip, *ret_pod_mac);
    if (err == 0)
        err = route_add(
            c->nl, &(struct route){.to = {a->ip, (uint8_t)ip_bits(a->ip)}, .index = link.index});
    return err;
}

static void tear_down(struct cni *c, const char *host_name)
{
    struct link link;
    if (link_find(c->nl, host_name, &link) == 0)
        (void)!link_delete(c->nl, link.index); /* its routes go with it */
}

static void answer_error(struct buf *answer, int code, const char *message, int err)
{
    buf_printf(answer, "1\n{\"cniVersion\":\"0.4.0\",\"code\":%d,\"msg\":\"%s%s%s\"}\n", code,
               message, err ? ": " : "", err ? strerror(-err) : "");
}

static void answer_result(struct buf *answer, struct str version, const struct allocation *a,
                          const char *device, const char *host_name, struct mac pod,
                          struct mac host)
{
    char ip[ADDRESS_TEXT_BYTES], pod_mac[ADDRESS_TEXT_BYTES], host_mac[ADDRESS_TEXT_BYTES];
    bool old = str_starts(version, "0.");
    buf_printf(
        answer,
        "0\n{\"cniVersion\":\"%.*s\",\"interfaces\":[{\"name\":\"%s\",\"mac\":\"%s\"},"
        "{\"name\":\"%s\",\"mac\":\"%s\",\"sandbox\":\"%s\"}],\"ips\":[{%s\"address\":\"%s/32\","
        "\"gateway\":\"169.254.1.1\",\"interface\":1}],\"routes\":[{\"dst\":\"0.0.0.0/"
        "0\"}],\"dns\":{}}\n",
        STR_ARG(version), host_name, mac_text(host, host_mac), device, mac_text(pod, pod_mac),
        a->netns, old ? "\"version\":\"4\"," : "", ip_text(a->ip, ip));
}

/* Names that go into a state file, a path or a link: nothing but what Kubernetes and runtimes use.
 */
static bool sound(struct str s, bool path)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("-._", c);
        if (!c || (!word && !(path && c == '/')))
            return false;
    }
    return s.len > 0;
}

static void add(struct cni *c, const struct call *call, struct str version, struct buf *answer)
{
    char host_name[LINK_NAME_BYTES], device[LINK_NAME_BYTES];
    struct mac pod_mac, host_mac;
    if (!sound(call->netns, true) || call->device.len >= LINK_NAME_BYTES) {
        answer_error(answer, 4, "CNI_NETNS or CNI_IFNAME is not usable", 0);
        return;
    }
    host_device(call->ns, call->pod, host_name);
    snprintf(device, sizeof(device), "%.*s", STR_ARG(call->device));
    struct allocation *old = pool_find(&c->pool, call->container, call->device);
    if (old)
        pool_give_back(&c->pool, old, 0); /* the runtime asks again: what it got is not in use */
    uint64_t now_ms = loop_now_ms(c->loop);
    struct allocation *a = pool_take(&c->pool, now_ms, call->container, call->device, call->netns,
                                     call->ns, call->pod);
    if (!a) {
        read_pool(c);
        a = pool_take(&c->pool, now_ms, call->container, call->device, call->netns, call->ns,
                      call->pod);
    }
    if (!a) {
        answer_error(answer, 11, "no address is free on this node", 0);
        return;
    }
    int err = save(c);
    if (err == 0) {
        if (c->on_change)
            c->on_change(c->on_change_arg, a->ip, call->ns, call->pod, true);
        err = set_up(c, a, device, host_name, &pod_mac, &host_mac);
    }
    if (err < 0) {
        tear_down(c, host_name);
        pool_give_back(&c->pool, a, 0);
        (void)!save(c);
        answer_error(answer, 11, "can't set up the pod's network", err);
        return;
    }
    answer_result(answer, version, a, device, host_name, pod_mac, host_mac);
}

static void forget(struct cni *c, struct allocation *a)
{
    char host_name[LINK_NAME_BYTES];
    host_device(str_from(a->ns), str_from(a->pod), host_name);
    tear_down(c, host_name);
    if (c->on_change)
        c->on_change(c->on_change_arg, a->ip, str_from(a->ns), str_from(a->pod), false);
    pool_give_back(&c->pool, a, loop_now_ms(c->loop));
}

static void delete (struct cni *c, const struct call *call, struct buf *answer)
{
    struct allocation *a = pool_find(&c->pool, call->container, call->device);
    if (a) {
        forget(c, a);
        (void)!save(c); /* at worst an address is thought of as used until the next collection */
    }
    buf_puts(answer, "0\n");
}

static void check(struct cni *c, const struct call *call, struct buf *answer)
{
    char host_name[LINK_NAME_BYTES];
    struct link link;
    host_device(call->ns, call->pod, host_name);
    if (pool_find(&c->pool, call->container, call->device) &&
        link_find(c->nl, host_name, &link) == 0)
        buf_puts(answer, "0\n");
    else
        answer_error(answer, 11, "the pod's network is gone", 0);
}

/* Arguments of the runtime: "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;...". */
static struct str argument(struct str args, const char *name)
{
    while (args.data) {
        struct str pair = str_cut(&args, ';');
        struct str key = str_cut(&pair, '=');
        if (str_is(key, name))
            return pair;
    }
    return STR_NONE;
}

static struct call parse(struct str request)
{
    struct call call = {0};
    static const struct {
        const char *name;
        size_t offset;
    } names[] = {
        {"CNI_COMMAND", offsetof(struct call, command)},
        {"CNI_CONTAINERID", offsetof(struct call, container)},
        {"CNI_NETNS", offsetof(struct call, netns)},
        {"CNI_IFNAME", offsetof(struct call, device)},
        {"CNI_ARGS", offsetof(struct call, args)},
    };
    for (struct str line; request.data && (line = str_cut(&request, '\n')).len;) {
        struct str name = str_cut(&line, '=');
        for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
            if (str_is(name, names[i].name))
                *(struct str *)((char *)&call + names[i].offset) = line;
        }
    }
    call.config = request;
    call.ns = argument(call.args, "K8S_POD_NAMESPACE");
    call.pod = argument(call.args, "K8S_POD_NAME");
    return call;
}

void cni_serve(struct cni *c, struct str request, struct buf *ret_answer)
{
    struct arena arena = ARENA_INIT;
    struct status st;
    struct node *config = NULL;
    struct call call = parse(request);
    status_init(&st, &arena);
    if (call.config.len && json_parse(&arena, call.config, &config, &st) < 0)
        config = NULL;
    struct str version = node_str(config, "cniVersion");
    if (!sound(version, false))
        version = STR("0.4.0");
    if (!sound(call.container, false) || !sound(call.device, false) || !sound(call.ns, false) ||
        !sound(call.pod, false))
        answer_error(ret_answer, 4, "CNI_CONTAINERID, CNI_IFNAME or CNI_ARGS is not usable", 0);
    else if (str_is(call.command, "ADD"))
        add(c, &call, version, ret_answer);
    else if (str_is(call.command, "DEL"))
        delete (c, &call, ret_answer);
    else if (str_is(call.command, "CHECK"))
        check(c, &call, ret_answer);
    else
        answer_error(ret_answer, 4, "CNI_COMMAND is not known", 0);
    arena_release(&arena);
}

/* The socket. */

static void connection_free(struct connection *x)
{
    list_remove(&x->link);
    loop_fd_close(x->watch);
    fd_close(x->fd);
    buf_release(&x->request);
    buf_release(&x->answer);
    mem_free(x);
}

static void on_connection(void *arg, int events maybe_unused)
{
    struct connection *x = arg;
    if (!x->answering) {
        ssize_t got = fd_read(x->fd, buf_reserve(&x->request, 8192), 8192);
        if (got == -EAGAIN || got == -EINTR)
            return;
        if (got < 0 || x->request.len > REQUEST_BYTES_MAX) {
            connection_free(x);
            return;
        }
        x->request.len += (size_t)got;
        if (got > 0)
            return;
        cni_serve(x->cni, buf_str(&x->request), &x->answer);
        x->answering = true;
        loop_fd_set(x->watch, 2);
    }
    ssize_t put = fd_write(x->fd, buf_str(&x->answer));
    if (put == -EAGAIN || put == -EINTR)
        return;
    if (put > 0)
        buf_consume(&x->answer, (size_t)put);
    if (put < 0 || x->answer.len == 0)
        connection_free(x);
}

static void on_listener(void *arg, int events maybe_unused)
{
    struct cni *c = arg;
    int fd;
    while (unix_accept(c->listener, &fd) == 0) {
        struct connection *x = mem_alloc(sizeof(*x));
        x->cni = c;
        x->fd = fd;
        list_append(&c->connections, &x->link);
        x->watch = loop_fd_open(c->loop, fd, 1, on_connection, x);
    }
}

struct cni *cni_open(const struct cni_config *config, int *ret_error)
{
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    struct cni *c = mem_alloc(sizeof(*c));
    c->loop = config->loop;
    c->netns_fd = config->netns_fd;
    c->listener = -1;
    c->pool_path = mem_dup(config->pool_path, strlen(config->pool_path) + 1);
    c->state_path = mem_dup(config->state_path, strlen(config->state_path) + 1);
    list_init(&c->connections);
    if (path_read(c->state_path, STATE_BYTES_MAX, &text) == 0)
        pool_read(&c->pool, buf_str(&text));
    read_pool(c);
    int err = netlink_open(config->netns_fd, &c->nl);
    if (err == 0 && config->socket_path)
        err = unix_listen(config->socket_path, 0600, &c->listener);
    if (err < 0) {
        cni_close(c);
        *ret_error = err;
        return NULL;
    }
    if (c->listener >= 0)
        c->listener_watch = loop_fd_open(c->loop, c->listener, 1, on_listener, c);
    return c;
}

void cni_close(struct cni *c)
{
    list_each(x, &c->connections, struct connection, link)
        connection_free(x);
    if (c->listener_watch)
        loop_fd_close(c->listener_watch);
    fd_close(c->listener);
    netlink_close(c->nl);
    pool_release(&c->pool);
    mem_free(c->pool_path);
    mem_free(c->state_path);
    mem_free(c);
}

bool cni_find(const struct cni *c, struct str container, struct cni_pod *ret)
{
    const struct allocation *a = pool_find(&c->pool, container, STR_NONE);
    if (a)
        *ret = (struct cni_pod){a->ip, str_from(a->netns)};
    return a;
}

size_t cni_pool_size(const struct cni *c)
{
    return c->pool.addresses.count;
}

size_t cni_pool_free(struct cni *c)
{
    read_pool(c);
    return pool_free(&c->pool, loop_now_ms(c->loop));
}

void cni_collect(struct cni *c, const struct map *sandboxes)
{
    size_t lost = 0;
    for (size_t i = c->pool.allocations.count; i-- > 0;) {
        struct allocation *a = &c->pool.allocations.items[i];
        if (map_get(sandboxes, str_from(a->container)))
            continue;
        forget(c, a);
        lost++;
    }
    if (lost) {
        log_warn("gave back addresses of sandboxes that are gone", LOG_INT("count", lost));
        (void)!save(c);
    }
}

void cni_on_change(struct cni *c,
                   void (*fn)(void *arg, struct ip ip, struct str ns, struct str pod, bool added),
                   void *arg)
{
    c->on_change = fn;
    c->on_change_arg = arg;
}
