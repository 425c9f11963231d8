/* The tables that tools/schema-tables makes, and the hash that they are built on. Used by the files
 * of object/ only. */
#ifndef OBJECT_SCHEMA_TABLES_H
#define OBJECT_SCHEMA_TABLES_H

#include "object/schema.h"

/* A word of the dictionary. */
struct schema_word {
    uint64_t first, last; /* as in struct schema_key */
    uint32_t text_at;     /* in schema_word_texts */
    uint8_t len;
};

/* Where a text is looked for that may be a word; free slots are equal to none. All in one place of
 * half a cache line: the codecs look up words all the time. */
struct schema_word_slot {
    uint64_t first, last, middle; /* as in struct schema_key */
    uint16_t number;
    uint8_t len;
} __attribute__((aligned(32)));

/* What stands in protobuf for a field that is absent. */
enum wire_absent {
    WIRE_ABSENT_NOTHING,
    WIRE_ABSENT_ZERO, /* its key and a zero byte: 0, or no bytes */
    WIRE_ABSENT_VALUE /* its zero value */
};

/* A field as it stands in protobuf. */
struct schema_wire {
    uint16_t key; /* the last number of its path and its wire type, as they are written */
    uint8_t key_size;
    uint8_t index;  /* into fields */
    uint8_t groups; /* how many flattened messages it stands in */
    uint8_t absent; /* enum wire_absent */
    uint8_t kind, shape;
    schema_id type;
};

struct schema_proto {
    const struct schema_wire *wires; /* by ascending path; place n stands at n - 1 */
    const uint8_t *by_first;         /* first number of the path -> first place with it, or 0 */
    const uint8_t *by_tag;           /* tag -> place, or 0 */
    uint64_t always;                 /* bit n: place n is written when it is absent, or opens a
                                        group, which is written when nothing is in it */
    uint8_t count, first_max, tag_max;
    bool has_groups;
};

extern const struct schema_type schema_types[];   /* by id */
extern const struct schema_proto schema_protos[]; /* by id */
extern const uint16_t schema_types_count;
extern const uint16_t schema_name_index[], schema_kind_index[];
extern const uint8_t schema_word_displacements[];
extern const struct schema_word_slot schema_word_slots[];
extern const uint8_t schema_name_index_bits, schema_kind_index_bits;
extern const struct schema_word schema_words[]; /* by number */
extern const char schema_word_texts[]; /* each behind "f:", as in sets of managedFields, and ended
                                          by NUL */
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

/* Three pieces of a text and its hash. The tables hold multipliers that tell names apart by the
 * hash; texts of up to KEY_WHOLE_BYTES bytes are equal when the pieces and the lengths are. */
struct text_key {
    uint64_t first, last, middle; /* eight bytes each, zeroes behind short ones */
    uint64_t hash;
};

enum {
    KEY_WHOLE_BYTES = 24
};

static inline struct text_key text_key_of(uint64_t first, uint64_t last, uint64_t middle,
                                          size_t len)
{
    return (struct text_key){first, last, middle,
                             first ^ (last << 23 | last >> 41) ^ (uint64_t)len << 56};
}

static inline struct text_key text_key(const char *p, size_t len)
{
    uint64_t first = 0;
    if (len >= 8)
        return text_key_of(load_u64(p), load_u64(p + len - 8), load_u64(p + (len - 8) / 2), len);
    if (len >= 4)
        first = load_u32(p) | (uint64_t)load_u32(p + len - 4) << 8 * (len - 4);
    else if (len)
        first = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[len / 2] << 8 * (len / 2) |
                (uint64_t)(uint8_t)p[len - 1] << 8 * (len - 1);
    return text_key_of(first, first, first, len);
}

/* The same where eight bytes can be read at p whatever len is: no branches. */
static inline struct text_key text_key_padded(const char *p, size_t len)
{
    uint64_t mask = len >= 8 ? ~0ULL : (1ULL << 8 * len) - 1;
    size_t last = len >= 8 ? len - 8 : 0;
    return text_key_of(load_u64(p) & mask, load_u64(p + last) & mask, load_u64(p + last / 2) & mask,
                       len);
}

static inline uint64_t schema_hash(const char *p, size_t len)
{
    return text_key(p, len).hash;
}

static inline const struct schema_type *schema_type_fast(schema_id id)
{
    return &schema_types[id];
}

static inline const struct schema_key *
schema_key_find(const struct schema_type *t, struct text_key key, const char *name, size_t len)
{
    uint8_t index = t->hash[key.hash * t->hash_multiplier >> t->hash_shift];
    if (!index)
        return NULL;
    const struct schema_key *k = &t->keys[index - 1];
    if ((k->first ^ key.first) | (k->last ^ key.last) | (k->middle ^ key.middle) |
        (k->name_len ^ len))
        return NULL;
    return likely(len <= KEY_WHOLE_BYTES) || memcmp(t->fields[index - 1].name, name, len) == 0
               ? k
               : NULL;
}

/* The place of the field with this number, or of the first of the fields in the flat message with
 * this number; 0: there is none. Looks in the message itself (level 0), or in the flat message that
 * the first `level` numbers of the path of the field at place `first` lead to. */
static inline unsigned schema_place(const struct schema_type *t, const struct schema_proto *proto,
                                    unsigned level, unsigned first, uint64_t number)
{
    if (likely(level == 0))
        return number <= proto->first_max ? proto->by_first[number] : 0;
    const uint8_t *path = t->fields[proto->wires[first - 1].index].numbers;
    for (unsigned place = first; place <= proto->count; place++) {
        const uint8_t *numbers = t->fields[proto->wires[place - 1].index].numbers;
        if (memcmp(numbers, path, level) != 0)
            return 0;
        if (numbers[level] == number)
            return place;
    }
    return 0;
}

/* t must have fields. */
static inline const struct schema_field *schema_field_fast(const struct schema_type *t,
                                                           const char *name, size_t len)
{
    const struct schema_key *k = schema_key_find(t, text_key(name, len), name, len);
    return k ? &t->fields[k - t->keys] : NULL;
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
    WORD_BYTES_MAX = 64,
    WORD_SLOTS = 4096
};
#define SCHEMA_INDEX_MULTIPLIER 0x9E3779B97F4A7C15ULL

static inline const char *schema_word_text(const struct schema_word *w)
{
    return schema_word_texts + w->text_at;
}

static inline int schema_word_keyed(struct text_key key, const char *p, size_t len)
{
    uint64_t hash = key.hash * SCHEMA_INDEX_MULTIPLIER;
    uint64_t slot = (hash >> 20) + schema_word_displacements[hash >> 55] * (hash >> 36 | 1);
    const struct schema_word_slot *w = &schema_word_slots[slot % WORD_SLOTS];
    if ((w->first ^ key.first) | (w->last ^ key.last) | (w->middle ^ key.middle) | (w->len ^ len))
        return WORD_NONE;
    return likely(len <= KEY_WHOLE_BYTES) ||
                   memcmp(schema_word_text(&schema_words[w->number]), p, len) == 0
               ? w->number
               : WORD_NONE;
}

/* The number of a word of the dictionary, or WORD_NONE. */
static inline int schema_word(const char *p, size_t len)
{
    return schema_word_keyed(text_key(p, len), p, len);
}

#endif
