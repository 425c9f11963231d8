/* Client and server against each other over loopback: HTTP/1.1 and HTTP/2, plain and TLS, TCP and
 * unix sockets. */
#include <errno.h>
#include <unistd.h>

#include "base/test.h"

#include "base/limits.h"
#include "net/http_client.h"
#include "net/test_certificates.h"

enum {
    TIME_OUT_MS = 10000,
    BIG_BYTES = 3 << 20
};

struct world {
    struct loop *loop;
    struct http_server *server;
    struct tls_config *server_tls, *client_tls;
    struct http_target *target;
    struct timer limit;
    uint16_t port;
    int pending;
    char *big;
    struct http_request *parked; /* answered by the test */
    bool parked_gone;
};

struct result {
    struct world *w;
    int code, err;
    size_t data_len;
    uint64_t sum;
    struct buf text;
    bool ended;
    char trailer[32];
};

static void too_long(void *arg maybe_unused)
{
    fail_msg("the test took too long");
}

static uint64_t checksum(struct str s, uint64_t sum)
{
    for (size_t i = 0; i < s.len; i++)
        sum = sum * 31 + (uint8_t)s.data[i];
    return sum;
}

static void parked_gone(struct http_request *req)
{
    struct world *w = req->user;
    w->parked_gone = true;
    w->parked = NULL;
}

static void stream_more(struct http_request *req)
{
    uint64_t *left = req->user;
    while (*left && http_stream_unsent(req) <= LIMIT_UNSENT_LOW_BYTES) {
        char part[10000];
        size_t len = MIN(*left, sizeof(part));
        memset(part, 's', len);
        http_stream_write(req, (struct str){part, len});
        *left -= len;
    }
    if (*left == 0)
        http_stream_end(req);
}

static void handle(void *user, struct http_request *req)
{
    struct world *w = user;
    struct http_header header = {STR("X-Answer"), STR("yes")};
    struct http_reply reply = {.code = 200, .headers = &header, .header_count = 1};
    if (str_is(req->path, "/big")) {
        http_respond(req, &reply, (struct str){w->big, BIG_BYTES});
    } else if (str_is(req->path, "/echo")) {
        http_respond(req, &reply, req->body);
    } else if (str_is(req->path, "/stream")) {
        uint64_t *left = arena_new(req->arena, uint64_t);
        *left = 1000000;
        req->user = left;
        http_stream_begin(req, &reply);
        http_stream_on_drained(req, stream_more);
    } else if (str_is(req->path, "/park")) {
        w->parked = req;
        req->user = w;
        req->on_gone = parked_gone;
    } else if (str_is(req->path, "/abort")) {
        http_stream_begin(req, &reply);
        http_stream_write(req, STR("half of it"));
        http_abort(req);
    } else if (str_is(req->path, "/close")) {
        struct http_header close = {STR("Connection"), STR("close")};
        reply.headers = &close;
        http_respond(req, &reply, STR("bye"));
    } else if (str_is(req->path, "/who")) {
        struct str text = arena_printf(req->arena, "%d %d %zu %.*s", req->version, req->peer->tls,
                                       req->peer->chain_count, STR_ARG(req->host));
        http_respond(req, &reply, text);
    } else {
        reply.code = 404;
        http_respond(req, &reply, STR("no such thing"));
    }
}

enum world_kind {
    PLAIN_HTTP1,
    PLAIN_HTTP2,
    TLS_HTTP1,
    TLS_HTTP2,
    UNIX_HTTP2,
    WORLD_KINDS
};

static const char *const socket_path = "kaname-http-test.sock";

