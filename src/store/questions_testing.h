/* A store with something of everything, and questions about it whose answers are known: what a
 * damaged file is judged by. */
#ifndef STORE_QUESTIONS_TESTING_H
#define STORE_QUESTIONS_TESTING_H

#include <errno.h>

#include "store/store_testing.h"

enum {
    OBJECTS = 160,
    QUESTIONS = 24,
};

/* ---- a store with something of everything ---- */

static inline void name_of(char name[16], unsigned i)
{
    snprintf(name, 16, "object-%03u", i * 37 % 1000);
}

static inline void fill(struct world *w)
{
    char name[16], value[160];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < OBJECTS; i++) {
            if (round > 0 && i % (round * 3) != 0)
                continue;
            name_of(name, i);
            snprintf(value, sizeof(value), "owner=o%u node=n%u label=l%u label=m%u value-%u-%u",
                     i % 7, i % 5, i % 11, (i + round) % 3, i, round);
            put_of(w, (uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name, value, STORE_ANY);
        }
        world_settle(w);
        for (unsigned i = round; i < OBJECTS; i += 40) {
            uint64_t revision;
            name_of(name, i);
            (void)!try_put_of(w, (uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name, NULL, STORE_ANY,
                              &revision);
        }
        world_settle(w);
    }
    assert_int_equal(store_meta_put(w->store, "key", STR("material")), 0);
    assert_int_equal(store_compact(w->store, store_published(w->store) / 2), 0);
    world_settle(w);
}

/* ---- questions ---- */

/* An answer is a hash of all that was told; refused answers have none. */
struct answer {
    uint64_t hash;
    bool refused;
};

static inline void tell(uint64_t *hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ bytes[i]) * 1099511628211u;
}

static inline void tell_record(uint64_t *hash, const struct store_record *r)
{
    tell(hash, &r->revision, sizeof(r->revision));
    tell(hash, &r->key.resource, sizeof(r->key.resource));
    tell(hash, r->key.ns.data, r->key.ns.len);
    tell(hash, r->key.name.data, r->key.name.len);
    if (r->value)
        tell(hash, r->value, r->size);
}

static inline bool tell_visit(void *arg, const struct store_record *r)
{
    tell_record(arg, r);
    return true;
}

/* By index there is no order. */
static inline bool tell_any_order(void *arg, const struct store_record *r)
{
    uint64_t one = 0;
    tell_record(&one, r);
    *(uint64_t *)arg += one;
    return true;
}

static inline bool tell_change(void *arg, const struct store_record *now,
                               const struct store_record *previous)
{
    tell_record(arg, now);
    tell_record(arg, previous);
    return true;
}

static inline int ask_get(struct world *w, unsigned which, uint64_t *hash)
{
    char name[16];
    struct store_record r;
    for (unsigned i = which; i < OBJECTS + 40; i += 8) { /* some were never there */
        name_of(name, i);
        int err = store_get(w->store, key_of((uint16_t)(1 + i % 2), i % 3 ? "a" : "b", name), &r);
        if (err < 0 && err != -ENOENT)
            return err;
        if (err == 0)
            tell_record(hash, &r);
        tell(hash, &err, sizeof(err));
    }
    return 0;
}

static inline int ask_list(struct world *w, unsigned which, uint64_t *hash)
{
    struct store_range range = {.resource = (uint16_t)(1 + which % 2)};
    uint64_t label;
    if (which >= 2)
        range.ns = which % 4 ? STR("a") : STR("b");
    if (which >= 4) {
        label = str_hash(which % 2 ? STR("l3") : STR("m1"));
        range.label_hashes = &label;
        range.label_count = 1;
        range.ns = STR_NONE;
    }
    if (which >= 6) {
        range.label_count = 0;
        range.at_revision = store_revision(w->store) - 20;
    }
    return store_list(w->store, &range, tell_visit, hash);
}

/* w->order: a revision whose history is there. */
static inline int ask(struct world *w, unsigned question, uint64_t *hash)
{
    char text[8];
    if (question < 8)
        return ask_get(w, question, hash);
    if (question < 16)
        return ask_list(w, question - 8, hash);
    snprintf(text, sizeof(text), "%c%u", question < 20 ? 'o' : 'n', question % 4);
    if (question < 20)
        return store_by_owner(w->store, str_from(text), tell_any_order, hash);
    if (question < 22)
        return store_by_node(w->store, str_from(text), tell_any_order, hash);
    if (question == 22)
        return store_history(w->store, 1, w->order, tell_change, hash);
    struct buf value = BUF_INIT;
    int err = store_meta_get(w->store, "key", &value);
    tell(hash, value.data, value.len);
    buf_release(&value);
    return err;
}

static inline void ask_all(struct world *w, struct answer answers[QUESTIONS])
{
    for (unsigned i = 0; i < QUESTIONS; i++) {
        answers[i].hash = 14695981039346656037u;
        answers[i].refused = ask(w, i, &answers[i].hash) < 0;
    }
}

#endif
