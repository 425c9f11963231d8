/* Listening sockets, connections until their protocol is known, and the life of exchanges. */
#include "net/http_server.h"

#include <errno.h>

#include "base/limits.h"
#include "base/log.h"
#include "net/tls_session.h"
#include "sys/socket.h"

enum {
    ACCEPTS_A_TURN = 64,
    ACCEPT_PAUSE_MS = 100,
    SPARE_EXCHANGES = 256,
    SPARE_KEPT = 4, /* after a burst */
    TRIM_TIME_MS = 1000,
    SPARE_BODY_BYTES = 16 << 10, /* a recycled exchange keeps buffers up to this */
};

/* Exchanges */

struct exchange *exchange_new(struct http_connection *c)
{
    struct http_server *s = c->server;
    struct exchange *x = list_first(&s->spare, struct exchange, link);
    if (x) {
        list_remove(&x->link);
        s->spare_count--;
    } else {
        x = mem_alloc(sizeof(*x));
        list_init(&x->link);
        arena_init(&x->arena);
    }
    x->conn = c;
    x->body_length = UINT64_MAX;
    x->req.arena = &x->arena;
    x->req.peer = &c->peer;
    list_append(&c->exchanges, &x->link);
    return x;
}

static void exchange_free(struct exchange *x)
{
    arena_release(&x->arena);
    buf_release(&x->body);
    buf_release(&x->out);
    mem_free(x);
}

static struct buf emptied(struct buf b)
{
    if (b.cap > SPARE_BODY_BYTES)
        buf_release(&b);
    else
        buf_clear(&b);
    return b;
}

void exchange_finish(struct exchange *x)
{
    struct http_server *s = x->conn->server;
    x->state = EXCHANGE_ENDED;
    list_remove(&x->link);
    if (x->req.on_gone)
        x->req.on_gone(&x->req);
    /* A spare exchange pins the chunk that its arena keeps: only ordinary requests' are worth it.
     */
    if (s->spare_count >= SPARE_EXCHANGES || x->arena.used_bytes > SPARE_BODY_BYTES) {
        exchange_free(x);
        return;
    }
    arena_reset(&x->arena);
    *x = (struct exchange){.arena = x->arena, .body = emptied(x->body), .out = emptied(x->out)};
    list_init(&x->link);
    /* In front: the next request takes the memory that is warm. */
    list_append(s->spare.next, &x->link);
    s->finished++;
    if (++s->spare_count > SPARE_KEPT && !timer_armed(&s->trim))
        timer_start(&s->trim, TRIM_TIME_MS);
}

static void free_spare(struct http_server *s, size_t keep)
{
    while (s->spare_count > keep) {
        struct exchange *x = list_first(&s->spare, struct exchange, link);
        list_remove(&x->link);
        exchange_free(x);
        s->spare_count--;
    }
}

/* An idle server holds next to nothing; a busy one isn't disturbed. */
static void on_trim(void *arg)
{
    struct http_server *s = arg;
    bool busy = s->finished - s->finished_at_trim > SPARE_EXCHANGES;
    s->finished_at_trim = s->finished;
    if (busy)
        timer_start(&s->trim, TRIM_TIME_MS);
    else
        free_spare(s, SPARE_KEPT);
}

bool exchange_wants_stream(struct exchange *x)
{
    const struct http_server_config *config = &x->conn->server->config;
    return config->wants_body_stream && config->wants_body_stream(config->user, &x->req);
}

/* A connection outlives its certificate: what was good when it began may be so no longer. */
static void look_at_certificate(struct http_connection *c)
{
    if (!c->peer.chain_der || loop_wall_us(c->server->config.loop) / 1000000 <= c->chain_expires_s)
        return;
    mem_free(c->peer.chain_der);
    c->peer.chain_der = NULL;
    c->peer.chain_count = 0;
    c->peer.certificate_refused = true;
}

void exchange_handle(struct exchange *x)
{
    const struct http_server_config *config = &x->conn->server->config;
    look_at_certificate(x->conn);
    x->state = EXCHANGE_HANDLING;
    if (!x->body_streamed)
        x->req.body = buf_str(&x->body);
    config->handle(config->user, &x->req);
}

