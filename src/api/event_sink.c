#include "api/event_sink.h"

#include "api/respond.h"

static void on_message(void *user maybe_unused, struct str data maybe_unused,
                       bool text maybe_unused)
{
    /* Whoever watches has nothing to say. */
}

static void on_socket_drained(void *user)
{
    struct event_sink *s = user;
    s->on_drained(s->request->http);
}

static void on_socket_closed(void *user, int code maybe_unused)
{
    struct event_sink *s = user;
    s->socket = NULL; /* the request ends with its connection */
}

static const struct websocket_ops socket_ops = {on_message, on_socket_drained, on_socket_closed};

/* The one protocol that the client offers beside the one that carries its token: it is taken
 * whatever it is called. NULL: none, or several. */
static const char *only_protocol(struct request *r)
{
    struct str all = http_header(r->http, "Sec-WebSocket-Protocol"), found = STR_NONE;
    while (all.data) {
        struct str one = str_trim(str_cut(&all, ','));
        if (str_empty(one) || str_starts(one, "base64url.bearer.authorization.k8s.io."))
            continue;
        if (found.data)
            return NULL;
        found = one;
    }
    return found.data ? arena_cstr(r->arena, found) : NULL;
}

bool event_sink_begin(struct event_sink *s, struct request *r, bool protobuf,
                      void (*on_drained)(struct http_request *http))
{
    *s = (struct event_sink){.request = r,
                             .protobuf = protobuf,
                             .messages = websocket_requested(r->http),
                             .on_drained = on_drained};
    if (!s->messages) {
        respond_stream_begin(r, protobuf ? "application/vnd.kubernetes.protobuf;stream=watch"
                                         : "application/json");
        return s->open = true;
    }
    const char *protocols[] = {only_protocol(r), NULL};
    r->code = 101;
    s->socket = websocket_accept(r->http, protocols, NULL, &socket_ops, s);
    if (!s->socket)
        r->code = 400;
    return s->open = s->socket != NULL;
}

/* Takes the next event off. JSON ends in a line's end, which belongs to the message too; protobuf
 * has its length in front, which doesn't. */
static struct str next_event(const struct event_sink *s, struct str *events)
{
    size_t begin = 0, end = events->len;
    ssize_t line = s->protobuf ? -1 : str_find(*events, '\n');
    if (line >= 0)
        end = (size_t)line + 1;
    if (s->protobuf) {
        const unsigned char *p = (const unsigned char *)events->data;
        assert(events->len >= 4);
        begin = 4;
        end = 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
        assert(end <= events->len);
    }
    struct str event = str_slice(*events, begin, end);
    *events = str_slice(*events, end, events->len);
    return event;
}

void event_sink_write(struct event_sink *s, struct str events)
{
    if (!s->open)
        return;
    if (!s->messages) {
        http_stream_write(s->request->http, events);
        return;
    }
    while (events.len && s->socket)
        websocket_send(s->socket, next_event(s, &events), !s->protobuf);
}

size_t event_sink_unsent(const struct event_sink *s)
{
    if (s->messages)
        return s->socket ? websocket_unsent(s->socket) : 0;
    return http_stream_unsent(s->request->http);
}

void event_sink_when_drained(struct event_sink *s)
{
    if (!s->messages)
        http_stream_on_drained(s->request->http, s->on_drained);
}

void event_sink_end(struct event_sink *s)
{
    if (!s->open)
        return;
    s->open = false;
    if (!s->messages)
        http_stream_end(s->request->http);
    else if (s->socket)
        websocket_close(take_ptr(s->socket), 1000);
}

void event_sink_gone(struct event_sink *s)
{
    s->open = false;
    if (s->socket)
        websocket_close(take_ptr(s->socket), 1001);
}
