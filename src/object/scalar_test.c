#include "object/scalar.h"

#include "base/test.h"

struct quantity_case {
    const char *text, *canonical;
    int64_t value, milli;
};

static void check_quantities(const struct quantity_case *rows, size_t count)
{
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < count; i++) {
        struct quantity q = {0};
        struct str canonical = STR_NONE, again, text = str_from(rows[i].text);
        if (quantity_parse(text, &q) < 0 || quantity_canonical(&a, text, &canonical) < 0)
            fail_msg("%s was refused", rows[i].text);
        assert_str(canonical, rows[i].canonical);
        assert_int_equal(quantity_value(q), rows[i].value);
        assert_int_equal(quantity_milli(q), rows[i].milli);
        assert_int_equal(quantity_canonical(&a, canonical, &again), 0);
        assert_true(str_equal(again, canonical));
    }
    arena_release(&a);
}

TEST(quantities_keep_the_kind_of_their_suffix)
{
    static const struct quantity_case rows[] = {
        {"0", "0", 0, 0},
        {"+0", "0", 0, 0},
        {"-0.000", "0", 0, 0},
        {"0Ki", "0", 0, 0},
        {"100m", "100m", 1, 100},
        {"1", "1", 1, 1000},
        {"1000m", "1", 1, 1000},
        {"0.1", "100m", 1, 100},
        {"1.5", "1500m", 2, 1500},
        {"1.500", "1.500", 2, 1500},
        {"-1.5", "-1500m", -2, -1500},
        {"1000", "1k", 1000, 1000000},
        {"1024", "1024", 1024, 1024000},
        {"1Ki", "1Ki", 1024, 1024000},
        {"1024Ki", "1Mi", 1 << 20, 1024000 << 10},
        {"1.5Gi", "1536Mi", 1610612736, 1610612736000},
        {"0.5Ki", "512", 512, 512000},
        {"0.0001Ki", "102400u", 1, 103},
        {"1.1Ki", "1126400m", 1127, 1126400},
        {"1.", "1.", 1, 1000},
        {".5", "500m", 1, 500},
        {"+5", "+5", 5, 5000},
    };
    check_quantities(rows, ARRAY_COUNT(rows));
}

TEST(exponents_are_multiples_of_three)
{
    static const struct quantity_case rows[] = {
        {"1e3", "1e3", 1000, 1000000},
        {"1E3", "1E3", 1000, 1000000},
        {"1e4", "10e3", 10000, 10000000},
        {"12e6", "12e6", 12000000, 12000000000},
        {"0e999", "0", 0, 0},
    };
    check_quantities(rows, ARRAY_COUNT(rows));
}

TEST(quantities_have_limits_at_both_ends)
{
    static const struct quantity_case rows[] = {
        {"16Ei", "9223372036854775807", INT64_MAX, INT64_MAX},
        {"1e-9", "1e-9", 1, 1},
        {"1e-999999999", "1e-9", 1, 1},
        {"1e-99999999999999999999999", "1e-9", 1, 1},
        {"0.0000000001", "1n", 1, 1},
        {"5n", "5n", 1, 1},
        {"100E", "100E", INT64_MAX, INT64_MAX},
        {"340282366920938463463374607431768211456", "170141183460469231731687303715884105727n",
         INT64_MAX, INT64_MAX},
    };
    check_quantities(rows, ARRAY_COUNT(rows));
}

TEST(what_is_no_quantity_is_refused)
{
    static const char *const texts[] = {"1e999999999", "1e101", "",   "a",  "1kk",
                                        "1 ",          "1KI",   "1e", "--1"};
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct quantity q;
        struct str canonical, text = str_from(texts[i]);
        if (quantity_parse(text, &q) == 0 || quantity_canonical(&a, text, &canonical) == 0)
            fail_msg("%s was accepted", texts[i]);
    }
    arena_release(&a);
}

TEST(quantities_add_up)
{
    struct arena a = ARENA_INIT;
    struct quantity x, y;
    assert_int_equal(quantity_parse(STR("1500m"), &x), 0);
    assert_int_equal(quantity_parse(STR("500m"), &y), 0);
    assert_str(quantity_format(&a, quantity_add(x, y)), "2");
    assert_str(quantity_format(&a, quantity_sub(x, y)), "1");
    assert_int_equal(quantity_compare(x, y), 1);
    assert_int_equal(quantity_compare(y, x), -1);
    assert_int_equal(quantity_compare(x, x), 0);
    assert_int_equal(quantity_parse(STR("1Gi"), &y), 0);
    assert_str(quantity_format(&a, quantity_add(quantity_from_int(0), y)), "1Gi");
    assert_str(quantity_format(&a, quantity_add(y, y)), "2Gi");
    struct quantity big = {.nano = (__int128)(~(unsigned __int128)0 >> 1)};
    assert_int_equal(quantity_value(quantity_add(big, big)), INT64_MAX);
    assert_int_equal(quantity_value(quantity_sub(quantity_from_int(INT64_MIN), big)), INT64_MIN);
    arena_release(&a);
}

