/* Protobuf to trees. */
#include "object/proto.h"

#include "base/limits.h"
#include "object/json.h"
#include "object/scalar.h"
#include "object/schema_tables.h"
#include "object/seal.h"
#include "object/typed.h"
#include "object/wire.h"

struct reader {
    struct arena *arena;
    struct status *st;
    int depth;
    size_t items;  /* messages in lists so far */
    bool has_maps; /* the message that is being read */
};

struct span {
    const uint8_t *at, *end;
};

/* One field of a message as it stands on the wire. */
struct wire {
    unsigned number, type;
    uint64_t integer;  /* varint, fixed */
    struct span bytes; /* length-delimited */
};

static int read_message(struct reader *r, const struct schema_type *t, struct span s,
                        struct node *map);

static int cut_short(struct reader *r)
{
    return status_set(r->st, REASON_BAD_REQUEST, "unexpected EOF");
}

static int read_varint(struct reader *r, struct span *s, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (s->at == s->end)
            return cut_short(r);
        uint8_t byte = *s->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return 0;
        }
    }
    return status_set(r->st, REASON_BAD_REQUEST, "proto: integer overflow");
}

static int read_wire(struct reader *r, struct span *s, struct wire *w)
{
    uint64_t key, size;
    if (read_varint(r, s, &key) < 0)
        return -1;
    *w = (struct wire){.type = key & 7};
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return status_set(r->st, REASON_BAD_REQUEST, "proto: illegal tag %lld (wire type %u)",
                          (long long)(key >> 3), w->type);
    w->number = (unsigned)(key >> 3);
    switch (w->type) {
    case WIRE_VARINT: return read_varint(r, s, &w->integer);
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        size = w->type == WIRE_FIXED64 ? 8 : 4;
        if ((size_t)(s->end - s->at) < size)
            return cut_short(r);
        memcpy(&w->integer, s->at, size);
        s->at += size;
        return 0;
    case WIRE_BYTES:
        if (read_varint(r, s, &size) < 0)
            return -1;
        if ((size_t)(s->end - s->at) < size)
            return cut_short(r);
        w->bytes = (struct span){s->at, s->at + size};
        s->at += size;
        return 0;
    default: return status_set(r->st, REASON_BAD_REQUEST, "proto: illegal wireType %u", w->type);
    }
}

static int wrong_wire(struct reader *r, const struct schema_field *f, const struct wire *w)
{
    return status_set(r->st, REASON_BAD_REQUEST, "proto: wrong wireType = %u for field %s", w->type,
                      f->name);
}

static struct str span_text(struct reader *r, struct span s)
{
    struct str text = arena_str(r->arena, (struct str){(const char *)s.at, (size_t)(s.end - s.at)});
    return utf8_mend(r->arena, text);
}

/* Fields 1 to 3 of a small message; those that are absent stay as they are. */
struct triple {
    uint64_t integers[3];
    struct span bytes[3];
};

static int read_triple(struct reader *r, struct span s, struct triple *ret)
{
    struct wire w;
    while (s.at < s.end) {
        if (read_wire(r, &s, &w) < 0)
            return -1;
        if (w.number > 3)
            continue;
        ret->integers[w.number - 1] = w.integer;
        ret->bytes[w.number - 1] = w.bytes;
    }
    return 0;
}

static int read_time(struct reader *r, const struct schema_field *f, struct span s,
                     struct node **ret)
{
    struct triple t = {0};
    bool micro = f->kind == FIELD_MICRO_TIME;
    if (read_triple(r, s, &t) < 0)
        return -1;
    int64_t seconds = (int64_t)t.integers[0], nanos = (int32_t)t.integers[1];
    if (seconds < -62167219200 || seconds >= 253402300800 || nanos < 0 || nanos > 999999999)
        return status_set(r->st, REASON_BAD_REQUEST, "time out of range for field %s", f->name);
    int64_t us = seconds * 1000000 + (micro ? nanos / 1000 : 0);
    if (s.at == s.end || us == TIME_ZERO_S * 1000000)
        *ret = node_null(r->arena);
    else
        *ret = node_text(r->arena,
                         micro ? micro_time_format(r->arena, us) : time_format(r->arena, us));
    return 0;
}

