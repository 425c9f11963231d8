#include "base/test.h"

#include "api/kinds/check.h"
#include "api/kinds/cron_schedule.h"
#include "api/kinds/pod_update.h"
#include "object/object_testing.h"

static struct arena arena;
static struct status st;

static struct node *tree(const char *json)
{
    return tree_from(&arena, str_from(json));
}

static struct check begin(void)
{
    arena_release(&arena);
    arena_init(&arena);
    status_init(&st, &arena);
    return (struct check){.a = &arena, .st = &st};
}

TEST(addresses)
{
    static const struct {
        const char *text;
        int family;
    } rows[] = {{"10.0.0.1", 4},
                {"255.255.255.255", 4},
                {"256.0.0.1", 0},
                {"010.0.0.1", 0},
                {"1.2.3", 0},
                {"1.2.3.4.5", 0},
                {"", 0},
                {"::", 6},
                {"::1", 6},
                {"1::", 6},
                {"1:2:3:4:5:6:7:8", 6},
                {"1:2:3:4:5:6:7", 0},
                {"1:2:3:4:5:6:7:8:9", 0},
                {"1::2::3", 0},
                {":::", 0},
                {"2001:db8::g", 0},
                {"::1.2.3.4", 6},
                {"::ffff:1.2.3.4", 6},
                {"1:2:3:4:5:6:1.2.3.4", 6},
                {"12345::", 0},
                {"1.2.3.", 0}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (ip_family(str_from(rows[i].text)) != rows[i].family)
            fail_msg("%s", rows[i].text);
}

TEST(networks)
{
    static const struct {
        const char *outer, *inner;
        bool holds;
    } rows[] = {{"10.0.0.0/8", "10.1.0.0/16", true},
                {"10.0.0.0/8", "11.0.0.0/16", false},
                {"10.0.0.0/8", "10.0.0.0/8", false},
                {"0.0.0.0/0", "1.2.3.4/32", true},
                {"10.16.0.0/12", "10.31.0.0/16", true},
                {"10.16.0.0/12", "10.32.0.0/16", false},
                {"2001:db8::/32", "2001:db8:1::/48", true},
                {"2001:db8::/32", "2001:db9::/48", false},
                {"::/0", "10.0.0.0/8", false},
                {"10.0.0.0/16", "10.0.0.0/8", false},
                {"fe80::/10", "febf::/16", true},
                {"fe80::/10", "fec0::/16", false}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (cidr_holds(str_from(rows[i].outer), str_from(rows[i].inner)) != rows[i].holds)
            fail_msg("%s %s", rows[i].outer, rows[i].inner);
    assert_int_equal(cidr_family(STR("10.0.0.0/33")), 0);
    assert_int_equal(cidr_family(STR("10.0.0.0")), 0);
    assert_int_equal(cidr_family(STR("::/128")), 6);
}

/* How many causes a rule gives for a text. */
static size_t causes(const char *text, const char *(*rule)(struct str))
{
    struct check c = begin();
    check_text(&c, str_from(text), STR("p"), rule);
    return st.details.cause_count;
}

TEST(names)
{
    static const struct {
        const char *text;
        const char *(*rule)(struct str);
        size_t causes;
    } rows[] = {{"http", name_port, 0},
                {"a-1", name_port, 0},
                {"1234", name_port, 1},
                {"UPPER", name_port, 2},
                {"-a", name_port, 1},
                {"a--b", name_port, 1},
                {"sixteen-letters-x", name_port, 1},
                {"", name_port, 1},
                {"a.b", name_config_key, 0},
                {"..x", name_config_key, 1},
                {"../x", name_config_key, 2},
                {".", name_config_key, 1},
                {"a", name_qualified, 0},
                {"x.y/a", name_qualified, 0},
                {"x.y/", name_qualified, 2},
                {"", name_qualified, 2},
                {"A=B", name_environment, 1},
                {"a b", name_environment, 0},
                {"1%", name_percent, 0},
                {"%", name_percent, 1},
                {"*.a.b", name_dns1123_wildcard, 0},
                {"*.", name_dns1123_wildcard, 1},
                {"a.b", name_dns1123_wildcard, 1},
                {"_a1", name_c_identifier, 0},
                {"1a", name_c_identifier, 1},
                {"X-A", name_http_header, 0},
                {"X_A", name_http_header, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (causes(rows[i].text, rows[i].rule) != rows[i].causes)
            fail_msg("row %zu: %s", i, rows[i].text);
}

TEST(values_are_shown_as_go_structures)
{
    static const struct {
        const char *json, *shape, *text;
    } rows[] = {
        {"{\"type\":\"x\"}", "Type\" RollingUpdate{Partition}",
         "{\"Type\":\"x\",\"RollingUpdate\":null}"},
        {"{\"rollingUpdate\":{\"partition\":1}}", "Type\" RollingUpdate{Partition Max}",
         "{\"Type\":\"\",\"RollingUpdate\":{\"Partition\":1,\"Max\":null}}"},
        {"{\"rules\":[{\"a\":1},{}]}", "Rules{A} Last",
         "{\"Rules\":[{\"A\":1},{\"A\":null}],\"Last\":null}"},
        {"{}", "A{B{C}} D", "{\"A\":null,\"D\":null}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct check c = begin();
        invalid_go(&c, STR("p"), tree(rows[i].json), rows[i].shape, "no");
        struct str want = arena_printf(&arena, "Invalid value: %s: no", rows[i].text);
        assert_str(st.details.causes[0].message, arena_cstr(&arena, want));
    }
}

TEST(selectors)
{
    static const struct {
        const char *json;
        size_t causes;
    } rows[] = {
        {"{\"matchLabels\":{\"a\":\"b\"}}", 0},
        {"{\"matchLabels\":{\"a b\":\"c d\"}}", 2},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"b\"]}]}", 0},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}", 1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"b\"]}]}", 1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Near\"}]}", 1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct check c = begin();
        check_label_selector(&c, tree(rows[i].json), STR("s"));
        if (st.details.cause_count != rows[i].causes)
            fail_msg("row %zu", i);
    }
}

#define CONTAINER(resources)                                                                       \
    "{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":" resources "}]}}"

