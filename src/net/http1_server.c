/* HTTP/1.1 on a server's connection. One exchange at a time; what the client sends ahead waits. */
#include "base/limits.h"
#include "net/http_server.h"

/* Writing answers */

/* Header injection ends here: a value is one line whatever it came from. */
static char *put_value(char *to, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        *to++ = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    }
    return to;
}

static char *put(char *to, struct str s)
{
    if (s.len)
        memcpy(to, s.data, s.len);
    return to + s.len;
}

static bool code_has_body(int code)
{
    return code >= 200 && code != 204 && code != 304;
}

enum {
    HEAD_SPACE = 256
}; /* status line, Date, Content-Length or Transfer-Encoding, Connection */

/* Status line, the caller's headers, Date, and `extra` lines of ours. A Content-Length of the
 * caller's stands only when keep_length. */
static void write_head(struct exchange *x, const struct http_reply *reply, const char *extra,
                       bool keep_length)
{
    struct http_connection *c = x->conn;
    size_t most = HEAD_SPACE + strlen(extra);
    bool dated = false;
    for (size_t i = 0; i < reply->header_count; i++)
        most += reply->headers[i].name.len + reply->headers[i].value.len + 4;
    char *start = transport_reserve(c->transport, most), *to = start;
    to += snprintf(to, HEAD_SPACE, "HTTP/1.1 %d %s\r\n", reply->code, http_reason(reply->code));
    for (size_t i = 0; i < reply->header_count; i++) {
        const struct http_header *h = &reply->headers[i];
        if (str_equal_nocase(h->name, STR("connection")) && http1_has_token(h->value, "close"))
            c->h1.close = true;
        if (http_header_is_ours(h->name, 1) ||
            (!keep_length && str_equal_nocase(h->name, STR("content-length"))))
            continue;
        dated = dated || str_equal_nocase(h->name, STR("date"));
        to = put(put_value(to, h->name), STR(": "));
        to = put(put_value(to, h->value), STR("\r\n"));
    }
    if (!dated)
        to += snprintf(to, 64, "Date: %s\r\n", http_date(c->server));
    to = put(to, str_from(extra));
    if (c->h1.close)
        to = put(to, STR("Connection: close\r\n"));
    else if (c->h1.head.minor == 0 && reply->code != 101)
        to = put(to, STR("Connection: keep-alive\r\n"));
    to = put(to, STR("\r\n"));
    transport_wrote(c->transport, (size_t)(to - start));
}

static void h1_respond(struct exchange *x, const struct http_reply *reply, struct str body,
                       struct buf *owned)
{
    struct http_connection *c = x->conn;
    if (!c->transport)
        return;
    char length[48] = "";
    if (code_has_body(reply->code))
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body.len);
    /* An answer before the request's end leaves bytes of it behind: they must not be taken for the
     * next request. */
    if (c->h1.state == HTTP1_BODY)
        c->h1.close = true;
    write_head(x, reply, length, false);
    if (x->is_head || !code_has_body(reply->code))
        return;
    if (owned)
        transport_write_buf(c->transport, owned);
    else
        transport_write(c->transport, body);
}

static bool reply_has_length(const struct http_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++)
        if (str_equal_nocase(reply->headers[i].name, STR("content-length")))
            return true;
    return false;
}

static void h1_begin(struct exchange *x, const struct http_reply *reply)
{
    struct http_connection *c = x->conn;
    if (!c->transport)
        return;
    const char *extra = "";
    if (!code_has_body(reply->code) || x->is_head) {
        x->is_head = true;
    } else if (!reply_has_length(reply)) {
        x->chunked = c->h1.head.minor == 1;
        if (x->chunked)
            extra = "Transfer-Encoding: chunked\r\n";
        else
            c->h1.close = true;
    }
    if (c->h1.state == HTTP1_BODY && !x->body_streamed)
        c->h1.close = true;
    write_head(x, reply, extra, true);
}

static void h1_write(struct exchange *x, struct str data)
{
    struct transport *t = x->conn->transport;
    if (!t)
        return;
    if (x->conn->due_ms == 0)
        conn_deadline(x->conn, LIMIT_IDLE_TIME_MS);
    if (x->chunked) {
        char size[20];
        int len = snprintf(size, sizeof(size), "%zx\r\n", data.len);
        transport_write(t, (struct str){size, (size_t)len});
    }
    transport_write(t, data);
    if (x->chunked)
        transport_write(t, STR("\r\n"));
}

