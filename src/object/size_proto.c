/* How long the protobuf of a block is (seal.h), without writing it: emit_proto.c says what stands
 * where. */
#include "object/emit_proto.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/seal.h"
#include "object/simd.h"
#include "object/typed.h"
#include "object/unseal.h"
#include "object/value_parts.h"

enum {
    KEY_SIZE = 1 /* of numbers below 16 */
};

static size_t message_size(schema_id id, const uint8_t *p, const uint8_t *end);

/* A length and so many bytes. */
static inline size_t with_length(size_t size)
{
    return varint_size(size) + size;
}

/* "text" with quotes and escapes. */
static size_t quoted_size(const char *data, size_t len)
{
    size_t size = len + 2;
    for (size_t i = 0; i < len; i += 16) {
        size_t left = len - i;
        bytes16 v = left >= 16 ? bytes16_load(data + i) : bytes16_load_part(data + i, left);
        unsigned special = bytes16_escapes(v);
        if (left < 16)
            special &= (1u << left) - 1;
        for (; special; special &= special - 1) {
            char escaped[8];
            size_t from = i + (size_t)__builtin_ctz(special), at = from;
            if (data[from] != '<' && data[from] != '>' && data[from] != '&')
                size += (size_t)(json_escape(escaped, data, len, &at) - escaped) - (at - from);
        }
    }
    return size;
}

/* Of the JSON of a set. */
static size_t set_size(const uint8_t *p, const uint8_t *end)
{
    size_t size = p == end ? 2 : 1; /* the last brace; the first comes with the first node */
    while (p < end) {
        struct part text, below;
        uint8_t head = *p++;
        if (head >= FIELDS_WORD) {
            size += schema_words[(head - FIELDS_WORD) << 8 | *p++].len + sizeof(",\"f:\":") - 1;
        } else if (head == FIELDS_SELF) {
            size += sizeof(",\".\":") - 1;
        } else {
            p = part_read(p, &text);
            size += quoted_size((const char *)text.data, text.size) + 2;
        }
        if (*p == 0) {
            size += 2;
            p++;
            continue;
        }
        p = part_read(p, &below);
        size += set_size(below.data, below.data + below.size);
    }
    return size;
}

static size_t fields_size(struct part p)
{
    if (p.size && p.data[0] == FIELDS_SET)
        return KEY_SIZE + with_length(set_size(p.data + 1, p.data + p.size));
    struct buf text = BUF_INIT;
    fields_odd_to_json(&text, p.data, p.size, false);
    size_t size = KEY_SIZE + with_length(text.len);
    buf_release(&text);
    return size;
}

static size_t raw_size(uint8_t kind, struct part p)
{
    struct buf text = BUF_INIT;
    struct arena a = ARENA_INIT;
    json_write_node(&text, value_to_node(&a, value_of_raw(p)), kind == FIELD_RAW);
    bool none = kind == FIELD_RAW && str_is(buf_str(&text), "null");
    size_t size = none ? 0 : KEY_SIZE + with_length(text.len);
    arena_release(&a);
    buf_release(&text);
    return size;
}

static size_t schema_or_size(const struct schema_wire *w, struct part p)
{
    const uint8_t *at = p.data + 1, *end = p.data + p.size;
    uint8_t form = p.size ? p.data[0] : SCHEMA_OR_FALSE;
    size_t size = w->kind == FIELD_SCHEMA_OR_BOOL ? KEY_SIZE + 1 : 0;
    if (form == SCHEMA_OR_SCHEMA)
        size += KEY_SIZE + with_length(message_size(w->type, at, end));
    while (form == SCHEMA_OR_LIST && at < end) {
        struct part item;
        at = part_read(at, &item);
        size +=
            KEY_SIZE + with_length(w->kind == FIELD_SCHEMA_OR_STRINGS
                                       ? item.size
                                       : message_size(w->type, item.data, item.data + item.size));
    }
    return size;
}

