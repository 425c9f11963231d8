#include "base/test.h"

#include "control/interval.h"

TEST(texts_go_both_ways)
{
    static const struct {
        const char *text, *same;
        int64_t limit, total;
    } cases[] = {
        {"", "", 10, 0},
        {"0", "0", 10, 1},
        {"0,1", "0,1", 10, 2},
        {"0-2", "0-2", 10, 3},
        {"1,3-5,7", "1,3-5,7", 10, 5},
        {"1,3-5,7", "1,3", 4, 2},
        {"1,x,3-2,4", "1,4", 10, 2},
        {"0-4,5-9", "0-9", 10, 10},
        {"3-20", "3-9", 10, 7},
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct intervals set = intervals_parse(&arena, str_from(cases[i].text), cases[i].limit);
        assert_str(intervals_format(&arena, set), cases[i].same);
        assert_int_equal(intervals_total(set), cases[i].total);
    }
    arena_release(&arena);
}

TEST(added_one_by_one_they_hold_what_was_added)
{
    struct arena arena = ARENA_INIT;
    struct intervals set = {0};
    bool there[64] = {false};
    for (int i = 0; i < 200; i++) {
        int index = i * 29 % 61;
        if (i % 3)
            continue;
        set = intervals_add(&arena, set, index);
        there[index] = true;
        for (int j = 0; j < 64; j++)
            assert_int_equal(intervals_has(set, j), there[j]);
        for (size_t j = 1; j < set.count; j++)
            assert_true(set.items[j].first > set.items[j - 1].last + 1);
    }
    arena_release(&arena);
}

TEST(merging_and_common_parts)
{
    struct arena arena = ARENA_INIT;
    struct intervals x = intervals_parse(&arena, STR("0-3,6,9"), 20);
    struct intervals y = intervals_parse(&arena, STR("2-6,8"), 20);
    assert_str(intervals_format(&arena, intervals_merge(&arena, x, y)), "0-6,8,9");
    assert_int_equal(intervals_common(x, y), 3);
    assert_int_equal(intervals_common(x, (struct intervals){0}), 0);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_go_both_ways),
        cmocka_unit_test(added_one_by_one_they_hold_what_was_added),
        cmocka_unit_test(merging_and_common_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
