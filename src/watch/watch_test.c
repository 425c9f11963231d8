#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#include "base/limits.h"
#include "object/seal.h"
#include "store/store_testing.h"
#include "watch/watch.h"

/* Objects of these tests are blocks with their size at 0 and their revision at 8, as sealed blocks
 * have; words begin at 32. */
enum {
    WORDS_AT = 32,
    BLOCK_MAX = 512
};

struct sealed {
    char bytes[1];
};

/* Stand-ins for three functions of object/, for builds without it; the real ones win where they are
 * linked. */
__attribute__((weak)) struct sealed *sealed_copy(const struct sealed *s)
{
    uint32_t size;
    memcpy(&size, s, sizeof(size));
    return mem_dup(s, size);
}

__attribute__((weak)) void sealed_unref(struct sealed *s)
{
    mem_free(s);
}

__attribute__((weak)) void sealed_set_revision(struct sealed *s, uint64_t revision)
{
    memcpy((char *)s + 8, &revision, sizeof(revision));
}

static struct str words_of(const struct sealed *s)
{
    uint32_t size;
    memcpy(&size, s, sizeof(size));
    return (struct str){(const char *)s + WORDS_AT, size - WORDS_AT};
}

static void block_index(const void *value, size_t size, struct store_index *ret,
                        uint64_t hashes[64])
{
    words_index((const char *)value + WORDS_AT, size - WORDS_AT, ret, hashes);
}

struct scene {
    struct world w;
    struct watch_hub *hub;
};

static void scene_open(struct scene *s)
{
    world_open(&s->w);
    s->w.config.index = block_index;
    world_reopen(&s->w);
    s->hub = watch_hub_new(s->w.loop, s->w.store);
}

static void scene_close(struct scene *s)
{
    watch_hub_free(s->hub);
    world_close(&s->w);
}

static void scene_reopen(struct scene *s)
{
    watch_hub_free(s->hub);
    world_reopen(&s->w);
    s->hub = watch_hub_new(s->w.loop, s->w.store);
}

/* Writes an object whose body is text; NULL deletes. */
static uint64_t change_of(struct scene *s, uint16_t resource, const char *ns, const char *name,
                          const char *words)
{
    char block[BLOCK_MAX] = {0};
    uint32_t size = (uint32_t)(WORDS_AT + (words ? strlen(words) : 0));
    uint64_t revision = 0;
    memcpy(block, &size, sizeof(size));
    if (words)
        memcpy(block + WORDS_AT, words, strlen(words));
    struct store_write write = {key_of(resource, ns, name), STORE_ANY, words ? block : NULL,
                                words ? size : 0,           8,         false};
    assert_int_equal(store_put(s->w.store, &write, &revision), 0);
    return revision;
}

static uint64_t change(struct scene *s, const char *ns, const char *name, const char *words)
{
    return change_of(s, 1, ns, name, words);
}

struct seen {
    struct scene *scene;
    struct watcher *watcher;
    const char *needs; /* word that an object must have to match; NULL: none */
    struct buf text;
    uint64_t last;
    int room; /* events taken before it is full; -1: no end */
    int count;
    bool expired, close_in_event;
};

static bool seen_matches(void *user, const struct sealed *object)
{
    const struct seen *seen = user;
    return str_find_str(words_of(object), str_from(seen->needs)) >= 0;
}

static bool seen_event(void *user, const struct watch_event *e)
{
    static const char letters[] = "AMDB";
    struct seen *seen = user;
    if (seen->room == 0)
        return false;
    seen->room -= seen->room > 0;
    if (e->type == WATCH_BOOKMARK) {
        assert_true(e->revision >= seen->last);
        buf_printf(&seen->text, "B%d ", (int)e->revision);
        return true;
    }
    assert_true(e->revision > seen->last);
    seen->last = e->revision;
    seen->count++;
    uint64_t stamped;
    memcpy(&stamped, (const char *)e->object + 8, sizeof(stamped));
    assert_int_equal(stamped, e->revision);
    buf_printf(&seen->text, "%c%d:%.*s=%.*s ", letters[e->type], (int)e->revision,
               STR_ARG(e->key.name), STR_ARG(words_of(e->object)));
    if (seen->close_in_event) {
        watcher_close(seen->watcher);
        seen->watcher = NULL;
    }
    return true;
}

