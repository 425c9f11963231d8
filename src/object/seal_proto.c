/* Protobuf to blocks in one pass, without a tree (seal.h, direct.h): fields once each and in the
 * form in which the original's generated code writes them. What else protobuf allows (fields and
 * messages in pieces, packed numbers, lists that are interrupted) goes by the tree. */
#include "base/limits.h"
#include "object/encode.h"
#include "object/json.h"
#include "object/json_scan.h"
#include "object/proto.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/typed.h"
#include "object/wire.h"

enum {
    NUMBER_MAX = 0x1fffffff,
    LONG_MESSAGE_BYTES = 400 /* from there on a part takes a long length, by guess */
};

static const int64_t YEAR_10000_S = 253402300800;

static bool scan_message(struct scan *s, schema_id id, const char *end, bool root_metadata);

static bool scan_long_varint(struct scan *s, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)*s->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* May run past the end of a message by what the copy has behind it; whoever ends the message sees
 * that. */
static inline bool scan_varint(struct scan *s, uint64_t *ret)
{
    uint8_t byte = (uint8_t)*s->at;
    if (unlikely(byte >= 0x80))
        return scan_long_varint(s, ret);
    s->at++;
    *ret = byte;
    return true;
}

/* The length of bytes that end at or before end; *ret_stop is where. */
static inline bool scan_length(struct scan *s, const char *end, const char **ret_stop)
{
    uint64_t size;
    if (!scan_varint(s, &size) || s->at > end || size > (size_t)(end - s->at))
        return false;
    *ret_stop = s->at + size;
    return true;
}

static inline bool is_text(struct str t)
{
    unsigned high = 0;
    size_t i = 0;
    for (; i + 16 <= t.len; i += 16)
        high |= bytes16_high(bytes16_load(t.data + i));
    high |= bytes16_high(bytes16_load(t.data + i)) & ((1u << (t.len - i)) - 1);
    return likely(!high) || utf8_valid(t);
}

static inline bool scan_string(struct scan *s, const char *end, struct str *ret)
{
    const char *stop;
    if (!scan_length(s, end, &stop))
        return false;
    *ret = (struct str){s->at, (size_t)(stop - s->at)};
    s->at += ret->len;
    return is_text(*ret);
}

/* One byte that must be there: a key. */
static inline bool scan_key_byte(struct scan *s, const char *end, unsigned number, unsigned wire)
{
    if (s->at >= end || *s->at != (char)(number << 3 | wire))
        return false;
    s->at++;
    return true;
}

static inline bool kind_is_varint(uint8_t kind)
{
    return kind == FIELD_INT32 || kind == FIELD_INT64 || kind == FIELD_BOOL;
}

static inline int64_t number_of_kind(uint8_t kind, uint64_t integer)
{
    return kind == FIELD_BOOL    ? integer != 0
           : kind == FIELD_INT32 ? (int32_t)integer
                                 : (int64_t)integer;
}

/* A number of a small message; 0 when it is left out. */
static bool scan_small(struct scan *s, const char *end, unsigned number, uint64_t *ret)
{
    *ret = 0;
    return !scan_key_byte(s, end, number, WIRE_VARINT) || scan_varint(s, ret);
}

static bool scan_quantity_message(struct scan *s, const char *end)
{
    struct str text = STR("0");
    if (scan_key_byte(s, end, 1, WIRE_BYTES) && !scan_string(s, end, &text))
        return false;
    return s->at == end && write_quantity(s, text);
}

static bool scan_int_or_string_message(struct scan *s, const char *end)
{
    uint64_t is_string, integer;
    struct str text = STR_NONE;
    if (!scan_small(s, end, 1, &is_string) || !scan_small(s, end, 2, &integer) ||
        (scan_key_byte(s, end, 3, WIRE_BYTES) && !scan_string(s, end, &text)) || s->at != end)
        return false;
    size_t begun = part_begin(&s->w, 1);
    if (is_string == 1) {
        if (text.len == 0)
            return false; /* whether that is a value depends on the field */
        writer_byte(&s->w, 1);
        writer_bytes(&s->w, text.data, text.len);
    } else {
        writer_byte(&s->w, 0);
        writer_integer(&s->w, (int32_t)integer);
    }
    part_end(&s->w, begun, 1);
    return true;
}

/* The JSON text of a set, which has no end of its own. */
static bool scan_fields_message(struct scan *s, const char *end)
{
    const char *stop;
    if (!scan_key_byte(s, end, 1, WIRE_BYTES) || !scan_length(s, end, &stop) || stop != end)
        return false;
    skip_blanks(s);
    if (!scan_fields(s))
        return false;
    skip_blanks(s);
    return s->at == end;
}

