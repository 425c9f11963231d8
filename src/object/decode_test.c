#include "base/limits.h"
#include "base/test.h"
#include "object/json.h"
#include "object/proto.h"
#include "object/seal.h"

static struct arena arena;
static struct status st;

static schema_id type_named(const char *name)
{
    return schema_type_by_name(str_from(name));
}

static struct str json_of(const struct node *n)
{
    struct buf out = BUF_INIT;
    node_to_json(&out, n, 0);
    struct str text = arena_str(&arena, buf_str(&out));
    buf_release(&out);
    return text;
}

TEST(strict_notes)
{
    static const struct {
        const char *type, *json, *notes, *tree;
    } rows[] = {
        {"core/v1.Pod", "{\"spec\":{\"foo\":1,\"nodeName\":\"a\",\"nodeName\":\"b\"},\"bar\":{}}",
         "unknown field \"spec.foo\", duplicate field \"spec.nodeName\", unknown field \"bar\"",
         "{\"spec\":{\"nodeName\":\"b\"}}"},
        {"core/v1.Pod", "{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"x\":1,\"x\":2}]}}",
         "unknown field \"spec.containers[1].x\"",
         "{\"spec\":{\"containers\":[{\"name\":\"a\"},{}]}}"},
        {"core/v1.ConfigMap",
         "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}},"
         "\"kind\":\"ConfigMap\",\"kind\":\"ConfigMap\"}",
         "duplicate field \"metadata.labels.a\", duplicate field \"kind\"",
         "{\"metadata\":{\"labels\":{\"a\":\"3\",\"b\":\"2\"}},\"kind\":\"ConfigMap\"}"},
        {"apps/v1.ControllerRevision", "{\"data\":{\"a\":1,\"a\":2,\"b\":{}}}", "",
         "{\"data\":{\"a\":2,\"b\":{}}}"},
        {"core/v1.ResourceQuota", "{\"spec\":{\"hard\":{\"cpu\":\"1000m\",\"memory\":1}}}", "",
         "{\"spec\":{\"hard\":{\"cpu\":\"1\",\"memory\":\"1\"}}}"},
        {"core/v1.Pod", "{\"metadata\":{\"creationTimestamp\":null,\"labels\":{}},\"spec\":null}",
         "", "{\"metadata\":{\"creationTimestamp\":null,\"labels\":{}},\"spec\":null}"},
        {"core/v1.Pod", "{\"metadata\":{\"creationTimestamp\":\"2024-01-01T01:00:00.5+01:00\"}}",
         "", "{\"metadata\":{\"creationTimestamp\":\"2024-01-01T00:00:00Z\"}}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct node *n;
        struct decode_notes notes;
        struct buf all = BUF_INIT;
        status_init(&st, &arena);
        if (document_decode(&arena, MEDIA_JSON, str_from(rows[i].json), type_named(rows[i].type),
                            &n, &notes, &st) < 0)
            fail_msg("%s: %.*s", rows[i].json, STR_ARG(st.message));
        for (size_t k = 0; k < notes.count; k++)
            buf_printf(&all, "%s%.*s", k ? ", " : "", STR_ARG(notes.texts[k]));
        assert_str(buf_str(&all), rows[i].notes);
        buf_release(&all);
        assert_str(json_of(n), rows[i].tree);
    }
}

TEST(notes_and_duplicates_cost_little)
{
    struct buf text = BUF_INIT;
    struct node *n;
    struct decode_notes notes;
    buf_puts(&text, "{\"metadata\":{\"labels\":{\"k\":\"v\"");
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, ",\"k%d\":\"v\",\"k%d\":\"v\"", i, i);
    buf_puts(&text, "}}}");
    status_init(&st, &arena);
    assert_int_equal(document_decode(&arena, MEDIA_JSON, buf_str(&text), type_named("core/v1.Pod"),
                                     &n, &notes, &st),
                     0);
    assert_int_equal(notes.count, 100);
    assert_int_equal(node_count(node_at(n, "metadata.labels")), 100001);
    buf_release(&text);
}

