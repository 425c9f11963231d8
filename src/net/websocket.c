#include <wslay/wslay.h>

#include "net/websocket.h"

#include <errno.h>

#include "base/encode.h"
#include "base/limits.h"
#include "net/digest.h"
#include "sys/random.h"

enum {
    CLOSE_TIME_MS = 5000,
    CODE_ABNORMAL = 1006,
    KEY_BYTES = 16
};

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

struct websocket {
    struct pipe_end *pipe; /* owned; NULL when it is gone */
    struct loop *loop;
    wslay_event_context_ptr ctx;     /* owned */
    const struct websocket_ops *ops; /* NULL: the user is gone */
    void *user;                      /* borrowed */
    struct buf in;                   /* owned; bytes that wait while paused */
    struct str feed;                 /* being read now */
    bool paused;
    bool running;
    bool ended;
    int code; /* of the peer's close frame */
    struct deferred later;
    struct timer limit; /* for the peer's answer to our close */
};

/* Handshake */

static struct str accept_key(struct arena *a, struct str key)
{
    uint8_t hash[SHA1_BYTES];
    struct str text = arena_printf(a, "%.*s%s", STR_ARG(key), accept_guid);
    digest_sha1(text, hash);
    return base64_encode(a, (struct str){(const char *)hash, sizeof(hash)});
}

static bool list_has(const struct http_request *req, const char *header, const char *token)
{
    for (size_t i = 0; i < req->header_count; i++) {
        struct str rest = req->headers[i].value;
        if (!str_equal_nocase(req->headers[i].name, str_from(header)))
            continue;
        while (rest.data)
            if (str_equal_nocase(str_trim(str_cut(&rest, ',')), str_from(token)))
                return true;
    }
    return false;
}

bool websocket_requested(const struct http_request *req)
{
    return list_has(req, "Upgrade", "websocket") && list_has(req, "Connection", "Upgrade");
}

bool websocket_offers(const struct http_request *req, const char *protocol)
{
    return list_has(req, "Sec-WebSocket-Protocol", protocol);
}

static const char *choose(const struct http_request *req, const char *const *protocols)
{
    for (size_t i = 0; protocols && protocols[i]; i++)
        if (list_has(req, "Sec-WebSocket-Protocol", protocols[i]))
            return protocols[i];
    return NULL;
}

static void refuse(struct http_request *req, const char *why)
{
    struct http_header headers[] = {{STR("Content-Type"), STR("text/plain; charset=utf-8")},
                                    {STR("Sec-WebSocket-Version"), STR("13")}};
    struct http_reply reply = {.code = 400, .headers = headers, .header_count = 2};
    http_respond(req, &reply, str_from(why));
}

/* What is wrong with a handshake, or NULL. */
static const char *fault(struct http_request *req, const char *const *protocols)
{
    struct str key;
    if (!str_is(req->method, "GET") || !websocket_requested(req))
        return "not a WebSocket handshake\n";
    if (!str_is(http_header(req, "Sec-WebSocket-Version"), "13"))
        return "missing or bad WebSocket version\n";
    if (base64_decode(req->arena, http_header(req, "Sec-WebSocket-Key"), &key) < 0 ||
        key.len != KEY_BYTES)
        return "bad challenge key\n";
    if (protocols && http_header(req, "Sec-WebSocket-Protocol").data && !choose(req, protocols))
        return "no WebSocket subprotocol in common\n";
    return NULL;
}

/* Frames */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
                       int flags maybe_unused, void *user)
{
    struct websocket *w = user;
    if (w->feed.len == 0 || w->paused || !w->ops) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t part = MIN(len, w->feed.len);
    memcpy(buf, w->feed.data, part);
    w->feed = str_slice(w->feed, part, w->feed.len);
    return (ssize_t)part;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len,
                       int flags maybe_unused, void *user)
{
    struct websocket *w = user;
    if (!w->pipe) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    pipe_write(w->pipe, (struct str){(const char *)data, len});
    return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr ctx maybe_unused, uint8_t *buf, size_t len,
                   void *user maybe_unused)
{
    random_bytes(buf, len);
    return 0;
}

static void on_message(wslay_event_context_ptr ctx maybe_unused,
                       const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct websocket *w = user;
    if (message->opcode == WSLAY_CONNECTION_CLOSE) {
        w->code = message->status_code ? message->status_code : WSLAY_CODE_NO_STATUS_RCVD;
        return;
    }
    bool text = message->opcode == WSLAY_TEXT_FRAME;
    if (w->ops && (text || message->opcode == WSLAY_BINARY_FRAME))
        w->ops->on_message(w->user, (struct str){(const char *)message->msg, message->msg_length},
                           text);
}

