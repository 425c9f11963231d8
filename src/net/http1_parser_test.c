#include "base/test.h"

#include "base/limits.h"
#include "net/http1_parser.h"

/* One request; every byte alone must give the same as all at once. Returns 0 with the head, or the
 * error. */
static int read_request(struct arena *a, struct str bytes, size_t piece, struct http1_head *ret)
{
    struct http1_scan scan = {0};
    for (size_t seen = 0; seen < bytes.len;) {
        seen = MIN(seen + piece, bytes.len);
        ssize_t len = http1_scan_head(&scan, str_slice(bytes, 0, seen), LIMIT_HEADER_BYTES);
        if (len < 0)
            return (int)len;
        if (len > 0)
            return http1_parse_request(a, str_slice(bytes, 0, (size_t)len), ret);
    }
    return 1;
}

struct request_case {
    const char *request;
    int want; /* 0 or -CODE */
};

static void check_request(struct str request, size_t piece, int want)
{
    struct arena a = ARENA_INIT;
    struct http1_head head;
    int got = read_request(&a, request, piece, &head);
    if (got != want)
        fail_msg("%.*s: got %d, want %d", STR_ARG(request), got, want);
    arena_release(&a);
}

/* In pieces of several sizes. */
static void check_requests(const struct request_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t piece = 1; piece < 200; piece += 66)
            check_request(str_from(cases[i].request), piece, cases[i].want);
}

TEST(sound_requests_are_taken)
{
    static const struct request_case cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET / HTTP/1.0\r\n\r\n", 0},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
    };
    check_requests(cases, ARRAY_COUNT(cases));
}

TEST(a_body_has_one_length_in_digits)
{
    static const struct request_case cases[] = {
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
         -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
         -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\n", -400},
    };
    check_requests(cases, ARRAY_COUNT(cases));
}

TEST(bodies_are_chunked_or_not_coded)
{
    static const struct request_case cases[] = {
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
         "identity\r\n\r\n",
         -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", -501},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", -501},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
         "chunked\r\n\r\n",
         -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", -400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", -400},
    };
    check_requests(cases, ARRAY_COUNT(cases));
}

TEST(lines_end_with_carriage_return_and_line_feed)
{
    static const struct request_case cases[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n", -400},
    };
    check_requests(cases, ARRAY_COUNT(cases));
}

