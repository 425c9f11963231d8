/* A server's WebSocket: a sound handshake, then any bytes, in pieces of a size that the first byte
 * gives. */
#include "net/websocket.h"
#include "net/http_server.h"

static struct websocket *ws;

static void on_message(void *user maybe_unused, struct str data, bool text)
{
    if (str_starts(data, "pause"))
        websocket_pause(ws, true);
    else if (str_starts(data, "close")) {
        websocket_close(ws, 1000);
        ws = NULL;
    } else
        websocket_send(ws, data, text);
}

static void on_closed(void *user maybe_unused, int code)
{
    assert(code >= 1000 && code < 5000);
    ws = NULL;
}

static const struct websocket_ops ops = {on_message, NULL, on_closed};

static void handle(void *user maybe_unused, struct http_request *req)
{
    const char *protocol;
    ws = websocket_accept(req, NULL, &protocol, &ops, NULL);
}

static void output(void *arg maybe_unused, struct str bytes maybe_unused) {}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (!loop)
        loop = loop_new();
    if (size < 1)
        return 0;
    struct http_server_config config = {.loop = loop, .handle = handle};
    struct http_server *server = http_server_new(&config);
    struct http_connection *c = http_server_add_memory(server, false, output, NULL);
    struct transport *t = c->transport;
    transport_feed(
        t, STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    assert(ws);
    size_t piece = data[0] ? data[0] : size;
    for (size_t at = 1; at < size && http_server_connections(server) > 0; at += piece) {
        transport_feed(t, (struct str){(const char *)data + at, MIN(piece, size - at)});
        loop_turn(loop);
        if (ws)
            websocket_pause(ws, false);
    }
    http_server_free(server);
    for (int i = 0; i < 4; i++)
        loop_turn(loop);
    assert(!ws);
    return 0;
}
