/* A client's HTTP/2 connection: three requests, then whatever a server sends behind its SETTINGS,
 * in pieces of a size that the first byte gives. Each request ends once, or was cancelled. */
#include "net/http_client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct asked {
    struct http_exchange *x;
    int ended;
} asked[3];

static void on_head(void *user maybe_unused, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    volatile size_t sink = 0;
    assert(code >= 200 && code <= 999);
    for (size_t i = 0; i < count; i++)
        sink += headers[i].name.len + headers[i].value.len;
}

static void on_data(void *user, struct http_exchange *x, struct str part)
{
    struct asked *a = user;
    assert(a->x == x && part.len > 0);
    if (part.data[0] == 'p') {
        http_exchange_pause(x, true);
    } else if (part.data[0] == 'c') {
        a->x = NULL;
        a->ended++;
        http_exchange_cancel(x);
    }
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct asked *a = user;
    assert(err <= 0 && a->ended == 0);
    a->ended++;
    a->x = NULL;
}

static void output(void *arg maybe_unused, struct str bytes maybe_unused) {}

static void ask(struct http_target *target, struct loop *loop)
{
    static const struct http_exchange_ops ops = {on_head, on_data, on_end};
    struct http_exchange_request request = {.method = "GET", .path_and_query = STR("/watch")};
    memset(asked, 0, sizeof(asked));
    for (int i = 0; i < 3; i++) {
        request.method = i ? "POST" : "GET";
        request.body = i ? STR("a body") : STR_NONE;
        request.body_open = i == 2;
        asked[i].x = http_send(target, &request, &ops, &asked[i]);
    }
    loop_turn(loop);
}

/* A connection is freed a turn after it ended; those of requests that are tried again come into the
 * list, too. */
static bool goes_on(struct http_target *target, const struct transport *t)
{
    list_each(c, &target->connections, struct client_connection, link) {
        if (c->transport == t)
            return !c->dead;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (!loop)
        loop = loop_new();
    if (size < 1)
        return 0;
    /* Nobody listens there: a request that is tried again fails. */
    struct http_target_config config = {
        .loop = loop, .unix_path = "/dev/null/none", .netns_fd = -1};
    struct http_target *target = http_target_new(&config);
    struct client_connection *c = http_target_add_memory(target, true, output, NULL);
    struct transport *t = c->transport;
    ask(target, loop);
    transport_feed(t, STR("\0\0\0\4\0\0\0\0\0"));
    size_t piece = data[0] ? data[0] : size;
    for (size_t at = 1; at < size; at += piece) {
        if (!goes_on(target, t))
            break;
        transport_feed(t, (struct str){(const char *)data + at, MIN(piece, size - at)});
        loop_turn(loop);
        for (int i = 0; i < 3; i++)
            if (asked[i].x)
                http_exchange_pause(asked[i].x, false);
        if (asked[2].x && (at & 1))
            http_exchange_write(asked[2].x, STR("more"), (at & 2) != 0);
    }
    http_target_free(target);
    for (int i = 0; i < 8; i++)
        loop_turn(loop);
    for (int i = 0; i < 3; i++)
        assert(asked[i].ended == 1 && !asked[i].x);
    return 0;
}
