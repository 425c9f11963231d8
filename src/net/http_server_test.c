/* A server's connections in memory: what exactly goes back for what came in, over HTTP/1.1 and
 * HTTP/2, attacks included. */
#include <nghttp2/nghttp2.h>

#include "base/test.h"

#include "base/limits.h"
#include "net/http_server.h"
#include "sys/socket.h"

struct talk {
    struct loop *loop;
    struct http_server *server;
    struct http_connection *conn;
    struct transport *transport;
    struct buf out;
    struct http_request *parked;
    int handled, gone;
    struct pipe_end *pipe;
    struct buf pipe_in;
    char *big;
    bool pressed;
};

enum {
    BIG_BYTES = 1 << 20
};

static void on_gone(struct http_request *req)
{
    struct talk *t = req->user;
    t->gone++;
    if (t->parked == req)
        t->parked = NULL;
}

static void pipe_data(void *user, struct str data)
{
    struct talk *t = user;
    buf_add(&t->pipe_in, data);
    pipe_write(t->pipe, data);
}

static void pipe_closed(void *user)
{
    struct talk *t = user;
    t->pipe = NULL;
}

static const struct pipe_ops pipe_operations = {pipe_data, NULL, pipe_closed};

static bool wants_stream(void *user maybe_unused, const struct http_request *head)
{
    return str_is(head->path, "/upload");
}

static void handle_body(void *user, struct http_request *req, struct str part, bool last)
{
    struct talk *t = user;
    buf_add(&t->pipe_in, part);
    struct http_reply reply = {.code = 200};
    if (last)
        http_respond(req, &reply, STR("stored"));
}

static void handle(void *user, struct http_request *req)
{
    struct talk *t = user;
    struct http_reply reply = {.code = 200};
    t->handled++;
    req->user = t;
    req->on_gone = on_gone;
    if (str_is(req->path, "/upload"))
        return;
    if (str_is(req->path, "/park")) {
        t->parked = req;
    } else if (str_is(req->path, "/big")) {
        http_respond(req, &reply, (struct str){t->big, BIG_BYTES});
    } else if (str_is(req->path, "/stream")) {
        http_stream_begin(req, &reply);
        http_stream_write(req, STR("one"));
        http_stream_write(req, STR("two"));
        http_stream_end(req);
    } else if (str_is(req->path, "/inject")) {
        struct http_header header = {STR("X-Bad"), STR("a\r\nInjected: yes")};
        reply.headers = &header;
        reply.header_count = 1;
        http_respond(req, &reply, STR_NONE);
    } else if (str_is(req->path, "/close")) {
        struct http_header header = {STR("Connection"), STR("close")};
        reply.headers = &header;
        reply.header_count = 1;
        http_respond(req, &reply, STR("bye"));
    } else if (str_is(req->path, "/upgrade")) {
        t->pipe = http_upgrade(req, &reply, &pipe_operations, t);
        if (!t->pipe)
            http_respond(req, &reply, STR("no"));
    } else {
        http_respond(req, &reply, req->body.len ? req->body : req->path);
    }
}

static bool is_pressed(void *user)
{
    struct talk *t = user;
    return t->pressed;
}

static void output(void *arg, struct str bytes)
{
    struct talk *t = arg;
    buf_add(&t->out, bytes);
}

static void start(struct talk *t, bool http2)
{
    memset(t, 0, sizeof(*t));
    t->loop = loop_new();
    t->big = mem_alloc(BIG_BYTES);
    struct http_server_config config = {.loop = t->loop,
                                        .handle = handle,
                                        .handle_body = handle_body,
                                        .wants_body_stream = wants_stream,
                                        .user = t,
                                        .pressed = is_pressed};
    t->server = http_server_new(&config);
    t->conn = http_server_add_memory(t->server, http2, output, t);
    t->transport = t->conn->transport;
}

static bool alive(struct talk *t)
{
    return http_server_connections(t->server) > 0 && !t->conn->dead;
}

static void feed(struct talk *t, struct str bytes)
{
    if (!alive(t))
        return;
    transport_feed(t->transport, bytes);
    for (int i = 0; i < 4; i++)
        loop_turn(t->loop);
}

static void stop(struct talk *t)
{
    http_server_free(t->server);
    for (int i = 0; i < 4; i++)
        loop_turn(t->loop);
    loop_free(t->loop);
    buf_release(&t->out);
    buf_release(&t->pipe_in);
    mem_free(t->big);
}

