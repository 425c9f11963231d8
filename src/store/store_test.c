#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"

#include "store/store.h"
#include "store/store_testing.h"

TEST(put_get_update_delete)
{
    struct world w;
    world_open(&w);
    uint64_t first = put(&w, "default", "a", "one", 0), again;
    assert_int_equal(first, 1);
    assert_value(&w, "default", "a", "one");
    assert_int_equal(try_put(&w, "default", "a", "two", 0, &again), -EEXIST);
    assert_int_equal(try_put(&w, "default", "a", "two", 7, &again), -ESTALE);
    assert_int_equal(try_put(&w, "default", "b", "two", 7, &again), -ENOENT);
    assert_int_equal(try_put(&w, "default", "b", NULL, STORE_ANY, &again), -ENOENT);
    assert_int_equal(try_put(&w, "default", "", "x", 0, &again), -EINVAL);
    assert_int_equal(put(&w, "default", "a", "two", first), 2);
    world_settle(&w);
    assert_value(&w, "default", "a", "two");
    world_reopen(&w);
    assert_int_equal(store_revision(w.store), 2);
    assert_value(&w, "default", "a", "two");
    assert_int_equal(put(&w, "default", "a", NULL, 2), 3);
    assert_gone(&w, "default", "a");
    world_reopen(&w);
    assert_gone(&w, "default", "a");
    assert_int_equal(put(&w, "default", "a", "three", 0), 4);
    world_close(&w);
}

TEST(lists_are_in_order_whatever_lies_where)
{
    struct world w;
    world_open(&w);
    static const char *const names[] = {"m", "b", "z", "a", "k"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        put(&w, "n1", names[i], names[i], 0);
        put(&w, "n1-x", names[i], names[i], 0);
        if (i == 2)
            world_settle(&w);
    }
    put(&w, "n1", "b", NULL, STORE_ANY);
    assert_listing(&w, (struct store_range){.resource = 1},
                   "n1/a n1/k n1/m n1/z n1-x/a n1-x/b n1-x/k n1-x/m n1-x/z");
    assert_listing(&w, (struct store_range){.resource = 1, .ns = STR("n1")}, "n1/a n1/k n1/m n1/z");
    assert_listing(&w, (struct store_range){.resource = 1, .ns = STR("")}, "");
    assert_listing(
        &w, (struct store_range){.resource = 1, .after_ns = STR("n1"), .after_name = STR("m")},
        "n1/z n1-x/a n1-x/b n1-x/k n1-x/m n1-x/z");
    assert_listing(
        &w,
        (struct store_range){
            .resource = 1, .ns = STR("n1"), .after_ns = STR("n1"), .after_name = STR("l")},
        "n1/m n1/z");
    assert_listing(&w, (struct store_range){.resource = 2}, "");
    assert_int_equal(store_count(w.store, 1, STR_NONE), 9);
    assert_int_equal(store_count(w.store, 1, STR("n1")), 4);
    world_settle(&w);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 9);
    assert_int_equal(store_count(w.store, 1, STR("n1")), 4);
    assert_listing(&w, (struct store_range){.resource = 1, .ns = STR("n1")}, "n1/a n1/k n1/m n1/z");
    world_close(&w);
}

TEST(a_listing_can_be_as_of_a_revision)
{
    struct world w;
    world_open(&w);
    put(&w, "n", "a", "1", 0);
    put(&w, "n", "b", "1", 0);
    uint64_t then = put(&w, "n", "c", "1", 0);
    for (int settled = 0; settled < 2; settled++) {
        put(&w, "n", "b", NULL, STORE_ANY);
        put(&w, "n", "d", "1", STORE_ANY);
        put(&w, "n", "a", "2", STORE_ANY);
        assert_listing(&w, (struct store_range){.resource = 1}, "n/a n/c n/d");
        assert_listing(&w, (struct store_range){.resource = 1, .at_revision = then}, "n/a n/b n/c");
        put(&w, "n", "b", "9", 0);
        world_settle(&w);
        assert_listing(&w, (struct store_range){.resource = 1, .at_revision = then}, "n/a n/b n/c");
        assert_listing(&w, (struct store_range){.resource = 1}, "n/a n/b n/c n/d");
    }
    assert_int_equal(store_compact(w.store, store_published(w.store)), 0);
    struct store_range old = {.resource = 1, .at_revision = then};
    assert_int_equal(store_list(w.store, &old, count_visit, &(int){0}), -ESTALE);
    old.at_revision = store_revision(w.store) + 1;
    assert_int_equal(store_list(w.store, &old, count_visit, &(int){0}), -EFBIG);
    world_settle(&w);
    assert_listing(&w, (struct store_range){.resource = 1}, "n/a n/b n/c n/d");
    world_close(&w);
}

