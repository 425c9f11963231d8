/* HTTP/2 on a server's connection, over nghttp2; and what a peer may not do to us.
 *
 * Frames are made only when the kernel takes them: answers wait in their exchanges, BATCH_BYTES at
 * most in the transport. nghttp2 gives each stream a frame in turn, so a list of megabytes delays a
 * small answer by one frame.
 *
 * Abuse: every frame that isn't a request or a body is paid from an allowance that useful work and
 * time refill (LIMIT_H2_NOISE), every stream that ends by an error from another (LIMIT_H2_RESETS),
 * whoever reset it. An empty allowance ends the connection with ENHANCE_YOUR_CALM. */
#include <errno.h>

#include <nghttp2/nghttp2.h>

#include "base/limits.h"
#include "net/http2_memory.h"
#include "net/http2_walk.h"
#include "net/http_server.h"

enum {
    BATCH_BYTES = 64 << 10,
    BATCHES_A_TURN = 16,
    REPLY_HEADERS_FAST = 24, /* more than this are put into the arena first */
    CONNECTION_WINDOW_BYTES = 1 << 20,
    CREDIT_ANSWER = 8, /* frames of noise that an answered request pays for */
    CREDIT_DATA = 2,   /* the same for a DATA frame that we sent: window updates follow it */
    FORGIVEN_STREAMS = 32,
};

struct allowance {
    int64_t left;
    uint64_t at_ms;
};

struct http2_server {
    nghttp2_session *session; /* owned */
    struct http2_walk walk;
    int32_t newest_stream; /* the highest that the peer has opened */
    struct allowance noise, resets;
    /* Streams that we reset last: what the peer sent to them before it knew is forgiven. Older ones
     * too. */
    int32_t forgiven[FORGIVEN_STREAMS];
    size_t forgiven_count;
    int32_t forgiven_until;
    size_t out_bytes;  /* answers' bytes that wait in exchanges */
    size_t body_bytes; /* request bodies half received */
    bool settings_seen;
    bool too_much; /* an allowance is empty */
    bool ending;   /* GOAWAY was sent: close when the last exchange has gone */
    bool sending;
};

static void spend(struct http_connection *c, struct allowance *a, int64_t most, int64_t a_second)
{
    if (--a->left > 0)
        return;
    /* The clock is read only when the allowance seems empty. */
    uint64_t now = loop_now_ms(c->server->config.loop);
    a->left = MIN(most, (int64_t)((now - a->at_ms) * (uint64_t)a_second / 1000));
    a->at_ms = now;
    if (a->left <= 0)
        c->h2->too_much = true;
}

static void earn(struct allowance *a, int64_t most, int64_t count)
{
    a->left = MIN(most, a->left + count);
}

/* Making frames */

static void send_frames(struct http_connection *c)
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
    c->h2->out_bytes -= length;
    earn(&c->h2->noise, LIMIT_H2_NOISE, CREDIT_DATA);
    if (x->out_from == x->out.len) {
        buf_clear(&x->out);
        x->out_from = 0;
    }
    return 0;
}

static void forgive(struct http2_server *h2, int32_t stream_id)
{
    int32_t *slot = &h2->forgiven[h2->forgiven_count++ % FORGIVEN_STREAMS];
    h2->forgiven_until = MAX(h2->forgiven_until, *slot);
    *slot = stream_id;
}

static bool is_forgiven(const struct http2_server *h2, int32_t stream_id)
{
    for (size_t i = 0; i < FORGIVEN_STREAMS; i++)
        if (h2->forgiven[i] == stream_id)
            return true;
    return stream_id <= h2->forgiven_until;
}

/* An answer that ended before its request: the rest of the request isn't wanted (RFC 9113 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        forgive(c->h2, frame->hd.stream_id);
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

/* Reading requests */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
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
    if (!x->body_streamed && length.data && x->body_length > LIMIT_BODY_BYTES)
        return 413;
    return 0;
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
    if (end)
        body_complete(c, x);
    else if (c->due_ms == 0)
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
    if (x->body_bytes > LIMIT_BODY_BYTES) {
        c->h2->body_bytes -= x->body.len;
        exchange_refuse(x, 413);
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
        spend(c, &h2->resets, LIMIT_H2_RESETS, LIMIT_H2_RESETS_A_SECOND);
    } else {
        earn(&h2->resets, LIMIT_H2_RESETS, 1);
        earn(&h2->noise, LIMIT_H2_NOISE, CREDIT_ANSWER);
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

/* Session */

static nghttp2_session *new_session(struct http_connection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_body);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_continuations(option, LIMIT_H2_CONTINUATIONS);
    /* Ours acts first, and with the code that tells the peer why. */
    nghttp2_option_set_stream_reset_rate_limit(option, LIMIT_H2_RESETS * 4,
                                               LIMIT_H2_RESETS_A_SECOND * 4);
    int err = nghttp2_session_server_new3(&session, callbacks, c, option, http2_memory());
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return err == 0 ? session : NULL;
}