TEST(json_numbers_and_texts)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"[0,-0,1.0,1.5,1e3,0.1,-2.5e-7,1e21,1e20,0.000001,1e-7]",
         "[0,0,1,1.5,1000,0.1,-2.5e-7,1e+21,100000000000000000000,0.000001,1e-7]"},
        {"[9223372036854775807,9223372036854775808,123456789012345680000]",
         "[9223372036854775807,9223372036854776000,123456789012345680000]"},
        {"[5e-324,1.7976931348623157e308,3.141592653589793,100000.5]",
         "[5e-324,1.7976931348623157e+308,3.141592653589793,100000.5]"},
        {"\"a\\u0041\\n\\t\\b\\f\\u0001\\/\\\\\\\"\"", "\"aA\\n\\t\\b\\f\\u0001/\\\\\\\"\""},
        {"\"\\ud83d\\ude00 \\ud800x \\udc00\"", "\"\xf0\x9f\x98\x80 \xef\xbf\xbdx \xef\xbf\xbd\""},
        {"\"\xff\xc3(\xe2\x80\xa8\"", "\"\xef\xbf\xbd\xef\xbf\xbd(\\u2028\""},
        {"\"<>&\x7f\"", "\"\\u003c\\u003e\\u0026\x7f\""},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {" [ ] ", "[]"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct node *n;
        status_init(&st, &arena);
        if (json_parse(&arena, str_from(rows[i].in), &n, &st) < 0)
            fail_msg("%s: %.*s", rows[i].in, STR_ARG(st.message));
        assert_str(json_of(n), rows[i].out);
    }
    struct node *n;
    struct buf pretty = BUF_INIT;
    assert_int_equal(json_parse(&arena, STR("{\"a\":[1,{}],\"b\":[]}"), &n, &st), 0);
    node_to_json(&pretty, n, ENCODE_PRETTY);
    assert_str(buf_str(&pretty), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
    buf_release(&pretty);
    assert_true(json_parse(&arena, STR("1e999"), &n, &st) < 0);
    assert_true(json_parse(&arena, STR(""), &n, &st) < 0);
    assert_str(st.message, "unexpected end of JSON input");
}

TEST(yaml_in)
{
    static const struct {
        const char *yaml, *json; /* json NULL: refused */
    } rows[] = {
        {"a: yes\nb: No\nc: 0x1F\nd: 017\ne: 1_000\nf: 1e3\ng: .5\nh: ~\ni:\nj: '1'\n",
         "{\"a\":true,\"b\":false,\"c\":31,\"d\":15,\"e\":1000,\"f\":1000,\"g\":0.5,\"h\":null,"
         "\"i\":null,\"j\":\"1\"}"},
        {"k: 12:30\nl: 2024-01-01\n", "{\"k\":\"12:30\",\"l\":\"2024-01-01\"}"},
        {"1: a\ntrue: b\n1.5: c\n", "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\"}"},
        {"a: &x {b: 1}\nc:\n  b: 0\n  <<: *x\n  d: 2\n",
         "{\"a\":{\"b\":1},\"c\":{\"b\":1,\"d\":2}}"},
        {"a: !!str 1\nb: !!binary aGk=\nc: !!float 1\n", "{\"a\":\"1\",\"b\":\"hi\",\"c\":1}"},
        {"a: 1\na: 2\n", "{\"a\":2}"},
        {"", "null"},
        {"a: .inf", NULL},
        {"a: b: c", NULL},
        {"a: *b", NULL},
        {"a: &a [*a]", NULL},
        {"? [a]\n: b", NULL},
        {"~: b", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct node *n;
        status_init(&st, &arena);
        int err = yaml_parse(&arena, str_from(rows[i].yaml), &n, &st);
        if ((err == 0) != (rows[i].json != NULL))
            fail_msg("%s: %d %.*s", rows[i].yaml, err, STR_ARG(st.message));
        if (err == 0)
            assert_str(json_of(n), rows[i].json);
    }
}

TEST(yaml_out)
{
    struct node *n;
    struct buf out = BUF_INIT;
    status_init(&st, &arena);
    struct str json = STR("{\"b10\":\"yes\",\"b9\":[{\"x\":\"1\",\"a\":\"l1\\nl2\\n\"},[1.5]],"
                          "\"a\":{},\"c\":\"a: b\",\"d\":null,\"e\":\"2024-01-01\"}");
    assert_int_equal(json_parse(&arena, json, &n, &st), 0);
    node_to_yaml(&out, n);
    assert_str(buf_str(&out), "a: {}\nb9:\n- a: |\n    l1\n    l2\n  x: \"1\"\n- - 1.5\n"
                              "b10: \"yes\"\nc: 'a: b'\nd: null\ne: \"2024-01-01\"\n");
    buf_release(&out);
}

TEST(yaml_documents_and_notes)
{
    struct node *n, **documents;
    size_t count;
    struct decode_notes notes;
    status_init(&st, &arena);
    struct str text = STR("a: 1\n---\n[b]\n---\nc\n");
    if (yaml_parse_all(&arena, text, &documents, &count, &st) < 0)
        fail_msg("%.*s", STR_ARG(st.message));
    assert_int_equal(count, 3);
    assert_str(json_of(documents[1]), "[\"b\"]");
    text = STR("data:\n  a: x\n  a: z\nfoo: 1\n");
    assert_int_equal(
        document_decode(&arena, MEDIA_YAML, text, type_named("core/v1.ConfigMap"), &n, &notes, &st),
        0);
    assert_int_equal(notes.count, 2);
    assert_str(notes.texts[0], "yaml: unmarshal errors:\n  line 3: key \"a\" already set in map");
    assert_str(notes.texts[1], "unknown field \"foo\"");
}

TEST(yaml_bombs_are_cut)
{
    struct buf text = BUF_INIT;
    struct node *n;
    buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&text, "%s*a%d", k ? "," : "", i - 1);
        buf_puts(&text, "]\n");
    }
    status_init(&st, &arena);
    assert_true(yaml_parse(&arena, buf_str(&text), &n, &st) < 0);
    assert_str(st.message, "yaml: document contains excessive aliasing");
    buf_clear(&text);
    for (int i = 0; i < 5000; i++)
        buf_putc(&text, '[');
    assert_true(yaml_parse(&arena, buf_str(&text), &n, &st) < 0);
    buf_release(&text);
}