static void start(struct world *w, enum world_kind kind)
{
    memset(w, 0, sizeof(*w));
    w->loop = loop_new();
    w->big = mem_alloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        w->big[i] = (char)(i * 7 + i / 1000);
    timer_init(&w->limit, w->loop, too_long, w);
    timer_start(&w->limit, TIME_OUT_MS);
    bool tls = kind == TLS_HTTP1 || kind == TLS_HTTP2;
    const char *error = NULL;
    if (tls) {
        struct tls_server_options options = {str_from(test_server_certificate),
                                             str_from(test_server_key),
                                             str_from(test_ca_certificate), true};
        w->server_tls = tls_server_new(&options, &error);
        assert_non_null(w->server_tls);
        struct tls_client_options client = {.ca_pem = str_from(test_ca_certificate),
                                            .certificate_pem = str_from(test_client_certificate),
                                            .key_pem = str_from(test_client_key),
                                            .http2 = kind == TLS_HTTP2};
        w->client_tls = tls_client_new(&client, &error);
        assert_non_null(w->client_tls);
    }
    struct http_server_config config = {
        .loop = w->loop, .tls = w->server_tls, .handle = handle, .user = w};
    w->server = http_server_new(&config);
    if (kind == UNIX_HTTP2)
        assert_int_equal(http_server_listen_unix(w->server, socket_path), 0);
    else
        assert_int_equal(http_server_listen(w->server, "127.0.0.1", 0, &w->port), 0);
    struct http_target_config target = {.loop = w->loop,
                                        .host = kind == UNIX_HTTP2 ? NULL : "127.0.0.1",
                                        .port = w->port,
                                        .unix_path = kind == UNIX_HTTP2 ? socket_path : NULL,
                                        .tls = w->client_tls,
                                        .http2_prior = kind == PLAIN_HTTP2 || kind == UNIX_HTTP2,
                                        .netns_fd = -1,
                                        .connect_timeout_ms = 5000};
    w->target = http_target_new(&target);
}

static void stop(struct world *w)
{
    http_target_free(w->target);
    http_server_free(w->server);
    tls_config_unref(w->server_tls);
    tls_config_unref(w->client_tls);
    timer_stop(&w->limit);
    loop_run(w->loop);
    loop_free(w->loop);
    mem_free(w->big);
    unlink(socket_path);
}

static void on_head(void *user, struct http_exchange *x maybe_unused, int code,
                    const struct http_header *headers, size_t count)
{
    struct result *r = user;
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found = found || (str_equal_nocase(headers[i].name, STR("x-answer")) &&
                          str_is(headers[i].value, "yes"));
    r->code = code;
    (void)found;
}

static void on_data(void *user, struct http_exchange *x maybe_unused, struct str data)
{
    struct result *r = user;
    r->data_len += data.len;
    r->sum = checksum(data, r->sum);
    if (r->text.len < 200)
        buf_add(&r->text, str_slice(data, 0, MIN(data.len, (size_t)200)));
}

static void on_end(void *user, struct http_exchange *x maybe_unused, int err,
                   const struct http_header *trailers maybe_unused, size_t count maybe_unused)
{
    struct result *r = user;
    assert_false(r->ended);
    r->ended = true;
    r->err = err;
    if (--r->w->pending == 0)
        loop_stop(r->w->loop);
}

static const struct http_exchange_ops ops = {on_head, on_data, on_end};

static struct http_exchange *ask(struct world *w, struct result *r, const char *method,
                                 const char *path, struct str body)
{
    struct http_exchange_request request = {
        .method = method, .path_and_query = str_from(path), .body = body};
    *r = (struct result){.w = w};
    w->pending++;
    return http_send(w->target, &request, &ops, r);
}

TEST(many_requests_get_their_own_answers)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r[40];
        start(&w, kind);
        char text[40][32];
        for (int i = 0; i < 40; i++) {
            snprintf(text[i], sizeof(text[i]), "body %d", i);
            if (i % 4 == 0)
                ask(&w, &r[i], "GET", "/big", STR_NONE);
            else if (i % 4 == 1)
                ask(&w, &r[i], "GET", "/stream", STR_NONE);
            else
                ask(&w, &r[i], "POST", "/echo", str_from(text[i]));
        }
        loop_run(w.loop);
        uint64_t sum = checksum((struct str){w.big, BIG_BYTES}, 0);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(r[i].err, 0);
            assert_int_equal(r[i].code, 200);
            if (i % 4 == 0)
                assert_true(r[i].sum == sum && r[i].data_len == BIG_BYTES);
            else if (i % 4 == 1)
                assert_int_equal(r[i].data_len, 1000000);
            else
                assert_str(buf_str(&r[i].text), text[i]);
            buf_release(&r[i].text);
        }
        stop(&w);
    }
}

