#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#include "base/limits.h"
#include "sys/loop.h"

struct record {
    struct loop *loop;
    int order[2000];
    int count;
};

struct tick {
    struct timer timer;
    struct record *record;
    int number;
    uint64_t wanted_ms;
    struct tick *stops;
};

static void on_tick(void *arg)
{
    struct tick *t = arg;
    assert_true(loop_now_ms(t->record->loop) >= t->wanted_ms);
    assert_false(timer_armed(&t->timer));
    t->record->order[t->record->count++] = t->number;
    if (t->stops)
        timer_stop(&t->stops->timer);
}

static void tick_start(struct tick *t, struct record *r, int number, uint64_t delay_ms)
{
    *t = (struct tick){.record = r, .number = number, .wanted_ms = loop_now_ms(r->loop) + delay_ms};
    timer_init(&t->timer, r->loop, on_tick, t);
    timer_start(&t->timer, delay_ms);
}

TEST(timers_fire_in_order_and_never_early)
{
    struct record r = {.loop = loop_new()};
    static struct tick ticks[1000];
    for (int i = 0; i < 1000; i++)
        tick_start(&ticks[i], &r, i, (uint64_t)((i * 7919) % 50));
    for (int i = 0; i < 1000; i += 3)
        timer_stop(&ticks[i].timer);
    loop_run(r.loop);
    assert_int_equal(r.count, 1000 - 334);
    /* A delay counts from its own start. */
    for (int i = 1; i < r.count; i++)
        assert_true(ticks[r.order[i - 1]].timer.due_ms <= ticks[r.order[i]].timer.due_ms);
    loop_free(r.loop);
}

TEST(a_timer_can_stop_another_and_be_moved)
{
    struct record r = {.loop = loop_new()};
    struct tick a, b, c;
    tick_start(&b, &r, 2, 10);
    tick_start(&c, &r, 3, 5);
    tick_start(&a, &r, 1, 5);
    a.stops = &b;
    timer_start(&c.timer, 20);
    timer_start(&c.timer, 1);
    c.wanted_ms = 0;
    loop_run(r.loop);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.order[0], 3);
    assert_int_equal(r.order[1], 1);
    loop_free(r.loop);
}

static void on_forever(void *arg)
{
    struct tick *t = arg;
    timer_start(&t->timer, 0);
}

static void on_stop(void *arg)
{
    loop_stop(arg);
}

TEST(a_timer_of_zero_lets_others_live)
{
    struct record r = {.loop = loop_new()};
    struct tick forever = {.record = &r};
    struct timer stop;
    timer_init(&forever.timer, r.loop, on_forever, &forever);
    timer_start(&forever.timer, 0);
    timer_init(&stop, r.loop, on_stop, r.loop);
    timer_start(&stop, 20);
    loop_run(r.loop);
    assert_true(timer_armed(&forever.timer));
    loop_free(r.loop);
}

struct call {
    struct deferred deferred;
    struct record *record;
    int number, again;
    struct call *cancels;
};

static void on_call(void *arg)
{
    struct call *c = arg;
    c->record->order[c->record->count++] = c->number;
    if (c->again-- > 0)
        deferred_arm(&c->deferred);
    if (c->cancels)
        deferred_cancel(&c->cancels->deferred);
}

TEST(deferred_calls_run_once_a_round)
{
    struct record r = {.loop = loop_new()};
    struct call calls[3] = {{.number = 0, .again = 2}, {.number = 1}, {.number = 2}};
    for (int i = 0; i < 3; i++) {
        calls[i].record = &r;
        deferred_init(&calls[i].deferred, r.loop, on_call, &calls[i]);
        deferred_arm(&calls[i].deferred);
        deferred_arm(&calls[i].deferred);
    }
    calls[1].cancels = &calls[2];
    loop_run(r.loop);
    static const int want[] = {0, 1, 0, 0};
    assert_int_equal(r.count, 4);
    assert_memory_equal(r.order, want, sizeof(want));
    loop_free(r.loop);
}

static void on_heavy_call(void *arg)
{
    struct call *c = arg;
    uint64_t until = loop_now_us(c->record->loop) + 1000 * (LIMIT_PATIENT_TIME_MS + 1);
    while (c->number > 1 && loop_now_us(c->record->loop) < until)
        ;
    on_call(arg);
}

/* What is quick runs in one turn, what is heavy in turns of its own, and others come between. */
TEST(patient_calls_let_others_go_first)
{
    struct record r = {.loop = loop_new()};
    struct call calls[6] = {{.number = 0, .again = 1000}};
    for (int i = 0; i < 6; i++) {
        calls[i].number = i < 3 ? MIN(i, 1) : i;
        calls[i].record = &r;
        deferred_init(&calls[i].deferred, r.loop, i ? on_heavy_call : on_call, &calls[i]);
        if (i)
            deferred_arm_patient(&calls[i].deferred);
    }
    calls[5].cancels = &calls[0];
    deferred_arm(&calls[0].deferred);
    loop_run(r.loop);
    static const int want[] = {1, 1, 3, 4, 5};
    int found = 0;
    for (int i = 0; i < r.count; i++) {
        if (r.order[i] == 0)
            continue;
        assert_int_equal(r.order[i], want[found++]);
        assert_true(r.order[i] < 4 || r.order[i - 1] == 0);
    }
    assert_int_equal(found, ARRAY_COUNT(want));
    loop_free(r.loop);
}

static void run_in_pool(void *arg)
{
    struct record *r = arg;
    usleep(1000);
    __atomic_add_fetch(&r->order[0], 1, __ATOMIC_SEQ_CST);
}

static void done_on_loop(void *arg)
{
    struct record *r = arg;
    r->count++;
}

