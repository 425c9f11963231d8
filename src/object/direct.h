/* Documents straight to blocks, without a tree: what the ways from JSON text (seal_json.c) and from
 * protobuf (seal_proto.c) share. Used by their files only.
 *
 * Both know only what well-made clients send. At everything else functions return false, and the
 * way by the tree does the document again and finds the words for what is wrong. What they accept
 * they must seal to the same bytes as that way; the tests and the fuzz targets compare the two.
 *
 * They work on a copy of the document with zeroes behind it, so that SCAN_TAIL_BYTES can be loaded
 * anywhere. Members are written in the order in which they come; when that was not the order of the
 * block, the payload is put in order at its end. */
#ifndef OBJECT_DIRECT_H
#define OBJECT_DIRECT_H

#include "object/block.h"
#include "object/simd.h"

enum {
    SCAN_TAIL_BYTES = 64
};

/* A member of a map as it was written. */
struct entry {
    struct str key;  /* in the copy */
    uint64_t prefix; /* decides the order of two keys when it differs */
    uint32_t from;   /* in the writer */
};

struct scan {
    char *at, *copy; /* owned: the document */
    struct writer w;
    struct writer spare;   /* for putting payloads in order */
    struct entry *entries; /* owned; a stack */
    size_t entry_count, entry_cap;
    int depth;
    size_t items;      /* messages in lists so far, of protobuf */
    uint64_t revision; /* metadata.resourceVersion, which goes into the block's header */
};

typedef int key_order(struct str a, struct str b);

/* Where the fields of a message were written, by tag; tags are below 64. */
struct field_starts {
    uint64_t tags; /* those that are there */
    uint32_t from[64];
    uint32_t end[64];
};

/* A scanner of a copy of a document whose block gets a header. */
struct scan scan_begin(struct str document);
/* Makes the block, when done, and frees what the scanner owns. */
void scan_end(struct scan *s, bool done, schema_id type, struct sealed **ret);

/* The revision that a resourceVersion names; 0 when it is none. */
uint64_t revision_of_text(struct str text);
void scan_grow_entries(struct scan *s);
/* Room for a payload of this size in spare, and behind both writers as copy_padded needs it. */
char *scan_reserve_spare(struct scan *s, size_t size);
/* Merge sort of order[0..count), which are indices of entries; no worse than n log n. */
void scan_sort_entries(const struct entry *entries, uint32_t *order, uint32_t *scratch,
                       size_t count, key_order *compare);
/* Whether an apiVersion is that of the type. */
bool is_version_of(const struct schema_type *t, struct str version);
/* Whether a text is at first sight a quantity in canonical form, as most are. */
bool is_plain_quantity(struct str text);
/* The part of a quantity; false: it is none. */
bool write_quantity(struct scan *s, struct str text);

/* Copies len bytes and some more: both sides have SCAN_TAIL_BYTES of room behind them. */
static inline void copy_padded(char *to, const char *from, size_t len)
{
    bytes16_store(to, bytes16_load(from));
    bytes16_store(to + 16, bytes16_load(from + 16));
    for (size_t i = 32; i < len; i += 32) {
        bytes16_store(to + i, bytes16_load(from + i));
        bytes16_store(to + i + 16, bytes16_load(from + i + 16));
    }
}

static inline void write_text(struct scan *s, struct str text)
{
    int word = schema_word_keyed(text_key_padded(text.data, text.len), text.data, text.len);
    if (word == WORD_NONE && text.len <= PART_LITERAL_MAX) {
        char *to = (char *)writer_room(&s->w, text.len + 1 + SCAN_TAIL_BYTES);
        *to = (char)text.len;
        copy_padded(to + 1, text.data, text.len);
        s->w.len += text.len + 1;
        return;
    }
    if (word == WORD_NONE) {
        part_write_bytes(&s->w, text.data, text.len);
        return;
    }
    uint8_t *to = writer_room(&s->w, 3);
    to[0] = word < 256 ? PART_WORD8 : PART_WORD16;
    to[1] = (uint8_t)word;
    to[2] = (uint8_t)(word >> 8);
    s->w.len += word < 256 ? 2 : 3;
}

