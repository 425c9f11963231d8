#include "base/test.h"

#include "region/publish_target.h"

TEST(targets_are_read)
{
    struct publish_target t;
    assert_int_equal(publish_target_parse(STR("endpoint"), &t), 0);
    assert_int_equal(t.kind, PUBLISH_ENDPOINT);
    assert_int_equal(publish_target_parse(STR("node:30080"), &t), 0);
    assert_int_equal(t.kind, PUBLISH_NODE);
    assert_int_equal(t.port, 30080);
    assert_int_equal(publish_target_parse(STR("service/team-a/web:443"), &t), 0);
    assert_int_equal(t.kind, PUBLISH_SERVICE);
    assert_str(t.ns, "team-a");
    assert_str(t.name, "web");
    assert_int_equal(t.port, 443);
    assert_int_equal(publish_target_parse(STR("service/a/b"), &t), 0);
    assert_int_equal(t.port, 0);
}

/* Names go into selectors: nothing but a DNS label passes. */
TEST(what_is_no_target_is_refused)
{
    static const char *const texts[] = {"",
                                        "endpoint2",
                                        "node:",
                                        "node:0",
                                        "node:65536",
                                        "node:-1",
                                        "service",
                                        "service/",
                                        "service/a",
                                        "service/a/",
                                        "service/a/b/c",
                                        "service/a/b:",
                                        "service/a/b:http",
                                        "service/A/b",
                                        "service/a/b,c",
                                        "service/a/b=c",
                                        "service/-a/b",
                                        "service/a-/b",
                                        "pod/a/b:1"};
    struct publish_target t;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (publish_target_parse(str_from(texts[i]), &t) == 0)
            fail_msg("%s is read", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_read),
        cmocka_unit_test(what_is_no_target_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
