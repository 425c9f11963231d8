#include "base/test.h"

#include "base/limits.h"
#include "net/spdy.h"

/* Two ends, wired by buffers that the test carries over, in pieces of a chosen size. */
struct end {
    struct spdy *conn;
    struct buf out; /* frames on their way to the other end */
    struct spdy_stream *opened[200];
    size_t opened_count, reset_count, reply_count;
    struct buf got;
    struct http_header first;
    char first_value[64];
    size_t header_count;
    bool last, closed, refuse;
};

static void on_open(void *user, struct spdy_stream *s, const struct http_header *headers,
                    size_t count)
{
    struct end *e = user;
    e->header_count = count;
    if (count)
        snprintf(e->first_value, sizeof(e->first_value), "%.*s=%.*s", STR_ARG(headers[0].name),
                 STR_ARG(headers[0].value));
    if (e->refuse) {
        spdy_reset(s);
        return;
    }
    e->opened[e->opened_count++] = s;
    spdy_reply(s);
}

static void on_reply(void *user, struct spdy_stream *s maybe_unused)
{
    struct end *e = user;
    e->reply_count++;
}

static void on_data(void *user, struct spdy_stream *s, struct str data, bool last)
{
    struct end *e = user;
    buf_add(&e->got, data);
    e->last = last;
    spdy_consumed(s, data.len);
}

static void on_reset(void *user, struct spdy_stream *s maybe_unused)
{
    struct end *e = user;
    e->reset_count++;
}

static void on_closed(void *user)
{
    struct end *e = user;
    e->closed = true;
    e->conn = NULL;
}

static void output(void *user, struct str bytes)
{
    struct end *e = user;
    buf_add(&e->out, bytes);
}

static const struct spdy_ops ops = {on_open, on_reply,  on_data, on_reset,
                                    NULL,    on_closed, output,  NULL};

struct pair {
    struct loop *loop;
    struct end client, server;
};

static void start(struct pair *p)
{
    memset(p, 0, sizeof(*p));
    p->loop = loop_new();
    p->client.conn = spdy_new(p->loop, false, &ops, &p->client);
    p->server.conn = spdy_new(p->loop, true, &ops, &p->server);
}

static void stop(struct pair *p)
{
    spdy_free(p->client.conn);
    spdy_free(p->server.conn);
    loop_run(p->loop);
    loop_free(p->loop);
    buf_release(&p->client.out);
    buf_release(&p->server.out);
    buf_release(&p->client.got);
    buf_release(&p->server.got);
}

static void carry(struct end *from, struct end *to, size_t piece)
{
    struct buf bytes = from->out;
    from->out = (struct buf)BUF_INIT;
    for (size_t at = 0; at < bytes.len && !to->closed; at += piece)
        spdy_input(to->conn, str_slice(buf_str(&bytes), at, MIN(at + piece, bytes.len)));
    buf_release(&bytes);
}

static void carry_all(struct pair *p, size_t piece)
{
    for (int i = 0; i < 4; i++) {
        carry(&p->client, &p->server, piece);
        carry(&p->server, &p->client, piece);
    }
}

TEST(streams_carry_headers_and_data_both_ways)
{
    static const size_t pieces[] = {1, 3, 7, 100, 1 << 20};
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        struct pair p;
        start(&p);
        const struct http_header headers[] = {{STR("streamType"), STR("stdout")},
                                              {STR("port"), STR("80")}};
        struct spdy_stream *s = spdy_open(p.client.conn, headers, 2);
        carry_all(&p, pieces[i]);
        assert_int_equal(p.client.reply_count, 1);
        assert_int_equal(p.server.header_count, 2);
        assert_string_equal(p.server.first_value, "streamtype=stdout");
        spdy_write(s, STR("hello "), false);
        spdy_write(s, STR("world"), true);
        spdy_write(p.server.opened[0], STR("answer"), true);
        carry_all(&p, pieces[i]);
        assert_str(buf_str(&p.server.got), "hello world");
        assert_str(buf_str(&p.client.got), "answer");
        assert_true(p.server.last && p.client.last);
        stop(&p);
    }
}

