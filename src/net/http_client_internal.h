/* What the client's files share, inside net/: targets, their connections, and exchanges on them.
 *
 *   http_send -> target's waiting list -> a connection (http1_client.c or http2_client.c) ->
 * callbacks
 *
 * Exchange: WAITING (for a connection) -> SENT -> HEAD (answer's head shown) -> gone. An exchange
 * whose connection fails before anything of the answer came goes back to WAITING once, when that
 * can't do harm: HTTP/2 said that it wasn't processed, or a kept connection had ended and the
 * method may be repeated. */
#ifndef NET_HTTP_CLIENT_INTERNAL_H
#define NET_HTTP_CLIENT_INTERNAL_H

#include "net/http1_parser.h"
#include "net/http_client.h"
#include "net/transport.h"
#include "sys/socket.h"

enum exchange_phase {
    PHASE_WAITING,
    PHASE_SENT,
    PHASE_HEAD,
    PHASE_GONE
};

struct http_exchange {
    struct http_target *target;     /* borrowed */
    struct client_connection *conn; /* borrowed; NULL while waiting */
    struct list link;               /* target->waiting, or conn->exchanges */
    enum exchange_phase phase;
    const struct http_exchange_ops *ops;
    void *user;
    struct arena arena; /* the request */
    const char *method; /* arena */
    struct str path;    /* arena */
    struct http_header *headers;
    size_t header_count;
    struct buf body; /* owned; not yet sent, or kept to be sent again */
    size_t body_from;
    bool body_done; /* nothing is added any more */
    bool tried_again;
    bool paused;
    bool body_kept; /* all of the body is there from the start: it may be sent again */
    bool calling;   /* inside a callback */
    struct timer timer;
    struct arena answer; /* heads and trailers of the answer */
    /* HTTP/2 */
    int32_t stream_id;
    bool sending_waits; /* the session was told that the body has nothing to send now */
    bool got_end;       /* END_STREAM came */
    int code;
    struct http_header *answer_headers;
    size_t answer_header_count, answer_header_cap, answer_header_bytes;
    struct buf held; /* owned; data that came while paused */
    bool held_end;   /* the stream is closed; the end is told when the data has been */
    /* Upgrade */
    const struct http_upgrade_ops *upgrade;
    void *upgrade_user;      /* borrowed */
    struct buf upgrade_body; /* owned; of a refusal */
};

struct client_protocol {
    void (*start)(struct http_exchange *x); /* sends its head and what there is of the body */
    void (*data)(struct client_connection *c, struct str data);
    void (*room)(struct client_connection *c);
    void (*step)(struct client_connection *c);
    void (*more_body)(struct http_exchange *x); /* body grew or is done */
    void (*resume)(struct http_exchange *x);    /* pause changed */
    void (*drop)(struct http_exchange *x);      /* the user doesn't want it any more: detach it */
    size_t (*unsent)(const struct http_exchange *x);
    void (*peer_ended)(struct client_connection *c, int err); /* before the connection dies */
    void (*time_out)(struct client_connection *c);
    void (*release)(struct client_connection *c);
};
extern const struct client_protocol http1_client, http2_client;

struct client_connection {
    struct http_target *target;
    const struct client_protocol *protocol; /* NULL until connected */
    struct socket_dial *dial;               /* owned; while dialling */
    struct transport *transport;            /* owned */
    struct list link;                       /* target->connections */
    struct list exchanges;                  /* on it */
    struct deferred step;
    struct timer timer; /* connecting; then idle or ping */
    bool dead;
    bool closing; /* takes no new exchanges */
    bool used;    /* an answer has come on it */
    bool running;
    struct http_exchange *upgrade; /* the only one that it serves */
    /* HTTP/1.1 */
    struct {
        struct buf in; /* owned */
        struct http1_scan scan;
        struct http1_chunks chunks;
        struct http1_head head;
        enum {
            ANSWER_HEAD,
            ANSWER_BODY
        } state;
        bool close_delimited;
        bool keep;     /* may be used again */
        bool sent_all; /* the request is out */
        bool got_bytes;
        uint64_t left;
    } h1;
    struct http2_client_state *h2; /* owned */
};

struct http_target {
    struct http_target_config config;
    char *host;              /* owned */
    char *unix_path;         /* owned */
    char *authority;         /* owned; Host or :authority */
    struct list connections; /* owned */
    struct list waiting;
    size_t connection_count;
    struct deferred pump;
    bool may_http2; /* a connection may turn out to be HTTP/2: one is tried before others are opened
                     */
    bool freed;
};

/* Ends x for its user; x is freed. */
void client_exchange_end(struct http_exchange *x, int err, const struct http_header *trailers,
                         size_t count);
/* These two tell whether x is still there afterwards. */
bool client_exchange_head(struct http_exchange *x, int code, const struct http_header *headers,
                          size_t count) must_use;
bool client_exchange_data(struct http_exchange *x, struct str data) must_use;
/* Back to waiting if that is sound, else ended with err. */
void client_exchange_failed(struct http_exchange *x, int err, bool not_processed);
/* A connection without a socket, for tests and fuzzing: bytes go in by transport_feed and come out
 * by output. Once c->dead is set, neither c nor its transport may be used after the next turn of
 * the loop. */
struct client_connection *http_target_add_memory(struct http_target *t, bool http2,
                                                 void (*output)(void *arg, struct str bytes),
                                                 void *arg);
/* Frees the connection at its next step; its exchanges must have been dealt with. */
void client_connection_close(struct client_connection *c, enum transport_close how);
void client_connection_arm(struct client_connection *c);
void client_pump(struct http_target *t); /* gives waiting exchanges to connections, soon */
struct pipe_end *pipe_new(struct transport *t, const struct pipe_ops *ops, void *user,
                          void (*on_end)(void *arg), void *arg, struct loop *loop,
                          struct str early);
/* Header names that the client writes itself or that don't belong into a request of that version.
 */
bool http_header_is_ours(struct str name, int version);

#endif