static void websocket_free(struct websocket *w)
{
    deferred_cancel(&w->later);
    timer_stop(&w->limit);
    wslay_event_context_free(w->ctx);
    buf_release(&w->in);
    mem_free(w);
}

static void flush(struct websocket *w)
{
    if (w->ctx && w->pipe)
        (void)!wslay_event_send(w->ctx);
}

/* The end of the connection, told to the user unless he ended it. Memory goes in a turn of its own.
 */
static void end(struct websocket *w, int code)
{
    if (w->ended)
        return;
    w->ended = true;
    if (w->pipe)
        pipe_close(w->pipe);
    w->pipe = NULL;
    const struct websocket_ops *ops = w->ops;
    w->ops = NULL;
    if (ops)
        ops->on_closed(w->user, code);
    deferred_arm(&w->later);
}

/* Reads what there is. A paused websocket keeps the rest. */
static void run(struct websocket *w, struct str data)
{
    struct buf kept = w->in;
    w->in = (struct buf)BUF_INIT;
    if (kept.len) {
        buf_add(&kept, data);
        data = buf_str(&kept);
    }
    w->feed = data;
    w->running = true;
    int err = w->ctx ? wslay_event_recv(w->ctx) : 0;
    w->running = false;
    flush(w);
    if (!w->ended && w->feed.len && w->paused)
        buf_add(&w->in, w->feed);
    w->feed = STR_NONE;
    buf_release(&kept);
    /* A fatal error, or both sides have said close. */
    if (err != 0 ||
        (w->ctx && wslay_event_get_close_received(w->ctx) && wslay_event_get_close_sent(w->ctx)))
        end(w, w->code ? w->code : CODE_ABNORMAL);
}

static void on_pipe_data(void *user, struct str data)
{
    struct websocket *w = user;
    if (!w->ended)
        run(w, data);
}

static void on_pipe_drained(void *user)
{
    struct websocket *w = user;
    if (w->ops && w->ops->on_drained)
        w->ops->on_drained(w->user);
}

static void on_pipe_closed(void *user)
{
    struct websocket *w = user;
    w->pipe = NULL;
    end(w, w->code ? w->code : CODE_ABNORMAL);
}

static const struct pipe_ops pipe_operations = {on_pipe_data, on_pipe_drained, on_pipe_closed};

static void on_later(void *arg)
{
    struct websocket *w = arg;
    if (w->ended)
        websocket_free(w);
    else if (!w->paused)
        run(w, STR_NONE);
}

static void on_limit(void *arg)
{
    end(arg, CODE_ABNORMAL);
}

static struct websocket *websocket_new(struct loop *loop, bool server,
                                       const struct websocket_ops *ops, void *user)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                           .send_callback = on_send,
                                                           .genmask_callback = on_mask,
                                                           .on_msg_recv_callback = on_message};
    struct websocket *w = mem_alloc(sizeof(*w));
    w->loop = loop;
    w->ops = ops;
    w->user = user;
    deferred_init(&w->later, loop, on_later, w);
    timer_init(&w->limit, loop, on_limit, w);
    int err = server ? wslay_event_context_server_init(&w->ctx, &callbacks, w)
                     : wslay_event_context_client_init(&w->ctx, &callbacks, w);
    if (err)
        abort();
    wslay_event_config_set_max_recv_msg_length(w->ctx, LIMIT_WEBSOCKET_MESSAGE_BYTES);
    return w;
}

struct websocket *websocket_accept(struct http_request *req, const char *const *protocols,
                                   const char **ret_protocol, const struct websocket_ops *ops,
                                   void *user)
{
    const char *wrong = fault(req, protocols);
    if (wrong) {
        refuse(req, wrong);
        return NULL;
    }
    const char *protocol = choose(req, protocols);
    struct http_header headers[] = {{STR("Sec-WebSocket-Accept"),
                                     accept_key(req->arena, http_header(req, "Sec-WebSocket-Key"))},
                                    {STR("Sec-WebSocket-Protocol"), str_from(protocol)}};
    struct http_reply reply = {.code = 101, .headers = headers, .header_count = protocol ? 2 : 1};
    struct websocket *w = websocket_new(http_request_loop(req), true, ops, user);
    w->pipe = http_upgrade(req, &reply, &pipe_operations, w);
    if (!w->pipe) {
        websocket_free(w);
        refuse(req, "WebSocket needs HTTP/1.1\n");
        return NULL;
    }
    if (ret_protocol)
        *ret_protocol = protocol;
    return w;
}