TEST(work_comes_back_to_the_loop)
{
    struct record r = {.loop = loop_new()};
    for (int i = 0; i < 50; i++)
        loop_work(r.loop, run_in_pool, done_on_loop, &r);
    loop_run(r.loop);
    assert_int_equal(r.count, 50);
    assert_int_equal(r.order[0], 50);
    loop_free(r.loop);
}

static void on_post(void *arg)
{
    struct record *r = arg;
    if (++r->count == 1000)
        loop_stop(r->loop);
}

static void *poster(void *arg)
{
    struct record *r = arg;
    for (int i = 0; i < 250; i++)
        loop_post(r->loop, on_post, r);
    return NULL;
}

TEST(posts_arrive_from_other_threads)
{
    struct record r = {.loop = loop_new()};
    struct timer keep;
    pthread_t threads[4];
    timer_init(&keep, r.loop, on_stop, r.loop);
    timer_start(&keep, 10000);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, poster, &r);
    loop_run(r.loop);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r.count, 1000);
    loop_free(r.loop);
}

struct watched {
    struct loop_fd *watch;
    int fd, events, count;
    struct loop *loop;
};

static void on_fd(void *arg, int events)
{
    struct watched *w = arg;
    char c;
    w->events |= events;
    if (events & 1) {
        assert_int_equal(read(w->fd, &c, 1), 1);
        loop_fd_close(w->watch);
    } else {
        w->count++;
        loop_fd_set(w->watch, 1);
    }
}

TEST(descriptors_are_watched)
{
    struct watched w = {.loop = loop_new()};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    w.fd = fds[0];
    w.watch = loop_fd_open(w.loop, fds[0], 2, on_fd, &w);
    loop_turn(w.loop);
    loop_turn(w.loop);
    assert_int_equal(w.count, 1);
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_run(w.loop);
    assert_int_equal(w.events, 3);
    loop_free(w.loop);
    close(fds[0]);
    close(fds[1]);
}

/* Reads a byte a call. */
static void on_broken(void *arg, int events maybe_unused)
{
    struct watched *w = arg;
    char c;
    ssize_t got = read(w->fd, &c, 1);
    w->count += got == 1;
    if (got <= 0)
        loop_fd_close(w->watch);
}

/* The peer went without reading what it was sent: data of its own lies before the error. */
TEST(an_error_behind_data_is_told)
{
    struct watched w = {.loop = loop_new()};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    w.fd = fds[0];
    w.watch = loop_fd_open(w.loop, fds[0], 1, on_broken, &w);
    assert_int_equal(write(fds[0], "unread", 6), 6);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    close(fds[1]);
    alarm(20); /* instead of waiting without end */
    loop_run(w.loop);
    alarm(0);
    assert_int_equal(w.count, 2);
    loop_free(w.loop);
    close(fds[0]);
}

static void start_timer(void *arg)
{
    struct tick *t = arg;
    timer_start(&t->timer, (uint64_t)t->number);
}

/* A timer that a deferred call starts is due at once, or while the loop goes to sleep; nothing else
 * would wake it. */
TEST(a_timer_wakes_a_loop_that_is_about_to_wait)
{
    struct record r = {.loop = loop_new()};
    struct tick t = {.record = &r};
    struct deferred later;
    struct watched w = {.loop = r.loop, .fd = -1};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    w.watch = loop_fd_open(r.loop, fds[0], 1, on_fd, &w); /* never readable */
    timer_init(&t.timer, r.loop, on_stop, r.loop);
    deferred_init(&later, r.loop, start_timer, &t);
    alarm(20); /* instead of waiting without end */
    for (t.number = 0; t.number < 2; t.number++) {
        for (int round = 0; round < 200; round++) {
            deferred_arm(&later);
            loop_run(r.loop);
            assert_false(timer_armed(&t.timer));
        }
    }
    alarm(0);
    loop_fd_close(w.watch);
    loop_free(r.loop);
    close(fds[0]);
    close(fds[1]);
}

static void on_signal(void *arg, int number)
{
    struct record *r = arg;
    r->order[0] = number;
    loop_stop(r->loop);
}

static void raise_it(void *arg maybe_unused)
{
    kill(getpid(), SIGHUP);
}

TEST(signals_are_told)
{
    struct record r = {.loop = loop_new()};
    struct timer limit;
    struct deferred later;
    loop_signal(r.loop, SIGHUP, on_signal, &r);
    timer_init(&limit, r.loop, on_stop, r.loop);
    timer_start(&limit, 5000);
    deferred_init(&later, r.loop, raise_it, NULL);
    deferred_arm(&later);
    loop_run(r.loop);
    assert_int_equal(r.order[0], SIGHUP);
    loop_free(r.loop);
}

TEST(clocks_grow)
{
    struct loop *loop = loop_new();
    uint64_t us = loop_now_us(loop);
    int64_t wall = loop_wall_us(loop);
    usleep(2000);
    assert_true(loop_now_us(loop) >= us + 2000);
    assert_true(loop_wall_us(loop) > wall && wall > 1600000000000000);
    loop_run(loop); /* nothing to wait for: returns */
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(a_timer_can_stop_another_and_be_moved),
        cmocka_unit_test(a_timer_of_zero_lets_others_live),
        cmocka_unit_test(deferred_calls_run_once_a_round),
        cmocka_unit_test(patient_calls_let_others_go_first),
        cmocka_unit_test(a_timer_wakes_a_loop_that_is_about_to_wait),
        cmocka_unit_test(work_comes_back_to_the_loop),
        cmocka_unit_test(posts_arrive_from_other_threads),
        cmocka_unit_test(descriptors_are_watched),
        cmocka_unit_test(an_error_behind_data_is_told),
        cmocka_unit_test(signals_are_told),
        cmocka_unit_test(clocks_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