/* The part of a value behind its key. */
static bool scan_value(struct scan *s, const struct schema_wire *w, const char *end)
{
    const char *stop;
    struct str text;
    uint64_t integer;
    size_t begun, room;
    switch ((enum field_kind)w->kind) {
    case FIELD_STRING:
        if (!scan_string(s, end, &text))
            return false;
        write_text(s, text);
        return true;
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL:
        if (!scan_varint(s, &integer))
            return false;
        part_write_integer(&s->w, number_of_kind(w->kind, integer));
        return true;
    default: break;
    }
    if (!scan_length(s, end, &stop))
        return false;
    switch ((enum field_kind)w->kind) {
    case FIELD_MESSAGE:
        room = stop - s->at > LONG_MESSAGE_BYTES ? 3 : 1;
        begun = part_begin(&s->w, room);
        if (!scan_message(s, w->type, stop, false))
            return false;
        part_end(&s->w, begun, room);
        return true;
    case FIELD_BYTES:
        part_write_bytes(&s->w, s->at, (size_t)(stop - s->at));
        s->at += stop - s->at;
        return true;
    case FIELD_QUANTITY: return scan_quantity_message(s, stop);
    case FIELD_INT_OR_STRING: return scan_int_or_string_message(s, stop);
    case FIELD_FIELDS_V1: return scan_fields_message(s, stop);
    default: return false;
    }
}

/* Part of a time, or nothing for the zero time. */
static bool scan_time_field(struct scan *s, const struct schema_key *k, const char *end)
{
    const char *stop;
    uint64_t first, second;
    if (!scan_length(s, end, &stop))
        return false;
    if (s->at == stop)
        return true;
    if (!scan_small(s, stop, 1, &first) || !scan_small(s, stop, 2, &second) || s->at != stop)
        return false;
    int64_t seconds = (int64_t)first, nanos = (int32_t)second;
    if (seconds <= TIME_ZERO_S || seconds >= YEAR_10000_S || nanos < 0 || nanos > 999999999)
        return false;
    writer_byte(&s->w, k->tag);
    part_write_integer(&s->w,
                       k->kind == FIELD_MICRO_TIME ? seconds * 1000000 + nanos / 1000 : seconds);
    return true;
}

static inline bool scan_message_field(struct scan *s, const struct schema_key *k, const char *end,
                                      bool root_metadata)
{
    const char *stop;
    if (!scan_length(s, end, &stop))
        return false;
    size_t before = s->w.len, room = stop - s->at > LONG_MESSAGE_BYTES ? 3 : 1;
    writer_byte(&s->w, k->tag);
    size_t begun = part_begin(&s->w, room);
    if (!scan_message(s, k->type, stop, root_metadata))
        return false;
    if (s->w.len == begun && !k->pointer)
        s->w.len = before;
    else
        part_end(&s->w, begun, room);
    return true;
}

/* Kinds that are rarer; the zero value is known by its payload. */
static bool scan_other_field(struct scan *s, const struct schema_type *t,
                             const struct schema_wire *w, const char *end)
{
    size_t before = s->w.len;
    writer_byte(&s->w, t->keys[w->index].tag);
    if (!scan_value(s, w, end))
        return false;
    const uint8_t *part = s->w.data + before + 1;
    if (part[0] <= PART_LITERAL_MAX && field_is_dropped(&t->fields[w->index], part + 1, part[0]))
        s->w.len = before;
    return true;
}

static inline bool scan_string_field(struct scan *s, const struct schema_key *k, const char *end)
{
    struct str text;
    if (!scan_string(s, end, &text))
        return false;
    if (text.len == 0 && !k->pointer)
        return true;
    writer_byte(&s->w, k->tag);
    write_text(s, text);
    return true;
}

static inline bool scan_one(struct scan *s, const struct schema_type *t,
                            const struct schema_wire *w, const char *end, bool root_metadata)
{
    const struct schema_key *k = &t->keys[w->index];
    uint64_t integer;
    switch ((enum field_kind)w->kind) {
    case FIELD_STRING: return scan_string_field(s, k, end);
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL:
        return scan_varint(s, &integer) &&
               write_integer_field(s, k, number_of_kind(w->kind, integer));
    case FIELD_MESSAGE: return scan_message_field(s, k, end, root_metadata);
    case FIELD_TIME:
    case FIELD_MICRO_TIME: return scan_time_field(s, k, end);
    default: return scan_other_field(s, t, w, end);
    }
}

/* Another item or entry of the same field. */
static inline bool scan_again(struct scan *s, const struct schema_wire *w, const char *end)
{
    if (end - s->at < w->key_size || memcmp(s->at, &w->key, w->key_size) != 0)
        return false;
    s->at += w->key_size;
    return true;
}

