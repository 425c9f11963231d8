/* Whether bytes are a sound block: everything that reading relies on is checked here, and that the
 * form is the canonical one as far as it can be told without sealing again. */
#include <errno.h>
#include <limits.h>

#include "base/limits.h"
#include "object/checksum.h"
#include "object/direct.h"
#include "object/encode.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/value_parts.h"

struct level {
    int depth;
    bool old_words; /* sealed with an older dictionary: what is a word today may be literal */
};

static inline struct level deeper(struct level level)
{
    level.depth++;
    return level;
}

static bool check_message(const struct schema_type *t, const uint8_t *p, const uint8_t *end,
                          struct level level);
static bool check_raw(struct part p, struct level level);
static bool check_raw_map(const uint8_t *p, const uint8_t *end, struct level level);

/* Reads a part with every bound checked; NULL when it is none, or not the shortest. */
static const uint8_t *part_check(const uint8_t *p, const uint8_t *end, struct part *ret)
{
    uint16_t u16;
    uint32_t u32;
    size_t left = (size_t)(end - p);
    if (left == 0)
        return NULL;
    if (*p <= PART_LITERAL_MAX) {
        if (left < (size_t)*p + 1)
            return NULL;
    } else if (*p == PART_WORD8) {
        if (left < 2)
            return NULL;
    } else if (*p == PART_WORD16 || *p == PART_LENGTH16) {
        if (left < 3)
            return NULL;
        memcpy(&u16, p + 1, 2);
        if (*p == PART_WORD16 ? u16 < 256 || u16 >= schema_words_count
                              : u16 <= PART_LITERAL_MAX || left < (size_t)u16 + 3)
            return NULL;
    } else {
        if (left < 5)
            return NULL;
        memcpy(&u32, p + 1, 4);
        if (u32 <= UINT16_MAX || left - 5 < u32)
            return NULL;
    }
    return part_read(p, ret);
}

/* Words count by their table only; literal text must be UTF-8. */
static bool check_text(struct part p, struct level level)
{
    if (p.is_word)
        return true;
    struct str text = {(const char *)p.data, p.size};
    return (level.old_words || schema_word(text.data, text.len) == WORD_NONE) && utf8_valid(text);
}

static bool check_integer(const uint8_t *data, uint32_t size, int64_t min, int64_t max)
{
    if (size != 0 && size != 1 && size != 2 && size != 4 && size != 8)
        return false;
    int64_t value = integer_read(data, size);
    return integer_size(value) == size && value >= min && value <= max;
}

/* The head of a node at p; returns what is behind it, or NULL. */
static const uint8_t *check_head(const uint8_t *p, const uint8_t *end, struct level level)
{
    if (*p == FIELDS_SELF)
        return p + 1;
    if (*p >= FIELDS_WORD && *p <= FIELDS_HEAD_MAX) {
        unsigned number = end - p < 2 ? UINT_MAX : (unsigned)((*p - FIELDS_WORD) << 8 | p[1]);
        return number < schema_words_count ? p + 2 : NULL;
    }
    struct part text;
    p = *p == FIELDS_KEY ? part_check(p + 1, end, &text) : NULL;
    if (!p)
        return NULL;
    struct str key = {(const char *)text.data, text.size};
    if (text.is_word || !utf8_valid(key) || str_is(key, "."))
        return NULL;
    bool word = str_starts(key, "f:") && schema_word(key.data + 2, key.len - 2) != WORD_NONE;
    return word && !level.old_words ? NULL : p;
}

static bool check_fields_set(const uint8_t *p, const uint8_t *end, struct level level)
{
    if (level.depth > LIMIT_DEPTH)
        return false;
    while (p < end) {
        struct part below;
        p = check_head(p, end, level);
        p = p ? part_check(p, end, &below) : NULL;
        if (!p || below.is_word)
            return false;
        if (below.size && !check_fields_set(below.data, below.data + below.size, deeper(level)))
            return false;
    }
    return true;
}

static bool check_fields(struct part p, struct level level)
{
    if (p.size == 0)
        return false;
    if (p.data[0] == FIELDS_SET)
        return check_fields_set(p.data + 1, p.data + p.size, level);
    struct part value;
    const uint8_t *end = p.data + p.size;
    if (p.data[0] != FIELDS_VALUE || part_check(p.data + 1, end, &value) != end ||
        !check_raw(value, level))
        return false;
    struct arena a = ARENA_INIT;
    bool sound = !fields_is_set(value_to_node(&a, value_of_raw(value)));
    arena_release(&a);
    return sound;
}

