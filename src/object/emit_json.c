/* Blocks to JSON text, in one pass without a tree (seal.h). */
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/simd.h"
#include "object/typed.h"
#include "object/unseal.h"
#include "object/value_parts.h"

/* The buffer's end in registers; emit_sync puts it back. */
struct emitter {
    struct buf *out;
    char *at, *end;
};

static void emit_sync(struct emitter *e)
{
    e->out->len = (size_t)(e->at - e->out->data);
}

static void emit_load(struct emitter *e)
{
    e->at = e->out->data + e->out->len;
    e->end = e->out->data + e->out->cap;
}

static __attribute__((noinline)) void emit_grow(struct emitter *e, size_t extra)
{
    emit_sync(e);
    buf_reserve(e->out, MAX(extra, (size_t)1024));
    emit_load(e);
}

static inline void emit_room(struct emitter *e, size_t extra)
{
    if (unlikely((size_t)(e->end - e->at) <= extra))
        emit_grow(e, extra);
}

static inline void emit_put(struct emitter *e, const char *data, size_t len)
{
    emit_room(e, len);
    copy_bytes(e->at, data, len);
    e->at += len;
}

static __attribute__((noinline)) void emit_hard_text(struct emitter *e, const char *data,
                                                     size_t len)
{
    emit_sync(e);
    json_write_text(e->out, data, len, true);
    emit_load(e);
}

static inline void emit_text(struct emitter *e, const char *data, size_t len)
{
    emit_room(e, len + 2);
    char *to = e->at + 1;
    unsigned special = 0;
    if (len >= 16) {
        size_t i = 0;
        for (; i + 16 <= len; i += 16) {
            bytes16 v = bytes16_load(data + i);
            special |= bytes16_escapes(v);
            bytes16_store(to + i, v);
        }
        bytes16 v = bytes16_load(data + len - 16);
        special |= bytes16_escapes(v);
        bytes16_store(to + len - 16, v);
    } else if (len) {
        special = bytes16_escapes(bytes16_load_short(data, len));
        copy_short(to, data, len);
    }
    if (unlikely(special)) {
        emit_hard_text(e, data, len);
        return;
    }
    *e->at = '"';
    to[len] = '"';
    e->at = to + len + 1;
}

static inline void emit_text_part(struct emitter *e, struct part p)
{
    if (!p.is_word) {
        emit_text(e, (const char *)p.data, p.size);
        return;
    }
    emit_room(e, p.size + 2);
    *e->at++ = '"';
    copy_bytes(e->at, (const char *)p.data, p.size);
    e->at += p.size;
    *e->at++ = '"';
}

static void emit_integer(struct emitter *e, int64_t value)
{
    emit_room(e, JSON_NUMBER_BYTES);
    if (value >= 0 && value < 10)
        *e->at++ = (char)('0' + value);
    else
        e->at += json_print_int(e->at, value);
}

static void emit_time(struct emitter *e, struct value v)
{
    int64_t time = integer_read(v.data, v.size);
    bool micro = v.detail & DETAIL_MICRO;
    if (time == (micro ? TIME_ZERO_S * 1000000 : TIME_ZERO_S)) {
        emit_put(e, "null", 4);
        return;
    }
    emit_room(e, TIME_TEXT_BYTES + 2);
    *e->at++ = '"';
    e->at += time_print(e->at, micro ? time : time * 1000000, micro);
    *e->at++ = '"';
}

static void emit_bytes(struct emitter *e, struct value v)
{
    size_t len = json_base64_encoded_size(v.size);
    emit_room(e, len + 2);
    *e->at++ = '"';
    json_base64_encode(e->at, v.data, v.size);
    e->at += len;
    *e->at++ = '"';
}

static void emit_message(struct emitter *e, const struct schema_type *t, const uint8_t *data,
                         const uint8_t *end);
static void emit_value(struct emitter *e, struct value v);

static void emit_fields(struct emitter *e, struct value v)
{
    emit_sync(e);
    if (v.detail & DETAIL_RAW)
        fields_set_to_json(e->out, v.data, v.size, true);
    else
        fields_to_json(e->out, v.data, v.size, true);
    emit_load(e);
}

static void emit_collection(struct emitter *e, struct value v)
{
    bool map = v.kind == VALUE_MAP;
    struct value_iter it = value_iter(v);
    emit_put(e, map ? "{" : "[", 1);
    for (struct value item; value_next(&it, &item);) {
        if (it.index)
            emit_put(e, ",", 1);
        if (map) {
            emit_text(e, it.key.data, it.key.len);
            emit_put(e, ":", 1);
        }
        emit_value(e, item);
    }
    emit_put(e, map ? "}" : "]", 1);
}

