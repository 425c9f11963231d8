/* HTTP/1.1 on a client's connection: one exchange at a time. */
#include <errno.h>

#include "base/limits.h"
#include "net/http_client_internal.h"

static struct http_exchange *current(struct client_connection *c)
{
    return list_first(&c->exchanges, struct http_exchange, link);
}

/* Writing */

static void put_line(struct buf *b, struct str name, struct str value)
{
    size_t from = b->len;
    buf_add(b, name);
    buf_puts(b, ": ");
    buf_add(b, value);
    for (size_t i = from; i < b->len; i++)
        if (b->data[i] == '\r' || b->data[i] == '\n' || b->data[i] == '\0')
            b->data[i] = ' ';
    buf_puts(b, "\r\n");
}

static bool wants_length(const struct http_exchange *x)
{
    return x->body.len > 0 || str_is(str_from(x->method), "POST") ||
           str_is(str_from(x->method), "PUT") || str_is(str_from(x->method), "PATCH");
}

static void write_head(struct http_exchange *x)
{
    struct buf b = BUF_INIT;
    bool has_host = false;
    buf_printf(&b, "%s %.*s HTTP/1.1\r\n", x->method, STR_ARG(x->path));
    for (size_t i = 0; i < x->header_count; i++)
        has_host = has_host || str_equal_nocase(x->headers[i].name, STR("host"));
    if (!has_host)
        put_line(&b, STR("Host"), str_from(x->target->authority));
    for (size_t i = 0; i < x->header_count; i++) {
        struct str name = x->headers[i].name;
        if (http_header_is_ours(name, 1) || str_equal_nocase(name, STR("content-length")))
            continue;
        put_line(&b, name, x->headers[i].value);
    }
    if (x->upgrade)
        buf_puts(&b, "Connection: Upgrade\r\n");
    if (!x->body_kept && !x->upgrade)
        buf_puts(&b, "Transfer-Encoding: chunked\r\n");
    else if (wants_length(x))
        buf_printf(&b, "Content-Length: %zu\r\n", x->body.len);
    buf_puts(&b, "\r\n");
    transport_write(x->conn->transport, buf_str(&b));
    buf_release(&b);
}

static void more_body(struct http_exchange *x)
{
    struct client_connection *c = x->conn;
    struct transport *t = c->transport;
    struct str data = str_slice(buf_str(&x->body), x->body_from, x->body.len);
    if (!t || c->h1.sent_all)
        return;
    if (x->body_kept || x->upgrade) {
        /* Stays in body, because it may have to be sent again. */
        transport_write(t, data);
        x->body_from = x->body.len;
        c->h1.sent_all = true;
        return;
    }
    if (data.len) {
        char size[20];
        int len = snprintf(size, sizeof(size), "%zx\r\n", data.len);
        transport_write(t, (struct str){size, (size_t)len});
        transport_write(t, data);
        transport_write(t, STR("\r\n"));
    }
    buf_release(&x->body);
    x->body_from = 0;
    if (x->body_done) {
        transport_write(t, STR("0\r\n\r\n"));
        c->h1.sent_all = true;
    }
}

static void start(struct http_exchange *x)
{
    struct client_connection *c = x->conn;
    buf_release(&c->h1.in);
    memset(&c->h1, 0, sizeof(c->h1));
    write_head(x);
    more_body(x);
}

/* Reading */

static void answer_complete(struct client_connection *c, struct http_exchange *x)
{
    bool keep = c->h1.keep && c->h1.sent_all && c->h1.in.len == 0 && !c->closing;
    c->used = true;
    c->h1.state = ANSWER_HEAD;
    if (!keep)
        client_connection_close(c, TRANSPORT_FLUSH);
    client_exchange_end(x, 0, NULL, 0);
    if (!c->dead) {
        transport_pause(c->transport, false);
        timer_start(&c->timer, LIMIT_CLIENT_IDLE_MS);
        client_pump(c->target);
    }
}

static void broken(struct client_connection *c, int err)
{
    struct http_exchange *x = current(c);
    client_connection_close(c, TRANSPORT_NOW);
    if (x)
        client_exchange_end(x, err, NULL, 0);
}

/* 101: the connection leaves the client. */
static void switch_protocols(struct client_connection *c, struct http_exchange *x, struct str early)
{
    struct http1_head *h = &c->h1.head;
    struct transport *t = c->transport;
    const struct http_upgrade_ops *ops = x->upgrade;
    c->transport = NULL;
    struct pipe_end *pipe =
        pipe_new(t, ops->pipe_ops, x->upgrade_user, NULL, NULL, c->target->config.loop, early);
    list_remove(&x->link);
    x->conn = NULL;
    client_connection_close(c, TRANSPORT_NOW);
    ops->on_upgraded(x->upgrade_user, 0, 101, h->headers, h->header_count, STR_NONE, pipe);
    http_exchange_cancel(x);
}

static bool has_no_body(const struct http_exchange *x, int code)
{
    return str_is(str_from(x->method), "HEAD") || code == 204 || code == 304;
}

