/* Blocks to protobuf, byte for byte as the original's generated code writes (seal.h): fields by
 * ascending number, zero values of fields that are no pointers included, map entries sorted by key.
 */
#include "object/encode.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/proto.h"
#include "object/seal.h"
#include "object/simd.h"
#include "object/typed.h"
#include "object/unseal.h"
#include "object/value_parts.h"

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2
};

static void emit_message(struct buf *out, const struct schema_type *t, const uint8_t *p,
                         const uint8_t *end);

static inline void put_varint(struct buf *out, uint64_t value)
{
    char *to = buf_reserve(out, 10), *start = to;
    while (value >= 0x80) {
        *to++ = (char)(value | 0x80);
        value >>= 7;
    }
    *to++ = (char)value;
    out->len += (size_t)(to - start);
}

static inline void put_key(struct buf *out, unsigned number, unsigned wire)
{
    put_varint(out, number << 3 | wire);
}

static inline void put_bytes(struct buf *out, unsigned number, const void *data, size_t size)
{
    put_key(out, number, WIRE_BYTES);
    put_varint(out, size);
    char *to = buf_reserve(out, size);
    copy_bytes(to, data, size);
    out->len += size;
}

static inline void put_int(struct buf *out, unsigned number, int64_t value)
{
    put_key(out, number, WIRE_VARINT);
    put_varint(out, (uint64_t)value);
}

static unsigned varint_size(size_t value)
{
    unsigned size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

/* A length-delimited field whose payload is written next; guess: about how long it will be. */
struct nested {
    size_t begun;
    unsigned room;
};

static struct nested nested_begin(struct buf *out, unsigned number, size_t guess)
{
    put_key(out, number, WIRE_BYTES);
    struct nested n = {.room = varint_size(guess)};
    buf_reserve(out, n.room);
    out->len += n.room;
    n.begun = out->len;
    return n;
}

static void nested_end(struct buf *out, struct nested n)
{
    size_t size = out->len - n.begun;
    unsigned want = varint_size(size);
    if (want != n.room) {
        buf_reserve(out, want);
        memmove(out->data + n.begun - n.room + want, out->data + n.begun, size);
    }
    char *to = out->data + n.begun - n.room;
    for (size_t rest = size; want--; rest >>= 7)
        *to++ = (char)((rest & 0x7f) | (want ? 0x80 : 0));
    out->len = (size_t)(to - out->data) + size;
}

static void emit_timestamp(struct buf *out, unsigned number, int64_t seconds, int64_t nanos,
                           bool zero)
{
    struct nested n = nested_begin(out, number, 8);
    if (!zero) {
        put_int(out, 1, seconds);
        put_int(out, 2, nanos);
    }
    nested_end(out, n);
}

static void emit_time(struct buf *out, unsigned number, const struct schema_field *f, struct part p)
{
    int64_t time = integer_read(p.data, p.size);
    if (f->kind == FIELD_TIME) {
        emit_timestamp(out, number, time, 0, time == TIME_ZERO_S);
        return;
    }
    int64_t seconds = time / 1000000, rest = time % 1000000;
    if (rest < 0) {
        rest += 1000000;
        seconds--;
    }
    emit_timestamp(out, number, seconds, rest * 1000, time == TIME_ZERO_S * 1000000);
}

static void emit_int_or_string(struct buf *out, unsigned number, struct part p)
{
    struct nested n = nested_begin(out, number, p.size + 6);
    bool text = p.size && p.data[0];
    put_int(out, 1, text);
    put_int(out, 2, text || !p.size ? 0 : integer_read(p.data + 1, p.size - 1));
    put_bytes(out, 3, p.data ? p.data + 1 : NULL, text ? p.size - 1 : 0);
    nested_end(out, n);
}

/* Raw JSON travels as its text. RawExtension's bytes are what Go's encoder made, which escapes
 * HTML. */
static void emit_raw(struct buf *out, unsigned number, const struct schema_field *f, struct part p)
{
    struct nested n = nested_begin(out, number, p.size * 2 + 2);
    struct buf text = BUF_INIT;
    if (f->kind == FIELD_FIELDS_V1) {
        fields_to_json(&text, p.data, p.size, false);
    } else {
        struct arena a = ARENA_INIT;
        json_write_node(&text, value_to_node(&a, value_of_raw(p)), f->kind == FIELD_RAW);
        arena_release(&a);
    }
    /* A null RawExtension has no bytes. */
    if (f->kind != FIELD_RAW || !str_is(buf_str(&text), "null"))
        put_bytes(out, 1, text.data, text.len);
    buf_release(&text);
    nested_end(out, n);
}

static void emit_schema(struct buf *out, unsigned number, const struct schema_field *f,
                        const uint8_t *p, const uint8_t *end)
{
    struct nested n = nested_begin(out, number, (size_t)(end - p) * 2);
    emit_message(out, schema_type_fast(f->type), p, end);
    nested_end(out, n);
}

static void emit_schema_or(struct buf *out, unsigned number, const struct schema_field *f,
                           struct part p)
{
    struct nested n = nested_begin(out, number, p.size * 2);
    const uint8_t *at = p.data + 1, *end = p.data + p.size;
    uint8_t form = p.size ? p.data[0] : SCHEMA_OR_FALSE;
    if (f->kind == FIELD_SCHEMA_OR_BOOL)
        put_int(out, 1, form != SCHEMA_OR_FALSE);
    if (form == SCHEMA_OR_SCHEMA)
        emit_schema(out, f->kind == FIELD_SCHEMA_OR_BOOL ? 2 : 1, f, at, end);
    while (form == SCHEMA_OR_LIST && at < end) {
        struct part item;
        at = part_read(at, &item);
        if (f->kind == FIELD_SCHEMA_OR_STRINGS)
            put_bytes(out, 2, item.data, item.size);
        else
            emit_schema(out, 2, f, item.data, item.data + item.size);
    }
    nested_end(out, n);
}

static void emit_one(struct buf *out, unsigned number, const struct schema_field *f, struct part p)
{
    struct nested n;
    double d;
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING:
    case FIELD_BYTES: put_bytes(out, number, p.data, p.size); break;
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL: put_int(out, number, integer_read(p.data, p.size)); break;
    case FIELD_DOUBLE:
        d = double_read(p.data, p.size);
        put_key(out, number, WIRE_FIXED64);
        buf_append(out, &d, sizeof(d));
        break;
    case FIELD_MESSAGE:
        n = nested_begin(out, number, p.size + p.size / 4);
        emit_message(out, schema_type_fast(f->type), p.data, p.data + p.size);
        nested_end(out, n);
        break;
    case FIELD_QUANTITY:
        n = nested_begin(out, number, p.size + 2);
        put_bytes(out, 1, p.size ? (const char *)p.data : "0", p.size ? p.size : 1);
        nested_end(out, n);
        break;
    case FIELD_TIME:
    case FIELD_MICRO_TIME: emit_time(out, number, f, p); break;
    case FIELD_DURATION: break; /* no served type has one */
    case FIELD_INT_OR_STRING: emit_int_or_string(out, number, p); break;
    case FIELD_RAW:
    case FIELD_JSON:
    case FIELD_FIELDS_V1: emit_raw(out, number, f, p); break;
    default: emit_schema_or(out, number, f, p); break;
    }
}

