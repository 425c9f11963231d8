/* Sixteen bytes at a time: classes of bytes for the JSON codecs, with SSE2 (part of x86-64) or
 * plain C. Used by the files of object/ only. */
#ifndef OBJECT_SIMD_H
#define OBJECT_SIMD_H

#include "base/base.h"

#ifdef __SSE2__
#include <emmintrin.h>

typedef __m128i bytes16;

static inline bytes16 bytes16_load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void bytes16_store(void *p, bytes16 v)
{
    _mm_storeu_si128((__m128i *)p, v);
}

/* low comes first. In registers: a load behind two smaller stores waits for both. */
static inline bytes16 bytes16_of(uint64_t low, uint64_t high)
{
    return _mm_set_epi64x((long long)high, (long long)low);
}

/* Bit i: byte i needs an escape when Go writes it, or starts U+2028 perhaps. */
static inline unsigned bytes16_escapes(bytes16 v)
{
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    __m128i quote =
        _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(4)), _mm_set1_epi8(0x26)); /* " & */
    __m128i angle =
        _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8(0x3e)); /* < > */
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i line = _mm_cmpeq_epi8(v, _mm_set1_epi8((char)0xe2));
    __m128i any =
        _mm_or_si128(_mm_or_si128(_mm_or_si128(control, quote), _mm_or_si128(angle, slash)), line);
    return (unsigned)_mm_movemask_epi8(any);
}

/* Bit i: byte i ends a run of plain text in a JSON string: quote, backslash, control, or beyond
 * ASCII. */
static inline unsigned bytes16_text_ends(bytes16 v)
{
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    /* Signed: below 0x20 are the controls and all from 0x80 on. */
    __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
}

/* Bit i: byte i is beyond ASCII. */
static inline unsigned bytes16_high(bytes16 v)
{
    return (unsigned)_mm_movemask_epi8(v);
}
#else
typedef struct {
    uint8_t byte[16];
} bytes16;

static inline bytes16 bytes16_load(const void *p)
{
    bytes16 v;
    memcpy(&v, p, 16);
    return v;
}

static inline void bytes16_store(void *p, bytes16 v)
{
    memcpy(p, &v, 16);
}

static inline bytes16 bytes16_of(uint64_t low, uint64_t high)
{
    bytes16 v;
    memcpy(&v, &low, 8);
    memcpy(v.byte + 8, &high, 8);
    return v;
}

static inline unsigned bytes16_escapes(bytes16 v)
{
    unsigned mask = 0;
    for (int i = 0; i < 16; i++) {
        uint8_t c = v.byte[i];
        mask |= (unsigned)(c < 0x20 || c == '"' || c == '&' || c == '<' || c == '>' || c == '\\' ||
                           c == 0xe2)
                << i;
    }
    return mask;
}

static inline unsigned bytes16_text_ends(bytes16 v)
{
    unsigned mask = 0;
    for (int i = 0; i < 16; i++)
        mask |= (unsigned)(v.byte[i] < 0x20 || v.byte[i] >= 0x80 || v.byte[i] == '"' ||
                           v.byte[i] == '\\')
                << i;
    return mask;
}

static inline unsigned bytes16_high(bytes16 v)
{
    unsigned mask = 0;
    for (int i = 0; i < 16; i++)
        mask |= (unsigned)(v.byte[i] >> 7) << i;
    return mask;
}
#endif

/* The first len (1 to 15) bytes at p in one vector, the rest repeats some of them; reads nothing
 * beyond. */
static inline bytes16 bytes16_load_short(const char *p, size_t len)
{
    uint64_t low, high;
    if (len >= 8) {
        memcpy(&low, p, 8);
        memcpy(&high, p + len - 8, 8);
    } else if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + len - 4, 4);
        low = high = first | (uint64_t)last << 32;
    } else {
        low = (uint64_t)(uint8_t)p[0] * 0x0101010101010101ULL;
        high =
            (uint64_t)(uint8_t)p[len / 2] | (uint64_t)(uint8_t)p[len - 1] * 0x0101010101010100ULL;
    }
    return bytes16_of(low, high);
}

/* The first len (1 to 15) bytes at p in front of others; reads nothing beyond. */
static inline bytes16 bytes16_load_part(const char *p, size_t len)
{
    uint64_t low, high = 0;
    if (len >= 8) {
        memcpy(&low, p, 8);
        memcpy(&high, p + len - 8, 8);
        high >>= 8 * (16 - len) & 63;
    } else if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + len - 4, 4);
        low = first | (uint64_t)last << 8 * (len - 4);
    } else {
        low = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[len / 2] << 8 * (len / 2) |
              (uint64_t)(uint8_t)p[len - 1] << 8 * (len - 1);
    }
    return bytes16_of(low, high);
}

/* Copies len (0 to 15) bytes. */
static inline void copy_short(char *to, const char *from, size_t len)
{
    if (len >= 8) {
        uint64_t a, b;
        memcpy(&a, from, 8);
        memcpy(&b, from + len - 8, 8);
        memcpy(to, &a, 8);
        memcpy(to + len - 8, &b, 8);
    } else if (len >= 4) {
        uint32_t a, b;
        memcpy(&a, from, 4);
        memcpy(&b, from + len - 4, 4);
        memcpy(to, &a, 4);
        memcpy(to + len - 4, &b, 4);
    } else if (len) {
        char a = from[0], b = from[len / 2], c = from[len - 1];
        to[0] = a;
        to[len / 2] = b;
        to[len - 1] = c;
    }
}

/* memcmp == 0, short ones inline. */
static inline bool equal_bytes(const char *a, const char *b, size_t len)
{
    uint64_t a8, b8, c8, d8;
    uint32_t a4, b4, c4, d4;
    if (len > 16)
        return memcmp(a, b, len) == 0;
    if (len >= 8) {
        memcpy(&a8, a, 8);
        memcpy(&b8, b, 8);
        memcpy(&c8, a + len - 8, 8);
        memcpy(&d8, b + len - 8, 8);
        return a8 == b8 && c8 == d8;
    }
    if (len >= 4) {
        memcpy(&a4, a, 4);
        memcpy(&b4, b, 4);
        memcpy(&c4, a + len - 4, 4);
        memcpy(&d4, b + len - 4, 4);
        return a4 == b4 && c4 == d4;
    }
    return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
}

/* Copies len bytes of any count, short ones inline. */
static inline void copy_bytes(char *to, const char *from, size_t len)
{
    if (len < 16) {
        copy_short(to, from, len);
        return;
    }
    if (len > 64) {
        memcpy(to, from, len);
        return;
    }
    for (size_t i = 0; i + 16 <= len; i += 16)
        bytes16_store(to + i, bytes16_load(from + i));
    bytes16_store(to + len - 16, bytes16_load(from + len - 16));
}

#endif
