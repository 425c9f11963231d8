#include <errno.h>

#include "node/cri_message.h"

#include "object/wire.h"

enum shape {
    ONE,
    LIST,
    MAP
};
enum kind {
    STRING,
    BYTES,
    INT,
    BOOL,
    DOUBLE,
    MESSAGE_KIND
};

struct field {
    const char *name; /* NULL ends a message */
    uint16_t number;
    uint8_t shape;
    uint8_t kind;
    uint16_t type;
};

/* The schema is read twice: once for the fields of each message, once for the table of messages. */
#define KIND_STRING                            STRING
#define KIND_BYTES                             BYTES
#define KIND_INT                               INT
#define KIND_BOOL                              BOOL
#define KIND_DOUBLE                            DOUBLE
#define KIND_MESSAGE                           MESSAGE_KIND
#define MESSAGE(name)                          static const struct field fields_##name[] = {
#define FIELD(name, number, shape, kind, type) {#name, number, shape, KIND_##kind, CRI_##type},
#define END                                                                                        \
    {                                                                                              \
        NULL                                                                                       \
    }                                                                                              \
    }                                                                                              \
    ;
#include "../../schema/cri/runtime.def"
#undef MESSAGE
#undef FIELD
#undef END

static const struct field *const messages[CRI_MESSAGE_COUNT] = {
#define MESSAGE(name) [CRI_##name] = fields_##name,
#define FIELD(name, number, shape, kind, type)
#define END
#include "../../schema/cri/runtime.def"
#undef MESSAGE
#undef FIELD
#undef END
};

static void put_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_putc(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_putc(out, (char)value);
}

static void put_tag(struct buf *out, unsigned number, enum wire_type wire)
{
    put_varint(out, (uint64_t)number << 3 | wire);
}

static void put_bytes(struct buf *out, unsigned number, struct str bytes)
{
    put_tag(out, number, WIRE_BYTES);
    put_varint(out, bytes.len);
    buf_add(out, bytes);
}

static void put_message(struct buf *out, unsigned number, enum cri_message type,
                        const struct node *n)
{
    struct buf inner = BUF_INIT;
    cri_encode(&inner, type, n);
    put_bytes(out, number, buf_str(&inner));
    buf_release(&inner);
}

/* A value of its own (explicit: also when zero, as in lists). */
static void put_value(struct buf *out, const struct field *f, const struct node *n, bool explicit)
{
    switch (f->kind) {
    case MESSAGE_KIND: put_message(out, f->number, f->type, n); break;
    case STRING:
    case BYTES:
        if (explicit || node_str(n, "").len)
            put_bytes(out, f->number, node_str(n, ""));
        break;
    case INT:
    case BOOL: {
        uint64_t value = n->kind == NODE_BOOL ? n->boolean : (uint64_t)node_num(n, "", 0);
        if (explicit || value) {
            put_tag(out, f->number, WIRE_VARINT);
            put_varint(out, value);
        }
        break;
    }
    case DOUBLE: {
        double value = n->kind == NODE_DOUBLE ? n->number : (double)node_num(n, "", 0);
        put_tag(out, f->number, WIRE_FIXED64);
        buf_append(out, &value, sizeof(value));
        break;
    }
    default: assert(false);
    }
}

static void put_map(struct buf *out, const struct field *f, const struct node *map)
{
    struct buf entry = BUF_INIT;
    member_each(m, map)
    {
        buf_clear(&entry);
        put_bytes(&entry, 1, m->name);
        put_bytes(&entry, 2, node_str(m->value, ""));
        put_bytes(out, f->number, buf_str(&entry));
    }
    buf_release(&entry);
}

static const struct field *field_named(enum cri_message type, struct str name)
{
    for (const struct field *f = messages[type]; f->name; f++) {
        if (str_is(name, f->name))
            return f;
    }
    return NULL;
}

void cri_encode(struct buf *out, enum cri_message type, const struct node *n)
{
    member_each(m, n)
    {
        const struct field *f = field_named(type, m->name);
        assert(f);
        if (m->value->kind == NODE_NULL)
            continue;
        if (f->shape == MAP)
            put_map(out, f, m->value);
        else if (f->shape == ONE)
            put_value(out, f, m->value, false);
        else
            node_each(item, m->value) put_value(out, f, item, true);
    }
}

/* Decoding. */

struct reader {
    const uint8_t *at, *end;
};

