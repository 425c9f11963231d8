/* Answers in parts: what comes out of a connection is what was noted, whatever happens meanwhile.
 */
#include "base/test.h"

#include "api/parts.h"
#include "base/limits.h"
#include "net/http_server.h"
#include "store/store_testing.h"

enum {
    OBJECTS = 60,
    LARGE = 7, /* one of them needs many parts */
    LARGE_BYTES = 500000,
    SMALL_BYTES = 9000,
};

struct answer {
    struct world world;
    struct http_server *server;
    struct http_connection *conn;
    struct buf out;
    struct api api;
    struct request request;
    struct parts parts;
    struct custom_version *custom;
    bool packed, sent, gone;
    size_t encoded;
    uint64_t missing; /* noted, but never written */
    uint64_t revisions[OBJECTS];
};

/* Values are a letter and a size; what is shown of them is that letter, so often. */
static int encode(void *arg, struct arena *scratch maybe_unused, const struct sealed *object,
                  bool first, struct buf *out, struct status *st maybe_unused)
{
    struct answer *a = arg;
    const char *text = (const char *)object;
    size_t size = (size_t)strtoul(text + 1, NULL, 10);
    a->encoded++;
    if (!first)
        buf_putc(out, ',');
    memset(buf_reserve(out, size), text[0], size);
    out->len += size;
    return 0;
}

static void on_sent(struct parts *p)
{
    struct answer *a = p->arg;
    a->sent = true;
    http_stream_end(p->request->http);
    parts_release(p);
}

static void on_gone(struct http_request *http)
{
    struct answer *a = http->user;
    a->gone = true;
    parts_release(&a->parts);
}

static void send_more(struct http_request *http)
{
    struct answer *a = http->user;
    parts_send(&a->parts, send_more);
}

static void handle(void *user, struct http_request *http)
{
    struct answer *a = user;
    struct http_reply reply = {.code = 200};
    http->user = a;
    http->on_gone = on_gone;
    a->request = (struct request){.api = &a->api, .http = http, .custom = a->custom};
    parts_init(&a->parts, &a->request, 1, encode, on_sent, a);
    a->parts.foot = STR("]");
    a->parts.packed = a->packed;
    buf_putc(&a->parts.ready, '[');
    for (int i = 0; i < OBJECTS; i++)
        parts_note(&a->parts, a->revisions[i]);
    if (a->missing)
        parts_note(&a->parts, a->missing);
    assert_int_equal(parts_hold(&a->parts, store_revision(a->world.store)), 0);
    http_stream_begin(http, &reply);
    parts_send(&a->parts, send_more);
}

static void output(void *arg, struct str bytes)
{
    struct answer *a = arg;
    buf_add(&a->out, bytes);
}

static char letter_of(int i)
{
    return (char)('a' + i % 26);
}

static void write_all(struct answer *a, const char *letters)
{
    for (int i = 0; i < OBJECTS; i++) {
        char name[16], value[32];
        snprintf(name, sizeof(name), "o-%03d", i);
        snprintf(value, sizeof(value), "%c%d ", letters ? letters[0] : letter_of(i),
                 i == LARGE ? LARGE_BYTES : SMALL_BYTES);
        uint64_t revision = put(&a->world, "n", name, value, STORE_ANY);
        if (!letters)
            a->revisions[i] = revision;
    }
}

static void start(struct answer *a)
{
    memset(a, 0, sizeof(*a));
    world_open(&a->world);
    a->api.config.store = a->world.store;
    a->api.config.loop = a->world.loop;
    a->api.parts = parts_set_new();
    write_all(a, NULL);
    world_settle(&a->world);
    struct http_server_config config = {.loop = a->world.loop, .handle = handle, .user = a};
    a->server = http_server_new(&config);
    a->conn = http_server_add_memory(a->server, false, output, a);
}

