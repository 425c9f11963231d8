/* What the server's files share, inside net/: connections, exchanges, and the two protocols behind
 * one table.
 *
 *   transport -> http_connection -> http1_server.c or http2_server.c -> struct exchange -> the
 * handler
 *
 * An exchange is a request with its answer. Its states:
 *   RECEIVING -> HANDLING -> STREAMING -> ENDED -> (on_gone, recycled)
 *                   |-> UPGRADED -> ENDED
 * and any of them -> ENDED when the connection dies. on_gone comes from conn_step only, so never
 * inside a call of the handler's. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/map.h"
#include "net/http.h"
#include "net/http1_parser.h"
#include "net/transport.h"

enum exchange_state {
    EXCHANGE_RECEIVING,
    EXCHANGE_HANDLING,
    EXCHANGE_STREAMING,
    EXCHANGE_UPGRADED,
    EXCHANGE_ENDED,
};

struct exchange {
    struct http_request req; /* first: the handler's pointer is ours */
    struct arena arena;
    struct http_connection *conn; /* borrowed */
    struct list link;             /* conn->exchanges, or the server's spare ones */
    enum exchange_state state;
    bool body_streamed;
    bool is_head;
    bool cut;             /* the answer was given up: nothing of it may look complete */
    bool drain_wanted;    /* on_drained is owed once unsent is low */
    struct buf body;      /* owned; request body as it comes */
    uint64_t body_bytes;  /* received so far, also when streamed */
    uint64_t body_length; /* announced; UINT64_MAX: not said */
    void (*on_drained)(struct http_request *req);
    /* HTTP/1.1 */
    bool chunked; /* the answer is sent in chunks */
    /* HTTP/2 */
    int32_t stream_id;
    bool waiting;      /* the session was told that there is nothing to send now */
    bool out_done;     /* nothing is added to out any more */
    bool request_done; /* END_STREAM came */
    bool answered;     /* the answer's head was submitted */
    int early_code;    /* answer with this once the head is complete: 400, 413, 431 */
    uint64_t began_ms; /* of the request; then when the peer last took something of the answer */
    size_t header_bytes;
    size_t header_cap;
    struct buf out; /* owned; answer's bytes not yet in frames */
    size_t out_from;
};

/* What a protocol does for an exchange; http.c checks states first. */
struct http_protocol {
    void (*data)(struct http_connection *c, struct str data);
    void (*room)(struct http_connection *c);
    void (*step)(
        struct http_connection *c); /* after handlers did something, in a turn of its own */
    void (*time_out)(struct http_connection *c);
    void (*shut)(struct http_connection *c); /* the server closes: end soon, politely */
    void (*release)(struct http_connection *c);
    /* owned: the body's memory, taken over; NULL: body is copied. */
    void (*respond)(struct exchange *x, const struct http_reply *reply, struct str body,
                    struct buf *owned);
    void (*begin)(struct exchange *x, const struct http_reply *reply);
    void (*write)(struct exchange *x, struct str data);
    size_t (*unsent)(const struct exchange *x);
    void (*end)(struct exchange *x);
    void (*abort)(struct exchange *x);
};
extern const struct http_protocol http1_protocol, http2_protocol;

enum http1_state {
    HTTP1_HEAD,
    HTTP1_BODY,
    HTTP1_WAIT,
    HTTP1_CLOSING
};