void exchange_refuse(struct exchange *x, int code)
{
    struct http_header headers[] = {{STR("Content-Type"), STR("text/plain; charset=utf-8")},
                                    {STR("X-Content-Type-Options"), STR("nosniff")},
                                    {STR("Retry-After"), STR("1")}};
    struct http_reply reply = {
        .code = code, .headers = headers, .header_count = code == 429 ? 3 : 2};
    struct str text = arena_printf(&x->arena, "%d %s\n", code, http_reason(code));
    if (x->state == EXCHANGE_RECEIVING)
        x->state = EXCHANGE_HANDLING;
    http_respond(&x->req, &reply, text);
}

int exchange_check_body(const struct exchange *x, uint64_t bytes)
{
    const struct http_server_config *config = &x->conn->server->config;
    if (bytes > LIMIT_BODY_BYTES)
        return 413;
    return bytes > LIMIT_UNPRESSED_BODY_BYTES && config->pressed && config->pressed(config->user)
               ? 429
               : 0;
}

/* Connections */

void conn_finish_ended(struct http_connection *c)
{
    while (!list_empty(&c->ended))
        exchange_finish(list_first(&c->ended, struct exchange, link));
}

/* Connections of one remote address. */
struct peer_address {
    size_t count;
};

static struct str address_host(struct str address)
{
    ssize_t colon = str_find_last(address, ':');
    return colon < 0 ? address : str_slice(address, 0, (size_t)colon);
}

/* False when this address has too many already. The machine's own processes are trusted with
 * descriptors. */
static bool count_address(struct http_connection *c)
{
    struct map *addresses = &c->server->addresses;
    struct str host = address_host(c->peer.address);
    if (c->peer.loopback)
        return true;
    struct peer_address *a = map_get(addresses, host);
    if (!a) {
        a = mem_alloc(sizeof(*a));
        map_put(addresses, host, a);
    }
    if (a->count >= LIMIT_CONNECTIONS_AN_ADDRESS)
        return false;
    a->count++;
    c->counted = a;
    return true;
}

static void uncount_address(struct http_connection *c)
{
    if (!c->counted || --c->counted->count > 0)
        return;
    mem_free(map_del(&c->server->addresses, address_host(c->peer.address)));
    c->counted = NULL;
}

static void conn_free(struct http_connection *c)
{
    uncount_address(c);
    if (c->pipe)
        pipe_cut(c->pipe);
    conn_finish_ended(c);
    while (!list_empty(&c->exchanges))
        exchange_finish(list_first(&c->exchanges, struct exchange, link));
    if (c->protocol)
        c->protocol->release(c);
    deferred_cancel(&c->step);
    timer_stop(&c->timer);
    list_remove(&c->link);
    c->server->connection_count--;
    mem_free(c->peer.chain_der);
    mem_free(c->server_name);
    mem_free(c);
}

static void conn_step(void *arg)
{
    struct http_connection *c = arg;
    if (!c->dead && c->protocol) {
        c->running = true;
        c->protocol->step(c);
        c->running = false;
    }
    if (!c->dead)
        conn_tell_drained(c);
    if (c->dead)
        conn_free(c);
}

void conn_arm(struct http_connection *c)
{
    if (!c->running || c->dead)
        deferred_arm(&c->step);
}

void conn_close(struct http_connection *c, enum transport_close how)
{
    if (c->transport)
        transport_close(c->transport, how);
    c->transport = NULL;
    c->dead = true;
    deferred_arm(&c->step);
}

void conn_tell_drained(struct http_connection *c)
{
    list_each(x, &c->exchanges, struct exchange, link) {
        if (x->state != EXCHANGE_STREAMING || !x->drain_wanted || !x->on_drained)
            continue;
        if (c->protocol->unsent(x) > LIMIT_UNSENT_LOW_BYTES)
            continue;
        /* A writer that waits for less than this is asked again until all is sent. */
        x->drain_wanted = c->protocol->unsent(x) > 0;
        x->on_drained(&x->req);
    }
}

void conn_deadline(struct http_connection *c, uint64_t delay_ms)
{
    if (delay_ms == 0) {
        c->due_ms = 0;
        return;
    }
    c->due_ms = loop_now_ms(c->server->config.loop) + delay_ms;
    if (!timer_armed(&c->timer) || c->timer.due_ms > c->due_ms)
        timer_start(&c->timer, delay_ms);
}