static size_t h1_unsent(const struct exchange *x)
{
    return x->conn->transport ? transport_unsent(x->conn->transport) : 0;
}

static void h1_end(struct exchange *x)
{
    if (x->chunked && x->conn->transport)
        transport_write(x->conn->transport, STR("0\r\n\r\n"));
    if (x->conn->h1.state == HTTP1_BODY)
        x->conn->h1.close = true;
}

static void h1_abort(struct exchange *x)
{
    conn_close(x->conn, TRANSPORT_NOW);
}

/* Reading requests */

static struct exchange *current(struct http_connection *c)
{
    return list_first(&c->exchanges, struct exchange, link);
}

/* Answers a request that can't be read, and ends the connection: where its next request begins is
 * unknown. */
static void refuse(struct http_connection *c, int code)
{
    struct exchange *x = current(c);
    c->h1.close = true;
    if (!x) {
        x = exchange_new(c);
        x->req.method = STR("GET");
    }
    if (x->state == EXCHANGE_RECEIVING) {
        exchange_refuse(x, code);
    } else {
        /* Its handler is at work on a streamed body: the answer can't be taken back. */
        x->cut = true;
        conn_close(c, TRANSPORT_LINGER);
        return;
    }
    exchange_finish(x);
    conn_close(c, TRANSPORT_LINGER);
}

static void answer_options_star(struct exchange *x)
{
    struct http_reply reply = {.code = 200};
    x->state = EXCHANGE_HANDLING;
    http_respond(&x->req, &reply, STR_NONE);
}

static void body_complete(struct http_connection *c, struct exchange *x)
{
    const struct http_server_config *config = &c->server->config;
    c->h1.state = HTTP1_WAIT;
    conn_deadline(c, 0);
    if (!x->body_streamed)
        exchange_handle(x);
    else if (x->state != EXCHANGE_ENDED)
        config->handle_body(config->user, &x->req, STR_NONE, true);
}

/* 0, or an HTTP code to refuse with. */
static int take_part(struct http_connection *c, struct exchange *x, struct str part)
{
    const struct http_server_config *config = &c->server->config;
    x->body_bytes += part.len;
    if (x->body_streamed) {
        if (x->state != EXCHANGE_ENDED)
            config->handle_body(config->user, &x->req, part, false);
        return 0;
    }
    int code = exchange_check_body(x, x->body_bytes);
    if (code == 0)
        buf_append(&x->body, part.data, part.len);
    return code;
}

/* The head is sound: what follows it? */
static int begin_body(struct http_connection *c, struct exchange *x)
{
    struct http1_head *h = &c->h1.head;
    x->body_streamed = exchange_wants_stream(x);
    bool empty = !h->chunked && h->length == 0;
    int code = !x->body_streamed && h->has_length ? exchange_check_body(x, h->length) : 0;
    if (code)
        return code;
    if (h->has_length)
        x->body_length = h->length;
    c->h1.chunks = (struct http1_chunks){0};
    c->h1.state = HTTP1_BODY;
    if (h->expect_continue && !empty && h->minor == 1) {
        transport_write(c->transport, STR("HTTP/1.1 100 Continue\r\n\r\n"));
        transport_flush(c->transport);
    }
    if (!x->body_streamed && h->has_length && !empty)
        buf_reserve(&x->body, MIN((size_t)h->length, (size_t)LIMIT_PIPELINE_BYTES));
    conn_deadline(c, x->body_streamed ? 0 : LIMIT_REQUEST_TIME_MS);
    if (x->body_streamed)
        exchange_handle(x);
    if (empty && !c->dead)
        body_complete(c, x);
    return 0;
}

static int begin_request(struct http_connection *c, struct str head)
{
    c->h1.begun = true;
    struct exchange *x = exchange_new(c);
    struct http_request *req = &x->req;
    c->h1.head = (struct http1_head){0};
    int err = http1_parse_request(&x->arena, arena_str(&x->arena, head), &c->h1.head);
    if (err < 0)
        return -err;
    struct http1_head *h = &c->h1.head;
    c->h1.close = h->close || c->server->closing;
    req->method = h->method;
    req->host = h->host;
    req->headers = h->headers;
    req->header_count = h->header_count;
    req->version = 1;
    x->is_head = str_is(h->method, "HEAD");
    if (str_is(h->target, "*") && str_is(h->method, "OPTIONS")) {
        c->h1.state = HTTP1_WAIT;
        answer_options_star(x);
        return h->chunked || h->length ? 400 : 0;
    }
    err = http_split_target(&x->arena, h->target, req);
    return err < 0 ? -err : begin_body(c, x);
}

