#include "object/seal.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/test.h"
#include "object/block.h"
#include "object/checksum.h"

static struct arena arena;
static struct status st;

static schema_id type_named(const char *name)
{
    return !strcmp(name, "custom") ? SCHEMA_CUSTOM : schema_type_by_name(str_from(name));
}

/* Seals JSON both ways, which must agree; NULL when refused. */
static struct sealed *seal_text(const char *type, struct str json)
{
    struct node *n;
    struct sealed *by_tree = NULL, *direct = NULL;
    status_init(&st, &arena);
    int err = document_decode(&arena, MEDIA_JSON, json, type_named(type), &n, NULL, &st);
    if (err == 0)
        err = seal(type_named(type), n, &by_tree, &st);
    struct str message = st.message;
    assert_int_equal(err, seal_json(type_named(type), json, &direct, &st));
    if (err < 0) {
        assert_true(str_equal(message, st.message));
        return NULL;
    }
    assert_true(sealed_equal(by_tree, direct));
    assert_int_equal(sealed_verify(direct, sealed_size(direct)), 0);
    sealed_unref(by_tree);
    return direct;
}

static struct str json_of(const struct sealed *s)
{
    struct buf out = BUF_INIT;
    sealed_to_json(&out, s, ENCODE_TYPE_META);
    struct str text = arena_str(&arena, buf_str(&out));
    buf_release(&out);
    return text;
}

