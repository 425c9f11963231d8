/* Frames that become requests. */
#include <nghttp2/nghttp2.h>

#include "net/http2_server.h"

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (c->h2->noticed) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    struct exchange *x = exchange_new(c);
    x->stream_id = frame->hd.stream_id;
    x->req.version = 2;
    x->began_ms = loop_now_ms(c->server->config.loop);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, x);
    return 0;
}

static struct str str_of(const uint8_t *data, size_t len)
{
    return (struct str){(const char *)data, len};
}

static void add_header(struct exchange *x, struct str name, struct str value)
{
    struct http_request *req = &x->req;
    if (req->header_count == x->header_cap) {
        size_t cap = x->header_cap ? x->header_cap * 2 : 16;
        req->headers = arena_grow(&x->arena, req->headers, x->header_cap * sizeof(*req->headers),
                                  cap * sizeof(*req->headers));
        x->header_cap = cap;
    }
    req->headers[req->header_count++] = (struct http_header){name, value};
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_data,
                     size_t name_len, const uint8_t *value_data, size_t value_len,
                     uint8_t flags maybe_unused, void *user maybe_unused)
{
    struct exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!x || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    x->header_bytes += name_len + value_len + 32;
    if (x->header_bytes > LIMIT_HEADER_BYTES || x->req.header_count >= LIMIT_HEADER_COUNT ||
        value_len > LIMIT_HEADER_LINE_BYTES) {
        /* What is left of the block is decoded, because the table that follows needs it, and
         * dropped. */
        x->early_code = 431;
        return 0;
    }
    struct str name = str_of(name_data, name_len);
    struct str value = arena_str(&x->arena, str_of(value_data, value_len));
    if (name_len == 0 || name_data[0] != ':')
        add_header(x, arena_str(&x->arena, name), value);
    else if (str_is(name, ":method"))
        x->req.method = value;
    else if (str_is(name, ":path"))
        x->req.raw_path = value;
    else if (str_is(name, ":authority"))
        x->req.host = value;
    return 0;
}

static bool is_end(const nghttp2_frame *frame)
{
    return (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

void http2_take_back(struct exchange *x)
{
    x->conn->h2->body_bytes -= x->body.len;
    buf_clear(&x->body);
}

static void body_complete(struct http_connection *c, struct exchange *x)
{
    const struct http_server_config *config = &c->server->config;
    c->h2->body_bytes -= x->body.len;
    if (x->body_streamed && x->state != EXCHANGE_ENDED)
        config->handle_body(config->user, &x->req, STR_NONE, true);
    else if (x->state == EXCHANGE_RECEIVING)
        exchange_handle(x);
}

/* The head is complete: 0, or a code to refuse it with. */
static int check_head(struct exchange *x)
{
    struct http_request *req = &x->req;
    if (x->early_code)
        return x->early_code;
    struct str target = req->raw_path;
    if (str_is(req->method, "CONNECT"))
        return 405;
    if (str_is(target, "*") && str_is(req->method, "OPTIONS"))
        return 200;
    if (http_split_target(&x->arena, target, req) < 0)
        return 400;
    if (!req->host.data)
        req->host = http_header(req, "host");
    x->is_head = str_is(req->method, "HEAD");
    struct str length = http_header(req, "content-length");
    if (length.data && str_to_u64(length, &x->body_length) < 0)
        return 400;
    x->body_streamed = exchange_wants_stream(x);
    return !x->body_streamed && length.data ? exchange_check_body(x, x->body_length) : 0;
}

static void head_complete(struct http_connection *c, struct exchange *x, bool end)
{
    x->request_done = end;
    int code = check_head(x);
    if (code) {
        exchange_refuse(x, code);
        return;
    }
    if (x->body_streamed)
        exchange_handle(x);
    if (end) {
        body_complete(c, x);
        return;
    }
    /* An idle connection's time, that still runs, would be too long for the body. */
    uint64_t due_ms = x->began_ms + LIMIT_REQUEST_TIME_MS;
    if (c->due_ms == 0 || c->due_ms > due_ms)
        conn_deadline(c, LIMIT_REQUEST_TIME_MS);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    struct exchange *x;
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        if (!c->h2->settings_seen && list_empty(&c->exchanges))
            conn_deadline(c, LIMIT_IDLE_TIME_MS);
        c->h2->settings_seen = true;
        return 0;
    case NGHTTP2_HEADERS:
        x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!x)
            return 0;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            head_complete(c, x, is_end(frame));
            return 0;
        }
        break;
    case NGHTTP2_DATA:
        x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        break;
    default: return 0;
    }
    if (x && is_end(frame) && !x->request_done) {
        x->request_done = true;
        body_complete(c, x);
    }
    return 0;
}

static int on_body(nghttp2_session *session, uint8_t flags maybe_unused, int32_t stream_id,
                   const uint8_t *data, size_t len, void *user)
{
    struct http_connection *c = user;
    const struct http_server_config *config = &c->server->config;
    struct exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    if (!x || x->state == EXCHANGE_ENDED)
        return 0;
    x->body_bytes += len;
    if (x->body_streamed) {
        config->handle_body(config->user, &x->req, str_of(data, len), false);
        return 0;
    }
    if (x->state != EXCHANGE_RECEIVING)
        return 0;
    int code = exchange_check_body(x, x->body_bytes);
    if (code) {
        http2_take_back(x);
        exchange_refuse(x, code);
        return 0;
    }
    if (c->h2->body_bytes + len > LIMIT_CONNECTION_BODY_BYTES) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
    }
    c->h2->body_bytes += len;
    if (x->body.len == 0 && x->body_length != UINT64_MAX)
        buf_reserve(&x->body, MIN((size_t)x->body_length, (size_t)LIMIT_PIPELINE_BYTES));
    buf_append(&x->body, data, len);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *user)
{
    struct http_connection *c = user;
    struct http2_server *h2 = c->h2;
    struct exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    if (error_code != NGHTTP2_NO_ERROR) {
        http2_spend(c, &h2->resets, LIMIT_H2_RESETS, LIMIT_H2_RESETS_A_SECOND);
    } else {
        http2_earn(&h2->resets, LIMIT_H2_RESETS, 1);
        http2_earn(&h2->noise, LIMIT_H2_NOISE, HTTP2_CREDIT_ANSWER);
    }
    if (!x)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    if (x->state == EXCHANGE_RECEIVING)
        h2->body_bytes -= x->body.len;
    h2->out_bytes -= x->out.len - x->out_from;
    buf_clear(&x->out);
    x->out_from = 0;
    x->state = EXCHANGE_ENDED;
    x->stream_id = 0;
    list_remove(&x->link);
    list_append(&c->ended, &x->link);
    if (!c->running)
        deferred_arm(&c->step);
    if (list_empty(&c->exchanges))
        conn_deadline(c, LIMIT_IDLE_TIME_MS);
    return 0;
}

void http2_request_callbacks(struct nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_body);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