/* Takes a head off the front; false when more is needed. */
static bool take_head(struct client_connection *c, struct http_exchange *x, struct str *in)
{
    ssize_t len = http1_scan_head(&c->h1.scan, *in, LIMIT_ANSWER_HEADER_BYTES);
    if (len == 0)
        return false;
    struct http1_head *h = &c->h1.head;
    c->h1.scan = (struct http1_scan){0};
    if (len < 0 || http1_parse_answer(
                       &x->answer, arena_str(&x->answer, str_slice(*in, 0, (size_t)len)), h) < 0) {
        broken(c, -EPROTO);
        return true;
    }
    *in = str_slice(*in, (size_t)len, in->len);
    if (h->code == 101 && x->upgrade) {
        switch_protocols(c, x, *in);
        return true;
    }
    if (h->code < 200) {
        if (h->code == 101)
            broken(c, -EPROTO);
        return true;
    }
    bool empty = has_no_body(x, h->code) || (h->has_length && h->length == 0);
    c->h1.close_delimited = !empty && !h->chunked && !h->has_length;
    c->h1.keep = !h->close && !c->h1.close_delimited;
    c->h1.left = h->has_length ? h->length : UINT64_MAX;
    c->h1.chunks = (struct http1_chunks){0};
    c->h1.state = ANSWER_BODY;
    if (client_exchange_head(x, h->code, h->headers, h->header_count) && empty)
        answer_complete(c, x);
    return true;
}

static bool take_body(struct client_connection *c, struct http_exchange *x, struct str *in)
{
    struct str part;
    if (c->h1.head.chunked) {
        int what = http1_chunks_take(&c->h1.chunks, in, &part);
        /* When the exchange is gone after this, so is the connection. */
        if (what == HTTP1_CHUNK_PART)
            (void)!client_exchange_data(x, part);
        else if (what == HTTP1_CHUNK_END)
            answer_complete(c, x);
        else if (what < 0)
            broken(c, -EPROTO);
        return what != HTTP1_CHUNK_MORE;
    }
    size_t len = c->h1.left < in->len ? (size_t)c->h1.left : in->len;
    part = str_slice(*in, 0, len);
    *in = str_slice(*in, len, in->len);
    if (!c->h1.close_delimited)
        c->h1.left -= len;
    if (client_exchange_data(x, part) && c->h1.left == 0)
        answer_complete(c, x);
    return true;
}

static void run(struct client_connection *c, struct str *in)
{
    while (!c->dead && in->len) {
        struct http_exchange *x = current(c);
        if (!x) {
            /* Nobody asked: whatever this is, the next answer can't be trusted. */
            client_connection_close(c, TRANSPORT_NOW);
            return;
        }
        if (x->paused && c->h1.state == ANSWER_BODY)
            return;
        bool more = c->h1.state == ANSWER_HEAD ? take_head(c, x, in) : take_body(c, x, in);
        if (!more)
            return;
    }
}

static void keep(struct client_connection *c, struct str left)
{
    struct buf rest = BUF_INIT;
    if (left.len)
        buf_add(&rest, left);
    buf_release(&c->h1.in);
    c->h1.in = rest;
}

static void data(struct client_connection *c, struct str bytes)
{
    c->h1.got_bytes = true;
    /* Kept bytes are taken out first, so that answer_complete sees only what is really left. */
    struct buf kept = c->h1.in;
    c->h1.in = (struct buf)BUF_INIT;
    struct str in = bytes;
    if (kept.len) {
        buf_add(&kept, bytes);
        in = buf_str(&kept);
    }
    run(c, &in);
    if (!c->dead)
        keep(c, in);
    buf_release(&kept);
}

static void step(struct client_connection *c)
{
    if (c->h1.in.len == 0)
        return;
    struct buf kept = c->h1.in;
    c->h1.in = (struct buf)BUF_INIT;
    struct str in = buf_str(&kept);
    run(c, &in);
    if (!c->dead)
        keep(c, in);
    buf_release(&kept);
}

static void room(struct client_connection *c maybe_unused) {}

static void resume(struct http_exchange *x)
{
    if (x->conn->transport)
        transport_pause(x->conn->transport, x->paused);
    if (!x->paused)
        client_connection_arm(x->conn);
}

static void drop(struct http_exchange *x)
{
    client_connection_close(x->conn, TRANSPORT_NOW);
}

static size_t unsent(const struct http_exchange *x)
{
    return x->conn->transport ? transport_unsent(x->conn->transport) : 0;
}

static void peer_ended(struct client_connection *c, int err)
{
    struct http_exchange *x = current(c);
    if (x && !x->paused && c->h1.in.len) {
        step(c);
        x = current(c);
    }
    if (!x || c->dead)
        return;
    if (err == 0 && c->h1.state == ANSWER_BODY && c->h1.close_delimited) {
        client_exchange_end(x, 0, NULL, 0);
        return;
    }
    /* A kept connection that the peer had closed meanwhile says nothing about this request. */
    bool stale = c->used && !c->h1.got_bytes;
    if (stale)
        client_exchange_failed(x, err ? err : -ECONNRESET, false);
    else
        client_exchange_end(x, err ? err : -ECONNRESET, NULL, 0);
}

static void time_out(struct client_connection *c)
{
    if (list_empty(&c->exchanges))
        client_connection_close(c, TRANSPORT_FLUSH);
}

static void release(struct client_connection *c)
{
    buf_release(&c->h1.in);
}

const struct client_protocol http1_client = {
    .start = start,
    .data = data,
    .room = room,
    .step = step,
    .more_body = more_body,
    .resume = resume,
    .drop = drop,
    .unsent = unsent,
    .peer_ended = peer_ended,
    .time_out = time_out,
    .release = release,
};
