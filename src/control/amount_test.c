#include "control/amount.h"

#include "base/test.h"

/* Wherever in an arena they come to lie. */
TEST(amounts_add_up)
{
    for (size_t before = 0; before < 4; before++) {
        struct arena a = ARENA_INIT;
        struct amounts list = {0};
        struct quantity one, half;
        assert_int_equal(quantity_parse(STR("1"), &one), 0);
        assert_int_equal(quantity_parse(STR("500m"), &half), 0);
        for (int i = 0; i < 20; i++) {
            struct str name = arena_printf(&a, "resource-%d", i % 10);
            assert_non_null(arena_alloc(&a, 8 * before));
            amounts_add(&a, &list, name, i < 10 ? one : half);
            amounts_max(&a, &list, name, half);
        }
        assert_int_equal(list.count, 10);
        for (size_t i = 0; i < list.count; i++)
            assert_str(quantity_format(&a, list.items[i].value), "1500m");
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(amounts_add_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