static int read_quantity(struct reader *r, struct span s, struct node **ret)
{
    struct triple t = {0};
    struct str canonical;
    if (read_triple(r, s, &t) < 0)
        return -1;
    struct str text = t.bytes[0].at ? span_text(r, t.bytes[0]) : STR("0");
    if (quantity_canonical(r->arena, text, &canonical) < 0)
        return status_set(r->st, REASON_BAD_REQUEST, "%s", quantity_fault(text));
    *ret = node_text(r->arena, canonical);
    return 0;
}

static int read_int_or_string(struct reader *r, struct span s, struct node **ret)
{
    struct triple t = {0};
    if (read_triple(r, s, &t) < 0)
        return -1;
    *ret = t.integers[0] == 1 ? node_text(r->arena, span_text(r, t.bytes[2]))
                              : node_int(r->arena, (int32_t)t.integers[1]);
    return 0;
}

/* Raw bytes are JSON or an envelope of their own. */
static int read_raw(struct reader *r, struct span s, struct node **ret)
{
    struct triple t = {0};
    if (read_triple(r, s, &t) < 0)
        return -1;
    struct str raw = {(const char *)t.bytes[0].at, (size_t)(t.bytes[0].end - t.bytes[0].at)};
    if (raw.len == 0) {
        *ret = node_null(r->arena);
        return 0;
    }
    if (raw.len < 4 || memcmp(raw.data, "k8s\0", 4) != 0)
        return json_parse(r->arena, raw, ret, r->st);
    struct str api_version, kind;
    if (r->depth > 3)
        return status_set(r->st, REASON_REQUEST_ENTITY_TOO_LARGE, "exceeded max depth");
    if (proto_peek(r->arena, raw, &api_version, &kind, r->st) < 0)
        return -1;
    struct str group = STR_NONE, version = api_version;
    ssize_t slash = str_find(api_version, '/');
    if (slash >= 0) {
        group = str_slice(api_version, 0, (size_t)slash);
        version = str_slice(api_version, (size_t)slash + 1, api_version.len);
    }
    return proto_read_document(r->arena, raw, schema_type_by_kind(group, version, kind), ret,
                               r->st);
}

static int read_schema(struct reader *r, const struct schema_field *f, struct span s,
                       struct node **ret)
{
    *ret = node_map(r->arena);
    return read_message(r, schema_type_fast(f->type), s, *ret);
}

static int read_schema_or(struct reader *r, const struct schema_field *f, struct span s,
                          struct node **ret)
{
    struct node *one = NULL, *list = NULL, *item;
    bool allows = false;
    struct wire w;
    bool with_bool = f->kind == FIELD_SCHEMA_OR_BOOL;
    while (s.at < s.end) {
        if (read_wire(r, &s, &w) < 0)
            return -1;
        if (w.number == 1 && with_bool) {
            allows = w.integer != 0;
        } else if (w.number == (with_bool ? 2 : 1) && w.type == WIRE_BYTES) {
            if (read_schema(r, f, w.bytes, &one) < 0)
                return -1;
        } else if (w.number == 2 && w.type == WIRE_BYTES) {
            list = list ? list : node_list(r->arena);
            if (f->kind == FIELD_SCHEMA_OR_STRINGS)
                item = node_text(r->arena, span_text(r, w.bytes));
            else if (read_schema(r, f, w.bytes, &item) < 0)
                return -1;
            node_append(r->arena, list, item);
        }
    }
    if (list)
        *ret = list;
    else if (one)
        *ret = one;
    else
        *ret = with_bool ? node_bool(r->arena, allows) : node_null(r->arena);
    return 0;
}

static struct node *bytes_node(struct reader *r, struct span s)
{
    size_t size = (size_t)(s.end - s.at), len = json_base64_encoded_size(size);
    char *text = arena_alloc(r->arena, len + 1);
    json_base64_encode(text, s.at, size);
    return node_text(r->arena, (struct str){text, len});
}

