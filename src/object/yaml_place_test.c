#include "base/test.h"
#include "object/yaml_place.h"

static const char text[] = "# é\n"
                           "a: 1\n"
                           "list:\n"
                           "- name: \"é\"   # note\n"
                           "  x: [1, {y: 2}]\n"
                           "- |\n"
                           "  two\n"
                           "  lines\n"
                           "last: {p: q}\n";

static struct str written(const struct place *p)
{
    return str_slice(str_from(text), p->start, p->end);
}

TEST(tells_where_values_stand)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct place *root;
    status_init(&st, &a);
    assert_int_equal(yaml_places(&a, str_from(text), &root, &st), 0);
    assert_int_equal(root->kind, PLACE_MAP);
    assert_int_equal(root->count, 3);
    const struct place *list = place_member(root, STR("list"));
    const struct place *first = place_item(list, 0);
    const struct place *name = place_member(first, STR("name"));
    assert_str(written(name), "\"é\"");
    assert_int_equal(name->line, 4);
    assert_int_equal(name->key_column, 3);
    const struct place *x = place_member(first, STR("x"));
    assert_str(written(x), "[1, {y: 2}]");
    assert_true(x->flow);
    assert_str(written(place_member(place_item(x, 1), STR("y"))), "2");
    assert_str(written(first), "name: \"é\"   # note\n  x: [1, {y: 2}]");
    assert_str(written(place_member(root, STR("last"))), "{p: q}");
    assert_null(place_member(root, STR("none")));
    assert_null(place_item(list, 2));
    arena_release(&a);
}

TEST(empty_and_broken_texts)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct place *root;
    status_init(&st, &a);
    assert_int_equal(yaml_places(&a, STR("# nothing\n"), &root, &st), 0);
    assert_null(root);
    assert_int_equal(yaml_places(&a, STR("a: 1\nb: ]\n"), &root, &st), -1);
    assert_true(str_starts(st.message, "line 2, column 4"));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_where_values_stand),
                                       cmocka_unit_test(empty_and_broken_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
