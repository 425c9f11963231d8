/* Sets of managedFields from JSON text (json_scan.h); their layout is in block.h. */
#include "base/limits.h"
#include "object/fields_v1.h"
#include "object/json_scan.h"

enum {
    SET_KEYS_FEW = 64
};

static inline bool is_name(struct str key)
{
    return key.len > 2 && key.data[0] == 'f' && key.data[1] == ':';
}

/* Writes the head of a node; returns a number that is the same for equal keys. Words and "." are
 * told apart without a branch: they come in any order. */
static inline uint64_t write_head(struct scan *s, struct str key)
{
    bool name = is_name(key), self = key.len == 1 && key.data[0] == '.';
    size_t skipped = name ? 2 : 0;
    struct text_key parts = text_key_padded(key.data + skipped, key.len - skipped);
    int word = schema_word_keyed(parts, key.data + skipped, key.len - skipped);
    if (likely((name & (word != WORD_NONE)) | self)) {
        uint8_t *to = writer_room(&s->w, 2);
        to[0] = self ? FIELDS_SELF : (uint8_t)(FIELDS_WORD + (word >> 8));
        to[1] = (uint8_t)word;
        s->w.len += self ? 1 : 2;
    } else {
        writer_byte(&s->w, FIELDS_KEY);
        part_write_bytes(&s->w, key.data, key.len);
    }
    return parts.hash;
}

static bool scan_fields_set(struct scan *s);

/* What is below a node. */
static inline bool scan_below(struct scan *s)
{
    if (s->at[0] == '{' && s->at[1] == '}') {
        writer_byte(&s->w, 0);
        s->at += 2;
        return true;
    }
    size_t below = part_begin(&s->w, 1);
    if (!scan_fields_set(s))
        return false;
    part_end(&s->w, below, 1);
    return true;
}

/* Whether no two of many keys are the same. */
static bool distinct_sorted(const struct entry *entries, size_t count)
{
    uint32_t *order = mem_realloc(NULL, 2 * count * sizeof(*order));
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    scan_sort_entries(entries, order, order + count, count, str_compare);
    bool distinct = true;
    for (size_t i = 1; i < count && distinct; i++)
        distinct = compare_entries(&entries[order[i - 1]], &entries[order[i]], str_compare) < 0;
    mem_free(order);
    return distinct;
}

/* Whether no two of the keys since base are the same; takes them off the stack. Most are told apart
 * by a bit each. */
static inline bool distinct_keys(struct scan *s, size_t base)
{
    const struct entry *entries = s->entries + base;
    size_t count = s->entry_count - base;
    uint64_t seen[4] = {0};
    s->entry_count = base;
    if (unlikely(count > SET_KEYS_FEW))
        return distinct_sorted(entries, count);
    for (size_t i = 0; i < count; i++) {
        unsigned bit = (unsigned)(entries[i].prefix * SCHEMA_INDEX_MULTIPLIER >> 56);
        bool maybe_before = seen[bit >> 6] >> (bit & 63) & 1;
        seen[bit >> 6] |= 1ULL << (bit & 63);
        for (size_t j = 0; unlikely(maybe_before) && j < i; j++)
            if (entries[j].prefix == entries[i].prefix && str_equal(entries[j].key, entries[i].key))
                return false;
    }
    return true;
}

/* The nodes of a set, in the order in which they come. */
static bool scan_fields_set(struct scan *s)
{
    size_t base = s->entry_count;
    bool sound = true;
    if (*s->at != '{' || ++s->depth > LIMIT_DEPTH)
        return false;
    s->at++;
    skip_blanks(s);
    if (*s->at == '}') {
        s->at++;
        s->depth--;
        return true;
    }
    do {
        struct str key;
        if (!scan_key(s, &key))
            return false;
        size_t index = scan_push_entry(s, key, 0);
        s->entries[index].prefix = write_head(s, key);
        if (!scan_below(s))
            return false;
    } while (scan_more(s, '}', &sound));
    s->depth--;
    return sound && distinct_keys(s, base);
}

bool scan_fields(struct scan *s)
{
    size_t begun = part_begin(&s->w, 3);
    writer_byte(&s->w, FIELDS_SET);
    if (!scan_fields_set(s))
        return false;
    part_end(&s->w, begun, 3);
    return true;
}