static bool check_quantity(struct part p)
{
    struct arena a = ARENA_INIT;
    struct str text = {(const char *)p.data, p.size}, canonical;
    if (is_plain_quantity(text))
        return true;
    bool sound = quantity_canonical(&a, text, &canonical) == 0 && str_equal(text, canonical);
    arena_release(&a);
    return sound;
}

static bool check_duration(struct part p)
{
    struct arena a = ARENA_INIT;
    struct str text = {(const char *)p.data, p.size};
    int64_t ns;
    bool sound = duration_parse(text, &ns) == 0 && str_equal(text, duration_format(&a, ns));
    arena_release(&a);
    return sound;
}

static bool check_schema_or(const struct schema_field *f, struct part p, struct level level)
{
    const struct schema_type *schema = schema_type_fast(f->type);
    const uint8_t *at = p.data + 1, *end = p.data + p.size;
    if (p.size == 0)
        return false;
    switch (p.data[0]) {
    case SCHEMA_OR_FALSE:
    case SCHEMA_OR_TRUE: return f->kind == FIELD_SCHEMA_OR_BOOL && p.size == 1;
    case SCHEMA_OR_SCHEMA: return check_message(schema, at, end, deeper(level));
    case SCHEMA_OR_LIST:
        if (f->kind == FIELD_SCHEMA_OR_BOOL)
            return false;
        while (at < end) {
            struct part item;
            at = part_check(at, end, &item);
            if (!at)
                return false;
            if (f->kind == FIELD_SCHEMA_OR_STRINGS
                    ? !check_text(item, level)
                    : item.is_word ||
                          !check_message(schema, item.data, item.data + item.size, deeper(level)))
                return false;
        }
        return true;
    default: return false;
    }
}

static bool check_item(const struct schema_field *f, struct part p, struct level level)
{
    static const int64_t second_us = 1000000, year_0_s = -62167219200, year_10000_s = 253402300800;
    if (f->kind == FIELD_STRING)
        return check_text(p, level);
    if (f->kind == FIELD_RAW || f->kind == FIELD_JSON)
        return check_raw(p, level);
    if (p.is_word)
        return false;
    switch ((enum field_kind)f->kind) {
    case FIELD_BOOL: return check_integer(p.data, p.size, 0, 1);
    case FIELD_INT32: return check_integer(p.data, p.size, INT32_MIN, INT32_MAX);
    case FIELD_INT64: return check_integer(p.data, p.size, INT64_MIN, INT64_MAX);
    case FIELD_TIME: return check_integer(p.data, p.size, year_0_s, year_10000_s - 1);
    case FIELD_MICRO_TIME:
        return check_integer(p.data, p.size, year_0_s * second_us, year_10000_s * second_us - 1);
    case FIELD_DOUBLE:
        return p.size == 0 || (p.size == 8 && __builtin_isfinite(double_read(p.data, 8)) &&
                               load_u64((const char *)p.data));
    case FIELD_BYTES: return true;
    case FIELD_MESSAGE:
        return check_message(schema_type_fast(f->type), p.data, p.data + p.size, deeper(level));
    case FIELD_QUANTITY: return check_quantity(p);
    case FIELD_DURATION: return p.size == 0 || check_duration(p);
    case FIELD_INT_OR_STRING:
        if (p.size == 0)
            return f->shape != SHAPE_ONE;
        if (p.data[0] == 1)
            return utf8_valid((struct str){(const char *)p.data + 1, p.size - 1});
        return p.data[0] == 0 && check_integer(p.data + 1, p.size - 1, INT32_MIN, INT32_MAX);
    case FIELD_FIELDS_V1: return check_fields(p, level);
    default: return check_schema_or(f, p, level);
    }
}

static bool check_list(const struct schema_field *f, const uint8_t *p, const uint8_t *end,
                       struct level level)
{
    while (p < end) {
        struct part item;
        p = part_check(p, end, &item);
        if (!p || !check_item(f, item, level))
            return false;
    }
    return true;
}

/* A key of a map behind the key before it; moves on. */
static bool check_key(const uint8_t **p, const uint8_t *end, struct str *before, struct level level)
{
    struct part key;
    *p = part_check(*p, end, &key);
    if (!*p || !check_text(key, level))
        return false;
    struct str text = {(const char *)key.data, key.size};
    if (before->data && str_compare(*before, text) >= 0)
        return false;
    *before = text;
    return true;
}

