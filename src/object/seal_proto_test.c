/* Protobuf straight to blocks against the way by the tree: same block, or same words of refusal. */
#include "base/test.h"
#include "object/block.h"
#include "object/seal.h"

static struct arena arena;

static int release(void **state maybe_unused)
{
    arena_release(&arena);
    return 0;
}

static schema_id type_named(const char *name)
{
    return schema_type_by_name(str_from(name));
}

static struct str enveloped(schema_id type, struct str raw)
{
    const struct schema_type *t = schema_type(type);
    struct buf out = BUF_INIT;
    struct str version =
        arena_printf(&arena, "%s%s%s", t->group, t->group[0] ? "/" : "", t->version);
    size_t mark = proto_envelope_begin(&out, version, str_from(t->kind));
    buf_add(&out, raw);
    proto_envelope_end(&out, mark);
    struct str document = arena_str(&arena, buf_str(&out));
    buf_release(&out);
    return document;
}

/* Seals both ways and compares; NULL when both refuse. */
static struct sealed *both(schema_id type, struct str document, struct status *st)
{
    struct status said;
    struct node *n;
    struct sealed *by_tree = NULL, *direct = NULL;
    status_init(st, &arena);
    status_init(&said, &arena);
    int err = document_decode(&arena, MEDIA_PROTOBUF, document, type, &n, NULL, st);
    if (err == 0)
        err = seal(type, n, &by_tree, st);
    assert_int_equal(seal_proto(type, document, &direct, &said), err);
    if (err < 0) {
        assert_int_equal(said.reason, st->reason);
        assert_true(str_equal(said.message, st->message));
        return NULL;
    }
    assert_true(sealed_equal(by_tree, direct));
    assert_int_equal(sealed_verify(direct, sealed_size(direct)), 0);
    sealed_unref(by_tree);
    return direct;
}

/* raw as the only content of the message at a path of field numbers. */
static struct str wrapped(struct str raw, const uint8_t *path, size_t depth)
{
    while (depth--) {
        struct buf out = BUF_INIT;
        unsigned key = (unsigned)path[depth] << 3 | 2;
        assert_true(raw.len < 128);
        if (key >= 0x80)
            buf_putc(&out, (char)((key & 0x7f) | 0x80));
        buf_putc(&out, (char)(key >= 0x80 ? key >> 7 : key));
        buf_putc(&out, (char)raw.len);
        buf_add(&out, raw);
        raw = arena_str(&arena, buf_str(&out));
        buf_release(&out);
    }
    return raw;
}

/* JSON of what raw is sealed to holds `wanted`, or it is refused with these words. */
static void check(const char *type, struct str raw, const char *wanted)
{
    struct status st;
    struct sealed *s = both(type_named(type), enveloped(type_named(type), raw), &st);
    if (!s) {
        assert_str(st.message, wanted);
        return;
    }
    struct buf out = BUF_INIT;
    sealed_to_json(&out, s, 0);
    if (str_find_str(buf_str(&out), str_from(wanted)) < 0)
        fail_msg("%s: got %s, want %s", type, out.data, wanted);
    buf_release(&out);
    sealed_unref(s);
}

#define RAW(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

struct row {
    struct str raw;
    const char *wanted;
};

static void check_rows(const char *type, const uint8_t *path, size_t depth, const struct row *rows,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(type, wrapped(rows[i].raw, path, depth), rows[i].wanted);
}