#define BYTES(literal) ((struct str){literal, sizeof(literal) - 1})

TEST(protobuf_in_pieces)
{
    struct node *n;
    status_init(&st, &arena);
    /* spec (2) before metadata (1), metadata in two pieces, an unknown field (99) between. */
    struct str raw = BYTES("\x12\x04\x52\x02n1"
                           "\x0a\x03\x0a\x01x"
                           "\x9a\x06\x01z"
                           "\x0a\x03\x1a\x01y");
    assert_int_equal(proto_read_message(&arena, raw, type_named("core/v1.Pod"), &n, &st), 0);
    assert_str(
        json_of(n),
        "{\"spec\":{\"nodeName\":\"n1\"},\"metadata\":{\"name\":\"x\",\"namespace\":\"y\"}}");
    /* Packed numbers: PodPortForwardOptions.ports. */
    raw = BYTES("\x0a\x03\x01\xac\x02\x08\x05");
    schema_id options = type_named("core/v1.PodPortForwardOptions");
    assert_int_equal(proto_read_message(&arena, raw, options, &n, &st), 0);
    assert_str(json_of(n), "{\"ports\":[1,300,5]}");
    static const char *const faults[] = {"\x0a\x05x", "\x0a", "\x08\x01", "\x0b\x01",
                                         "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"};
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++)
        assert_true(proto_read_message(&arena, str_from(faults[i]), type_named("core/v1.Pod"), &n,
                                       &st) < 0);
    assert_true(document_decode(&arena, MEDIA_PROTOBUF, STR("{}"), type_named("core/v1.Pod"), &n,
                                NULL, &st) < 0);
}

