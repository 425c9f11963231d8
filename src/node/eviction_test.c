#include "base/test.h"

#include <errno.h>

#include "node/eviction.h"

TEST(thresholds_are_amounts_or_percentages)
{
    struct eviction_threshold t[SIGNAL_COUNT];
    struct str bad;
    assert_int_equal(eviction_parse(STR(EVICTION_DEFAULT), t, &bad), 0);
    assert_true(t[SIGNAL_MEMORY].set && t[SIGNAL_MEMORY].amount == 100 << 20);
    assert_true(t[SIGNAL_MEMORY].percent < 0 && t[SIGNAL_NODE_DISK].percent == 2);
    assert_false(t[SIGNAL_PIDS].set);
    assert_int_equal(eviction_parse(STR(""), t, &bad), 0);
    assert_false(t[SIGNAL_MEMORY].set);
    assert_int_equal(eviction_parse(STR("pid.available<1k,nodefs.inodesFree<0.5%"), t, &bad), 0);
    assert_int_equal(t[SIGNAL_PIDS].amount, 1000);
    assert_true(t[SIGNAL_NODE_INODES].percent == 0.5);
}

TEST(wrong_thresholds_are_named)
{
    static const char *const wrong[] = {"memory.available",
                                        "memory.available<",
                                        "memory.available<-1",
                                        "memory.available<101%",
                                        "memory.available<x",
                                        "cpu.available<1",
                                        "<1",
                                        "memory.available<1,memory.available<2"};
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct eviction_threshold t[SIGNAL_COUNT] = {{.set = true, .amount = 7}};
        struct str bad = STR_NONE;
        assert_int_equal(eviction_parse(str_from(wrong[i]), t, &bad), -EINVAL);
        assert_true(bad.len > 0 && t[0].amount == 7);
    }
}

static int64_t first(enum eviction_signal signal, struct pod_usage a, struct pod_usage b)
{
    struct pod_usage pods[] = {a, b}, turned[] = {b, a};
    eviction_rank(pods, 2, signal);
    eviction_rank(turned, 2, signal);
    assert_memory_equal(pods, turned, sizeof(pods));
    return pods[0].processes;
}

TEST(who_exceeds_its_request_goes_before_who_does_not)
{
    struct pod_usage modest = {.memory = 900, .memory_request = 1000, .processes = 1};
    struct pod_usage greedy = {.memory = 20, .memory_request = 10, .priority = 9, .processes = 2};
    assert_int_equal(first(SIGNAL_MEMORY, modest, greedy), 2);
    modest = (struct pod_usage){.disk = 900, .disk_request = 1000, .processes = 1};
    greedy = (struct pod_usage){.disk = 20, .disk_request = 10, .priority = 9, .processes = 2};
    assert_int_equal(first(SIGNAL_NODE_DISK, modest, greedy), 2);
}

TEST(then_priority_decides_then_the_excess)
{
    struct pod_usage low = {.memory = 20, .disk = 20, .processes = 1};
    struct pod_usage high = {.memory = 900, .disk = 900, .priority = 9, .processes = 2};
    struct pod_usage more = {.memory = 30, .disk = 30, .processes = 3};
    assert_int_equal(first(SIGNAL_MEMORY, low, high), 1);
    assert_int_equal(first(SIGNAL_IMAGE_DISK, low, high), 1);
    assert_int_equal(first(SIGNAL_MEMORY, low, more), 3);
    assert_int_equal(first(SIGNAL_IMAGE_INODES, low, more), 3);
    assert_int_equal(first(SIGNAL_PIDS, low, high), 1);
    assert_int_equal(first(SIGNAL_PIDS, low, more), 3);
}

TEST(bytes_read_as_the_original_prints_them)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0"},       {1023, "1023"},       {1024, "1Ki"},
                 {1536, "1536"}, {100 << 20, "100Mi"}, {3ll << 40, "3Ti"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out cleanup_with(buf_release) = BUF_INIT;
        bytes_text(&out, cases[i].bytes);
        assert_str(buf_str(&out), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_are_amounts_or_percentages),
        cmocka_unit_test(wrong_thresholds_are_named),
        cmocka_unit_test(who_exceeds_its_request_goes_before_who_does_not),
        cmocka_unit_test(then_priority_decides_then_the_excess),
        cmocka_unit_test(bytes_read_as_the_original_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