struct http_connection {
    struct http_server *server;           /* borrowed */
    const struct http_protocol *protocol; /* NULL until the connection is open */
    struct transport *transport;          /* owned; NULL when it is gone or was handed to a pipe */
    struct list link;                     /* server->connections */
    struct list exchanges;                /* owned, in order of arrival */
    struct list ended;                    /* owned; their streams are closed, on_gone is owed */
    struct pipe_end *pipe;                /* after an upgrade */
    struct deferred step;
    struct timer timer;
    uint64_t due_ms;          /* 0: no time-out now */
    uint64_t taken, taken_ms; /* what the peer had taken of our bytes, and since when no more */
    bool dead;                /* freed at the next step */
    bool running;             /* inside data or step: they look at changes themselves */
    struct http_peer peer;
    int64_t chain_expires_s; /* of peer.chain_der */
    char address[64];
    char *server_name;            /* owned */
    struct peer_address *counted; /* server->addresses; NULL: not counted */
    /* HTTP/1.1 */
    struct {
        enum http1_state state;
        struct buf
            in; /* owned; bytes that wait: half a head, or requests behind the one being answered */
        struct http1_scan scan;
        struct http1_chunks chunks;
        struct http1_head head; /* in the exchange's arena */
        bool close;             /* no further request on this connection */
        bool skipped_empty_line;
        bool begun; /* a request was read: the HTTP/2 preface may not follow */
    } h1;
    struct http2_server *h2; /* owned */
};

struct http_listener {
    struct http_server *server;
    int fd; /* owned */
    struct loop_fd *watch;
    struct timer pause; /* out of descriptors: accepting goes on when it is over */
    struct list link;
};

struct http_server {
    struct http_server_config config;
    struct list listeners;   /* owned */
    struct list connections; /* owned */
    size_t connection_count;
    struct list spare; /* exchanges ready for use */
    size_t spare_count;
    struct timer trim; /* gives spare ones back when a burst is over */
    uint64_t finished, finished_at_trim;
    struct map addresses; /* remote address -> struct peer_address, owned */
    bool closing;
    char date[32]; /* of date_s */
    int64_t date_s;
};

/* Exchanges */
struct exchange *exchange_new(struct http_connection *c);
/* Ends it from the handler's point of view: on_gone, back to the spare ones. Only from conn_step's
 * callers. */
void exchange_finish(struct exchange *x);
/* Hands the request to the handler. */
void exchange_handle(struct exchange *x);
bool exchange_wants_stream(struct exchange *x);
static inline struct exchange *exchange_of(const struct http_request *req)
{
    return (struct exchange *)(uintptr_t)req;
}
/* Answers without the handler: plain text, e.g. 400. */
void exchange_refuse(struct exchange *x, int code);
/* 0, or the code to refuse a body with that has come or been announced to be so long. */
int exchange_check_body(const struct exchange *x, uint64_t bytes);

/* Connections */
struct http_connection *http_connection_new(struct http_server *s, struct transport *t);
void conn_finish_ended(struct http_connection *c);
void conn_arm(struct http_connection *c); /* step soon */
void conn_close(struct http_connection *c, enum transport_close how);
/* Time-out in ms from now; 0: none. Cheap: the timer is moved only when it would fire too late. */
void conn_deadline(struct http_connection *c, uint64_t delay_ms);
/* Asked by time-outs: the peer has taken nothing for LIMIT_IDLE_TIME_MS of what waits for it. */
bool conn_stalled(struct http_connection *c);
/* Calls on_drained of those who wait and have room. */
void conn_tell_drained(struct http_connection *c);
/* A connection without a socket, for tests and fuzzing: bytes go in by transport_feed and come out
 * by output. Once c->dead is set, neither c nor its transport may be used after the next turn of
 * the loop. */
struct http_connection *http_server_add_memory(struct http_server *s, bool http2,
                                               void (*output)(void *arg, struct str bytes),
                                               void *arg);
extern const struct transport_ops http_connection_ops;

const char *http_date(struct http_server *s); /* now, for the Date header */
const char *http_reason(int code);
/* Headers that net writes or that don't belong into answers of version: left out. */
bool http_header_is_ours(struct str name, int version);

/* pipe.c */
struct pipe_end *pipe_new(struct transport *t, const struct pipe_ops *ops, void *user,
                          void (*on_end)(void *arg), void *arg, struct loop *loop,
                          struct str early);
void pipe_early(struct pipe_end *p,
                struct str early); /* bytes that came before the pipe was there */
void pipe_cut(struct pipe_end *p); /* its connection goes: on_closed is called */

#endif