static void emit_value(struct emitter *e, struct value v)
{
    switch ((enum value_kind)v.kind) {
    case VALUE_NONE:
    case VALUE_NULL: emit_put(e, "null", 4); break;
    case VALUE_BOOL:
        if (integer_read(v.data, v.size))
            emit_put(e, "true", 4);
        else
            emit_put(e, "false", 5);
        break;
    case VALUE_INT: emit_integer(e, integer_read(v.data, v.size)); break;
    case VALUE_DOUBLE:
        emit_room(e, JSON_NUMBER_BYTES);
        e->at += json_print_double(e->at, double_read(v.data, v.size));
        break;
    case VALUE_STRING: emit_text(e, (const char *)v.data, v.size); break;
    case VALUE_BYTES: emit_bytes(e, v); break;
    case VALUE_TIME: emit_time(e, v); break;
    case VALUE_FIELDS: emit_fields(e, v); break;
    case VALUE_LIST:
    case VALUE_MAP: emit_collection(e, v); break;
    case VALUE_OBJECT: emit_message(e, schema_type_fast(v.type), v.data, v.data + v.size); break;
    }
}

/* A list of text or messages, or a map of text to text: what nearly all lists and maps are. */
static void emit_plain_list(struct emitter *e, const struct schema_field *f, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    struct part item;
    char before = '[';
    for (; at < end; before = ',') {
        at = part_read(at, &item);
        emit_put(e, &before, 1);
        if (f->kind == FIELD_MESSAGE)
            emit_message(e, schema_type_fast(f->type), item.data, item.data + item.size);
        else
            emit_text_part(e, item);
    }
    emit_put(e, "]", 1);
}

static void emit_text_map(struct emitter *e, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    struct part key, item;
    char before = '{';
    for (; at < end; before = ',') {
        at = part_read(at, &key);
        at = part_read(at, &item);
        emit_put(e, &before, 1);
        emit_text_part(e, key);
        emit_put(e, ":", 1);
        emit_text_part(e, item);
    }
    emit_put(e, "}", 1);
}

static inline void emit_field_value(struct emitter *e, const struct schema_field *f, struct part p)
{
    bool text = f->kind == FIELD_STRING || f->kind == FIELD_QUANTITY;
    if (f->shape == SHAPE_ONE && text)
        emit_text_part(e, p);
    else if (f->shape == SHAPE_ONE && f->kind == FIELD_MESSAGE)
        emit_message(e, schema_type_fast(f->type), p.data, p.data + p.size);
    else if (f->shape == SHAPE_LIST && (f->kind == FIELD_STRING || f->kind == FIELD_MESSAGE) &&
             p.size)
        emit_plain_list(e, f, p);
    else if (f->shape == SHAPE_MAP && text && p.size)
        emit_text_map(e, p);
    else
        emit_value(e, value_of_field(f, p));
}

static inline void emit_key(struct emitter *e, const struct schema_field *f, bool *comma)
{
    emit_room(e, (size_t)f->name_len + 4);
    *e->at = ',';
    e->at += *comma;
    *comma = true;
    copy_bytes(e->at, f->json_key, (size_t)f->name_len + 3);
    e->at += f->name_len + 3;
}

/* A field that is absent and always shown. */
static void emit_filler(struct emitter *e, const struct schema_field *f)
{
    if (f->shape != SHAPE_ONE || f->flags & FIELD_POINTER) {
        emit_put(e, "null", 4);
        return;
    }
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING: emit_put(e, "\"\"", 2); break;
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_DOUBLE:
    case FIELD_INT_OR_STRING: emit_put(e, "0", 1); break;
    case FIELD_BOOL: emit_put(e, "false", 5); break;
    case FIELD_QUANTITY: emit_put(e, "\"0\"", 3); break;
    case FIELD_DURATION: emit_put(e, "\"0s\"", 4); break;
    case FIELD_MESSAGE: emit_message(e, schema_type_fast(f->type), NULL, NULL); break;
    default: emit_put(e, "null", 4); break;
    }
}

static void emit_fillers(struct emitter *e, const struct schema_type *t, uint64_t mask, bool *comma)
{
    for (; mask; mask &= mask - 1) {
        const struct schema_field *f = &t->fields[__builtin_ctzll(mask)];
        emit_key(e, f, comma);
        emit_filler(e, f);
    }
}

static void emit_node(struct emitter *e, const struct node *n)
{
    emit_sync(e);
    json_write_node(e->out, n, true);
    emit_load(e);
}

