/* WebSocket (RFC 6455) over a pipe, both sides. Wraps wslay. */
#ifndef NET_WEBSOCKET_H
#define NET_WEBSOCKET_H

#include "net/http.h"

struct websocket;
struct websocket_ops {
    void (*on_message)(void *user, struct str data, bool text);
    void (*on_drained)(void *user);
    void (*on_closed)(void *user, int code); /* called once; the websocket is freed afterwards */
};
/* Accepts a WebSocket request: chooses the first of `protocols` (ended by NULL, server's preference) that the client offers.
 * Answers 400 and returns NULL when it is no sound handshake; ret_protocol gets the choice or NULL. */
struct websocket *websocket_accept(struct http_request *req, const char *const *protocols, const char **ret_protocol,
                                   const struct websocket_ops *ops, void *user);
bool websocket_requested(const struct http_request *req);
/* The client's side of an upgraded pipe (http_send_upgrade): key and headers to send first. */
struct str websocket_client_key(struct arena *a);
void websocket_send(struct websocket *w, struct str data, bool text);
size_t websocket_unsent(const struct websocket *w);
void websocket_pause(struct websocket *w, bool paused);
void websocket_close(struct websocket *w, int code);

#endif
