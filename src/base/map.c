#include "base/map.h"

#include <string.h>

enum {
    CROWD = 512 /* neighbours that even a map of millions hardly has */
};

void map_release(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        mem_free(m->slots[i].key);
    mem_free(m->slots);
    *m = (struct map)MAP_INIT;
}

static uint64_t hash_of(const struct map *m, struct str key)
{
    return m->secret ? str_hash_secret(key) : str_hash(key);
}

/* The slot that holds key, or the free slot where it belongs. The table is never full. */
static size_t find(const struct map *m, struct str key, uint64_t hash)
{
    size_t mask = m->cap - 1;
    size_t i = hash & mask;
    while (m->slots[i].key) {
        const struct map_slot *s = &m->slots[i];
        if (s->hash == hash && str_equal((struct str){s->key, s->key_len}, key))
            return i;
        i = (i + 1) & mask;
    }
    return i;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;
    size_t i = find(m, key, hash_of(m, key));
    return m->slots[i].key ? m->slots[i].value : NULL;
}

static void rebuild(struct map *m, size_t cap)
{
    struct map old = *m;
    m->cap = cap;
    m->slots = mem_alloc(m->cap * sizeof(*m->slots));
    for (size_t i = 0; i < old.cap; i++) {
        struct map_slot *s = &old.slots[i];
        if (s->key)
            m->slots[find(m, (struct str){s->key, s->key_len}, s->hash)] = *s;
    }
    mem_free(old.slots);
}

static void grow(struct map *m)
{
    rebuild(m, m->cap ? m->cap * 2 : 8);
}

static void hide(struct map *m)
{
    m->secret = true;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key)
            m->slots[i].hash = str_hash_secret(map_slot_key(&m->slots[i]));
    rebuild(m, m->cap);
}

void *map_put(struct map *m, struct str key, void *value)
{
    assert(value);
    if ((m->count + 1) * 4 > m->cap * 3)
        grow(m);
    uint64_t hash = hash_of(m, key);
    size_t at = find(m, key, hash);
    if (!m->secret && ((at - hash) & (m->cap - 1)) > CROWD) {
        hide(m);
        hash = hash_of(m, key);
        at = find(m, key, hash);
    }
    struct map_slot *s = &m->slots[at];
    if (s->key) {
        void *before = s->value;
        s->value = value;
        return before;
    }
    s->key = mem_alloc(key.len + 1);
    if (key.len)
        memcpy(s->key, key.data, key.len);
    s->key_len = key.len;
    s->hash = hash;
    s->value = value;
    m->count++;
    return NULL;
}

void *map_del(struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;
    size_t mask = m->cap - 1;
    size_t hole = find(m, key, hash_of(m, key));
    if (!m->slots[hole].key)
        return NULL;
    void *value = m->slots[hole].value;
    mem_free(m->slots[hole].key);
    m->count--;
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    return value;
}

size_t map_next(const struct map *m, size_t after)
{
    for (size_t i = after; i < m->cap; i++)
        if (m->slots[i].key)
            return i + 1;
    return 0;
}
