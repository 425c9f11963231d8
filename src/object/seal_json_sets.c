/* Sets of managedFields from JSON text (json_scan.h); their layout is in block.h. */
#include "base/limits.h"
#include "object/fields_v1.h"
#include "object/json_scan.h"

static inline bool is_name(struct str key)
{
    return key.len > 2 && key.data[0] == 'f' && key.data[1] == ':';
}

/* What decides the order of a key first (fields_compare): names of fields order by their bytes; of
 * others only the kind is known without a closer look. */
static inline uint64_t set_prefix(struct str key)
{
    if (!is_name(key))
        return fields_rank(key) << 56;
    return (uint64_t)RANK_NAME << 56 | text_prefix((struct str){key.data + 2, key.len - 2}) >> 8;
}

static inline void write_head(struct scan *s, struct str key)
{
    if (is_name(key)) {
        struct str name = {key.data + 2, key.len - 2};
        int word = schema_word_keyed(text_key_padded(name.data, name.len), name.data, name.len);
        if (word != WORD_NONE) {
            uint8_t *to = writer_room(&s->w, 2);
            to[0] = (uint8_t)(FIELDS_WORD + (word >> 8));
            to[1] = (uint8_t)word;
            s->w.len += 2;
            return;
        }
    } else if (key.len == 1 && key.data[0] == '.') {
        writer_byte(&s->w, FIELDS_SELF);
        return;
    }
    writer_byte(&s->w, FIELDS_KEY);
    part_write_bytes(&s->w, key.data, key.len);
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

/* The nodes of a set, in the order in which they come, then put in order. */
static bool scan_fields_set(struct scan *s)
{
    size_t base = s->entry_count, begun = s->w.len;
    bool ordered = true, sound = true;
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
        size_t index = scan_push_entry(s, key, set_prefix(key));
        if (ordered && index > base)
            ordered =
                compare_entries(&s->entries[index - 1], &s->entries[index], fields_compare) < 0;
        write_head(s, key);
        if (!scan_below(s))
            return false;
    } while (scan_more(s, '}', &sound));
    s->depth--;
    if (!sound)
        return false;
    if (!ordered)
        return scan_order_entries(s, base, begun, fields_compare);
    s->entry_count = base;
    return true;
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