static void seen_expired(void *user)
{
    struct seen *seen = user;
    seen->expired = true;
    watcher_close(seen->watcher);
    seen->watcher = NULL;
}

static struct watch_options options_of(struct seen *seen, uint64_t after)
{
    return (struct watch_options){.resource = 1,
                                  .after = after,
                                  .matches = seen->needs ? seen_matches : NULL,
                                  .on_event = seen_event,
                                  .on_expired = seen_expired,
                                  .user = seen};
}

static void follow(struct scene *s, struct seen *seen, const struct watch_options *options)
{
    seen->scene = s;
    seen->last = options->after;
    assert_int_equal(watch_open(s->hub, options, &seen->watcher), 0);
}

static void follow_all(struct scene *s, struct seen *seen, uint64_t after)
{
    struct watch_options options = options_of(seen, after);
    follow(s, seen, &options);
}

static void unfollow(struct seen *seen)
{
    watcher_close(seen->watcher);
    buf_release(&seen->text);
}

static void assert_seen(struct seen *seen, const char *want)
{
    assert_str(str_trim(buf_str(&seen->text)), want);
}

TEST(each_watcher_gets_what_its_selector_sees)
{
    struct scene s;
    scene_open(&s);
    struct seen all = {.room = -1}, red = {.room = -1, .needs = "red"};
    follow_all(&s, &all, 0);
    follow_all(&s, &red, 0);
    change(&s, "n", "a", "blue");
    change(&s, "n", "a", "red 1");
    change(&s, "n", "a", "red 2");
    change(&s, "n", "a", "green");
    change(&s, "n", "b", "red");
    change(&s, "n", "b", NULL);
    change(&s, "n", "a", NULL);
    assert_int_equal(all.count + red.count, 0); /* nothing before it is durable */
    world_wait(&s.w);
    assert_seen(&all, "A1:a=blue M2:a=red 1 M3:a=red 2 M4:a=green A5:b=red D6:b=red D7:a=green");
    assert_seen(&red, "A2:a=red 1 M3:a=red 2 D4:a=red 2 A5:b=red D6:b=red");
    unfollow(&all);
    unfollow(&red);
    scene_close(&s);
}

TEST(namespace_name_and_node_narrow_a_watch)
{
    struct scene s;
    scene_open(&s);
    struct seen by_ns = {.room = -1}, by_name = {.room = -1}, any_name = {.room = -1},
                by_node = {.room = -1, .needs = "node=x"};
    for (int history = 0; history < 2; history++) {
        if (history) { /* the same through the store's history */
            change(&s, "m", "b", "1");
            change(&s, "n", "a", "node=x");
            change(&s, "n", "b", "node=y");
            change(&s, "n", "a", "node=y");
            world_settle(&s.w);
        }
        struct watch_options options = options_of(&by_ns, history * 4);
        options.ns = STR("n");
        follow(&s, &by_ns, &options);
        options = options_of(&by_name, history * 4);
        options.ns = STR("n");
        options.name = STR("b");
        follow(&s, &by_name, &options);
        options = options_of(&any_name, history * 4);
        options.name = STR("b");
        follow(&s, &any_name, &options);
        options = options_of(&by_node, history * 4);
        options.node = STR("x");
        follow(&s, &by_node, &options);
        if (!history) {
            change(&s, "m", "b", "1");
            change(&s, "n", "a", "node=x");
            change(&s, "n", "b", "node=y");
            change(&s, "n", "a", "node=y");
        }
        world_settle(&s.w);
        assert_seen(&by_ns, history ? "M6:a=node=x M7:b=node=y M8:a=node=y"
                                    : "A2:a=node=x A3:b=node=y M4:a=node=y");
        assert_seen(&by_name, history ? "M7:b=node=y" : "A3:b=node=y");
        assert_seen(&any_name, history ? "M5:b=1 M7:b=node=y" : "A1:b=1 A3:b=node=y");
        assert_seen(&by_node, history ? "A6:a=node=x D8:a=node=x" : "A2:a=node=x D4:a=node=x");
        struct seen *each[] = {&by_ns, &by_name, &any_name, &by_node};
        for (size_t i = 0; i < ARRAY_COUNT(each); i++) {
            assert_int_equal(watcher_revision(each[i]->watcher), history * 4 + 4);
            unfollow(each[i]);
            each[i]->text = (struct buf)BUF_INIT;
        }
    }
    scene_close(&s);
}

