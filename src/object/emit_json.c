/* Blocks to JSON text, in one pass without a tree (seal.h). */
#include "object/emit.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/simd.h"
#include "object/typed.h"
#include "object/unseal.h"
#include "object/value_parts.h"

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
        emit_hard_text(e, data, len, true);
        return;
    }
    *e->at = '"';
    to[len] = '"';
    e->at = to + len + 1;
}

/* The text of the part at p; returns what is behind it. */
static inline const uint8_t *emit_text_at(struct emitter *e, const uint8_t *p)
{
    struct part part;
    if (*p == PART_WORD8 || *p == PART_WORD16) {
        unsigned number = *p == PART_WORD8 ? p[1] : (unsigned)(p[1] | p[2] << 8);
        emit_room(e, WORD_BYTES_MAX + 2);
        *e->at++ = '"';
        emit_word(e, number);
        *e->at++ = '"';
        return p + (*p == PART_WORD8 ? 2 : 3);
    }
    p = part_read(p, &part);
    emit_text(e, (const char *)part.data, part.size);
    return p;
}

static void emit_integer(struct emitter *e, int64_t value)
{
    emit_room(e, JSON_NUMBER_BYTES);
    if (value >= 0 && value < 10)
        *e->at++ = (char)('0' + value);
    else
        e->at += json_print_int(e->at, value);
}

static void emit_time(struct emitter *e, int64_t time, bool micro)
{
    if (time == (micro ? TIME_ZERO_S * 1000000 : TIME_ZERO_S)) {
        emit_put(e, "null", 4);
        return;
    }
    emit_room(e, TIME_TEXT_BYTES + 2);
    *e->at++ = '"';
    int64_t seconds = micro ? time / 1000000 : time;
    if (micro || seconds < 0) {
        e->at += time_print(e->at, micro ? time : time * 1000000, micro);
    } else {
        int64_t day = seconds / 86400;
        if (day != e->day) {
            char text[TIME_TEXT_BYTES];
            time_print(text, day * 86400 * 1000000, false);
            memcpy(e->date, text, DATE_BYTES);
            e->day = day;
        }
        memcpy(e->at, e->date, DATE_BYTES);
        time_print_of_day(e->at + DATE_BYTES, (unsigned)(seconds - day * 86400));
        e->at += DATE_BYTES + TIME_OF_DAY_BYTES;
    }
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
static void emit_members(struct emitter *e, const struct schema_type *t, const uint8_t *p,
                         const uint8_t *end, bool *comma);
static void emit_value(struct emitter *e, struct value v);

static void emit_fields(struct emitter *e, const uint8_t *data, uint32_t size)
{
    if (size && data[0] == FIELDS_SET) {
        emit_fields_set(e, data + 1, data + size, true);
        return;
    }
    emit_sync(e);
    fields_odd_to_json(e->out, data, size, true);
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
    case VALUE_TIME: emit_time(e, integer_read(v.data, v.size), v.detail & DETAIL_MICRO); break;
    case VALUE_FIELDS:
        if (v.detail & DETAIL_RAW)
            emit_fields_set(e, v.data, v.data + v.size, true);
        else
            emit_fields(e, v.data, v.size);
        break;
    case VALUE_LIST:
    case VALUE_MAP: emit_collection(e, v); break;
    case VALUE_OBJECT: emit_message(e, schema_type_fast(v.type), v.data, v.data + v.size); break;
    }
}

