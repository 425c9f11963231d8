#include "object/patch.h"

#include "base/test.h"
#include "object/object_testing.h"
#include "object/patch_edit.h"

/* tests/data/object/patch.jsonl: documents, patches and what the Go libraries (strategicpatch of
 * apimachinery v0.36.3, json-patch v4.13.0) make of them. "exact": the text of the error is
 * compared too. "panic" is what must not happen here. */

static int run_patch(struct arena *a, const struct node *c, struct node **ret, struct status *st)
{
    struct str how = node_str(c, "how");
    const struct node *old = node_at(c, "old");
    struct node *patch = node_at(c, "patch");
    if (str_is(how, "json"))
        return json_patch(a, old, patch, ret, st);
    if (str_is(how, "merge"))
        return merge_patch(a, old, patch, ret, st);
    schema_id type = schema_type_by_name(node_str(c, "type"));
    assert_int_not_equal(type, SCHEMA_NONE);
    return strategic_merge_patch(a, type, old, patch, ret, st);
}

static void check_case(struct str line)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *c, *result = NULL;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, line, &c, &st), 0);
    struct str before = to_json(&a, node_at(c, "old"));
    struct str error = node_str(c, "error");
    int failed = run_patch(&a, c, &result, &st);
    if (error.len > 0) {
        if (failed == 0)
            fail_msg("no error for %.*s", STR_ARG(line));
        if (st.code != 400 && st.code != 422 && st.code != 413)
            fail_msg("code %d for %.*s", st.code, STR_ARG(line));
        if (node_flag(c, "exact", false) && !str_is(error, "panic") && st.code == 400 &&
            !str_equal(st.message, error))
            fail_msg("got \"%.*s\" for %.*s", STR_ARG(st.message), STR_ARG(line));
    } else {
        if (failed < 0)
            fail_msg("error \"%.*s\" for %.*s", STR_ARG(st.message), STR_ARG(line));
        if (!node_equal(result, node_at(c, "want")))
            fail_msg("got %.*s for %.*s", STR_ARG(to_json(&a, result)), STR_ARG(line));
    }
    struct str after = to_json(&a, node_at(c, "old"));
    if (!str_equal(before, after))
        fail_msg("a patch changed the document: %.*s", STR_ARG(line));
    arena_release(&a);
}

TEST(patches_as_the_originals_do)
{
    struct arena a = ARENA_INIT;
    struct str rest = read_data(&a, "patch.jsonl");
    size_t count = 0;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        if (line.len > 0) {
            check_case(line);
            count++;
        }
    }
    assert_true(count > 300);
    arena_release(&a);
}

TEST(a_difference_leads_from_one_to_the_other)
{
    static const char *const pairs[][2] = {
        {"{}", "{\"a\":1}"},
        {"{\"a\":[1,2,3],\"b\":{\"c/d\":1,\"e~f\":2}}",
         "{\"a\":[1,3],\"b\":{\"c/d\":2},\"g\":null}"},
        {"{\"a\":[]}", "{\"a\":[{\"b\":[1]},2]}"},
        {"{\"a\":1}", "{\"a\":{\"b\":1}}"},
        {"{\"a\":1}", "{\"a\":1}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        struct arena a = ARENA_INIT;
        struct status st;
        struct node *before, *after, *result;
        status_init(&st, &a);
        assert_int_equal(json_parse(&a, str_from(pairs[i][0]), &before, &st), 0);
        assert_int_equal(json_parse(&a, str_from(pairs[i][1]), &after, &st), 0);
        struct node *patch = json_patch_diff(&a, before, after);
        assert_int_equal(json_patch(&a, before, patch, &result, &st), 0);
        assert_true(node_equal(result, after));
        assert_int_equal(node_count(patch) == 0, node_equal(before, after));
        arena_release(&a);
    }
}

static int apply_json_patch(struct arena *a, const char *old, struct str patch, struct status *st)
{
    struct node *document, *operations, *result;
    status_init(st, a);
    assert_int_equal(json_parse(a, str_from(old), &document, st), 0);
    assert_int_equal(json_parse(a, patch, &operations, st), 0);
    return json_patch(a, document, operations, &result, st);
}

TEST(json_patches_are_bounded)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct buf patch = BUF_INIT;
    buf_puts(&patch, "[{\"op\":\"test\",\"path\":\"/a\"}");
    for (int i = 0; i < 10000; i++)
        buf_puts(&patch, ",{\"op\":\"test\",\"path\":\"/a\"}");
    buf_puts(&patch, "]");
    assert_int_equal(apply_json_patch(&a, "{}", buf_str(&patch), &st), -1);
    assert_int_equal(st.code, 413);
    assert_str(st.message, "The allowed maximum operations in a JSON patch is 10000, got 10001");
    buf_clear(&patch);
    buf_puts(&patch, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":\"0123456789\"}");
    for (int i = 0; i < 40; i++)
        buf_puts(&patch, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/"
                         "b\"},{\"op\":\"add\",\"path\":\"/a\",\"value\":{}},"
                         "{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/a/"
                         "x\"},{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/a/y\"}");
    buf_puts(&patch, "]");
    assert_int_equal(apply_json_patch(&a, "{}", buf_str(&patch), &st), -1);
    assert_int_equal(st.code, 422);
    buf_release(&patch);
    arena_release(&a);
}

TEST(ill_formed_json_patches_are_named)
{
    static const char *const cases[][2] = {
        {"{}", "error decoding patch: json: cannot unmarshal object into Go value of type "
               "[]handlers.jsonPatchOp"},
        {"[\"x\"]", "error decoding patch: json: cannot unmarshal string into Go value of type "
                    "handlers.jsonPatchOp"},
        {"[{\"op\":1}]", "error decoding patch: json: cannot unmarshal number into Go struct field "
                         "jsonPatchOp.op of "
                         "type string"},
        {"[{\"op\":\"test\",\"path\":\"/x\",\"value\":1}]",
         "the server rejected our request due to an error in our request"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena a = ARENA_INIT;
        struct status st;
        assert_int_equal(apply_json_patch(&a, "{}", str_from(cases[i][0]), &st), -1);
        assert_str(st.message, cases[i][1]);
        arena_release(&a);
    }
}

TEST(large_maps_are_edited_in_linear_time)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *old = node_map(&a), *patch = node_map(&a), *result;
    status_init(&st, &a);
    struct map_edit o, p;
    map_edit_begin(&o, &a, old);
    map_edit_begin(&p, &a, patch);
    for (int i = 0; i < 200000; i++) {
        map_edit_set(&o, arena_printf(&a, "k%d", i), node_int(&a, i));
        map_edit_set(&p, arena_printf(&a, "k%d", i), i % 2 ? node_null(&a) : node_int(&a, -i));
    }
    map_edit_end(&o);
    map_edit_end(&p);
    assert_int_equal(merge_patch(&a, old, patch, &result, &st), 0);
    assert_int_equal(node_count(result), 100000);
    assert_int_equal(node_num(result, "k77776", 0), -77776);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_as_the_originals_do),
        cmocka_unit_test(a_difference_leads_from_one_to_the_other),
        cmocka_unit_test(json_patches_are_bounded),
        cmocka_unit_test(ill_formed_json_patches_are_named),
        cmocka_unit_test(large_maps_are_edited_in_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
