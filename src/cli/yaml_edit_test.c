#include "base/test.h"
#include "cli/yaml_edit.h"
#include "object/seal.h"

static struct node *parsed(struct arena *a, const char *text)
{
    struct node *n;
    struct status st;
    status_init(&st, a);
    assert_int_equal(yaml_parse(a, str_from(text), &n, &st), 0);
    return n;
}

static const struct {
    const char *before, *meant, *after;
} cases[] = {
    /* An item more, at the list's own indentation. */
    {"a: 1 # one\nl:\n- {name: x}\nz: 'q'\n", "{a: 1, l: [{name: x}, {name: q, v: 2}], z: q}",
     "a: 1 # one\nl:\n- {name: x}\n- name: q\n  v: 2\nz: 'q'\n"},
    {"l:\n  - name: x\n", "{l: [{name: x}, {name: q}]}", "l:\n  - name: x\n  - name: q\n"},
    {"l:\n- name: x", "{l: [{name: x}, {name: q}]}", "l:\n- name: x\n- name: q\n"},
    /* One less: the comment of the next stays with it. */
    {"l:\n- name: x\n  v: 1\n# y's\n- name: q\n", "{l: [{name: q}]}", "l:\n# y's\n- name: q\n"},
    {"l:\n- name: x\nz: 1\n", "{l: [], z: 1}", "l: []\nz: 1\n"},
    {"{\"l\": [{\"name\": \"x\"}, {\"name\": \"q\"}]}", "{l: [{name: x}]}",
     "{\"l\": [{\"name\": \"x\"}]}"},
    {"l: []\n", "{l: [{name: x}]}", "l: [{\"name\":\"x\"}]\n"},
    {"l:\nz: 1\n", "{l: [{name: x}], z: 1}", "l: [{\"name\":\"x\"}]\nz: 1\n"},
    /* A changed item, and a scalar that keeps its quotes. */
    {"l:\n- name: x\n  v: |\n    text\n- name: q\n", "{l: [{name: x, v: 2}, {name: q}]}",
     "l:\n- name: x\n  v: 2\n- name: q\n"},
    {"c: \"one\" # current\n", "{c: two}", "c: \"two\" # current\n"},
    {"c: 'one'\n", "{c: two}", "c: 'two'\n"},
    {"c:\n", "{c: two}", "c: two\n"},
    /* Members that weren't there. */
    {"a: 1\n# end\n", "{a: 1, c: two}", "a: 1\nc: two\n# end\n"},
    {"{\"a\": 1}", "{a: 1, c: two}", "{\"a\": 1, \"c\":\"two\"}"},
};

TEST(only_the_difference_is_written)
{
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena a = ARENA_INIT;
        struct node *after = parsed(&a, cases[i].meant);
        struct str text =
            yaml_edit(&a, str_from(cases[i].before), parsed(&a, cases[i].before), after);
        assert_str(text, cases[i].after);
        arena_release(&a);
    }
}

TEST(odd_layouts_are_written_anew)
{
    struct arena a = ARENA_INIT;
    static const char odd[] = "base: &b {name: x}\nl: [*b]\n";
    struct node *after = parsed(&a, "{base: {name: x}, l: [{name: x, v: 1}]}");
    struct str text = yaml_edit(&a, str_from(odd), parsed(&a, odd), after);
    assert_true(node_equal(parsed(&a, arena_cstr(&a, text)), after));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_difference_is_written),
                                       cmocka_unit_test(odd_layouts_are_written_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
