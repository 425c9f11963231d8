/* SPDY/3.1 streams as exec, attach and port-forward use them: over an upgraded pipe or inside WebSocket messages.
 * Streams only: no HTTP semantics beyond their headers. Limits: 100 streams, 64 KiB headers, one window. */
#ifndef NET_SPDY_H
#define NET_SPDY_H

#include "net/http.h"

struct spdy;        /* a connection */
struct spdy_stream; /* a stream of it */

struct spdy_ops {
    /* The peer opened a stream. Accept by spdy_reply, refuse by spdy_reset. */
    void (*on_open)(void *user, struct spdy_stream *s, const struct http_header *headers, size_t count);
    void (*on_reply)(void *user, struct spdy_stream *s);
    void (*on_data)(void *user, struct spdy_stream *s, struct str data, bool last);
    void (*on_reset)(void *user, struct spdy_stream *s); /* the stream is gone afterwards */
    void (*on_drained)(void *user);
    void (*on_closed)(void *user); /* the connection is gone afterwards; no on_reset for its streams */
    void (*output)(void *user, struct str bytes); /* where frames go */
};
struct spdy *spdy_new(struct loop *loop, bool server, const struct spdy_ops *ops, void *user);
void spdy_input(struct spdy *c, struct str bytes); /* frames from the peer, in any pieces */
struct spdy_stream *spdy_open(struct spdy *c, const struct http_header *headers, size_t count);
void spdy_reply(struct spdy_stream *s);
void spdy_write(struct spdy_stream *s, struct str data, bool last);
size_t spdy_unsent(const struct spdy_stream *s); /* waits for the peer's window */
void spdy_consumed(struct spdy_stream *s, size_t bytes); /* opens the window for the peer again */
void spdy_reset(struct spdy_stream *s);
void *spdy_stream_user(const struct spdy_stream *s);
void spdy_stream_set_user(struct spdy_stream *s, void *user);
void spdy_free(struct spdy *c);

#endif