TEST(connections_are_kept_and_the_peer_is_known)
{
    static const struct {
        enum world_kind kind;
        const char *start;
    } cases[] = {{PLAIN_HTTP1, "1 0 0 127.0.0.1:"},
                 {PLAIN_HTTP2, "2 0 0 127.0.0.1:"},
                 {TLS_HTTP1, "1 1 2 127.0.0.1:"},
                 {TLS_HTTP2, "2 1 2 127.0.0.1:"},
                 {UNIX_HTTP2, "2 0 0 localhost"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct world w;
        struct result r;
        start(&w, cases[i].kind);
        for (int again = 0; again < 3; again++) {
            ask(&w, &r, "GET", "/who", STR_NONE);
            loop_run(w.loop);
            assert_int_equal(r.err, 0);
            if (!str_starts(buf_str(&r.text), cases[i].start))
                fail_msg("got %s, want %s", r.text.data, cases[i].start);
            buf_release(&r.text);
            assert_int_equal(http_server_connections(w.server), 1);
        }
        stop(&w);
    }
}

TEST(an_answer_cut_short_is_an_error)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r;
        start(&w, kind);
        ask(&w, &r, "GET", "/abort", STR_NONE);
        loop_run(w.loop);
        assert_true(r.err < 0);
        buf_release(&r.text);
        stop(&w);
    }
}

TEST(connection_close_is_obeyed_and_the_next_request_works)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r;
        start(&w, kind);
        for (int i = 0; i < 3; i++) {
            ask(&w, &r, "GET", "/close", STR_NONE);
            loop_run(w.loop);
            assert_int_equal(r.err, 0);
            assert_str(buf_str(&r.text), "bye");
            buf_release(&r.text);
        }
        stop(&w);
    }
}

TEST(a_body_too_large_is_refused)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r;
        start(&w, kind);
        char *body = mem_alloc(LIMIT_BODY_BYTES + 1);
        ask(&w, &r, "POST", "/echo", (struct str){body, LIMIT_BODY_BYTES + 1});
        loop_run(w.loop);
        assert_int_equal(r.code, 413);
        buf_release(&r.text);
        ask(&w, &r, "POST", "/echo", (struct str){body, LIMIT_BODY_BYTES});
        loop_run(w.loop);
        assert_int_equal(r.err, 0);
        assert_int_equal(r.code, 200);
        assert_int_equal(r.data_len, LIMIT_BODY_BYTES);
        buf_release(&r.text);
        mem_free(body);
        stop(&w);
    }
}

static void write_parts(void *arg)
{
    struct http_exchange *x = *(struct http_exchange **)arg;
    http_exchange_write(x, STR("two "), false);
    http_exchange_write(x, STR("three"), true);
}

TEST(a_body_can_follow_in_parts)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        start(&w, kind);
        struct result r = {.w = &w};
        struct http_exchange_request request = {.method = "POST",
                                                .path_and_query = STR("/echo"),
                                                .body = STR("one "),
                                                .body_open = true};
        w.pending++;
        struct http_exchange *x = http_send(w.target, &request, &ops, &r);
        struct timer later;
        timer_init(&later, w.loop, write_parts, &x);
        timer_start(&later, 30);
        loop_run(w.loop);
        assert_int_equal(r.err, 0);
        assert_str(buf_str(&r.text), "one two three");
        buf_release(&r.text);
        stop(&w);
    }
}

static void cancel(void *arg)
{
    http_exchange_cancel(*(struct http_exchange **)arg);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

TEST(a_cancelled_request_is_told_to_the_handler)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r;
        start(&w, kind);
        struct http_exchange *x = ask(&w, &r, "GET", "/park", STR_NONE);
        struct timer first, second;
        timer_init(&first, w.loop, cancel, &x);
        timer_start(&first, 50);
        timer_init(&second, w.loop, stop_loop, w.loop);
        timer_start(&second, 150);
        loop_run(w.loop);
        assert_true(w.parked_gone);
        assert_false(r.ended);
        stop(&w);
    }
}

static void answer_parked(void *arg)
{
    struct world *w = arg;
    struct http_reply reply = {.code = 201};
    http_respond(w->parked, &reply, STR("late"));
}

