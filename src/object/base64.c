/* Base64 (json.h). */
#include "object/json.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t json_base64_encoded_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

void json_base64_encode(char *out, const uint8_t *data, size_t size)
{
    size_t i = 0;
    for (; i + 3 <= size; i += 3) {
        uint32_t v = (uint32_t)data[i] << 16 | (uint32_t)data[i + 1] << 8 | data[i + 2];
        *out++ = ALPHABET[v >> 18];
        *out++ = ALPHABET[v >> 12 & 63];
        *out++ = ALPHABET[v >> 6 & 63];
        *out++ = ALPHABET[v & 63];
    }
    if (i == size)
        return;
    uint32_t v = (uint32_t)data[i] << 16 | (i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0);
    *out++ = ALPHABET[v >> 18];
    *out++ = ALPHABET[v >> 12 & 63];
    *out++ = i + 1 < size ? ALPHABET[v >> 6 & 63] : '=';
    *out = '=';
}

size_t json_base64_decoded_max(size_t len)
{
    return len / 4 * 3 + 3;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

/* After `have` digits of the last group stands '=' at `at`: the rest must be the padding and
 * nothing else. Returns the place of the fault or -1. */
static ssize_t check_padding(struct str text, size_t at, int have)
{
    if (have < 2)
        return (ssize_t)at;
    size_t next = at + 1;
    if (have == 2) {
        while (next < text.len && is_break(text.data[next]))
            next++;
        if (next == text.len)
            return (ssize_t)text.len;
        if (text.data[next] != '=')
            return (ssize_t)next;
        next++;
    }
    while (next < text.len && is_break(text.data[next]))
        next++;
    return next < text.len ? (ssize_t)next : -1;
}

ssize_t json_base64_decode(uint8_t *out, struct str text, size_t *ret_bad)
{
    uint8_t *to = out;
    uint32_t group = 0;
    int have = 0;
    for (size_t at = 0; at < text.len; at++) {
        char c = text.data[at];
        int value = digit_value(c);
        if (value >= 0) {
            group = group << 6 | (uint32_t)value;
            if (++have == 4) {
                *to++ = (uint8_t)(group >> 16);
                *to++ = (uint8_t)(group >> 8);
                *to++ = (uint8_t)group;
                have = 0;
                group = 0;
            }
            continue;
        }
        if (is_break(c))
            continue;
        ssize_t bad = c == '=' ? check_padding(text, at, have) : (ssize_t)at;
        if (bad >= 0) {
            *ret_bad = (size_t)bad;
            return -1;
        }
        *to++ = (uint8_t)(have == 2 ? group >> 4 : group >> 10);
        if (have == 3)
            *to++ = (uint8_t)(group >> 2);
        return to - out;
    }
    if (have) {
        *ret_bad = text.len - (size_t)have;
        return -1;
    }
    return to - out;
}
