#include <errno.h>

#include "base/test.h"

#include "base/limits.h"
#include "net/websocket.h"

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_target *target;
    struct timer limit;
    struct websocket *near, *far;
    const char *far_protocol;
    char near_protocol[64];
    int code, err, near_closed, far_closed;
    size_t messages, bytes;
    struct buf last;
    bool last_text, pause_far, paused_once;
};

static const char *const server_protocols[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", NULL};

static void too_long(void *arg maybe_unused)
{
    fail_msg("the test took too long");
}

static void far_message(void *user, struct str data, bool text)
{
    struct world *w = user;
    websocket_send(w->far, data, text);
    if (w->pause_far && !w->paused_once) {
        w->paused_once = true;
        websocket_pause(w->far, true);
    }
    if (str_is(data, "close, please"))
        websocket_close(w->far, 4001);
}

static void far_closed(void *user, int code)
{
    struct world *w = user;
    w->far_closed = code;
    loop_stop(w->loop);
}

static void near_message(void *user, struct str data, bool text)
{
    struct world *w = user;
    w->messages++;
    w->bytes += data.len;
    buf_clear(&w->last);
    buf_add(&w->last, data);
    w->last_text = text;
    loop_stop(w->loop);
}

static void near_closed(void *user, int code)
{
    struct world *w = user;
    w->near_closed = code;
    loop_stop(w->loop);
}

static const struct websocket_ops far_ops = {far_message, NULL, far_closed},
                                  near_ops = {near_message, NULL, near_closed};

static void handle(void *user, struct http_request *req)
{
    struct world *w = user;
    assert_true(websocket_requested(req) || str_is(req->path, "/plain"));
    w->far = websocket_accept(req, server_protocols, &w->far_protocol, &far_ops, w);
}

static void connected(void *user, int err, int code, struct str body maybe_unused,
                      struct websocket *ws, struct str protocol)
{
    struct world *w = user;
    w->near = ws;
    w->err = err;
    w->code = code;
    snprintf(w->near_protocol, sizeof(w->near_protocol), "%.*s", STR_ARG(protocol));
    loop_stop(w->loop);
}

static void start(struct world *w, const char *protocols)
{
    uint16_t port;
    memset(w, 0, sizeof(*w));
    w->loop = loop_new();
    timer_init(&w->limit, w->loop, too_long, w);
    timer_start(&w->limit, 10000);
    struct http_server_config config = {.loop = w->loop, .handle = handle, .user = w};
    w->server = http_server_new(&config);
    assert_int_equal(http_server_listen(w->server, "127.0.0.1", 0, &port), 0);
    struct http_target_config target = {
        .loop = w->loop, .host = "127.0.0.1", .port = port, .netns_fd = -1};
    w->target = http_target_new(&target);
    struct http_exchange_request request = {.path_and_query = STR("/exec?command=ls")};
    websocket_connect(w->target, w->loop, &request, protocols, &near_ops, connected, w);
    loop_run(w->loop);
}

static void stop(struct world *w)
{
    timer_stop(&w->limit);
    http_target_free(w->target);
    http_server_free(w->server);
    loop_run(w->loop);
    loop_free(w->loop);
    buf_release(&w->last);
}

TEST(messages_come_back_whole)
{
    struct world w;
    start(&w, "v4.channel.k8s.io, v5.channel.k8s.io");
    assert_int_equal(w.code, 101);
    assert_string_equal(w.far_protocol, "v5.channel.k8s.io");
    assert_string_equal(w.near_protocol, "v5.channel.k8s.io");
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 1000000};
    char *data = mem_alloc(1000000);
    for (size_t i = 0; i < 1000000; i++)
        data[i] = (char)(i * 13 >> 2);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        websocket_send(w.near, (struct str){data, sizes[i]}, false);
        loop_run(w.loop);
        assert_int_equal(w.messages, i + 1);
        assert_int_equal(w.last.len, sizes[i]);
        assert_true(sizes[i] == 0 || memcmp(w.last.data, data, sizes[i]) == 0);
        assert_false(w.last_text);
    }
    websocket_send(w.near, STR("text"), true);
    loop_run(w.loop);
    assert_true(w.last_text);
    websocket_close(w.near, 1000);
    loop_run(w.loop);
    assert_int_equal(w.far_closed, 1000);
    mem_free(data);
    stop(&w);
}

TEST(the_peers_close_is_told_once)
{
    struct world w;
    start(&w, NULL);
    assert_null(w.far_protocol);
    websocket_send(w.near, STR("close, please"), true);
    while (!w.near_closed)
        loop_run(w.loop);
    assert_int_equal(w.near_closed, 4001);
    assert_int_equal(w.messages, 1);
    stop(&w);
}

TEST(no_common_protocol_is_refused)
{
    struct world w;
    start(&w, "v1.channel.k8s.io");
    assert_null(w.near);
    assert_int_equal(w.err, 0);
    assert_int_equal(w.code, 400);
    stop(&w);
}

static void unpause(void *arg)
{
    struct world *w = arg;
    assert_true(w->bytes < 50000000);
    websocket_pause(w->far, false);
}

TEST(a_paused_websocket_holds_the_sender_back)
{
    struct world w;
    start(&w, NULL);
    w.pause_far = true;
    char *data = mem_alloc(100000);
    for (int i = 0; i < 100; i++)
        websocket_send(w.near, (struct str){data, 100000}, false);
    struct timer later;
    timer_init(&later, w.loop, unpause, &w);
    timer_start(&later, 100);
    while (timer_armed(&later))
        loop_run(w.loop);
    while (w.messages < 100)
        loop_run(w.loop);
    assert_int_equal(w.bytes, 100 * 100000);
    mem_free(data);
    websocket_close(w.near, 1000);
    stop(&w);
}

TEST(a_lost_connection_is_told)
{
    struct world w;
    start(&w, NULL);
    http_server_free(w.server);
    assert_int_equal(w.far_closed, 1006);
    while (!w.near_closed)
        loop_run(w.loop);
    assert_int_equal(w.near_closed, 1006);
    w.server = NULL;
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_whole),
        cmocka_unit_test(the_peers_close_is_told_once),
        cmocka_unit_test(no_common_protocol_is_refused),
        cmocka_unit_test(a_paused_websocket_holds_the_sender_back),
        cmocka_unit_test(a_lost_connection_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
