#include <errno.h>

#include "base/test.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/status.h"
#include "base/vec.h"

TEST(arena_keeps_what_it_gave)
{
    struct arena a = ARENA_INIT;
    char *first = arena_alloc(&a, 10);
    memcpy(first, "0123456789", 10);
    for (int i = 0; i < 1000; i++) {
        char *p = arena_alloc(&a, 100);
        for (int j = 0; j < 100; j++)
            assert_int_equal(p[j], 0);
        memset(p, 0xff, 100);
    }
    assert_memory_equal(first, "0123456789", 10);
    arena_reset(&a);
    char *again = arena_alloc(&a, 5000);
    for (int j = 0; j < 5000; j++)
        assert_int_equal(again[j], 0);
    arena_release(&a);
}

TEST(arena_grows_in_place_at_the_end)
{
    struct arena a = ARENA_INIT;
    char *p = arena_alloc(&a, 16);
    p[0] = 'x';
    assert_ptr_equal(arena_grow(&a, p, 16, 64), p);
    char *other = arena_alloc(&a, 16);
    assert_non_null(other);
    char *moved = arena_grow(&a, p, 64, 128);
    assert_ptr_not_equal(moved, p);
    assert_int_equal(moved[0], 'x');
    arena_release(&a);
}

TEST(a_large_block_that_grows_leaves_nothing_behind)
{
    struct arena a = ARENA_INIT;
    size_t size = 150 << 10;
    char *small = arena_alloc(&a, 8), *large = arena_alloc(&a, size);
    memcpy(small, "small", 6);
    memcpy(large, "large", 6);
    for (; size < 8 << 20; size *= 2) {
        assert_non_null(arena_alloc(&a, 8)); /* so that it can't grow where it is */
        large = arena_grow(&a, large, size, size * 2);
        assert_string_equal(large, "large");
        assert_int_equal(large[size], 0);
        assert_int_equal(large[size * 2 - 1], 0);
        assert_true(a.used_bytes < size * 2 + 1000);
    }
    assert_string_equal(small, "small");
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 0);
    char *again = arena_alloc(&a, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    arena_release(&a);
}

TEST(an_arena_takes_what_another_holds)
{
    static const size_t sizes[][2] = {{0, 0},
                                      {0, 100},
                                      {100, 0},
                                      {100, 100},
                                      {100, 3 << 20},
                                      {3 << 20, 100},
                                      {200 << 10, 200 << 10}};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct arena a = ARENA_INIT, b = ARENA_INIT;
        char *mine = sizes[i][0] ? arena_alloc(&a, sizes[i][0]) : NULL;
        char *other = sizes[i][1] ? arena_alloc(&b, sizes[i][1]) : NULL;
        size_t used = a.used_bytes + b.used_bytes;
        if (mine)
            memset(mine, 'm', sizes[i][0]);
        if (other)
            memset(other, 'o', sizes[i][1]);
        arena_take(&a, &b);
        assert_null(b.chunks);
        assert_int_equal(a.used_bytes, used);
        char *more = arena_alloc(&a, 64);
        for (int k = 0; k < 64; k++)
            assert_int_equal(more[k], 0);
        memset(more, 'x', 64);
        assert_true(!mine || (mine[0] == 'm' && mine[sizes[i][0] - 1] == 'm'));
        assert_true(!other || (other[0] == 'o' && other[sizes[i][1] - 1] == 'o'));
        arena_release(&a);
        arena_release(&b);
    }
}

