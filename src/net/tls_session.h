/* One TLS connection over a non-blocking descriptor, inside net/ only: hides OpenSSL from
 * transport.c.
 *
 * Keeps no buffers while idle: the library's record buffers are given back whenever they are empty.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include "net/tls.h"

struct tls_session;

/* host: what a client checks the certificate against unless the settings name another; NULL on a
 * server. The descriptor stays the caller's. Takes a reference on config. NULL when memory or
 * settings fail. */
struct tls_session *tls_session_new(struct tls_config *config, int fd, const char *host);
void tls_session_free(struct tls_session *s);

/* Tells that the descriptor became readable: until then a read that came up short isn't tried
 * again. */
void tls_session_readable(struct tls_session *s);

/* 0 done, -EAGAIN (wait for what tls_session_wants says), -EPROTO, -EACCES (certificate refused),
 * -ECONNRESET. */
int tls_session_handshake(struct tls_session *s) must_use;
/* Bytes, 0 when the other side ended, or -EAGAIN, -EPROTO, -ECONNRESET. */
ssize_t tls_session_read(struct tls_session *s, void *data, size_t size) must_use;
/* May take fewer. After -EAGAIN the same bytes must come again. */
ssize_t tls_session_write(struct tls_session *s, const void *data, size_t size) must_use;
bool tls_session_pending(
    const struct tls_session *s); /* bytes read from the descriptor, not yet given out */
int tls_session_wants(const struct tls_session *s); /* events: 1 readable, 2 writable */
void tls_session_end(struct tls_session *s); /* sends the closing alert, if it goes at once */

bool tls_session_http2(const struct tls_session *s);              /* h2 was agreed */
const char *tls_session_server_name(const struct tls_session *s); /* SNI, or NULL */

/* What the client's certificate is worth. The original's server only asks for one and judges it
 * request by request, so that a bad one is answered 401 instead of a broken handshake. */
struct tls_peer {
    struct str *chain_der; /* owned, one block; the verified certificate and what signed it, leaf
                              first, the trusted one last; NULL without one */
    size_t chain_count;
    int64_t expires_s; /* of chain_der: the first date after which it is no longer valid */
    bool refused;      /* there is a certificate, and it is no good */
};
/* Asked once after the handshake; a session taken up again is judged anew. */
void tls_session_peer(struct tls_session *s, struct tls_peer *ret);

/* Settings that both files know. */
struct ssl_ctx_st;
struct tls_config_parts {
    struct ssl_ctx_st *ctx;
    struct bio_method_st *bio_method;
    bool server;
    bool insecure;
    bool http2;
    const char *server_name;
};
void tls_config_parts(const struct tls_config *c, struct tls_config_parts *ret);
struct bio_method_st *tls_bio_method_new(void); /* how OpenSSL reaches the descriptor */
struct tls_config *tls_config_ref(struct tls_config *c);
/* A client's session that hasn't agreed on h2: for upgrades, which are HTTP/1.1's. */
void tls_session_only_http1(struct tls_session *s);

#endif
