/* Blocks to protobuf, byte for byte as the original's generated code writes (seal.h): fields by
 * ascending number, zero values of fields that are no pointers included, map entries sorted by key.
 */
#include "object/emit_proto.h"
#include "object/emit.h"
#include "object/encode.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/proto.h"
#include "object/seal.h"
#include "object/simd.h"
#include "object/typed.h"
#include "object/unseal.h"
#include "object/value_parts.h"

static void emit_message(struct emitter *e, schema_id id, const uint8_t *p, const uint8_t *end);

/* These three need room that their callers made. */
static inline void put_varint(struct emitter *e, uint64_t value)
{
    char *to = e->at;
    while (value >= 0x80) {
        *to++ = (char)(value | 0x80);
        value >>= 7;
    }
    *to++ = (char)value;
    e->at = to;
}

static inline void put_byte(struct emitter *e, uint8_t byte)
{
    *e->at++ = (char)byte;
}

static inline void put_key(struct emitter *e, const struct schema_wire *w)
{
    memcpy(e->at, &w->key, KEY_BYTES);
    e->at += w->key_size;
}

/* The key of a number below 16. */
static inline uint8_t small_key(unsigned number, unsigned wire)
{
    return (uint8_t)(number << 3 | wire);
}

/* Length and bytes. */
static inline void put_bytes(struct emitter *e, const void *data, size_t size)
{
    emit_room(e, size + VARINT32_BYTES);
    put_varint(e, size);
    copy_bytes(e->at, data, size);
    e->at += size;
}

/* The same of the part at p, which may be a word; returns what is behind it. */
static __attribute__((noinline)) const uint8_t *put_text(struct emitter *e, const uint8_t *p)
{
    if (*p == PART_WORD8 || *p == PART_WORD16) {
        unsigned number = *p == PART_WORD8 ? p[1] : (unsigned)(p[1] | p[2] << 8);
        emit_room(e, WORD_BYTES_MAX + 1);
        put_byte(e, schema_words[number].len);
        emit_word(e, number);
        return p + (*p == PART_WORD8 ? 2 : 3);
    }
    struct part part;
    p = part_read(p, &part);
    put_bytes(e, part.data, part.size);
    return p;
}

/* A payload that is written next, with its length in front. */
struct nested {
    size_t begun;
    unsigned room; /* bytes of the length, by guess */
};

/* guess: about how long it will be. */
static inline struct nested nested_begin(struct emitter *e, size_t guess)
{
    unsigned room = varint_size(guess);
    emit_room(e, VARINT32_BYTES);
    e->at += room;
    return (struct nested){(size_t)(e->at - e->out->data), room};
}

static __attribute__((noinline)) void nested_move(struct emitter *e, struct nested n, size_t size)
{
    unsigned want = varint_size(size);
    emit_room(e, VARINT32_BYTES);
    char *to = e->out->data + n.begun - n.room;
    if (want != n.room)
        memmove(to + want, to + n.room, size);
    e->at = to;
    put_varint(e, size);
    e->at += size;
}

static inline void nested_end(struct emitter *e, struct nested n)
{
    size_t size = (size_t)(e->at - e->out->data) - n.begun;
    char *length = e->out->data + n.begun - n.room;
    if (likely(n.room == 1 && size < 0x80)) {
        *length = (char)size;
    } else if (n.room == 2 && size >= 0x80 && size < 0x4000) {
        length[0] = (char)(size | 0x80);
        length[1] = (char)(size >> 7);
    } else {
        nested_move(e, n, size);
    }
}

static void emit_timestamp(struct emitter *e, int64_t seconds, int64_t nanos)
{
    char *length = e->at++;
    put_byte(e, small_key(1, WIRE_VARINT));
    put_varint(e, (uint64_t)seconds);
    put_byte(e, small_key(2, WIRE_VARINT));
    put_varint(e, (uint64_t)nanos);
    *length = (char)(e->at - length - 1);
}

static void emit_time(struct emitter *e, struct part p, bool micro)
{
    int64_t time = integer_read(p.data, p.size), unit = micro ? 1000000 : 1;
    emit_room(e, 3 + 2 * VARINT_BYTES);
    if (time == TIME_ZERO_S * unit) {
        put_byte(e, 0);
        return;
    }
    int64_t rest = time % unit;
    rest += rest < 0 ? unit : 0;
    emit_timestamp(e, (time - rest) / unit, rest * 1000);
}

static void emit_quantity(struct emitter *e, struct part p)
{
    if (p.size == 0)
        p = (struct part){(const uint8_t *)"0", 1, false};
    emit_room(e, VARINT32_BYTES + 1);
    put_varint(e, 1 + varint_size(p.size) + p.size);
    put_byte(e, small_key(1, WIRE_BYTES));
    put_bytes(e, p.data, p.size);
}

