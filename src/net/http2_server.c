/* HTTP/2 on a server's connection, over nghttp2; and what a peer may not do to us.
 *
 * Frames are made only when the kernel takes them: answers wait in their exchanges, BATCH_BYTES at
 * most in the transport. nghttp2 gives each stream a frame in turn, so a list of megabytes delays a
 * small answer by one frame.
 *
 * Abuse: every frame that isn't a request or a body is paid from an allowance that useful work and
 * time refill (LIMIT_H2_NOISE), every stream that ends by an error from another (LIMIT_H2_RESETS),
 * whoever reset it. An empty allowance ends the connection with ENHANCE_YOUR_CALM. */
#include <nghttp2/nghttp2.h>

#include "net/http2_memory.h"
#include "net/http2_server.h"

enum {
    CONNECTION_WINDOW_BYTES = 1 << 20
};

void http2_spend(struct http_connection *c, struct allowance *a, int64_t most, int64_t a_second)
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

void http2_earn(struct allowance *a, int64_t most, int64_t count)
{
    a->left = MIN(most, a->left + count);
}

void http2_forgive(struct http2_server *h2, int32_t stream_id)
{
    int32_t *slot = &h2->forgiven[h2->forgiven_count++ % HTTP2_FORGIVEN_STREAMS];
    h2->forgiven_until = MAX(h2->forgiven_until, *slot);
    *slot = stream_id;
}

static bool is_forgiven(const struct http2_server *h2, int32_t stream_id)
{
    for (size_t i = 0; i < HTTP2_FORGIVEN_STREAMS; i++)
        if (h2->forgiven[i] == stream_id)
            return true;
    return stream_id <= h2->forgiven_until;
}

static nghttp2_session *new_session(struct http_connection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    http2_request_callbacks(callbacks);
    http2_answer_callbacks(callbacks);
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

void http2_go_away(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    if (h2->ending)
        return;
    h2->ending = true;
    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

void http2_go_away_soon(struct http_connection *c)
{
    if (!c->h2->ending && !c->h2->noticed)
        nghttp2_submit_shutdown_notice(c->h2->session);
    c->h2->noticed = true;
}

/* Sends what can be sent, and closes what is over. */
static void settle(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    conn_finish_ended(c);
    if (h2->too_much) {
        /* No lingering: whoever floods is not read any further, and hears the reset. */
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
        http2_send_frames(c);
        conn_close(c, TRANSPORT_FLUSH);
        return;
    }
    http2_send_frames(c);
    conn_finish_ended(c);
    bool over = !nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session);
    if (over || (h2->ending && list_empty(&c->exchanges) && transport_unsent(c->transport) == 0))
        conn_close(c, TRANSPORT_LINGER);
    else if (h2->noticed && !h2->lingering && list_empty(&c->exchanges)) {
        h2->lingering = true;
        conn_deadline(c, LIMIT_LINGER_TIME_MS);
    } else if (h2->out_bytes > 0 && c->due_ms == 0)
        conn_deadline(c, LIMIT_IDLE_TIME_MS);
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
            http2_spend(c, &h2->noise, LIMIT_H2_NOISE, LIMIT_H2_NOISE_A_SECOND);
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
    http2_send_frames(c);
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

/* One exchange at a time-out: 0, or when to look again. A body that doesn't come is refused, an
 * answer that isn't taken is given up. */
static uint64_t check_exchange(struct exchange *x, uint64_t now)
{
    bool receiving = x->state == EXCHANGE_RECEIVING;
    if (!receiving && x->out.len == x->out_from)
        return 0;
    uint64_t due = x->began_ms + (receiving ? LIMIT_REQUEST_TIME_MS : LIMIT_IDLE_TIME_MS);
    if (due > now)
        return due;
    if (receiving) {
        http2_take_back(x);
        exchange_refuse(x, 408);
    } else {
        x->state = EXCHANGE_ENDED;
        http2_abort(x);
    }
    return 0;
}

/* A connection without requests ends, and one whose peer takes nothing. */
static void h2_time_out(struct http_connection *c)
{
    struct http2_server *h2 = c->h2;
    if (!h2 || !h2->settings_seen || conn_stalled(c)) {
        conn_close(c, TRANSPORT_NOW);
        return;
    }
    if (list_empty(&c->exchanges)) {
        http2_go_away(c);
        settle(c);
        return;
    }
    uint64_t now = loop_now_ms(c->server->config.loop), next = 0;
    if (transport_unsent(c->transport) > 0)
        next = now + LIMIT_IDLE_TIME_MS;
    list_each(x, &c->exchanges, struct exchange, link) {
        uint64_t due = check_exchange(x, now);
        if (due)
            next = next ? MIN(next, due) : due;
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
    http2_go_away(c);
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

const struct http_protocol http2_protocol = {
    .data = h2_data,
    .room = h2_room,
    .step = h2_step,
    .time_out = h2_time_out,
    .shut = h2_shut,
    .release = h2_release,
    .respond = http2_respond,
    .begin = http2_begin,
    .write = http2_write,
    .unsent = http2_unsent,
    .end = http2_end,
    .abort = http2_abort,
};
