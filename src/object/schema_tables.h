/* The tables that tools/schema-tables makes, and the hash that they are built on. Used by the files
 * of object/ only. */
#ifndef OBJECT_SCHEMA_TABLES_H
#define OBJECT_SCHEMA_TABLES_H

#include "object/schema.h"

struct schema_word {
    const char *text;
    uint8_t len;
};

extern const struct schema_type schema_types[]; /* by id */
extern const uint16_t schema_types_count;
extern const uint16_t schema_name_index[], schema_kind_index[], schema_word_index[];
extern const uint8_t schema_name_index_bits, schema_kind_index_bits, schema_word_index_bits;
extern const struct schema_word schema_words[]; /* by number */
extern const uint16_t schema_words_count;
extern const uint8_t schema_words_version;
extern const struct resource schema_resources[];
extern const uint16_t schema_resources_count;

static inline uint64_t load_u64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint32_t load_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* First and last eight bytes and the length, folded; the tables hold multipliers that tell names
 * apart by it. */
static inline uint64_t schema_hash(const char *p, size_t len)
{
    uint64_t first, last;
    if (len >= 8) {
        first = load_u64(p);
        last = load_u64(p + len - 8);
    } else if (len >= 4) {
        first = last = load_u32(p) | (uint64_t)load_u32(p + len - 4) << 32;
    } else if (len) {
        first = last = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[len / 2] << 8 |
                       (uint64_t)(uint8_t)p[len - 1] << 16;
    } else {
        first = last = 0;
    }
    return first ^ (last << 23 | last >> 41) ^ (uint64_t)len << 56;
}

static inline const struct schema_type *schema_type_fast(schema_id id)
{
    return &schema_types[id];
}

static inline const struct schema_field *schema_field_fast(const struct schema_type *t,
                                                           const char *name, size_t len)
{
    uint8_t index = t->hash[schema_hash(name, len) * t->hash_multiplier >> t->hash_shift];
    if (!index)
        return NULL;
    const struct schema_field *f = &t->fields[index - 1];
    return f->name_len == len && memcmp(f->name, name, len) == 0 ? f : NULL;
}

/* NULL for a tag that this build doesn't know. */
static inline const struct schema_field *schema_field_by_tag(const struct schema_type *t,
                                                             uint8_t tag)
{
    return tag <= t->tag_max && t->by_tag[tag] ? &t->fields[t->by_tag[tag] - 1] : NULL;
}

enum {
    WORD_NONE = -1,
    WORD_BYTES_MIN = 3,
    WORD_BYTES_MAX = 64
};
#define SCHEMA_INDEX_MULTIPLIER 0x9E3779B97F4A7C15ULL

/* The number of a word of the dictionary, or WORD_NONE. */
static inline int schema_word(const char *p, size_t len)
{
    if (len < WORD_BYTES_MIN || len > WORD_BYTES_MAX)
        return WORD_NONE;
    size_t mask = ((size_t)1 << schema_word_index_bits) - 1;
    size_t slot = schema_hash(p, len) * SCHEMA_INDEX_MULTIPLIER >> (64 - schema_word_index_bits);
    for (uint16_t number; (number = schema_word_index[slot]); slot = (slot + 1) & mask) {
        const struct schema_word *w = &schema_words[number - 1];
        if (w->len == len && memcmp(w->text, p, len) == 0)
            return number - 1;
    }
    return WORD_NONE;
}

#endif