static void emit_map(struct buf *out, unsigned number, const struct schema_field *f, struct part p)
{
    const uint8_t *at = p.data, *end = p.data + p.size;
    while (at < end) {
        struct part key, item, inner;
        at = part_read(at, &key);
        at = part_read(at, &item);
        struct nested entry = nested_begin(out, number, (size_t)key.size + item.size + 4);
        put_bytes(out, 1, key.data, key.size);
        if (f->shape == SHAPE_MAP) {
            emit_one(out, 2, f, item);
        } else {
            struct nested list = nested_begin(out, 2, item.size * 2);
            for (const uint8_t *q = item.data; q < item.data + item.size;) {
                q = part_read(q, &inner);
                emit_one(out, 1, f, inner);
            }
            nested_end(out, list);
        }
        nested_end(out, entry);
    }
}

static void emit_present(struct buf *out, unsigned number, const struct schema_field *f,
                         struct part p)
{
    if (f->shape == SHAPE_ONE) {
        emit_one(out, number, f, p);
    } else if (f->shape == SHAPE_LIST) {
        for (const uint8_t *at = p.data, *end = p.data + p.size; at < end;) {
            struct part item;
            at = part_read(at, &item);
            emit_one(out, number, f, item);
        }
    } else {
        emit_map(out, number, f, p);
    }
}

/* The zero value of a field that is no pointer is written. */
static void emit_absent(struct buf *out, unsigned number, const struct schema_field *f)
{
    struct part zero = PART_EMPTY;
    if (f->shape != SHAPE_ONE || f->flags & FIELD_POINTER || f->kind == FIELD_BYTES)
        return;
    switch ((enum field_kind)f->kind) {
    case FIELD_TIME:
    case FIELD_MICRO_TIME: emit_timestamp(out, number, 0, 0, true); break;
    case FIELD_RAW: nested_end(out, nested_begin(out, number, 0)); break;
    case FIELD_JSON:
    case FIELD_FIELDS_V1:
    case FIELD_SCHEMA_OR_ARRAY:
    case FIELD_SCHEMA_OR_BOOL:
    case FIELD_SCHEMA_OR_STRINGS: break; /* always pointers */
    default: emit_one(out, number, f, zero); break;
    }
}

/* Messages that are embedded in Go and flat in JSON are open here; they are written even when
 * nothing is in them. */
struct groups {
    struct nested open[3];
    uint8_t numbers[3];
    unsigned depth;
};

static unsigned path_length(const struct schema_field *f)
{
    unsigned n = 0;
    while (n < 4 && f->numbers[n])
        n++;
    return n;
}