void websocket_send(struct websocket *w, struct str data, bool text)
{
    struct wslay_event_msg message = {.opcode = text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME,
                                      .msg = (const uint8_t *)data.data,
                                      .msg_length = data.len};
    if (w->ended)
        return;
    (void)!wslay_event_queue_msg(w->ctx, &message);
    flush(w);
}

size_t websocket_unsent(const struct websocket *w)
{
    return w->pipe ? pipe_unsent(w->pipe) : 0;
}

void websocket_pause(struct websocket *w, bool paused)
{
    if (w->paused == paused || w->ended)
        return;
    w->paused = paused;
    if (w->pipe)
        pipe_pause(w->pipe, paused);
    if (!paused)
        deferred_arm(&w->later);
}

void websocket_close(struct websocket *w, int code)
{
    w->ops = NULL;
    if (w->ended)
        return;
    (void)!wslay_event_queue_close(w->ctx, (uint16_t)code, NULL, 0);
    flush(w);
    /* Messages that still come are read to their end, the peer's close, by nobody. */
    w->paused = false;
    if (w->pipe)
        pipe_pause(w->pipe, false);
    if (wslay_event_get_close_received(w->ctx) || !w->pipe)
        end(w, code);
    else
        timer_start(&w->limit, CLOSE_TIME_MS);
}

/* Client */

struct str websocket_client_key(struct arena *a)
{
    char bytes[KEY_BYTES];
    random_bytes(bytes, sizeof(bytes));
    return base64_encode(a, (struct str){bytes, sizeof(bytes)});
}

struct dial {
    struct websocket *w;
    struct arena arena;
    struct str key;
    void (*on_connected)(void *user, int err, int code, struct str body, struct websocket *w,
                         struct str protocol);
    void *user; /* borrowed */
};

static struct str find(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal_nocase(headers[i].name, str_from(name)))
            return headers[i].value;
    return STR_NONE;
}

static void on_upgraded(void *user, int err, int code, const struct http_header *headers,
                        size_t count, struct str body, struct pipe_end *pipe)
{
    /* The pipe's user is the websocket; its user member holds the dial until it is connected. */
    struct websocket *w = user;
    struct dial *d = w->user;
    struct str want = accept_key(&d->arena, d->key);
    if (pipe && !str_equal(find(headers, count, "Sec-WebSocket-Accept"), want)) {
        pipe_close(pipe);
        pipe = NULL;
        err = -EPROTO;
    }
    w->pipe = pipe;
    w->user = d->user;
    if (pipe) {
        d->on_connected(d->user, 0, code, STR_NONE, w,
                        find(headers, count, "Sec-WebSocket-Protocol"));
    } else {
        w->ops = NULL;
        w->ended = true;
        deferred_arm(&w->later);
        d->on_connected(d->user, err, code, body, NULL, STR_NONE);
    }
    arena_release(&d->arena);
    mem_free(d);
}

void websocket_connect(struct http_target *target, struct loop *loop,
                       const struct http_exchange_request *request, const char *protocols,
                       const struct websocket_ops *ops,
                       void (*on_connected)(void *user, int err, int code, struct str body,
                                            struct websocket *w, struct str protocol),
                       void *user)
{
    static const struct http_upgrade_ops upgrade_ops = {on_upgraded, &pipe_operations};
    struct dial *d = mem_alloc(sizeof(*d));
    arena_init(&d->arena);
    d->key = websocket_client_key(&d->arena);
    d->on_connected = on_connected;
    d->user = user;
    struct websocket *w = websocket_new(loop, false, ops, d);
    size_t count = 0;
    struct http_header *headers =
        arena_array(&d->arena, struct http_header, request->header_count + 4);
    for (; count < request->header_count; count++)
        headers[count] = request->headers[count];
    headers[count++] = (struct http_header){STR("Upgrade"), STR("websocket")};
    headers[count++] = (struct http_header){STR("Sec-WebSocket-Version"), STR("13")};
    headers[count++] = (struct http_header){STR("Sec-WebSocket-Key"), d->key};
    if (protocols)
        headers[count++] = (struct http_header){STR("Sec-WebSocket-Protocol"), str_from(protocols)};
    struct http_exchange_request with = *request;
    with.method = "GET";
    with.headers = headers;
    with.header_count = count;
    with.body = STR_NONE;
    http_send_upgrade(target, &with, &upgrade_ops, w);
}
