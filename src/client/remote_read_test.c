/* What servers answer, read: frames and lines, lists, objects, statuses. */
#include "base/test.h"

#include "base/limits.h"
#include "client/remote.h"
#include "client/remote_testing.h"

static struct arena arena;
static struct status st;

static int release(void **state maybe_unused)
{
    arena_release(&arena);
    return 0;
}

static const struct resource *config_maps(void)
{
    return resource_named("", "configmaps");
}

static const char MAP[] = "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
                          "\"a\",\"resourceVersion\":\"7\"},\"data\":{\"k\":\"v\"}}";

static void assert_json(const struct sealed *s, const char *wanted)
{
    struct buf out = BUF_INIT;
    assert_non_null(s);
    sealed_to_json(&out, s, ENCODE_TYPE_META);
    assert_str(buf_str(&out), wanted);
    buf_release(&out);
}

/* An event in either form. */
static struct str event(enum media media, const char *type, const char *kind, const char *json)
{
    return media == MEDIA_PROTOBUF
               ? proto_frame(&arena, type, proto_document(&arena, kind, json))
               : arena_printf(&arena, "{\"type\":\"%s\",\"object\":%s}\n", type, json);
}

static int next(enum media media, struct str *bytes, struct remote_event *ret)
{
    status_init(&st, &arena);
    return remote_next_event(media, config_maps()->type, bytes, ret, &st);
}

static const enum media MEDIA[] = {MEDIA_JSON, MEDIA_PROTOBUF};

TEST(events)
{
    static const struct {
        const char *type;
        enum remote_event_kind kind;
    } rows[] = {
        {"ADDED", REMOTE_PUT},
        {"MODIFIED", REMOTE_PUT},
        {"DELETED", REMOTE_DELETED},
        {"BOOKMARK", REMOTE_BOOKMARK},
    };
    for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
        struct remote_event e;
        struct str bytes = event(MEDIA[i % 2], rows[i / 2].type, "core/v1.ConfigMap", MAP);
        assert_int_equal(next(MEDIA[i % 2], &bytes, &e), 1);
        assert_int_equal(e.kind, rows[i / 2].kind);
        assert_json(e.object, MAP);
        assert_true(sealed_revision(e.object) == 7);
        assert_int_equal(next(MEDIA[i % 2], &bytes, &e), 0);
        sealed_unref(e.object);
    }
}

/* Cut anywhere, an event is not there yet, and nothing is taken. */
TEST(events_in_pieces)
{
    for (size_t m = 0; m < 2; m++) {
        struct remote_event e;
        struct str one = event(MEDIA[m], "ADDED", "core/v1.ConfigMap", MAP);
        struct buf two = BUF_INIT;
        buf_add(&two, one);
        buf_add(&two, one);
        for (size_t cut = 0; cut < two.len; cut++) {
            struct str bytes = {two.data, cut};
            bool whole = cut >= one.len;
            assert_int_equal(next(MEDIA[m], &bytes, &e), whole);
            assert_int_equal(bytes.len, whole ? cut - one.len : cut);
            if (whole)
                sealed_unref(e.object);
        }
        buf_release(&two);
    }
}