static void emit_int_or_string(struct emitter *e, struct part p)
{
    bool text = p.size && p.data[0];
    struct nested n = nested_begin(e, p.size + 6);
    emit_room(e, 4 + VARINT_BYTES);
    put_byte(e, small_key(1, WIRE_VARINT));
    put_byte(e, text);
    put_byte(e, small_key(2, WIRE_VARINT));
    put_varint(e, text || !p.size ? 0 : (uint64_t)integer_read(p.data + 1, p.size - 1));
    put_byte(e, small_key(3, WIRE_BYTES));
    put_bytes(e, text ? p.data + 1 : p.data, text ? p.size - 1 : 0);
    nested_end(e, n);
}

/* A set is written as JSON where it will stand. */
static void emit_fields(struct emitter *e, struct part p)
{
    enum {
        SET_GROWTH = 8 /* JSON is about so much longer */
    };
    struct nested outer = nested_begin(e, (size_t)p.size * SET_GROWTH);
    emit_room(e, 1);
    put_byte(e, small_key(1, WIRE_BYTES));
    struct nested text = nested_begin(e, (size_t)p.size * SET_GROWTH);
    if (p.size && p.data[0] == FIELDS_SET) {
        emit_fields_set(e, p.data + 1, p.data + p.size, false);
    } else {
        emit_sync(e);
        fields_odd_to_json(e->out, p.data, p.size, false);
        emit_load(e);
    }
    nested_end(e, text);
    nested_end(e, outer);
}

/* Raw JSON travels as its text. RawExtension's bytes are what Go's encoder made, which escapes
 * HTML. */
static void emit_raw(struct emitter *e, uint8_t kind, struct part p)
{
    struct nested n = nested_begin(e, (size_t)p.size * 2 + 2);
    struct buf text = BUF_INIT;
    struct arena a = ARENA_INIT;
    json_write_node(&text, value_to_node(&a, value_of_raw(p)), kind == FIELD_RAW);
    /* A null RawExtension has no bytes. */
    if (kind != FIELD_RAW || !str_is(buf_str(&text), "null")) {
        emit_room(e, 1);
        put_byte(e, small_key(1, WIRE_BYTES));
        put_bytes(e, text.data, text.len);
    }
    arena_release(&a);
    buf_release(&text);
    nested_end(e, n);
}

static void emit_nested(struct emitter *e, schema_id id, const uint8_t *p, const uint8_t *end)
{
    size_t size = (size_t)(end - p);
    struct nested n = nested_begin(e, size + size / 4);
    emit_message(e, id, p, end);
    nested_end(e, n);
}

static void emit_schema_or(struct emitter *e, const struct schema_wire *w, struct part p)
{
    struct nested n = nested_begin(e, (size_t)p.size * 2);
    const uint8_t *at = p.data + 1, *end = p.data + p.size;
    uint8_t form = p.size ? p.data[0] : SCHEMA_OR_FALSE;
    bool with_bool = w->kind == FIELD_SCHEMA_OR_BOOL;
    emit_room(e, 3);
    if (with_bool) {
        put_byte(e, small_key(1, WIRE_VARINT));
        put_byte(e, form != SCHEMA_OR_FALSE);
    }
    if (form == SCHEMA_OR_SCHEMA) {
        put_byte(e, small_key(with_bool ? 2 : 1, WIRE_BYTES));
        emit_nested(e, w->type, at, end);
    }
    while (form == SCHEMA_OR_LIST && at < end) {
        struct part item;
        emit_room(e, 1);
        put_byte(e, small_key(2, WIRE_BYTES));
        if (w->kind == FIELD_SCHEMA_OR_STRINGS) {
            at = put_text(e, at);
        } else {
            at = part_read(at, &item);
            emit_nested(e, w->type, item.data, item.data + item.size);
        }
    }
    nested_end(e, n);
}

/* What stands behind the key, of kinds that are rarer. */
static __attribute__((noinline)) void emit_other_value(struct emitter *e,
                                                       const struct schema_wire *w, struct part p)
{
    double d;
    switch ((enum field_kind)w->kind) {
    case FIELD_QUANTITY: emit_quantity(e, p); break;
    case FIELD_TIME:
    case FIELD_MICRO_TIME: emit_time(e, p, w->kind == FIELD_MICRO_TIME); break;
    case FIELD_INT_OR_STRING: emit_int_or_string(e, p); break;
    case FIELD_FIELDS_V1: emit_fields(e, p); break;
    case FIELD_DOUBLE:
        d = double_read(p.data, p.size);
        emit_put(e, (const char *)&d, sizeof(d));
        break;
    case FIELD_RAW:
    case FIELD_JSON: emit_raw(e, w->kind, p); break;
    case FIELD_SCHEMA_OR_ARRAY:
    case FIELD_SCHEMA_OR_BOOL:
    case FIELD_SCHEMA_OR_STRINGS: emit_schema_or(e, w, p); break;
    default: assert(!"no type that is served has a duration");
    }
}

