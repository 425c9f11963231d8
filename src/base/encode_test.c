#include <errno.h>

#include "base/test.h"

#include "base/encode.h"

TEST(base64_matches_the_rfc)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct str back;
        assert_str(base64_encode(&a, str_from(rows[i][0])), rows[i][1]);
        assert_int_equal(base64_decode(&a, str_from(rows[i][1]), &back), 0);
        assert_str(back, rows[i][0]);
        assert_int_equal(base64url_decode(&a, base64url_encode(&a, str_from(rows[i][0])), &back),
                         0);
        assert_str(back, rows[i][0]);
    }
    static const char *const bad[] = {"Zg=", "Zg", "Z===", "Zh==", "Zm 9", "====", "Zg==Zg=="};
    struct str ret;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(base64_decode(&a, str_from(bad[i]), &ret), -EINVAL);
    arena_release(&a);
}

TEST(percent_and_hex)
{
    struct arena a = ARENA_INIT;
    struct str ret;
    assert_str(percent_encode(&a, STR("a b/c~é"), ""), "a%20b%2Fc~%C3%A9");
    assert_str(percent_encode(&a, STR("a b/c"), "/"), "a%20b/c");
    assert_int_equal(percent_decode(&a, STR("a%20b+c"), false, &ret), 0);
    assert_str(ret, "a b+c");
    assert_int_equal(percent_decode(&a, STR("a%20b+c"), true, &ret), 0);
    assert_str(ret, "a b c");
    static const char *const bad[] = {"%", "%2", "%zz", "a%", "%2g"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(percent_decode(&a, str_from(bad[i]), false, &ret), -EINVAL);
    assert_str(hex_encode(&a, "\x00\xff\x1a", 3), "00ff1a");
    assert_int_equal(hex_decode(&a, STR("00fF1a"), &ret), 0);
    assert_memory_equal(ret.data, "\x00\xff\x1a", 3);
    assert_int_equal(hex_decode(&a, STR("0"), &ret), -EINVAL);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_matches_the_rfc),
        cmocka_unit_test(percent_and_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
