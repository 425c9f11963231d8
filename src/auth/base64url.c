#include "auth/base64url.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct str base64url_encode(struct arena *a, const void *data, size_t size)
{
    const uint8_t *in = data;
    char *out = arena_alloc(a, (size + 2) / 3 * 4 + 1);
    size_t len = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | in[i];
        for (have += 8; have >= 6; have -= 6)
            out[len++] = alphabet[bits >> (have - 6) & 63];
    }
    if (have)
        out[len++] = alphabet[bits << (6 - have) & 63];
    return (struct str){out, len};
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64url_decode(struct arena *a, struct str text, struct str *ret)
{
    if (text.len % 4 == 1)
        return -EINVAL;
    char *out = arena_alloc(a, text.len / 4 * 3 + 4);
    size_t len = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[len++] = (char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    if (bits)
        return -EINVAL;
    *ret = (struct str){out, len};
    return 0;
}
