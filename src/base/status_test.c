#include "base/test.h"

#include "base/limits.h"
#include "base/status.h"

TEST(causes_become_one_message)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    assert_int_equal(status_invalid_from_causes(&st, STR(""), STR("Pod"), STR("p")), 0);
    for (int i = 0; i < 20; i++)
        field_required(&st, arena_printf(&a, "spec.things[%d]", i), "%s", i ? "" : "because");
    assert_int_equal(status_invalid_from_causes(&st, STR(""), STR("Pod"), STR("p")), -1);
    assert_int_equal(st.details.cause_count, 20);
    assert_true(str_starts(st.message, "Pod \"p\" is invalid: [spec.things[0]: Required value: "
                                       "because, spec.things[1]: Required value, "));
    assert_str(st.details.causes[19].field, "spec.things[19]");
    /* Causes may follow, in the same room. */
    field_duplicate(&st, STR("x"), STR("y"));
    assert_int_equal(st.details.cause_count, 21);
    assert_str(st.details.causes[20].message, "Duplicate value: \"y\"");
    arena_release(&a);
}

TEST(many_causes_cost_what_is_told)
{
    enum {
        FAULTS = 200000
    };
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    for (int i = 0; i < FAULTS; i++)
        field_invalid(&st, STR("spec.containers[0].env[12345].valueFrom.fieldRef.apiVersion"),
                      STR("a value that is wrong"), "must be %s", "right");
    assert_int_equal(status_invalid_from_causes(&st, STR(""), STR("Pod"), STR("p")), -1);
    size_t told = st.details.cause_count;
    assert_true(told > 1000 && told < 20000);
    assert_true(st.message.len < 2 * LIMIT_FAULT_BYTES);
    const char *end = arena_printf(&a, ", and %zu more]", FAULTS - told).data;
    assert_str(str_slice(st.message, st.message.len - strlen(end), st.message.len), end);
    assert_true(a.used_bytes < 16 * LIMIT_FAULT_BYTES);
    /* A new status is told anew. */
    status_set(&st, REASON_INVALID, "again");
    field_required(&st, STR("x"), "%s", "");
    assert_int_equal(st.details.cause_count, 1);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_become_one_message),
        cmocka_unit_test(many_causes_cost_what_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
