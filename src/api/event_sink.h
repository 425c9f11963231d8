/* Event sink: where the events of a watch go: a chunked answer, or the messages of a WebSocket when
 * the client asked for one. Internal to api/.
 *
 * In messages each event is one, text for JSON and binary for protobuf, without the length that
 * frames it in an answer. */
#ifndef API_EVENT_SINK_H
#define API_EVENT_SINK_H

#include "api/request.h"
#include "net/websocket.h"

struct event_sink {
    struct request *request;  /* borrowed: lives longer */
    struct websocket *socket; /* owned; NULL: an answer, or over */
    bool protobuf;            /* the form of the events */
    bool messages;            /* they go into a WebSocket */
    bool open;                /* begun and not ended */
    void (*on_drained)(struct http_request *http);
};

/* Begins the answer. on_drained is called when what was unsent has been taken, after
 * event_sink_when_drained. False when the handshake was refused: the request is answered. */
bool event_sink_begin(struct event_sink *s, struct request *r, bool protobuf,
                      void (*on_drained)(struct http_request *http)) must_use;
/* Whole events, one behind the other, in the form of an answer. */
void event_sink_write(struct event_sink *s, struct str events);
size_t event_sink_unsent(const struct event_sink *s);
void event_sink_when_drained(struct event_sink *s);
void event_sink_end(struct event_sink *s);
/* The request is gone: nothing is written any more. */
void event_sink_gone(struct event_sink *s);

#endif