/* A list of text or messages, or a map of text to text: what nearly all lists and maps are. */
static void emit_text_list(struct emitter *e, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    for (char before = '['; at < end; before = ',') {
        emit_put(e, &before, 1);
        at = emit_text_at(e, at);
    }
    emit_put(e, "]", 1);
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

/* Kinds among the fields of another one say what they are; the items of a list of a kind don't. */
static void emit_kind_list(struct emitter *e, const struct schema_type *t, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    struct part item;
    for (char before = '['; at < end; before = ',') {
        bool comma = true;
        at = part_read(at, &item);
        emit_put(e, &before, 1);
        emit_put(e, "{", 1);
        emit_type_meta(e, t);
        emit_members(e, t, item.data, item.data + item.size, &comma);
        emit_put(e, "}", 1);
    }
    emit_put(e, "]", 1);
}

static void emit_message_list(struct emitter *e, const struct schema_type *t, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    struct part item;
    for (char before = '['; at < end; before = ',') {
        at = part_read(at, &item);
        emit_put(e, &before, 1);
        emit_message(e, t, item.data, item.data + item.size);
    }
    emit_put(e, "]", 1);
}

static void emit_text_map(struct emitter *e, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    for (char before = '{'; at < end; before = ',') {
        emit_put(e, &before, 1);
        at = emit_text_at(e, at);
        emit_put(e, ":", 1);
        at = emit_text_at(e, at);
    }
    emit_put(e, "}", 1);
}

/* Lists and maps, and kinds that are rarer. */
static void emit_other_field(struct emitter *e, const struct schema_field *f, struct part p)
{
    bool text = f->kind == FIELD_STRING || f->kind == FIELD_QUANTITY;
    if (p.size == 0)
        emit_value(e, value_of_field(f, p));
    else if (f->shape == SHAPE_LIST && f->kind == FIELD_STRING)
        emit_text_list(e, p);
    else if (f->shape == SHAPE_LIST && f->kind == FIELD_MESSAGE &&
             schema_type_fast(f->type)->is_kind &&
             !str_is((struct str){f->name, f->name_len}, "items"))
        emit_kind_list(e, schema_type_fast(f->type), p);
    else if (f->shape == SHAPE_LIST && f->kind == FIELD_MESSAGE)
        emit_message_list(e, schema_type_fast(f->type), p);
    else if (f->shape == SHAPE_MAP && text)
        emit_text_map(e, p);
    else
        emit_value(e, value_of_field(f, p));
}

/* The value of a field whose part is at p; returns what is behind it. */
static inline const uint8_t *emit_field(struct emitter *e, const struct schema_type *t,
                                        unsigned index, const uint8_t *p)
{
    const struct schema_key *k = &t->keys[index];
    struct part part;
    if (k->shape != SHAPE_ONE) {
        p = part_read(p, &part);
        emit_other_field(e, &t->fields[index], part);
        return p;
    }
    if (k->kind == FIELD_STRING || k->kind == FIELD_QUANTITY)
        return emit_text_at(e, p);
    p = part_read(p, &part);
    switch (k->kind) {
    case FIELD_MESSAGE:
        emit_message(e, schema_type_fast(k->type), part.data, part.data + part.size);
        break;
    case FIELD_INT32:
    case FIELD_INT64: emit_integer(e, integer_read(part.data, part.size)); break;
    case FIELD_TIME: emit_time(e, integer_read(part.data, part.size), false); break;
    default: emit_other_field(e, &t->fields[index], part); break;
    }
    return p;
}

/* "name": with a comma in front when it isn't the first. Names of up to 16 bytes come from the key.
 */
static inline void emit_key(struct emitter *e, const struct schema_type *t, unsigned index,
                            bool *comma)
{
    const struct schema_key *k = &t->keys[index];
    size_t len = k->name_len;
    emit_room(e, len + 4);
    char *to = e->at;
    *to = ',';
    to += *comma;
    *comma = true;
    if (likely(len <= 16)) {
        *to++ = '"';
        memcpy(to, &k->first, 8);
        memcpy(len >= 8 ? to + len - 8 : to, &k->last, 8);
        to += len;
        memcpy(to, "\":", 2);
        e->at = to + 2;
        return;
    }
    copy_bytes(to, t->fields[index].json_key, len + 3);
    e->at = to + len + 3;
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
        unsigned index = (unsigned)__builtin_ctzll(mask);
        emit_key(e, t, index, comma);
        emit_filler(e, &t->fields[index]);
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
        uint8_t tag = *p++;
        if (unlikely(tag > t->tag_max || !t->by_tag[tag])) {
            p = part_skip(p); /* of a newer version */
            continue;
        }
        unsigned index = t->by_tag[tag] - 1u;
        uint64_t bit = 1ULL << index;
        if (pending & (bit - 1))
            emit_fillers(e, t, pending & (bit - 1), comma);
        pending &= ~(bit | (bit - 1));
        emit_key(e, t, index, comma);
        p = emit_field(e, t, index, p);
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
    const struct schema_field *own = schema_field_fast(t, "resourceVersion", 15);
    unsigned own_index = (unsigned)(own - t->fields);
    bool comma = false, done = false;
    const uint8_t *at = p.data, *end = p.data + p.size;
    emit_put(e, "{", 1);
    /* Neither ObjectMeta nor ListMeta has a field that is always shown. */
    assert(!t->always_mask);
    while (at < end || !done) {
        unsigned index = at < end && *at <= t->tag_max ? t->by_tag[*at] - 1u : UINT32_MAX;
        if (!done && (at >= end || (index != UINT32_MAX && index > own_index))) {
            emit_key(e, t, own_index, &comma);
            emit_room(e, JSON_NUMBER_BYTES + 2);
            *e->at++ = '"';
            e->at += snprintf(e->at, JSON_NUMBER_BYTES, "%llu", (unsigned long long)revision);
            *e->at++ = '"';
            done = true;
        } else if (index == UINT32_MAX || index == own_index) {
            at = part_skip(at + 1);
        } else {
            emit_key(e, t, index, &comma);
            at = emit_field(e, t, index, at + 1);
        }
    }
    emit_put(e, "}", 1);
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
        emit_key(e, t, 0, &comma);
        emit_metadata(e, schema_type_fast(metadata->type), part, s->revision);
        struct schema_type rest = *t;
        rest.always_mask &= ~1ULL;
        emit_members(e, &rest, p, end, &comma);
    } else {
        emit_members(e, t, p, end, &comma);
    }
    emit_put(e, "}", 1);
}

