#include "object/block.h"

#include "object/value.h"

static inline struct part word(unsigned number)
{
    const struct schema_word *w = &schema_words[number];
    return (struct part){(const uint8_t *)schema_word_text(w), w->len, true};
}

struct part part_read_long(const uint8_t *p)
{
    uint32_t u32;
    switch (*p) {
    case PART_WORD8: return word(p[1]);
    case PART_WORD16: return word(p[1] | (unsigned)p[2] << 8);
    case PART_LENGTH16: return (struct part){p + 3, p[1] | (uint32_t)p[2] << 8, false};
    default: memcpy(&u32, p + 1, 4); return (struct part){p + 5, u32, false};
    }
}

void writer_grow(struct writer *w, size_t extra)
{
    size_t cap = MAX(w->len + extra + 1, w->cap ? w->cap * 2 : (size_t)1024);
    w->data = mem_realloc(w->data, cap);
    w->cap = cap;
}

static size_t length_size(size_t size)
{
    return size <= PART_LITERAL_MAX ? 1 : size <= UINT16_MAX ? 3 : 5;
}

static void put_length(uint8_t *to, size_t size)
{
    uint16_t u16 = (uint16_t)size;
    uint32_t u32 = (uint32_t)size;
    if (size <= PART_LITERAL_MAX) {
        to[0] = (uint8_t)size;
    } else if (size <= UINT16_MAX) {
        to[0] = PART_LENGTH16;
        memcpy(to + 1, &u16, 2);
    } else {
        to[0] = PART_LENGTH32;
        memcpy(to + 1, &u32, 4);
    }
}

void part_end(struct writer *w, size_t begun, size_t room)
{
    size_t size = w->len - begun, want = length_size(size);
    if (unlikely(want != room)) {
        if (want > room)
            writer_room(w, want - room);
        memmove(w->data + begun - room + want, w->data + begun, size);
        w->len = begun - room + want + size;
    }
    put_length(w->data + begun - room, size);
}

size_t integer_size(int64_t value)
{
    if (value == 0)
        return 0;
    if (value == (int8_t)value)
        return 1;
    if (value == (int16_t)value)
        return 2;
    return value == (int32_t)value ? 4 : 8;
}

void writer_integer(struct writer *w, int64_t value)
{
    writer_bytes(w, &value, integer_size(value));
}

void part_write_integer(struct writer *w, int64_t value)
{
    uint8_t *to = writer_room(w, 9);
    size_t size = integer_size(value);
    to[0] = (uint8_t)size;
    memcpy(to + 1, &value, 8);
    w->len += 1 + size;
}

void part_write_bytes(struct writer *w, const void *data, size_t size)
{
    uint8_t *to = writer_room(w, size + 5);
    size_t length = length_size(size);
    put_length(to, size);
    if (size)
        memcpy(to + length, data, size);
    w->len += length + size;
}

void part_write_text(struct writer *w, const char *data, size_t len)
{
    int word = schema_word(data, len);
    if (word == WORD_NONE) {
        part_write_bytes(w, data, len);
        return;
    }
    uint8_t *to = writer_room(w, 3);
    to[0] = word < 256 ? PART_WORD8 : PART_WORD16;
    to[1] = (uint8_t)word;
    to[2] = (uint8_t)(word >> 8);
    w->len += word < 256 ? 2 : 3;
}