static bool start(struct http_connection *c)
{
    struct http2_server *h2 = mem_alloc(sizeof(*h2));
    uint64_t now = loop_now_ms(c->server->config.loop);
    h2->noise = (struct allowance){LIMIT_H2_NOISE, now};
    h2->resets = (struct allowance){LIMIT_H2_RESETS, now};
    http2_walk_init(&h2->walk, NGHTTP2_CLIENT_MAGIC_LEN);
    c->h2 = h2;
    h2->session = new_session(c);
    if (!h2->session)
        return false;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_H2_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_H2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_BYTES},
    };
    nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, ARRAY_COUNT(settings));
    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                          CONNECTION_WINDOW_BYTES);
    conn_deadline(c, LIMIT_H2_SETTINGS_TIME_MS);
    return true;
}

static void go_away(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    if (h2->ending)
        return;
    h2->ending = true;
    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

/* Sends what can be sent, and closes what is over. */
static void settle(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    conn_finish_ended(c);
    if (h2->too_much) {
        /* No lingering: whoever floods is not read any further, and hears the reset. */
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
        send_frames(c);
        conn_close(c, TRANSPORT_FLUSH);
        return;
    }
    send_frames(c);
    conn_finish_ended(c);
    bool over = !nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session);
    if (over || (h2->ending && list_empty(&c->exchanges) && transport_unsent(c->transport) == 0))
        conn_close(c, TRANSPORT_LINGER);
}

/* nghttp2 forgets closed streams and would ignore what comes for them; RFC 9113 5.1 wants the
 * connection to end. */
static bool comes_too_late(const struct http2_server *h2, const struct http2_frame_head *head)
{
    return (head->stream_id & 1) && head->stream_id <= h2->newest_stream &&
           !nghttp2_session_find_stream(h2->session, head->stream_id) &&
           !is_forgiven(h2, head->stream_id);
}

static bool is_useful(const struct http2_frame_head *head)
{
    return head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_CONTINUATION ||
           (head->type == NGHTTP2_DATA &&
            (head->length > 0 || (head->flags & NGHTTP2_FLAG_END_STREAM)));
}

/* Gives the session its bytes; looks at frames first, and at those of known streams only when what
 * is before them was taken. */
static bool receive(struct http_connection *c, struct str data)
{
    struct http2_server *h2 = c->h2;
    struct http2_frame_head head;
    size_t at = 0, given = 0;
    while (!h2->too_much && http2_walk_next(&h2->walk, data, &at, &head)) {
        if (!is_useful(&head))
            spend(c, &h2->noise, LIMIT_H2_NOISE, LIMIT_H2_NOISE_A_SECOND);
        if (head.type != NGHTTP2_DATA && head.type != NGHTTP2_HEADERS)
            continue;
        if (head.stream_id <= h2->newest_stream) {
            /* All but the head's last byte. */
            struct str before = str_slice(data, given, at - 1);
            if (nghttp2_session_mem_recv(h2->session, (const uint8_t *)before.data, before.len) < 0)
                return false;
            given = at - 1;
            if (comes_too_late(h2, &head)) {
                nghttp2_session_terminate_session(h2->session, NGHTTP2_STREAM_CLOSED);
                return true;
            }
        }
        h2->newest_stream = MAX(h2->newest_stream, head.stream_id);
    }
    struct str rest = str_slice(data, given, data.len);
    return h2->too_much ||
           nghttp2_session_mem_recv(h2->session, (const uint8_t *)rest.data, rest.len) >= 0;
}

static void h2_data(struct http_connection *c, struct str data)
{
    if (!c->h2 && !start(c)) {
        conn_close(c, TRANSPORT_NOW);
        return;
    }
    bool sound = receive(c, data);
    if (c->dead)
        return;
    if (sound) {
        settle(c);
        return;
    }
    /* A broken preface or an outright attack: nothing more can be said than what is queued. */
    send_frames(c);
    conn_close(c, TRANSPORT_FLUSH);
}

static void h2_room(struct http_connection *c)
{
    if (c->h2)
        settle(c);
}

static void h2_step(struct http_connection *c)
{
    if (c->h2)
        settle(c);
}

