#include "object/structural.h"

#include "base/limits.h"
#include "base/test.h"
#include "object/object_testing.h"
#include "object/regex.h"

/* tests/data/object/structural.jsonl: custom resources of the schema in structural-schema.json as
 * they were posted to kube-apiserver 1.36.3, and its answers; structural-schemas.jsonl: schemas,
 * and the causes for which it refused them. */

/* Whether the causes are the same, in any order. */
static bool same_causes(const struct status *st, const struct node *causes)
{
    if (st->details.cause_count != node_count(causes))
        return false;
    node_each(cause, causes)
    {
        bool found = false;
        for (size_t i = 0; i < st->details.cause_count; i++)
            found |= str_equal(st->details.causes[i].message, node_str(cause, "message")) &&
                     str_equal(st->details.causes[i].field, node_str(cause, "field")) &&
                     str_is(node_str(cause, "reason"), cause_name(st->details.causes[i].type));
        if (!found)
            return false;
    }
    return true;
}

static void show_causes(const char *what, const struct status *st, struct str theirs)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < st->details.cause_count; i++)
        buf_printf(&text, "\n  %s %.*s: %.*s", cause_name(st->details.causes[i].type),
                   STR_ARG(st->details.causes[i].field), STR_ARG(st->details.causes[i].message));
    print_error("%s\n ours:%.*s\n theirs: %.*s\n", what, STR_ARG(buf_str(&text)), STR_ARG(theirs));
    buf_release(&text);
}

static int check_object(struct arena *a, const struct node *schema, const struct node *c)
{
    struct status st;
    struct str *unknown;
    size_t unknown_count;
    struct node *object = node_copy(a, node_at(c, "object"));
    status_init(&st, a);
    structural_prune(a, schema, object, &unknown, &unknown_count);
    structural_default(a, schema, object);
    structural_validate(schema, object, &st);
    struct buf strict = BUF_INIT;
    for (size_t i = 0; i < unknown_count; i++)
        buf_printf(&strict, "%sunknown field \"%.*s\"", i ? ", " : "", STR_ARG(unknown[i]));
    struct str wanted = node_str(c, "strict");
    ssize_t at = str_find_str(wanted, STR("unknown field"));
    wanted = at < 0 ? STR("") : str_slice(wanted, (size_t)at, wanted.len);
    const char *name = to_json(a, node_at(c, "object.spec")).data;
    int differences = !str_equal(buf_str(&strict), wanted);
    if (differences)
        print_error("%s\n ours %.*s\n theirs %.*s\n", name, STR_ARG(buf_str(&strict)),
                    STR_ARG(wanted));
    buf_release(&strict);
    if (node_num(c, "code", 0) >= 300) {
        if (same_causes(&st, node_at(c, "answer.causes")))
            return differences;
        show_causes(name, &st, to_json(a, node_at(c, "answer.causes")));
        return differences + 1;
    }
    if (st.details.cause_count > 0) {
        show_causes(name, &st, STR("none"));
        return differences + 1;
    }
    if (node_equal(object, node_at(c, "answer")))
        return differences;
    print_error("ours %.*s\n theirs %.*s\n", STR_ARG(to_json(a, object)),
                STR_ARG(to_json(a, node_at(c, "answer"))));
    return differences + 1;
}

TEST(objects_fare_as_in_the_original)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *schema;
    int differences = 0, count = 0;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, read_data(&a, "structural-schema.json"), &schema, &st), 0);
    for (struct str rest = read_data(&a, "structural.jsonl"); rest.len > 0;) {
        struct str line = str_cut(&rest, '\n');
        struct node *c;
        if (line.len == 0)
            continue;
        assert_int_equal(json_parse(&a, line, &c, &st), 0);
        differences += check_object(&a, schema, c);
        count++;
    }
    assert_true(count > 90);
    assert_int_equal(differences, 0);
    arena_release(&a);
}

TEST(schemas_are_refused_as_by_the_original)
{
    struct arena a = ARENA_INIT;
    int differences = 0, count = 0;
    for (struct str rest = read_data(&a, "structural-schemas.jsonl"); rest.len > 0;) {
        struct str line = str_cut(&rest, '\n');
        struct status st;
        struct node *c;
        if (line.len == 0)
            continue;
        status_init(&st, &a);
        assert_int_equal(json_parse(&a, line, &c, &st), 0);
        structural_check(node_at(c, "schema"), STR("spec.validation.openAPIV3Schema"), &st);
        if (!same_causes(&st, node_at(c, "causes"))) {
            show_causes(to_json(&a, node_at(c, "schema")).data, &st,
                        to_json(&a, node_at(c, "causes")));
            differences++;
        }
        count++;
    }
    assert_true(count > 15);
    assert_int_equal(differences, 0);
    arena_release(&a);
}

