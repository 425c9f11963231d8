/* HTTP as the rest of kaname sees it: a request with its answer, the same over HTTP/1.1 and HTTP/2,
 * TLS or plain.
 *
 * net/ turns bytes into struct http_request and hands each to the server's handler, on the loop,
 * once its head and (unless the handler asked for the body as a stream) its whole body have come.
 * The handler answers now or later: exactly one of http_respond, http_stream_begin or http_upgrade.
 * Invariants:
 * 1. A request lives until its answer has ended or its client is gone: then on_gone is called once,
 * and the request must not be touched afterwards. on_gone is also called after a complete answer.
 * After http_upgrade the request lives until the pipe ends. on_gone never comes inside a call of
 * the handler's.
 * 2. The arena of a request is the place for everything made while answering it.
 * 3. Header names are compared without case; values are as sent, trimmed. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/arena.h"
#include "base/list.h"
#include "sys/loop.h"

struct http_header {
    struct str name, value; /* arena */
};

/* Who is on the other side, as the connection knows it. */
struct http_peer {
    struct str address; /* "127.0.0.1:41234"; connection's arena */
    bool tls;
    bool loopback;
    struct str *chain_der; /* verified client certificate and what signed it, leaf first, the
                              trusted one last; NULL without one. Looked at for each request: the
                              chain goes when it is no longer valid */
    size_t chain_count;
    bool certificate_refused; /* there is a certificate, and it is no good: whoever shows it is not
                                 anonymous */
    struct str server_name;   /* SNI */
};

struct http_request {
    struct arena *arena; /* owned by the request */
    struct str method;   /* "GET" */
    struct str path;     /* decoded once; begins with "/" */
    struct str raw_path; /* as sent, without the query */
    struct str query;    /* as sent, without "?" */
    struct str host;
    struct http_header *headers;
    size_t header_count;
    struct str body; /* whole, unless streamed */
    const struct http_peer *peer;
    int version; /* 1 or 2 */
    /* The handler's own: set by it. on_gone: the request ends now. */
    void *user;
    void (*on_gone)(struct http_request *req);
};

struct str http_header(const struct http_request *req,
                       const char *name); /* first value; empty when absent */
/* First value of a query parameter, percent-decoded into the arena; false when absent. "?x" gives
 * an empty value. */
bool http_query(const struct http_request *req, const char *name, struct str *ret);
/* All query pairs, decoded, in order. */
struct http_header *http_query_all(const struct http_request *req, size_t *ret_count);

struct loop *http_request_loop(const struct http_request *req);

struct http_reply {
    int code;
    /* Beside Content-Length and Date, which net writes (a stream may bring its own Content-Length).
     * Connection: close ends the connection after this answer, in HTTP/2 by GOAWAY. */
    struct http_header *headers;
    size_t header_count;
};

/* A whole answer. body is copied or sent before the call returns. */
void http_respond(struct http_request *req, const struct http_reply *reply, struct str body);
/* The same with a buffer that net frees when sent: for large answers. */
void http_respond_buf(struct http_request *req, const struct http_reply *reply, struct buf *body);
/* An answer in parts: chunked in HTTP/1.1. */
void http_stream_begin(struct http_request *req, const struct http_reply *reply);
void http_stream_write(struct http_request *req, struct str data); /* copied */
/* Bytes written but not yet taken by the peer; writers stop above LIMIT_UNSENT_BYTES and go on at
 * on_drained. In HTTP/2 these are the stream's own, until all streams of the connection hold more
 * than LIMIT_UNSENT_BYTES together: then every stream with more than LIMIT_UNSENT_LOW_BYTES counts
 * as full. A large answer made in parts stops earlier, at LIMIT_UNSENT_LOW_BYTES: hundreds of
 * clients that don't read must not cost a mebibyte each. */
size_t http_stream_unsent(const struct http_request *req);
/* fn is called, again and again, when what was written has been taken down to
 * LIMIT_UNSENT_LOW_BYTES or less; first soon after this call if that is so already. An answer of
 * which nothing is taken for LIMIT_IDLE_TIME_MS is given up: on_gone. */
void http_stream_on_drained(struct http_request *req, void (*fn)(struct http_request *req));
void http_stream_end(struct http_request *req);
void http_abort(struct http_request *req); /* cuts the answer short so that the client sees it:
                                              RST_STREAM or closed connection */

/* After an upgrade the connection is a two-way pipe of bytes (HTTP/1.1 only): for WebSocket, SPDY
 * and proxying. */
struct pipe_end;
struct pipe_ops {
    void (*on_data)(void *user, struct str data); /* data is the callee's to copy */
    void (*on_drained)(void *user);               /* may be NULL */
    void (*on_closed)(
        void *user); /* the other side ended; called once; the end is freed afterwards */
};
/* Sends 101 with the headers given and takes the connection over. NULL when the request can't be
 * upgraded (HTTP/2, no Upgrade header): nothing is sent then. */
struct pipe_end *http_upgrade(struct http_request *req, const struct http_reply *reply,
                              const struct pipe_ops *ops, void *user);
void pipe_write(struct pipe_end *p, struct str data);
size_t pipe_unsent(const struct pipe_end *p);
void pipe_pause(struct pipe_end *p, bool paused); /* stops reading: back-pressure */
void pipe_close(
    struct pipe_end *p); /* after what was written has been sent; on_closed is not called */

/* Server. */
struct http_server;
struct tls_config; /* tls.h */
struct http_server_config {
    struct loop *loop;
    struct tls_config *tls; /* borrowed; NULL: plain */
    bool plain_on_loopback; /* with tls: the first byte decides, for loopback peers only */
    bool (*wants_body_stream)(void *user, const struct http_request *head); /* may be NULL */
    void (*handle)(void *user, struct http_request *req);
    void (*handle_body)(void *user, struct http_request *req, struct str part,
                        bool last); /* for streamed bodies */
    void *user;
    /* Memory is short: larger bodies are refused with 429 as they come. May be NULL. */
    bool (*pressed)(void *user);
};
struct http_server *http_server_new(const struct http_server_config *config);
/* Listens on address:port (port 0: any); ret_port gets the real one. fd variant: an already bound,
 * listening socket (another network namespace, or handed over by the supervisor). The descriptor is
 * taken over, and closed by http_server_close. 0 or -errno. */
int http_server_listen(struct http_server *s, const char *address, uint16_t port,
                       uint16_t *ret_port) must_use;
int http_server_listen_fd(struct http_server *s, int fd) must_use;
int http_server_listen_unix(struct http_server *s,
                            const char *path) must_use; /* peers count as loopback */
void http_server_close(struct http_server *s); /* stops listening, GOAWAY, ends idle connections */
void http_server_free(struct http_server *s);
size_t http_server_connections(const struct http_server *s);

#endif
