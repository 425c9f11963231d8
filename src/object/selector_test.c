#include "object/selector.h"

#include "base/test.h"
#include "object/seal.h"

/* Texts of errors are those that kube-apiserver 1.36.3 answered for the same query. */

#define NAME_RULE                                                                                  \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE_RULE                                                                                 \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " \
    " or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static const struct {
    const char *text, *format, *error;
} parse_cases[] = {
    {"", "", NULL},
    {"a=b,c!=d,e in (f,g),h,!i", "a=b,c!=d,e in (f,g),h,!i", NULL},
    {" z = b , a in ( y , x , y ) ", "a in (x,y),z=b", NULL},
    {"a==", "a=", NULL},
    {"a in ()", "a in ()", NULL},
    {"a notin (,b,,)", "a notin (,b)", NULL},
    {"in in (in,notin),notin", "in in (in,notin),notin", NULL},
    {"x>1,y<2", "x>1,y<2", NULL},
    {"example.com/a=b", "example.com/a=b", NULL},
    {"a in (b", NULL, "unable to parse requirement: found '', expected: ',' or ')'"},
    {"!!a", NULL, "unable to parse requirement: found '!', expected: identifier"},
    {"a=b c", NULL, "found 'c', expected: ',' or 'end of string'"},
    {"-x=1", NULL, "unable to parse requirement: <nil>: Invalid value: \"-x\": " NAME_RULE},
    {"a=-", NULL, "unable to parse requirement: values[0][a]: Invalid value: \"-\": " VALUE_RULE},
    {"a>x", NULL,
     "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the "
     "value must be an "
     "integer"},
    {",", NULL, "found ',', expected: !, identifier, or 'end of string'"},
    {"a,,b", NULL, "found ',', expected: identifier after ','"},
    {"a,", NULL, "found '', expected: identifier after ','"},
    {"a b", NULL, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
    {"a!", NULL, "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"},
    {"=a", NULL, "found '=', expected: !, identifier, or 'end of string'"},
    {"a in b", NULL, "unable to parse requirement: found 'b' expected: '('"},
    {"!a=b", NULL, "found '=', expected: ',' or 'end of string'"},
};

TEST(parses_and_formats_label_selectors)
{
    for (size_t i = 0; i < ARRAY_COUNT(parse_cases); i++) {
        struct arena a = ARENA_INIT;
        struct status st;
        status_init(&st, &a);
        struct selector s;
        int failed = label_selector_parse(&a, str_from(parse_cases[i].text), &s, &st);
        if (parse_cases[i].error) {
            assert_int_equal(failed, -1);
            assert_int_equal(st.code, 400);
            assert_str(st.message, parse_cases[i].error);
        } else {
            assert_int_equal(failed, 0);
            assert_str(label_selector_format(&a, &s), parse_cases[i].format);
        }
        arena_release(&a);
    }
}

static const struct {
    const char *selector;
    bool matches; /* app=web, tier=back, n=5, empty= */
} match_cases[] = {
    {"", true},
    {"app=web", true},
    {"app=db", false},
    {"app!=db", true},
    {"missing!=x", true},
    {"missing=", false},
    {"empty=", true},
    {"app in (web,db)", true},
    {"app notin (web)", false},
    {"missing notin (a)", true},
    {"app", true},
    {"!app", false},
    {"!missing", true},
    {"n>4", true},
    {"n>5", false},
    {"n<6", true},
    {"app>1", false},
    {"missing<1", false},
    {"app=web,tier=front", false},
};

TEST(matches_labels)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    struct node *labels = node_map(&a);
    node_put_str(&a, labels, "app", STR("web"));
    node_put_str(&a, labels, "tier", STR("back"));
    node_put_str(&a, labels, "n", STR("5"));
    node_put_str(&a, labels, "empty", STR(""));
    for (size_t i = 0; i < ARRAY_COUNT(match_cases); i++) {
        struct selector s;
        assert_int_equal(label_selector_parse(&a, str_from(match_cases[i].selector), &s, &st), 0);
        if (label_selector_matches_node(&s, labels) != match_cases[i].matches)
            fail_msg("%s", match_cases[i].selector);
    }
    arena_release(&a);
}