/* Requests whose body doesn't come are refused; a connection without requests ends. */
static void h2_time_out(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    if (!h2 || !h2->settings_seen) {
        conn_close(c, TRANSPORT_NOW);
        return;
    }
    if (list_empty(&c->exchanges)) {
        go_away(c);
        settle(c);
        return;
    }
    uint64_t now = loop_now_ms(c->server->config.loop), next = 0;
    list_each(x, &c->exchanges, struct exchange, link) {
        if (x->state != EXCHANGE_RECEIVING)
            continue;
        uint64_t due = x->began_ms + LIMIT_REQUEST_TIME_MS;
        if (due > now) {
            next = next ? MIN(next, due) : due;
            continue;
        }
        h2->body_bytes -= x->body.len;
        exchange_refuse(x, 408);
    }
    conn_deadline(c, next ? next - now : 0);
    settle(c);
}

static void h2_shut(struct http_connection *c)
{
    if (!c->h2) {
        conn_close(c, TRANSPORT_FLUSH);
        return;
    }
    go_away(c);
    settle(c);
}

static void h2_release(struct http_connection *c)
{
    if (!c->h2)
        return;
    nghttp2_session_del(c->h2->session);
    mem_free(c->h2);
    c->h2 = NULL;
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

/* length: to be announced; SIZE_MAX when unknown. */
static void submit(struct exchange *x, const struct http_reply *reply, size_t length, bool has_body)
{
    struct http_connection *c = x->conn;
    nghttp2_nv fast[REPLY_HEADERS_FAST + 3], *pairs = fast;
    if (reply->header_count > REPLY_HEADERS_FAST)
        pairs = arena_array(&x->arena, nghttp2_nv, reply->header_count + 3);
    char code[8], length_text[24];
    size_t count = 0;
    snprintf(code, sizeof(code), "%d", reply->code);
    pairs[count++] = pair(STR(":status"), str_from(code));
    for (size_t i = 0; i < reply->header_count; i++) {
        struct http_header h = reply->headers[i];
        if (str_equal_nocase(h.name, STR("connection")) && http1_has_token(h.value, "close"))
            go_away(c);
        if (http_header_is_ours(h.name, 2) ||
            (length != SIZE_MAX && str_equal_nocase(h.name, STR("content-length"))))
            continue;
        pairs[count++] = pair(h.name, h.value);
    }
    pairs[count++] = pair(STR("date"), str_from(http_date(c->server)));
    if (length != SIZE_MAX) {
        snprintf(length_text, sizeof(length_text), "%zu", length);
        pairs[count++] = pair(STR("content-length"), str_from(length_text));
    }
    nghttp2_data_provider provider = {.source.ptr = x, .read_callback = on_read_answer};
    x->answered = true;
    if (nghttp2_submit_response(c->h2->session, x->stream_id, pairs, count,
                                has_body ? &provider : NULL) != 0)
        nghttp2_submit_rst_stream(c->h2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
}

static void h2_respond(struct exchange *x, const struct http_reply *reply, struct str body,
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

static void h2_begin(struct exchange *x, const struct http_reply *reply)
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

static void h2_write(struct exchange *x, struct str data)
{
    /* What was sent is dropped when it is the larger part, so that a stream that never drains stays
     * small. */
    if (x->out_from > x->out.len / 2 && x->out_from > LIMIT_UNSENT_LOW_BYTES) {
        buf_consume(&x->out, x->out_from);
        x->out_from = 0;
    }
    buf_add(&x->out, data);
    x->conn->h2->out_bytes += data.len;
    resume(x);
}

/* The stream's own bytes; a connection that holds too much in all counts as full for all but nearly
 * drained streams. */
static size_t h2_unsent(const struct exchange *x)
{
    size_t own = x->out.len - x->out_from;
    if (own > LIMIT_UNSENT_LOW_BYTES && x->conn->h2->out_bytes > LIMIT_UNSENT_BYTES)
        return MAX(own, (size_t)LIMIT_UNSENT_BYTES + 1);
    return own;
}

static void h2_end(struct exchange *x)
{
    x->out_done = true;
    resume(x);
}

static void h2_abort(struct exchange *x)
{
    if (x->stream_id)
        nghttp2_submit_rst_stream(x->conn->h2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
}

const struct http_protocol http2_protocol = {
    .data = h2_data,
    .room = h2_room,
    .step = h2_step,
    .time_out = h2_time_out,
    .shut = h2_shut,
    .release = h2_release,
    .respond = h2_respond,
    .begin = h2_begin,
    .write = h2_write,
    .unsent = h2_unsent,
    .end = h2_end,
    .abort = h2_abort,
};
