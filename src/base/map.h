/* Hash map from bytes to a pointer, keys copied.
 *
 * Open addressing, linear probing, deletion by shifting back, so lookups never meet tombstones.
 * Order of iteration is unspecified; the map must not change during it except through map_del of
 * the current key after the loop.
 *
 * Keys may come from outside: when many meet in one place, which is no chance, the map goes over to
 * a hash that nobody else knows. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot {
    char *key; /* owned; NULL when free */
    size_t key_len;
    uint64_t hash;
    void *value; /* borrowed */
};

struct map {
    struct map_slot *slots; /* owned */
    size_t count;
    size_t cap;  /* 0 or a power of two */
    bool secret; /* hashed by str_hash_secret */
};

#define MAP_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, false                                                                          \
    }

void map_release(struct map *m);
void *map_get(const struct map *m, struct str key); /* NULL when absent */
/* Returns the value that was there before, or NULL. value must not be NULL. */
void *map_put(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key);

/* for (size_t i = 0; (i = map_next(m, i)); ) use(m->slots[i - 1].value); */
size_t map_next(const struct map *m, size_t after);
#define map_each(slot, m)                                                                          \
    for (struct map_slot *slot = (m)->slots; slot && slot < (m)->slots + (m)->cap; slot++)         \
        if (slot->key)
static inline struct str map_slot_key(const struct map_slot *slot)
{
    return (struct str){slot->key, slot->key_len};
}

#endif