static bool scan_items(struct scan *s, const struct schema_wire *w, const char *end)
{
    do {
        if (w->kind == FIELD_MESSAGE && ++s->items > LIMIT_OBJECT_ITEMS)
            return false;
        if (!scan_value(s, w, end))
            return false;
    } while (scan_again(s, w, end));
    return true;
}

static bool scan_entries(struct scan *s, const struct schema_wire *w, const char *end)
{
    size_t base = s->entry_count, begun = s->w.len;
    bool ordered = true, number = kind_is_varint(w->kind);
    do {
        struct str key;
        const char *stop;
        if (!scan_length(s, end, &stop) || !scan_key_byte(s, stop, 1, WIRE_BYTES) ||
            !scan_string(s, stop, &key))
            return false;
        size_t index = scan_push_entry(s, key, text_prefix(key));
        if (ordered && index > base)
            ordered = compare_entries(&s->entries[index - 1], &s->entries[index], str_compare) < 0;
        write_text(s, key);
        if (!scan_key_byte(s, stop, 2, number ? WIRE_VARINT : WIRE_BYTES) ||
            !scan_value(s, w, stop) || s->at != stop)
            return false;
    } while (scan_again(s, w, end));
    if (!ordered)
        return scan_order_entries(s, base, begun, str_compare);
    s->entry_count = base;
    return true;
}

static inline bool scan_many(struct scan *s, const struct schema_type *t,
                             const struct schema_wire *w, const char *end)
{
    const struct schema_key *k = &t->keys[w->index];
    size_t room = k->length_guess;
    writer_byte(&s->w, k->tag);
    size_t begun = part_begin(&s->w, room);
    if (w->shape == SHAPE_LIST ? !scan_items(s, w, end)
                               : w->shape != SHAPE_MAP || !scan_entries(s, w, end))
        return false;
    part_end(&s->w, begun, room);
    return true;
}

/* A message that is being read, with the messages that are flat in it. */
struct message {
    const struct schema_type *type;
    const struct schema_proto *proto;
    struct field_starts starts;
    uint64_t seen;
    uint8_t last;
    bool ordered;
    bool root, root_metadata;
};

static inline bool is_name(const struct schema_key *k, const char *name)
{
    size_t len = strlen(name);
    return k->name_len == len && memcmp(&k->first, name, 8) == 0 &&
           memcmp(&k->last, name + len - 8, 8) == 0;
}

/* metadata.resourceVersion, which is not in the body. */
static bool scan_revision(struct scan *s, const char *end)
{
    struct str text;
    if (!scan_string(s, end, &text))
        return false;
    s->revision = revision_of_text(text);
    return true;
}

static bool scan_field(struct scan *s, struct message *m, const struct schema_wire *w,
                       const char *end)
{
    const struct schema_key *k = &m->type->keys[w->index];
    size_t from = s->w.len;
    if (m->seen >> k->tag & 1)
        return false;
    m->seen |= 1ULL << k->tag;
    if (w->shape != SHAPE_ONE) {
        if (!scan_many(s, m->type, w, end))
            return false;
    } else if (m->root_metadata && is_name(k, "resourceVersion")) {
        return scan_revision(s, end);
    } else if (!scan_one(s, m->type, w, end, m->root && is_name(k, "metadata"))) {
        return false;
    }
    if (s->w.len == from)
        return true;
    m->ordered = m->ordered && k->tag > m->last;
    m->last = k->tag;
    m->starts.tags |= 1ULL << k->tag;
    m->starts.from[k->tag] = (uint32_t)from;
    m->starts.end[k->tag] = (uint32_t)s->w.len;
    return true;
}

static bool skip_unknown(struct scan *s, unsigned wire, const char *end)
{
    uint64_t integer;
    const char *stop;
    switch (wire) {
    case WIRE_VARINT: return scan_varint(s, &integer);
    case WIRE_FIXED64: s->at += 8; return s->at <= end;
    case WIRE_FIXED32: s->at += 4; return s->at <= end;
    case WIRE_BYTES:
        if (!scan_length(s, end, &stop))
            return false;
        s->at += stop - s->at;
        return true;
    default: return false;
    }
}

/* The fields up to end that stand in `level` flat messages; the first of them is at place `first`.
 */
static bool scan_level(struct scan *s, struct message *m, unsigned level, unsigned first,
                       const char *end)
{
    while (s->at < end) {
        uint64_t key;
        const char *stop;
        if (!scan_varint(s, &key) || key >> 3 == 0 || key >> 3 > NUMBER_MAX)
            return false;
        unsigned wire = key & 7, place = schema_place(m->type, m->proto, level, first, key >> 3);
        if (unlikely(!place)) {
            if (!skip_unknown(s, wire, end))
                return false;
            continue;
        }
        const struct schema_wire *w = &m->proto->wires[place - 1];
        if (unlikely(w->groups > level)) {
            if (wire != WIRE_BYTES || !scan_length(s, end, &stop) ||
                !scan_level(s, m, level + 1, place, stop))
                return false;
        } else if (wire != (w->key & 7u) || !scan_field(s, m, w, end)) {
            return false;
        }
    }
    return s->at == end;
}