/* What stands behind the key for the part at p; returns what is behind the part. */
static inline const uint8_t *emit_value(struct emitter *e, const struct schema_wire *w,
                                        const uint8_t *p)
{
    struct part part;
    if (w->kind == FIELD_STRING || w->kind == FIELD_BYTES)
        return put_text(e, p);
    p = part_read(p, &part);
    switch ((enum field_kind)w->kind) {
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL: put_varint(e, (uint64_t)integer_read(part.data, part.size)); break;
    case FIELD_MESSAGE: emit_nested(e, w->type, part.data, part.data + part.size); break;
    default: emit_other_value(e, w, part); break;
    }
    return p;
}

static void emit_list(struct emitter *e, const struct schema_wire *w, const uint8_t *at,
                      const uint8_t *end)
{
    while (at < end) {
        emit_room(e, KEY_BYTES + VARINT_BYTES);
        put_key(e, w);
        at = emit_value(e, w, at);
    }
}

/* The value of an entry is its second field; a list is a message whose first field repeats. */
static void emit_map(struct emitter *e, const struct schema_wire *w, struct part p)
{
    unsigned wire = w->kind == FIELD_INT32 || w->kind == FIELD_INT64 || w->kind == FIELD_BOOL
                        ? WIRE_VARINT
                        : WIRE_BYTES;
    assert(w->kind != FIELD_DOUBLE);
    struct schema_wire item = {
        .key = small_key(1, wire), .key_size = 1, .kind = w->kind, .type = w->type};
    for (const uint8_t *at = p.data, *end = p.data + p.size; at < end;) {
        struct part value;
        const uint8_t *behind_key = part_skip(at), *behind = part_read(behind_key, &value);
        emit_room(e, KEY_BYTES + VARINT32_BYTES + 1);
        put_key(e, w);
        struct nested entry = nested_begin(e, (size_t)(behind - at) + 2);
        put_byte(e, small_key(1, WIRE_BYTES));
        put_text(e, at);
        emit_room(e, 1 + VARINT_BYTES);
        if (w->shape == SHAPE_MAP) {
            put_byte(e, small_key(2, wire));
            emit_value(e, w, behind_key);
        } else {
            put_byte(e, small_key(2, WIRE_BYTES));
            struct nested list = nested_begin(e, (size_t)value.size * 2);
            emit_list(e, &item, value.data, value.data + value.size);
            nested_end(e, list);
        }
        nested_end(e, entry);
        at = behind;
    }
}

static inline void emit_present(struct emitter *e, const struct schema_wire *w, const uint8_t *p)
{
    if (likely(w->shape == SHAPE_ONE)) {
        emit_room(e, KEY_BYTES + VARINT_BYTES);
        put_key(e, w);
        emit_value(e, w, p);
        return;
    }
    struct part part;
    part_read(p, &part);
    if (w->shape == SHAPE_LIST)
        emit_list(e, w, part.data, part.data + part.size);
    else
        emit_map(e, w, part);
}

/* The zero value of a field that is no pointer is written. */
static inline void emit_absent(struct emitter *e, const struct schema_wire *w)
{
    static const uint8_t empty[] = {0};
    if (w->absent == WIRE_ABSENT_NOTHING)
        return;
    if (w->absent == WIRE_ABSENT_VALUE) {
        emit_present(e, w, empty);
        return;
    }
    emit_room(e, KEY_BYTES + 1);
    put_key(e, w);
    put_byte(e, 0);
}

/* Messages that are embedded in Go and flat in JSON are open here; they are written even when
 * nothing is in them. */
struct groups {
    struct nested open[3];
    uint8_t numbers[3];
    unsigned depth;
};

static __attribute__((noinline)) void enter_groups(struct emitter *e, struct groups *g,
                                                   const uint8_t *numbers, unsigned count)
{
    unsigned same = 0;
    while (same < g->depth && same < count && g->numbers[same] == numbers[same])
        same++;
    while (g->depth > same)
        nested_end(e, g->open[--g->depth]);
    while (g->depth < count) {
        g->numbers[g->depth] = numbers[g->depth];
        emit_room(e, VARINT32_BYTES);
        put_varint(e, (uint64_t)numbers[g->depth] << 3 | WIRE_BYTES);
        g->open[g->depth++] = nested_begin(e, 64);
    }
}

static void emit_metadata(struct emitter *e, const struct schema_wire *w, const uint8_t *p,
                          const struct revision *r);