static unsigned enter_groups(struct buf *out, struct groups *g, const struct schema_field *f)
{
    unsigned length = f->numbers[1] ? path_length(f) : 1, same = 0;
    while (same < g->depth && same + 1 < length && g->numbers[same] == f->numbers[same])
        same++;
    while (g->depth > same)
        nested_end(out, g->open[--g->depth]);
    while (g->depth + 1 < length) {
        g->numbers[g->depth] = f->numbers[g->depth];
        g->open[g->depth] = nested_begin(out, f->numbers[g->depth], 64);
        g->depth++;
    }
    return f->numbers[length - 1];
}

static void emit_message(struct buf *out, const struct schema_type *t, const uint8_t *p,
                         const uint8_t *end)
{
    struct part parts[64];
    uint64_t present = 0;
    while (p < end) {
        const struct schema_field *f = schema_field_by_tag(t, *p);
        struct part part;
        p = part_read(p + 1, &part);
        if (!f)
            continue; /* of a newer version */
        parts[f - t->fields] = part;
        present |= 1ULL << (f - t->fields);
    }
    struct groups g = {.depth = 0};
    for (unsigned i = 0; i < t->number_count; i++) {
        unsigned index = t->by_number[i];
        const struct schema_field *f = &t->fields[index];
        unsigned number = g.depth || f->numbers[1] ? enter_groups(out, &g, f) : f->numbers[0];
        if (present >> index & 1)
            emit_present(out, number, f, parts[index]);
        else
            emit_absent(out, number, f);
    }
    while (g.depth)
        nested_end(out, g.open[--g.depth]);
}

/* Puts the revision into a copy of the body: metadata is rewritten with resourceVersion. */
static void emit_with_revision(struct buf *out, const struct sealed *s)
{
    const struct schema_type *t = schema_type(s->type);
    const struct schema_field *metadata = revision_metadata(t);
    const struct schema_field *own =
        schema_field_fast(schema_type_fast(metadata->type), "resourceVersion", 15);
    const uint8_t *p = s->body, *end = (const uint8_t *)s + s->size;
    struct part part = PART_EMPTY;
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)s->revision);
    struct writer w = {0};
    const uint8_t *before = p;
    while (p < end && *p < metadata->tag)
        p = part_skip(p + 1);
    writer_bytes(&w, before, (size_t)(p - before));
    if (p < end && *p == metadata->tag)
        p = part_read(p + 1, &part);
    writer_byte(&w, metadata->tag);
    size_t begun = part_begin(&w, 3);
    const uint8_t *q = part.data, *part_end_at = part.data + part.size;
    while (q < part_end_at && *q < own->tag)
        q = part_skip(q + 1);
    writer_bytes(&w, part.data, (size_t)(q - part.data));
    writer_byte(&w, own->tag);
    part_write_bytes(&w, digits, (size_t)len);
    if (q < part_end_at && *q == own->tag)
        q = part_skip(q + 1);
    writer_bytes(&w, q, (size_t)(part_end_at - q));
    part_end(&w, begun, 3);
    writer_bytes(&w, p, (size_t)(end - p));
    emit_message(out, t, w.data, w.data + w.len);
    mem_free(w.data);
}

void sealed_to_proto(struct buf *out, const struct sealed *s)
{
    assert(s->type != SCHEMA_CUSTOM);
    buf_reserve(out, s->size * 2);
    if (s->revision && revision_metadata(schema_type(s->type)))
        emit_with_revision(out, s);
    else
        emit_message(out, schema_type(s->type), s->body, (const uint8_t *)s + s->size);
    buf_reserve(out, 1);
    out->data[out->len] = 0;
}

int node_to_proto(struct buf *out, schema_id type, const struct node *n, struct status *st)
{
    struct writer w = {0};
    if (!schema_type(type)->number_count && schema_type(type)->field_count)
        return status_set(st, REASON_NOT_ACCEPTABLE,
                          "object *%s.%s does not implement the protobuf marshalling interface and "
                          "cannot be encoded to a protobuf message",
                          schema_type(type)->version, schema_type(type)->kind);
    int err = encode_body(&w, type, n, st);
    if (err == 0) {
        emit_message(out, schema_type(type), w.data, w.data + w.len);
        buf_reserve(out, 1);
        out->data[out->len] = 0;
    }
    mem_free(w.data);
    return err;
}

/* "k8s\0", then runtime.Unknown: 1 typeMeta, 2 raw, 3 contentEncoding and 4 contentType (both
 * empty). The length of raw takes five bytes until the end knows it. */
size_t proto_envelope_begin(struct buf *out, struct str api_version, struct str kind)
{
    buf_append(out, "k8s\0", 4);
    struct nested meta = nested_begin(out, 1, api_version.len + kind.len + 4);
    put_bytes(out, 1, api_version.data, api_version.len);
    put_bytes(out, 2, kind.data, kind.len);
    nested_end(out, meta);
    struct nested raw = nested_begin(out, 2, 1 << 20);
    return raw.begun;
}

void proto_envelope_end(struct buf *out, size_t mark)
{
    nested_end(out, (struct nested){.begun = mark, .room = varint_size(1 << 20)});
    buf_append(out, "\x1a\x00\x22\x00", 4);
}