TEST(a_watch_resumes_from_any_revision_across_restarts)
{
    struct scene s;
    scene_open(&s);
    change(&s, "n", "a", "1");
    change(&s, "n", "a", "2");
    world_settle(&s.w);
    change(&s, "n", "b", "1");
    change(&s, "n", "a", NULL);
    world_wait(&s.w);
    static const char *const want[] = {"A1:a=1 M2:a=2 A3:b=1 D4:a=2", "M2:a=2 A3:b=1 D4:a=2",
                                       "A3:b=1 D4:a=2", "D4:a=2", ""};
    for (int round = 0; round < 3; round++) {
        for (uint64_t after = 0; after < ARRAY_COUNT(want); after++) {
            struct seen seen = {.room = -1};
            follow_all(&s, &seen, after);
            assert_int_equal(seen.count, 0);
            world_settle(&s.w);
            assert_seen(&seen, want[after]);
            assert_int_equal(watcher_revision(seen.watcher), 4);
            unfollow(&seen);
        }
        scene_reopen(&s);
    }
    scene_close(&s);
}

TEST(a_watch_resumes_after_a_crash)
{
    struct scene s;
    scene_open(&s);
    change(&s, "n", "a", "1");
    world_settle(&s.w);
    watch_hub_free(s.hub);
    world_stop(&s.w);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        world_start(&s.w);
        struct scene inside = {.w = s.w};
        change(&inside, "n", "b", "2");
        change(&inside, "n", "a", NULL);
        world_wait(&inside.w);
        _exit(0); /* both are in the log only */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    world_start(&s.w);
    s.hub = watch_hub_new(s.w.loop, s.w.store);
    struct seen seen[4] = {{.room = -1}, {.room = -1}, {.room = -1}, {.room = -1}};
    for (uint64_t after = 0; after < 4; after++)
        follow_all(&s, &seen[after], after);
    change(&s, "n", "c", "4");
    world_settle(&s.w);
    assert_seen(&seen[0], "A1:a=1 A2:b=2 D3:a=1 A4:c=4");
    assert_seen(&seen[1], "A2:b=2 D3:a=1 A4:c=4");
    assert_seen(&seen[2], "D3:a=1 A4:c=4");
    assert_seen(&seen[3], "A4:c=4");
    for (int i = 0; i < 4; i++)
        unfollow(&seen[i]);
    scene_close(&s);
}

TEST(a_slow_watcher_is_resumed_without_loss_or_ended)
{
    struct scene s;
    scene_open(&s);
    struct seen quick = {.room = -1}, slow = {.room = 2}, stuck = {.room = 1};
    follow_all(&s, &quick, 0);
    follow_all(&s, &slow, 0);
    follow_all(&s, &stuck, 0);
    for (int i = 0; i < 5; i++) {
        change(&s, "n", "a", "x");
        world_wait(&s.w);
    }
    assert_int_equal(quick.count, 5);
    assert_int_equal(slow.count, 2);
    assert_int_equal(watcher_revision(slow.watcher), 2);
    slow.room = 2;
    watcher_resume(slow.watcher);
    change(&s, "n", "a", "y");
    world_wait(&s.w);
    slow.room = -1;
    watcher_resume(slow.watcher);
    uint64_t before = loop_now_ms(s.w.loop);
    world_settle(&s.w); /* until the patience with the third is over */
    assert_true(loop_now_ms(s.w.loop) - before >= LIMIT_WATCH_PATIENCE_MS / 2);
    assert_seen(&slow, "A1:a=x M2:a=x M3:a=x M4:a=x M5:a=x M6:a=y");
    assert_false(slow.expired);
    assert_true(stuck.expired);
    assert_int_equal(stuck.count, 1);
    change(&s, "n", "a", "z");
    world_settle(&s.w);
    assert_int_equal(slow.count, 7);
    assert_int_equal(quick.count, 7);
    unfollow(&quick);
    unfollow(&slow);
    unfollow(&stuck);
    scene_close(&s);
}

