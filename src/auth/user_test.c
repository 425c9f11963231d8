#include "base/test.h"

#include "auth/quote.h"
#include "auth/user.h"

TEST(names_of_users)
{
    static const struct {
        const char *name, *group;        /* group: one that it is in */
        const char *ns, *account, *node; /* NULL: it is none */
    } rows[] = {
        {"system:serviceaccount:default:builder", "", "default", "builder", NULL},
        {"system:serviceaccount:a:b.c", "", "a", "b.c", NULL},
        {"system:serviceaccount:default", "", NULL, NULL, NULL},
        {"system:serviceaccount::x", "", NULL, NULL, NULL},
        {"system:serviceaccount:a:", "", NULL, NULL, NULL},
        {"system:serviceaccount:a:b:c", "", NULL, NULL, NULL},
        {"system:serviceaccounts:a:b", "", NULL, NULL, NULL},
        {"system:node:n1", "system:nodes", NULL, NULL, "n1"},
        {"system:node:n1", "system:masters", NULL, NULL, NULL},
        {"system:nodes:n1", "system:nodes", NULL, NULL, NULL},
        {"jane", "system:nodes", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct str group = str_from(rows[i].group), ns, name, node;
        struct user u = {.name = str_from(rows[i].name), .groups = &group, .group_count = 1};
        bool account = user_is_service_account(&u, &ns, &name), is_node = user_is_node(&u, &node);
        if (account != (rows[i].ns != NULL) || is_node != (rows[i].node != NULL))
            fail_msg("row %zu: %s", i, rows[i].name);
        if (account) {
            assert_str(ns, rows[i].ns);
            assert_str(name, rows[i].account);
        }
        if (is_node)
            assert_str(node, rows[i].node);
    }
}

TEST(copies_share_nothing)
{
    struct arena a, b;
    arena_init(&a);
    arena_init(&b);
    struct user u = {.name = STR("jane"), .uid = STR("1")};
    user_add_group(&a, &u, STR("dev"));
    user_add_group(&a, &u, STR("ops"));
    user_add_extra(&a, &u, STR("k"), STR("v1"));
    user_add_extra(&a, &u, STR("k"), STR("v2"));
    user_add_extra(&a, &u, STR("l"), STR("w"));
    struct user copy = user_copy(&b, &u);
    arena_release(&a);
    assert_str(copy.name, "jane");
    assert_true(user_in_group(&copy, "ops"));
    assert_false(user_in_group(&copy, "op"));
    assert_int_equal(copy.extra_count, 2);
    assert_int_equal(copy.extra[0].count, 2);
    assert_str(copy.extra[0].values[1], "v2");
    assert_str(copy.extra[1].key, "l");
    arena_release(&b);
}

TEST(quotes_as_go)
{
    static const struct {
        const char *text, *quoted;
    } rows[] = {{"a", "\"a\""},
                {"", "\"\""},
                {"a\"b\\", "\"a\\\"b\\\\\""},
                {"\n\t\r", "\"\\n\\t\\r\""},
                {"\x01", "\"\\x01\""},
                {"\xff", "\"\\xff\""},
                {"\xc3\xa9", "\"\xc3\xa9\""},
                {"\x7f", "\"\\x7f\""}};
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_str(quote(&a, str_from(rows[i].text)), rows[i].quoted);
    struct str list[] = {STR("get"), STR("list")};
    assert_str(quote_list(&a, list, 2), "[\"get\" \"list\"]");
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_of_users),
                                       cmocka_unit_test(copies_share_nothing),
                                       cmocka_unit_test(quotes_as_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
