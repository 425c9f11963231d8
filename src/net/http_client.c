/* Targets and the life of exchanges: who waits, which connection takes whom, and what happens when
 * one fails. */
#include "net/http_client.h"

#include <errno.h>

#include "base/limits.h"
#include "net/http_client_internal.h"
#include "net/tls_session.h"

/* Exchanges */

static void exchange_free(struct http_exchange *x)
{
    timer_stop(&x->timer);
    arena_release(&x->arena);
    arena_release(&x->answer);
    buf_release(&x->body);
    buf_release(&x->held);
    buf_release(&x->upgrade_body);
    mem_free(x);
}

/* Out of every list; freed now, or by the callback's caller. */
static void detach(struct http_exchange *x)
{
    list_remove(&x->link);
    x->conn = NULL;
    x->phase = PHASE_GONE;
    timer_stop(&x->timer);
}

void client_exchange_end(struct http_exchange *x, int err, const struct http_header *trailers,
                         size_t count)
{
    if (x->phase == PHASE_GONE)
        return;
    bool nested = x->calling;
    detach(x);
    x->calling = true;
    x->ops->on_end(x->user, x, err, trailers, count);
    x->calling = nested;
    if (!nested)
        exchange_free(x);
}

bool client_exchange_head(struct http_exchange *x, int code, const struct http_header *headers,
                          size_t count)
{
    x->phase = PHASE_HEAD;
    if (!x->ops->on_head)
        return true;
    x->calling = true;
    x->ops->on_head(x->user, x, code, headers, count);
    x->calling = false;
    if (x->phase != PHASE_GONE)
        return true;
    exchange_free(x);
    return false;
}

bool client_exchange_data(struct http_exchange *x, struct str data)
{
    if (!x->ops->on_data || data.len == 0)
        return true;
    x->calling = true;
    x->ops->on_data(x->user, x, data);
    x->calling = false;
    if (x->phase != PHASE_GONE)
        return true;
    exchange_free(x);
    return false;
}

/* RFC 9110 9.2.2. */
static bool is_idempotent(const char *method)
{
    static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    for (size_t i = 0; i < ARRAY_COUNT(idempotent); i++)
        if (str_is(str_from(method), idempotent[i]))
            return true;
    return false;
}

void client_exchange_failed(struct http_exchange *x, int err, bool not_processed)
{
    struct http_target *t = x->target;
    bool again = x->phase == PHASE_SENT && !x->tried_again && x->body_kept && !t->freed &&
                 (not_processed || is_idempotent(x->method));
    if (!again) {
        client_exchange_end(x, err, NULL, 0);
        return;
    }
    x->tried_again = true;
    x->phase = PHASE_WAITING;
    x->conn = NULL;
    x->body_from = 0;
    x->stream_id = 0;
    x->got_end = false;
    x->answer_header_count = x->answer_header_bytes = 0;
    list_remove(&x->link);
    list_append(&t->waiting, &x->link);
    client_pump(t);
}

/* Takes x from its connection, which may live on. */
static void withdraw(struct http_exchange *x)
{
    if (x->conn && x->conn->protocol)
        x->conn->protocol->drop(x);
    else if (x->conn)
        client_connection_close(x->conn, TRANSPORT_NOW);
}

static void on_time_out(void *arg)
{
    struct http_exchange *x = arg;
    withdraw(x);
    client_exchange_end(x, -ETIMEDOUT, NULL, 0);
}

void http_exchange_cancel(struct http_exchange *x)
{
    if (x->phase == PHASE_GONE)
        return;
    withdraw(x);
    detach(x);
    if (!x->calling)
        exchange_free(x);
}

static struct http_exchange *exchange_new(struct http_target *t,
                                          const struct http_exchange_request *request)
{
    struct http_exchange *x = mem_alloc(sizeof(*x));
    arena_init(&x->arena);
    arena_init(&x->answer);
    x->target = t;
    x->method = arena_cstr(&x->arena, str_from(request->method));
    x->path = arena_str(&x->arena, request->path_and_query);
    x->headers = arena_array(&x->arena, struct http_header, request->header_count);
    for (size_t i = 0; i < request->header_count; i++)
        x->headers[i] = (struct http_header){arena_str(&x->arena, request->headers[i].name),
                                             arena_str(&x->arena, request->headers[i].value)};
    x->header_count = request->header_count;
    buf_add(&x->body, request->body);
    x->body_done = x->body_kept = !request->body_open;
    timer_init(&x->timer, t->config.loop, on_time_out, x);
    if (request->timeout_ms)
        timer_start(&x->timer, request->timeout_ms);
    list_init(&x->link);
    return x;
}

