/* A server's HTTP/2 connection: frames after the preface, any bytes, in pieces of a size that the
 * first byte gives. */
#include "net/http_server.h"

static struct http_request *parked;

static void parked_gone(struct http_request *req)
{
    if (parked == req)
        parked = NULL;
}

static bool wants_stream(void *user maybe_unused, const struct http_request *head)
{
    return str_starts(head->path, "/s");
}

static void handle_body(void *user maybe_unused, struct http_request *req, struct str part,
                        bool last)
{
    http_stream_write(req, part);
    if (last)
        http_stream_end(req);
}

static void handle(void *user maybe_unused, struct http_request *req)
{
    struct http_header close = {STR("Connection"), STR("close")};
    struct http_reply reply = {.code = 200};
    assert(req->path.len > 0 && req->path.data[0] == '/');
    if (str_starts(req->path, "/s")) {
        http_stream_begin(req, &reply);
    } else if (str_starts(req->path, "/p") && !parked) {
        parked = req;
        req->on_gone = parked_gone;
    } else if (str_starts(req->path, "/a")) {
        http_abort(req);
    } else if (str_starts(req->path, "/c")) {
        reply.headers = &close;
        reply.header_count = 1;
        http_respond(req, &reply, STR("bye"));
    } else {
        http_respond(req, &reply, req->body);
    }
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
    struct http_server_config config = {.loop = loop,
                                        .handle = handle,
                                        .handle_body = handle_body,
                                        .wants_body_stream = wants_stream};
    struct http_server *server = http_server_new(&config);
    struct http_connection *c = http_server_add_memory(server, true, output, NULL);
    struct transport *t = c->transport;
    transport_feed(t, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
    size_t piece = data[0] ? data[0] : size;
    for (size_t at = 1; at < size && http_server_connections(server) > 0; at += piece) {
        transport_feed(t, (struct str){(const char *)data + at, MIN(piece, size - at)});
        loop_turn(loop);
        if (parked && (at & 1)) {
            struct http_reply late = {.code = 404};
            struct http_request *req = parked;
            parked = NULL;
            http_respond(req, &late, STR("late"));
        }
    }
    http_server_free(server);
    for (int i = 0; i < 4; i++)
        loop_turn(loop);
    assert(!parked);
    return 0;
}