static int read_varint_kind(struct reader *r, const struct schema_field *f, uint64_t integer,
                            struct node **ret)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_BOOL: *ret = node_bool(r->arena, integer != 0); return 0;
    case FIELD_INT32: *ret = node_int(r->arena, (int32_t)integer); return 0;
    default: *ret = node_int(r->arena, (int64_t)integer); return 0;
    }
}

static int read_double(struct reader *r, const struct schema_field *f, uint64_t bits,
                       struct node **ret)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    if (!__builtin_isfinite(d))
        return status_set(r->st, REASON_BAD_REQUEST, "json: unsupported value for field %s",
                          f->name);
    *ret = node_double(r->arena, d);
    return 0;
}

/* before: what an earlier piece of the same message made, or NULL. */
static int read_one(struct reader *r, const struct schema_field *f, const struct wire *w,
                    struct node *before, struct node **ret)
{
    bool varint = f->kind == FIELD_INT32 || f->kind == FIELD_INT64 || f->kind == FIELD_BOOL;
    unsigned want = varint ? WIRE_VARINT : f->kind == FIELD_DOUBLE ? WIRE_FIXED64 : WIRE_BYTES;
    if (w->type != want)
        return wrong_wire(r, f, w);
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING: *ret = node_text(r->arena, span_text(r, w->bytes)); return 0;
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_BOOL: return read_varint_kind(r, f, w->integer, ret);
    case FIELD_DOUBLE: return read_double(r, f, w->integer, ret);
    case FIELD_BYTES: *ret = bytes_node(r, w->bytes); return 0;
    case FIELD_MESSAGE:
        *ret = node_is(before, NODE_MAP) ? before : node_map(r->arena);
        return read_message(r, schema_type_fast(f->type), w->bytes, *ret);
    case FIELD_QUANTITY: return read_quantity(r, w->bytes, ret);
    case FIELD_TIME:
    case FIELD_MICRO_TIME: return read_time(r, f, w->bytes, ret);
    case FIELD_DURATION: {
        struct triple t = {0};
        if (read_triple(r, w->bytes, &t) < 0)
            return -1;
        *ret = node_text(r->arena, duration_format(r->arena, (int64_t)t.integers[0]));
        return 0;
    }
    case FIELD_INT_OR_STRING: return read_int_or_string(r, w->bytes, ret);
    case FIELD_RAW:
    case FIELD_JSON:
    case FIELD_FIELDS_V1: return read_raw(r, w->bytes, ret);
    default: return read_schema_or(r, f, w->bytes, ret);
    }
}

/* Lists of numbers may come packed. */
static int read_packed(struct reader *r, const struct schema_field *f, struct span s,
                       struct node *list)
{
    struct node *item;
    while (s.at < s.end) {
        uint64_t integer;
        if (f->kind == FIELD_DOUBLE) {
            if (s.end - s.at < 8)
                return cut_short(r);
            memcpy(&integer, s.at, 8);
            s.at += 8;
            if (read_double(r, f, integer, &item) < 0)
                return -1;
        } else if (read_varint(r, &s, &integer) < 0 || read_varint_kind(r, f, integer, &item) < 0) {
            return -1;
        }
        node_append(r->arena, list, item);
    }
    return 0;
}

static bool is_number_kind(uint8_t kind)
{
    return kind == FIELD_INT32 || kind == FIELD_INT64 || kind == FIELD_BOOL || kind == FIELD_DOUBLE;
}

static int read_list_item(struct reader *r, const struct schema_field *f, const struct wire *w,
                          struct node *list)
{
    struct node *item;
    if (w->type == WIRE_BYTES && is_number_kind(f->kind))
        return read_packed(r, f, w->bytes, list);
    if (f->kind == FIELD_MESSAGE && ++r->items > LIMIT_OBJECT_ITEMS)
        return too_many_items(r->st);
    if (read_one(r, f, w, NULL, &item) < 0)
        return -1;
    node_append(r->arena, list, item);
    return 0;
}

