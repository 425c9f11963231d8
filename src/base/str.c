#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

int str_compare(struct str a, struct str b)
{
    size_t len = MIN(a.len, b.len);
    int order = len ? memcmp(a.data, b.data, len) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

int str_compare_items(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool str_starts(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && (len == 0 || memcmp(s.data, prefix, len) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
    size_t len = strlen(suffix);
    return s.len >= len && (len == 0 || memcmp(s.data + s.len - len, suffix, len) == 0);
}

ssize_t str_find(struct str s, char c)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;
    return at ? at - s.data : -1;
}

ssize_t str_find_last(struct str s, char c)
{
    const char *at = s.len ? memrchr(s.data, c, s.len) : NULL;
    return at ? at - s.data : -1;
}

ssize_t str_find_str(struct str s, struct str part)
{
    if (part.len == 0)
        return 0;
    const char *at = s.len ? memmem(s.data, s.len, part.data, part.len) : NULL;
    return at ? at - s.data : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len && is_blank(s.data[0]))
        s = str_slice(s, 1, s.len);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

struct str str_cut(struct str *rest, char delim)
{
    ssize_t at = str_find(*rest, delim);
    struct str head = *rest;
    if (at < 0) {
        *rest = STR_NONE;
        return head;
    }
    head.len = (size_t)at;
    *rest = str_slice(*rest, (size_t)at + 1, rest->len);
    return head;
}

int str_to_u64(struct str s, uint64_t *ret)
{
    uint64_t value = 0;
    if (s.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return -EINVAL;
        if (mul_overflows(value, 10U, &value) ||
            add_overflows(value, (uint64_t)(s.data[i] - '0'), &value))
            return -ERANGE;
    }
    *ret = value;
    return 0;
}

int str_to_i64(struct str s, int64_t *ret)
{
    bool negative = s.len && s.data[0] == '-';
    uint64_t magnitude;
    int err = str_to_u64(negative ? str_slice(s, 1, s.len) : s, &magnitude);
    if (err)
        return err;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.data[i]) * 0x100000001b3U;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93U;
    return h ^ (h >> 32);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* J.-P. Aumasson, D. J. Bernstein: SipHash: a fast short-input PRF. */
static uint64_t sip_hash_1_3(const uint64_t key[2], struct str s)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                     key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
    uint64_t word;
    size_t at = 0;
    for (; s.len - at >= 8; at += 8) {
        memcpy(&word, s.data + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)s.len << 56;
    for (size_t i = at; i < s.len; i++)
        word |= (uint64_t)(uint8_t)s.data[i] << 8 * (i - at);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t str_hash_secret(struct str s)
{
    uint64_t key[2];
    memcpy(key, (const void *)getauxval(AT_RANDOM), sizeof(key));
    return sip_hash_1_3(key, s);
}

void buf_release(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = 0;
}

char *buf_reserve(struct buf *b, size_t extra)
{
    size_t want = b->len + extra + 1;
    assert(want > extra);
    if (want > b->cap) {
        size_t cap = MAX(want, MAX(b->cap + b->cap / 2, (size_t)64));
        b->data = mem_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_append(struct buf *b, const void *data, size_t size)
{
    char *to = buf_reserve(b, size);
    if (size)
        memcpy(to, data, size);
    b->len += size;
    b->data[b->len] = 0;
}

void buf_add(struct buf *b, struct str s)
{
    buf_append(b, s.data, s.len);
}

void buf_puts(struct buf *b, const char *cstr)
{
    buf_append(b, cstr, strlen(cstr));
}

void buf_putc(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char *to = buf_reserve(b, 128);
    size_t room = b->cap - b->len;
    int len = vsnprintf(to, room, format, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len >= room) {
        to = buf_reserve(b, (size_t)len);
        vsnprintf(to, (size_t)len + 1, format, again);
    }
    va_end(again);
    b->len += (size_t)len;
}

void buf_consume(struct buf *b, size_t size)
{
    assert(size <= b->len);
    if (size == 0)
        return;
    memmove(b->data, b->data + size, b->len - size);
    b->len -= size;
    b->data[b->len] = 0;
}
