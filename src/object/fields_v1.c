#include "object/fields_v1.h"

#include <stdlib.h>

#include "object/json.h"
#include "object/seal.h"
#include "object/value_parts.h"

bool fields_is_set(const struct node *n)
{
    if (n->kind != NODE_MAP)
        return false;
    for (uint32_t i = 0; i < n->map.count; i++)
        if (!fields_is_set(n->map.members[i].value))
            return false;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && is_digit(s.data[at + n]))
        n++;
    return n;
}

/* JSON scalars and objects of them: byte by byte, but whole numbers (behind ':') by value. */
static int compare_values(struct str a, struct str b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.data[i] == b.data[i])
        i++;
    size_t start = i;
    while (start > 0 && is_digit(a.data[start - 1]))
        start--;
    bool number = start > 0 && a.data[start - 1] == ':';
    size_t left = digits_at(a, start), right = digits_at(b, start);
    if (number && left && right && left != right && a.data[start] != '0' && b.data[start] != '0')
        return left < right ? -1 : 1;
    return str_compare(a, b);
}

int fields_compare(struct str a, struct str b)
{
    uint64_t left = fields_rank(a), right = fields_rank(b);
    if (left != right)
        return left < right ? -1 : 1;
    if (left == RANK_INDEX && a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return left == RANK_KEY || left == RANK_VALUE ? compare_values(a, b) : str_compare(a, b);
}

static void write_head(struct writer *w, struct str key)
{
    int word = str_starts(key, "f:") ? schema_word(key.data + 2, key.len - 2) : WORD_NONE;
    if (str_is(key, ".")) {
        writer_byte(w, FIELDS_SELF);
    } else if (word != WORD_NONE) {
        writer_byte(w, (uint8_t)(FIELDS_WORD + (word >> 8)));
        writer_byte(w, (uint8_t)word);
    } else {
        writer_byte(w, FIELDS_KEY);
        part_write_bytes(w, key.data, key.len);
    }
}

void fields_write_set(struct writer *w, const struct node *n)
{
    member_each(m, n)
    {
        write_head(w, m->name);
        size_t begun = part_begin(w, 1);
        fields_write_set(w, m->value);
        part_end(w, begun, 1);
    }
}

const uint8_t *fields_node(const uint8_t *p, struct str *ret_key, struct part *ret_below)
{
    uint8_t head = *p++;
    struct part text;
    if (head == FIELDS_SELF) {
        *ret_key = STR(".");
    } else if (head == FIELDS_KEY) {
        p = part_read(p, &text);
        *ret_key = (struct str){(const char *)text.data, text.size};
    } else {
        const struct schema_word *word = &schema_words[(head - FIELDS_WORD) << 8 | *p++];
        *ret_key = (struct str){schema_word_text(word) - 2, (size_t)word->len + 2};
    }
    return part_read(p, ret_below);
}

struct node *fields_set_to_node(struct arena *a, const uint8_t *data, uint32_t size)
{
    struct node *map = node_map(a);
    for (const uint8_t *p = data, *end = data + size; p < end;) {
        struct str key;
        struct part below;
        bool is_static = *p != FIELDS_KEY;
        p = fields_node(p, &key, &below);
        json_add_member(a, map, is_static ? key : arena_str(a, key),
                        fields_set_to_node(a, below.data, below.size));
    }
    return map;
}

/* What is no set is held as a part with a value. */
static struct value odd_value(const uint8_t *data)
{
    struct part p;
    part_read(data + 1, &p);
    return value_of_raw(p);
}

struct node *fields_to_node(struct arena *a, const uint8_t *data, uint32_t size)
{
    if (size == 0)
        return node_map(a);
    if (data[0] == FIELDS_SET)
        return fields_set_to_node(a, data + 1, size - 1);
    return value_to_node(a, odd_value(data));
}

void fields_odd_to_json(struct buf *out, const uint8_t *data, uint32_t size, bool html)
{
    struct arena a = ARENA_INIT;
    json_write_node(out, fields_to_node(&a, data, size), html);
    arena_release(&a);
}
