/* WebSocket (RFC 6455) over a pipe, both sides. Wraps wslay.
 *
 * Messages are whole, up to LIMIT_WEBSOCKET_MESSAGE_BYTES; pings are answered here. Invariants:
 * 1. on_closed is called once, when the peer or the connection ended: code is the peer's, 1005 when
 * it gave none, 1006 when the connection broke. The websocket must not be used afterwards.
 * 2. After websocket_close no callback follows, and the websocket must not be used. */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include "net/http.h"
#include "net/http_client.h"

struct websocket;
struct websocket_ops {
    void (*on_message)(void *user, struct str data, bool text);
    void (*on_drained)(void *user);
    void (*on_closed)(void *user, int code); /* called once; the websocket is freed afterwards */
};
/* Accepts a WebSocket request: chooses the first of `protocols` (ended by NULL, server's
 * preference) that the client offers. Answers 400 and returns NULL when it is no sound handshake;
 * ret_protocol gets the choice or NULL. */
struct websocket *websocket_accept(struct http_request *req, const char *const *protocols,
                                   const char **ret_protocol, const struct websocket_ops *ops,
                                   void *user);
bool websocket_requested(const struct http_request *req);
bool websocket_offers(const struct http_request *req, const char *protocol);
/* The client's side: sends request (its method and body don't matter) with the handshake's headers.
 * protocols: value of Sec-WebSocket-Protocol, or NULL. on_connected is called once: with a
 * websocket, whose user is the same; or with err, or the code and body of a refusal, and NULL.
 * Messages come after it. */
void websocket_connect(struct http_target *target, struct loop *loop,
                       const struct http_exchange_request *request, const char *protocols,
                       const struct websocket_ops *ops,
                       void (*on_connected)(void *user, int err, int code, struct str body,
                                            struct websocket *w, struct str protocol),
                       void *user);
struct str websocket_client_key(struct arena *a); /* for those who make the handshake themselves */
void websocket_send(struct websocket *w, struct str data, bool text);
size_t websocket_unsent(const struct websocket *w);
void websocket_pause(struct websocket *w, bool paused);
void websocket_close(struct websocket *w, int code);

#endif