TEST(fields_and_maps)
{
    static const struct row rows[] = {
        {RAW(""), "{\"metadata\":{}}"},
        /* Fields of nobody's: a varint, eight bytes, text, four bytes, a long number; a group */
        {RAW("\x78\x01\x79"
             "12345678"
             "\x7a\x02hi\x7d"
             "1234"
             "\xf8\xff\x03\x01"),
         "{\"metadata\":{}}"},
        {RAW("\x7b\x7c"), "proto: illegal wireType 3"},
        {RAW("\x00\x01"), "proto: illegal tag 0 (wire type 0)"},
        /* A name that comes twice; metadata in two pieces; nothing in the last */
        {RAW("\x0a\x06\x0a\x01"
             "a\x0a\x01"
             "b"),
         "{\"metadata\":{\"name\":\"b\"}}"},
        {RAW("\x0a\x03\x0a\x01"
             "a\x0a\x03\x1a\x01n"),
         "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}"},
        {RAW("\x0a\x05\x0a\x01"
             "a\x0a\x00"),
         "{\"metadata\":{}}"},
        /* Against the order: fields, entries; an entry twice; without key, without value */
        {RAW("\x0a\x06\x1a\x01n\x0a\x01"
             "a"),
         "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}"},
        {RAW("\x12\x06\x0a\x01"
             "b\x12\x01x\x12\x06\x0a\x01"
             "a\x12\x01y"),
         "\"data\":{\"a\":\"y\",\"b\":\"x\"}"},
        {RAW("\x12\x06\x0a\x01"
             "a\x12\x01x\x12\x06\x0a\x01"
             "a\x12\x01y"),
         "\"data\":{\"a\":\"y\"}"},
        {RAW("\x12\x03\x12\x01x\x12\x03\x0a\x01"
             "a"),
         "\"data\":{\"\":\"x\",\"a\":\"\"}"},
        {RAW("\x12\x06\x12\x01x\x0a\x01"
             "a"),
         "\"data\":{\"a\":\"x\"}"},
        /* A map that is interrupted; text that is no UTF-8; the revision */
        {RAW("\x12\x06\x0a\x01"
             "a\x12\x01x\x20\x01\x12\x06\x0a\x01"
             "b\x12\x01y"),
         "\"immutable\":true"},
        {RAW("\x0a\x04\x0a\x02"
             "a\xff"),
         "{\"metadata\":{\"name\":\"a\xef\xbf\xbd\"}}"},
        {RAW("\x0a\x07\x32\x02"
             "17\x0a\x01"
             "a"),
         "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"17\"}}"},
        {RAW("\x08\x01"), "proto: wrong wireType = 0 for field metadata"},
        {RAW("\x0a\x7f\x0a"), "unexpected EOF"},
        /* A number that runs out of its message into the next field */
        {RAW("\x0a\x02\x38\x81\x20\x01"), "unexpected EOF"},
    };
    check_rows("core/v1.ConfigMap", NULL, 0, rows, ARRAY_COUNT(rows));
}

