/* Record: one version of one key, in the form that log, chunks and overlay share byte by byte.
 *
 *     OFFSET SIZE MEANING
 *          0    8 revision
 *          8    8 revision of the record of this key before (a deletion too); 0: none
 *         16    4 size of the value
 *         20    2 resource
 *         22    1 length of the namespace
 *         23    1 length of the name
 *         24    1 flags: RECORD_DELETED, RECORD_RELAXED, RECORD_CREATED (there was no object:
 * `previous` is a deletion, perhaps forgotten by now, or 0) 25    3 zero 28    4 CRC-32C of the
 * record without its padding, this field as zero 32      namespace, name, zeros to a multiple of 8,
 * value, zeros to a multiple of 8
 *
 * Little endian. A chunk is records one behind the other, revisions growing. Invariants: 1. a
 * record starts at a multiple of 8, its value too; 2. what record_at returned lies within the bytes
 * given; its checksum is another question (record_intact). */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store.h"

enum {
    RECORD_DELETED = 1,
    RECORD_RELAXED = 2,
    RECORD_CREATED = 4,
    RECORD_NAME_MAX = 253,
    RECORD_SIZE_MIN = 40
};

struct record {
    uint64_t revision;
    uint64_t previous;
    uint32_t value_size;
    uint16_t resource;
    uint8_t ns_len;
    uint8_t name_len;
    uint8_t flags;
    uint8_t zero[2];
    uint8_t chunk_moved;
    uint32_t checksum;
    char bytes[];
};

static inline size_t align8(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static inline size_t record_value_offset(const struct record *r)
{
    return align8(sizeof(*r) + r->ns_len + r->name_len);
}

static inline size_t record_size(const struct record *r)
{
    return record_value_offset(r) + align8(r->value_size);
}

static inline const void *record_value(const struct record *r)
{
    return (const char *)r + record_value_offset(r);
}

static inline bool record_deleted(const struct record *r)
{
    return r->flags & RECORD_DELETED;
}

static inline struct store_key record_key(const struct record *r)
{
    return (struct store_key){
        r->resource, {r->bytes, r->ns_len}, {r->bytes + r->ns_len, r->name_len}};
}

/* Size that a record will have. */
size_t record_size_for(struct store_key key, size_t value_size);
/* Fills zeroed memory of record_size_for bytes; value may be NULL for a deletion. Not sealed yet.
 */
void record_fill(struct record *r, struct store_key key, const void *value, size_t value_size,
                 uint8_t flags);
/* Sets the checksum: afterwards the record must not change. */
void record_seal(struct record *r);
bool record_intact(const struct record *r);
/* The record at the start of bytes, or NULL when they can't hold a sound one. data is 8-aligned. */
const struct record *record_at(const void *data, size_t size);
/* The first record with this revision in a chunk, or NULL; *ret_index its place. */
const struct record *record_find(const void *chunk, size_t size, uint64_t revision,
                                 size_t *ret_index);
void record_view(const struct record *r, struct store_record *ret);

/* Order of keys: namespace, then name, as bytes. */
int key_compare(struct store_key a, struct store_key b);
uint64_t key_hash(struct store_key key);
bool key_equal(struct store_key a, struct store_key b);
/* Whether a key can be stored: lengths, a name, no NUL bytes. */
bool key_valid(struct store_key key);

#endif