static size_t time_size(struct part p, bool micro)
{
    int64_t time = integer_read(p.data, p.size), unit = micro ? 1000000 : 1;
    if (time == TIME_ZERO_S * unit)
        return 0;
    int64_t rest = time % unit;
    rest += rest < 0 ? unit : 0;
    return 2 * KEY_SIZE + varint_size((uint64_t)((time - rest) / unit)) +
           varint_size((uint64_t)(rest * 1000));
}

static size_t int_or_string_size(struct part p)
{
    bool text = p.size && p.data[0];
    int64_t integer = text || !p.size ? 0 : integer_read(p.data + 1, p.size - 1);
    return 3 * KEY_SIZE + 1 + varint_size((uint64_t)integer) + with_length(text ? p.size - 1 : 0);
}

/* What stands behind the key. */
static size_t value_size(const struct schema_wire *w, struct part p)
{
    switch ((enum field_kind)w->kind) {
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL: return varint_size((uint64_t)integer_read(p.data, p.size));
    case FIELD_DOUBLE: return sizeof(double);
    case FIELD_MESSAGE: return with_length(message_size(w->type, p.data, p.data + p.size));
    case FIELD_QUANTITY: return with_length(KEY_SIZE + with_length(p.size ? p.size : 1));
    case FIELD_TIME:
    case FIELD_MICRO_TIME: return with_length(time_size(p, w->kind == FIELD_MICRO_TIME));
    case FIELD_INT_OR_STRING: return with_length(int_or_string_size(p));
    case FIELD_FIELDS_V1: return with_length(fields_size(p));
    case FIELD_RAW:
    case FIELD_JSON: return with_length(raw_size(w->kind, p));
    case FIELD_SCHEMA_OR_ARRAY:
    case FIELD_SCHEMA_OR_BOOL:
    case FIELD_SCHEMA_OR_STRINGS: return with_length(schema_or_size(w, p));
    default: return with_length(p.size);
    }
}

/* The items of a list, each behind a key. */
static size_t list_size(const struct schema_wire *w, size_t key_size, struct part p)
{
    size_t size = 0;
    for (const uint8_t *at = p.data, *end = p.data + p.size; at < end;) {
        struct part item;
        at = part_read(at, &item);
        size += key_size + value_size(w, item);
    }
    return size;
}

static size_t map_size(const struct schema_wire *w, struct part p)
{
    size_t size = 0;
    for (const uint8_t *at = p.data, *end = p.data + p.size; at < end;) {
        struct part key, value;
        at = part_read(at, &key);
        at = part_read(at, &value);
        size += w->key_size +
                with_length(2 * KEY_SIZE + with_length(key.size) +
                            (w->shape == SHAPE_MAP ? value_size(w, value)
                                                   : with_length(list_size(w, KEY_SIZE, value))));
    }
    return size;
}

static inline size_t present_size(const struct schema_wire *w, struct part p)
{
    if (likely(w->shape == SHAPE_ONE))
        return w->key_size + value_size(w, p);
    return w->shape == SHAPE_LIST ? list_size(w, w->key_size, p) : map_size(w, p);
}

static inline size_t absent_size(const struct schema_wire *w)
{
    return w->absent == WIRE_ABSENT_NOTHING ? 0
           : w->absent == WIRE_ABSENT_ZERO  ? w->key_size + 1u
                                            : w->key_size + value_size(w, PART_EMPTY);
}

/* Sums of a message and of the flat messages in it that are open. */
struct sums {
    size_t sizes[4];
    uint8_t numbers[3];
    unsigned depth;
};

static void leave_groups(struct sums *s, unsigned depth)
{
    for (; s->depth > depth; s->depth--)
        s->sizes[s->depth - 1] +=
            varint_size((uint64_t)s->numbers[s->depth - 1] << 3) + with_length(s->sizes[s->depth]);
}

