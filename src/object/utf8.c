/* UTF-8: checking and mending (json.h). */
#include "object/json.h"

/* Length of the well-formed sequence at p, or 0. */
static size_t sequence(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < 2)
        return 0;
    if ((p[1] & 0xc0) != 0x80)
        return 0;
    if (p[0] < 0xe0)
        return 2;
    if (left < 3 || (p[2] & 0xc0) != 0x80 || (p[0] == 0xe0 && p[1] < 0xa0) ||
        (p[0] == 0xed && p[1] > 0x9f))
        return 0;
    if (p[0] < 0xf0)
        return 3;
    if (left < 4 || (p[3] & 0xc0) != 0x80 || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}

/* Most text is ASCII, and short: whole words, the last of which overlaps the one before. */
static bool is_ascii(struct str s)
{
    uint64_t high = 0, eight;
    uint32_t first, last;
    if (s.len >= 8) {
        for (size_t i = 0; i + 8 <= s.len; i += 8) {
            memcpy(&eight, s.data + i, 8);
            high |= eight;
        }
        memcpy(&eight, s.data + s.len - 8, 8);
        high |= eight;
    } else if (s.len >= 4) {
        memcpy(&first, s.data, 4);
        memcpy(&last, s.data + s.len - 4, 4);
        high = first | last;
    } else {
        for (size_t i = 0; i < s.len; i++)
            high |= (unsigned char)s.data[i];
    }
    return !(high & 0x8080808080808080ULL);
}

bool utf8_valid(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.data, *end = p + s.len;
    if (likely(is_ascii(s)))
        return true;
    while (p < end) {
        if (end - p >= 8 && is_ascii((struct str){(const char *)p, 8})) {
            p += 8;
            continue;
        }
        size_t len = sequence(p, end);
        if (!len)
            return false;
        p += len;
    }
    return true;
}

struct str utf8_mend(struct arena *a, struct str s)
{
    if (utf8_valid(s))
        return s;
    const unsigned char *p = (const unsigned char *)s.data, *end = p + s.len;
    size_t bad = 0;
    for (size_t len; p < end; p += len ? len : 1) {
        len = sequence(p, end);
        bad += !len;
    }
    char *out = arena_alloc(a, s.len + 2 * bad + 1), *to = out;
    for (p = (const unsigned char *)s.data; p < end;) {
        size_t len = sequence(p, end);
        memcpy(to, len ? (const char *)p : "\xef\xbf\xbd", len ? len : 3);
        to += len ? len : 3;
        p += len ? len : 1;
    }
    return (struct str){out, (size_t)(to - out)};
}
