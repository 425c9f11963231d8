#include "base/encode.h"

#include <errno.h>

static const char hex_digits[] = "0123456789abcdef";
static const char hex_digits_upper[] = "0123456789ABCDEF";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct str hex_encode(struct arena *a, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    char *text = arena_alloc(a, size * 2 + 1);
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = hex_digits[bytes[i] >> 4];
        text[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    return (struct str){text, size * 2};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(struct arena *a, struct str text, struct str *ret)
{
    if (text.len % 2)
        return -EINVAL;
    char *bytes = arena_alloc(a, text.len / 2 + 1);
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *ret = (struct str){bytes, text.len / 2};
    return 0;
}

static struct str encode64(struct arena *a, struct str bytes, const char *digits, bool pad)
{
    char *text = arena_alloc(a, (bytes.len + 2) / 3 * 4 + 1);
    const uint8_t *in = (const uint8_t *)bytes.data;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = MIN(bytes.len - i, (size_t)3);
        uint32_t group = (uint32_t)in[i] << 16 | (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (have > 2 ? in[i + 2] : 0U);
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                text[len++] = digits[group >> (18 - 6 * k) & 63];
            else if (pad)
                text[len++] = '=';
        }
    }
    return (struct str){text, len};
}

struct str base64_encode(struct arena *a, struct str bytes)
{
    return encode64(a, bytes, alphabet, true);
}

struct str base64url_encode(struct arena *a, struct str bytes)
{
    return encode64(a, bytes, alphabet_url, false);
}

/* -1 for what is not in the alphabet, whose last two digits are the only ones that differ. */
static int value64(char c, const char *digits)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == digits[62] ? 62 : c == digits[63] ? 63 : -1;
}

/* text without padding. */
static int decode64(struct arena *a, struct str text, const char *digits, struct str *ret)
{
    if (text.len % 4 == 1)
        return -EINVAL;
    char *bytes = arena_alloc(a, text.len / 4 * 3 + 3);
    size_t len = 0;
    uint32_t group = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = value64(text.data[i], digits);
        if (value < 0)
            return -EINVAL;
        group = group << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[len++] = (char)(group >> bits);
            group &= (1U << bits) - 1;
        }
    }
    if (group)
        return -EINVAL;
    *ret = (struct str){bytes, len};
    return 0;
}

int base64_decode(struct arena *a, struct str text, struct str *ret)
{
    if (text.len % 4)
        return -EINVAL;
    for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++)
        text.len--;
    return decode64(a, text, alphabet, ret);
}

int base64url_decode(struct arena *a, struct str text, struct str *ret)
{
    return decode64(a, text, alphabet_url, ret);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

struct str percent_encode(struct arena *a, struct str text, const char *keep)
{
    char *out = arena_alloc(a, text.len * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (is_unreserved(c) || (c && strchr(keep, c))) {
            out[len++] = c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex_digits_upper[(uint8_t)c >> 4];
        out[len++] = hex_digits_upper[(uint8_t)c & 15];
    }
    return (struct str){out, len};
}

int percent_decode(struct arena *a, struct str text, bool plus_is_blank, struct str *ret)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%') {
            bool whole = text.len - i > 2;
            int high = whole ? hex_value(text.data[i + 1]) : -1;
            int low = whole ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[len++] = c;
    }
    *ret = (struct str){out, len};
    return 0;
}
