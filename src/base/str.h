/* Text: a view of bytes (struct str) and a growing buffer (struct buf).
 *
 * A struct str does not own what it points to and need not end with NUL. The empty string may have
 * a NULL pointer. Comparison is of bytes. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include "base/base.h"

struct str {
    const char *data; /* borrowed */
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).len, (s).data ? (s).data : ""

static inline struct str str_from(const char *cstr)
{
    return (struct str){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool str_is(struct str a, const char *cstr)
{
    return str_equal(a, str_from(cstr));
}

static inline bool str_empty(struct str s)
{
    return s.len == 0;
}

static inline struct str str_slice(struct str s, size_t from, size_t to)
{
    assert(from <= to && to <= s.len);
    return (struct str){s.data ? s.data + from : NULL, to - from};
}

int str_compare(struct str a, struct str b);         /* <0, 0, >0; byte order, shorter first */
int str_compare_items(const void *a, const void *b); /* of struct str, for qsort and bsearch */
bool str_equal_nocase(struct str a, struct str b);   /* ASCII */
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* Index of the first c, or -1. */
ssize_t str_find(struct str s, char c);
ssize_t str_find_last(struct str s, char c);
ssize_t str_find_str(struct str s, struct str part);
struct str str_trim(struct str s); /* without blanks, tabs, CR, LF at both ends */
/* Cuts *rest at the first delim: returns what is before it and leaves what is behind it; without
 * delim takes all. An empty rest with a NULL pointer ends a loop: while (rest.data) { head =
 * str_cut(&rest, ','); } */
struct str str_cut(struct str *rest, char delim);
/* Decimal digits only, whole string. 0, or -EINVAL, or -ERANGE. */
int str_to_u64(struct str s, uint64_t *ret) must_use;
int str_to_i64(struct str s, int64_t *ret) must_use;
/* FNV-1a with a final mix; stable within a process and across machines. */
uint64_t str_hash(struct str s) pure_func;
/* SipHash-1-3 with a key that the kernel gave this process: for tables whose keys come from
 * outside, so that nobody can choose keys that meet. Stable within a process only. */
uint64_t str_hash_secret(struct str s) pure_func;

struct buf {
    char *data; /* owned; always NUL-terminated when not NULL */
    size_t len;
    size_t cap;
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
/* Makes room for extra more bytes (and the NUL) and returns where they go; the caller adds what it
 * wrote to len. */
char *buf_reserve(struct buf *b, size_t extra);
void buf_append(struct buf *b, const void *data, size_t size);
void buf_add(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *cstr);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) printf_like(2, 3);
void buf_consume(struct buf *b, size_t size); /* drops bytes at the front */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->data, b->len};
}

#endif
