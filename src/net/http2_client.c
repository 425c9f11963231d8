/* HTTP/2 on a client's connection, over nghttp2: all exchanges of a target share it. */
#include <errno.h>

#include <nghttp2/nghttp2.h>

#include "base/limits.h"
#include "net/http2_memory.h"
#include "net/http_client_internal.h"

enum {
    BATCH_BYTES = 32 << 10,
    BATCHES_A_TURN = 32,
    REQUEST_HEADERS_FAST = 24,
    CONNECTION_WINDOW_BYTES = 4 << 20,
};

struct http2_client_state {
    nghttp2_session *session; /* owned */
    uint64_t heard_ms;        /* when the peer last said anything */
    bool pinged;
    bool sending;
};

static nghttp2_session *session_of(const struct http_exchange *x)
{
    return x->conn->h2->session;
}

/* Making frames */

static void send_frames(struct client_connection *c)
{
    struct http2_client_state *h2 = c->h2;
    if (h2->sending || !c->transport)
        return;
    h2->sending = true;
    int turns = 0;
    while (c->transport && transport_unsent(c->transport) == 0) {
        if (turns++ == BATCHES_A_TURN) {
            deferred_arm(&c->step);
            break;
        }
        while (c->transport && transport_unsent(c->transport) < BATCH_BYTES) {
            const uint8_t *bytes;
            ssize_t len = nghttp2_session_mem_send(h2->session, &bytes);
            if (len <= 0)
                break;
            transport_write(c->transport, (struct str){(const char *)bytes, (size_t)len});
        }
        if (!c->transport || transport_unsent(c->transport) == 0)
            break;
        transport_flush(c->transport);
    }
    h2->sending = false;
}

/* An exchange that was cancelled is found no more: its stream ends by a reset. */
static ssize_t on_read_body(nghttp2_session *session, int32_t stream_id, uint8_t *buf maybe_unused,
                            size_t length, uint32_t *data_flags,
                            nghttp2_data_source *source maybe_unused, void *user maybe_unused)
{
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    if (!x)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t left = x->body.len - x->body_from;
    if (left == 0 && !x->body_done) {
        x->sending_waits = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (left <= length && x->body_done)
        *data_flags |= NGHTTP2_DATA_FLAG_EOF;
    *data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return (ssize_t)MIN(left, length);
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
                        size_t length, nghttp2_data_source *source maybe_unused, void *user)
{
    struct client_connection *c = user;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!x)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!c->transport)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (transport_unsent(c->transport) >= BATCH_BYTES)
        return NGHTTP2_ERR_WOULDBLOCK;
    transport_write(c->transport, (struct str){(const char *)framehd, 9});
    transport_write(c->transport, (struct str){x->body.data + x->body_from, length});
    x->body_from += length;
    if (x->body_from == x->body.len && !x->body_kept) {
        buf_clear(&x->body);
        x->body_from = 0;
    }
    return 0;
}

/* Reading answers */

static struct str str_of(const uint8_t *data, size_t len)
{
    return (struct str){(const char *)data, len};
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_data,
                     size_t name_len, const uint8_t *value_data, size_t value_len,
                     uint8_t flags maybe_unused, void *user maybe_unused)
{
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!x)
        return 0;
    struct str name = str_of(name_data, name_len), value = str_of(value_data, value_len);
    if (str_is(name, ":status")) {
        uint64_t code;
        if (str_to_u64(value, &code) < 0 || code < 100 || code > 999)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        x->code = (int)code;
        return 0;
    }
    x->answer_header_bytes += name_len + value_len + 32;
    if (x->answer_header_bytes > LIMIT_ANSWER_HEADER_BYTES)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (x->answer_header_count == x->answer_header_cap) {
        size_t cap = x->answer_header_cap ? x->answer_header_cap * 2 : 16,
               size = sizeof(*x->answer_headers);
        x->answer_headers =
            arena_grow(&x->answer, x->answer_headers, x->answer_header_cap * size, cap * size);
        x->answer_header_cap = cap;
    }
    x->answer_headers[x->answer_header_count++] =
        (struct http_header){arena_str(&x->answer, name), arena_str(&x->answer, value)};
    return 0;
}

/* Headers before the answer's are trailers' arrays no more. */
static void forget_headers(struct http_exchange *x)
{
    x->answer_headers = NULL;
    x->answer_header_count = x->answer_header_cap = 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct client_connection *c = user;
    struct http_exchange *x;
    switch (frame->hd.type) {
    case NGHTTP2_GOAWAY: c->closing = true; return 0;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA: break;
    default: return 0;
    }
    x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!x)
        return 0;
    x->got_end = x->got_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (frame->hd.type != NGHTTP2_HEADERS || x->phase == PHASE_HEAD)
        return 0;
    struct http_header *headers = x->answer_headers;
    size_t count = x->answer_header_count;
    forget_headers(x);
    if (x->code >= 200)
        (void)!client_exchange_head(x, x->code, headers, count);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags maybe_unused, int32_t stream_id,
                   const uint8_t *bytes, size_t len, void *user maybe_unused)
{
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    /* The connection's window is for all: it must not wait for one slow reader. */
    nghttp2_session_consume_connection(session, len);
    if (!x)
        return 0;
    if (x->paused || x->held.len) {
        buf_append(&x->held, bytes, len);
        return 0;
    }
    if (client_exchange_data(x, str_of(bytes, len)))
        nghttp2_session_consume_stream(session, stream_id, len);
    return 0;
}

