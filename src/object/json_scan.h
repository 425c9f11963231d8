/* The scanner under seal_json: tokens of JSON text, and the order of members. Used by its files
 * only: seal_json.c has the messages, seal_json_scalars.c the rarer scalars, seal_json_sets.c the
 * sets of managedFields.
 *
 * It knows only sound, typed JSON: functions return false at everything else (ill-typed, unknown
 * and duplicate members, rare kinds of fields, syntax errors), and the way by the tree does the
 * document again and finds the words for what is wrong. What it accepts it must seal to the same
 * bytes as that way; the tests and a fuzz target compare the two.
 *
 * It works on a copy of the text with zeroes behind it: SCAN_TAIL_BYTES can be loaded anywhere, and
 * zero ends every token. Escapes are undone in place. Members are written in the order in which
 * they come; when that was not the order of the block, the payload is put in order at its end. */
#ifndef OBJECT_JSON_SCAN_H
#define OBJECT_JSON_SCAN_H

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
    char *at;
    struct writer w;
    struct writer spare;   /* for putting payloads in order */
    struct entry *entries; /* owned; a stack */
    size_t entry_count, entry_cap;
    int depth;
};

typedef int key_order(struct str a, struct str b);

/* The rest of a text that begins at from, from stop on, its first byte that isn't plain. */
bool scan_hard_text(struct scan *s, char *from, char *stop, struct str *ret);
void scan_grow_entries(struct scan *s);
/* Room for a payload of this size in spare, and behind both writers as copy_padded needs it. */
char *scan_reserve_spare(struct scan *s, size_t size);
/* Merge sort of order[0..count), which are indices of entries; no worse than n log n. */
void scan_sort_entries(const struct entry *entries, uint32_t *order, uint32_t *scratch,
                       size_t count, key_order *compare);

/* Parts of scalars. */
bool scan_quantity(struct scan *s);
bool scan_time(struct scan *s, bool micro);
bool scan_int_or_string(struct scan *s);
bool scan_bytes(struct scan *s);
/* The part of a FieldsV1. */
bool scan_fields(struct scan *s);

static inline void skip_blanks(struct scan *s)
{
    while (unlikely(*s->at <= ' ') &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* A text whose opening quote is at s->at. */
static inline bool scan_text(struct scan *s, struct str *ret)
{
    if (*s->at != '"')
        return false;
    /* Two vectors at a time, whether the second is needed or not: most texts end in them, and
     * guessing costs more. */
    char *from = s->at + 1, *p = from;
    unsigned mask;
    while (!(mask = bytes16_text_ends(bytes16_load(p)) | bytes16_text_ends(bytes16_load(p + 16))
                                                             << 16))
        p += 32;
    p += __builtin_ctz(mask);
    if (unlikely(*p != '"'))
        return scan_hard_text(s, from, p, ret);
    s->at = p + 1;
    *ret = (struct str){from, (size_t)(p - from)};
    return true;
}

/* A key and the colon behind it. */
static inline bool scan_key(struct scan *s, struct str *ret)
{
    if (!scan_text(s, ret))
        return false;
    skip_blanks(s);
    if (*s->at != ':')
        return false;
    s->at++;
    skip_blanks(s);
    return true;
}

/* Behind a member or item: true when another one follows; *ret_sound is false when neither that nor
 * the end does. */
static inline bool scan_more(struct scan *s, char end, bool *ret_sound)
{
    skip_blanks(s);
    char c = *s->at++;
    if (c == ',') {
        skip_blanks(s);
        return true;
    }
    *ret_sound = c == end;
    return false;
}

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

static inline bool scan_null(struct scan *s)
{
    if (memcmp(s->at, "null", 4) != 0)
        return false;
    s->at += 4;
    return true;
}

/* Whole numbers of up to 18 digits; all others are left to the tree. */
static inline bool scan_integer(struct scan *s, int64_t *ret)
{
    char *p = s->at;
    bool negative = *p == '-';
    p += negative;
    char *from = p;
    uint64_t value = 0; /* may wrap: then there are too many digits */
    while (*p >= '0' && *p <= '9')
        value = value * 10 + (uint64_t)(*p++ - '0');
    size_t count = (size_t)(p - from);
    if (count == 0 || count > 18 || (*from == '0' && (count > 1 || negative)) || *p == '.' ||
        *p == 'e' || *p == 'E')
        return false;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    s->at = p;
    return true;
}

static inline bool scan_bool(struct scan *s, bool *ret)
{
    *ret = *s->at == 't';
    if (memcmp(s->at, *ret ? "true" : "false", *ret ? 4 : 5) != 0)
        return false;
    s->at += *ret ? 4 : 5;
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