TEST(expressions_are_those_of_go)
{
    static const struct {
        const char *pattern, *text, *error;
        bool matches;
    } cases[] = {
        {"^a+$", "aaa", NULL, true},
        {"b", "abc", NULL, true},
        {"^b", "abc", NULL, false},
        {"\\pL", "\xc3\xa9", NULL, true},
        {"(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", NULL, false},
        {"[", "", "error parsing regexp: missing closing ]: `[`", false},
        {"(", "", "error parsing regexp: missing closing ): `(`", false},
        {"*", "", "error parsing regexp: missing argument to repetition operator: `*`", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char error[128] = "";
        struct regex *r =
            regex_new(cases[i].pattern, strlen(cases[i].pattern), error, sizeof(error));
        assert_int_equal(!r, cases[i].error != NULL);
        if (r)
            assert_int_equal(regex_matches(r, cases[i].text, strlen(cases[i].text)),
                             cases[i].matches);
        else
            assert_string_equal(error, cases[i].error);
        regex_free(r);
    }
}

/* {"a":{"a":...}} */
static struct node *nested(struct arena *a, size_t depth)
{
    struct node *n = node_text(a, STR("x"));
    for (size_t i = 1; i < depth; i++) {
        struct node *outer = node_map(a);
        node_set(a, outer, STR("a"), n);
        n = outer;
    }
    return n;
}

TEST(depth_and_repetition_are_bounded)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *schema, *list = node_list(&a), *object = node_map(&a);
    status_init(&st, &a);
    assert_int_equal(
        json_parse(
            &a,
            STR("{\"type\":\"object\",\"properties\":{\"l\":{\"type\":\"array\",\"items\":{"
                "\"type\":"
                "\"string\",\"pattern\":\"^(a|b)+$\",\"format\":\"hostname\"}},\"deep\":{\"type\":"
                "\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}"),
            &schema, &st),
        0);
    for (int i = 0; i < 50000; i++)
        node_append(&a, list, node_text(&a, STR("abab")));
    node_set(&a, object, STR("l"), list);
    node_set(&a, object, STR("deep"), nested(&a, LIMIT_DEPTH - 2));
    structural_prune(&a, schema, object, NULL, NULL);
    structural_default(&a, schema, object);
    structural_validate(schema, object, &st);
    assert_int_equal(st.details.cause_count, 0);
    arena_release(&a);
}

/* A long name above many faults, each of which would be told with it. */
TEST(what_is_told_of_faults_is_bounded)
{
    enum {
        NAME = 1 << 20,
        MANY = 100000
    };
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *schema, *object = node_map(&a), *below = node_map(&a);
    char *name = arena_alloc(&a, NAME);
    memset(name, 'x', NAME);
    status_init(&st, &a);
    assert_int_equal(
        json_parse(&a,
                   STR("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\","
                       "\"properties\":{\"l\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
                       "\"enum\":[\"a\"],\"oneOf\":[{\"minLength\":2},{\"minLength\":3}]}}}}}"),
                   &schema, &st),
        0);
    struct node *list = node_list(&a);
    for (int i = 0; i < MANY; i++)
        node_append(&a, list, i % 2 ? node_map(&a) : node_text(&a, STR("b")));
    node_set(&a, below, STR("l"), list);
    for (int i = 0; i < 1000; i++)
        node_set(&a, below, node_text_printf(&a, "unknown%d", i)->text, node_null(&a));
    node_set(&a, object, (struct str){name, NAME}, below);
    size_t count;
    struct str *unknown;
    structural_prune(&a, schema, object, &unknown, &count);
    assert_in_range(count, 1, 10);
    structural_validate(schema, object, &st);
    assert_in_range(st.details.cause_count, 1, 10);
    arena_release(&a);
}

TEST(combinations_within_combinations_take_no_longer)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct buf text = BUF_INIT;
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "{\"%s\":[", i % 2 ? "oneOf" : "anyOf");
    buf_puts(&text, "{\"minLength\":5}");
    for (int i = 0; i < 60; i++)
        buf_puts(&text, "]}");
    struct node *schema;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, buf_str(&text), &schema, &st), 0);
    structural_validate(schema, node_text(&a, STR("abc")), &st);
    assert_int_equal(st.details.cause_count, 61);
    buf_release(&text);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_fare_as_in_the_original),
        cmocka_unit_test(schemas_are_refused_as_by_the_original),
        cmocka_unit_test(expressions_are_those_of_go),
        cmocka_unit_test(depth_and_repetition_are_bounded),
        cmocka_unit_test(what_is_told_of_faults_is_bounded),
        cmocka_unit_test(combinations_within_combinations_take_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