static bool check_map(const struct schema_field *f, const uint8_t *p, const uint8_t *end,
                      struct level level)
{
    struct str before = STR_NONE;
    while (p < end) {
        struct part item;
        if (!check_key(&p, end, &before, level))
            return false;
        p = part_check(p, end, &item);
        if (!p)
            return false;
        if (f->shape == SHAPE_MAP
                ? !check_item(f, item, level)
                : item.is_word || !check_list(f, item.data, item.data + item.size, level))
            return false;
    }
    return true;
}

static bool check_field(const struct schema_field *f, struct part p, struct level level)
{
    const uint8_t *end = p.data + p.size;
    if (!p.is_word && field_is_dropped(f, p.data, p.size))
        return false;
    switch ((enum field_shape)f->shape) {
    case SHAPE_LIST: return !p.is_word && check_list(f, p.data, end, level);
    case SHAPE_MAP:
    case SHAPE_MAP_OF_LIST: return !p.is_word && check_map(f, p.data, end, level);
    default: return check_item(f, p, level);
    }
}

static bool check_message(const struct schema_type *t, const uint8_t *p, const uint8_t *end,
                          struct level level)
{
    uint8_t before = 0;
    if (level.depth > LIMIT_DEPTH)
        return false;
    while (p < end) {
        struct part part;
        uint8_t tag = *p++;
        const struct schema_field *f = schema_field_by_tag(t, tag);
        if (tag <= before || !f)
            return false;
        before = tag;
        p = part_check(p, end, &part);
        if (!p || !check_field(f, part, level))
            return false;
    }
    return true;
}

/* A value of a list or map. Only the sets of managedFields are held as such: set_allowed. */
static bool check_raw_part(const uint8_t **p, const uint8_t *end, bool set_allowed,
                           struct level level)
{
    struct part item;
    *p = part_check(*p, end, &item);
    if (!*p)
        return false;
    if (!item.is_word && item.size && item.data[0] == RAW_FIELDS)
        return set_allowed && check_fields_set(item.data + 1, item.data + item.size, level);
    return check_raw(item, level);
}

static bool check_raw_map(const uint8_t *p, const uint8_t *end, struct level level)
{
    struct str before = STR_NONE;
    if (level.depth > LIMIT_DEPTH)
        return false;
    while (p < end) {
        if (!check_key(&p, end, &before, level))
            return false;
        if (!check_raw_part(&p, end, str_is(before, "fieldsV1"), deeper(level)))
            return false;
    }
    return true;
}

static bool check_raw(struct part p, struct level level)
{
    if (p.is_word)
        return true;
    if (p.size == 0 || level.depth > LIMIT_DEPTH)
        return false;
    const uint8_t *data = p.data + 1, *end = p.data + p.size;
    uint32_t size = p.size - 1;
    switch (p.data[0]) {
    case RAW_NULL:
    case RAW_FALSE:
    case RAW_TRUE: return size == 0;
    case RAW_INT: return check_integer(data, size, INT64_MIN, INT64_MAX);
    case RAW_DOUBLE:
        return size == 8 && __builtin_isfinite(double_read(data, 8)) &&
               !double_is_integer(double_read(data, 8));
    case RAW_TEXT: return check_text((struct part){data, size, false}, level);
    case RAW_LIST:
        while (data < end)
            if (!check_raw_part(&data, end, false, deeper(level)))
                return false;
        return true;
    case RAW_MAP: return check_raw_map(data, end, deeper(level));
    default: return false;
    }
}

bool block_body_sound(const void *data, size_t size)
{
    const struct sealed *s = data;
    const uint8_t *end = (const uint8_t *)data + size;
    struct level level = {.old_words = s->dictionary < schema_words_version};
    if (s->type == SCHEMA_CUSTOM)
        return check_raw_map(s->body, end, level);
    return s->type != SCHEMA_NONE && s->type < schema_types_count &&
           schema_types[s->type].name[0] &&
           check_message(&schema_types[s->type], s->body, end, level);
}

int sealed_verify(const void *data, size_t size)
{
    const struct sealed *s = data;
    if (size < BLOCK_HEADER_BYTES || s->size != size || s->format != BLOCK_FORMAT ||
        s->dictionary > schema_words_version || s->schema_version != 0)
        return -EBADMSG;
    if (s->checksum != crc32c(s->body, size - BLOCK_HEADER_BYTES) || !block_body_sound(data, size))
        return -EBADMSG;
    uint32_t offsets[4];
    block_offsets(data, size, s->type, offsets);
    return memcmp(offsets, s->offsets, sizeof(offsets)) == 0 ? 0 : -EBADMSG;
}
