#include "object/value.h"

#include "object/json.h"
#include "object/scalar.h"
#include "object/value_parts.h"

static const uint8_t ONE = 1;

struct value value_of_raw(struct part p)
{
    struct value v = {.data = p.data, .size = p.size, .kind = VALUE_STRING};
    if (p.is_word)
        return v;
    if (p.size == 0)
        return (struct value){.kind = VALUE_NULL};
    v.data++;
    v.size--;
    switch (p.data[0]) {
    case RAW_NULL: v.kind = VALUE_NULL; break;
    case RAW_FALSE: v.kind = VALUE_BOOL; break;
    case RAW_TRUE:
        v.kind = VALUE_BOOL;
        v.data = &ONE;
        v.size = 1;
        break;
    case RAW_INT: v.kind = VALUE_INT; break;
    case RAW_DOUBLE: v.kind = VALUE_DOUBLE; break;
    case RAW_TEXT: v.kind = VALUE_STRING; break;
    case RAW_LIST:
        v.kind = VALUE_LIST;
        v.detail = DETAIL_RAW;
        break;
    case RAW_FIELDS:
        v.kind = VALUE_FIELDS;
        v.detail = DETAIL_RAW;
        break;
    default:
        v.kind = VALUE_MAP;
        v.detail = DETAIL_RAW;
        break;
    }
    return v;
}

static struct value schema_or(const struct schema_field *f, struct value v)
{
    if (v.size == 0)
        return (struct value){.kind = VALUE_NONE};
    switch (v.data[0]) {
    case SCHEMA_OR_FALSE:
    case SCHEMA_OR_TRUE: v.kind = VALUE_BOOL; return v;
    case SCHEMA_OR_SCHEMA:
        v.kind = VALUE_OBJECT;
        v.type = f->type;
        break;
    default:
        v.kind = VALUE_LIST;
        v.detail = DETAIL_SCHEMAS;
        break;
    }
    v.data++;
    v.size--;
    return v;
}

struct value value_of_item(const struct schema_field *f, struct part p)
{
    struct value v = {.data = p.data, .size = p.size, .field = f};
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING:
    case FIELD_QUANTITY:
    case FIELD_DURATION: v.kind = VALUE_STRING; break;
    case FIELD_INT32:
    case FIELD_INT64: v.kind = VALUE_INT; break;
    case FIELD_DOUBLE: v.kind = VALUE_DOUBLE; break;
    case FIELD_BOOL: v.kind = VALUE_BOOL; break;
    case FIELD_BYTES: v.kind = VALUE_BYTES; break;
    case FIELD_MESSAGE:
        v.kind = VALUE_OBJECT;
        v.type = f->type;
        break;
    case FIELD_MICRO_TIME: v.detail = DETAIL_MICRO; fallthrough;
    case FIELD_TIME: v.kind = VALUE_TIME; break;
    case FIELD_INT_OR_STRING:
        v.kind = p.size && p.data[0] ? VALUE_STRING : VALUE_INT;
        v.data += p.size > 0;
        v.size -= p.size > 0;
        break;
    case FIELD_RAW:
    case FIELD_JSON: {
        struct value raw = value_of_raw(p);
        raw.field = f;
        return raw;
    }
    case FIELD_FIELDS_V1: v.kind = VALUE_FIELDS; break;
    case FIELD_SCHEMA_OR_ARRAY:
    case FIELD_SCHEMA_OR_BOOL:
    case FIELD_SCHEMA_OR_STRINGS: return schema_or(f, v);
    }
    return v;
}

struct value value_of_field(const struct schema_field *f, struct part p)
{
    if (f->shape == SHAPE_ONE)
        return value_of_item(f, p);
    return (struct value){.data = p.data,
                          .size = p.size,
                          .field = f,
                          .type = f->kind == FIELD_MESSAGE ? f->type : SCHEMA_NONE,
                          .kind = f->shape == SHAPE_LIST ? VALUE_LIST : VALUE_MAP};
}