TEST(what_can_be_read_in_two_ways_ends_the_connection)
{
    static const struct {
        const char *bytes; /* hides a second request */
        const char *answer;
        int handled;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 400 ", 0},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\nGET /x "
         "HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 400 ", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\n\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ",
         0},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\nGET "
         "/x HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 400 ", 0},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nGET /x "
         "HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 501 ", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET  /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y "
         "HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 ", 1},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /x HTTP/1.1\r\nHost: "
         "a\r\n\r\n",
         "HTTP/1.1 200 ", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct talk t;
        start(&t, false);
        feed(&t, str_from(cases[i].bytes));
        if (!str_starts(buf_str(&t.out), cases[i].answer))
            fail_msg("%s: got %s", cases[i].bytes, t.out.data);
        assert_int_equal(t.handled, cases[i].handled);
        if (alive(&t))
            fail_msg("%s: the connection goes on", cases[i].bytes);
        stop(&t);
    }
}

TEST(pipelined_requests_are_answered_in_order)
{
    struct talk t;
    start(&t, false);
    feed(&t, STR("GET /park HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET "
                 "/c HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(t.handled, 1);
    struct http_reply reply = {.code = 202};
    http_respond(t.parked, &reply, STR("first"));
    feed(&t, STR("GET /d"));
    feed(&t, STR(" HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(t.handled, 4);
    struct str all = buf_str(&t.out);
    ssize_t first = str_find_str(all, STR("\r\n\r\nfirst")),
            b = str_find_str(all, STR("\r\n\r\n/b")), c = str_find_str(all, STR("\r\n\r\n/c")),
            d = str_find_str(all, STR("\r\n\r\n/d"));
    assert_true(first > 0 && first < b && b < c && c < d);
    assert_int_equal(t.gone, 4);
    assert_true(alive(&t));
    stop(&t);
}

TEST(http1_answers_are_framed)
{
    static const struct {
        const char *request, *has, *has_not;
        bool stays;
    } cases[] = {
        {"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "Content-Length: 2\r\n", "chunked", true},
        {"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "Content-Length: 2\r\n", "\r\n\r\n/x", true},
        {"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
         "Content-Length", true},
        {"GET /stream HTTP/1.0\r\n\r\n", "\r\n\r\nonetwo", "chunked", false},
        {"HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200", "one", true},
        {"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close\r\n",
         "chunked", false},
        {"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", "close",
         true},
        {"GET /close HTTP/1.1\r\nHost: a\r\n\r\n", "Connection: close\r\n", "chunked", false},
        {"GET /inject HTTP/1.1\r\nHost: a\r\n\r\n", "X-Bad: a  Injected: yes\r\n", "\r\nInjected",
         true},
        {"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", "417", true},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", "HTTP/1.1 413 ", "100",
         false},
        {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", "200", false},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ", "200", false},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 ", "400", true},
        {"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
         "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
         "\r\n\r\nstored", "400", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct talk t;
        start(&t, false);
        feed(&t, str_from(cases[i].request));
        if (str_find_str(buf_str(&t.out), str_from(cases[i].has)) < 0 ||
            str_find_str(buf_str(&t.out), str_from(cases[i].has_not)) >= 0)
            fail_msg("%s: got %s", cases[i].request, t.out.data);
        assert_int_equal(alive(&t), cases[i].stays);
        assert_int_equal(t.handled, t.gone);
        stop(&t);
    }
}

TEST(an_upgrade_hands_early_bytes_over)
{
    struct talk t;
    start(&t, false);
    feed(&t, STR("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
                 "echo\r\n\r\nearly"));
    assert_true(str_starts(buf_str(&t.out), "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_true(str_find_str(buf_str(&t.out), STR("Upgrade: echo\r\nConnection: Upgrade\r\n\r\n")) >
                0);
    assert_str(buf_str(&t.pipe_in), "early");
    feed(&t, STR(" and late"));
    assert_str(buf_str(&t.pipe_in), "early and late");
    assert_true(str_ends(buf_str(&t.out), "early and late"));
    assert_int_equal(t.gone, 0);
    pipe_close(t.pipe);
    for (int i = 0; i < 4; i++)
        loop_turn(t.loop);
    assert_int_equal(t.gone, 1);
    assert_int_equal(http_server_connections(t.server), 0);
    stop(&t);

    start(&t, false);
    feed(&t, STR("GET /upgrade HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n"));
    assert_true(str_ends(buf_str(&t.out), "no"));
    stop(&t);
}

TEST(time_outs_end_what_does_not_come)
{
    struct talk t;
    start(&t, false);
    feed(&t, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"));
    assert_true(t.conn->due_ms > 0);
    t.conn->protocol->time_out(t.conn);
    loop_turn(t.loop);
    assert_true(str_starts(buf_str(&t.out), "HTTP/1.1 408 "));
    stop(&t);

    start(&t, false);
    feed(&t, STR("GET / HTTP/1.1\r\nHo"));
    assert_true(t.conn->due_ms <= loop_now_ms(t.loop) + LIMIT_HEADER_TIME_MS);
    t.conn->protocol->time_out(t.conn);
    loop_turn(t.loop);
    assert_int_equal(http_server_connections(t.server), 0);
    stop(&t);
}

/* HTTP/2 */

static void frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t stream, struct str payload)
{
    const char head[9] = {(char)(payload.len >> 16),
                          (char)(payload.len >> 8),
                          (char)payload.len,
                          (char)type,
                          (char)flags,
                          (char)(stream >> 24),
                          (char)(stream >> 16),
                          (char)(stream >> 8),
                          (char)stream};
    buf_append(b, head, sizeof(head));
    buf_add(b, payload);
}

static void preface(struct buf *b)
{
    buf_puts(b, NGHTTP2_CLIENT_MAGIC);
    frame(b, NGHTTP2_SETTINGS, 0, 0, STR_NONE);
}

/* ":method: GET", ":scheme: http", ":path: PATH", ":authority: x" */
static void get(struct buf *b, uint32_t stream, const char *path, uint8_t flags)
{
    struct buf block = BUF_INIT;
    buf_puts(&block, "\x82\x86\x04");
    buf_putc(&block, (char)strlen(path));
    buf_puts(&block, path);
    buf_puts(&block, "\x01\x01x");
    frame(b, NGHTTP2_HEADERS, flags, stream, buf_str(&block));
    buf_release(&block);
}

enum {
    END_STREAM = 1,
    END_HEADERS = 4
};

/* Walks over the frames that came back. Returns how many are of this type; the last one's payload.
 */
static size_t frames_of(struct talk *t, uint8_t type, uint32_t stream, struct str *ret_last,
                        size_t *ret_at)
{
    struct str rest = buf_str(&t->out);
    size_t count = 0, index = 0;
    while (rest.len >= 9) {
        const uint8_t *h = (const uint8_t *)rest.data;
        size_t len = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
        uint32_t id = (uint32_t)h[5] << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8];
        assert_true(rest.len >= 9 + len);
        if (h[3] == type && (stream == UINT32_MAX || id == stream)) {
            count++;
            *ret_last = str_slice(rest, 9, 9 + len);
            if (ret_at)
                *ret_at = index;
        }
        rest = str_slice(rest, 9 + len, rest.len);
        index++;
    }
    assert_int_equal(rest.len, 0);
    return count;
}

static uint32_t goaway_code(struct talk *t)
{
    struct str last = STR_NONE;
    if (frames_of(t, NGHTTP2_GOAWAY, 0, &last, NULL) == 0)
        return UINT32_MAX;
    const uint8_t *p = (const uint8_t *)last.data + 4;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

TEST(floods_are_cut)
{
    static const struct {
        const char *name;
        uint8_t type, flags;
        uint32_t stream;
        struct str payload;
    } floods[] = {
        {"ping", NGHTTP2_PING, 0, 0, STR("12345678")},
        {"settings", NGHTTP2_SETTINGS, 0, 0, STR("")},
        {"settings with values", NGHTTP2_SETTINGS, 0, 0, STR("\0\4\0\1\0\0")},
        {"priority", NGHTTP2_PRIORITY, 0, 5, STR("\0\0\0\0\1")},
        {"unknown type", 0xbe, 0, 0, STR("x")},
        {"window updates", NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\0\0\1")},
        {"empty data", NGHTTP2_DATA, 0, 1, STR("")},
        {"reset of nothing", NGHTTP2_RST_STREAM, 0, 1, STR("\0\0\0\x08")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(floods); i++) {
        struct talk t;
        struct buf b = BUF_INIT;
        start(&t, true);
        preface(&b);
        get(&b, 1, "/park", i == 6 ? END_HEADERS : END_HEADERS | END_STREAM);
        feed(&t, buf_str(&b));
        buf_clear(&b);
        frame(&b, floods[i].type, floods[i].flags, floods[i].stream, floods[i].payload);
        int count = 0;
        for (; count < 20000 && alive(&t); count++)
            feed(&t, buf_str(&b));
        if (alive(&t) || count > 10000)
            fail_msg("%s: %d frames were taken", floods[i].name, count);
        if (i != 7)
            assert_int_equal(goaway_code(&t), NGHTTP2_ENHANCE_YOUR_CALM);
        buf_release(&b);
        stop(&t);
    }
}

TEST(useful_work_pays_for_its_noise)
{
    struct talk t;
    struct buf b = BUF_INIT;
    start(&t, true);
    preface(&b);
    feed(&t, buf_str(&b));
    for (uint32_t i = 0; i < 20000; i++) {
        buf_clear(&b);
        get(&b, i * 2 + 1, "/x", END_HEADERS | END_STREAM);
        frame(&b, NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\0\0\2"));
        frame(&b, NGHTTP2_PING, 0, 0, STR("12345678"));
        feed(&t, buf_str(&b));
        buf_clear(&t.out);
    }
    assert_true(alive(&t));
    assert_int_equal(t.handled, 20000);
    buf_release(&b);
    stop(&t);
}

TEST(rapid_resets_are_cut)
{
    for (int by_us = 0; by_us < 2; by_us++) {
        struct talk t;
        struct buf b = BUF_INIT;
        start(&t, true);
        preface(&b);
        feed(&t, buf_str(&b));
        uint32_t count = 0;
        for (; count < 20000 && alive(&t); count++) {
            buf_clear(&b);
            if (by_us) {
                /* More body than "content-length: 1" says is an error of the stream: we reset it.
                 */
                frame(&b, NGHTTP2_HEADERS, END_HEADERS, count * 2 + 1,
                      STR("\x82\x86\x84\x01\x01x\x0f\x0d\x01"
                          "1"));
                frame(&b, NGHTTP2_DATA, 0, count * 2 + 1, STR("xx"));
            } else {
                get(&b, count * 2 + 1, "/park", END_HEADERS | END_STREAM);
                frame(&b, NGHTTP2_RST_STREAM, 0, count * 2 + 1, STR("\0\0\0\x08"));
            }
            feed(&t, buf_str(&b));
        }
        if (alive(&t) || count > 2000)
            fail_msg("%u resets were taken", count);
        assert_int_equal(goaway_code(&t), NGHTTP2_ENHANCE_YOUR_CALM);
        assert_int_equal(t.gone, t.handled);
        buf_release(&b);
        stop(&t);
    }
}

TEST(endless_continuations_are_cut)
{
    struct talk t;
    struct buf b = BUF_INIT;
    static char block[16384];
    memset(block, 0x82, sizeof(block));
    start(&t, true);
    preface(&b);
    get(&b, 1, "/x", 0);
    feed(&t, buf_str(&b));
    size_t sent = 0;
    buf_clear(&b);
    frame(&b, NGHTTP2_CONTINUATION, 0, 1, (struct str){block, sizeof(block)});
    for (int i = 0; i < 100 && alive(&t); i++, sent += sizeof(block))
        feed(&t, buf_str(&b));
    assert_false(alive(&t));
    assert_true(sent <= 96 << 10);
    assert_int_equal(t.handled, 0);
    buf_release(&b);
    stop(&t);
}

TEST(a_header_bomb_is_answered_431)
{
    struct talk t;
    struct buf b = BUF_INIT, block = BUF_INIT;
    start(&t, true);
    preface(&b);
    buf_append(&block, "\x82\x86\x84\x01\x01x", 6);
    /* One field of 3,000 bytes goes into the table, then is named 5,000 times by a byte. */
    buf_append(&block, "\x40\x01z\x7f\xb9\x16", 6);
    for (int i = 0; i < 3000; i++)
        buf_putc(&block, 'v');
    for (int i = 0; i < 5000; i++)
        buf_putc(&block, (char)0xbe);
    frame(&b, NGHTTP2_HEADERS, END_HEADERS | END_STREAM, 1, buf_str(&block));
    get(&b, 3, "/x", END_HEADERS | END_STREAM);
    feed(&t, buf_str(&b));
    struct str headers = STR_NONE, data = STR_NONE;
    assert_int_equal(frames_of(&t, NGHTTP2_HEADERS, 1, &headers, NULL), 1);
    frames_of(&t, NGHTTP2_DATA, 1, &data, NULL);
    assert_true(str_starts(data, "431 "));
    assert_int_equal(frames_of(&t, NGHTTP2_DATA, 3, &data, NULL), 1);
    assert_str(data, "/x");
    assert_int_equal(t.handled, 1);
    buf_release(&block);
    buf_release(&b);
    stop(&t);
}

TEST(a_large_answer_does_not_block_a_small_one)
{
    struct talk t;
    struct buf b = BUF_INIT;
    start(&t, true);
    buf_puts(&b, NGHTTP2_CLIENT_MAGIC);
    frame(&b, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\0\x7f\xff\xff")); /* window of 8 MB a stream */
    frame(&b, NGHTTP2_WINDOW_UPDATE, 0, 0, STR("\0\x7f\xff\xff"));
    get(&b, 1, "/big", END_HEADERS | END_STREAM);
    get(&b, 3, "/small", END_HEADERS | END_STREAM);
    feed(&t, buf_str(&b));
    struct str last = STR_NONE;
    size_t big_end = 0, small_end = 0;
    assert_int_equal(frames_of(&t, NGHTTP2_DATA, 1, &last, &big_end), BIG_BYTES / 16384);
    assert_int_equal(frames_of(&t, NGHTTP2_DATA, 3, &last, &small_end), 1);
    assert_true(small_end + 50 < big_end);
    buf_release(&b);
    stop(&t);
}

TEST(connection_close_becomes_goaway)
{
    struct talk t;
    struct buf b = BUF_INIT;
    start(&t, true);
    preface(&b);
    get(&b, 1, "/close", END_HEADERS | END_STREAM);
    feed(&t, buf_str(&b));
    assert_int_equal(goaway_code(&t), NGHTTP2_NO_ERROR);
    /* For a while frames that were on their way are heard, but no further requests. */
    assert_true(alive(&t));
    assert_true(t.conn->due_ms <= loop_now_ms(t.loop) + LIMIT_LINGER_TIME_MS);
    buf_clear(&b);
    frame(&b, NGHTTP2_PING, 0, 0, STR("12345678"));
    get(&b, 3, "/x", END_HEADERS | END_STREAM);
    feed(&t, buf_str(&b));
    assert_int_equal(t.handled, 1);
    struct str last = STR_NONE;
    assert_int_equal(frames_of(&t, NGHTTP2_PING, 0, &last, NULL), 1);
    assert_int_equal(frames_of(&t, NGHTTP2_RST_STREAM, 3, &last, NULL), 1);
    t.conn->protocol->time_out(t.conn);
    assert_false(alive(&t));
    buf_release(&b);
    stop(&t);
}

TEST(frames_for_closed_streams_end_the_connection)
{
    struct talk t;
    struct buf b = BUF_INIT;
    start(&t, true);
    preface(&b);
    get(&b, 1, "/x", END_HEADERS | END_STREAM);
    feed(&t, buf_str(&b));
    buf_clear(&b);
    frame(&b, NGHTTP2_DATA, 0, 1, STR("late"));
    feed(&t, buf_str(&b));
    assert_int_equal(goaway_code(&t), NGHTTP2_STREAM_CLOSED);
    assert_false(alive(&t));
    buf_release(&b);
    stop(&t);
}

TEST(http2_bodies_come_whole_or_in_parts)
{
    struct talk t;
    struct buf b = BUF_INIT;
    struct str last = STR_NONE;
    start(&t, true);
    preface(&b);
    get(&b, 1, "/x", END_HEADERS);
    get(&b, 3, "/upload", END_HEADERS);
    frame(&b, NGHTTP2_DATA, 0, 1, STR("who"));
    frame(&b, NGHTTP2_DATA, 0, 3, STR("par"));
    feed(&t, buf_str(&b));
    assert_int_equal(t.handled, 1);
    assert_str(buf_str(&t.pipe_in), "par");
    buf_clear(&b);
    frame(&b, NGHTTP2_DATA, END_STREAM, 1, STR("le"));
    frame(&b, NGHTTP2_DATA, END_STREAM, 3, STR("ts"));
    feed(&t, buf_str(&b));
    assert_str(buf_str(&t.pipe_in), "parts");
    frames_of(&t, NGHTTP2_DATA, 1, &last, NULL);
    assert_str(last, "whole");
    frames_of(&t, NGHTTP2_DATA, 3, &last, NULL);
    assert_str(last, "stored");
    buf_release(&b);
    stop(&t);
}

/* A body of more than is taken when memory is short. */
static char *large_body(void)
{
    char *body = mem_alloc(LIMIT_UNPRESSED_BODY_BYTES + 1);
    memset(body, 'x', LIMIT_UNPRESSED_BODY_BYTES + 1);
    return body;
}

TEST(large_bodies_wait_when_memory_is_short)
{
    char *body = large_body();
    for (int announced = 0; announced < 2; announced++) {
        struct talk t;
        struct buf b = BUF_INIT;
        start(&t, false);
        buf_printf(&b, "POST /x HTTP/1.1\r\nHost: a\r\n");
        if (announced)
            buf_printf(&b, "Content-Length: %d\r\n\r\n", LIMIT_UNPRESSED_BODY_BYTES + 1);
        else
            buf_printf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n",
                       LIMIT_UNPRESSED_BODY_BYTES + 1);
        t.pressed = announced;
        feed(&t, buf_str(&b));
        t.pressed = true; /* also while it comes */
        if (!announced)
            feed(&t, (struct str){body, LIMIT_UNPRESSED_BODY_BYTES + 1});
        assert_true(str_starts(buf_str(&t.out), "HTTP/1.1 429 Too Many Requests\r\n"));
        assert_true(str_find_str(buf_str(&t.out), STR("Retry-After: 1\r\n")) > 0);
        assert_int_equal(t.handled, 0);
        buf_release(&b);
        stop(&t);
    }
    struct talk t;
    start(&t, false);
    t.pressed = true;
    feed(&t, STR("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"));
    assert_true(str_ends(buf_str(&t.out), "\r\n\r\nhi"));
    stop(&t);
    mem_free(body);
}

TEST(large_bodies_wait_in_http2_too)
{
    struct talk t;
    struct buf b = BUF_INIT;
    struct str answer = STR_NONE;
    char *body = large_body();
    start(&t, true);
    preface(&b);
    get(&b, 1, "/x", END_HEADERS);
    get(&b, 3, "/x", END_HEADERS);
    frame(&b, NGHTTP2_DATA, END_STREAM, 3, STR("small"));
    for (int at = 0; at <= LIMIT_UNPRESSED_BODY_BYTES; at += 16 << 10)
        frame(&b, NGHTTP2_DATA, 0, 1,
              (struct str){body, MIN(16 << 10, LIMIT_UNPRESSED_BODY_BYTES + 1 - at)});
    t.pressed = true;
    feed(&t, buf_str(&b));
    frames_of(&t, NGHTTP2_DATA, 1, &answer, NULL);
    assert_str(answer, "429 Too Many Requests\n");
    frames_of(&t, NGHTTP2_DATA, 3, &answer, NULL);
    assert_str(answer, "small");
    assert_int_equal(t.handled, 1);
    buf_release(&b);
    stop(&t);
    mem_free(body);
}

TEST(http2_without_settings_or_body_times_out)
{
    struct talk t;
    struct buf b = BUF_INIT;
    start(&t, true);
    feed(&t, STR(NGHTTP2_CLIENT_MAGIC));
    assert_true(t.conn->due_ms <= loop_now_ms(t.loop) + LIMIT_H2_SETTINGS_TIME_MS);
    t.conn->protocol->time_out(t.conn);
    assert_true(t.conn->dead);
    stop(&t);

    start(&t, true);
    preface(&b);
    get(&b, 1, "/x", END_HEADERS);
    feed(&t, buf_str(&b));
    list_first(&t.conn->exchanges, struct exchange, link)->began_ms -= LIMIT_REQUEST_TIME_MS + 1;
    t.conn->protocol->time_out(t.conn);
    struct str data = STR_NONE;
    frames_of(&t, NGHTTP2_DATA, 1, &data, NULL);
    assert_true(alive(&t));
    loop_turn(t.loop);
    loop_turn(t.loop);
    frames_of(&t, NGHTTP2_DATA, 1, &data, NULL);
    assert_true(str_starts(data, "408 "));
    buf_release(&b);
    stop(&t);
}

/* The kernel takes nothing more: a socket whose other end doesn't read. */
TEST(a_slow_reader_is_spared_and_a_stuck_one_is_not)
{
    struct talk t;
    start(&t, false);
    int fds[2];
    socket_pair(fds);
    struct transport_options options = {.loop = t.loop, .fd = fds[0], .security = TRANSPORT_PLAIN};
    struct transport *transport = transport_new(&options, &http_connection_ops, NULL);
    struct http_connection *c = http_connection_new(t.server, transport);
    transport_hand_over(transport, &http_connection_ops, c);
    static const char request[] = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_int_equal(socket_write(fds[1], request, sizeof(request) - 1), sizeof(request) - 1);
    for (int i = 0; i < 6; i++)
        loop_turn(t.loop);
    assert_true(transport_unsent(transport) > 0);
    c->protocol->time_out(c); /* notes where it stands */
    assert_false(c->dead);
    char some[100000];
    while (socket_read(fds[1], some, sizeof(some)) > 0)
        ;
    for (int i = 0; i < 6; i++)
        loop_turn(t.loop);
    c->taken_ms -= LIMIT_IDLE_TIME_MS + 1;
    c->protocol->time_out(c); /* it has moved */
    assert_false(c->dead);
    c->taken_ms -= LIMIT_IDLE_TIME_MS + 1;
    c->protocol->time_out(c); /* it hasn't */
    assert_true(c->dead);
    socket_close(fds[1]);
    stop(&t);
}

TEST(an_answer_that_is_not_taken_is_given_up)
{
    struct talk t;
    struct buf b = BUF_INIT;
    struct str last = STR_NONE;
    start(&t, true);
    preface(&b);
    get(&b, 1, "/big", END_HEADERS | END_STREAM); /* more than the window that the client gives */
    get(&b, 3, "/park", END_HEADERS | END_STREAM);
    feed(&t, buf_str(&b));
    assert_int_equal(t.gone, 0);
    assert_true(t.conn->due_ms > 0);
    struct exchange *big = list_first(&t.conn->exchanges, struct exchange, link);
    t.conn->protocol->time_out(t.conn);
    assert_int_equal(frames_of(&t, NGHTTP2_RST_STREAM, 1, &last, NULL), 0);
    big->began_ms -= LIMIT_IDLE_TIME_MS + 1;
    t.conn->protocol->time_out(t.conn);
    for (int i = 0; i < 4; i++)
        loop_turn(t.loop);
    assert_int_equal(frames_of(&t, NGHTTP2_RST_STREAM, 1, &last, NULL), 1);
    assert_int_equal(t.gone, 1);
    assert_true(alive(&t) && t.parked);
    buf_release(&b);
    stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_read_in_two_ways_ends_the_connection),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(http1_answers_are_framed),
        cmocka_unit_test(an_upgrade_hands_early_bytes_over),
        cmocka_unit_test(time_outs_end_what_does_not_come),
        cmocka_unit_test(floods_are_cut),
        cmocka_unit_test(useful_work_pays_for_its_noise),
        cmocka_unit_test(rapid_resets_are_cut),
        cmocka_unit_test(endless_continuations_are_cut),
        cmocka_unit_test(a_header_bomb_is_answered_431),
        cmocka_unit_test(a_large_answer_does_not_block_a_small_one),
        cmocka_unit_test(connection_close_becomes_goaway),
        cmocka_unit_test(frames_for_closed_streams_end_the_connection),
        cmocka_unit_test(http2_bodies_come_whole_or_in_parts),
        cmocka_unit_test(large_bodies_wait_when_memory_is_short),
        cmocka_unit_test(large_bodies_wait_in_http2_too),
        cmocka_unit_test(http2_without_settings_or_body_times_out),
        cmocka_unit_test(a_slow_reader_is_spared_and_a_stuck_one_is_not),
        cmocka_unit_test(an_answer_that_is_not_taken_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
