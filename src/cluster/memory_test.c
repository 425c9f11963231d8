#include "cluster/memory.h"

#include "base/test.h"
#include "sys/share.h"

enum {
    HALF = 48 << 20,
    BOUND = 100 << 20
};

/* Looked at again at once. */
static bool pressed_now(struct memory *m)
{
    m->next_us = 0;
    return memory_pressed(m);
}

TEST(it_is_short_beyond_its_part_of_the_bound)
{
    if (!share_bounds_memory())
        skip(); /* a sanitizer's allocator says nothing of itself */
    struct loop *loop = loop_new();
    struct memory m = {.loop = loop, .bytes_max = BOUND}, unbounded = {.loop = loop};
    assert_false(pressed_now(&m));
    char *first = mem_alloc(HALF);
    assert_false(pressed_now(&m));
    char *second = mem_alloc(HALF);
    assert_true(pressed_now(&m));
    assert_false(pressed_now(&unbounded));
    mem_free(second);
    /* What was true a moment ago. */
    assert_true(memory_pressed(&m));
    assert_false(pressed_now(&m));
    mem_free(first);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_short_beyond_its_part_of_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
