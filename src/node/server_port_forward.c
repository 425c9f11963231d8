/* Port-forward: SPDY streams in pairs (data and error, joined by requestID), each pair a TCP
 * connection made inside the pod's network namespace. The SPDY connection is the upgraded request
 * itself, or travels inside WebSocket messages. */
#include <errno.h>

#include "kernel/namespace.h"
#include "kernel/path.h"
#include "net/spdy.h"
#include "net/websocket.h"
#include "node/server.h"

enum {
    READ_BYTES = 32 << 10,
    UNSENT_MAX = 1 << 20,
    PAIRS_MAX = 64
};

struct forward {
    struct agent *agent;
    struct pipe_end *pipe;
    struct websocket *ws;
    struct spdy *spdy;
    int netns_fd;
    struct list pairs;
    unsigned pair_count;
    bool over;
    struct deferred release;
};

struct pair {
    struct forward *forward;
    char *id; /* owned */
    uint16_t port;
    struct spdy_stream *data, *error;
    int fd;
    struct loop_fd *watch;
    bool connected, read_over, write_over;
    struct buf unsent; /* towards the pod */
    struct list link;
};

static void let_go(struct spdy_stream **stream)
{
    if (*stream)
        spdy_stream_set_user(*stream, NULL);
    *stream = NULL;
}

/* A stream is gone once both sides have sent their last: nothing may hold it then. */
static void let_go_of_ended(struct pair *p)
{
    if (p->read_over && p->write_over)
        let_go(&p->data);
}

static void pair_free(struct pair *p)
{
    list_remove(&p->link);
    p->forward->pair_count--;
    if (p->watch)
        loop_fd_close(p->watch);
    fd_close(p->fd);
    let_go(&p->data);
    let_go(&p->error);
    buf_release(&p->unsent);
    mem_free(p->id);
    mem_free(p);
}

static void release(void *arg)
{
    struct forward *f = arg;
    list_each(p, &f->pairs, struct pair, link)
        pair_free(p);
    if (f->ws)
        websocket_close(f->ws, 1000);
    if (f->spdy)
        spdy_free(f->spdy);
    if (f->pipe)
        pipe_close(f->pipe);
    fd_close(f->netns_fd);
    mem_free(f);
}

static void end(struct forward *f)
{
    if (f->over)
        return;
    f->over = true;
    deferred_arm(&f->release);
}

static void watch_for_more(struct pair *p)
{
    bool may_read = p->connected && !p->read_over && p->data && spdy_unsent(p->data) < UNSENT_MAX;
    bool must_write = !p->connected || p->unsent.len;
    if (p->watch)
        loop_fd_set(p->watch, (may_read ? 1 : 0) | (must_write ? 2 : 0));
}

static void fail(struct pair *p, int err)
{
    char text[256];
    snprintf(text, sizeof(text), "error forwarding port %u to pod: %s", p->port, strerror(-err));
    if (p->error)
        spdy_write(p->error, str_from(text), true);
    if (p->data)
        spdy_reset(p->data);
    p->data = NULL;
    pair_free(p);
}

static void finish_if_over(struct pair *p)
{
    if (p->read_over && p->write_over && !p->unsent.len)
        pair_free(p);
}

/* True while the pair lives. */
static bool write_pod(struct pair *p)
{
    while (p->unsent.len) {
        ssize_t put = fd_write(p->fd, buf_str(&p->unsent));
        if (put == -EAGAIN || put == -EINTR)
            return true;
        if (put < 0) {
            fail(p, (int)put);
            return false;
        }
        buf_consume(&p->unsent, (size_t)put);
        if (p->data)
            spdy_consumed(p->data, (size_t)put);
    }
    if (p->write_over)
        fd_shutdown_write(p->fd);
    return true;
}

static bool read_pod(struct pair *p)
{
    char data[READ_BYTES];
    while (!p->read_over && spdy_unsent(p->data) < UNSENT_MAX) {
        ssize_t got = fd_read(p->fd, data, sizeof(data));
        if (got == -EAGAIN || got == -EINTR)
            return true;
        if (got < 0) {
            fail(p, (int)got);
            return false;
        }
        spdy_write(p->data, (struct str){data, (size_t)got}, got == 0);
        if (got == 0) {
            p->read_over = true;
            if (p->error)
                spdy_write(p->error, STR_NONE, true);
            let_go(&p->error);
            let_go_of_ended(p);
        }
    }
    return true;
}

static void on_socket(void *arg, int events)
{
    struct pair *p = arg;
    if (!p->connected && (events & 2)) {
        int err = fd_socket_error(p->fd);
        if (err < 0) {
            fail(p, err);
            return;
        }
        p->connected = true;
    }
    if ((events & 2) && !write_pod(p))
        return;
    if ((events & 1) && p->data && !read_pod(p))
        return;
    watch_for_more(p);
    finish_if_over(p);
}

static void connect_pair(struct pair *p)
{
    int err = netns_connect(p->forward->netns_fd, ip_from_u32(0x7f000001), p->port, &p->fd);
    if (err < 0) {
        fail(p, err);
        return;
    }
    p->watch = loop_fd_open(p->forward->agent->loop, p->fd, 2, on_socket, p);
}

static struct str header_of(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(headers[i].name, str_from(name)))
            return headers[i].value;
    }
    return STR_NONE;
}

static struct pair *pair_of(struct forward *f, struct str id)
{
    list_each(p, &f->pairs, struct pair, link) {
        if (str_is(id, p->id) && (!p->data || !p->error))
            return p;
    }
    if (f->pair_count >= PAIRS_MAX)
        return NULL;
    struct pair *p = mem_alloc(sizeof(*p));
    p->forward = f;
    p->fd = -1;
    p->id = text_copy(id);
    f->pair_count++;
    list_append(&f->pairs, &p->link);
    return p;
}