struct http_exchange *http_send(struct http_target *t, const struct http_exchange_request *request,
                                const struct http_exchange_ops *ops, void *user)
{
    struct http_exchange *x = exchange_new(t, request);
    x->ops = ops;
    x->user = user;
    list_append(&t->waiting, &x->link);
    client_pump(t);
    return x;
}

void http_exchange_write(struct http_exchange *x, struct str data, bool last)
{
    if (x->phase == PHASE_GONE || x->body_done)
        return;
    buf_add(&x->body, data);
    x->body_done = last;
    if (x->phase != PHASE_WAITING && x->conn->protocol)
        x->conn->protocol->more_body(x);
}

size_t http_exchange_unsent(const struct http_exchange *x)
{
    size_t own = x->body.len - x->body_from;
    return x->phase == PHASE_WAITING || x->phase == PHASE_GONE ? own
                                                               : own + x->conn->protocol->unsent(x);
}

void http_exchange_pause(struct http_exchange *x, bool paused)
{
    if (x->paused == paused || x->phase == PHASE_GONE)
        return;
    x->paused = paused;
    if (x->conn && x->conn->protocol)
        x->conn->protocol->resume(x);
}

/* Connections */

static void connection_free(struct client_connection *c)
{
    struct http_target *t = c->target;
    assert(list_empty(&c->exchanges));
    if (c->protocol)
        c->protocol->release(c);
    deferred_cancel(&c->step);
    timer_stop(&c->timer);
    list_remove(&c->link);
    buf_release(&c->h1.in);
    mem_free(c);
    t->connection_count--;
    client_pump(t);
}

static void connection_step(void *arg)
{
    struct client_connection *c = arg;
    if (!c->dead && c->protocol) {
        c->running = true;
        c->protocol->step(c);
        c->running = false;
    }
    if (c->dead)
        connection_free(c);
}

void client_connection_arm(struct client_connection *c)
{
    if (!c->running)
        deferred_arm(&c->step);
}

void client_connection_close(struct client_connection *c, enum transport_close how)
{
    if (c->dial)
        socket_dial_cancel(c->dial);
    c->dial = NULL;
    if (c->transport)
        transport_close(c->transport, how);
    c->transport = NULL;
    c->dead = c->closing = true;
    deferred_arm(&c->step);
}

static bool is_connecting(const struct client_connection *c)
{
    return !c->dead && !c->protocol;
}

static size_t connecting_count(struct http_target *t)
{
    size_t count = 0;
    list_each(c, &t->connections, struct client_connection, link)
        count += is_connecting(c) && !c->upgrade;
    return count;
}

/* A connection that didn't come about fails whoever hoped for it: one waiting exchange, or all when
 * no other is on its way. */
static void connect_failed(struct client_connection *c, int err)
{
    struct http_target *t = c->target;
    struct http_exchange *upgrade = c->upgrade;
    client_connection_close(c, TRANSPORT_NOW);
    if (upgrade) {
        client_exchange_end(upgrade, err, NULL, 0);
        return;
    }
    size_t count = 0;
    list_each(x, &t->waiting, struct http_exchange, link)
        count++;
    if (connecting_count(t) > 0)
        count = MIN(count, (size_t)1);
    for (; count > 0 && !list_empty(&t->waiting); count--)
        client_exchange_end(list_first(&t->waiting, struct http_exchange, link), err, NULL, 0);
}

static void on_open(void *user)
{
    struct client_connection *c = user;
    struct http_target *t = c->target;
    bool http2 = !c->upgrade && (t->config.http2_prior || transport_http2(c->transport));
    if (t->config.tls && !c->upgrade)
        t->may_http2 = http2;
    timer_stop(&c->timer);
    c->protocol = http2 ? &http2_client : &http1_client;
    if (c->upgrade) {
        list_append(&c->exchanges, &c->upgrade->link);
        c->upgrade->phase = PHASE_SENT;
        c->protocol->start(c->upgrade);
    }
    client_pump(t);
}