/* etcd #15220: a progress report must not overtake events. */
TEST(a_bookmark_never_overtakes_an_event)
{
    struct scene s;
    scene_open(&s);
    struct seen seen = {.room = 1};
    follow_all(&s, &seen, 0);
    change(&s, "n", "a", "1");
    change(&s, "n", "a", "2");
    world_wait(&s.w);
    assert_false(watcher_bookmark(seen.watcher)); /* one event is still owed */
    seen.room = -1;
    watcher_resume(seen.watcher);
    assert_false(watcher_bookmark(seen.watcher));
    change_of(&s, 2, "n", "other", "x"); /* of no concern, but time goes on */
    world_settle(&s.w);
    assert_true(watcher_bookmark(seen.watcher));
    change(&s, "n", "a", "3"); /* assigned, not published */
    assert_true(watcher_bookmark(seen.watcher));
    world_settle(&s.w);
    assert_seen(&seen, "A1:a=1 M2:a=2 B3 B3 M4:a=3");
    unfollow(&seen);
    scene_close(&s);
}

/* etcd #17780, #18089: compacting at a deletion must not lose what follows. #19179, #20221: the
 * future is refused. */
TEST(compaction_and_the_future_have_their_answers)
{
    struct scene s;
    scene_open(&s);
    struct watcher *none;
    change(&s, "n", "a", "1");
    change(&s, "n", "a", NULL);
    change(&s, "n", "a", "3");
    change(&s, "n", "b", "4");
    world_wait(&s.w);
    assert_int_equal(store_compact(s.w.store, 2), 0);
    for (int settled = 0; settled < 2; settled++) {
        struct seen seen = {.room = -1};
        struct watch_options options = options_of(&seen, 1);
        assert_int_equal(watch_open(s.hub, &options, &none), -ESTALE);
        options.after = 5;
        assert_int_equal(watch_open(s.hub, &options, &none), -EFBIG);
        follow_all(&s, &seen, 2);
        world_settle(&s.w);
        assert_seen(&seen, "A3:a=3 A4:b=4");
        unfollow(&seen);
    }
    struct seen behind = {.room = 0}; /* stuck while its history goes */
    follow_all(&s, &behind, 2);
    loop_run(s.w.loop);
    assert_true(behind.expired);
    struct seen late = {.room = -1};
    follow_all(&s, &late, 3);
    assert_int_equal(store_compact(s.w.store, 4), 0);
    world_settle(&s.w);
    assert_true(late.expired);
    assert_int_equal(late.count, 0);
    unfollow(&behind);
    unfollow(&late);
    scene_close(&s);
}

struct encodings {
    struct scene *scene;
    int *made;
    uint32_t view;
    struct buf text;
    int room;
    struct watcher *watcher;
};

static void encode_words(void *arg, const struct watch_event *e, struct buf *out)
{
    ++*((struct encodings *)arg)->made;
    buf_printf(out, "%u%c:%.*s;", ((struct encodings *)arg)->view, "AMD"[e->type],
               STR_ARG(words_of(e->object)));
}

static bool encoding_event(void *user, const struct watch_event *e)
{
    struct encodings *x = user;
    if (x->room == 0)
        return false;
    x->room--;
    buf_add(&x->text, watch_encoded(x->scene->hub, e, x->view, encode_words, x));
    return true;
}

TEST(bytes_are_made_once_for_each_view)
{
    struct scene s;
    scene_open(&s);
    int made = 0;
    struct encodings each[8];
    for (size_t i = 0; i < ARRAY_COUNT(each); i++) {
        each[i] =
            (struct encodings){.scene = &s, .made = &made, .view = i % 2, .room = i < 6 ? 100 : 1};
        struct watch_options options = {
            .resource = 1, .on_event = encoding_event, .user = &each[i]};
        assert_int_equal(watch_open(s.hub, &options, &each[i].watcher), 0);
    }
    change(&s, "n", "a", "one");
    change(&s, "n", "a", "two");
    change(&s, "n", "a", "three");
    world_wait(&s.w);
    assert_int_equal(made, 6);
    for (size_t i = 6; i < 8; i++) {
        each[i].room = 100;
        watcher_resume(each[i].watcher);
    }
    world_settle(&s.w);
    assert_int_equal(
        made, 8); /* the second was given when nobody was behind yet: it alone is made again */
    for (size_t i = 0; i < ARRAY_COUNT(each); i++) {
        assert_str(buf_str(&each[i].text),
                   i % 2 ? "1A:one;1M:two;1M:three;" : "0A:one;0M:two;0M:three;");
        watcher_close(each[i].watcher);
        buf_release(&each[i].text);
    }
    scene_close(&s);
}

struct chain {
    struct scene *scene;
    struct watcher *watcher;
    int opened, count;
};