/* An item of a list or a value of a map. */
static struct value child(struct value of, struct part p)
{
    if (of.detail & DETAIL_RAW)
        return value_of_raw(p);
    const struct schema_field *f = of.field;
    if (of.detail & DETAIL_SCHEMAS) {
        bool texts = f->kind == FIELD_SCHEMA_OR_STRINGS;
        return (struct value){.data = p.data,
                              .size = p.size,
                              .field = f,
                              .kind = texts ? VALUE_STRING : VALUE_OBJECT,
                              .type = texts ? SCHEMA_NONE : f->type};
    }
    if (f->shape == SHAPE_MAP_OF_LIST && !(of.detail & DETAIL_INNER))
        return (struct value){
            .data = p.data, .size = p.size, .field = f, .kind = VALUE_LIST, .detail = DETAIL_INNER};
    return value_of_item(f, p);
}

static struct value find_field(struct value v, const struct schema_field *f)
{
    const uint8_t *p = v.data, *end = v.data + v.size;
    while (p < end && *p < f->tag)
        p = part_skip(p + 1);
    if (p >= end || *p != f->tag)
        return (struct value){0};
    struct part part;
    part_read(p + 1, &part);
    return value_of_field(f, part);
}

static struct value find_member(struct value v, struct str key)
{
    const uint8_t *p = v.data, *end = v.data + v.size;
    while (p < end) {
        struct part name, part;
        p = part_read(p, &name);
        if (str_equal((struct str){(const char *)name.data, name.size}, key)) {
            part_read(p, &part);
            return child(v, part);
        }
        p = part_skip(p);
    }
    return (struct value){0};
}

/* The header's row of offsets saves the way past large fields. */
static bool find_by_offset(struct value v, struct str key, struct value *ret)
{
    bool spec = str_is(key, "spec");
    if (!spec && !str_is(key, "status"))
        return false;
    const struct sealed *s = (const struct sealed *)(v.data - BLOCK_HEADER_BYTES);
    uint32_t offset = s->offsets[spec ? OFFSET_SPEC : OFFSET_STATUS];
    const struct schema_field *f = schema_field_fast(schema_type_fast(v.type), key.data, key.len);
    struct part part;
    if (!offset || !f) {
        *ret = (struct value){0};
        return true;
    }
    part_read((const uint8_t *)s + offset, &part);
    *ret = value_of_field(f, part);
    return true;
}

struct value value_key(struct value v, struct str key)
{
    if (v.kind == VALUE_MAP)
        return find_member(v, key);
    if (v.kind != VALUE_OBJECT || str_empty(key))
        return (struct value){0};
    struct value found;
    if (v.detail & DETAIL_ROOT && find_by_offset(v, key, &found))
        return found;
    const struct schema_type *t = schema_type_fast(v.type);
    const struct schema_field *f = t->field_count ? schema_field_fast(t, key.data, key.len) : NULL;
    return f ? find_field(v, f) : (struct value){0};
}

struct value value_at(struct value v, const char *path)
{
    while (*path && v.kind != VALUE_NONE) {
        const char *dot = strchrnul(path, '.');
        v = value_key(v, (struct str){path, (size_t)(dot - path)});
        path = *dot ? dot + 1 : dot;
    }
    return v;
}

struct str value_str(struct value v, const char *path)
{
    v = value_at(v, path);
    return v.kind == VALUE_STRING ? (struct str){(const char *)v.data, v.size} : STR_NONE;
}

int64_t value_int(struct value v, const char *path, int64_t otherwise)
{
    v = value_at(v, path);
    if (v.kind == VALUE_INT)
        return integer_read(v.data, v.size);
    if (v.kind == VALUE_DOUBLE) {
        double d = double_read(v.data, v.size);
        return d > -9.2e18 && d < 9.2e18 ? (int64_t)d : otherwise;
    }
    return otherwise;
}

bool value_bool(struct value v, const char *path, bool otherwise)
{
    v = value_at(v, path);
    return v.kind == VALUE_BOOL ? integer_read(v.data, v.size) != 0 : otherwise;
}