static void ask(struct answer *a)
{
    transport_feed(a->conn->transport, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static void go_on(struct answer *a)
{
    for (int i = 0; i < 100 && !a->gone; i++)
        loop_turn(a->world.loop);
    loop_turn(a->world.loop); /* what is written still goes out */
}

static void stop(struct answer *a)
{
    http_server_free(a->server);
    assert_true(a->gone);
    parts_set_free(a->api.parts);
    buf_release(&a->out);
    world_close(&a->world);
}

/* The body of what came: false when it doesn't end. */
static bool read_chunks(struct str rest, struct buf *body)
{
    ssize_t head = str_find_str(rest, STR("\r\n\r\n"));
    assert_true(head > 0);
    rest = str_slice(rest, (size_t)head + 4, rest.len);
    while (rest.len) {
        char *end;
        size_t size = strtoul(rest.data, &end, 16);
        size_t from = (size_t)(end - rest.data) + 2;
        if (size == 0)
            return true;
        if (from + size > rest.len)
            return false;
        buf_add(body, str_slice(rest, from, from + size));
        rest = str_slice(rest, from + size + 2, rest.len);
    }
    return false;
}

static void assert_whole(struct answer *a)
{
    struct buf want = BUF_INIT, got = BUF_INIT, unpacked = BUF_INIT;
    buf_putc(&want, '[');
    for (int i = 0; i < OBJECTS; i++) {
        size_t size = i == LARGE ? LARGE_BYTES : SMALL_BYTES;
        if (i > 0)
            buf_putc(&want, ',');
        memset(buf_reserve(&want, size), letter_of(i), size);
        want.len += size;
    }
    buf_putc(&want, ']');
    assert_true(a->sent);
    assert_true(read_chunks(buf_str(&a->out), &got));
    if (a->packed) {
        assert_true(got.len < want.len / 4);
        assert_int_equal(gunzip_whole(buf_str(&got), want.len, &unpacked), 0);
        assert_true(str_equal(buf_str(&unpacked), buf_str(&want)));
    } else {
        assert_true(str_equal(buf_str(&got), buf_str(&want)));
    }
    buf_release(&want);
    buf_release(&got);
    buf_release(&unpacked);
}

TEST(what_was_noted_is_shown_whatever_is_written_meanwhile)
{
    for (int packed = 0; packed < 2; packed++) {
        struct answer a;
        start(&a);
        a.packed = packed;
        ask(&a);
        assert_false(a.sent); /* others have their turn */
        write_all(&a, "z");
        go_on(&a);
        assert_whole(&a);
        /* The large one was made once: what wasn't sent of it was kept. */
        assert_int_equal(a.encoded, OBJECTS);
        stop(&a);
    }
}

TEST(a_definition_may_go_meanwhile)
{
    struct answer a;
    struct custom_version *version = (struct custom_version *)&a; /* any address */
    start(&a);
    a.custom = version;
    ask(&a);
    assert_false(a.sent);
    size_t before = a.encoded;
    parts_keep_resource(&a.api, (struct custom_version *)&before);
    assert_int_equal(a.encoded, before);
    parts_keep_resource(&a.api, version);
    assert_true(a.encoded >= OBJECTS);
    size_t all = a.encoded;
    go_on(&a);
    assert_whole(&a);
    assert_int_equal(a.encoded, all);
    stop(&a);
}

TEST(what_cant_be_finished_looks_cut)
{
    struct answer a;
    struct buf body = BUF_INIT;
    start(&a);
    a.missing = store_revision(a.world.store) + 1000;
    ask(&a);
    go_on(&a);
    assert_true(a.gone);
    assert_false(a.sent);
    assert_false(read_chunks(buf_str(&a.out), &body));
    buf_release(&body);
    stop(&a);
}

TEST(a_client_that_goes_holds_nothing)
{
    struct answer a;
    start(&a);
    ask(&a);
    assert_false(a.sent);
    assert_int_equal(store_compact(a.world.store, store_published(a.world.store)), 0);
    uint64_t held = store_revision(a.world.store);
    write_all(&a, "z");
    assert_true(store_compacted(a.world.store) <= held);
    conn_close(a.conn, TRANSPORT_NOW);
    loop_turn(a.world.loop);
    loop_turn(a.world.loop);
    assert_true(a.gone);
    assert_null(a.parts.hold.store);
    stop(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_is_shown_whatever_is_written_meanwhile),
        cmocka_unit_test(a_definition_may_go_meanwhile),
        cmocka_unit_test(what_cant_be_finished_looks_cut),
        cmocka_unit_test(a_client_that_goes_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