static void on_data(void *user, struct str data)
{
    struct client_connection *c = user;
    if (c->dead)
        return;
    c->running = true;
    c->protocol->data(c, data);
    c->running = false;
}

static void on_room(void *user)
{
    struct client_connection *c = user;
    if (!c->dead)
        c->protocol->room(c);
}

static void on_closed(void *user, int err)
{
    struct client_connection *c = user;
    c->transport = NULL;
    if (!c->protocol) {
        connect_failed(c, err ? err : -ECONNRESET);
        return;
    }
    c->closing = true;
    c->protocol->peer_ended(c, err);
    client_connection_close(c, TRANSPORT_NOW);
}

static const struct transport_ops connection_ops = {on_open, on_data, on_room, on_closed};

static void on_dialled(void *arg, int fd_or_error)
{
    struct client_connection *c = arg;
    struct http_target *t = c->target;
    c->dial = NULL;
    if (fd_or_error < 0) {
        connect_failed(c, fd_or_error);
        return;
    }
    struct transport_options options = {
        .loop = t->config.loop,
        .fd = fd_or_error,
        .security = t->config.tls ? TRANSPORT_TLS : TRANSPORT_PLAIN,
        .tls = t->config.tls,
        .host = t->host ? t->host : "localhost",
        .only_http1 = c->upgrade != NULL,
    };
    c->transport = transport_new(&options, &connection_ops, c);
    if (!c->transport)
        connect_failed(c, -ENOMEM);
}

static void on_timer(void *arg)
{
    struct client_connection *c = arg;
    if (c->dead)
        return;
    if (c->protocol)
        c->protocol->time_out(c);
    else
        connect_failed(c, -ETIMEDOUT);
}

static struct client_connection *connection_new(struct http_target *t,
                                                struct http_exchange *upgrade)
{
    struct client_connection *c = mem_alloc(sizeof(*c));
    c->target = t;
    c->upgrade = upgrade;
    list_init(&c->exchanges);
    list_init(&c->link);
    list_append(&t->connections, &c->link);
    t->connection_count++;
    deferred_init(&c->step, t->config.loop, connection_step, c);
    timer_init(&c->timer, t->config.loop, on_timer, c);
    return c;
}

static struct client_connection *connection_dial(struct http_target *t,
                                                 struct http_exchange *upgrade)
{
    struct client_connection *c = connection_new(t, upgrade);
    if (t->config.connect_timeout_ms)
        timer_start(&c->timer, t->config.connect_timeout_ms);
    c->dial = socket_dial_start(t->config.loop, t->host, t->config.port, t->unix_path,
                                t->config.netns_fd, on_dialled, c);
    return c;
}

struct client_connection *http_target_add_memory(struct http_target *t, bool http2,
                                                 void (*output)(void *arg, struct str bytes),
                                                 void *arg)
{
    struct client_connection *c = connection_new(t, NULL);
    c->transport = transport_new_memory(t->config.loop, output, arg, &connection_ops, c);
    c->protocol = http2 ? &http2_client : &http1_client;
    return c;
}

/* Targets */

static struct client_connection *free_connection(struct http_target *t)
{
    list_each(c, &t->connections, struct client_connection, link) {
        if (c->dead || c->closing || c->upgrade || !c->protocol)
            continue;
        if (c->protocol == &http2_client || list_empty(&c->exchanges))
            return c;
    }
    return NULL;
}

static void pump(void *arg)
{
    struct http_target *t = arg;
    if (t->freed) {
        if (t->connection_count == 0) {
            tls_config_unref(t->config.tls);
            mem_free(t->host);
            mem_free(t->unix_path);
            mem_free(t->authority);
            mem_free(t);
        }
        return;
    }
    struct client_connection *c;
    while (!list_empty(&t->waiting) && (c = free_connection(t))) {
        struct http_exchange *x = list_first(&t->waiting, struct http_exchange, link);
        list_remove(&x->link);
        list_append(&c->exchanges, &x->link);
        x->conn = c;
        x->phase = PHASE_SENT;
        timer_stop(&c->timer);
        c->protocol->start(x);
    }
    size_t need = 0, connecting = connecting_count(t);
    list_each(x, &t->waiting, struct http_exchange, link)
        need++;
    if (t->may_http2)
        need = MIN(need, (size_t)1);
    for (; connecting < need && t->connection_count < LIMIT_CLIENT_CONNECTIONS; connecting++)
        connection_dial(t, NULL);
}