double value_double(struct value v, const char *path, double otherwise)
{
    v = value_at(v, path);
    if (v.kind == VALUE_DOUBLE)
        return double_read(v.data, v.size);
    return v.kind == VALUE_INT ? (double)integer_read(v.data, v.size) : otherwise;
}

int64_t value_time_us(struct value v, const char *path)
{
    v = value_at(v, path);
    if (v.kind == VALUE_STRING) { /* of a custom resource */
        int64_t us;
        return time_parse((struct str){(const char *)v.data, v.size}, &us) == 0 ? us : 0;
    }
    if (v.kind != VALUE_TIME)
        return 0;
    int64_t time = integer_read(v.data, v.size);
    return v.detail & DETAIL_MICRO ? time : time * 1000000;
}

struct str value_text(struct arena *a, struct value v, const char *path)
{
    char number[JSON_NUMBER_BYTES];
    v = value_at(v, path);
    switch ((enum value_kind)v.kind) {
    case VALUE_STRING: return (struct str){(const char *)v.data, v.size};
    case VALUE_BOOL: return integer_read(v.data, v.size) ? STR("true") : STR("false");
    case VALUE_INT:
        return arena_str(
            a, (struct str){number, json_print_int(number, integer_read(v.data, v.size))});
    case VALUE_DOUBLE:
        return arena_str(
            a, (struct str){number, json_print_double(number, double_read(v.data, v.size))});
    case VALUE_TIME: {
        int64_t us = value_time_us(v, "");
        return v.detail & DETAIL_MICRO ? micro_time_format(a, us) : time_format(a, us);
    }
    case VALUE_BYTES: {
        size_t len = json_base64_encoded_size(v.size);
        char *text = arena_alloc(a, len + 1);
        json_base64_encode(text, v.data, v.size);
        return (struct str){text, len};
    }
    default: return STR_NONE;
    }
}

struct value_iter value_iter(struct value v)
{
    return (struct value_iter){.of = v, .index = UINT32_MAX};
}

static bool next_field(struct value_iter *it, struct value *ret)
{
    const struct schema_type *t = schema_type_fast(it->of.type);
    while (it->at < it->of.size) {
        const uint8_t *p = it->of.data + it->at;
        struct part part;
        const struct schema_field *f = schema_field_by_tag(t, *p);
        it->at = (uint32_t)(part_read(p + 1, &part) - it->of.data);
        if (!f)
            continue; /* of a newer version */
        it->key = (struct str){f->name, f->name_len};
        *ret = value_of_field(f, part);
        return true;
    }
    return false;
}

bool value_next(struct value_iter *it, struct value *ret)
{
    struct part part, key;
    it->index++;
    if (it->of.kind == VALUE_OBJECT)
        return next_field(it, ret);
    if ((it->of.kind != VALUE_LIST && it->of.kind != VALUE_MAP) || it->at >= it->of.size)
        return false;
    const uint8_t *p = it->of.data + it->at;
    if (it->of.kind == VALUE_MAP) {
        p = part_read(p, &key);
        it->key = (struct str){(const char *)key.data, key.size};
    }
    it->at = (uint32_t)(part_read(p, &part) - it->of.data);
    *ret = child(it->of, part);
    return true;
}

size_t value_count(struct value v)
{
    size_t parts = 0;
    if (v.kind == VALUE_OBJECT) {
        struct value_iter it = value_iter(v);
        for (struct value item; value_next(&it, &item);)
            parts++;
        return parts;
    }
    if (v.kind != VALUE_LIST && v.kind != VALUE_MAP)
        return 0;
    for (const uint8_t *p = v.data, *end = v.data + v.size; p < end; p = part_skip(p))
        parts++;
    return v.kind == VALUE_MAP ? parts / 2 : parts;
}

struct value value_item(struct value v, size_t index)
{
    if (v.kind != VALUE_LIST)
        return (struct value){0};
    const uint8_t *p = v.data, *end = v.data + v.size;
    for (; p < end && index; index--)
        p = part_skip(p);
    if (p >= end)
        return (struct value){0};
    struct part part;
    part_read(p, &part);
    return child(v, part);
}