static int take_head(struct http_connection *c, struct str *in)
{
    /* One empty line before a request is forgiven (RFC 9112 2.2). */
    if (c->h1.scan.at == 0 && !c->h1.skipped_empty_line && in->data[0] == '\r') {
        if (in->len < 2)
            return 0;
        if (in->data[1] == '\n') {
            c->h1.skipped_empty_line = true;
            *in = str_slice(*in, 2, in->len);
            return 0;
        }
    }
    ssize_t len = http1_scan_head(&c->h1.scan, *in, LIMIT_HEADER_BYTES);
    if (len <= 0)
        return (int)-len;
    c->h1.scan = (struct http1_scan){0};
    c->h1.skipped_empty_line = false;
    struct str head = str_slice(*in, 0, (size_t)len);
    *in = str_slice(*in, (size_t)len, in->len);
    return begin_request(c, head);
}

static int take_body(struct http_connection *c, struct str *in)
{
    struct exchange *x = current(c);
    if (c->h1.head.chunked) {
        struct str part;
        int what = http1_chunks_take(&c->h1.chunks, in, &part);
        if (what < 0)
            return -what;
        if (what == HTTP1_CHUNK_PART)
            return take_part(c, x, part);
        if (what == HTTP1_CHUNK_END)
            body_complete(c, x);
        return 0;
    }
    uint64_t left = x->body_length - x->body_bytes;
    size_t len = left < in->len ? (size_t)left : in->len;
    struct str part = str_slice(*in, 0, len);
    *in = str_slice(*in, len, in->len);
    int code = take_part(c, x, part);
    if (code == 0 && !c->dead && x->body_bytes == x->body_length)
        body_complete(c, x);
    return code;
}

/* After an answer: the next request, or the end. */
static void finish_current(struct http_connection *c)
{
    struct exchange *x = current(c);
    bool whole = c->h1.state == HTTP1_WAIT;
    exchange_finish(x);
    if (c->h1.close || !whole || c->server->closing) {
        conn_close(c, whole ? TRANSPORT_FLUSH : TRANSPORT_LINGER);
        return;
    }
    c->h1.state = HTTP1_HEAD;
    conn_deadline(c, LIMIT_IDLE_TIME_MS);
}

/* Goes as far as the bytes and the handler's progress allow. */
static void run(struct http_connection *c, struct str *in)
{
    while (!c->dead && c->transport) {
        struct exchange *x = current(c);
        if (x && x->state == EXCHANGE_ENDED) {
            finish_current(c);
            continue;
        }
        if (c->h1.state == HTTP1_WAIT || in->len == 0)
            break;
        size_t before = in->len;
        bool body = c->h1.state == HTTP1_BODY;
        int code = body ? take_body(c, in) : take_head(c, in);
        if (code && !c->dead) {
            refuse(c, code);
            break;
        }
        if (in->len == before)
            break;
    }
}

/* How much of the HTTP/2 preface data is: HTTP/2 with prior knowledge, without ALPN. */
static size_t http2_preface(struct str data)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    size_t len = MIN(data.len, sizeof(preface) - 1);
    return memcmp(data.data, preface, len) == 0 ? len : 0;
}

static void keep(struct http_connection *c, struct str left)
{
    if (left.data == c->h1.in.data && left.len == c->h1.in.len)
        return;
    /* left points into the kept bytes or into the transport's: build anew, then let go. */
    struct buf rest = BUF_INIT;
    if (left.len)
        buf_add(&rest, left);
    buf_release(&c->h1.in);
    c->h1.in = rest;
}

static void after_run(struct http_connection *c, struct str left)
{
    if (c->pipe) {
        pipe_early(c->pipe, left);
        buf_release(&c->h1.in);
    }
    if (c->dead || !c->transport)
        return;
    keep(c, left);
    transport_pause(c->transport, c->h1.state == HTTP1_WAIT && left.len > LIMIT_PIPELINE_BYTES);
    /* Half a head: it must be whole soon. The time runs from its first byte. */
    if (c->h1.state == HTTP1_HEAD && left.len &&
        (c->due_ms == 0 || c->due_ms > loop_now_ms(c->server->config.loop) + LIMIT_HEADER_TIME_MS))
        conn_deadline(c, LIMIT_HEADER_TIME_MS);
}