/* metadata of a custom resource: its members ascend by name, the revision among them. */
static void emit_custom_metadata(struct emitter *e, struct value metadata, uint64_t revision)
{
    struct value_iter it = value_iter(metadata);
    struct str name = STR("resourceVersion");
    char before = '{';
    bool done = false, more = true;
    struct value item;
    while (more || !done) {
        more = more && value_next(&it, &item);
        if (!done && (!more || str_compare(it.key, name) >= 0)) {
            emit_put(e, &before, 1);
            emit_room(e, JSON_NUMBER_BYTES + 24);
            e->at += snprintf(e->at, JSON_NUMBER_BYTES + 24, "\"resourceVersion\":\"%llu\"",
                              (unsigned long long)revision);
            before = ',';
            done = true;
        }
        if (!more || str_equal(it.key, name))
            continue;
        emit_put(e, &before, 1);
        emit_text(e, it.key.data, it.key.len);
        emit_put(e, ":", 1);
        emit_value(e, item);
        before = ',';
    }
    emit_put(e, "}", 1);
}

static void emit_custom(struct emitter *e, const struct sealed *s)
{
    struct value_iter it = value_iter(sealed_root(s));
    emit_put(e, "{", 1);
    for (struct value item; value_next(&it, &item);) {
        if (it.index)
            emit_put(e, ",", 1);
        emit_text(e, it.key.data, it.key.len);
        emit_put(e, ":", 1);
        if (s->revision && item.kind == VALUE_MAP && str_is(it.key, "metadata"))
            emit_custom_metadata(e, item, s->revision);
        else
            emit_value(e, item);
    }
    emit_put(e, "}", 1);
}

void sealed_to_json(struct buf *out, const struct sealed *s, int flags)
{
    bool custom = s->type == SCHEMA_CUSTOM;
    if (flags & ENCODE_PRETTY || (!custom && !schema_type(s->type)->json_in_tag_order)) {
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
    struct emitter e = {.out = out, .day = INT64_MIN};
    buf_reserve(out, s->size * 4);
    emit_load(&e);
    if (custom)
        emit_custom(&e, s);
    else
        emit_root(&e, s, flags);
    emit_sync(&e);
    out->data[out->len] = 0;
}
