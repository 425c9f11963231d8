/* What the files of a server's HTTP/2 share, inside net/.
 *
 *   http2_server.c   the session: bytes in, allowances, time-outs, ends
 *   http2_request.c  frames that become requests
 *   http2_answer.c   answers that become frames */
#ifndef NET_HTTP2_SERVER_H
#define NET_HTTP2_SERVER_H

#include "base/limits.h"
#include "net/http2_walk.h"
#include "net/http_server.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

enum {
    HTTP2_FORGIVEN_STREAMS = 32,
    HTTP2_CREDIT_ANSWER = 8, /* frames of noise that an answered request pays for */
    HTTP2_CREDIT_DATA = 2,   /* the same for a DATA frame that we sent: window updates follow it */
};

/* Frames or resets that the peer may still cause. */
struct allowance {
    int64_t left;
    uint64_t at_ms;
};

struct http2_server {
    struct nghttp2_session *session; /* owned */
    struct http2_walk walk;
    int32_t newest_stream; /* the highest that the peer has opened */
    struct allowance noise, resets;
    /* Streams that we reset last: what the peer sent to them before it knew is forgiven. Older ones
     * too. */
    int32_t forgiven[HTTP2_FORGIVEN_STREAMS];
    size_t forgiven_count;
    int32_t forgiven_until;
    size_t out_bytes;  /* answers' bytes that wait in exchanges */
    size_t body_bytes; /* request bodies half received */
    bool settings_seen;
    bool too_much;  /* an allowance is empty */
    bool ending;    /* GOAWAY was sent: close when the last exchange has gone */
    bool noticed;   /* told that it will be: new streams are refused, other frames heard a while */
    bool lingering; /* that while runs */
    bool sending;
};

void http2_spend(struct http_connection *c, struct allowance *a, int64_t most, int64_t a_second);
void http2_earn(struct allowance *a, int64_t most, int64_t count);
/* A stream that we reset: what still comes for it is no fault. */
void http2_forgive(struct http2_server *h2, int32_t stream_id);
void http2_go_away(
    struct http_connection *c); /* no new requests; closes when the last answer is out */
/* The same with a warning LIMIT_LINGER_TIME_MS ahead (RFC 9113 6.8), so that frames on their way
 * are not answered by a reset. */
void http2_go_away_soon(struct http_connection *c);

/* Drops what has come of a body that is refused, and counts it no more, though its end may still
 * come. */
void http2_take_back(struct exchange *x);
void http2_request_callbacks(struct nghttp2_session_callbacks *callbacks);
void http2_answer_callbacks(struct nghttp2_session_callbacks *callbacks);
void http2_send_frames(struct http_connection *c); /* as many as the kernel takes */

/* For the table of the protocol; see struct http_protocol. */
void http2_respond(struct exchange *x, const struct http_reply *reply, struct str body,
                   struct buf *owned);
void http2_begin(struct exchange *x, const struct http_reply *reply);
void http2_write(struct exchange *x, struct str data);
size_t http2_unsent(const struct exchange *x);
void http2_end(struct exchange *x);
void http2_abort(struct exchange *x);

#endif
