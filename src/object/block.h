/* clang-format off */
/* The block: how a sealed object lies in memory, in the store and between processes. Used by the files of object/ only;
 * value.h reads blocks, seal.h makes them.
 *
 * Header (little endian, no alignment assumed):
 *     OFFSET SIZE MEANING
 *          0    4 size of the whole block in bytes
 *          4    2 stable number of the type; 0xffff: custom resource
 *          6    1 format (BLOCK_FORMAT)
 *          7    1 version of the dictionary of words
 *          8    8 revision = metadata.resourceVersion, which is not in the body; 0: none
 *         16    4 schema version (0 today)
 *         20    4 CRC-32C of the body
 *         24  4x4 offsets in the block of the length of metadata.labels, spec, status, and of one field of the kind's choice
 *                 (a Pod's spec.nodeName); 0: absent
 *         40      body
 *
 * A body of a type is its fields by ascending tag, each: tag (1 byte), part.
 * A part is a length and so many bytes:
 *     0-251 itself   252 + u16: word of the dictionary   253 + u8: word below 256   254 + u16 length   255 + u32 length
 * always the shortest that serves; text of the dictionary is always its word. Words stand for text only.
 * Payloads:
 *     text         UTF-8                        integer, bool       0, 1, 2, 4 or 8 bytes, shortest; 0 is empty
 *     double       8 bytes, 0.0 is empty        time                integer: seconds (TIME), microseconds (MICRO_TIME)
 *     bytes        as they are                  message             body
 *     list         part*                        map                 (key part, value part)*, keys ascend
 *     int or text  0 + integer, 1 + UTF-8       raw, JSON           value
 *     fieldsV1     0 + node*, 1 + part of value JSONSchemaPropsOr*  0 false, 1 true, 2 + body, 3 + part*
 * A value (custom resources and raw JSON) is a kind byte (enum raw_kind) and its payload; a part that is a word is that text.
 * Its maps are as above with values for values. The body of a custom resource is the payload of a map.
 * A node of a fieldsV1 set: head, part with the nodes below it. Head: 0 is ".", 1 + part is the whole key, 16-31 + u8
 * "f:" and the word with number (head - 16) << 8 | u8. Nodes stay in the order in which they came, as in the original.
 *
 * Invariants (sealed_verify checks them):
 * 1. Equal objects have equal bodies, within one dictionary version: zero values of fields that are no pointers are left out,
 *    empty lists and maps too, as are messages that are no pointers and hold nothing; whole numbers are integers. (Sets of
 *    managedFields are equal when their texts are; a server that writes them puts them in order, field_set_to_node.)
 * 2. Lengths nest: a part ends within its parent. */
/* clang-format on */
#ifndef OBJECT_BLOCK_H
#define OBJECT_BLOCK_H

#include "object/schema.h"
#include "object/schema_tables.h"

struct sealed {
    uint32_t size;
    uint16_t type;
    uint8_t format;
    uint8_t dictionary;
    uint64_t revision;
    uint32_t schema_version;
    uint32_t checksum;
    uint32_t offsets[4];
    uint8_t body[];
} __attribute__((packed));

enum {
    BLOCK_FORMAT = 1,
    BLOCK_HEADER_BYTES = 40
};
enum block_offset {
    OFFSET_LABELS,
    OFFSET_SPEC,
    OFFSET_STATUS,
    OFFSET_CHOICE
};
enum {
    PART_LITERAL_MAX = 251,
    PART_WORD16 = 252,
    PART_WORD8 = 253,
    PART_LENGTH16 = 254,
    PART_LENGTH32 = 255
};
enum raw_kind {
    RAW_NULL,
    RAW_FALSE,
    RAW_TRUE,
    RAW_INT,
    RAW_DOUBLE,
    RAW_TEXT,
    RAW_LIST,
    RAW_MAP,
    RAW_FIELDS
};
enum {
    SCHEMA_OR_FALSE,
    SCHEMA_OR_TRUE,
    SCHEMA_OR_SCHEMA,
    SCHEMA_OR_LIST
};
enum {
    FIELDS_SET = 0,
    FIELDS_VALUE = 1
};
enum {
    FIELDS_SELF = 0,
    FIELDS_KEY = 1,
    FIELDS_NAME = 2,
    FIELDS_WORD = 16,
    FIELDS_HEAD_MAX = 31
};

