#include "object/table.h"

#include "base/test.h"
#include "object/jsonpath.h"
#include "object/object_testing.h"
#include "object/scalar.h"

/* tests/data/object/tables.jsonl: Tables of kube-apiserver 1.36.3 with the whole objects, one list
 * a line. */

static struct sealed *block_of(struct arena *a, schema_id type, const struct node *n)
{
    struct status st;
    struct node *tree;
    struct sealed *block;
    status_init(&st, a);
    if (document_decode(a, MEDIA_JSON, to_json(a, n), type, &tree, NULL, &st) < 0 ||
        seal(type, tree, &block, &st) < 0)
        fail_msg("%.*s: %.*s", STR_ARG(st.message), STR_ARG(to_json(a, n)));
    return block;
}

static int check_row(struct arena *a, const struct resource *r, int64_t now_us,
                     const struct node *row)
{
    struct sealed *block = block_of(a, r->type, node_at(row, "object"));
    struct node *cells = node_list(a), *conditions = table_row_conditions(a, r, block);
    table_row(a, r, block, now_us, cells);
    sealed_unref(block);
    const struct node *wanted = node_at(row, "conditions");
    bool same = node_equal(cells, node_at(row, "cells")) &&
                (wanted && conditions ? node_equal(conditions, wanted) : !wanted == !conditions);
    if (!same)
        print_error("%s: ours %.*s\n  theirs %.*s\n", r->plural, STR_ARG(to_json(a, cells)),
                    STR_ARG(to_json(a, node_at(row, "cells"))));
    return !same;
}

static int check_columns(struct arena *a, const struct resource *r, const struct node *wanted)
{
    struct node *columns = node_list(a);
    int differences = 0;
    table_columns(a, r, columns);
    if (node_count(columns) != node_count(wanted)) {
        print_error("%s: %zu columns, want %zu\n", r->plural, node_count(columns),
                    node_count(wanted));
        return 1;
    }
    for (size_t i = 0; i < node_count(wanted); i++) {
        static const char *const members[] = {"name", "type", "format", "priority"};
        for (size_t k = 0; k < ARRAY_COUNT(members); k++)
            if (!node_equal(node_at(node_item(columns, i), members[k]),
                            node_at(node_item(wanted, i), members[k]))) {
                print_error("%s: column %.*s, want %.*s\n", r->plural,
                            STR_ARG(to_json(a, node_item(columns, i))),
                            STR_ARG(to_json(a, node_item(wanted, i))));
                differences++;
            }
    }
    return differences;
}

TEST(rows_are_those_of_the_original)
{
    struct arena a = ARENA_INIT;
    struct str rest = read_data(&a, "tables.jsonl");
    size_t lists = 0, rows = 0;
    int differences = 0;
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        struct status st;
        struct node *c;
        int64_t now_us;
        if (line.len == 0)
            continue;
        status_init(&st, &a);
        assert_int_equal(json_parse(&a, line, &c, &st), 0);
        assert_int_equal(time_parse(node_str(c, "now"), &now_us), 0);
        const struct resource *r =
            resource_by_name(node_str(c, "group"), node_str(c, "version"), node_str(c, "resource"));
        assert_non_null(r);
        differences += check_columns(&a, r, node_at(c, "columns"));
        node_each(row, node_at(c, "rows"))
        {
            /* The older view of an autoscaler holds its metrics in an annotation; records are of
             * the newer one. */
            if (node_get(node_at(row, "object.metadata.annotations"),
                         STR("autoscaling.alpha.kubernetes.io/metrics")))
                continue;
            differences += check_row(&a, r, now_us, row);
            rows++;
        }
        lists++;
    }
    assert_true(lists > 55 && rows > 120);
    assert_int_equal(differences, 0);
    arena_release(&a);
}