bool conn_stalled(struct http_connection *c)
{
    uint64_t now = loop_now_ms(c->server->config.loop), taken = transport_taken(c->transport);
    bool waits = transport_unsent(c->transport) > 0;
    if (!waits || c->taken_ms == 0 || taken != c->taken) {
        c->taken = taken;
        c->taken_ms = waits ? now : 0;
        return false;
    }
    return now - c->taken_ms >= LIMIT_IDLE_TIME_MS;
}

static void conn_timer(void *arg)
{
    struct http_connection *c = arg;
    if (c->due_ms == 0 || c->dead)
        return;
    uint64_t now = loop_now_ms(c->server->config.loop);
    if (now < c->due_ms) {
        timer_start(&c->timer, c->due_ms - now);
        return;
    }
    if (c->protocol)
        c->protocol->time_out(c);
    else
        conn_close(c, TRANSPORT_NOW);
}

static void set_protocol(struct http_connection *c, bool http2)
{
    c->protocol = http2 ? &http2_protocol : &http1_protocol;
}

static void on_open(void *user)
{
    struct http_connection *c = user;
    c->peer.tls = transport_is_tls(c->transport);
    struct tls_peer peer;
    transport_peer(c->transport, &peer);
    c->peer.chain_der = peer.chain_der;
    c->peer.chain_count = peer.chain_count;
    c->peer.certificate_refused = peer.refused;
    c->chain_expires_s = peer.expires_s;
    const char *name = transport_server_name(c->transport);
    if (name) {
        c->server_name = mem_dup(name, strlen(name) + 1);
        c->peer.server_name = str_from(c->server_name);
    }
    set_protocol(c, transport_http2(c->transport));
    if (transport_http2(c->transport))
        conn_deadline(c, LIMIT_H2_SETTINGS_TIME_MS);
}

static void on_data(void *user, struct str data)
{
    struct http_connection *c = user;
    if (c->dead)
        return;
    c->running = true;
    c->protocol->data(c, data);
    c->running = false;
    if (!c->dead)
        conn_tell_drained(c);
}

static void on_room(void *user)
{
    struct http_connection *c = user;
    if (c->dead)
        return;
    c->protocol->room(c);
    if (!c->dead)
        conn_tell_drained(c);
}

static void on_closed(void *user, int err maybe_unused)
{
    struct http_connection *c = user;
    c->transport = NULL;
    c->dead = true;
    deferred_arm(&c->step);
}

const struct transport_ops http_connection_ops = {on_open, on_data, on_room, on_closed};

struct http_connection *http_connection_new(struct http_server *s, struct transport *t)
{
    struct http_connection *c = mem_alloc(sizeof(*c));
    c->server = s;
    c->transport = t;
    list_init(&c->exchanges);
    list_init(&c->ended);
    list_init(&c->link);
    list_append(&s->connections, &c->link);
    s->connection_count++;
    deferred_init(&c->step, s->config.loop, conn_step, c);
    timer_init(&c->timer, s->config.loop, conn_timer, c);
    conn_deadline(c, LIMIT_HEADER_TIME_MS);
    return c;
}

struct http_connection *http_server_add_memory(struct http_server *s, bool http2,
                                               void (*output)(void *arg, struct str bytes),
                                               void *arg)
{
    struct transport *t =
        transport_new_memory(s->config.loop, output, arg, &http_connection_ops, NULL);
    struct http_connection *c = http_connection_new(s, t);
    transport_hand_over(t, &http_connection_ops, c);
    set_protocol(c, http2);
    return c;
}

/* Server */

static void accept_one(struct http_server *s, int fd, const struct socket_address *peer)
{
    bool loopback = socket_address_loopback(peer);
    struct transport_options options = {.loop = s->config.loop, .fd = fd, .tls = s->config.tls};
    options.security = !s->config.tls                            ? TRANSPORT_PLAIN
                       : s->config.plain_on_loopback && loopback ? TRANSPORT_DETECT
                                                                 : TRANSPORT_TLS;
    struct transport *t = transport_new(&options, &http_connection_ops, NULL);
    if (!t)
        return;
    struct http_connection *c = http_connection_new(s, t);
    transport_hand_over(t, &http_connection_ops, c);
    c->peer.loopback = loopback;
    c->peer.address =
        (struct str){c->address, socket_address_format(peer, c->address, sizeof(c->address))};
    if (!count_address(c)) {
        log_warn("too many connections of one address", LOG_STR("address", c->peer.address));
        conn_close(c, TRANSPORT_NOW);
    }
}