TEST(times)
{
    static const struct row rows[] = {
        {RAW("\x42\x00"), "{\"metadata\":{}}"},
        {RAW("\x42\x02\x08\x00"), "\"creationTimestamp\":\"1970-01-01T00:00:00Z\""},
        {RAW("\x42\x04\x08\x3c\x10\x07"), "\"creationTimestamp\":\"1970-01-01T00:01:00Z\""},
        {RAW("\x42\x04\x10\x07\x08\x3c"), "\"creationTimestamp\":\"1970-01-01T00:01:00Z\""},
        {RAW("\x42\x06\x08\x3c\x10\x07\x20\x01"), "\"creationTimestamp\":\"1970-01-01T00:01:00Z\""},
        /* Go's zero time, and out of range on both sides */
        {RAW("\x42\x0b\x08\x80\x92\xb8\xc3\x98\xfe\xff\xff\xff\x01"), "{\"metadata\":{}}"},
        {RAW("\x42\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
         "time out of range for field creationTimestamp"},
        {RAW("\x42\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x42\x00"), "{\"metadata\":{}}"},
        {RAW("\x42\x06\x10\x80\x94\xeb\xdc\x03"), "time out of range for field creationTimestamp"},
    };
    static const uint8_t metadata[] = {1};
    check_rows("core/v1.ConfigMap", metadata, 1, rows, ARRAY_COUNT(rows));
    static const struct row micro[] = {
        {RAW("\x1a\x04\x08\x3c\x10\x00"), "\"acquireTime\":\"1970-01-01T00:01:00.000000Z\""},
        {RAW("\x1a\x05\x08\x3c\x10\xd0\x0f"), "\"acquireTime\":\"1970-01-01T00:01:00.000002Z\""},
    };
    static const uint8_t spec[] = {2};
    check_rows("coordination.k8s.io/v1.Lease", spec, 1, micro, ARRAY_COUNT(micro));
}

TEST(numbers_in_lists)
{
    static const struct row rows[] = {
        {RAW("\x20\x01\x20\x02"), "\"supplementalGroups\":[1,2]"},
        {RAW("\x22\x03\x01\xac\x02"), "\"supplementalGroups\":[1,300]"},
        {RAW("\x20\x01\x22\x02\x02\x03\x20\x04"), "\"supplementalGroups\":[1,2,3,4]"},
        {RAW("\x22\x00"), "\"securityContext\":{}"},
        {RAW("\x22\x01\x80"), "unexpected EOF"},
        {RAW("\x20\x01\x10\x05\x20\x02"), "\"supplementalGroups\":[1,2]"},
        {RAW("\x21\x01\x02\x03\x04\x05\x06\x07\x08"),
         "proto: wrong wireType = 1 for field supplementalGroups"},
        /* Eleven bytes; the tenth one with more than one bit */
        {RAW("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "proto: integer overflow"},
        {RAW("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "\"supplementalGroups\":[-1]"},
    };
    static const uint8_t context[] = {2, 14};
    check_rows("core/v1.Pod", context, 2, rows, ARRAY_COUNT(rows));
}

TEST(int_or_string)
{
    static const struct row rows[] = {
        {RAW("\x22\x06\x08\x00\x10\x50\x1a\x00"), "\"targetPort\":80"},
        {RAW("\x22\x09\x08\x01\x10\x00\x1a\x03web"), "\"targetPort\":\"web\""},
        {RAW("\x22\x06\x08\x01\x10\x00\x1a\x00"), "\"targetPort\":\"\""},
        {RAW("\x22\x09\x1a\x03web\x10\x00\x08\x01"), "\"targetPort\":\"web\""},
        {RAW("\x22\x09\x08\x02\x10\x07\x1a\x03web"), "\"targetPort\":7"},
        {RAW("\x22\x06\x08\x00\x10\x00\x1a\x00"), "\"targetPort\":0"},
        {RAW("\x22\x02\x10\x50"), "\"targetPort\":80"},
        {RAW("\x22\x06\x10\x81\x80\x80\x80\x10"), "\"targetPort\":1"},
        {RAW("\x22\x00"), "\"targetPort\":0"},
    };
    static const uint8_t port[] = {2, 1};
    check_rows("core/v1.Service", port, 2, rows, ARRAY_COUNT(rows));
}

TEST(quantities)
{
    static const struct row rows[] = {
        {RAW("\x0a\x04"
             "500m"),
         "\"cpu\":\"500m\""},
        {RAW("\x0a\x05"
             "1000m"),
         "\"cpu\":\"1\""},
        {RAW("\x0a\x02"
             "1n\x0a\x01"
             "2"),
         "\"cpu\":\"2\""},
        {RAW(""), "\"cpu\":\"0\""},
        {RAW("\x12\x01x\x0a\x01"
             "7"),
         "\"cpu\":\"7\""},
        {RAW("\x0a\x03"
             " 1 "),
         "quantities must match the regular expression "
         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {RAW("\x0a\x00"), "quantities must match the regular expression "
                          "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static const uint8_t value[] = {2}, limits[] = {2, 2, 8, 1};
        struct str amount = wrapped(rows[i].raw, value, 1);
        struct buf whole = BUF_INIT;
        buf_append(&whole,
                   "\x0a\x03"
                   "cpu",
                   5);
        buf_add(&whole, amount);
        struct str entry = arena_str(&arena, buf_str(&whole));
        buf_release(&whole);
        check("core/v1.Pod", wrapped(entry, limits, ARRAY_COUNT(limits)), rows[i].wanted);
    }
}

TEST(flat_messages)
{
    static const struct row rows[] = {
        {RAW("\x0a\x01v\x12\x05\x12\x03\x0a\x01m"),
         "{\"name\":\"v\",\"emptyDir\":{\"medium\":\"m\"}}"},
        {RAW("\x12\x02\x12\x00\x0a\x01v\x12\x05\x0a\x03\x0a\x01/"),
         "{\"name\":\"v\",\"hostPath\":{\"path\":\"/\"},\"emptyDir\":{}}"},
        {RAW("\x12\x03\xf8\x07\x01"), "{\"name\":\"\"}"},
        {RAW("\x10\x03"), "proto: wrong wireType = 0 for field hostPath"},
    };
    static const uint8_t volume[] = {2, 1};
    check_rows("core/v1.Pod", volume, 2, rows, ARRAY_COUNT(rows));
}

TEST(sets_end_where_they_say)
{
    static const struct row rows[] = {
        {RAW("\x0a\x02{}"), "\"fieldsV1\":{}"},
        {RAW("\x0a\x10{\"f:a\":{\".\":{}}}\x09"), "unexpected EOF"},
        {RAW("\x0a\x11{\"f:a\":{\".\":{}} }"), "\"fieldsV1\":{\"f:a\":{\".\":{}}}"},
        {RAW("\x0a\x12 {\"f:b\":{},\"f:a\": "), "unexpected end of JSON input"},
        {RAW("\x0a\x17{\"f:name\":{},\"f:a\":{}}\n"), "\"fieldsV1\":{\"f:name\":{},\"f:a\":{}}"},
        {RAW("\x0a\x12{\"f:a\":1,\"f:b\":{}}"), "\"fieldsV1\":{\"f:a\":1,\"f:b\":{}}"},
        {RAW("\x0a\x10{\"f:a\":{}}{}    "), "invalid character '{' after top-level value"},
        {RAW("\x0a\x04null"), "\"managedFields\":[{}]"},
        {RAW("\x0a\x00"), "\"managedFields\":[{}]"},
        {RAW(""), "\"managedFields\":[{}]"},
        /* The last brace stands behind the end of the text, in a field of the set's message */
        {RAW("\x0a\x09{\"f:a\":{}\x7d"
             "abcd"),
         "unexpected end of JSON input"},
        {RAW("\x0a\x0b{\"\\u0041\":{}}"), "unexpected EOF"},
        {RAW("\x0a\x0d{\"\\u0041\":{}}"), "\"fieldsV1\":{\"A\":{}}"},
    };
    static const uint8_t set[] = {1, 17, 7};
    check_rows("core/v1.ConfigMap", set, 3, rows, ARRAY_COUNT(rows));
}

static const char POD[] =
    "{\"metadata\":{\"name\":\"web\",\"uid\":\"u-1\",\"generation\":3,\"creationTimestamp\":"
    "\"2026-03-01T10:00:07Z\",\"labels\":{\"app\":\"web\",\"tier\":\"x\"},\"managedFields\":[{"
    "\"manager\":\"m\",\"time\":\"2026-03-01T10:00:07Z\",\"fieldsV1\":{\"f:spec\":{\"f:"
    "containers\":"
    "{\"k:{\\\"name\\\":\\\"web\\\"}\":{\".\":{},\"f:image\":{}}}}}}]},\"spec\":{\"volumes\":[{"
    "\"name\":\"v\",\"emptyDir\":{\"sizeLimit\":\"1Gi\"}}],\"containers\":[{\"name\":\"web\","
    "\"livenessProbe\":{\"httpGet\":{\"port\":\"http\"},\"periodSeconds\":10},\"resources\":{"
    "\"limits\":{\"cpu\":\"500m\"}}}],\"securityContext\":{\"supplementalGroups\":[1,2]},"
    "\"hostNetwork\":true},\"status\":{\"phase\":\"Running\"}}";

/* Every truncation and many changes of one byte: both ways agree, and measuring with writing. */
TEST(damage)
{
    struct status st;
    struct sealed *s, *again;
    struct buf out = BUF_INIT;
    schema_id type = type_named("core/v1.Pod");
    status_init(&st, &arena);
    assert_int_equal(seal_json(type, str_from(POD), &s, &st), 0);
    sealed_to_proto(&out, s);
    struct str whole = arena_str(&arena, enveloped(type, buf_str(&out)));
    again = both(type, whole, &st);
    assert_true(again && sealed_equal(s, again));
    sealed_unref(again);
    for (size_t at = 0; at < whole.len; at++) {
        static const char changes[] = {1, 2, 8, 0x10, (char)0x80, (char)0xff};
        char *copy = mem_dup(whole.data, whole.len);
        sealed_unref(both(type, (struct str){copy, at}, &st));
        for (size_t i = 0; i < sizeof(changes); i++) {
            copy[at] = (char)(whole.data[at] ^ changes[i]);
            again = both(type, (struct str){copy, whole.len}, &st);
            buf_clear(&out);
            if (again) {
                sealed_to_proto(&out, again);
                assert_int_equal(sealed_proto_size(again), out.len);
            }
            sealed_unref(again);
        }
        mem_free(copy);
    }
    sealed_unref(s);
    buf_release(&out);
}

TEST(sizes_with_revisions)
{
    static const struct {
        const char *type, *json;
    } rows[] = {
        {"core/v1.Pod", POD},
        {"core/v1.ConfigMap", "{}"},
        {"core/v1.ConfigMap", "{\"metadata\":{\"name\":\"a\"},\"binaryData\":{\"k\":\"AAEC\"}}"},
        {"core/v1.PodList", "{\"items\":[{},{\"metadata\":{\"name\":\"a\"}}]}"},
        {"apps/v1.ControllerRevision", "{\"data\":{\"a\":[1,null,\"<\"]},\"revision\":1}"},
        {"meta/v1.Status", "{\"code\":1}"},
        {"meta/v1.Table", "{\"metadata\":{}}"}, /* has no protobuf */
    };
    static const uint64_t revisions[] = {0, 7, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(rows) * ARRAY_COUNT(revisions); i++) {
        struct status st;
        struct sealed *s;
        struct buf out = BUF_INIT;
        status_init(&st, &arena);
        assert_int_equal(
            seal_json(type_named(rows[i / 3].type), str_from(rows[i / 3].json), &s, &st), 0);
        sealed_set_revision(s, revisions[i % 3]);
        sealed_to_proto(&out, s);
        assert_int_equal(sealed_proto_size(s), out.len);
        buf_release(&out);
        sealed_unref(s);
    }
}

/* What a newer schema wrote is passed over. */
TEST(sizes_with_an_unknown_field)
{
    static const uint8_t unknown[] = {0xfe, 1, 'x'};
    static const uint64_t revisions[] = {0, 7};
    for (size_t i = 0; i < ARRAY_COUNT(revisions); i++) {
        struct status st;
        struct sealed *s;
        struct buf out = BUF_INIT;
        status_init(&st, &arena);
        assert_int_equal(seal_json(type_named("core/v1.ConfigMap"),
                                   STR("{\"metadata\":{\"name\":\"a\"},\"immutable\":true}"), &s,
                                   &st),
                         0);
        sealed_set_revision(s, revisions[i]);
        size_t wanted = sealed_proto_size(s);
        struct sealed *more = mem_alloc(s->size + sizeof(unknown));
        memcpy(more, s, s->size);
        memcpy((uint8_t *)more + s->size, unknown, sizeof(unknown));
        more->size = (uint32_t)(s->size + sizeof(unknown));
        assert_int_equal(sealed_proto_size(more), wanted);
        sealed_to_proto(&out, more);
        assert_int_equal(out.len, wanted);
        buf_release(&out);
        mem_free(more);
        sealed_unref(s);
    }
}

TEST(envelopes)
{
    static const struct row rows[] = {
        {RAW(""), "provided data does not appear to be a protobuf message, expected prefix [107 56 "
                  "115 0]"},
        {RAW("k8s\0"), ""},
        {RAW("k8s\0\x12\x05\x0a\x03\x0a\x01"
             "a"),
         ""},
        {RAW("k8s\0\x0a\x0f\x0a\x02v1\x12\x09"
             "ConfigMap\x12\x00\x1a\x00\x22\x00"),
         ""},
        {RAW("k8s\0\x0a\x0f\x0a\x02v1\x12\x09"
             "ConfigMap\x12\x00\x1a\x03gzi"),
         ""},
        {RAW("k8s\0\x0a\x0f\x0a\x02v1\x12\x09"
             "ConfigMap\x12\x00\x1a\x04gzi"),
         "unexpected EOF"},
        {RAW("k8s\0\x12\x00\x0a\x0f\x0a\x02v1\x12\x09"
             "ConfigMap"),
         ""},
        {RAW("k8s\0\x0a\x0f\x0a\x02v2\x12\x09"
             "ConfigMap\x12\x00"),
         ""},
        {RAW("k8s\0\x0a\x0f\x0a\x02v1\x12\x09"
             "Configmap\x12\x00"),
         "kind \"Configmap\" is not ConfigMap"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct status st;
        struct sealed *s = both(type_named("core/v1.ConfigMap"), rows[i].raw, &st);
        assert_str(s ? STR("") : st.message, rows[i].wanted);
        sealed_unref(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(fields_and_maps, release),
        cmocka_unit_test_teardown(times, release),
        cmocka_unit_test_teardown(numbers_in_lists, release),
        cmocka_unit_test_teardown(int_or_string, release),
        cmocka_unit_test_teardown(quantities, release),
        cmocka_unit_test_teardown(flat_messages, release),
        cmocka_unit_test_teardown(sets_end_where_they_say, release),
        cmocka_unit_test_teardown(damage, release),
        cmocka_unit_test_teardown(sizes_with_revisions, release),
        cmocka_unit_test_teardown(sizes_with_an_unknown_field, release),
        cmocka_unit_test_teardown(envelopes, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