TEST(a_request_line_is_method_target_and_version)
{
    static const struct request_case cases[] = {
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", -400},
        {"GET /\r\n\r\n", -400},
        {"GET / a HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/11\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", -505},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", -505},
        {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", -505},
    };
    check_requests(cases, ARRAY_COUNT(cases));
}

TEST(fields_are_a_token_and_visible_text)
{
    static const struct request_case cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\"X\": b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", -417},
    };
    check_requests(cases, ARRAY_COUNT(cases));
    check_request(STR("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), 100, -400);
}

TEST(a_head_is_understood)
{
    struct arena a = ARENA_INIT;
    struct http1_head h;
    struct str request =
        STR("POST /a?b HTTP/1.1\r\nHost: h:80\r\ncontent-length: 7\r\nConnection: foo, Close\r\n"
            "Expect: 100-Continue\r\nX-Value:  a b\t \r\n\r\nrest");
    assert_int_equal(read_request(&a, request, 1000, &h), 0);
    assert_str(h.method, "POST");
    assert_str(h.target, "/a?b");
    assert_str(h.host, "h:80");
    assert_true(h.has_length && h.length == 7 && h.close && h.expect_continue && !h.chunked &&
                h.minor == 1);
    assert_int_equal(h.header_count, 5);
    assert_str(h.headers[4].name, "X-Value");
    assert_str(h.headers[4].value, "a b");
    assert_int_equal(read_request(&a, STR("GET / HTTP/1.0\r\n\r\n"), 1000, &h), 0);
    assert_true(h.close);
    assert_int_equal(
        read_request(&a, STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 1000, &h), 0);
    assert_false(h.close);
    arena_release(&a);
}

TEST(heads_have_limits)
{
    struct buf b = BUF_INIT;
    struct arena a = ARENA_INIT;
    struct http1_head h;
    buf_puts(&b, "GET /");
    for (int i = 0; i < LIMIT_HEADER_LINE_BYTES; i++)
        buf_putc(&b, 'a');
    assert_int_equal(read_request(&a, buf_str(&b), 4096, &h), -414);
    buf_clear(&b);
    buf_puts(&b, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < LIMIT_HEADER_LINE_BYTES; i++)
        buf_putc(&b, 'a');
    assert_int_equal(read_request(&a, buf_str(&b), 4096, &h), -431);
    buf_clear(&b);
    buf_puts(&b, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < LIMIT_HEADER_COUNT + 1; i++)
        buf_puts(&b, "X: a\r\n");
    assert_int_equal(read_request(&a, buf_str(&b), 4096, &h), -431);
    buf_clear(&b);
    buf_puts(&b, "GET / HTTP/1.1\r\n");
    while (b.len <= LIMIT_HEADER_BYTES)
        buf_printf(&b, "X: %01000d\r\n", 0);
    assert_int_equal(read_request(&a, buf_str(&b), 4096, &h), -431);
    buf_release(&b);
    arena_release(&a);
}

/* The content of a chunked body, or the error, or "more" when it isn't whole. */
static int read_chunks(struct str bytes, size_t piece, struct buf *content, size_t *ret_left)
{
    struct http1_chunks c = {0};
    for (size_t at = 0; at < bytes.len; at += piece) {
        struct str in = str_slice(bytes, at, MIN(at + piece, bytes.len)), part;
        int what;
        while ((what = http1_chunks_take(&c, &in, &part)) == HTTP1_CHUNK_PART)
            buf_add(content, part);
        *ret_left = in.len;
        if (what != HTTP1_CHUNK_MORE)
            return what;
    }
    return HTTP1_CHUNK_MORE;
}

TEST(chunks_are_read_strictly)
{
    static const struct {
        const char *body;
        int want;
        const char *content;
    } cases[] = {
        {"0\r\n\r\n", HTTP1_CHUNK_END, ""},
        {"5\r\nhello\r\n0\r\n\r\n", HTTP1_CHUNK_END, "hello"},
        {"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", HTTP1_CHUNK_END, "hello0123456789"},
        {"005;name=value;q=\"x y\"\r\nhello\r\n000\r\n\r\n", HTTP1_CHUNK_END, "hello"},
        {"1\r\nx\r\n0\r\nTrailer: value\r\nB: c\r\n\r\n", HTTP1_CHUNK_END, "x"},
        {"5\r\nhel", HTTP1_CHUNK_MORE, "hel"},
        {"5\r\nhello\r\n0\r\n", HTTP1_CHUNK_MORE, "hello"},
        {"", HTTP1_CHUNK_MORE, ""},
        {"\r\n", -400, ""},
        {"g\r\n", -400, ""},
        {"-1\r\n", -400, ""},
        {"+1\r\n", -400, ""},
        {"0x5\r\nhello\r\n", -400, ""},
        {" 5\r\nhello\r\n", -400, ""},
        {"5 \r\nhello\r\n", -400, ""},
        {"5\nhello\r\n", -400, ""},
        {"5\rhello\r\n", -400, ""},
        {"5;a\nhello\r\n", -400, ""},
        {"5;\x01\r\nhello\r\n", -400, ""},
        {"5\r\nhello0\r\n\r\n", -400, "hello"},
        {"5\r\nhello\n0\r\n\r\n", -400, "hello"},
        {"5\r\nhello\r\r\n0\r\n\r\n", -400, "hello"},
        {"0\r\n\n", -400, ""},
        {"0\r\nbad trailer\r\n\r\n", -400, ""},
        {"0\r\n folded: x\r\n\r\n", -400, ""},
        {"0\r\nno-colon\r\n\r\n", -400, ""},
        {"0\r\nA: b\n\r\n", -400, ""},
        {"FFFFFFFFFFFFFFFF\r\n", -400, ""},
        {"10000000000000000\r\n", -400, ""},
        {"00000000000000005\r\nhello\r\n", -400, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t piece = 1; piece < 100; piece += 33) {
            struct buf content = BUF_INIT;
            size_t left = 0;
            int got = read_chunks(str_from(cases[i].body), piece, &content, &left);
            if (got != cases[i].want)
                fail_msg("%s: got %d, want %d", cases[i].body, got, cases[i].want);
            assert_str(buf_str(&content), cases[i].content);
            buf_release(&content);
        }
    }
    struct buf content = BUF_INIT;
    size_t left;
    assert_int_equal(read_chunks(STR("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1"), 1000, &content, &left),
                     HTTP1_CHUNK_END);
    assert_int_equal(left, 14);
    buf_release(&content);
}

TEST(targets_are_split_and_decoded_once)
{
    static const struct {
        const char *target;
        int want;
        const char *path, *raw, *query, *host;
    } cases[] = {
        {"/", 0, "/", "/", "", ""},
        {"/a%2Fb?c=%20d?e", 0, "/a/b", "/a%2Fb", "c=%20d?e", ""},
        {"/%2541", 0, "/%41", "/%2541", "", ""},
        {"/a?", 0, "/a", "/a", "", ""},
        {"http://h:1/a?b", 0, "/a", "/a", "b", "h:1"},
        {"https://h", 0, "/", "/", "", "h"},
        {"http://h?x", 0, "/", "/", "x", "h"},
        {"/%", -400, "", "", "", ""},
        {"/%4", -400, "", "", "", ""},
        {"/%zz", -400, "", "", "", ""},
        {"/%00", -400, "", "", "", ""},
        {"a", -400, "", "", "", ""},
        {"*", -400, "", "", "", ""},
        {"http://", -400, "", "", "", ""},
        {"http://user@h/", -400, "", "", "", ""},
        {"ftp://h/", -400, "", "", "", ""},
        {"", -400, "", "", "", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena a = ARENA_INIT;
        struct http_request req = {.arena = &a};
        int got = http_split_target(&a, str_from(cases[i].target), &req);
        if (got != cases[i].want)
            fail_msg("%s: got %d", cases[i].target, got);
        if (got == 0) {
            assert_str(req.path, cases[i].path);
            assert_str(req.raw_path, cases[i].raw);
            assert_str(req.query, cases[i].query);
            assert_str(req.host, cases[i].host);
        }
        arena_release(&a);
    }
}

TEST(query_pairs_are_decoded_in_order)
{
    struct arena a = ARENA_INIT;
    struct http_request req = {.arena = &a,
                               .query = STR("a=1&b=x%20y+z&a=2&empty=&bare&%61b=c&&=v&p=%zz")};
    struct str value;
    assert_true(http_query(&req, "a", &value));
    assert_str(value, "1");
    assert_true(http_query(&req, "b", &value));
    assert_str(value, "x y z");
    assert_true(http_query(&req, "empty", &value) && value.len == 0);
    assert_true(http_query(&req, "bare", &value) && value.len == 0);
    assert_true(http_query(&req, "ab", &value));
    assert_str(value, "c");
    assert_true(http_query(&req, "p", &value));
    assert_str(value, "%zz");
    assert_false(http_query(&req, "c", &value));
    size_t count;
    struct http_header *all = http_query_all(&req, &count);
    assert_int_equal(count, 8);
    assert_str(all[2].name, "a");
    assert_str(all[2].value, "2");
    arena_release(&a);
}

TEST(answers_are_read)
{
    static const struct {
        const char *head;
        int want, code;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", 0, 200},
        {"HTTP/1.1 404\r\n\r\n", 0, 404},
        {"HTTP/1.0 503 \r\nRetry-After: 1\r\n\r\n", 0, 503},
        {"HTTP/1.1 20 OK\r\n\r\n", -400, 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", -400, 0},
        {"HTTP/1.1 099 OK\r\n\r\n", -400, 0},
        {"HTTP/2 200 OK....\r\n\r\n", -400, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", -400, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena a = ARENA_INIT;
        struct http1_head h;
        int got = http1_parse_answer(&a, str_from(cases[i].head), &h);
        if (got != cases[i].want || (got == 0 && h.code != cases[i].code))
            fail_msg("%s: got %d", cases[i].head, got);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_requests_are_taken),
        cmocka_unit_test(a_body_has_one_length_in_digits),
        cmocka_unit_test(bodies_are_chunked_or_not_coded),
        cmocka_unit_test(lines_end_with_carriage_return_and_line_feed),
        cmocka_unit_test(a_request_line_is_method_target_and_version),
        cmocka_unit_test(fields_are_a_token_and_visible_text),
        cmocka_unit_test(a_head_is_understood),
        cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(chunks_are_read_strictly),
        cmocka_unit_test(targets_are_split_and_decoded_once),
        cmocka_unit_test(query_pairs_are_decoded_in_order),
        cmocka_unit_test(answers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
