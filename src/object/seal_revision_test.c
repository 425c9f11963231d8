/* Objects that come from a server: the revision that they name goes into the block's header, by the
 * direct ways as by the tree, and raw messages seal as documents do. */
#include "base/test.h"
#include "object/seal.h"

static struct arena arena;
static struct status st;

static int release(void **state maybe_unused)
{
    arena_release(&arena);
    return 0;
}

static schema_id type_named(const char *name)
{
    return strcmp(name, "custom") == 0 ? SCHEMA_CUSTOM : schema_type_by_name(str_from(name));
}

/* The document's block by the tree, which the others must be like. */
static struct sealed *by_tree(enum media media, schema_id type, struct str document)
{
    struct node *tree;
    struct sealed *s;
    status_init(&st, &arena);
    if (document_decode(&arena, media, document, type, &tree, NULL, &st) < 0)
        return NULL;
    assert_int_equal(seal_with_revision(type, tree, &s, &st), 0);
    return s;
}

static void assert_same(const struct sealed *a, const struct sealed *b)
{
    assert_true(sealed_equal(a, b));
    assert_true(sealed_revision(a) == sealed_revision(b));
}

TEST(revisions_of_json)
{
    static const struct {
        const char *type, *json;
        uint64_t revision;
    } rows[] = {
        {"core/v1.ConfigMap", "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"7\"}}", 7},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":\"7\",\"name\":\"a\"}}", 7},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":\"\\u0037\"}}", 7},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":\"18446744073709551615\"}}",
         UINT64_MAX},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":\"18446744073709551616\"}}", 0},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":\"\"}}", 0},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":null}}", 0},
        {"core/v1.ConfigMap", "{\"metadata\":{\"resourceVersion\":\"-7\"}}", 0},
        {"core/v1.ConfigMap", "{\"data\":{\"resourceVersion\":\"7\"}}", 0},
        /* Twice, so that the direct way gives it up */
        {"core/v1.ConfigMap",
         "{\"metadata\":{\"resourceVersion\":\"7\",\"resourceVersion\":\"8\"}}", 8},
        {"apps/v1.Deployment",
         "{\"metadata\":{\"resourceVersion\":\"9\"},\"spec\":{\"template\":{\"metadata\":{"
         "\"resourceVersion\":\"7\"}}}}",
         9},
        {"custom",
         "{\"apiVersion\":\"a.b/v1\",\"kind\":\"C\",\"metadata\":{\"resourceVersion\":\"11\"}}",
         11},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sealed *s;
        schema_id type = type_named(rows[i].type);
        struct sealed *tree = by_tree(MEDIA_JSON, type, str_from(rows[i].json));
        assert_int_equal(seal_json(type, str_from(rows[i].json), &s, &st), 0);
        assert_same(s, tree);
        if (sealed_revision(s) != rows[i].revision)
            fail_msg("%s: got %llu", rows[i].json, (unsigned long long)sealed_revision(s));
        sealed_unref(s);
        sealed_unref(tree);
    }
}

static struct str enveloped(struct str raw)
{
    struct buf out = BUF_INIT;
    size_t mark = proto_envelope_begin(&out, STR(""), STR(""));
    buf_add(&out, raw);
    proto_envelope_end(&out, mark);
    struct str document = arena_str(&arena, buf_str(&out));
    buf_release(&out);
    return document;
}

/* Document and message seal alike, or are refused with the same words. */
static struct sealed *check_message(const char *type_name, struct str raw)
{
    schema_id type = type_named(type_name);
    struct str document = enveloped(raw);
    struct sealed *tree = by_tree(MEDIA_PROTOBUF, type, document), *from_document, *from_message;
    struct str said = st.message;
    int err = tree ? 0 : -1;
    assert_int_equal(seal_proto(type, document, &from_document, &st), err);
    assert_int_equal(seal_proto_message(type, raw, &from_message, &st), err);
    if (err < 0) {
        assert_true(str_equal(st.message, said));
        return NULL;
    }
    assert_same(from_document, tree);
    assert_same(from_message, tree);
    sealed_unref(from_document);
    sealed_unref(tree);
    return from_message;
}

TEST(revisions_of_protobuf)
{
    static const struct {
        const char *type, *json;
    } rows[] = {
        {"core/v1.ConfigMap", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}"},
        {"apps/v1.Deployment",
         "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"template\":{\"metadata\":{"
         "\"resourceVersion\":\"7\"}}}}"},
        {"coordination.k8s.io/v1.Lease",
         "{\"spec\":{\"renewTime\":\"2026-03-01T10:00:07.500000Z\"}}"},
        {"core/v1.Node", "{}"},
    };
    static const uint64_t revisions[] = {0, 1, 300, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(rows) * ARRAY_COUNT(revisions); i++) {
        uint64_t revision = revisions[i % ARRAY_COUNT(revisions)];
        struct sealed *s, *again;
        struct buf out = BUF_INIT;
        const char *json = rows[i / ARRAY_COUNT(revisions)].json;
        const char *type = rows[i / ARRAY_COUNT(revisions)].type;
        assert_int_equal(seal_json(type_named(type), str_from(json), &s, &st), 0);
        sealed_set_revision(s, revision);
        sealed_to_proto(&out, s);
        again = check_message(type, buf_str(&out));
        assert_non_null(again);
        assert_same(again, s);
        sealed_unref(again);
        sealed_unref(s);
        buf_release(&out);
    }
}

TEST(messages_that_go_by_the_tree)
{
    static const struct {
        struct str raw;
        bool sound;
        uint64_t revision;
    } rows[] = {
        /* metadata in two pieces; a revision twice, in two pieces, of the wrong form */
        {{"\x0a\x03\x0a\x01"
          "a\x0a\x03\x32\x01"
          "7",
          10},
         true,
         7},
        {{"\x0a\x06\x32\x01"
          "7\x32\x01"
          "8",
          8},
         true,
         8},
        {{"\x0a\x03\x32\x01x", 5}, true, 0},
        {{"\x0a\x02\x30\x07", 4}, false, 0},
        {{"\x0a\x03\x32\x02x", 5}, false, 0},
        {{"\x0a\x7f", 2}, false, 0},
        {{"k8s", 3}, false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sealed *s = check_message("core/v1.ConfigMap", rows[i].raw);
        assert_int_equal(s != NULL, rows[i].sound);
        if (s)
            assert_true(sealed_revision(s) == rows[i].revision);
        sealed_unref(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revisions_of_json),
        cmocka_unit_test(revisions_of_protobuf),
        cmocka_unit_test(messages_that_go_by_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