TEST(an_answer_may_come_later)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r;
        start(&w, kind);
        ask(&w, &r, "GET", "/park", STR_NONE);
        struct timer later;
        timer_init(&later, w.loop, answer_parked, &w);
        timer_start(&later, 50);
        loop_run(w.loop);
        assert_int_equal(r.code, 201);
        assert_str(buf_str(&r.text), "late");
        buf_release(&r.text);
        stop(&w);
    }
}

TEST(time_outs_and_refused_connections_are_told)
{
    struct world w;
    start(&w, PLAIN_HTTP1);
    struct result r = {.w = &w};
    struct http_exchange_request request = {
        .method = "GET", .path_and_query = STR("/park"), .timeout_ms = 50};
    w.pending++;
    http_send(w.target, &request, &ops, &r);
    loop_run(w.loop);
    assert_int_equal(r.err, -ETIMEDOUT);

    http_server_close(w.server);
    r = (struct result){.w = &w};
    w.pending++;
    http_send(w.target, &request, &ops, &r);
    loop_run(w.loop);
    assert_int_equal(r.err, -ECONNREFUSED);
    stop(&w);
}

static struct http_exchange *paused_exchange;

static void on_data_pausing(void *user, struct http_exchange *x, struct str data)
{
    struct result *r = user;
    if (r->data_len == 0) {
        http_exchange_pause(x, true);
        paused_exchange = x;
    }
    r->data_len += data.len;
}

static void unpause(void *arg)
{
    struct result *r = arg;
    assert_true(r->data_len < BIG_BYTES / 2);
    http_exchange_pause(paused_exchange, false);
}

TEST(a_paused_exchange_holds_the_sender_back)
{
    static const struct http_exchange_ops pausing = {on_head, on_data_pausing, on_end};
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        start(&w, kind);
        struct result r = {.w = &w};
        struct http_exchange_request request = {.method = "GET", .path_and_query = STR("/big")};
        w.pending++;
        http_send(w.target, &request, &pausing, &r);
        struct timer later;
        timer_init(&later, w.loop, unpause, &r);
        timer_start(&later, 100);
        loop_run(w.loop);
        assert_int_equal(r.err, 0);
        assert_int_equal(r.data_len, BIG_BYTES);
        stop(&w);
    }
}

TEST(a_certificate_of_another_authority_is_refused)
{
    struct world w;
    start(&w, TLS_HTTP2);
    const char *error;
    struct tls_client_options options = {.ca_pem = str_from(test_other_ca_certificate),
                                         .http2 = true};
    struct tls_config *tls = tls_client_new(&options, &error);
    struct http_target_config config = {
        .loop = w.loop, .host = "127.0.0.1", .port = w.port, .tls = tls, .netns_fd = -1};
    struct http_target *target = http_target_new(&config);
    struct result r = {.w = &w};
    struct http_exchange_request request = {.method = "GET", .path_and_query = STR("/who")};
    w.pending++;
    http_send(target, &request, &ops, &r);
    loop_run(w.loop);
    assert_int_equal(r.err, -EACCES);
    http_target_free(target);
    tls_config_unref(tls);
    stop(&w);
}

TEST(freeing_a_target_ends_its_exchanges)
{
    for (int kind = 0; kind < WORLD_KINDS; kind++) {
        struct world w;
        struct result r[3];
        start(&w, kind);
        for (int i = 0; i < 3; i++)
            ask(&w, &r[i], "GET", "/park", STR_NONE);
        struct timer later;
        timer_init(&later, w.loop, stop_loop, w.loop);
        timer_start(&later, 30);
        loop_run(w.loop);
        stop(&w);
        for (int i = 0; i < 3; i++)
            assert_int_equal(r[i].err, -ECANCELED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_requests_get_their_own_answers),
        cmocka_unit_test(connections_are_kept_and_the_peer_is_known),
        cmocka_unit_test(an_answer_cut_short_is_an_error),
        cmocka_unit_test(connection_close_is_obeyed_and_the_next_request_works),
        cmocka_unit_test(a_body_too_large_is_refused),
        cmocka_unit_test(a_body_can_follow_in_parts),
        cmocka_unit_test(a_cancelled_request_is_told_to_the_handler),
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(time_outs_and_refused_connections_are_told),
        cmocka_unit_test(a_paused_exchange_holds_the_sender_back),
        cmocka_unit_test(a_certificate_of_another_authority_is_refused),
        cmocka_unit_test(freeing_a_target_ends_its_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