void client_pump(struct http_target *t)
{
    deferred_arm(&t->pump);
}

static char *copy_text(const char *text)
{
    return text ? mem_dup(text, strlen(text) + 1) : NULL;
}

static char *make_authority(const struct http_target_config *config)
{
    struct buf b = BUF_INIT;
    uint16_t usual = config->tls ? 443 : 80;
    if (!config->host)
        buf_puts(&b, "localhost");
    else if (strchr(config->host, ':'))
        buf_printf(&b, "[%s]", config->host);
    else
        buf_puts(&b, config->host);
    if (config->host && config->port != usual)
        buf_printf(&b, ":%u", config->port);
    return b.data;
}

struct http_target *http_target_new(const struct http_target_config *config)
{
    struct http_target *t = mem_alloc(sizeof(*t));
    t->config = *config;
    t->host = copy_text(config->host);
    t->unix_path = copy_text(config->unix_path);
    t->authority = make_authority(config);
    t->may_http2 = config->http2_prior;
    if (config->tls) {
        struct tls_config_parts parts;
        tls_config_ref(config->tls);
        tls_config_parts(config->tls, &parts);
        t->may_http2 = parts.http2;
    }
    list_init(&t->connections);
    list_init(&t->waiting);
    deferred_init(&t->pump, config->loop, pump, t);
    return t;
}

void http_target_free(struct http_target *t)
{
    if (!t)
        return;
    t->freed = true;
    while (!list_empty(&t->waiting))
        client_exchange_end(list_first(&t->waiting, struct http_exchange, link), -ECANCELED, NULL,
                            0);
    list_each(c, &t->connections, struct client_connection, link) {
        struct http_exchange *upgrade = c->protocol ? NULL : c->upgrade;
        if (!c->dead)
            client_connection_close(c, TRANSPORT_NOW);
        if (upgrade)
            client_exchange_end(upgrade, -ECANCELED, NULL, 0);
        while (!list_empty(&c->exchanges))
            client_exchange_end(list_first(&c->exchanges, struct http_exchange, link), -ECANCELED,
                                NULL, 0);
    }
    client_pump(t);
}

/* Upgrades: an exchange on a connection of its own, with callbacks of ours. */

static void upgrade_head(void *user, struct http_exchange *x, int code,
                         const struct http_header *headers, size_t count)
{
    struct http_exchange *own = user;
    assert(own == x);
    x->code = code;
    x->answer_headers = (struct http_header *)(uintptr_t)headers;
    x->answer_header_count = count;
}

static void upgrade_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct http_exchange *own = user;
    size_t room = LIMIT_HEADER_BYTES - MIN(own->upgrade_body.len, (size_t)LIMIT_HEADER_BYTES);
    buf_append(&own->upgrade_body, data.data, MIN(room, data.len));
}

static void upgrade_end(void *user, struct http_exchange *x, int err,
                        const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct http_exchange *own = user;
    assert(own == x);
    own->upgrade->on_upgraded(own->upgrade_user, err, err ? 0 : own->code, own->answer_headers,
                              own->answer_header_count, buf_str(&own->upgrade_body), NULL);
}

static const struct http_exchange_ops upgrade_exchange_ops = {upgrade_head, upgrade_data,
                                                              upgrade_end};

void http_send_upgrade(struct http_target *t, const struct http_exchange_request *request,
                       const struct http_upgrade_ops *ops, void *user)
{
    struct http_exchange *x = exchange_new(t, request);
    x->ops = &upgrade_exchange_ops;
    x->user = x;
    x->upgrade = ops;
    x->upgrade_user = user;
    x->body_kept = false;
    x->conn = connection_dial(t, x);
}