TEST(reads_label_selectors_from_trees)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    struct selector s;
    assert_int_equal(label_selector_from_node(&a, NULL, &s, &st), 0);
    assert_true(s.nothing);
    assert_false(label_selector_matches_node(&s, NULL));
    struct node *n = node_map(&a);
    assert_int_equal(label_selector_from_node(&a, n, &s, &st), 0);
    assert_true(label_selector_matches_node(&s, NULL));
    node_put_str(&a, n, "matchLabels.app", STR("web"));
    struct node *expression = node_map(&a);
    node_put_str(&a, expression, "key", STR("tier"));
    node_put_str(&a, expression, "operator", STR("In"));
    node_append(&a, node_need_list(&a, n, "matchExpressions"), expression);
    assert_int_equal(label_selector_from_node(&a, n, &s, &st), -1);
    assert_str(
        st.message,
        "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty");
    node_append(&a, node_need_list(&a, expression, "values"), node_text(&a, STR("back")));
    assert_int_equal(label_selector_from_node(&a, n, &s, &st), 0);
    assert_str(label_selector_format(&a, &s), "app=web,tier in (back)");
    node_put_str(&a, expression, "operator", STR("Near"));
    assert_int_equal(label_selector_from_node(&a, n, &s, &st), -1);
    assert_str(st.message, "\"Near\" is not a valid label selector operator");
    arena_release(&a);
}

TEST(matches_labels_of_sealed_objects)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n;
    struct sealed *block;
    struct selector s;
    status_init(&st, &a);
    assert_int_equal(
        json_parse(
            &a,
            STR("{\"apiVersion\":\"apps/"
                "v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"name\":\"x\",\"labels\":"
                "{\"app\":\"web\",\"example.com/"
                "tier\":\"back\"}},\"spec\":{\"selector\":{\"matchLabels\":{"
                "\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"example.com/"
                "tier\",\"operator\":\"In\","
                "\"values\":[\"z\",\"back\"]}]},\"template\":{\"spec\":{\"containers\":[]}}}}"),
            &n, &st),
        0);
    assert_int_equal(seal(schema_type_by_name(STR("apps/v1.ReplicaSet")), n, &block, &st), 0);
    struct value root = sealed_root(block), labels = value_at(root, "metadata.labels");
    assert_int_equal(label_selector_from_value(&a, value_at(root, "spec.selector"), &s, &st), 0);
    assert_str(label_selector_format(&a, &s), "app=web,example.com/tier in (back,z)");
    assert_true(label_selector_matches(&s, labels));
    assert_int_equal(label_selector_parse(&a, STR("app=web,!example.com/tier"), &s, &st), 0);
    assert_false(label_selector_matches(&s, labels));
    label_selector_from_map(&a, labels, &s);
    assert_true(label_selector_matches(&s, labels));
    assert_int_equal(s.count, 2);
    assert_int_equal(label_selector_from_value(&a, value_at(root, "spec.absent"), &s, &st), 0);
    assert_false(label_selector_matches(&s, labels));
    sealed_unref(block);
    arena_release(&a);
}

static const struct {
    const char *text, *key, *value, *error;
    enum selector_op op;
} field_cases[] = {
    {"metadata.name=x", "metadata.name", "x", NULL, SELECT_EQUALS},
    {"metadata.name==x", "metadata.name", "x", NULL, SELECT_EQUALS},
    {"spec.nodeName!=", "spec.nodeName", "", NULL, SELECT_NOT_EQUALS},
    {"a=b\\,c\\=d\\\\", "a", "b,c=d\\", NULL, SELECT_EQUALS},
    {",a=b,", "a", "b", NULL, SELECT_EQUALS},
    {"a", NULL, NULL, "invalid selector: 'a'; can't understand 'a'", 0},
    {"metadata.name=a=b", NULL, NULL, "invalid field selector: unescaped character in value: 61",
     0},
    {"metadata.name=\\x", NULL, NULL, "invalid field selector: invalid escape sequence: \\x", 0},
    {"metadata.name=\\", NULL, NULL, "invalid field selector: invalid escape sequence: \\", 0},
};

TEST(parses_field_selectors)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    for (size_t i = 0; i < ARRAY_COUNT(field_cases); i++) {
        struct selector s;
        int failed = field_selector_parse(&a, str_from(field_cases[i].text), &s, &st);
        if (field_cases[i].error) {
            assert_int_equal(failed, -1);
            assert_str(st.message, field_cases[i].error);
            continue;
        }
        assert_int_equal(failed, 0);
        assert_int_equal(s.count, 1);
        assert_str(s.terms[0].key, field_cases[i].key);
        assert_int_equal(s.terms[0].op, field_cases[i].op);
        assert_str(s.terms[0].values[0], field_cases[i].value);
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_formats_label_selectors),
        cmocka_unit_test(matches_labels),
        cmocka_unit_test(reads_label_selectors_from_trees),
        cmocka_unit_test(matches_labels_of_sealed_objects),
        cmocka_unit_test(parses_field_selectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