static void end_now(struct http_exchange *x)
{
    client_exchange_end(x, 0, x->answer_headers, x->answer_header_count);
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *user)
{
    struct client_connection *c = user;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    if (x) {
        nghttp2_session_set_stream_user_data(session, stream_id, NULL);
        x->stream_id = 0;
        if (x->got_end && x->phase == PHASE_HEAD && x->held.len)
            x->held_end = true;
        else if (x->got_end && x->phase == PHASE_HEAD)
            end_now(x);
        else if (error_code == NGHTTP2_REFUSED_STREAM)
            client_exchange_failed(x, -ECONNRESET, true);
        else
            client_exchange_end(x,
                                error_code == NGHTTP2_NO_ERROR || error_code == NGHTTP2_CANCEL
                                    ? -ECONNRESET
                                    : -EPROTO,
                                NULL, 0);
    }
    c->used = true;
    if (!c->running)
        deferred_arm(&c->step);
    return 0;
}

/* Session */

static nghttp2_session *new_session(struct client_connection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_continuations(option, LIMIT_H2_CONTINUATIONS * 4);
    int err = nghttp2_session_client_new3(&session, callbacks, c, option, http2_memory());
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return err == 0 ? session : NULL;
}

static void open_session(struct client_connection *c)
{
    c->h2 = mem_alloc(sizeof(*c->h2));
    c->h2->session = new_session(c);
    if (!c->h2->session)
        abort();
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_H2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_ANSWER_HEADER_BYTES},
    };
    nghttp2_submit_settings(c->h2->session, NGHTTP2_FLAG_NONE, settings, ARRAY_COUNT(settings));
    nghttp2_session_set_local_window_size(c->h2->session, NGHTTP2_FLAG_NONE, 0,
                                          CONNECTION_WINDOW_BYTES);
    c->h2->heard_ms = loop_now_ms(c->target->config.loop);
}