/* Values of these tests index themselves: "owner=U node=N label=K=V ..." in words. */
TEST(objects_are_found_by_owner_node_and_label)
{
    struct world w;
    world_open(&w);
    put(&w, "n", "a", "owner=u1 node=x label=app=web label=app", 0);
    put(&w, "n", "b", "owner=u2 node=x label=app=db label=app", 0);
    put(&w, "n", "c", "owner=u1 owner=u2", 0);
    for (int round = 0; round < 3; round++) {
        assert_found(&w, store_by_owner, "u1", "n/a n/c");
        assert_found(&w, store_by_owner, "u2", "n/b n/c");
        assert_found(&w, store_by_node, "x", "n/a n/b");
        assert_found(&w, store_by_node, "u1", "");
        uint64_t web[] = {str_hash(STR("app=web"))},
                 both[] = {str_hash(STR("app")), str_hash(STR("app=db"))};
        assert_listing(
            &w, (struct store_range){.resource = 1, .label_hashes = web, .label_count = 1}, "n/a");
        assert_listing(
            &w, (struct store_range){.resource = 1, .label_hashes = both, .label_count = 2}, "n/b");
        assert_listing(&w,
                       (struct store_range){
                           .resource = 1, .ns = STR("n"), .label_hashes = both, .label_count = 1},
                       "n/a n/b");
        if (round == 1)
            world_reopen(&w);
        else
            world_settle(&w);
    }
    put(&w, "n", "a", "owner=u3 node=y label=app=db", STORE_ANY);
    put(&w, "n", "b", NULL, STORE_ANY);
    for (int round = 0; round < 2; round++) {
        uint64_t db[] = {str_hash(STR("app=db"))}, web[] = {str_hash(STR("app=web"))};
        assert_found(&w, store_by_owner, "u1", "n/c");
        assert_found(&w, store_by_owner, "u2", "n/c");
        assert_found(&w, store_by_owner, "u3", "n/a");
        assert_found(&w, store_by_node, "x", "");
        assert_found(&w, store_by_node, "y", "n/a");
        assert_listing(
            &w, (struct store_range){.resource = 1, .label_hashes = db, .label_count = 1}, "n/a");
        assert_listing(
            &w, (struct store_range){.resource = 1, .label_hashes = web, .label_count = 1}, "");
        world_settle(&w);
    }
    world_close(&w);
}

TEST(history_tells_every_change_with_the_one_before)
{
    struct world w;
    world_open(&w);
    put(&w, "n", "a", "1", 0);
    put(&w, "n", "a", "2", STORE_ANY);
    put(&w, "n", "a", NULL, STORE_ANY);
    world_settle(&w);
    put(&w, "n", "a", "4", 0);
    put_of(&w, 2, "n", "a", "5", 0);
    world_wait(&w);
    assert_history(&w, 0, 0, "1:a -/1 2:a 1/2 3:a 2/- 4:a -/4 5:a -/5");
    assert_history(&w, 1, 1, "2:a 1/2 3:a 2/- 4:a -/4");
    assert_history(&w, 2, 0, "5:a -/5");
    world_reopen(&w);
    assert_history(&w, 0, 2, "3:a 2/- 4:a -/4 5:a -/5");
    assert_int_equal(store_compact(w.store, 3), 0);
    assert_int_equal(store_history(w.store, 0, 2, never_history, NULL), -ESTALE);
    assert_history(&w, 0, 3, "4:a -/4 5:a -/5");
    world_settle(&w);
    assert_history(&w, 0, 3, "4:a -/4 5:a -/5");
    assert_int_equal(store_compact(w.store, 99), -EINVAL);
    world_close(&w);
}

TEST(waiters_fire_in_order_and_can_be_cancelled)
{
    struct world w;
    world_open(&w);
    struct note notes[4] = {0};
    uint64_t first = put(&w, "n", "a", "1", 0), second = put(&w, "n", "b", "1", 0);
    note_when(&w, &notes[1], second);
    note_when(&w, &notes[0], first);
    note_when(&w, &notes[2], first);
    store_waiter_cancel(&notes[2].waiter);
    assert_int_equal(notes[0].order + notes[1].order, 0);
    world_wait(&w);
    assert_int_equal(notes[0].order, 1);
    assert_int_equal(notes[1].order, 2);
    assert_int_equal(notes[2].order, 0);
    note_when(&w, &notes[3], first); /* durable already: not inside the call */
    assert_int_equal(notes[3].order, 0);
    loop_run(w.loop);
    assert_int_equal(notes[3].order, 3);
    world_close(&w);
}