TEST(durations_read_as_the_original_writes_them)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {-2, "<invalid>"}, {-1, "0s"},         {0, "0s"},         {119, "119s"},
        {120, "2m"},       {125, "2m5s"},      {599, "9m59s"},    {600, "10m"},
        {10799, "179m"},   {10800, "3h"},      {28799, "7h59m"},  {28800, "8h"},
        {172799, "47h"},   {172800, "2d"},     {176400, "2d1h"},  {691200, "8d"},
        {63072000, "2y"},  {63158400, "2y1d"}, {252288000, "8y"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_str(human_duration(&a, cases[i].seconds * 1000000), cases[i].text);
    arena_release(&a);
}

#define PATH_DOCUMENT                                                                              \
    "{\"apiVersion\":\"x/v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"n\",\"labels\":{\"a.b/"      \
    "c\":\"d\"}},"                                                                                 \
    "\"spec\":{\"n\":3,\"list\":[{\"k\":\"a\",\"v\":1},{\"k\":\"b\",\"v\":2},{\"k\":\"c\",\"v\":"  \
    "3}],\"deep\":{\"v\":9}}}"

TEST(json_paths_find_values)
{
    static const char *const cases[][2] = {
        {".spec.n", "3"},
        {"{.spec.n}", "3"},
        {".metadata.labels.a\\.b/c", "d"},
        {".metadata.labels['a.b/c']", "d"},
        {".spec.list[1].k", "b"},
        {".spec.list[-1].k", "c"},
        {".spec.list[1:].v", "2"},
        {".spec.list[*].k", "a"},
        {".spec.list[?(@.k==\"b\")].v", "2"},
        {".spec.list[?(@.v>2)].k", "c"},
        {".spec.list[?(@.k!='a')].k", "b"},
        {"..v", "9"},
        {".spec.missing", NULL},
        {".spec.list[7].k", NULL},
        {".spec.n.x", NULL},
        {"spec", NULL},
        {".spec.[", NULL},
        {".spec..", NULL},
    };
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, STR(PATH_DOCUMENT), &n, &st), 0);
    struct sealed *block = block_of(&a, SCHEMA_CUSTOM, n);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value v;
        bool found = jsonpath_first(&a, sealed_root(block), str_from(cases[i][0]), &v);
        bool scalar =
            found && v.kind != VALUE_MAP && v.kind != VALUE_LIST && v.kind != VALUE_OBJECT;
        if (cases[i][1] ? !scalar : scalar)
            fail_msg("%s: found %d", cases[i][0], found);
        if (scalar)
            assert_str(value_text(&a, v, ""), cases[i][1]);
    }
    sealed_unref(block);
    arena_release(&a);
}

TEST(custom_columns_have_types)
{
    static const struct resource_column columns[] = {
        {.name = "Name", .type = "string"},
        {.name = "N", .type = "integer", .json_path = ".spec.n"},
        {.name = "List", .type = "string", .json_path = ".spec.list[0]"},
        {.name = "Bad", .type = "integer", .json_path = ".spec.deep"},
        {.name = "Age", .type = "date", .json_path = ".metadata.creationTimestamp"},
        {.name = "None", .type = "string", .json_path = ".x"},
    };
    struct resource r = {.group = "x",
                         .version = "v1",
                         .plural = "xs",
                         .type = SCHEMA_CUSTOM,
                         .columns = columns,
                         .column_count = ARRAY_COUNT(columns)};
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n, *cells = node_list(&a);
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, STR(PATH_DOCUMENT), &n, &st), 0);
    node_put_str(&a, n, "metadata.creationTimestamp", STR("2026-01-01T00:00:00Z"));
    struct sealed *block = block_of(&a, SCHEMA_CUSTOM, n);
    int64_t now_us;
    assert_int_equal(time_parse(STR("2026-01-01T00:05:00Z"), &now_us), 0);
    table_row(&a, &r, block, now_us, cells);
    assert_str(to_json(&a, cells),
               "[\"n\",3,\"{\\\"k\\\":\\\"a\\\",\\\"v\\\":1}\",null,\"5m\",null]");
    sealed_unref(block);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_original),
        cmocka_unit_test(durations_read_as_the_original_writes_them),
        cmocka_unit_test(json_paths_find_values),
        cmocka_unit_test(custom_columns_have_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