TEST(errors_have_their_code)
{
    static const char gone[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                               "\"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410}";
    for (size_t m = 0; m < 2; m++) {
        struct remote_event e;
        struct str bytes = event(MEDIA[m], "ERROR", "meta/v1.Status", gone);
        assert_int_equal(next(MEDIA[m], &bytes, &e), 1);
        assert_int_equal(e.kind, REMOTE_ERROR);
        assert_int_equal(e.code, 410);
        assert_null(e.object);
    }
}

#define RAW(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

TEST(what_is_no_event)
{
    static const struct {
        enum media media;
        struct str bytes;
        const char *message;
    } rows[] = {
        {MEDIA_PROTOBUF, RAW("\x01\x00\x00\x01"), "an event is longer than 16777216 bytes"},
        {MEDIA_PROTOBUF, RAW("\xff\xff\xff\xff"), "an event is longer than 16777216 bytes"},
        {MEDIA_PROTOBUF, RAW("\0\0\0\x02\x0a\x05"), "a frame holds no event"},
        {MEDIA_PROTOBUF, RAW("\0\0\0\x02\x0b\x01"), "a frame holds no event"},
        {MEDIA_PROTOBUF, RAW("\0\0\0\x02\x00\x01"), "a frame holds no event"},
        {MEDIA_PROTOBUF, RAW("\0\0\0\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "a frame holds no event"},
        {MEDIA_PROTOBUF, RAW("\0\0\0\x04\x12\x02\x0a\x05"), "a frame holds no event"},
        {MEDIA_PROTOBUF, RAW("\0\0\0\0"), "an event is of the unknown type \"\""},
        {MEDIA_PROTOBUF, RAW("\0\0\0\x05\x0a\x03OLD"), "an event is of the unknown type \"OLD\""},
        {MEDIA_PROTOBUF,
         RAW("\0\0\0\x07\x0a\x05"
             "ADDED"),
         "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"},
        {MEDIA_JSON, RAW("{\"type\":\"OLD\"}\n"), "an event is of the unknown type \"OLD\""},
        {MEDIA_JSON, RAW("{\"type\":\"ADDED\"}\n"), "an object is missing"},
        {MEDIA_JSON, RAW("\n\n{]\n"),
         "invalid character ']' looking for beginning of object key string"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct remote_event e;
        struct str bytes = rows[i].bytes;
        assert_int_equal(next(rows[i].media, &bytes, &e), -1);
        assert_str(st.message, rows[i].message);
    }
}

/* A line without end is given up, a frame is as soon as it tells its length. */
TEST(lines_are_bounded)
{
    struct remote_event e;
    char *line = mem_alloc(LIMIT_WATCH_EVENT_BYTES + 2);
    memset(line, ' ', LIMIT_WATCH_EVENT_BYTES + 2);
    struct str bytes = {line, LIMIT_WATCH_EVENT_BYTES};
    assert_int_equal(next(MEDIA_JSON, &bytes, &e), 0);
    bytes.len++;
    assert_int_equal(next(MEDIA_JSON, &bytes, &e), -1);
    line[LIMIT_WATCH_EVENT_BYTES + 1] = '\n';
    bytes.len++;
    assert_int_equal(next(MEDIA_JSON, &bytes, &e), -1);
    assert_str(st.message, "an event is longer than 16777216 bytes");
    mem_free(line);
}

/* Fields that nobody knows are passed over; what comes twice counts the last time. */
TEST(frames_may_hold_more)
{
    struct remote_event e;
    struct buf frame = BUF_INIT;
    struct str document = proto_document(&arena, "core/v1.ConfigMap", MAP);
    struct str known = proto_frame(&arena, "DELETED", document);
    static const char more[] = "\x18\x01\x21"
                               "12345678"
                               "\x2d"
                               "1234"
                               "\x0a\x03OLD\xfa\x01\x01x";
    size_t size = sizeof(more) - 1 + known.len - 4;
    const char head[4] = {0, 0, (char)(size >> 8), (char)size};
    buf_append(&frame, head, 4);
    buf_append(&frame, more, sizeof(more) - 1);
    buf_add(&frame, str_slice(known, 4, known.len));
    struct str bytes = buf_str(&frame);
    assert_int_equal(next(MEDIA_PROTOBUF, &bytes, &e), 1);
    assert_int_equal(e.kind, REMOTE_DELETED);
    assert_json(e.object, MAP);
    sealed_unref(e.object);
    buf_release(&frame);
}

struct items {
    struct buf names;
    uint64_t revisions;
};

static void on_item(void *arg, struct sealed *object)
{
    struct items *items = arg;
    buf_add(&items->names, object_name(object));
    items->revisions += sealed_revision(object);
}

static const char LIST[] =
    "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"99\"},"
    "\"items\":[{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}},{\"metadata\":{\"name\":"
    "\"b\",\"resourceVersion\":\"12\"}}]}";

TEST(lists)
{
    for (size_t m = 0; m < 2; m++) {
        struct items items = {BUF_INIT, 0};
        uint64_t revision;
        struct str body =
            m ? proto_document(&arena, "core/v1.ConfigMapList", LIST) : str_from(LIST);
        status_init(&st, &arena);
        assert_int_equal(
            remote_read_list(MEDIA[m], config_maps(), body, on_item, &items, &revision, &st), 0);
        assert_true(revision == 99 && items.revisions == 19);
        assert_str(buf_str(&items.names), "ab");
        buf_release(&items.names);
    }
}

TEST(what_is_no_list)
{
    struct str list = proto_document(&arena, "core/v1.ConfigMapList", LIST);
    const struct {
        struct str body;
        const char *message;
    } rows[] = {
        {proto_document(&arena, "core/v1.ConfigMap", MAP), "the answer is no ConfigMapList"},
        {str_slice(list, 0, list.len - 1), "the answer is no ConfigMapList"},
        {str_slice(list, 0, 3), "the answer is no ConfigMapList"},
        {str_from(LIST), "the answer is no ConfigMapList"},
        {STR(""), "the answer is no ConfigMapList"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct items items = {BUF_INIT, 0};
        uint64_t revision;
        status_init(&st, &arena);
        assert_int_equal(remote_read_list(MEDIA_PROTOBUF, config_maps(), rows[i].body, on_item,
                                          &items, &revision, &st),
                         -1);
        assert_str(st.message, rows[i].message);
        assert_int_equal(items.names.len, 0);
    }
}

TEST(objects)
{
    static const char done[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                               "\"status\":\"Success\"}";
    schema_id type = config_maps()->type;
    for (size_t m = 0; m < 2; m++) {
        status_init(&st, &arena);
        struct str body = m ? proto_document(&arena, "core/v1.ConfigMap", MAP) : str_from(MAP);
        struct sealed *s = remote_read_object(MEDIA[m], type, body, &st);
        assert_json(s, MAP);
        assert_true(sealed_revision(s) == 7);
        sealed_unref(s);
        body = m ? proto_document(&arena, "meta/v1.Status", done) : str_from(done);
        assert_null(remote_read_object(MEDIA[m], type, body, &st));
        assert_null(remote_read_object(MEDIA[m], type, STR(""), &st));
        assert_int_equal(st.code, 0);
        assert_null(remote_read_object(MEDIA[m], type, STR("{"), &st));
        assert_int_equal(st.reason, REASON_BAD_REQUEST);
    }
}

TEST(statuses)
{
    static const char invalid[] =
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
        "\"message\":\"it is invalid\",\"reason\":\"Invalid\",\"details\":{\"causes\":[{"
        "\"reason\":\"FieldValueRequired\",\"message\":\"m\",\"field\":\"f\"}],"
        "\"retryAfterSeconds\":3},\"code\":422}";
    for (size_t m = 0; m < 2; m++) {
        struct str body = m ? proto_document(&arena, "meta/v1.Status", invalid) : str_from(invalid);
        status_init(&st, &arena);
        remote_status(&st, MEDIA[m], 422, body);
        assert_int_equal(st.code, 422);
        assert_int_equal(st.reason, REASON_INVALID);
        assert_int_equal(st.details.retry_after_s, 3);
        assert_int_equal(st.details.cause_count, 1);
        assert_int_equal(st.details.causes[0].type, CAUSE_REQUIRED);
        assert_str(st.details.causes[0].field, "f");
        assert_str(st.message, "it is invalid");
        remote_status(&st, MEDIA[m], 401, STR("Unauthorized"));
        assert_int_equal(st.reason, REASON_UNAUTHORIZED);
        assert_str(st.message,
                   m ? "the server answered 401: " : "the server answered 401: Unauthorized");
    }
}

TEST(media)
{
    static const struct {
        const char *type;
        enum media media;
    } rows[] = {
        {"application/vnd.kubernetes.protobuf", MEDIA_PROTOBUF},
        {"application/vnd.kubernetes.protobuf;stream=watch", MEDIA_PROTOBUF},
        {"Application/Vnd.Kubernetes.Protobuf ; a=b", MEDIA_PROTOBUF},
        {"application/json", MEDIA_JSON},
        {"text/plain; charset=utf-8", MEDIA_JSON},
        {"", MEDIA_JSON},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_header headers[] = {{STR("date"), STR("application/vnd.kubernetes.protobuf")},
                                        {STR("Content-Type"), str_from(rows[i].type)}};
        assert_int_equal(remote_media(headers, 2), rows[i].media);
    }
    assert_int_equal(remote_media(NULL, 0), MEDIA_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(events_in_pieces),
        cmocka_unit_test(errors_have_their_code),
        cmocka_unit_test(what_is_no_event),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(frames_may_hold_more),
        cmocka_unit_test(lists),
        cmocka_unit_test(what_is_no_list),
        cmocka_unit_test(objects),
        cmocka_unit_test(statuses),
        cmocka_unit_test(media),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
