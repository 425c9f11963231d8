/* Answers that become frames. */
#include <nghttp2/nghttp2.h>

#include "net/http2_server.h"

enum {
    BATCH_BYTES = 32 << 10,
    BATCHES_A_TURN = 32,
    REPLY_HEADERS_FAST = 24, /* more than this are put into the arena first */
};

/* Making frames */

void http2_send_frames(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    if (h2->sending || !c->transport)
        return;
    h2->sending = true;
    int turns = 0;
    while (transport_unsent(c->transport) == 0) {
        if (turns++ == BATCHES_A_TURN) {
            deferred_arm(&c->step);
            break;
        }
        while (transport_unsent(c->transport) < BATCH_BYTES) {
            const uint8_t *bytes;
            ssize_t len = nghttp2_session_mem_send(h2->session, &bytes);
            if (len <= 0)
                break;
            transport_write(c->transport, (struct str){(const char *)bytes, (size_t)len});
        }
        if (transport_unsent(c->transport) == 0)
            break;
        transport_flush(c->transport);
    }
    h2->sending = false;
}

static ssize_t on_read_answer(nghttp2_session *session maybe_unused, int32_t stream_id maybe_unused,
                              uint8_t *buf maybe_unused, size_t length, uint32_t *data_flags,
                              nghttp2_data_source *source, void *user maybe_unused)
{
    struct exchange *x = source->ptr;
    size_t left = x->out.len - x->out_from;
    if (left == 0 && !x->out_done) {
        x->waiting = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (left <= length && x->out_done)
        *data_flags |= NGHTTP2_DATA_FLAG_EOF;
    *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)MIN(left, length);
}

static int on_send_data(nghttp2_session *session maybe_unused, nghttp2_frame *frame maybe_unused,
                        const uint8_t *framehd, size_t length, nghttp2_data_source *source,
                        void *user)
{
    struct http_connection *c = user;
    struct exchange *x = source->ptr;
    if (!c->transport)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (transport_unsent(c->transport) >= BATCH_BYTES)
        return NGHTTP2_ERR_WOULDBLOCK;
    transport_write(c->transport, (struct str){(const char *)framehd, 9});
    transport_write(c->transport, (struct str){x->out.data + x->out_from, length});
    x->out_from += length;
    x->began_ms = loop_now_ms(c->server->config.loop);
    c->h2->out_bytes -= length;
    http2_earn(&c->h2->noise, LIMIT_H2_NOISE, HTTP2_CREDIT_DATA);
    if (x->out_from == x->out.len) {
        buf_clear(&x->out);
        x->out_from = 0;
    }
    return 0;
}

/* An answer that ended before its request: the rest of the request isn't wanted (RFC 9113 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        http2_forgive(c->h2, frame->hd.stream_id);
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (!ends)
        return 0;
    struct exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (x && !x->request_done)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR);
    return 0;
}

void http2_answer_callbacks(struct nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
}

/* Answers */

static nghttp2_nv pair(struct str name, struct str value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

static bool code_has_body(int code)
{
    return code != 204 && code != 304;
}

/* Decimal digits, at the end of room. */
static struct str digits_of(size_t number, char room[24])
{
    char *at = room + 24;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return (struct str){at, (size_t)(room + 24 - at)};
}

/* length: to be announced; SIZE_MAX when unknown. */
static void submit(struct exchange *x, const struct http_reply *reply, size_t length, bool has_body)
{
    struct http_connection *c = x->conn;
    nghttp2_nv fast[REPLY_HEADERS_FAST + 3], *pairs = fast;
    if (reply->header_count > REPLY_HEADERS_FAST)
        pairs = arena_array(&x->arena, nghttp2_nv, reply->header_count + 3);
    char code[24], length_text[24];
    size_t count = 0;
    pairs[count++] = pair(STR(":status"), digits_of((size_t)reply->code, code));
    for (size_t i = 0; i < reply->header_count; i++) {
        struct http_header h = reply->headers[i];
        if (str_equal_nocase(h.name, STR("connection")) && http1_has_token(h.value, "close"))
            http2_go_away_soon(c);
        if (http_header_is_ours(h.name, 2) ||
            (length != SIZE_MAX && str_equal_nocase(h.name, STR("content-length"))))
            continue;
        pairs[count++] = pair(h.name, h.value);
    }
    pairs[count++] = pair(STR("date"), str_from(http_date(c->server)));
    if (length != SIZE_MAX)
        pairs[count++] = pair(STR("content-length"), digits_of(length, length_text));
    nghttp2_data_provider provider = {.source.ptr = x, .read_callback = on_read_answer};
    x->answered = true;
    x->began_ms = loop_now_ms(c->server->config.loop);
    if (nghttp2_submit_response(c->h2->session, x->stream_id, pairs, count,
                                has_body ? &provider : NULL) != 0)
        nghttp2_submit_rst_stream(c->h2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
}

void http2_respond(struct exchange *x, const struct http_reply *reply, struct str body,
                   struct buf *owned)
{
    struct http2_server *h2 = x->conn->h2;
    bool has_body = body.len > 0 && !x->is_head && code_has_body(reply->code);
    x->out_done = true;
    submit(x, reply, code_has_body(reply->code) ? body.len : SIZE_MAX, has_body);
    if (!has_body)
        return;
    h2->out_bytes += body.len;
    if (owned) {
        buf_release(&x->out);
        x->out = *owned;
        *owned = (struct buf)BUF_INIT;
    } else {
        buf_add(&x->out, body);
    }
}

void http2_begin(struct exchange *x, const struct http_reply *reply)
{
    bool has_body = !x->is_head && code_has_body(reply->code);
    if (!has_body)
        x->is_head = true;
    submit(x, reply, SIZE_MAX, has_body);
    conn_arm(x->conn);
}

static void resume(struct exchange *x)
{
    if (x->waiting)
        nghttp2_session_resume_data(x->conn->h2->session, x->stream_id);
    x->waiting = false;
    conn_arm(x->conn);
}

void http2_write(struct exchange *x, struct str data)
{
    /* What was sent is dropped when it is the larger part, so that a stream that never drains stays
     * small. */
    if (x->out_from > x->out.len / 2 && x->out_from > LIMIT_UNSENT_LOW_BYTES) {
        buf_consume(&x->out, x->out_from);
        x->out_from = 0;
    }
    if (x->out.len == x->out_from)
        x->began_ms = loop_now_ms(x->conn->server->config.loop);
    buf_add(&x->out, data);
    x->conn->h2->out_bytes += data.len;
    resume(x);
}

/* The stream's own bytes; a connection that holds too much in all counts as full for all but nearly
 * drained streams. */
size_t http2_unsent(const struct exchange *x)
{
    size_t own = x->out.len - x->out_from;
    if (own > LIMIT_UNSENT_LOW_BYTES && x->conn->h2->out_bytes > LIMIT_UNSENT_BYTES)
        return MAX(own, (size_t)LIMIT_UNSENT_BYTES + 1);
    return own;
}

void http2_end(struct exchange *x)
{
    x->out_done = true;
    resume(x);
}

void http2_abort(struct exchange *x)
{
    if (x->stream_id)
        nghttp2_submit_rst_stream(x->conn->h2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
}