static nghttp2_nv pair(struct str name, struct str value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

static size_t fill_pairs(struct http_exchange *x, nghttp2_nv *pairs, char *length_text,
                         size_t length_size)
{
    struct str authority = str_from(x->target->authority);
    size_t count = 4;
    bool has_length = x->body_kept && x->body.len > 0;
    for (size_t i = 0; i < x->header_count; i++) {
        struct http_header h = x->headers[i];
        if (str_equal_nocase(h.name, STR("host"))) {
            authority = h.value;
            continue;
        }
        if (http_header_is_ours(h.name, 2) || str_equal_nocase(h.name, STR("content-length")))
            continue;
        pairs[count++] = pair(h.name, h.value);
    }
    if (has_length) {
        snprintf(length_text, length_size, "%zu", x->body.len);
        pairs[count++] = pair(STR("content-length"), str_from(length_text));
    }
    pairs[0] = pair(STR(":method"), str_from(x->method));
    pairs[1] = pair(STR(":scheme"), x->target->config.tls ? STR("https") : STR("http"));
    pairs[2] = pair(STR(":authority"), authority);
    pairs[3] = pair(STR(":path"), x->path);
    return count;
}

static void start(struct http_exchange *x)
{
    struct client_connection *c = x->conn;
    nghttp2_nv fast[REQUEST_HEADERS_FAST + 5], *pairs = fast;
    char length_text[24];
    if (!c->h2)
        open_session(c);
    if (list_empty(&c->exchanges) || !timer_armed(&c->timer))
        timer_start(&c->timer, LIMIT_CLIENT_PING_MS);
    if (x->header_count > REQUEST_HEADERS_FAST)
        pairs = arena_array(&x->arena, nghttp2_nv, x->header_count + 5);
    size_t count = fill_pairs(x, pairs, length_text, sizeof(length_text));
    bool has_body = x->body.len > 0 || !x->body_done;
    nghttp2_data_provider provider = {.read_callback = on_read_body};
    x->sending_waits = false;
    int32_t id =
        nghttp2_submit_request(c->h2->session, NULL, pairs, count, has_body ? &provider : NULL, x);
    if (id < 0) {
        /* Out of stream numbers: this connection has served a billion requests. */
        c->closing = true;
        client_exchange_failed(x, -ECONNRESET, true);
        return;
    }
    x->stream_id = id;
    client_connection_arm(c);
}

static void settle(struct client_connection *c)
{
    send_frames(c);
    if (!c->transport || c->dead)
        return;
    bool over =
        !nghttp2_session_want_read(c->h2->session) && !nghttp2_session_want_write(c->h2->session);
    if (list_empty(&c->exchanges)) {
        if (over || c->closing)
            client_connection_close(c, TRANSPORT_FLUSH);
        else
            timer_start(&c->timer, LIMIT_CLIENT_IDLE_MS);
    } else if (over) {
        while (!list_empty(&c->exchanges))
            client_exchange_failed(list_first(&c->exchanges, struct http_exchange, link),
                                   -ECONNRESET, false);
        client_connection_close(c, TRANSPORT_FLUSH);
    }
}

static void fail_all(struct client_connection *c, int err)
{
    c->closing = true;
    while (!list_empty(&c->exchanges)) {
        struct http_exchange *x = list_first(&c->exchanges, struct http_exchange, link);
        if (x->stream_id)
            nghttp2_session_set_stream_user_data(c->h2->session, x->stream_id, NULL);
        client_exchange_end(x, err, NULL, 0);
    }
}

static void data(struct client_connection *c, struct str bytes)
{
    if (!c->h2)
        open_session(c);
    c->h2->heard_ms = loop_now_ms(c->target->config.loop);
    c->h2->pinged = false;
    ssize_t taken =
        nghttp2_session_mem_recv(c->h2->session, (const uint8_t *)bytes.data, bytes.len);
    if (c->dead)
        return;
    if (taken < 0) {
        fail_all(c, -EPROTO);
        client_connection_close(c, TRANSPORT_NOW);
        return;
    }
    settle(c);
}

static void room(struct client_connection *c)
{
    if (c->h2)
        settle(c);
}

static struct http_exchange *next_held(struct client_connection *c)
{
    list_each(x, &c->exchanges, struct http_exchange, link)
        if (!x->paused && x->held.len)
            return x;
    return NULL;
}

/* Gives out what was held for those who go on. Callbacks may end any exchange, so each is looked
 * for anew. */
static void give_held(struct client_connection *c)
{
    struct http_exchange *x;
    while (!c->dead && (x = next_held(c))) {
        struct buf held = x->held;
        int32_t stream_id = x->stream_id;
        x->held = (struct buf)BUF_INIT;
        bool there = client_exchange_data(x, buf_str(&held));
        if (there && stream_id)
            nghttp2_session_consume_stream(c->h2->session, stream_id, held.len);
        buf_release(&held);
        if (there && x->held_end && x->held.len == 0)
            end_now(x);
    }
}

static void step(struct client_connection *c)
{
    if (!c->h2)
        return;
    give_held(c);
    if (!c->dead)
        settle(c);
}

static void more_body(struct http_exchange *x)
{
    if (x->sending_waits && x->stream_id)
        nghttp2_session_resume_data(session_of(x), x->stream_id);
    x->sending_waits = false;
    client_connection_arm(x->conn);
}

static void resume(struct http_exchange *x)
{
    if (!x->paused)
        deferred_arm(&x->conn->step);
}

static void drop(struct http_exchange *x)
{
    struct client_connection *c = x->conn;
    if (x->stream_id) {
        nghttp2_session_set_stream_user_data(session_of(x), x->stream_id, NULL);
        nghttp2_submit_rst_stream(session_of(x), NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_CANCEL);
        x->stream_id = 0;
    }
    client_connection_arm(c);
}

static size_t unsent(const struct http_exchange *x maybe_unused)
{
    return 0;
}

static void peer_ended(struct client_connection *c, int err)
{
    fail_all(c, err ? err : -ECONNRESET);
}

static void time_out(struct client_connection *c)
{
    if (list_empty(&c->exchanges)) {
        client_connection_close(c, TRANSPORT_FLUSH);
        return;
    }
    if (c->h2->pinged) {
        fail_all(c, -ETIMEDOUT);
        client_connection_close(c, TRANSPORT_NOW);
        return;
    }
    uint64_t silent = loop_now_ms(c->target->config.loop) - c->h2->heard_ms;
    if (silent < LIMIT_CLIENT_PING_MS) {
        timer_start(&c->timer, LIMIT_CLIENT_PING_MS - silent);
        return;
    }
    c->h2->pinged = true;
    nghttp2_submit_ping(c->h2->session, NGHTTP2_FLAG_NONE, NULL);
    timer_start(&c->timer, LIMIT_CLIENT_PING_ANSWER_MS);
    settle(c);
}

static void release(struct client_connection *c)
{
    if (!c->h2)
        return;
    nghttp2_session_del(c->h2->session);
    mem_free(c->h2);
    c->h2 = NULL;
}

const struct client_protocol http2_client = {
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