TEST(seal_normalises_as_go)
{
    static const struct {
        const char *type, *json, *want;
    } rows[] = {
        {"core/v1.ConfigMap", "{}",
         "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{}}"},
        {"core/v1.ConfigMap",
         " { \"data\" : { \"b\":\"2\", \"a\":\"1\" } , \"metadata\" : {\"name\":\"x\"} } ",
         "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},\"data\":{"
         "\"a\":\"1\",\"b\":\"2\"}}"},
        {"core/v1.ConfigMap",
         "{\"data\":{},\"immutable\":false,\"metadata\":{\"labels\":null,\"name\":\"\"}}",
         "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{},\"immutable\":false}"},
        {"core/v1.ConfigMap", "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"7\"}}",
         "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\","
         "\"resourceVersion\":\"7\"}}"},
        {"rbac.authorization.k8s.io/v1.Role", "{\"rules\":[]}",
         "{\"kind\":\"Role\",\"apiVersion\":\"rbac.authorization.k8s.io/"
         "v1\",\"metadata\":{},\"rules\":null}"},
        {"apps/v1.Deployment", "{\"spec\":{\"replicas\":0,\"paused\":false,\"minReadySeconds\":0}}",
         "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/"
         "v1\",\"metadata\":{},\"spec\":{\"replicas\":0,\"selector\":null,"
         "\"template\":{\"metadata\":{},\"spec\":{\"containers\":null}},\"strategy\":{}},"
         "\"status\":{}}"},
        {"core/v1.Service",
         "{\"spec\":{\"ports\":[{\"port\":80},{\"port\":81,\"targetPort\":\"http\"},{\"port\":82,"
         "\"targetPort\":9}]}}",
         "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{},\"spec\":{\"ports\":[{"
         "\"port\":80,\"targetPort\":0},"
         "{\"port\":81,\"targetPort\":\"http\"},{\"port\":82,\"targetPort\":9}]},\"status\":{"
         "\"loadBalancer\":{}}}"},
        {"core/v1.Secret", "{\"data\":{\"k\":\"aGk=\"},\"type\":\"<&>\\u2028\"}",
         "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{},\"data\":{\"k\":\"aGk=\"},"
         "\"type\":"
         "\"\\u003c\\u0026\\u003e\\u2028\"}"},
        {"coordination.k8s.io/v1.Lease",
         "{\"spec\":{\"renewTime\":\"2024-01-02T03:04:05.000006+01:00\",\"leaseDurationSeconds\":-"
         "3}}",
         "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{},\"spec\":{"
         "\"leaseDurationSeconds\":-3,\"renewTime\":\"2024-01-02T02:04:05.000006Z\"}}"},
        {"core/v1.ConfigMap", "{\"metadata\":{\"creationTimestamp\":\"1970-01-01T00:00:00Z\"}}",
         "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":\"1970-"
         "01-01T00:00:00Z\"}}"},
        {"core/v1.LimitRange",
         "{\"spec\":{\"limits\":[{\"type\":\"Pod\",\"max\":{\"memory\":\"1024Ki\",\"cpu\":1.5}}]}}",
         "{\"kind\":\"LimitRange\",\"apiVersion\":\"v1\",\"metadata\":{},\"spec\":{\"limits\":[{"
         "\"type\":\"Pod\",\"max\":"
         "{\"cpu\":\"1500m\",\"memory\":\"1Mi\"}}]}}"},
        {"custom",
         "{\"kind\":\"A\",\"apiVersion\":\"b/"
         "v1\",\"metadata\":{\"name\":\"x\"},\"z\":1.0,\"a\":[null,{},[]],\"n\":null}",
         "{\"a\":[null,{},[]],\"apiVersion\":\"b/"
         "v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"x\"},\"n\":null,\"z\":1}"},
        {"custom",
         "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:z\":{},\"k:{\\\"a\\\":1}\":{\".\":{}"
         "},\"f:a\":{}}}]}}",
         "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:z\":{},\"k:{\\\"a\\\":1}\":{\".\":{}"
         "},\"f:a\":{}}}]}}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sealed *s = seal_text(rows[i].type, str_from(rows[i].json));
        if (!s)
            fail_msg("%s: %.*s", rows[i].json, STR_ARG(st.message));
        assert_str(json_of(s), rows[i].want);
        struct buf out = BUF_INIT;
        node_to_json(&out, unseal(&arena, s), 0);
        assert_str(buf_str(&out), rows[i].want);
        buf_release(&out);
        sealed_unref(s);
    }
}

/* {"f:k0":{},...} with the last key once more. */
static void put_set(struct buf *out, int count, bool again)
{
    buf_puts(out, "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:metadata\":{\".\":{},");
    for (int i = count - 1; i >= 0; i--)
        buf_printf(out, "\"f:k%d\":{},", i);
    if (again)
        buf_puts(out, "\"f:k0\":{\".\":{}}}}}]}}");
    else
        buf_puts(out, "\"f:name\":{}}}}]}}");
}

/* The way without a tree leaves sets that name a key twice to the other one, which keeps the last.
 */
TEST(sets_name_a_key_once)
{
    static const int counts[] = {1, 2, 9, 63, 64, 65, 300};
    schema_id type = schema_type_by_name(STR("core/v1.ConfigMap"));
    for (size_t i = 0; i < 2 * ARRAY_COUNT(counts); i++) {
        struct buf text = BUF_INIT;
        struct node *tree;
        struct sealed *direct, *by_tree;
        put_set(&text, counts[i / 2], i % 2);
        assert_int_equal(seal_json(type, buf_str(&text), &direct, &st), 0);
        assert_int_equal(
            document_decode(&arena, MEDIA_JSON, buf_str(&text), type, &tree, NULL, &st), 0);
        assert_int_equal(seal(type, tree, &by_tree, &st), 0);
        assert_true(sealed_equal(direct, by_tree));
        assert_int_equal(sealed_verify(direct, sealed_size(direct)), 0);
        struct node *set = node_at(unseal(&arena, direct), "metadata.managedFields");
        set = node_at(node_item(set, 0), "fieldsV1");
        assert_int_equal(node_count(node_get(set, STR("f:metadata"))), counts[i / 2] + 2 - i % 2);
        sealed_unref(direct);
        sealed_unref(by_tree);
        buf_release(&text);
    }
}

TEST(seal_refuses)
{
    static const struct {
        const char *type, *json, *message;
    } rows[] = {
        {"core/v1.Pod", "{\"kind\":\"Node\"}", "kind \"Node\" is not Pod"},
        {"core/v1.Pod", "{\"apiVersion\":\"v2\"}", "apiVersion \"v2\" is not v1"},
        {"apps/v1.Deployment", "{\"spec\":{\"replicas\":\"3\"}}",
         "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type "
         "int32"},
        {"core/v1.Pod", "{\"spec\":{\"containers\":{}}}",
         "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type "
         "[]v1.Container"},
        {"core/v1.Pod", "{\"spec\":{\"restartPolicy\":1}}",
         "json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type "
         "v1.RestartPolicy"},
        {"core/v1.Pod", "[]", "json: cannot unmarshal array into Go value of type v1.Pod"},
        {"core/v1.Pod", "{\"spec\":{\"hostPID\":1.5,\"nodeName\":true}}",
         "json: cannot unmarshal number into Go struct field PodSpec.spec.hostPID of type bool"},
        {"core/v1.Pod", "{\"spec\":{\"priority\":99999999999}}",
         "json: cannot unmarshal number 99999999999 into Go struct field PodSpec.spec.priority of "
         "type int32"},
        {"core/v1.Pod", "{\"metadata\":{\"creationTimestamp\":\"x\"}}",
         "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\""},
        {"core/v1.Secret", "{\"data\":{\"a\":\"!\"}}", "illegal base64 data at input byte 0"},
        {"core/v1.ResourceQuota", "{\"spec\":{\"hard\":{\"cpu\":\"1x\"}}}",
         "quantities must match the regular expression "
         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
        {"core/v1.ResourceQuota", "{\"spec\":{\"hard\":{\"cpu\":\"1kk\"}}}",
         "unable to parse quantity's suffix"},
        {"core/v1.Pod", "{", "unexpected end of JSON input"},
        {"core/v1.Pod", "{\"a\":1,}",
         "invalid character '}' looking for beginning of object key string"},
        {"core/v1.Pod", "{\"a\":tru}", "invalid character '}' in literal true (expecting 'e')"},
        {"core/v1.Pod", "{} x", "invalid character 'x' after top-level value"},
        {"core/v1.Pod", "{\"a\":01}", "invalid character '1' after object key:value pair"},
        {"core/v1.Pod", "{\"a\":\"\x01\"}", "invalid character '\\x01' in string literal"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sealed *s = seal_text(rows[i].type, str_from(rows[i].json));
        if (s)
            fail_msg("%s was accepted", rows[i].json);
        assert_str(st.message, rows[i].message);
        assert_int_equal(st.code, 400);
    }
}

static struct str nested(const char *open, const char *close, int depth)
{
    struct buf out = BUF_INIT;
    buf_puts(&out, "{\"a\":");
    for (int i = 0; i < depth; i++)
        buf_puts(&out, open);
    buf_puts(&out, "1");
    for (int i = 0; i < depth; i++)
        buf_puts(&out, close);
    buf_puts(&out, "}");
    struct str text = arena_str(&arena, buf_str(&out));
    buf_release(&out);
    return text;
}

TEST(depth_and_size_are_bounded)
{
    struct sealed *s = seal_text("custom", nested("[", "]", LIMIT_DEPTH - 2));
    assert_non_null(s);
    sealed_unref(s);
    assert_null(seal_text("custom", nested("[", "]", LIMIT_DEPTH + 1)));
    assert_int_equal(st.code, 413);
    assert_null(seal_text("custom", nested("{\"x\":", "}", 100000)));
    struct buf out = BUF_INIT;
    buf_puts(&out, "{\"data\":{\"k\":\"");
    for (int i = 0; i < LIMIT_OBJECT_BYTES; i++)
        buf_putc(&out, 'x');
    buf_puts(&out, "\"}}");
    assert_null(seal_text("core/v1.ConfigMap", buf_str(&out)));
    assert_int_equal(st.code, 413);
    buf_release(&out);
}

static const char SOME_POD[] = "{\"metadata\":{\"name\":\"web\",\"namespace\":\"ns\",\"uid\":\"u\","
                               "\"labels\":{\"app\":\"w\",\"z.io/x\":\"\"},"
                               "\"annotations\":{\"a\":\"1\"},\"deletionTimestamp\":\"2024-01-"
                               "01T00:00:00Z\"},\"spec\":{\"nodeName\":\"n1\","
                               "\"priority\":-70000,\"hostPID\":true,\"containers\":[{\"name\":"
                               "\"a\",\"image\":\"i\",\"resources\":{\"limits\":"
                               "{\"cpu\":\"1\"}}},{\"name\":\"b\",\"ports\":[{\"containerPort\":"
                               "8080}]}]},\"status\":{\"phase\":\"Running\"}}";

TEST(values_read_in_place)
{
    struct sealed *s = seal_text("core/v1.Pod", str_from(SOME_POD));
    struct value root = sealed_root(s);
    assert_str(object_name(s), "web");
    assert_str(object_namespace(s), "ns");
    assert_str(object_uid(s), "u");
    assert_str(object_label(s, "app"), "w");
    assert_str(object_label(s, "none"), "");
    assert_str(object_annotation(s, "a"), "1");
    assert_true(object_deleting(s));
    assert_true(value_present(value_key(value_at(root, "metadata.labels"), STR("z.io/x"))));
    assert_str(value_str(root, "spec.nodeName"), "n1");
    assert_str(value_str(root, "status.phase"), "Running");
    assert_int_equal(value_int(root, "spec.priority", 0), -70000);
    assert_int_equal(value_int(root, "spec.activeDeadlineSeconds", 5), 5);
    assert_true(value_bool(root, "spec.hostPID", false));
    assert_int_equal(value_time_us(root, "metadata.deletionTimestamp"), 1704067200000000);
    assert_str(value_text(&arena, root, "metadata.deletionTimestamp"), "2024-01-01T00:00:00Z");
    assert_str(value_text(&arena, root, "spec.priority"), "-70000");
    struct value containers = value_at(root, "spec.containers");
    assert_int_equal(value_count(containers), 2);
    assert_str(value_str(value_item(containers, 1), "name"), "b");
    assert_int_equal(
        value_int(value_item(value_at(value_item(containers, 1), "ports"), 0), "containerPort", 0),
        8080);
    assert_str(value_str(value_item(containers, 0), "resources.limits.cpu"), "1");
    assert_false(value_present(value_item(containers, 2)));
    assert_false(value_present(value_at(root, "spec.nodeName.deeper")));
    assert_false(value_present(value_at(root, "nothing")));
    struct value_iter it = value_iter(root);
    const char *const names[] = {"metadata", "spec", "status"};
    size_t seen = 0;
    for (struct value field; value_next(&it, &field);)
        assert_str(it.key, names[seen++]);
    assert_int_equal(seen, 3);
    assert_int_equal(it.index, 3);
    sealed_unref(s);
}

TEST(custom_values_read_in_place)
{
    struct sealed *s = seal_text(
        "custom", STR("{\"apiVersion\":\"a/"
                      "v1\",\"kind\":\"B\",\"metadata\":{\"name\":\"n\",\"labels\":{\"app\":"
                      "\"x\"}},\"spec\":{\"i\":3,\"d\":1.5,\"t\":true,\"when\":"
                      "\"2024-01-01T00:00:00Z\",\"l\":[1,\"two\"],\"\":5,\"nil\":null}}"));
    struct value root = sealed_root(s);
    sealed_set_revision(s, 9);
    assert_int_equal(sealed_type(s), SCHEMA_CUSTOM);
    assert_str(value_str(root, "kind"), "B");
    assert_str(object_name(s), "n");
    assert_str(object_label(s, "app"), "x");
    assert_int_equal(value_int(root, "spec.i", 0), 3);
    assert_true(value_double(root, "spec.d", 0) == 1.5);
    assert_true(value_double(root, "spec.i", 0) == 3);
    assert_true(value_bool(root, "spec.t", false));
    assert_int_equal(value_time_us(root, "spec.when"), 1704067200000000);
    assert_str(value_str(value_item(value_at(root, "spec.l"), 1), ""), "two");
    assert_int_equal(value_at(root, "spec.nil").kind, VALUE_NULL);
    assert_int_equal(value_int(value_key(value_at(root, "spec"), STR("")), "", 0), 5);
    assert_non_null(strstr(json_of(s).data, "\"name\":\"n\",\"resourceVersion\":\"9\"}"));
    sealed_unref(s);
}

TEST(revision_is_in_the_header)
{
    struct sealed *s = seal_text("core/v1.Pod", str_from(SOME_POD)), *copy = sealed_copy(s);
    sealed_set_revision(s, 42);
    assert_int_equal(sealed_revision(s), 42);
    assert_true(sealed_equal(s, copy));
    assert_int_equal(sealed_verify(s, sealed_size(s)), 0);
    assert_non_null(
        strstr(json_of(s).data, "\"uid\":\"u\",\"resourceVersion\":\"42\",\"deletionTimestamp\""));
    assert_str(node_str(unseal(&arena, s), "metadata.resourceVersion"), "42");
    struct buf out = BUF_INIT;
    struct node *n;
    size_t mark = proto_envelope_begin(&out, STR("v1"), STR("Pod"));
    sealed_to_proto(&out, s);
    proto_envelope_end(&out, mark);
    assert_int_equal(
        document_decode(&arena, MEDIA_PROTOBUF, buf_str(&out), sealed_type(s), &n, NULL, &st), 0);
    assert_str(node_str(n, "metadata.resourceVersion"), "42");
    assert_str(node_str(n, "kind"), "Pod");
    buf_release(&out);
    struct sealed *again = sealed_ref(s);
    sealed_unref(again);
    assert_int_equal(sealed_revision(s), 42);
    sealed_unref(copy);
    sealed_unref(s);
    sealed_unref(NULL);
}

TEST(damage_is_found)
{
    struct sealed *s = seal_text("core/v1.Pod", str_from(SOME_POD));
    size_t size = sealed_size(s);
    uint8_t *bytes = mem_dup(s, size);
    for (size_t i = 0; i < size; i++) {
        if (i >= 8 && i < 16)
            continue; /* the revision */
        bytes[i] ^= 0x40;
        if (sealed_verify(bytes, size) == 0)
            fail_msg("byte %zu may be anything", i);
        bytes[i] ^= 0x40;
    }
    assert_int_equal(sealed_verify(bytes, size), 0);
    for (size_t i = 0; i < size; i++)
        assert_true(sealed_verify(bytes, i) < 0);
    mem_free(bytes);
    sealed_unref(s);
}

TEST(older_dictionaries_are_read)
{
    struct sealed *s = seal_text("core/v1.ConfigMap", STR("{\"data\":{\"k\":\"Opaque_\"}}"));
    size_t size = sealed_size(s);
    struct sealed *old = mem_dup(s, size);
    /* "Opaque_" becomes "default", which an older dictionary may not have known. */
    char *text = memmem(old->body, size - BLOCK_HEADER_BYTES, "Opaque_", 7);
    assert_non_null(text);
    memcpy(text, "default", 7);
    old->checksum = crc32c(old->body, size - BLOCK_HEADER_BYTES);
    assert_true(sealed_verify(old, size) < 0);
    old->dictionary--;
    assert_int_equal(sealed_verify(old, size), 0);
    assert_str(value_str(value_at(sealed_root(old), "data"), "k"), "default");
    mem_free(old);
    sealed_unref(s);
}

static int release(void **state maybe_unused)
{
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(seal_normalises_as_go, release),
        cmocka_unit_test_teardown(seal_refuses, release),
        cmocka_unit_test_teardown(sets_name_a_key_once, release),
        cmocka_unit_test_teardown(depth_and_size_are_bounded, release),
        cmocka_unit_test_teardown(values_read_in_place, release),
        cmocka_unit_test_teardown(custom_values_read_in_place, release),
        cmocka_unit_test_teardown(revision_is_in_the_header, release),
        cmocka_unit_test_teardown(damage_is_found, release),
        cmocka_unit_test_teardown(older_dictionaries_are_read, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