TEST(text_is_cut_and_read)
{
    struct str rest = STR("a,b,,c");
    static const char *const want[] = {"a", "b", "", "c"};
    size_t n = 0;
    while (rest.data)
        assert_true(str_is(str_cut(&rest, ','), want[n++]));
    assert_int_equal(n, 4);

    static const struct {
        const char *text;
        int err;
        int64_t value;
    } numbers[] = {
        {"0", 0, 0},
        {"-1", 0, -1},
        {"9223372036854775807", 0, INT64_MAX},
        {"", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"9223372036854775808", -ERANGE, 0},
        {"1x", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"-9223372036854775808", 0, INT64_MIN},
        {" 1", -EINVAL, 0},
        {"99999999999999999999", -ERANGE, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        int64_t value = 0;
        assert_int_equal(str_to_i64(str_from(numbers[i].text), &value), numbers[i].err);
        assert_int_equal(value, numbers[i].value);
    }
    assert_true(str_is(str_trim(STR(" \tx y\r\n")), "x y"));
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_true(str_equal_nocase(STR("Content-Type"), STR("content-type")));
}

/* Keys that all belong into one slot of a map of 1,024. */
TEST(map_leaves_a_hash_whose_keys_were_chosen)
{
    static int values[700];
    struct map m = MAP_INIT;
    char key[24];
    int count = 0;
    for (unsigned i = 0; count < 700; i++) {
        snprintf(key, sizeof(key), "chosen-%u", i);
        if (str_hash(str_from(key)) % 1024)
            continue;
        values[count] = (int)i;
        assert_null(map_put(&m, str_from(key), &values[count++]));
        assert_int_equal(m.secret, count > 513);
    }
    assert_int_equal(m.count, 700);
    for (int i = 0; i < 700; i++) {
        snprintf(key, sizeof(key), "chosen-%d", values[i]);
        assert_ptr_equal(map_get(&m, str_from(key)), &values[i]);
        if (i % 2)
            assert_ptr_equal(map_del(&m, str_from(key)), &values[i]);
    }
    assert_int_equal(m.count, 350);
    map_release(&m);
    assert_false(m.secret);
}

TEST(a_secret_hash_depends_on_every_byte)
{
    char text[40] = "the same bytes give the same hash, alway";
    for (size_t len = 0; len <= sizeof(text); len++) {
        struct str s = {text, len};
        uint64_t hash = str_hash_secret(s);
        assert_true(hash == str_hash_secret(s));
        for (size_t i = 0; i < len; i++) {
            text[i] ^= 1;
            assert_true(hash != str_hash_secret(s));
            text[i] ^= 1;
        }
        assert_true(len == 0 || hash != str_hash_secret((struct str){text, len - 1}));
    }
}

TEST(map_survives_many_deletes)
{
    struct map m = MAP_INIT;
    static int values[2000];
    char key[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        values[i] = i;
        assert_null(map_put(&m, str_from(key), &values[i]));
    }
    for (int i = 0; i < 2000; i += 3) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_ptr_equal(map_del(&m, str_from(key)), &values[i]);
    }
    size_t left = 0;
    map_each(slot, &m)
        left++;
    assert_int_equal(left, m.count);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_ptr_equal(map_get(&m, str_from(key)), i % 3 ? &values[i] : NULL);
    }
    map_release(&m);
}

TEST(invalid_status_has_the_originals_text)
{
    struct arena a = ARENA_INIT;
    struct status st;
    status_init(&st, &a);
    assert_int_equal(status_invalid_from_causes(&st, STR_NONE, STR("Pod"), STR("x")), 0);
    field_required(&st, STR("spec.containers"), "%s", "");
    assert_int_equal(status_invalid_from_causes(&st, STR_NONE, STR("Pod"), STR("x")), -1);
    assert_true(str_is(st.message, "Pod \"x\" is invalid: spec.containers: Required value"));
    assert_int_equal(st.code, 422);

    status_init(&st, &a);
    field_invalid(&st, STR("a"), STR("v"), "must be %d", 1);
    static const char *const allowed[] = {"A", "B"};
    field_not_supported(&st, STR("b"), STR("C"), allowed, 2);
    status_invalid_from_causes(&st, STR("apps"), STR("Deployment"), STR("d"));
    assert_true(str_is(st.message,
                       "Deployment.apps \"d\" is invalid: [a: Invalid value: \"v\": must be 1, "
                       "b: Unsupported value: \"C\": supported values: \"A\", \"B\"]"));
    assert_int_equal(st.details.cause_count, 2);

    status_not_found(&st, STR_NONE, STR("pods"), STR("p"));
    assert_true(str_is(st.message, "pods \"p\" not found"));
    assert_int_equal(st.details.cause_count, 0);
    arena_release(&a);
}

struct item {
    int n;
    struct list link;
};

TEST(list_allows_removal_while_walking)
{
    struct list head;
    struct item items[5];
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].n = i;
        list_append(&head, &items[i].link);
    }
    int sum = 0;
    list_each(item, &head, struct item, link) {
        sum += item->n;
        list_remove(&item->link);
    }
    assert_int_equal(sum, 10);
    assert_true(list_empty(&head));
}

TEST(vec_and_buf_grow)
{
    VEC(int) v = {0};
    for (int i = 0; i < 100; i++)
        vec_push(&v, i);
    vec_remove(&v, 0);
    assert_int_equal(v.items[0], 1);
    assert_int_equal(v.count, 99);
    vec_release(&v);

    struct buf b = BUF_INIT;
    for (int i = 0; i < 200; i++)
        buf_printf(&b, "%d,", i);
    assert_true(str_starts(buf_str(&b), "0,1,2,"));
    buf_consume(&b, 2);
    assert_true(str_starts(buf_str(&b), "1,2,"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_keeps_what_it_gave),
        cmocka_unit_test(arena_grows_in_place_at_the_end),
        cmocka_unit_test(a_large_block_that_grows_leaves_nothing_behind),
        cmocka_unit_test(an_arena_takes_what_another_holds),
        cmocka_unit_test(text_is_cut_and_read),
        cmocka_unit_test(map_survives_many_deletes),
        cmocka_unit_test(map_leaves_a_hash_whose_keys_were_chosen),
        cmocka_unit_test(a_secret_hash_depends_on_every_byte),
        cmocka_unit_test(invalid_status_has_the_originals_text),
        cmocka_unit_test(list_allows_removal_while_walking),
        cmocka_unit_test(vec_and_buf_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
