#include "base/test.h"

#include "control/cron.h"
#include "object/scalar.h"

static int64_t at(const char *text)
{
    int64_t us;
    assert_int_equal(time_parse(str_from(text), &us), 0);
    return us / 1000000;
}

struct next_case {
    const char *after, *schedule, *zone, *next; /* next NULL: never */
};

/* Expected times are those of robfig/cron v3 and of the calendar. */
static const struct next_case cases[] = {
    {"2026-07-09T14:45:00Z", "0/15 * * * *", "", "2026-07-09T15:00:00Z"},
    {"2026-07-09T14:59:59Z", "0/15 * * * *", "", "2026-07-09T15:00:00Z"},
    {"2026-07-09T14:45:00Z", "*/1 * * * *", "", "2026-07-09T14:46:00Z"},
    {"2026-07-09T15:45:00Z", "20-35/15 * * * *", "", "2026-07-09T16:20:00Z"},
    {"2026-07-09T23:46:00Z", "*/15 * * * *", "", "2026-07-10T00:00:00Z"},
    {"2026-12-31T23:59:45Z", "* * * * *", "", "2027-01-01T00:00:00Z"},
    {"2026-07-09T23:35:00Z", "0 0 */3 * *", "", "2026-07-10T00:00:00Z"},
    {"2026-07-09T23:35:00Z", "0 0 9 apr-oct ?", "", "2026-08-09T00:00:00Z"},
    {"2026-07-09T23:35:00Z", "0 0 * feb mon/2", "", "2027-02-01T00:00:00Z"},
    {"2026-07-09T23:35:00Z", "0 0 29 Feb ?", "", "2028-02-29T00:00:00Z"},
    {"2026-07-09T23:35:00Z", "0 0 30 Feb ?", "", NULL},
    {"2026-07-09T00:00:00Z", "0 12 13 * FRI", "", "2026-07-10T12:00:00Z"},
    {"2026-07-09T00:00:00Z", "0 12 * * MON", "", "2026-07-13T12:00:00Z"},
    {"2026-07-09T00:00:00Z", "@daily", "", "2026-07-10T00:00:00Z"},
    {"2026-07-09T00:00:00Z", "@every 1h30m", "", "2026-07-09T01:30:00Z"},
    {"2026-07-09T00:00:00Z", "@hourly", "", "2026-07-09T01:00:00Z"},
    /* New York: summer begins on 8 March 2026 at 02:00, ends on 1 November at 02:00. */
    {"2026-03-07T00:00:00-05:00", "0 9 * * *", "America/New_York", "2026-03-07T14:00:00Z"},
    {"2026-03-07T12:00:00-05:00", "0 9 * * *", "America/New_York", "2026-03-08T13:00:00Z"},
    {"2026-03-08T00:00:00-05:00", "30 2 * * *", "America/New_York", "2026-03-09T06:30:00Z"},
    {"2026-03-08T00:00:00-05:00", "0 * * * *", "America/New_York", "2026-03-08T06:00:00Z"},
    {"2026-03-08T01:00:00-05:00", "0 * * * *", "America/New_York", "2026-03-08T07:00:00Z"},
    {"2026-11-01T00:00:00-04:00", "0 3 * * *", "America/New_York", "2026-11-01T08:00:00Z"},
    {"2026-11-01T01:00:00-04:00", "0 * * * *", "America/New_York", "2026-11-01T06:00:00Z"},
    {"2026-01-01T00:00:00Z", "0 0 * * *", "Asia/Kolkata", "2026-01-01T18:30:00Z"},
};

TEST(next_times)
{
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct next_case *c = &cases[i];
        struct cron cron;
        struct str error = STR("");
        assert_int_equal(cron_parse(&arena, str_from(c->schedule), &cron, &error), 0);
        const struct timezone *zone = timezone_load(&arena, str_from(c->zone));
        if (!zone) {
            print_message("no time zone database: %s is not tested\n", c->zone);
            continue;
        }
        int64_t next = cron_next(&cron, zone, at(c->after));
        if (!c->next)
            assert_true(next == INT64_MAX);
        else if (next != at(c->next))
            fail_msg("%s after %s: %.*s", c->schedule, c->after,
                     STR_ARG(time_format(&arena, next * 1000000)));
    }
    arena_release(&arena);
}

TEST(every_minute_of_a_year_is_met_once)
{
    struct arena arena = ARENA_INIT;
    struct cron cron;
    struct str error;
    const struct timezone *zone = timezone_load(&arena, STR("Europe/Berlin"));
    assert_int_equal(cron_parse(&arena, STR("*/7 3,5 * * *"), &cron, &error), 0);
    int64_t t = at("2026-01-01T00:00:00Z"), end = at("2027-01-01T00:00:00Z");
    size_t count = 0;
    while (zone && (t = cron_next(&cron, zone, t)) < end) {
        struct civil c = civil_of(t + timezone_offset(zone, t));
        assert_true(c.hour == 3 || c.hour == 5);
        assert_int_equal(c.minute % 7, 0);
        count++;
    }
    if (zone)
        assert_int_equal(count, 365 * 2 * 9);
    arena_release(&arena);
}

TEST(bad_schedules_are_refused)
{
    static const char *const bad[] = {
        "",           "* * * *",   "* * * * * *", "60 * * * *",  "* 24 * * *", "* * 0 * *",
        "* * * 13 *", "* * * * 7", "5-3 * * * *", "*/0 * * * *", "x * * * *",  "1-2-3 * * * *",
        "@never",     "@every x",  "* * * * mo",  ", * * * *"};
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct cron cron;
        struct str error = STR("");
        if (cron_parse(&arena, str_from(bad[i]), &cron, &error) == 0)
            fail_msg("\"%s\" was accepted", bad[i]);
        assert_true(error.len > 0);
    }
    arena_release(&arena);
}

TEST(calendar_goes_both_ways)
{
    for (int64_t day = -800000; day < 800000; day += 37) {
        struct civil c = civil_of(day * 86400 + 3661);
        assert_int_equal(civil_days(c.year, c.month, c.day), day);
        assert_int_equal(c.hour * 3600 + c.minute * 60 + c.second, 3661);
    }
    assert_int_equal(civil_of(0).weekday, 4); /* a Thursday */
}

TEST(zones_beyond_the_table_follow_their_rule)
{
    struct arena arena = ARENA_INIT;
    const struct timezone *berlin = timezone_load(&arena, STR("Europe/Berlin"));
    if (berlin) {
        assert_int_equal(timezone_offset(berlin, at("2090-01-15T12:00:00Z")), 3600);
        assert_int_equal(timezone_offset(berlin, at("2090-07-15T12:00:00Z")), 7200);
        assert_int_equal(timezone_offset(berlin, at("1990-07-15T12:00:00Z")), 7200);
    }
    assert_null(timezone_load(&arena, STR("Mars/Olympus")));
    assert_null(timezone_load(&arena, STR("../../etc/passwd")));
    assert_null(timezone_parse(&arena, STR("TZif2")));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_times),
        cmocka_unit_test(every_minute_of_a_year_is_met_once),
        cmocka_unit_test(bad_schedules_are_refused),
        cmocka_unit_test(calendar_goes_both_ways),
        cmocka_unit_test(zones_beyond_the_table_follow_their_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