static void on_open(void *user, struct spdy_stream *stream, const struct http_header *headers,
                    size_t count)
{
    struct forward *f = user;
    struct str type = header_of(headers, count, "streamtype"),
               port = header_of(headers, count, "port");
    uint64_t number = 0;
    bool data = str_is(type, "data");
    if (f->over || (!data && !str_is(type, "error")) || str_to_u64(port, &number) < 0 ||
        number == 0 || number > 65535) {
        spdy_reset(stream);
        return;
    }
    struct pair *p = pair_of(f, header_of(headers, count, "requestid"));
    if (!p || (data ? p->data : p->error)) {
        spdy_reset(stream);
        return;
    }
    p->port = (uint16_t)number;
    *(data ? &p->data : &p->error) = stream;
    spdy_stream_set_user(stream, p);
    spdy_reply(stream);
    if (p->data && p->error)
        connect_pair(p);
}

static void on_data(void *user maybe_unused, struct spdy_stream *stream, struct str data, bool last)
{
    struct pair *p = spdy_stream_user(stream);
    if (!p || stream != p->data) {
        spdy_consumed(stream, data.len);
        return;
    }
    buf_add(&p->unsent, data);
    p->write_over |= last;
    let_go_of_ended(p);
    if (p->connected && !write_pod(p))
        return;
    watch_for_more(p);
    finish_if_over(p);
}

static void on_reset(void *user maybe_unused, struct spdy_stream *stream)
{
    struct pair *p = spdy_stream_user(stream);
    if (!p)
        return;
    bool was_data = p->data == stream;
    *(was_data ? &p->data : &p->error) = NULL;
    if (was_data)
        pair_free(p);
}

static void on_reply(void *user maybe_unused, struct spdy_stream *stream maybe_unused) {}

static void on_drained(void *user)
{
    struct forward *f = user;
    list_each(p, &f->pairs, struct pair, link)
        watch_for_more(p);
}

static void on_spdy_closed(void *user)
{
    struct forward *f = user;
    f->spdy = NULL;
    list_each(p, &f->pairs, struct pair, link)
        p->data = p->error = NULL;
    end(f);
}

static void output(void *user, struct str bytes)
{
    struct forward *f = user;
    if (f->ws)
        websocket_send(f->ws, bytes, false);
    else if (f->pipe)
        pipe_write(f->pipe, bytes);
}

static size_t output_unsent(void *user)
{
    const struct forward *f = user;
    return f->ws ? websocket_unsent(f->ws) : f->pipe ? pipe_unsent(f->pipe) : 0;
}

static const struct spdy_ops spdy_ops = {on_open,    on_reply,       on_data, on_reset,
                                         on_drained, on_spdy_closed, output,  output_unsent};

static void on_pipe_data(void *user, struct str data)
{
    struct forward *f = user;
    if (f->spdy && !f->over)
        spdy_input(f->spdy, data);
}

static void on_output_drained(void *user)
{
    struct forward *f = user;
    if (f->spdy && !f->over)
        spdy_drained(f->spdy);
}

static void on_pipe_closed(void *user)
{
    struct forward *f = user;
    f->pipe = NULL;
    end(f);
}

static void on_message(void *user, struct str data, bool text maybe_unused)
{
    on_pipe_data(user, data);
}

static void on_ws_closed(void *user, int code maybe_unused)
{
    struct forward *f = user;
    f->ws = NULL;
    end(f);
}

static const struct pipe_ops pipe_ops = {on_pipe_data, on_output_drained, on_pipe_closed};
static const struct websocket_ops ws_ops = {on_message, on_output_drained, on_ws_closed};

/* The pod's namespace: its own, as the network plug-in was told, or the node's. */
static int open_netns(struct agent *a, const struct pod *p, int *ret)
{
    struct cni_pod network;
    *ret = -1;
    if (pod_host_network(p))
        return 0;
    if (!a->cni || !p->sandbox_id || !cni_find(a->cni, str_from(p->sandbox_id), &network))
        return -ENOENT;
    char *path = text_copy(network.netns_path);
    int err = netns_open_path(path, ret);
    mem_free(path);
    return err;
}

void server_port_forward(struct agent *a, struct http_request *req, struct str rest)
{
    static const char *const tunnel[] = {"SPDY/3.1+portforward.k8s.io", NULL};
    struct http_header protocol = {STR("X-Stream-Protocol-Version"), STR("portforward.k8s.io")};
    struct http_header headers[] = {{STR("Upgrade"), STR("SPDY/3.1")}, protocol};
    struct server_target target;
    const char *chosen;
    if (!server_find(a, req, rest, false, &target))
        return;
    struct forward *f = mem_alloc(sizeof(*f));
    f->agent = a;
    list_init(&f->pairs);
    deferred_init(&f->release, a->loop, release, f);
    int err = open_netns(a, target.pod, &f->netns_fd);
    if (err < 0) {
        server_error(req, 500, "pod \"%s\" has no network", target.pod->name);
        end(f);
        return;
    }
    if (websocket_requested(req))
        f->ws = websocket_accept(req, tunnel, &chosen, &ws_ops, f);
    else
        f->pipe =
            http_upgrade(req,
                         &(struct http_reply){
                             .code = 101, .headers = headers, .header_count = ARRAY_COUNT(headers)},
                         &pipe_ops, f);
    if (!f->ws && !f->pipe) {
        if (!websocket_requested(req))
            server_error(req, 400, "unable to upgrade: the request asks for no upgrade");
        end(f);
        return;
    }
    f->spdy = spdy_new(a->loop, true, &spdy_ops, f);
}
