/* A store in a directory of its own, and short words for what its tests do. */
#ifndef STORE_STORE_TESTING_H
#define STORE_STORE_TESTING_H

#include <errno.h>

#include "base/vec.h"
#include "store/store.h"
#include "sys/loop.h"

struct world {
    struct loop *loop;
    struct store *store;
    struct store_config config;
    char directory[64];
    struct buf text;
    int order;
};

struct note {
    struct store_waiter waiter;
    struct world *world;
    int order; /* 0: not fired */
};

static inline struct store_key key_of(uint16_t resource, const char *ns, const char *name)
{
    return (struct store_key){resource, str_from(ns), str_from(name)};
}

/* Index of values that are words: owner=UID node=NAME label=TEXT. */
static inline void words_index(const void *value, size_t size, struct store_index *ret,
                               uint64_t hashes[64])
{
    struct str rest = {value, size};
    ret->label_hashes = hashes;
    while (rest.data) {
        struct str word = str_cut(&rest, ' ');
        if (str_starts(word, "owner=") && ret->owner_count < 4)
            ret->owner_uids[ret->owner_count++] = str_slice(word, 6, word.len);
        else if (str_starts(word, "node="))
            ret->node = str_slice(word, 5, word.len);
        else if (str_starts(word, "label=") && ret->label_count < 64)
            hashes[ret->label_count++] = str_hash(str_slice(word, 6, word.len));
    }
}

static inline void world_start(struct world *w)
{
    const char *error = "";
    w->loop = loop_new();
    w->config.loop = w->loop;
    int err = store_open(&w->config, &w->store, &error);
    if (err < 0)
        fail_msg("store_open: %s: %s", strerror(-err), error);
}

static inline void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    const char *base = getenv("TMPDIR");
    snprintf(w->directory, sizeof(w->directory), "%s/kaname-store-XXXXXX",
             base && strlen(base) < 40 ? base : "/tmp");
    assert_non_null(mkdtemp(w->directory));
    w->config = (struct store_config){.directory = w->directory,
                                      .index = words_index,
                                      .history_revisions = 1000000,
                                      .history_ms = 300000};
    world_start(w);
}

static inline void world_stop(struct world *w)
{
    store_close(w->store);
    loop_run(w->loop); /* what jobs left behind */
    loop_free(w->loop);
    w->store = NULL;
}

static inline void world_remove(struct world *w)
{
    char path[128];
    static const char *const files[] = {"data.mdb", "data.check", "lock.mdb", "log"};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", w->directory, files[i]);
        remove(path);
    }
    remove(w->directory);
    buf_release(&w->text);
}

static inline void world_close(struct world *w)
{
    world_stop(w);
    world_remove(w);
}

static inline void world_reopen(struct world *w)
{
    world_stop(w);
    world_start(w);
}

/* Until nothing is left to do: all is in LMDB. */
static inline void world_settle(struct world *w)
{
    loop_run(w->loop);
}

static inline void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Until all is durable. */
static inline void world_wait(struct world *w)
{
    struct store_waiter waiter;
    store_when_durable(w->store, &waiter, store_revision(w->store), stop_loop, w->loop);
    loop_run(w->loop);
}

static inline int try_put_of(struct world *w, uint16_t resource, const char *ns, const char *name,
                             const char *value, uint64_t expected, uint64_t *ret)
{
    struct store_write write = {key_of(resource, ns, name), expected, value,
                                value ? strlen(value) : 0,  SIZE_MAX, false};
    return store_put(w->store, &write, ret);
}

static inline int try_put(struct world *w, const char *ns, const char *name, const char *value,
                          uint64_t expected, uint64_t *ret)
{
    return try_put_of(w, 1, ns, name, value, expected, ret);
}

static inline uint64_t put_of(struct world *w, uint16_t resource, const char *ns, const char *name,
                              const char *value, uint64_t expected)
{
    uint64_t revision = 0;
    assert_int_equal(try_put_of(w, resource, ns, name, value, expected, &revision), 0);
    return revision;
}

