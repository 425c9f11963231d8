#include "base/test.h"

#include "cli/suggest.h"

static struct str nearest(const char *given, const char *const *words)
{
    struct suggestion s = {.word = STR("")};
    for (; *words; words++)
        suggest(&s, str_from(given), str_from(*words));
    return s.word;
}

TEST(what_is_near_is_meant)
{
    static const char *const words[] = {"cluster list", "cluster get", "up",      "down", "doctor",
                                        "nodes",        "no-sample",   "version", NULL};
    static const struct {
        const char *given, *meant;
    } cases[] = {{"clster list", "cluster list"},
                 {"cluster lst", "cluster list"},
                 {"cluster lits", "cluster list"},
                 {"cluster gte", "cluster get"},
                 {"dwon", "down"},
                 {"doc", "doctor"},
                 {"nodess", "nodes"},
                 {"node", "nodes"},
                 {"verison", "version"},
                 {"nosample", "no-sample"},
                 {"x", ""},
                 {"", ""},
                 {"kubernetes", ""},
                 {"pu", ""},
                 {"destroy", ""}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_str(nearest(cases[i].given, words), cases[i].meant);
}

TEST(long_words_have_no_suggestion)
{
    char given[200];
    static const char *const words[] = {"a", NULL};
    memset(given, 'a', sizeof(given) - 1);
    given[sizeof(given) - 1] = 0;
    assert_str(nearest(given, words), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_near_is_meant),
        cmocka_unit_test(long_words_have_no_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