static inline void emit_places(struct emitter *e, schema_id id, const struct places *places,
                               const struct revision *r)
{
    const struct schema_proto *proto = &schema_protos[id];
    struct groups g;
    g.depth = 0;
    for (uint64_t todo = places->present | proto->always; todo; todo &= todo - 1) {
        unsigned place = (unsigned)__builtin_ctzll(todo);
        const struct schema_wire *w = &proto->wires[place - 1];
        if (unlikely(g.depth | w->groups))
            enter_groups(e, &g, schema_types[id].fields[w->index].numbers, w->groups);
        if (r && place == r->place)
            emit_metadata(e, w, places->parts[place], r);
        else if (places->present >> place & 1)
            emit_present(e, w, places->parts[place]);
        else
            emit_absent(e, w);
    }
    while (g.depth)
        nested_end(e, g.open[--g.depth]);
}

static void emit_message(struct emitter *e, schema_id id, const uint8_t *p, const uint8_t *end)
{
    struct places places;
    places_collect(&places, &schema_protos[id], p, end);
    emit_places(e, id, &places, NULL);
}

static void emit_metadata(struct emitter *e, const struct schema_wire *w, const uint8_t *p,
                          const struct revision *r)
{
    struct places places;
    struct part part;
    part_read(p, &part);
    places_collect(&places, &schema_protos[r->type], part.data, part.data + part.size);
    places.present |= 1ULL << r->own_place;
    places.parts[r->own_place] = r->part;
    emit_room(e, KEY_BYTES);
    put_key(e, w);
    struct nested n = nested_begin(e, (size_t)part.size * 2);
    emit_places(e, r->type, &places, NULL);
    nested_end(e, n);
}

bool revision_find(struct revision *ret, const struct sealed *s)
{
    const struct schema_field *metadata = revision_metadata(schema_type(s->type));
    if (!s->revision || !metadata || !schema_protos[s->type].count)
        return false;
    const struct schema_field *own =
        schema_field_fast(schema_type_fast(metadata->type), "resourceVersion", 15);
    ret->place = schema_protos[s->type].by_tag[metadata->tag];
    ret->type = metadata->type;
    ret->own_place = schema_protos[metadata->type].by_tag[own->tag];
    ret->part[0] = (uint8_t)snprintf((char *)ret->part + 1, sizeof(ret->part) - 1, "%llu",
                                     (unsigned long long)s->revision);
    return true;
}

static void emit_root(struct emitter *e, const struct sealed *s)
{
    static const uint8_t empty[] = {0};
    const uint8_t *end = (const uint8_t *)s + s->size;
    struct revision r;
    struct places places;
    if (!revision_find(&r, s)) {
        emit_message(e, s->type, s->body, end);
        return;
    }
    places_collect(&places, &schema_protos[s->type], s->body, end);
    if (!(places.present >> r.place & 1))
        places.parts[r.place] = empty;
    places.present |= 1ULL << r.place;
    emit_places(e, s->type, &places, &r);
}

void sealed_to_proto(struct buf *out, const struct sealed *s)
{
    assert(s->type != SCHEMA_CUSTOM);
    struct emitter e = {.out = out};
    buf_reserve(out, s->size * 2);
    emit_load(&e);
    emit_root(&e, s);
    emit_sync(&e);
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
        struct emitter e = {.out = out};
        buf_reserve(out, w.len * 2);
        emit_load(&e);
        emit_message(&e, type, w.data, w.data + w.len);
        emit_sync(&e);
        out->data[out->len] = 0;
    }
    mem_free(w.data);
    return err;
}

/* "k8s\0", then runtime.Unknown: 1 typeMeta, 2 raw, 3 contentEncoding and 4 contentType (both
 * empty). The length of raw takes ENVELOPE_LENGTH_BYTES until the end knows it. */
enum {
    ENVELOPE_LENGTH_BYTES = 3
};

size_t proto_envelope_begin(struct buf *out, struct str api_version, struct str kind)
{
    struct emitter e = {.out = out};
    buf_reserve(out, api_version.len + kind.len + 64);
    emit_load(&e);
    emit_put(&e, "k8s\0\n", 5);
    struct nested meta = nested_begin(&e, api_version.len + kind.len + 4);
    emit_put(&e, "\n", 1);
    put_bytes(&e, api_version.data, api_version.len);
    emit_put(&e, "\x12", 1);
    put_bytes(&e, kind.data, kind.len);
    nested_end(&e, meta);
    emit_put(&e, "\x12\0\0\0", 1 + ENVELOPE_LENGTH_BYTES);
    emit_sync(&e);
    return out->len;
}

void proto_envelope_end(struct buf *out, size_t mark)
{
    struct emitter e = {.out = out};
    buf_reserve(out, 0);
    emit_load(&e);
    nested_end(&e, (struct nested){.begun = mark, .room = ENVELOPE_LENGTH_BYTES});
    emit_put(&e, "\x1a\x00\x22\x00", 4);
    emit_sync(&e);
    out->data[out->len] = 0;
}
