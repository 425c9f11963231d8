#include "base/test.h"

#include "control/queue.h"

/* A worker that notes what it does, and does what the test tells it. */
struct worker {
    struct loop *loop;
    struct queue queue;
    struct timer end;
    char log[256];
    size_t failures_left;   /* runs that fail */
    bool add_while_working; /* once */
    bool hold;              /* queue_done is left to the test */
    struct queue_key *held;
    uint64_t times_ms[16];
    size_t runs;
};

static void work(void *arg, struct queue_key *key)
{
    struct worker *w = arg;
    size_t len = strlen(w->log);
    snprintf(w->log + len, sizeof(w->log) - len, "%.*s/%.*s ", STR_ARG(key->ns),
             STR_ARG(key->name));
    if (w->runs < ARRAY_COUNT(w->times_ms))
        w->times_ms[w->runs] = loop_now_ms(w->loop);
    w->runs++;
    if (w->add_while_working) {
        w->add_while_working = false;
        queue_add(&w->queue, key->ns, key->name);
        queue_add(&w->queue, key->ns, key->name);
    }
    if (w->hold) {
        w->held = key;
        return;
    }
    bool fails = w->failures_left > 0;
    w->failures_left -= fails;
    queue_done(&w->queue, key, fails);
}

static void end(void *arg)
{
    loop_stop(((struct worker *)arg)->loop);
}

static struct worker *worker_new(void)
{
    struct worker *w = mem_alloc(sizeof(*w));
    w->loop = loop_new();
    queue_init(&w->queue, w->loop, work, w);
    timer_init(&w->end, w->loop, end, w);
    return w;
}

static void run_for(struct worker *w, uint64_t ms)
{
    timer_start(&w->end, ms);
    loop_run(w->loop);
    timer_stop(&w->end);
}

static void worker_free(struct worker *w)
{
    queue_release(&w->queue);
    loop_free(w->loop);
    mem_free(w);
}

TEST(keys_wait_once_and_in_order)
{
    struct worker *w = worker_new();
    queue_add(&w->queue, STR("a"), STR("x"));
    queue_add(&w->queue, STR(""), STR("y"));
    queue_add(&w->queue, STR("a"), STR("x"));
    assert_int_equal(queue_length(&w->queue), 2);
    run_for(w, 20);
    assert_string_equal(w->log, "a/x /y ");
    assert_int_equal(queue_length(&w->queue), 0);
    assert_int_equal(w->queue.keys.count, 0);
    assert_false(timer_armed(&w->queue.timer));
    worker_free(w);
}

TEST(added_while_worked_on_comes_back_once)
{
    struct worker *w = worker_new();
    w->add_while_working = true;
    queue_add(&w->queue, STR("a"), STR("x"));
    run_for(w, 20);
    assert_string_equal(w->log, "a/x a/x ");
    worker_free(w);
}

TEST(a_key_is_worked_on_by_one_at_a_time)
{
    struct worker *w = worker_new();
    w->hold = true;
    queue_add(&w->queue, STR("a"), STR("x"));
    run_for(w, 10);
    queue_add(&w->queue, STR("a"), STR("x"));
    run_for(w, 10);
    assert_int_equal(w->runs, 1);
    w->hold = false;
    queue_done(&w->queue, w->held, false);
    run_for(w, 10);
    assert_int_equal(w->runs, 2);
    worker_free(w);
}

TEST(failures_back_off)
{
    struct worker *w = worker_new();
    w->failures_left = 4;
    queue_add(&w->queue, STR("a"), STR("x"));
    run_for(w, 200);
    assert_int_equal(w->runs, 5);
    /* 5, 10, 20, 40 ms: each wait is at least that long. */
    for (size_t i = 0; i < 4; i++)
        assert_true(w->times_ms[i + 1] - w->times_ms[i] >= (5u << i));
    assert_int_equal(w->queue.keys.count, 0);
    worker_free(w);
}

TEST(the_earlier_of_two_delays_counts)
{
    struct worker *w = worker_new();
    queue_add_after(&w->queue, STR("a"), STR("x"), 10000);
    queue_add_after(&w->queue, STR("a"), STR("x"), 20);
    queue_add_after(&w->queue, STR("a"), STR("x"), 5000);
    run_for(w, 5);
    assert_int_equal(w->runs, 0);
    run_for(w, 60);
    assert_int_equal(w->runs, 1);
    assert_false(timer_armed(&w->queue.timer));
    worker_free(w);
}

TEST(many_delays_come_in_order)
{
    struct worker *w = worker_new();
    char name[8];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "%c", 'a' + i * 5 % 12);
        queue_add_after(&w->queue, STR("n"), str_from(name), (uint64_t)(1 + i * 5 % 12) * 3);
    }
    run_for(w, 100);
    assert_string_equal(w->log, "n/a n/b n/c n/d n/e n/f n/g n/h n/i n/j n/k n/l ");
    worker_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_wait_once_and_in_order),
        cmocka_unit_test(added_while_worked_on_comes_back_once),
        cmocka_unit_test(a_key_is_worked_on_by_one_at_a_time),
        cmocka_unit_test(failures_back_off),
        cmocka_unit_test(the_earlier_of_two_delays_counts),
        cmocka_unit_test(many_delays_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