TEST(classes_of_service)
{
    static const struct {
        const char *pod, *class;
    } rows[] = {
        {CONTAINER("{}"), "BestEffort"},
        {CONTAINER("{\"requests\":{\"cpu\":\"1\"}}"), "Burstable"},
        {CONTAINER("{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"1\","
                   "\"memory\":\"1Gi\"}}"),
         "Guaranteed"},
        {CONTAINER("{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"500m\","
                   "\"memory\":\"1Gi\"}}"),
         "Burstable"},
        {CONTAINER("{\"limits\":{\"cpu\":\"1\"},\"requests\":{\"cpu\":\"1\"}}"), "Burstable"},
        {CONTAINER("{\"requests\":{\"x.example/gpu\":\"1\"}}"), "BestEffort"},
        {CONTAINER("{\"requests\":{\"cpu\":\"0\"}}"), "BestEffort"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (strcmp(pod_qos_class(tree(rows[i].pod)), rows[i].class) != 0)
            fail_msg("row %zu: %s", i, pod_qos_class(tree(rows[i].pod)));
}

TEST(schedules)
{
    static const struct {
        const char *schedule;
        bool right;
    } rows[] = {{"* * * * *", true},    {"*/5 0-3,7 1 JAN mon", true},
                {"@daily", true},       {"@every 1h30m", true},
                {"@never", false},      {"60 * * * *", false},
                {"* 24 * * *", false},  {"* * 0 * *", false},
                {"* * * 13 *", false},  {"* * * * 8", false},
                {"* * * *", false},     {"* * * * * *", false},
                {"5-1 * * * *", false}, {"*/0 * * * *", false},
                {"a * * * *", false},   {"", false},
                {"@every x", false},    {"1-2-3 * * * *", false}};
    begin();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (str_empty(cron_schedule_fault(&arena, str_from(rows[i].schedule))) != rows[i].right)
            fail_msg("%s", rows[i].schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(networks),
        cmocka_unit_test(names),     cmocka_unit_test(values_are_shown_as_go_structures),
        cmocka_unit_test(selectors), cmocka_unit_test(classes_of_service),
        cmocka_unit_test(schedules)};
    arena_init(&arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
