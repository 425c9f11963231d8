/* HTTP client on the loop: connections are kept and shared per target; HTTP/2 where the peer offers
 * it, else HTTP/1.1.
 *
 * Used by client/ (remote API servers), by api/ (kubelet, webhooks, aggregated APIs), by node/ (CRI
 * over a unix socket: h2c). */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "net/http.h"
#include "net/tls.h"

struct http_target;

struct http_target_config {
    struct loop *loop;
    const char *host; /* name or address; NULL for a unix socket */
    uint16_t port;
    const char *unix_path;  /* NULL for TCP */
    struct tls_config *tls; /* ref taken; NULL: plain */
    bool http2_prior;       /* plain HTTP/2 without upgrade (gRPC over a unix socket) */
    int netns_fd;           /* network namespace to dial from; -1: this process's */
    uint32_t connect_timeout_ms;
};
struct http_target *http_target_new(const struct http_target_config *config);
void http_target_free(struct http_target *t); /* ends its exchanges with -ECANCELED */

/* One request and its answer. All callbacks run on the loop; after on_end the exchange is gone. */
struct http_exchange;
struct http_exchange_ops {
    /* Answer's head: interim answers are not shown. */
    void (*on_head)(void *user, struct http_exchange *x, int code,
                    const struct http_header *headers, size_t count);
    void (*on_data)(void *user, struct http_exchange *x, struct str data);
    /* err 0: complete (trailers: gRPC status); else -errno (-ETIMEDOUT, -ECONNREFUSED, -ECONNRESET,
     * -EPROTO, -ECANCELED). */
    void (*on_end)(void *user, struct http_exchange *x, int err, const struct http_header *trailers,
                   size_t count);
};
struct http_exchange_request {
    const char *method;
    struct str path_and_query; /* as sent */
    const struct http_header *headers;
    size_t header_count;
    struct str body;     /* copied */
    bool body_open;      /* more follows by http_exchange_write */
    uint64_t timeout_ms; /* to the complete answer; 0: none (watches, streams) */
};
struct http_exchange *http_send(struct http_target *t, const struct http_exchange_request *request,
                                const struct http_exchange_ops *ops, void *user);
void http_exchange_write(struct http_exchange *x, struct str data, bool last);
size_t http_exchange_unsent(const struct http_exchange *x);
void http_exchange_pause(struct http_exchange *x, bool paused);
void http_exchange_cancel(struct http_exchange *x); /* no callback follows */

/* A request with Connection: Upgrade. on_upgraded gets code 101 and a pipe end, or another code and
 * its body (then pipe is NULL), or err. pipe_ops as in http.h with pipe_user. Redirects are never
 * followed. */
struct http_upgrade_ops {
    void (*on_upgraded)(void *user, int err, int code, const struct http_header *headers,
                        size_t count, struct str body, struct pipe_end *pipe);
    const struct pipe_ops *pipe_ops;
};
void http_send_upgrade(struct http_target *t, const struct http_exchange_request *request,
                       const struct http_upgrade_ops *ops, void *user);

#endif
