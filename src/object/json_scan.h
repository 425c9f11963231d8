/* The scanner under seal_json: tokens of JSON text. Used by its files only: seal_json.c has the
 * messages, seal_json_scalars.c the rarer scalars, seal_json_sets.c the sets of managedFields.
 *
 * It knows only sound, typed JSON: functions return false at everything else (ill-typed, unknown
 * and duplicate members, rare kinds of fields, syntax errors).
 *
 * Zero ends every token, so that nothing runs past the copy (direct.h). Escapes are undone in
 * place. */
#ifndef OBJECT_JSON_SCAN_H
#define OBJECT_JSON_SCAN_H

#include "object/direct.h"

/* The rest of a text that begins at from, from stop on, its first byte that isn't plain. */
bool scan_hard_text(struct scan *s, char *from, char *stop, struct str *ret);

/* Parts of scalars. */
bool scan_quantity(struct scan *s);
bool scan_time(struct scan *s, bool micro);
bool scan_int_or_string(struct scan *s);
bool scan_bytes(struct scan *s);
/* The part of a FieldsV1. */
bool scan_fields(struct scan *s);

static inline void skip_blanks(struct scan *s)
{
    while (unlikely(*s->at <= ' ') &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* A text whose opening quote is at s->at. */
static inline bool scan_text(struct scan *s, struct str *ret)
{
    if (*s->at != '"')
        return false;
    /* Two vectors at a time, whether the second is needed or not: most texts end in them, and
     * guessing costs more. */
    char *from = s->at + 1, *p = from;
    unsigned mask;
    while (!(mask = bytes16_text_ends(bytes16_load(p)) | bytes16_text_ends(bytes16_load(p + 16))
                                                             << 16))
        p += 32;
    p += __builtin_ctz(mask);
    if (unlikely(*p != '"'))
        return scan_hard_text(s, from, p, ret);
    s->at = p + 1;
    *ret = (struct str){from, (size_t)(p - from)};
    return true;
}

/* A key and the colon behind it. */
static inline bool scan_key(struct scan *s, struct str *ret)
{
    if (!scan_text(s, ret))
        return false;
    skip_blanks(s);
    if (*s->at != ':')
        return false;
    s->at++;
    skip_blanks(s);
    return true;
}

/* Behind a member or item: true when another one follows; *ret_sound is false when neither that nor
 * the end does. */
static inline bool scan_more(struct scan *s, char end, bool *ret_sound)
{
    skip_blanks(s);
    char c = *s->at++;
    if (c == ',') {
        skip_blanks(s);
        return true;
    }
    *ret_sound = c == end;
    return false;
}

static inline bool scan_null(struct scan *s)
{
    if (memcmp(s->at, "null", 4) != 0)
        return false;
    s->at += 4;
    return true;
}

/* Whole numbers of up to 18 digits; all others are left to the tree. */
static inline bool scan_integer(struct scan *s, int64_t *ret)
{
    char *p = s->at;
    bool negative = *p == '-';
    p += negative;
    char *from = p;
    uint64_t value = 0; /* may wrap: then there are too many digits */
    while (*p >= '0' && *p <= '9')
        value = value * 10 + (uint64_t)(*p++ - '0');
    size_t count = (size_t)(p - from);
    if (count == 0 || count > 18 || (*from == '0' && (count > 1 || negative)) || *p == '.' ||
        *p == 'e' || *p == 'E')
        return false;
    *ret = negative ? -(int64_t)value : (int64_t)value;
    s->at = p;
    return true;
}

static inline bool scan_bool(struct scan *s, bool *ret)
{
    *ret = *s->at == 't';
    if (memcmp(s->at, *ret ? "true" : "false", *ret ? 4 : 5) != 0)
        return false;
    s->at += *ret ? 4 : 5;
    return true;
}

#endif
