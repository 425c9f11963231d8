#include <errno.h>

#include "base/test.h"

#include "net/gzip.h"

TEST(what_was_packed_comes_back)
{
    struct buf text = BUF_INIT, packed = BUF_INIT, back = BUF_INIT;
    for (int i = 0; i < 30000; i++)
        buf_printf(&text, "{\"name\":\"pod-%d\"},", i);
    gzip_whole(buf_str(&text), &packed);
    assert_true(packed.len < text.len / 4);
    assert_int_equal(gunzip_whole(buf_str(&packed), text.len, &back), 0);
    assert_true(str_equal(buf_str(&back), buf_str(&text)));
    buf_clear(&back);
    assert_int_equal(gunzip_whole(buf_str(&packed), text.len - 1, &back), -E2BIG);
    buf_clear(&back);
    assert_int_equal(gunzip_whole(str_slice(buf_str(&packed), 0, packed.len - 9), text.len, &back),
                     -EINVAL);
    buf_clear(&back);
    assert_int_equal(gunzip_whole(buf_str(&text), text.len, &back), -EINVAL);
    buf_release(&text);
    buf_release(&packed);
    buf_release(&back);
}

TEST(parts_can_be_read_as_they_come)
{
    struct gzip *g = gzip_new();
    struct buf packed = BUF_INIT, back = BUF_INIT;
    gzip_write(g, STR("first "), true, false, &packed);
    assert_true(packed.len > 10);
    gzip_write(g, STR("second"), false, true, &packed);
    assert_int_equal(gunzip_whole(buf_str(&packed), 100, &back), 0);
    assert_str(buf_str(&back), "first second");
    gzip_free(g);
    buf_release(&packed);
    buf_release(&back);
    gzip_whole(STR_NONE, &packed);
    assert_int_equal(gunzip_whole(buf_str(&packed), 0, &back), 0);
    buf_release(&packed);
    buf_release(&back);
}

TEST(parts_packed_by_themselves_are_one_gzip)
{
    struct buf text = BUF_INIT, packed = BUF_INIT, back = BUF_INIT;
    struct gzip_parts g = {0};
    for (int i = 0; i < 100; i++) {
        size_t from = text.len;
        for (int j = 0; j < i * 37; j++)
            buf_printf(&text, "{\"name\":\"pod-%d\"},", j);
        gzip_part(&g, str_slice(buf_str(&text), from, text.len), i == 99, &packed);
    }
    assert_true(packed.len < text.len / 4);
    assert_int_equal(gunzip_whole(buf_str(&packed), text.len, &back), 0);
    assert_true(str_equal(buf_str(&back), buf_str(&text)));
    buf_clear(&back);
    packed.data[packed.len - 1] ^= 1;
    assert_int_equal(gunzip_whole(buf_str(&packed), text.len, &back), -EINVAL);
    buf_release(&text);
    buf_release(&packed);
    buf_release(&back);
}

TEST(accept_encoding_is_understood)
{
    static const struct {
        const char *value;
        bool want;
    } cases[] = {{"gzip", true},       {"deflate, gzip", true}, {"GZIP;q=0.5", true},
                 {"gzip;q=0", false},  {"gzip; q=0.0", false},  {"*", true},
                 {"*;q=0", false},     {"deflate", false},      {"", false},
                 {"gzip;q=0.1", true}, {"gzipx", false},        {"*;q=0, gzip", true}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (gzip_accepted(str_from(cases[i].value)) != cases[i].want)
            fail_msg("%s", cases[i].value);
    assert_false(gzip_accepted(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(parts_can_be_read_as_they_come),
        cmocka_unit_test(parts_packed_by_themselves_are_one_gzip),
        cmocka_unit_test(accept_encoding_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