static bool get_varint(struct reader *r, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool get_bytes(struct reader *r, struct str *ret)
{
    uint64_t size;
    if (!get_varint(r, &size) || size > (uint64_t)(r->end - r->at))
        return false;
    *ret = (struct str){(const char *)r->at, size};
    r->at += size;
    return true;
}

/* A value of any wire type: number for varints and fixed ones, bytes for the rest. */
static bool get_wire(struct reader *r, unsigned wire, uint64_t *number, struct str *bytes)
{
    size_t fixed = wire == WIRE_FIXED64 ? 8 : 4;
    switch (wire) {
    case WIRE_VARINT: return get_varint(r, number);
    case WIRE_BYTES: return get_bytes(r, bytes);
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        if ((size_t)(r->end - r->at) < fixed)
            return false;
        *number = 0;
        memcpy(number, r->at, fixed);
        r->at += fixed;
        return true;
    default: return false;
    }
}

static struct node *scalar(struct arena *a, const struct field *f, uint64_t number)
{
    double value;
    switch (f->kind) {
    case BOOL: return node_bool(a, number != 0);
    case DOUBLE: memcpy(&value, &number, sizeof(value)); return node_double(a, value);
    default: return node_int(a, (int64_t)number);
    }
}

static int decode(struct arena *a, enum cri_message type, struct str bytes, unsigned depth,
                  struct node **ret);

static int get_map_entry(struct arena *a, struct str bytes, struct node *map)
{
    struct reader r = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len};
    struct str parts[3] = {{0}}, value;
    uint64_t tag, number;
    while (r.at < r.end) {
        if (!get_varint(&r, &tag) || !get_wire(&r, tag & 7, &number, &value))
            return -EBADMSG;
        if ((tag >> 3 == 1 || tag >> 3 == 2) && (tag & 7) == WIRE_BYTES)
            parts[tag >> 3] = value;
    }
    node_set(a, map, parts[1], node_text(a, parts[2]));
    return 0;
}

static int get_field(struct arena *a, const struct field *f, unsigned wire, uint64_t number,
                     struct str bytes, unsigned depth, struct node *into)
{
    struct str name = str_from(f->name);
    struct node *old = node_get(into, name), *value = NULL;
    bool wants_bytes =
        f->shape == MAP || f->kind == STRING || f->kind == BYTES || f->kind == MESSAGE_KIND;
    if (f->shape != ONE && !old) {
        old = f->shape == MAP ? node_map(a) : node_list(a);
        node_set(a, into, name, old);
    }
    if (wants_bytes != (wire == WIRE_BYTES)) {
        /* Packed numbers of a list are the only other form. */
        if (f->shape != LIST || f->kind != INT || wire != WIRE_BYTES)
            return -EBADMSG;
        struct reader r = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len};
        while (r.at < r.end) {
            if (!get_varint(&r, &number))
                return -EBADMSG;
            node_append(a, old, scalar(a, f, number));
        }
        return 0;
    }
    if (f->shape == MAP)
        return get_map_entry(a, bytes, old);
    if (f->kind == MESSAGE_KIND) {
        int err = decode(a, f->type, bytes, depth + 1, &value);
        if (err < 0)
            return err;
    } else {
        value = wants_bytes ? node_text(a, bytes) : scalar(a, f, number);
    }
    if (f->shape == LIST)
        node_append(a, old, value);
    else
        node_set(a, into, name, value);
    return 0;
}

static int decode(struct arena *a, enum cri_message type, struct str bytes, unsigned depth,
                  struct node **ret)
{
    struct reader r = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len};
    struct node *n = node_map(a);
    if (depth > CRI_DEPTH_MAX)
        return -EBADMSG;
    while (r.at < r.end) {
        uint64_t tag, number = 0;
        struct str value = {0};
        if (!get_varint(&r, &tag) || !get_wire(&r, tag & 7, &number, &value))
            return -EBADMSG;
        for (const struct field *f = messages[type]; f->name; f++) {
            if (f->number != tag >> 3)
                continue;
            int err = get_field(a, f, tag & 7, number, value, depth, n);
            if (err < 0)
                return err;
            break;
        }
    }
    *ret = n;
    return 0;
}

int cri_decode(struct arena *a, enum cri_message type, struct str bytes, struct node **ret)
{
    assert(type > CRI_NONE && type < CRI_MESSAGE_COUNT);
    return decode(a, type, bytes, 0, ret);
}
