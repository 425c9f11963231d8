#include "base/test.h"

#include "kernel/feed.h"
#include "kernel/path.h"

static void read_all(int fd, struct buf *ret)
{
    for (;;) {
        ssize_t got = fd_read(fd, buf_reserve(ret, 4096), 4096);
        if (got <= 0)
            break;
        ret->len += (size_t)got;
    }
}

TEST(parts_come_in_order)
{
    char path[64];
    int file;
    struct feed feed;
    struct buf got = BUF_INIT;
    assert_int_equal(memory_file(STR("0123456789"), &file), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    const struct feed_part parts[] = {{.bytes = STR("a"), .path = path, .offset = 2, .size = 3},
                                      {.bytes = STR("b")},
                                      {.path = path, .offset = 9, .size = 1},
                                      {.bytes = STR("c")}};
    assert_int_equal(feed_open(parts, ARRAY_COUNT(parts), &feed), 0);
    read_all(feed.fd, &got);
    assert_int_equal(feed_close(&feed), 0);
    assert_str(buf_str(&got), "a234b9c");
    fd_close(file);
    buf_release(&got);
}

/* Whoever reads sees a short input: the feed's end tells that it is not the reader's fault. */
TEST(a_file_that_ends_too_early_is_told)
{
    static const char *const paths[] = {"/proc/self/comm", "/nowhere/at/all"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        struct feed feed;
        struct buf got = BUF_INIT;
        const struct feed_part part = {.path = paths[i], .size = 1 << 20};
        assert_int_equal(feed_open(&part, 1, &feed), 0);
        read_all(feed.fd, &got);
        assert_true(feed_close(&feed) < 0);
        buf_release(&got);
    }
}

TEST(a_reader_may_stop)
{
    struct feed feed;
    struct buf much = BUF_INIT;
    memset(buf_reserve(&much, 1 << 20), 'x', 1 << 20);
    much.len = 1 << 20;
    const struct feed_part part = {.bytes = buf_str(&much)};
    assert_int_equal(feed_open(&part, 1, &feed), 0);
    assert_int_equal(feed_close(&feed), 0);
    buf_release(&much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_in_order),
        cmocka_unit_test(a_file_that_ends_too_early_is_told),
        cmocka_unit_test(a_reader_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