struct part {
    const uint8_t *data;
    uint32_t size;
    bool is_word;
};

#define PART_EMPTY ((struct part){(const uint8_t *)"", 0, false})

/* A part whose length takes more than its first byte. */
struct part part_read_long(const uint8_t *p) pure_func;

/* Reads the part at p of a verified block; returns what is behind it. */
static inline const uint8_t *part_read(const uint8_t *p, struct part *ret)
{
    if (likely(*p <= PART_LITERAL_MAX)) {
        *ret = (struct part){p + 1, *p, false};
        return p + 1 + *p;
    }
    *ret = part_read_long(p);
    return !ret->is_word ? ret->data + ret->size : *p == PART_WORD8 ? p + 2 : p + 3;
}

static inline const uint8_t *part_skip(const uint8_t *p)
{
    uint32_t size;
    switch (*p) {
    default: return p + 1 + *p;
    case PART_WORD16: return p + 3;
    case PART_WORD8: return p + 2;
    case PART_LENGTH16: return p + 3 + (p[1] | p[2] << 8);
    case PART_LENGTH32: memcpy(&size, p + 1, 4); return p + 5 + size;
    }
}

static inline int64_t integer_read(const uint8_t *p, uint32_t size)
{
    int16_t i16;
    int32_t i32;
    int64_t i64;
    switch (size) {
    case 1: return (int8_t)*p;
    case 2: memcpy(&i16, p, 2); return i16;
    case 4: memcpy(&i32, p, 4); return i32;
    case 8: memcpy(&i64, p, 8); return i64;
    default: return 0;
    }
}

static inline double double_read(const uint8_t *p, uint32_t size)
{
    double d = 0;
    if (size == 8)
        memcpy(&d, p, 8);
    return d;
}

/* Whether JSON shows a double as a whole number that is read back as an integer; values hold it as
 * that. */
static inline bool double_is_integer(double d)
{
    return d > -9.2e18 && d < 9.2e18 && d == (double)(int64_t)d;
}

/* A growing block or body. */
struct writer {
    uint8_t *data; /* owned */
    size_t len, cap;
};

void writer_grow(struct writer *w, size_t extra);

static inline uint8_t *writer_room(struct writer *w, size_t extra)
{
    if (unlikely(w->cap - w->len <= extra))
        writer_grow(w, extra);
    return w->data + w->len;
}

static inline void writer_byte(struct writer *w, uint8_t byte)
{
    *writer_room(w, 1) = byte;
    w->len++;
}

static inline void writer_bytes(struct writer *w, const void *data, size_t size)
{
    uint8_t *to = writer_room(w, size);
    if (size)
        memcpy(to, data, size);
    w->len += size;
}

/* A part whose payload is written next. room: how many bytes its length will need by guess (1 or
 * 3). */
static inline size_t part_begin(struct writer *w, size_t room)
{
    writer_room(w, room);
    w->len += room;
    return w->len;
}
void part_end(struct writer *w, size_t begun, size_t room);

size_t integer_size(int64_t value);
void writer_integer(struct writer *w, int64_t value); /* payload only */
void part_write_integer(struct writer *w, int64_t value);
void part_write_text(struct writer *w, const char *data, size_t len); /* a word when it is one */
void part_write_bytes(struct writer *w, const void *data, size_t size);

/* Makes a finished heap block with one reference of a writer that holds header and body; fills the
 * header. Frees w. */
struct sealed *block_finish(struct writer *w, schema_id type);
/* The header's row of offsets for a block whose body is sound. */
void block_offsets(const uint8_t *block, size_t size, schema_id type, uint32_t ret[4]);
/* The part of sealed_verify that looks at the body; size is at least that of the header. */
bool block_body_sound(const void *data, size_t size);
/* Room for the header. */
void block_begin(struct writer *w);

#endif
