#include "base/test.h"
#include <errno.h>

#include "cli/aws_profile.h"

#define MARK "# made by kaname env --profile\n"

static const struct {
    const char *text, *after; /* after NULL: refused */
} cases[] = {
    {"", "[p]\n" MARK "k = v\n"},
    {"[a]\nx = 1", "[a]\nx = 1\n[p]\n" MARK "k = v\n"},
    {"[p]\n" MARK "k = old\nmore = 1\n\n[z]\ny = 2\n", "[p]\n" MARK "k = v\n\n[z]\ny = 2\n"},
    {"[a]\n[p]\n" MARK "k = v\n", "[a]\n[p]\n" MARK "k = v\n"},
    {"# c\n[p2]\nk = v\n", "# c\n[p2]\nk = v\n[p]\n" MARK "k = v\n"},
    {"[p]\nk = theirs\n", NULL},
};

TEST(only_our_section_is_written)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena a = ARENA_INIT;
        struct str after;
        int err = ini_put_section(&a, str_from(cases[i].text), STR("p"), STR("k = v\n"), &after);
        assert_int_equal(err, cases[i].after ? 0 : -EEXIST);
        if (!err)
            assert_str(after, cases[i].after);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_our_section_is_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