static bool scan_members(struct scan *s, schema_id id, const char *end, bool root,
                         bool root_metadata)
{
    struct message m;
    size_t begun = s->w.len;
    if (++s->depth > LIMIT_DEPTH)
        return false;
    m.type = schema_type_fast(id);
    m.proto = &schema_protos[id];
    m.starts.tags = 0;
    m.seen = 0;
    m.last = 0;
    m.ordered = true;
    m.root = root;
    m.root_metadata = root_metadata;
    if (!scan_level(s, &m, 0, 0, end))
        return false;
    s->depth--;
    if (!m.ordered)
        order_fields(s, &m.starts, begun);
    return true;
}

static bool scan_message(struct scan *s, schema_id id, const char *end, bool root_metadata)
{
    return scan_members(s, id, end, false, root_metadata);
}

/* apiVersion and kind, which must be the type's when they are given. */
static bool scan_type_meta(struct scan *s, const struct schema_type *t, const char *end)
{
    struct str version = STR_NONE, kind = STR_NONE;
    if ((scan_key_byte(s, end, 1, WIRE_BYTES) && !scan_string(s, end, &version)) ||
        (scan_key_byte(s, end, 2, WIRE_BYTES) && !scan_string(s, end, &kind)) || s->at != end)
        return false;
    return t->is_kind && (kind.len == 0 || str_is(kind, t->kind)) &&
           (version.len == 0 || is_version_of(t, version));
}

/* "k8s\0", then runtime.Unknown: 1 typeMeta, 2 raw, then what doesn't matter. */
static bool scan_envelope(struct scan *s, const struct schema_type *t, const char *end,
                          struct str *ret_raw)
{
    const char *stop;
    struct str other;
    if (end - s->at < 4 || memcmp(s->at, "k8s\0", 4) != 0)
        return false;
    s->at += 4;
    if (!scan_key_byte(s, end, 1, WIRE_BYTES) || !scan_length(s, end, &stop) ||
        !scan_type_meta(s, t, stop) || !scan_key_byte(s, end, 2, WIRE_BYTES) ||
        !scan_length(s, end, &stop))
        return false;
    *ret_raw = (struct str){s->at, (size_t)(stop - s->at)};
    s->at += ret_raw->len;
    for (unsigned number = 3; number <= 4; number++)
        if (scan_key_byte(s, end, number, WIRE_BYTES) && !scan_string(s, end, &other))
            return false;
    return s->at == end;
}

/* The raw message at s->at. */
static bool scan_root(struct scan *s, schema_id type, size_t size)
{
    return scan_members(s, type, s->at + size, true, false) && s->w.len <= LIMIT_OBJECT_BYTES;
}

static bool scan_document(struct scan *s, schema_id type, size_t size)
{
    struct str raw;
    if (!scan_envelope(s, schema_type(type), s->at + size, &raw))
        return false;
    s->at = s->copy + (raw.data - s->copy);
    return scan_root(s, type, raw.len);
}

/* The two ways of what is sealed: directly and by a tree. */
struct form {
    bool (*scan)(struct scan *s, schema_id type, size_t size);
    int (*read)(struct arena *a, struct str bytes, schema_id type, struct node **ret,
                struct status *st);
};

static int by_tree(const struct form *form, schema_id type, struct str bytes, struct sealed **ret,
                   struct status *st)
{
    struct arena a = ARENA_INIT;
    struct node *n;
    int err = form->read(&a, bytes, type, &n, st);
    if (err == 0)
        err = seal_with_revision(type, n, ret, st);
    arena_release(&a);
    return err;
}

static int seal_form(const struct form *form, schema_id type, struct str bytes, struct sealed **ret,
                     struct status *st)
{
    if (type == SCHEMA_NONE || type == SCHEMA_CUSTOM || bytes.len > UINT32_MAX / 8 ||
        !schema_type(type)->field_count)
        return by_tree(form, type, bytes, ret, st);
    struct scan s = scan_begin(bytes);
    bool done = form->scan(&s, type, bytes.len);
    scan_end(&s, done, type, ret);
    return done ? 0 : by_tree(form, type, bytes, ret, st);
}

int seal_proto(schema_id type, struct str document, struct sealed **ret, struct status *st)
{
    static const struct form form = {scan_document, proto_read_document};
    return seal_form(&form, type, document, ret, st);
}

int seal_proto_message(schema_id type, struct str raw, struct sealed **ret, struct status *st)
{
    static const struct form form = {scan_root, proto_read_message};
    return seal_form(&form, type, raw, ret, st);
}
