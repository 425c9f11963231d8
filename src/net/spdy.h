/* SPDY/3.1 streams as exec, attach and port-forward use them: over an upgraded pipe or inside
 * WebSocket messages. Streams only: no HTTP semantics beyond their headers. Limits: 100 streams, 64
 * KiB headers.
 *
 * No windows: the peers there are (kubelet, kubectl, client-go, runtimes, all on one Go library)
 * neither send WINDOW_UPDATE nor heed it. Data leaves at once; back-pressure is that of the pipe
 * below: a writer looks at spdy_unsent, a reader's owner pauses the pipe while spdy_unconsumed is
 * high. Invariants:
 * 1. A stream is gone after on_reset, after spdy_reset, and when both sides have sent their last
 * data: after the on_data or spdy_write that made it so.
 * 2. A connection is gone after on_closed (the peer broke the protocol, or said GOAWAY and its
 * streams have ended) and after spdy_free, which calls nothing. */
#ifndef NET_SPDY_H
#define NET_SPDY_H

#include "net/http.h"

struct spdy;        /* a connection */
struct spdy_stream; /* a stream of it */

struct spdy_ops {
    /* The peer opened a stream. Accept by spdy_reply, refuse by spdy_reset. */
    void (*on_open)(void *user, struct spdy_stream *s, const struct http_header *headers,
                    size_t count);
    void (*on_reply)(void *user, struct spdy_stream *s);
    void (*on_data)(void *user, struct spdy_stream *s, struct str data, bool last);
    void (*on_reset)(void *user, struct spdy_stream *s); /* the stream is gone afterwards */
    void (*on_drained)(void *user);
    void (*on_closed)(
        void *user); /* the connection is gone afterwards; no on_reset for its streams */
    void (*output)(void *user, struct str bytes); /* where frames go */
    size_t (*output_unsent)(void *user);          /* bytes that wait there; may be NULL */
};
struct spdy *spdy_new(struct loop *loop, bool server, const struct spdy_ops *ops, void *user);
void spdy_input(struct spdy *c, struct str bytes); /* frames from the peer, in any pieces */
/* NULL when there are too many streams or the peer goes. */
struct spdy_stream *spdy_open(struct spdy *c, const struct http_header *headers, size_t count);
void spdy_reply(struct spdy_stream *s);
void spdy_write(struct spdy_stream *s, struct str data, bool last);
size_t spdy_unsent(const struct spdy_stream *s); /* what output_unsent says */
void spdy_drained(struct spdy *c); /* the owner tells that output drained: on_drained */
void spdy_consumed(struct spdy_stream *s, size_t bytes); /* of what on_data gave */
size_t spdy_unconsumed(const struct spdy *c);            /* given by on_data, not yet consumed */
void spdy_reset(struct spdy_stream *s);
void *spdy_stream_user(const struct spdy_stream *s);
void spdy_stream_set_user(struct spdy_stream *s, void *user);
void spdy_free(struct spdy *c);

#endif