/* The zero value that an entry without value stands for. */
static int empty_value(struct reader *r, const struct schema_field *f, struct node **ret)
{
    bool varint = f->kind == FIELD_INT32 || f->kind == FIELD_INT64 || f->kind == FIELD_BOOL;
    struct wire w = {.type = varint                    ? WIRE_VARINT
                             : f->kind == FIELD_DOUBLE ? WIRE_FIXED64
                                                       : WIRE_BYTES};
    return read_one(r, f, &w, NULL, ret);
}

static int read_entry(struct reader *r, const struct schema_field *f, struct span s,
                      struct node *map)
{
    struct str key = STR("");
    struct node *value = f->shape == SHAPE_MAP_OF_LIST ? node_list(r->arena) : NULL;
    struct wire w, inner;
    while (s.at < s.end) {
        if (read_wire(r, &s, &w) < 0)
            return -1;
        if (w.number == 1) {
            if (w.type != WIRE_BYTES)
                return wrong_wire(r, f, &w);
            key = span_text(r, w.bytes);
        } else if (w.number == 2 && f->shape == SHAPE_MAP) {
            if (read_one(r, f, &w, value, &value) < 0)
                return -1;
        } else if (w.number == 2) {
            if (w.type != WIRE_BYTES)
                return wrong_wire(r, f, &w);
            while (w.bytes.at < w.bytes.end) {
                if (read_wire(r, &w.bytes, &inner) < 0)
                    return -1;
                if (inner.number == 1 && read_list_item(r, f, &inner, value) < 0)
                    return -1;
            }
        }
    }
    if (!value && empty_value(r, f, &value) < 0)
        return -1;
    json_add_member(r->arena, map, key, value);
    return 0;
}

/* Zero values of fields that JSON leaves out when they are empty mean that the field is absent. */
static bool means_absent(const struct schema_field *f, const struct node *n)
{
    if (f->flags & (FIELD_POINTER | FIELD_ALWAYS))
        return false;
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: return true;
    case NODE_BOOL: return !n->boolean;
    case NODE_INT: return n->integer == 0;
    case NODE_DOUBLE: return n->number == 0;
    case NODE_STRING: return n->text.len == 0;
    default: return false;
    }
}

static int read_field(struct reader *r, const struct schema_field *f, const struct wire *w,
                      struct node *map)
{
    struct str name = {f->name, f->name_len};
    struct node *n = node_get(map, name);
    if (f->shape == SHAPE_ONE) {
        struct node *value;
        if (read_one(r, f, w, n, &value) < 0)
            return -1;
        if (means_absent(f, value))
            node_remove(map, name);
        else if (value != n)
            node_set(r->arena, map, name, value);
        return 0;
    }
    if (!n) {
        n = f->shape == SHAPE_LIST ? node_list(r->arena) : node_map(r->arena);
        node_set(r->arena, map, name, n);
    }
    if (f->shape == SHAPE_LIST)
        return read_list_item(r, f, w, n);
    r->has_maps = true;
    return w->type == WIRE_BYTES ? read_entry(r, f, w->bytes, n) : wrong_wire(r, f, w);
}

/* The fields of a message that stand in `level` flat messages; the first of them is at place
 * `first`. */
static int read_level(struct reader *r, const struct schema_type *t, unsigned level, unsigned first,
                      struct span s, struct node *map)
{
    const struct schema_proto *proto = &schema_protos[t - schema_types];
    struct wire w;
    while (s.at < s.end) {
        if (read_wire(r, &s, &w) < 0)
            return -1;
        unsigned place = schema_place(t, proto, level, first, w.number);
        if (!place)
            continue;
        const struct schema_wire *found = &proto->wires[place - 1];
        const struct schema_field *f = &t->fields[found->index];
        if (found->groups == level) {
            if (read_field(r, f, &w, map) < 0)
                return -1;
            continue;
        }
        if (w.type != WIRE_BYTES)
            return wrong_wire(r, f, &w);
        if (read_level(r, t, level + 1, place, w.bytes, map) < 0)
            return -1;
    }
    return 0;
}