/* Puts the fields of a message whose payload begins at begun in the order of their tags. */
static inline void order_fields(struct scan *s, const struct field_starts *starts, size_t begun)
{
    size_t size = s->w.len - begun;
    char *to = scan_reserve_spare(s, size);
    for (uint64_t tags = starts->tags; tags; tags &= tags - 1) {
        int tag = __builtin_ctzll(tags);
        uint32_t from = starts->from[tag], length = starts->end[tag] - from;
        copy_padded(to, (const char *)s->w.data + from, length);
        to += length;
    }
    copy_padded((char *)s->w.data + begun, (char *)s->spare.data, size);
}

/* Tag and part of a number; nothing for 0 where that is no presence. */
static inline bool write_integer_field(struct scan *s, const struct schema_key *f, int64_t value)
{
    size_t size = integer_size(value);
    uint8_t *to = writer_room(&s->w, 10);
    to[0] = f->tag;
    to[1] = (uint8_t)size;
    memcpy(to + 2, &value, 8);
    s->w.len += value || f->pointer ? 2 + size : 0;
    return true;
}

static inline size_t scan_push_entry(struct scan *s, struct str key, uint64_t prefix)
{
    if (unlikely(s->entry_count == s->entry_cap))
        scan_grow_entries(s);
    s->entries[s->entry_count] = (struct entry){key, prefix, (uint32_t)s->w.len};
    return s->entry_count++;
}

/* The first eight bytes of a text as a number that orders as they do. The copy may be read beyond
 * its end. */
static inline uint64_t text_prefix(struct str key)
{
    uint64_t bytes = load_u64(key.data);
    if (key.len < 8)
        bytes &= key.len ? ~0ULL >> (64 - 8 * key.len) : 0;
    return __builtin_bswap64(bytes);
}

static inline int compare_entries(const struct entry *a, const struct entry *b, key_order *compare)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return compare(a->key, b->key);
}

/* The order of few entries by counting those before each, without a branch that can't be foretold
 * unless two prefixes are alike. */
static inline void rank_entries(const struct entry *entries, uint32_t *order, size_t count,
                                key_order *compare)
{
    uint8_t ranks[16] = {0};
    for (size_t i = 1; i < count; i++) {
        uint64_t prefix = entries[i].prefix;
        unsigned rank = 0;
        for (size_t j = 0; j < i; j++) {
            bool behind = entries[j].prefix < prefix;
            if (unlikely(entries[j].prefix == prefix))
                behind = compare(entries[j].key, entries[i].key) < 0;
            rank += behind;
            ranks[j] = (uint8_t)(ranks[j] + !behind);
        }
        ranks[i] = (uint8_t)rank;
    }
    for (size_t i = 0; i < count; i++)
        order[ranks[i]] = (uint32_t)i;
}

/* Puts the members pushed since base, whose payload begins at begun, in order and takes them off
 * the stack. False: two have the same key. Inline, so that compare is. */
static inline __attribute__((always_inline)) bool
scan_order_entries(struct scan *s, size_t base, size_t begun, key_order *compare)
{
    uint32_t few[64], *order = few;
    size_t count = s->entry_count - base, size = s->w.len - begun;
    const struct entry *entries = s->entries + base;
    s->entry_count = base;
    if (count > ARRAY_COUNT(few) / 2)
        order = mem_realloc(NULL, 2 * count * sizeof(*order));
    if (count <= 16) {
        rank_entries(entries, order, count, compare);
    } else {
        for (size_t i = 0; i < count; i++)
            order[i] = (uint32_t)i;
        scan_sort_entries(entries, order, order + count, count, compare);
    }
    bool distinct = true;
    char *to = scan_reserve_spare(s, size);
    for (size_t i = 0; i < count; i++) {
        uint32_t at = order[i];
        size_t from = entries[at].from, end = at + 1 < count ? entries[at + 1].from : s->w.len;
        if (i > 0 && unlikely(entries[order[i - 1]].prefix == entries[at].prefix))
            distinct = distinct && compare(entries[order[i - 1]].key, entries[at].key) < 0;
        copy_padded(to, (const char *)s->w.data + from, end - from);
        to += end - from;
    }
    copy_padded((char *)s->w.data + begun, (char *)s->spare.data, size);
    if (order != few)
        mem_free(order);
    return distinct;
}

#endif