/* The fields of a message, without braces. */
static void emit_members(struct emitter *e, const struct schema_type *t, const uint8_t *p,
                         const uint8_t *end, bool *comma)
{
    uint64_t pending = t->always_mask;
    while (p < end) {
        uint8_t tag = *p;
        struct part part;
        p = part_read(p + 1, &part);
        const struct schema_field *f = schema_field_by_tag(t, tag);
        if (!f)
            continue; /* of a newer version */
        uint64_t bit = 1ULL << (f - t->fields);
        if (pending & (bit - 1))
            emit_fillers(e, t, pending & (bit - 1), comma);
        pending &= ~(bit | (bit - 1));
        emit_key(e, f, comma);
        emit_field_value(e, f, part);
    }
    emit_fillers(e, t, pending, comma);
}

static void emit_message(struct emitter *e, const struct schema_type *t, const uint8_t *data,
                         const uint8_t *end)
{
    if (unlikely(!t->json_in_tag_order)) {
        struct arena a = ARENA_INIT;
        emit_node(e, body_to_node(&a, t->stable_number, data, (uint32_t)(end - data)));
        arena_release(&a);
        return;
    }
    bool comma = false;
    emit_put(e, "{", 1);
    emit_members(e, t, data, end, &comma);
    emit_put(e, "}", 1);
}

/* metadata of the root: as any message, with the revision among its fields. */
static void emit_metadata(struct emitter *e, const struct schema_type *t, struct part p,
                          uint64_t revision)
{
    char digits[JSON_NUMBER_BYTES];
    const struct schema_field *own = schema_field_fast(t, "resourceVersion", 15);
    struct part text = {(const uint8_t *)digits, 0, false};
    text.size = (uint32_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)revision);
    bool comma = false, done = false;
    uint64_t below = own ? (1ULL << (own - t->fields)) - 1 : 0;
    const uint8_t *at = p.data, *end = p.data + p.size;
    emit_put(e, "{", 1);
    /* Neither ObjectMeta nor ListMeta has a field that is always shown. */
    assert(!t->always_mask && below);
    while (at < end) {
        const struct schema_field *f = schema_field_by_tag(t, *at);
        struct part part;
        at = part_read(at + 1, &part);
        if (!f || f == own)
            continue;
        if (!done && f > own) {
            emit_key(e, own, &comma);
            emit_text_part(e, text);
            done = true;
        }
        emit_key(e, f, &comma);
        emit_field_value(e, f, part);
    }
    if (!done) {
        emit_key(e, own, &comma);
        emit_text_part(e, text);
    }
    emit_put(e, "}", 1);
}

static void emit_type_meta(struct emitter *e, const struct schema_type *t)
{
    emit_put(e, "\"kind\":\"", 8);
    emit_put(e, t->kind, strlen(t->kind));
    emit_put(e, "\",\"apiVersion\":\"", 16);
    if (t->group[0]) {
        emit_put(e, t->group, strlen(t->group));
        emit_put(e, "/", 1);
    }
    emit_put(e, t->version, strlen(t->version));
    emit_put(e, "\"", 1);
}

static void emit_root(struct emitter *e, const struct sealed *s, int flags)
{
    const struct schema_type *t = schema_type(s->type);
    const struct schema_field *metadata = revision_metadata(t);
    const uint8_t *p = s->body, *end = (const uint8_t *)s + s->size;
    bool comma = false;
    emit_put(e, "{", 1);
    if (flags & ENCODE_TYPE_META && t->is_kind) {
        emit_type_meta(e, t);
        comma = true;
    }
    /* Metadata is the first field of every kind that is stored. */
    if (s->revision && metadata && metadata == t->fields) {
        struct part part = PART_EMPTY;
        if (p < end && *p == metadata->tag)
            p = part_read(p + 1, &part);
        emit_key(e, metadata, &comma);
        emit_metadata(e, schema_type_fast(metadata->type), part, s->revision);
        struct schema_type rest = *t;
        rest.always_mask &= ~1ULL;
        emit_members(e, &rest, p, end, &comma);
    } else {
        emit_members(e, t, p, end, &comma);
    }
    emit_put(e, "}", 1);
}

void sealed_to_json(struct buf *out, const struct sealed *s, int flags)
{
    bool custom = s->type == SCHEMA_CUSTOM;
    if (flags & ENCODE_PRETTY || custom || !schema_type(s->type)->json_in_tag_order) {
        struct arena a = ARENA_INIT;
        struct node *n = unseal(&a, s);
        if (!(flags & ENCODE_TYPE_META) && !custom) {
            node_remove(n, STR("kind"));
            node_remove(n, STR("apiVersion"));
        }
        node_to_json(out, n, flags);
        arena_release(&a);
        return;
    }
    struct emitter e = {.out = out};
    buf_reserve(out, s->size * 4);
    emit_load(&e);
    emit_root(&e, s, flags);
    emit_sync(&e);
    out->data[out->len] = 0;
}