/* Later entries of a map win. */
static void drop_map_duplicates(const struct schema_type *t, struct node *map)
{
    for (uint32_t i = 0; i < map->map.count; i++) {
        struct member *m = &map->map.members[i];
        const struct schema_field *f = schema_field_fast(t, m->name.data, m->name.len);
        if (f && (f->shape == SHAPE_MAP || f->shape == SHAPE_MAP_OF_LIST) &&
            m->value->kind == NODE_MAP)
            json_drop_duplicates(m->value);
    }
}

static int read_message(struct reader *r, const struct schema_type *t, struct span s,
                        struct node *map)
{
    if (++r->depth > LIMIT_DEPTH)
        return status_set(r->st, REASON_REQUEST_ENTITY_TOO_LARGE, "exceeded max depth");
    bool outer_has_maps = r->has_maps;
    r->has_maps = false;
    if (t->field_count && read_level(r, t, 0, 0, s, map) < 0)
        return -1;
    if (r->has_maps)
        drop_map_duplicates(t, map);
    r->has_maps = outer_has_maps;
    r->depth--;
    return 0;
}

int proto_read_message(struct arena *a, struct str bytes, schema_id type, struct node **ret,
                       struct status *st)
{
    struct reader r = {.arena = a, .st = st};
    struct span s = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len};
    struct node *map = node_map(a);
    if (read_message(&r, schema_type(type), s, map) < 0)
        return -1;
    *ret = map;
    return 0;
}

static int read_envelope(struct reader *r, struct str bytes, struct str *ret_api_version,
                         struct str *ret_kind, struct str *ret_raw)
{
    if (bytes.len < 4 || memcmp(bytes.data, "k8s\0", 4) != 0)
        return status_set(r->st, REASON_BAD_REQUEST,
                          "provided data does not appear to be a protobuf message, expected prefix "
                          "[107 56 115 0]");
    struct span s = {(const uint8_t *)bytes.data + 4, (const uint8_t *)bytes.data + bytes.len};
    struct triple t = {0}, meta = {0};
    if (read_triple(r, s, &t) < 0 || read_triple(r, t.bytes[0], &meta) < 0)
        return -1;
    *ret_api_version = span_text(r, meta.bytes[0]);
    *ret_kind = span_text(r, meta.bytes[1]);
    *ret_raw = STR("");
    if (t.bytes[1].at)
        *ret_raw =
            (struct str){(const char *)t.bytes[1].at, (size_t)(t.bytes[1].end - t.bytes[1].at)};
    return 0;
}

int proto_read_document(struct arena *a, struct str bytes, schema_id type, struct node **ret,
                        struct status *st)
{
    struct reader r = {.arena = a, .st = st};
    struct str api_version, kind, raw;
    if (read_envelope(&r, bytes, &api_version, &kind, &raw) < 0)
        return -1;
    if (type == SCHEMA_NONE || type == SCHEMA_CUSTOM)
        return status_set(st, REASON_BAD_REQUEST,
                          "no kind \"%.*s\" is registered for version \"%.*s\"", STR_ARG(kind),
                          STR_ARG(api_version));
    struct node *map = node_map(a);
    node_set(a, map, STR("kind"), node_text(a, kind));
    node_set(a, map, STR("apiVersion"), node_text(a, api_version));
    struct span s = {(const uint8_t *)raw.data, (const uint8_t *)raw.data + raw.len};
    if (read_message(&r, schema_type(type), s, map) < 0)
        return -1;
    *ret = map;
    return 0;
}

int proto_peek(struct arena *a, struct str bytes, struct str *ret_api_version, struct str *ret_kind,
               struct status *st)
{
    struct reader r = {.arena = a, .st = st};
    struct str raw;
    return read_envelope(&r, bytes, ret_api_version, ret_kind, &raw);
}