TEST(protobuf_of_requests_and_answers)
{
    static const struct {
        const char *type, *json;
    } rows[] = {
        {"meta/v1.DeleteOptions", "{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"u\"},"
                                  "\"propagationPolicy\":\"Foreground\"}"},
        {"meta/v1.Status",
         "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"no\",\"reason\":\"NotFound\","
         "\"details\":{\"name\":\"x\"},\"code\":404}"},
        {"meta/v1.PartialObjectMetadataList",
         "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[{\"metadata\":{\"name\":\"a\","
         "\"resourceVersion\":\"3\"}}]}"},
        {"meta/v1.WatchEvent", "{\"type\":\"ADDED\",\"object\":{\"a\":1}}"},
        {"apidiscovery.k8s.io/v2.APIGroupDiscoveryList",
         "{\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"apps\"}}]}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct node *n, *again;
        struct buf out = BUF_INIT;
        schema_id type = type_named(rows[i].type);
        status_init(&st, &arena);
        assert_int_equal(json_parse(&arena, str_from(rows[i].json), &n, &st), 0);
        if (node_to_proto(&out, type, n, &st) < 0)
            fail_msg("%s: %.*s", rows[i].type, STR_ARG(st.message));
        assert_int_equal(proto_read_message(&arena, buf_str(&out), type, &again, &st), 0);
        if (!node_equal(n, again))
            fail_msg("%s: %.*s", rows[i].type, STR_ARG(json_of(again)));
        buf_release(&out);
    }
    struct buf out = BUF_INIT;
    assert_true(node_to_proto(&out, type_named("meta/v1.Table"), node_map(&arena), &st) < 0);
    assert_int_equal(st.code, 406);
    buf_release(&out);
}

TEST(peeking)
{
    struct str version, kind;
    struct buf out = BUF_INIT;
    status_init(&st, &arena);
    struct str yaml = STR("kind: A\napiVersion: b/v1\n");
    assert_int_equal(document_peek(&arena, MEDIA_YAML, yaml, &version, &kind, &st), 0);
    assert_str(kind, "A");
    assert_str(version, "b/v1");
    proto_envelope_end(&out, proto_envelope_begin(&out, STR("v1"), STR("Pod")));
    struct str want = BYTES("k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\0\x1a\0\"\0");
    assert_true(str_equal(buf_str(&out), want));
    assert_int_equal(document_peek(&arena, MEDIA_PROTOBUF, buf_str(&out), &version, &kind, &st), 0);
    assert_str(kind, "Pod");
    buf_release(&out);
}

/* Repeated names in a map so large that it is cleared while it is read. */
TEST(a_crowded_yaml_map_keeps_the_last_of_each_name)
{
    enum {
        NAMES = 50000,
        ROUNDS = 5
    };
    struct buf text = BUF_INIT;
    struct decode_notes notes = {0};
    struct node *n;
    status_init(&st, &arena);
    buf_puts(&text, "metadata: {name: x}\nwhatever:\n");
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < NAMES; i++)
            buf_printf(&text, "  k%d: %d\n", i, round);
    buf_puts(&text, "  once: &o {b: 1, b: 2}\n  twice: *o\n");
    assert_int_equal(
        document_decode(&arena, MEDIA_YAML, buf_str(&text), SCHEMA_NONE, &n, &notes, &st), 0);
    const struct node *map = node_get(n, STR("whatever"));
    assert_int_equal(node_count(map), NAMES + 2);
    for (int i = 0; i < NAMES; i += 4999) {
        struct str name = arena_printf(&arena, "k%d", i);
        assert_str(map->map.members[i].name, name.data);
        assert_int_equal(map->map.members[i].value->integer, ROUNDS - 1);
    }
    assert_int_equal(node_num(map, "once.b", 0), 2);
    assert_int_equal(node_num(map, "twice.b", 0), 2);
    assert_int_equal(notes.count, 1);
    struct str rest = notes.texts[0], first = str_cut(&rest, '\n');
    assert_str(first, "yaml: unmarshal errors:");
    for (int i = 0; i < 20000; i++) {
        struct str line = str_cut(&rest, '\n');
        assert_str(line, arena_printf(&arena, "  line %d: key \"k%d\" already set in map",
                                      3 + NAMES + i, i)
                             .data);
    }
    buf_release(&text);
}

static int release(void **state maybe_unused)
{
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(strict_notes, release),
        cmocka_unit_test_teardown(notes_and_duplicates_cost_little, release),
        cmocka_unit_test_teardown(json_numbers_and_texts, release),
        cmocka_unit_test_teardown(yaml_in, release),
        cmocka_unit_test_teardown(yaml_out, release),
        cmocka_unit_test_teardown(yaml_documents_and_notes, release),
        cmocka_unit_test_teardown(yaml_bombs_are_cut, release),
        cmocka_unit_test_teardown(protobuf_in_pieces, release),
        cmocka_unit_test_teardown(protobuf_of_requests_and_answers, release),
        cmocka_unit_test_teardown(peeking, release),
        cmocka_unit_test_teardown(a_crowded_yaml_map_keeps_the_last_of_each_name, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