static bool chain_event(void *user, const struct watch_event *e maybe_unused)
{
    struct chain *c = user;
    struct watch_options options = {
        .resource = 1, .after = e->revision, .on_event = chain_event, .user = c};
    c->count++;
    struct watcher *old = c->watcher;
    assert_int_equal(watch_open(c->scene->hub, &options, &c->watcher), 0);
    c->opened++;
    watcher_close(old);
    return true;
}

TEST(watchers_open_and_close_inside_an_event)
{
    struct scene s;
    scene_open(&s);
    struct seen leaver = {.room = -1, .close_in_event = true};
    struct chain chain = {.scene = &s};
    struct watch_options options = {.resource = 1, .on_event = chain_event, .user = &chain};
    follow_all(&s, &leaver, 0);
    assert_int_equal(watch_open(s.hub, &options, &chain.watcher), 0);
    for (int i = 0; i < 3; i++)
        change(&s, "n", "a", "x");
    world_settle(&s.w);
    assert_int_equal(leaver.count, 1);
    assert_int_equal(chain.count, 3);
    watcher_close(chain.watcher);
    buf_release(&leaver.text);
    /* And in history. */
    chain = (struct chain){.scene = &s};
    leaver = (struct seen){.room = -1, .close_in_event = true};
    follow_all(&s, &leaver, 0);
    assert_int_equal(watch_open(s.hub, &options, &chain.watcher), 0);
    world_settle(&s.w);
    assert_int_equal(leaver.count, 1);
    assert_int_equal(chain.count, 3);
    buf_release(&leaver.text);
    scene_close(&s); /* the chain's last watcher goes with the hub */
}

/* Random readers and a random writer: whoever was not ended has seen exactly the changes that its
 * history has. */
TEST(nobody_misses_or_repeats_an_event)
{
    struct scene s;
    scene_open(&s);
    struct seen seen[6] = {0};
    unsigned seed = 20261;
    for (size_t i = 0; i < ARRAY_COUNT(seen); i++) {
        seen[i].room = i ? 3 : -1;
        follow_all(&s, &seen[i], 0);
    }
    for (int step = 0; step < 400; step++) {
        char name[2] = {(char)('a' + rand_r(&seed) % 5), 0};
        struct store_record r;
        bool exists = store_get(s.w.store, key_of(1, "n", name), &r) == 0;
        change(&s, "n", name, exists && rand_r(&seed) % 4 == 0 ? NULL : "x");
        if (rand_r(&seed) % 3 == 0)
            world_wait(&s.w);
        struct seen *one = &seen[1 + rand_r(&seed) % 5];
        one->room = rand_r(&seed) % 20;
        if (!one->watcher) { /* it was ended: go on where it was, as a client would */
            one->expired = false;
            struct watch_options options = options_of(one, one->last);
            assert_int_equal(watch_open(s.hub, &options, &one->watcher), 0);
        } else {
            watcher_resume(one->watcher);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(seen); i++) {
        seen[i].room = -1;
        if (!seen[i].watcher) {
            struct watch_options options = options_of(&seen[i], seen[i].last);
            assert_int_equal(watch_open(s.hub, &options, &seen[i].watcher), 0);
        }
        watcher_resume(seen[i].watcher);
    }
    world_settle(&s.w);
    assert_int_equal(seen[0].count, 400);
    for (size_t i = 1; i < ARRAY_COUNT(seen); i++)
        assert_true(str_equal(buf_str(&seen[i].text), buf_str(&seen[0].text)));
    for (size_t i = 0; i < ARRAY_COUNT(seen); i++)
        unfollow(&seen[i]);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_watcher_gets_what_its_selector_sees),
        cmocka_unit_test(namespace_name_and_node_narrow_a_watch),
        cmocka_unit_test(a_watch_resumes_from_any_revision_across_restarts),
        cmocka_unit_test(a_watch_resumes_after_a_crash),
        cmocka_unit_test(a_slow_watcher_is_resumed_without_loss_or_ended),
        cmocka_unit_test(a_bookmark_never_overtakes_an_event),
        cmocka_unit_test(compaction_and_the_future_have_their_answers),
        cmocka_unit_test(bytes_are_made_once_for_each_view),
        cmocka_unit_test(watchers_open_and_close_inside_an_event),
        cmocka_unit_test(nobody_misses_or_repeats_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
