#include "base/test.h"

#include <errno.h>

#include "region/relay.h"
#include "sys/socket.h"

enum {
    HALF_OPEN_MS = 100
};

struct both {
    struct loop *loop;
    struct relay *relay;
    int near, far; /* the outer ends */
    unsigned ended;
};

static void on_end(void *arg)
{
    struct both *b = arg;
    b->ended++;
}

static void open_both(struct both *b)
{
    int near[2], far[2];
    *b = (struct both){.loop = loop_new()};
    socket_pair(near);
    socket_pair(far);
    b->near = near[0];
    b->far = far[0];
    b->relay = relay_new(b->loop, (int[]){near[1], far[1]}, HALF_OPEN_MS, on_end, b);
}

static void close_both(struct both *b)
{
    relay_free(b->relay);
    if (b->near >= 0)
        socket_close(b->near);
    socket_close(b->far);
    loop_free(b->loop);
}

static void turn(struct both *b)
{
    for (int i = 0; i < 5; i++)
        loop_turn(b->loop);
}

TEST(bytes_go_both_ways_and_each_end_is_told)
{
    struct both b;
    char data[16];
    open_both(&b);
    assert_int_equal(socket_write(b.near, "there", 5), 5);
    assert_int_equal(socket_write(b.far, "back", 4), 4);
    turn(&b);
    assert_int_equal(socket_read(b.far, data, sizeof(data)), 5);
    assert_memory_equal(data, "there", 5);
    assert_int_equal(socket_read(b.near, data, sizeof(data)), 4);
    socket_shut_write(b.near);
    turn(&b);
    assert_int_equal(socket_read(b.far, data, sizeof(data)), 0);
    assert_int_equal(b.ended, 0);
    assert_int_equal(socket_write(b.far, "still", 5), 5);
    turn(&b);
    assert_int_equal(socket_read(b.near, data, sizeof(data)), 5);
    socket_shut_write(b.far);
    turn(&b);
    assert_int_equal(socket_read(b.near, data, sizeof(data)), 0);
    assert_int_equal(b.ended, 1);
    close_both(&b);
}

/* A side that takes nothing stops the other one, with a bounded amount here in between. */
TEST(what_is_not_taken_waits)
{
    struct both b;
    char block[16 << 10] = {0};
    size_t sent = 0, got = 0;
    open_both(&b);
    for (int quiet = 0; quiet < 3;) {
        ssize_t n = socket_write(b.near, block, sizeof(block));
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        turn(&b);
    }
    assert_true(sent > 256 << 10 && sent < 4 << 20);
    socket_shut_write(b.near);
    for (int quiet = 0; quiet < 3;) {
        ssize_t n = socket_read(b.far, block, sizeof(block));
        got += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        turn(&b);
    }
    assert_int_equal(got, sent);
    close_both(&b);
}

TEST(a_side_that_is_gone_ends_it)
{
    struct both b;
    open_both(&b);
    socket_close(b.near);
    b.near = -1;
    turn(&b);
    for (int i = 0; i < 5 && !b.ended; i++) {
        ssize_t n = socket_write(b.far, "x", 1);
        assert_true(n == 1 || n == -EPIPE);
        turn(&b);
    }
    assert_int_equal(b.ended, 1);
    close_both(&b);
}

/* A side that only listens holds a connection as long as both may still speak, and a while after
 * that; each byte makes it begin again. */
TEST(a_silent_side_is_left_when_the_other_has_ended)
{
    struct both b;
    open_both(&b);
    uint64_t begun = loop_now_ms(b.loop);
    while (loop_now_ms(b.loop) < begun + 3 * HALF_OPEN_MS / 2)
        turn(&b);
    assert_int_equal(b.ended, 0);
    socket_shut_write(b.near);
    turn(&b);
    begun = loop_now_ms(b.loop);
    while (loop_now_ms(b.loop) < begun + HALF_OPEN_MS / 2)
        turn(&b);
    assert_int_equal(socket_write(b.far, "still", 5), 5);
    turn(&b);
    begun = loop_now_ms(b.loop);
    while (!b.ended)
        turn(&b);
    assert_true(loop_now_ms(b.loop) >= begun + HALF_OPEN_MS / 2);
    close_both(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_and_each_end_is_told),
        cmocka_unit_test(what_is_not_taken_waits),
        cmocka_unit_test(a_side_that_is_gone_ends_it),
        cmocka_unit_test(a_silent_side_is_left_when_the_other_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