TEST(publishing_is_in_order_and_after_durability)
{
    struct world w;
    world_open(&w);
    store_on_publish(w.store, record_publish, &w);
    put(&w, "n", "a", "1", 0);
    put(&w, "n", "a", "2", STORE_ANY);
    assert_int_equal(w.text.len, 0);
    world_wait(&w);
    put(&w, "n", "a", NULL, STORE_ANY);
    world_wait(&w);
    assert_str(buf_str(&w.text), "1:a -/1 2:a 1/2 3:a 2/- ");
    world_settle(&w);
    assert_str(buf_str(&w.text), "1:a -/1 2:a 1/2 3:a 2/- ");
    world_close(&w);
}

TEST(named_values_are_kept)
{
    struct world w;
    world_open(&w);
    struct buf value = BUF_INIT;
    assert_int_equal(store_meta_get(w.store, "key", &value), -ENOENT);
    assert_int_equal(store_meta_put(w.store, "key", STR("secret")), 0);
    assert_int_equal(store_meta_put(w.store, "", STR("x")), -EINVAL);
    assert_int_equal(store_meta_put(w.store, "\1state", STR("x")), -EINVAL);
    world_reopen(&w);
    assert_int_equal(store_meta_get(w.store, "key", &value), 0);
    assert_str(buf_str(&value), "secret");
    buf_release(&value);
    world_close(&w);
}

TEST(the_revision_is_stamped_into_the_value)
{
    struct world w;
    world_open(&w);
    char value[24] = "0123456701234567abcdefg";
    struct store_write write = {key_of(1, "n", "a"), 0, value, sizeof(value), 8, false};
    uint64_t revision;
    put(&w, "n", "other", "x", 0);
    assert_int_equal(store_put(w.store, &write, &revision), 0);
    struct store_record r;
    world_settle(&w);
    assert_int_equal(store_get(w.store, write.key, &r), 0);
    uint64_t stamped;
    memcpy(&stamped, (const char *)r.value + 8, 8);
    assert_int_equal(stamped, revision);
    assert_memory_equal(r.value, value, 8);
    assert_memory_equal((const char *)r.value + 16, value + 16, 8);
    assert_int_equal((uintptr_t)r.value % 8, 0);
    write.revision_offset = 17;
    assert_int_equal(store_put(w.store, &write, &revision), -EINVAL);
    world_close(&w);
}

TEST(what_a_reader_holds_stays)
{
    struct world w;
    world_open(&w);
    struct store_record fresh, old;
    put(&w, "n", "old", "old value", 0);
    world_settle(&w);
    put(&w, "n", "fresh", "fresh value", 0);
    store_read_begin(w.store);
    assert_int_equal(store_get(w.store, key_of(1, "n", "old"), &old), 0);
    assert_int_equal(store_get(w.store, key_of(1, "n", "fresh"), &fresh), 0);
    for (int i = 0; i < 5; i++) {
        put(&w, "n", "old", "x", STORE_ANY);
        put(&w, "n", "fresh", "x", STORE_ANY);
        world_wait(&w);
        assert_int_equal(store_compact(w.store, store_published(w.store)), 0);
        world_settle(&w);
        assert_int_equal(store_meta_put(w.store, "m", STR("v")), 0);
        assert_value(&w, "n", "old", "x");
    }
    assert_memory_equal(old.value, "old value", 9);
    assert_memory_equal(fresh.value, "fresh value", 11);
    store_read_end(w.store);
    world_close(&w);
}

/* Reads the records again by their revisions. */
static void assert_held(struct world *w, const uint64_t *revisions, const char *const *values,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct store_record r;
        assert_int_equal(store_get_at(w->store, revisions[i], &r), 0);
        assert_int_equal(r.revision, revisions[i]);
        assert_str(((struct str){r.value, r.size}), values[i]);
    }
}

