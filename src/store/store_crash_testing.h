/* What a writer does while it is killed or its disk fails, and how the store is judged afterwards.
 */
#ifndef STORE_STORE_CRASH_TESTING_H
#define STORE_STORE_CRASH_TESTING_H

#include <fcntl.h>
#include <unistd.h>

#include "store/store_testing.h"

enum {
    KEYS = 12,
    VALUE_MAX = 60000
};

/* A value tells its revision, key and how it goes on: any mixture of two is seen. */
static inline size_t make_value(char *value, unsigned key, unsigned number, size_t size)
{
    size = MAX(size, (size_t)24);
    memset(value, 0, 8);
    for (size_t i = 8; i < size; i++)
        value[i] = (char)(key * 31 + number * 7 + i * 13);
    memcpy(value + 8, &key, 4);
    memcpy(value + 12, &number, 4);
    return size;
}

static inline void check_value(const struct store_record *r, unsigned key)
{
    uint64_t stamped;
    unsigned stored_key, number;
    assert_true(r->size >= 24 && r->size <= VALUE_MAX);
    memcpy(&stamped, r->value, 8);
    memcpy(&stored_key, (const char *)r->value + 8, 4);
    memcpy(&number, (const char *)r->value + 12, 4);
    assert_int_equal(stamped, r->revision);
    assert_int_equal(stored_key, key);
    for (size_t i = 16; i < r->size; i++)
        assert_int_equal((uint8_t)((const char *)r->value)[i],
                         (uint8_t)(key * 31 + number * 7 + i * 13));
}

static inline struct store_key numbered(unsigned key, char name[8])
{
    snprintf(name, 8, "k%u", key);
    return (struct store_key){1, STR("n"), str_from(name)};
}

/* ---- the files themselves ---- */

static inline const char *in_directory(const struct world *w, const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", w->directory, name);
    return path;
}

static inline void read_file(const char *path, struct buf *ret)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    buf_clear(ret);
    assert_int_equal(pread(fd, buf_reserve(ret, (size_t)size), (size_t)size, 0), size);
    ret->len = (size_t)size;
    close(fd);
}

static inline void write_file(const char *path, const struct buf *bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes->data, bytes->len, 0), bytes->len);
    close(fd);
}

/* ---- a writer ---- */

struct acknowledgement {
    uint64_t revision;
    uint32_t key;
    bool deleted, relaxed;
};

struct writer {
    struct world *w;
    int pipe;
    unsigned seed, number;
    bool use_relaxed;
    struct write_in_flight {
        struct store_waiter waiter;
        struct writer *writer;
        struct acknowledgement what;
        bool busy;
    } flights[16];
};

static inline void write_one(struct write_in_flight *f)
{
    static char value[VALUE_MAX];
    struct writer *x = f->writer;
    char name[8];
    unsigned key = (unsigned)rand_r(&x->seed) % KEYS;
    struct store_record now;
    struct store_key k = numbered(key, name);
    bool exists = store_get(x->w->store, k, &now) == 0;
    size_t size = (size_t)rand_r(&x->seed) % 1500;
    if (rand_r(&x->seed) % 50 == 0)
        size = 20000 + (size_t)rand_r(&x->seed) % 30000;
    size = make_value(value, key, x->number++, size);
    bool deletes = exists && rand_r(&x->seed) % 6 == 0;
    struct store_write write = {k,
                                exists ? now.revision : 0,
                                deletes ? NULL : value,
                                deletes ? 0 : size,
                                deletes ? SIZE_MAX : 0,
                                x->use_relaxed && rand_r(&x->seed) % 4 == 0};
    f->what = (struct acknowledgement){.key = key, .deleted = deletes, .relaxed = write.relaxed};
    int err = store_put(x->w->store, &write, &f->what.revision);
    f->busy = err == 0;
}

static inline void flight_done(void *arg)
{
    struct write_in_flight *f = arg;
    f->busy = false;
    if (write(f->writer->pipe, &f->what, sizeof(f->what)) != sizeof(f->what))
        _exit(3);
}

/* Keeps several writes in flight until it is killed. */
static inline void flight_again(void *arg)
{
    struct write_in_flight *f = arg;
    if (f->busy)
        flight_done(f);
    write_one(f);
    if (f->busy)
        store_when_durable(f->writer->w->store, &f->waiter, f->what.revision, flight_again, f);
    else
        store_when_room(f->writer->w->store, &f->waiter, flight_again, f);
}

struct judge {
    struct acknowledgement newest[KEYS]; /* durable ones */
    uint64_t last_told;                  /* of any class */
    uint64_t count;
};

static inline void judge_told(struct judge *j, const struct acknowledgement *a)
{
    j->count++;
    j->last_told = MAX(j->last_told, a->revision);
    if (!a->relaxed && a->revision > j->newest[a->key].revision)
        j->newest[a->key] = *a;
}

static inline void judge_read(struct judge *j, int pipe)
{
    struct acknowledgement a;
    while (read(pipe, &a, sizeof(a)) == sizeof(a))
        judge_told(j, &a);
}

static inline bool check_order(void *arg, const struct store_record *now,
                               const struct store_record *previous)
{
    uint64_t *last = arg;
    unsigned key;
    assert_true(now->revision > *last);
    *last = now->revision;
    assert_int_equal(sscanf(now->key.name.data, "k%u", &key), 1);
    if (now->value)
        check_value(now, key);
    if (previous->value)
        check_value(previous, key);
    return true;
}

/* Opens the store and checks that it holds all that was acknowledged, and nothing that wasn't
 * written. */
static inline void judge_store(struct judge *j, struct world *w, bool dense)
{
    world_start(w);
    world_wait(w);
    uint64_t last = store_compacted(w->store);
    assert_int_equal(store_history(w->store, 0, last, check_order, &last), 0);
    assert_true(store_revision(w->store) >= j->last_told);
    if (dense)
        assert_int_equal(last, MAX(store_revision(w->store), store_compacted(w->store)));
    for (unsigned key = 0; key < KEYS; key++) {
        const struct acknowledgement *want = &j->newest[key];
        struct store_record r;
        char name[8];
        int err = store_get(w->store, numbered(key, name), &r);
        assert_true(err == 0 || err == -ENOENT);
        if (err == 0) {
            check_value(&r, key);
            assert_true(r.revision >= want->revision);
            assert_false(want->deleted && r.revision == want->revision);
        } else if (want->revision && !want->deleted) {
            /* Deleted by a write that was made durable and not told any more: it is in the history.
             */
            uint64_t newest = want->revision;
            assert_true(store_revision(w->store) > newest);
        }
    }
    world_stop(w);
}

#endif