TEST(header_compression_keeps_its_state_over_streams)
{
    struct pair p;
    start(&p);
    p.server.refuse = true;
    for (int i = 0; i < 500; i++) {
        char value[32], want[64];
        snprintf(value, sizeof(value), "request-%d", i);
        snprintf(want, sizeof(want), "requestid=%s", value);
        const struct http_header headers[] = {{STR("requestID"), str_from(value)}};
        assert_non_null(spdy_open(p.client.conn, headers, 1));
        carry_all(&p, 1000);
        assert_string_equal(p.server.first_value, want);
        assert_int_equal(p.client.reset_count, i + 1);
    }
    stop(&p);
}

TEST(large_data_is_cut_into_frames)
{
    struct pair p;
    start(&p);
    struct spdy_stream *s = spdy_open(p.client.conn, NULL, 0);
    char *data = mem_alloc(1 << 20);
    for (size_t i = 0; i < 1 << 20; i++)
        data[i] = (char)(i * 31 >> 3);
    spdy_write(s, (struct str){data, 1 << 20}, true);
    carry_all(&p, 4093);
    assert_int_equal(p.server.got.len, 1 << 20);
    assert_memory_equal(p.server.got.data, data, 1 << 20);
    assert_int_equal(spdy_unconsumed(p.server.conn), 0);
    mem_free(data);
    stop(&p);
}

TEST(too_many_streams_are_refused)
{
    struct pair p;
    start(&p);
    for (int i = 0; i < LIMIT_SPDY_STREAMS; i++)
        assert_non_null(spdy_open(p.client.conn, NULL, 0));
    assert_null(spdy_open(p.client.conn, NULL, 0));
    carry_all(&p, 1 << 20);
    assert_int_equal(p.server.opened_count, LIMIT_SPDY_STREAMS);
    stop(&p);
}

TEST(broken_frames_end_the_connection)
{
    static const struct {
        const char *name;
        struct str bytes;
    } cases[] = {
        {"version 2", STR("\x80\x02\x00\x01\x00\x00\x00\x0a\0\0\0\1\0\0\0\0\0\0")},
        {"control frame too long", STR("\x80\x03\x00\x01\x00\x7f\xff\xff\0\0\0\1\0\0\0\0\0\0")},
        {"short SYN_STREAM", STR("\x80\x03\x00\x01\x00\x00\x00\x02\0\1")},
        {"even stream from a client", STR("\x80\x03\x00\x01\x00\x00\x00\x0a\0\0\0\2\0\0\0\0\0\0")},
        {"garbage for zlib", STR("\x80\x03\x00\x01\x00\x00\x00\x0e\0\0\0\1\0\0\0\0\0\0xxxx")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pair p;
        start(&p);
        spdy_input(p.server.conn, cases[i].bytes);
        if (!p.server.closed)
            fail_msg("%s was taken", cases[i].name);
        stop(&p);
    }
}

TEST(pings_are_answered_and_goaway_ends)
{
    struct pair p;
    start(&p);
    spdy_input(p.server.conn, STR("\x80\x03\x00\x06\x00\x00\x00\x04\0\0\0\1"));
    assert_int_equal(p.server.out.len, 12);
    assert_memory_equal(p.server.out.data, "\x80\x03\x00\x06\x00\x00\x00\x04\0\0\0\1", 12);
    buf_clear(&p.server.out);
    struct spdy_stream *s = spdy_open(p.server.conn, NULL, 0);
    spdy_input(p.server.conn, STR("\x80\x03\x00\x07\x00\x00\x00\x08\0\0\0\0\0\0\0\0"));
    assert_false(p.server.closed);
    spdy_reset(s);
    loop_run(p.loop);
    assert_true(p.server.closed);
    stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_carry_headers_and_data_both_ways),
        cmocka_unit_test(header_compression_keeps_its_state_over_streams),
        cmocka_unit_test(large_data_is_cut_into_frames),
        cmocka_unit_test(too_many_streams_are_refused),
        cmocka_unit_test(broken_frames_end_the_connection),
        cmocka_unit_test(pings_are_answered_and_goaway_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
