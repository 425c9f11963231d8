/* A connection of bytes, TLS or plain: what HTTP/1.1, HTTP/2 and upgraded pipes sit on, for servers
 * and clients. Inside net/.
 *
 * Invariants:
 * 1. Callbacks come from the loop, never inside a transport_ call.
 * 2. After on_closed, and after transport_close, the transport is gone for its user: no callback
 * follows.
 * 3. What was written in one callback leaves in as few records as possible, at the end of that
 * callback.
 * 4. An idle transport holds no buffers. */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "base/str.h"
#include "net/tls.h"
#include "sys/loop.h"

struct transport;

struct transport_ops {
    void (*on_open)(void *user); /* the handshake is done; plain: at the first turn of the loop */
    void (*on_data)(void *user, struct str data);
    void (*on_room)(
        void *user); /* all that was written has been taken by the kernel; may be NULL */
    void (*on_closed)(
        void *user,
        int err); /* 0: the peer ended; else -errno; -EACCES: its certificate was refused */
};

enum transport_security {
    TRANSPORT_PLAIN,
    TRANSPORT_TLS,
    TRANSPORT_DETECT, /* the peer's first byte decides */
};

struct transport_options {
    struct loop *loop;
    int fd; /* taken over */
    enum transport_security security;
    struct tls_config *tls; /* borrowed */
    const char *host;       /* client: whom to expect; NULL on a server */
    bool only_http1;        /* client: don't offer h2 */
};
/* NULL when the descriptor can't be watched or TLS can't start; the descriptor is closed then. */
struct transport *transport_new(const struct transport_options *options,
                                const struct transport_ops *ops, void *user);
/* Gives the connection to another user; before the next callback. */
void transport_hand_over(struct transport *t, const struct transport_ops *ops, void *user);

void transport_write(struct transport *t, struct str data); /* copied */
void transport_write_buf(struct transport *t,
                         struct buf *data); /* memory taken; data is empty afterwards */
/* Room for size more bytes to be written in place, then transport_wrote what was used. */
char *transport_reserve(struct transport *t, size_t size);
void transport_wrote(struct transport *t, size_t size);
void transport_flush(struct transport *t); /* tries to send now */
size_t transport_unsent(const struct transport *t);
uint64_t transport_taken(const struct transport *t); /* bytes that the kernel took, ever */
void transport_pause(struct transport *t, bool paused);

enum transport_close {
    TRANSPORT_NOW,    /* unsent bytes are dropped */
    TRANSPORT_FLUSH,  /* they are sent first */
    TRANSPORT_LINGER, /* also waits a little for the peer to read them: an error answer with its
                         request half read */
};
void transport_close(struct transport *t, enum transport_close how);

bool transport_is_tls(const struct transport *t);
bool transport_http2(const struct transport *t);              /* agreed by ALPN */
const char *transport_server_name(const struct transport *t); /* SNI; NULL without */
struct tls_peer;
void transport_peer(struct transport *t, struct tls_peer *ret); /* see tls_session_peer */

/* For fuzzing and tests of the protocols: a transport without a descriptor. Bytes come by
 * transport_feed and leave by output. */
struct transport *transport_new_memory(struct loop *loop,
                                       void (*output)(void *arg, struct str bytes), void *arg,
                                       const struct transport_ops *ops, void *user);
void transport_feed(struct transport *t, struct str data);

#endif