static __attribute__((noinline)) void enter_groups(struct sums *s, const uint8_t *numbers,
                                                   unsigned count)
{
    unsigned same = 0;
    while (same < s->depth && same < count && s->numbers[same] == numbers[same])
        same++;
    leave_groups(s, same);
    for (; s->depth < count; s->depth++) {
        s->numbers[s->depth] = numbers[s->depth];
        s->sizes[s->depth + 1] = 0;
    }
}

/* Of a message with flat messages in it. */
static size_t grouped_size(schema_id id, const uint8_t *p, const uint8_t *end)
{
    const struct schema_proto *proto = &schema_protos[id];
    struct places places;
    struct sums s;
    s.depth = 0;
    s.sizes[0] = 0;
    places_collect(&places, proto, p, end);
    for (uint64_t todo = places.present | proto->always; todo; todo &= todo - 1) {
        unsigned place = (unsigned)__builtin_ctzll(todo);
        const struct schema_wire *w = &proto->wires[place - 1];
        struct part part;
        enter_groups(&s, schema_types[id].fields[w->index].numbers, w->groups);
        if (places.present >> place & 1) {
            part_read(places.parts[place], &part);
            s.sizes[s.depth] += present_size(w, part);
        } else {
            s.sizes[s.depth] += absent_size(w);
        }
    }
    leave_groups(&s, 0);
    return s.sizes[0];
}

/* Of the fields of a message without flat ones but the one at place skipped (0: none), which isn't
 * counted whether it is there or not. */
static inline size_t plain_size(const struct schema_proto *proto, const uint8_t *p,
                                const uint8_t *end, unsigned skipped)
{
    uint64_t absent = proto->always & ~(1ULL << skipped);
    size_t size = 0;
    while (p < end) {
        uint8_t tag = *p++, place = tag <= proto->tag_max ? proto->by_tag[tag] : 0;
        struct part part;
        p = part_read(p, &part);
        if (unlikely(!place || place == skipped)) /* 0: of a newer version, or not in protobuf */
            continue;
        absent &= ~(1ULL << place);
        size += present_size(&proto->wires[place - 1], part);
    }
    for (; absent; absent &= absent - 1)
        size += absent_size(&proto->wires[__builtin_ctzll(absent) - 1]);
    return size;
}

static size_t message_size(schema_id id, const uint8_t *p, const uint8_t *end)
{
    const struct schema_proto *proto = &schema_protos[id];
    return proto->has_groups ? grouped_size(id, p, end) : plain_size(proto, p, end, 0);
}

/* What metadata takes with the revision in it, which is no part of the body. */
static size_t metadata_size(const struct sealed *s, const struct revision *r)
{
    const struct schema_proto *root = &schema_protos[s->type], *own = &schema_protos[r->type];
    const struct schema_wire *w = &root->wires[r->place - 1],
                             *version = &own->wires[r->own_place - 1];
    struct part metadata = PART_EMPTY, text;
    part_read(r->part, &text);
    for (const uint8_t *p = s->body, *end = (const uint8_t *)s + s->size; p < end;
         p = part_skip(p)) {
        uint8_t tag = *p++;
        if (tag <= root->tag_max && root->by_tag[tag] == r->place)
            part_read(p, &metadata);
    }
    size_t size = plain_size(own, metadata.data, metadata.data + metadata.size, r->own_place);
    return w->key_size + with_length(size + version->key_size + with_length(text.size));
}

size_t sealed_proto_size(const struct sealed *s)
{
    struct revision r;
    const uint8_t *end = (const uint8_t *)s + s->size;
    assert(s->type != SCHEMA_CUSTOM);
    if (!revision_find(&r, s))
        return message_size(s->type, s->body, end);
    const struct schema_proto *root = &schema_protos[s->type];
    assert(!root->has_groups && !schema_protos[r.type].has_groups);
    return plain_size(root, s->body, end, r.place) + metadata_size(s, &r);
}
