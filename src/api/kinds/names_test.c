#include "base/test.h"

#include "api/kinds/names.h"

TEST(names_are_found)
{
    struct arena a = ARENA_INIT;
    struct names n = {.a = &a};
    assert_int_equal(names_get(&n, STR("x")), 0);
    for (uintptr_t i = 1; i <= 1000; i++)
        names_put(&n, arena_printf(&a, "name-%zu", i), i);
    names_put(&n, STR("name-7"), 8);
    for (uintptr_t i = 1; i <= 1000; i++)
        assert_int_equal(names_get(&n, arena_printf(&a, "name-%zu", i)), i);
    assert_int_equal(names_get(&n, STR("name-0")), 0);
    names_put(&n, STR(""), 5);
    assert_int_equal(names_get(&n, STR("")), 5);
    arena_release(&a);
}

/* Whatever the length, the answers are those of looking at all pairs. */
TEST(repeats_are_those_of_all_pairs)
{
    struct arena a = ARENA_INIT;
    struct repeats r = {.a = &a};
    for (size_t count = 1; count < 300; count = count * 2 + 1) {
        struct node *list = node_list(&a);
        for (size_t i = 0; i < count; i++) {
            struct node *item = node_map(&a);
            if (i % 11)
                node_set(&a, item, STR("name"), node_text_printf(&a, "%zu", i * i % 97));
            node_set(&a, item, STR("other"), node_text_printf(&a, "%zu", i / 3));
            node_append(&a, list, item);
        }
        for (size_t i = 0; i < count; i++)
            for (int m = 0; m < 2; m++) {
                const char *member = m ? "name" : "other";
                struct str text = node_str(node_item(list, i), member);
                bool want = false;
                for (size_t k = 0; k < i; k++)
                    want |= str_equal(node_str(node_item(list, k), member), text);
                assert_int_equal(repeats_earlier(&r, list, i, member), want);
                assert_true(any_named(&r, list, member, text));
            }
        assert_false(any_named(&r, list, "name", STR("98")));
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(repeats_are_those_of_all_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