static void on_acceptable(void *arg, int events maybe_unused)
{
    struct http_listener *l = arg;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd;
        struct socket_address peer;
        int err = socket_accept(l->fd, &fd, &peer);
        if (err == -EAGAIN)
            return;
        if (err == -EMFILE || err == -ENFILE) {
            /* The socket stays readable: without a pause the loop would spin. */
            log_warn("connection not accepted", LOG_ERRNO(err));
            loop_fd_set(l->watch, 0);
            timer_start(&l->pause, ACCEPT_PAUSE_MS);
            return;
        }
        if (err == 0)
            accept_one(l->server, fd, &peer);
    }
}

static void on_accept_pause(void *arg)
{
    struct http_listener *l = arg;
    loop_fd_set(l->watch, 1);
}

struct http_server *http_server_new(const struct http_server_config *config)
{
    struct http_server *s = mem_alloc(sizeof(*s));
    s->config = *config;
    list_init(&s->listeners);
    list_init(&s->connections);
    list_init(&s->spare);
    timer_init(&s->trim, config->loop, on_trim, s);
    return s;
}

int http_server_listen_fd(struct http_server *s, int fd)
{
    struct http_listener *l = mem_alloc(sizeof(*l));
    l->server = s;
    l->fd = fd;
    l->watch = loop_fd_open(s->config.loop, fd, 1, on_acceptable, l);
    if (!l->watch) {
        mem_free(l);
        return -EINVAL;
    }
    timer_init(&l->pause, s->config.loop, on_accept_pause, l);
    list_append(&s->listeners, &l->link);
    return 0;
}

int http_server_listen(struct http_server *s, const char *address, uint16_t port,
                       uint16_t *ret_port)
{
    struct socket_address a;
    int fd;
    int err = socket_address_parse(address, port, &a);
    if (err == 0)
        err = socket_listen(&a, &fd);
    if (err < 0)
        return err;
    err = socket_local_address(fd, &a);
    if (err == 0)
        err = http_server_listen_fd(s, fd);
    if (err < 0) {
        socket_close(fd);
        return err;
    }
    if (ret_port)
        *ret_port = socket_address_port(&a);
    return 0;
}

int http_server_listen_unix(struct http_server *s, const char *path)
{
    struct socket_address a;
    int fd;
    int err = socket_address_unix(path, &a);
    if (err == 0)
        err = socket_listen(&a, &fd);
    if (err < 0)
        return err;
    err = http_server_listen_fd(s, fd);
    if (err < 0)
        socket_close(fd);
    return err;
}

void http_server_close(struct http_server *s)
{
    s->closing = true;
    list_each(l, &s->listeners, struct http_listener, link) {
        timer_stop(&l->pause);
        loop_fd_close(l->watch);
        socket_close(l->fd);
        list_remove(&l->link);
        mem_free(l);
    }
    list_each(c, &s->connections, struct http_connection, link) {
        if (c->dead)
            continue;
        if (c->protocol)
            c->protocol->shut(c);
        else
            conn_close(c, TRANSPORT_NOW);
    }
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    http_server_close(s);
    list_each(c, &s->connections, struct http_connection, link) {
        if (c->transport)
            transport_close(c->transport, TRANSPORT_NOW);
        c->transport = NULL;
        c->dead = true;
        conn_free(c);
    }
    free_spare(s, 0);
    timer_stop(&s->trim);
    map_release(&s->addresses);
    mem_free(s);
}

size_t http_server_connections(const struct http_server *s)
{
    return s->connection_count;
}

const char *http_date(struct http_server *s)
{
    int64_t now = loop_wall_us(s->config.loop) / 1000000;
    if (now != s->date_s) {
        time_t second = (time_t)now;
        struct tm day;
        gmtime_r(&second, &day);
        strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT", &day);
        s->date_s = now;
    }
    return s->date;
}

bool http_header_is_ours(struct str name, int version)
{
    static const struct {
        const char *name;
        bool only_http2;
    } ours[] = {{"transfer-encoding", false},
                {"connection", false},
                {"upgrade", true},
                {"keep-alive", true},
                {"proxy-connection", true}};
    for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
        if ((version == 2 || !ours[i].only_http2) && str_equal_nocase(name, str_from(ours[i].name)))
            return true;
    return false;
}