static void h1_data(struct http_connection *c, struct str data)
{
    struct str in = data;
    if (c->h1.in.len) {
        buf_add(&c->h1.in, data);
        in = buf_str(&c->h1.in);
    }
    size_t preface = c->h1.begun ? 0 : http2_preface(in);
    if (preface > 0 && preface < 24) {
        keep(c, in);
        return;
    }
    if (preface == 24) {
        struct buf kept = c->h1.in;
        c->h1.in = (struct buf)BUF_INIT;
        c->protocol = &http2_protocol;
        c->protocol->data(c, in);
        buf_release(&kept);
        return;
    }
    run(c, &in);
    after_run(c, in);
}

static void h1_step(struct http_connection *c)
{
    struct str in = buf_str(&c->h1.in);
    run(c, &in);
    after_run(c, in);
}

static void h1_room(struct http_connection *c maybe_unused) {}

static void h1_time_out(struct http_connection *c)
{
    struct exchange *x = current(c);
    if (x && c->h1.state == HTTP1_BODY && x->state == EXCHANGE_RECEIVING) {
        refuse(c, 408);
        return;
    }
    bool stalled = conn_stalled(c), unsent = transport_unsent(c->transport) > 0;
    if (stalled || (!unsent && c->h1.state == HTTP1_HEAD))
        conn_close(c, TRANSPORT_NOW);
    else
        conn_deadline(c, unsent ? LIMIT_IDLE_TIME_MS : 0);
}

static void h1_shut(struct http_connection *c)
{
    c->h1.close = true;
    if (list_empty(&c->exchanges))
        conn_close(c, TRANSPORT_FLUSH);
}

static void h1_release(struct http_connection *c)
{
    buf_release(&c->h1.in);
}

const struct http_protocol http1_protocol = {
    .data = h1_data,
    .room = h1_room,
    .step = h1_step,
    .time_out = h1_time_out,
    .shut = h1_shut,
    .release = h1_release,
    .respond = h1_respond,
    .begin = h1_begin,
    .write = h1_write,
    .unsent = h1_unsent,
    .end = h1_end,
    .abort = h1_abort,
};

/* Upgrades */

static void upgrade_ended(void *arg)
{
    struct exchange *x = arg;
    x->state = EXCHANGE_ENDED;
    x->conn->pipe = NULL;
    x->conn->dead = true;
    deferred_arm(&x->conn->step);
}

struct pipe_end *http_upgrade(struct http_request *req, const struct http_reply *reply,
                              const struct pipe_ops *ops, void *user)
{
    struct exchange *x = exchange_of(req);
    struct http_connection *c = x->conn;
    struct str protocol = http_header(req, "Upgrade");
    if (x->state != EXCHANGE_HANDLING || req->version != 1 || !c->h1.head.upgrade ||
        c->h1.head.minor == 0 || !protocol.len || c->h1.state != HTTP1_WAIT || !c->transport)
        return NULL;
    /* The answer names the protocol that was asked for, unless the handler names one. */
    for (size_t i = 0; i < reply->header_count; i++)
        if (str_equal_nocase(reply->headers[i].name, STR("upgrade")))
            protocol = STR_NONE;
    struct str extra =
        protocol.len
            ? arena_printf(&x->arena, "Upgrade: %.*s\r\nConnection: Upgrade\r\n", STR_ARG(protocol))
            : STR("Connection: Upgrade\r\n");
    struct http_reply switching = *reply;
    switching.code = 101;
    c->h1.close = false;
    write_head(x, &switching, extra.data, false);
    transport_pause(c->transport, false);
    x->state = EXCHANGE_UPGRADED;
    struct transport *t = c->transport;
    c->transport = NULL;
    /* Bytes behind the request are the pipe's; while run() holds them it gives them over itself. */
    c->pipe = pipe_new(t, ops, user, upgrade_ended, x, c->server->config.loop,
                       c->running ? STR_NONE : buf_str(&c->h1.in));
    if (!c->running)
        buf_release(&c->h1.in);
    conn_deadline(c, 0);
    return c->pipe;
}