TEST(times)
{
    static const struct {
        const char *text, *seconds, *micros;
    } rows[] = {
        {"2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56.000000Z"},
        {"2024-02-29T12:34:56.5+02:00", "2024-02-29T10:34:56Z", "2024-02-29T10:34:56.500000Z"},
        {"1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999999Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
        {"2023-02-29T12:34:56Z", NULL, NULL},
        {"2024-13-01T12:34:56Z", NULL, NULL},
        {"2024-02-01 12:34:56Z", NULL, NULL},
        {"2024-02-01T12:34:56", NULL, NULL},
        {"2024-02-01T12:34:56.Z", NULL, NULL},
        {"2024-02-01T24:34:56Z", NULL, NULL},
        {"9999-12-31T23:59:59-01:00", NULL, NULL},
        {"0000-01-01T00:00:00+01:00", NULL, NULL},
        {"", NULL, NULL},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int64_t us;
        int err = time_parse(str_from(rows[i].text), &us);
        if ((err == 0) != (rows[i].seconds != NULL))
            fail_msg("%s: %d", rows[i].text, err);
        if (err == 0) {
            assert_str(time_format(&a, us), rows[i].seconds);
            assert_str(micro_time_format(&a, us), rows[i].micros);
        }
    }
    assert_str(time_format(&a, INT64_MAX), "9999-12-31T23:59:59Z");
    assert_str(time_format(&a, INT64_MIN), "0000-01-01T00:00:00Z");
    arena_release(&a);
}

TEST(durations)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *printed;
    } rows[] = {
        {"1h2m3.5s", 3723500000000, "1h2m3.5s"},
        {"0", 0, "0s"},
        {"90m", 5400000000000, "1h30m0s"},
        {"1.5ms", 1500000, "1.5ms"},
        {"-5s", -5000000000, "-5s"},
        {"15us", 15000, "15\xc2\xb5s"},
        {"3ns", 3, "3ns"},
        {".5h", 1800000000000, "30m0s"},
        {"5", 0, NULL},
        {"", 0, NULL},
        {"1x", 0, NULL},
        {"s", 0, NULL},
        {"9999999h", 0, NULL},
        {"1m.s", 0, NULL},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int64_t ns = 0;
        int err = duration_parse(str_from(rows[i].text), &ns);
        if ((err == 0) != (rows[i].printed != NULL))
            fail_msg("%s: %d", rows[i].text, err);
        if (err == 0) {
            assert_int_equal(ns, rows[i].ns);
            assert_str(duration_format(&a, ns), rows[i].printed);
        }
    }
    assert_str(duration_format(&a, INT64_MIN), "-2562047h47m16.854775808s");
    arena_release(&a);
}

TEST(names)
{
    assert_null(name_dns1123_label(STR("a-b1")));
    assert_string_equal(name_dns1123_label(STR("a.b")), "must not contain dots");
    assert_non_null(strstr(name_dns1123_label(STR("-a")), "a lowercase RFC 1123 label must"));
    assert_non_null(strstr(name_dns1123_label(STR("")), "(e.g. 'my-name',  or '123-abc', regex"));
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name));
    assert_string_equal(name_dns1123_label((struct str){long_name, 64}),
                        "must be no more than 63 characters");
    assert_null(name_dns1123_subdomain((struct str){long_name, 253}));
    assert_non_null(name_dns1123_subdomain((struct str){long_name, 254}));
    assert_null(name_dns1123_subdomain(STR("a.b-c.d")));
    assert_non_null(name_dns1123_subdomain(STR("a..b")));
    assert_non_null(name_dns1123_subdomain(STR("a.b.")));
    assert_non_null(name_dns1123_subdomain(STR("A")));
    assert_null(name_dns1035_label(STR("abc-1")));
    assert_non_null(name_dns1035_label(STR("1abc")));
    assert_null(name_path_segment(STR("system:x")));
    assert_string_equal(name_path_segment(STR("a/b")), "may not contain '/'");
    assert_string_equal(name_path_segment(STR("..")), "may not be '..'");
    assert_null(name_qualified(STR("app.kubernetes.io/name")));
    assert_null(name_qualified(STR("A_b.c")));
    assert_string_equal(name_qualified(STR("/a")), "prefix part must be non-empty");
    assert_string_equal(name_qualified(STR("a/")), "name part must be non-empty");
    assert_non_null(strstr(name_qualified(STR("a/b/c")), "a valid label key must consist"));
    assert_non_null(strstr(name_qualified(STR("A/b")), "prefix part a lowercase RFC 1123"));
    assert_null(name_label_value(STR("")));
    assert_null(name_label_value(STR("A.b_c-1")));
    assert_non_null(name_label_value(STR("a-")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_keep_the_kind_of_their_suffix),
        cmocka_unit_test(exponents_are_multiples_of_three),
        cmocka_unit_test(quantities_have_limits_at_both_ends),
        cmocka_unit_test(what_is_no_quantity_is_refused),
        cmocka_unit_test(quantities_add_up),
        cmocka_unit_test(times),
        cmocka_unit_test(durations),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