static inline uint64_t put(struct world *w, const char *ns, const char *name, const char *value,
                           uint64_t expected)
{
    return put_of(w, 1, ns, name, value, expected);
}

static inline void assert_value(struct world *w, const char *ns, const char *name, const char *want)
{
    struct store_record r;
    assert_int_equal(store_get(w->store, key_of(1, ns, name), &r), 0);
    assert_str(((struct str){r.value, r.size}), want);
}

static inline void assert_gone(struct world *w, const char *ns, const char *name)
{
    struct store_record r;
    assert_int_equal(store_get(w->store, key_of(1, ns, name), &r), -ENOENT);
}

static inline bool count_visit(void *arg, const struct store_record *r maybe_unused)
{
    ++*(int *)arg;
    return true;
}

static inline bool name_visit(void *arg, const struct store_record *r)
{
    struct buf *out = arg;
    assert_non_null(r->value);
    buf_printf(out, "%s%.*s/%.*s", out->len ? " " : "", STR_ARG(r->key.ns), STR_ARG(r->key.name));
    return true;
}

static inline void assert_listing(struct world *w, struct store_range range, const char *want)
{
    struct buf out = BUF_INIT;
    assert_int_equal(store_list(w->store, &range, name_visit, &out), 0);
    assert_str(buf_str(&out), want);
    buf_release(&out);
}

/* Names found by an index, sorted (it has no order of its own). */
static inline int compare_words(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static inline void assert_found(struct world *w,
                                int (*by)(struct store *, struct str, store_visit_fn, void *),
                                const char *what, const char *want)
{
    struct buf out = BUF_INIT, sorted = BUF_INIT;
    struct str words[64];
    size_t count = 0;
    assert_int_equal(by(w->store, str_from(what), name_visit, &out), 0);
    struct str rest = buf_str(&out);
    while (rest.len && count < ARRAY_COUNT(words))
        words[count++] = str_cut(&rest, ' ');
    qsort(words, count, sizeof(words[0]), compare_words);
    for (size_t i = 0; i < count; i++)
        buf_printf(&sorted, "%s%.*s", i ? " " : "", STR_ARG(words[i]));
    assert_str(buf_str(&sorted), want);
    buf_release(&out);
    buf_release(&sorted);
}

static inline void add_change(struct buf *out, const struct store_record *now,
                              const struct store_record *previous)
{
    struct str new = now->value ? (struct str){now->value, now->size} : STR("-");
    struct str old = previous->value ? (struct str){previous->value, previous->size} : STR("-");
    buf_printf(out, "%d:%.*s %.*s/%.*s ", (int)now->revision, STR_ARG(now->key.name), STR_ARG(old),
               STR_ARG(new));
}

static inline bool record_publish(void *arg, const struct store_record *now,
                                  const struct store_record *previous)
{
    add_change(&((struct world *)arg)->text, now, previous);
    return true;
}

static inline bool record_history(void *arg, const struct store_record *now,
                                  const struct store_record *previous)
{
    add_change(arg, now, previous);
    return true;
}

static inline bool never_history(void *arg maybe_unused,
                                 const struct store_record *now maybe_unused,
                                 const struct store_record *previous maybe_unused)
{
    fail_msg("%s", "history was told");
    return false;
}

static inline void assert_history(struct world *w, uint16_t resource, uint64_t after,
                                  const char *want)
{
    struct buf out = BUF_INIT;
    assert_int_equal(store_history(w->store, resource, after, record_history, &out), 0);
    assert_str(str_trim(buf_str(&out)), want);
    buf_release(&out);
}

static inline void note_fired(void *arg)
{
    struct note *n = arg;
    n->order = ++n->world->order;
}

static inline void note_when(struct world *w, struct note *n, uint64_t revision)
{
    n->world = w;
    store_when_durable(w->store, &n->waiter, revision, note_fired, n);
}

#endif