TEST(a_hold_keeps_a_revision_readable)
{
    struct world w;
    world_open(&w);
    struct store_hold early = {0}, late = {0}, stale = {0};
    struct store_record gone;
    static const char *const values[] = {"one", "two", "three"};
    uint64_t revisions[] = {put(&w, "n", "a", "one", 0), put(&w, "n", "b", "two", 0), 0};
    world_settle(&w);
    revisions[2] = put(&w, "n", "c", "three", 0);
    assert_int_equal(store_hold(w.store, &early, revisions[2]), 0);
    for (int i = 0; i < 20; i++) {
        put(&w, "n", "a", "new", STORE_ANY);
        put(&w, "n", "b", i % 2 ? "back" : NULL, STORE_ANY);
        put(&w, "n", "c", "new", STORE_ANY);
        world_settle(&w);
        assert_int_equal(store_compact(w.store, store_published(w.store)), 0);
        world_settle(&w);
        if (i == 10)
            assert_int_equal(store_hold(w.store, &late, store_revision(w.store)), 0);
        assert_held(&w, revisions, values, 3);
    }
    assert_int_equal(store_compacted(w.store), revisions[2]);
    assert_listing(&w, (struct store_range){.resource = 1, .at_revision = revisions[2]},
                   "n/a n/b n/c");
    /* The end of the older one lets go what only it held. */
    uint64_t held = late.revision;
    store_hold_end(&early);
    store_hold_end(&early);
    assert_int_equal(store_compacted(w.store), held);
    world_settle(&w);
    assert_int_equal(store_get_at(w.store, revisions[1], &gone), -ENOENT);
    assert_int_equal(store_hold(w.store, &stale, held - 1), -ESTALE);
    store_hold_end(&stale);
    store_hold_end(&late);
    assert_int_equal(store_compacted(w.store), store_published(w.store));
    assert_int_equal(store_hold(w.store, &late, store_revision(w.store)), 0);
    world_close(&w);
    store_hold_end(&late);
}

static bool delete_visit(void *arg, const struct store_record *r)
{
    struct world *w = arg;
    uint64_t revision;
    struct store_write write = {r->key, r->revision, NULL, 0, SIZE_MAX, false};
    buf_printf(&w->text, "%.*s ", STR_ARG(r->key.name));
    assert_int_equal(store_put(w->store, &write, &revision), 0);
    return true;
}

TEST(a_listing_may_write_what_it_visits)
{
    struct world w;
    world_open(&w);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        put(&w, "n", names[i], "owner=o", 0);
        if (i == 2)
            world_settle(&w);
    }
    struct store_range range = {.resource = 1};
    assert_int_equal(store_list(w.store, &range, delete_visit, &w), 0);
    assert_str(buf_str(&w.text), "a b c d e f ");
    assert_listing(&w, range, "");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        put(&w, "n", names[i], "owner=o", 0);
    buf_clear(&w.text);
    world_settle(&w);
    put(&w, "n", "c", "owner=o", STORE_ANY);
    assert_int_equal(store_by_owner(w.store, STR("o"), delete_visit, &w), 0);
    assert_int_equal(w.text.len, 12);
    assert_int_equal(store_count(w.store, 1, STR_NONE), 0);
    world_close(&w);
}

TEST(history_is_kept_by_count_and_by_age)
{
    struct world w;
    world_open(&w);
    for (int aged = 0; aged < 2; aged++) {
        w.config.history_revisions = 10;
        w.config.history_ms = aged ? 0 : 60000;
        world_reopen(&w);
        for (int i = 0; i < 50; i++)
            put(&w, "n", "a", "x", STORE_ANY);
        world_settle(&w);
        uint64_t revision = store_revision(w.store);
        assert_int_equal(store_compacted(w.store), aged ? revision - 10 : 0);
        assert_int_equal(store_history(w.store, 1, revision - 10, record_history, &w.text), 0);
    }
    world_reopen(&w);
    assert_int_equal(store_compacted(w.store), store_revision(w.store) - 10);
    assert_value(&w, "n", "a", "x");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_update_delete),
        cmocka_unit_test(lists_are_in_order_whatever_lies_where),
        cmocka_unit_test(a_listing_can_be_as_of_a_revision),
        cmocka_unit_test(objects_are_found_by_owner_node_and_label),
        cmocka_unit_test(history_tells_every_change_with_the_one_before),
        cmocka_unit_test(waiters_fire_in_order_and_can_be_cancelled),
        cmocka_unit_test(publishing_is_in_order_and_after_durability),
        cmocka_unit_test(named_values_are_kept),
        cmocka_unit_test(the_revision_is_stamped_into_the_value),
        cmocka_unit_test(what_a_reader_holds_stays),
        cmocka_unit_test(a_hold_keeps_a_revision_readable),
        cmocka_unit_test(a_listing_may_write_what_it_visits),
        cmocka_unit_test(history_is_kept_by_count_and_by_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
