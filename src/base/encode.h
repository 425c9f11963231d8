/* Bytes as text: hex, base64 (RFC 4648, both alphabets), percent encoding (RFC 3986). */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"

struct str hex_encode(struct arena *a, const void *data, size_t size);      /* lower case */
int hex_decode(struct arena *a, struct str text, struct str *ret) must_use; /* -EINVAL */

struct str base64_encode(struct arena *a, struct str bytes);    /* standard alphabet, padded */
struct str base64url_encode(struct arena *a, struct str bytes); /* URL alphabet, no padding */
/* Strict: no blanks, right padding, no stray bits. -EINVAL. */
int base64_decode(struct arena *a, struct str text, struct str *ret) must_use;
int base64url_decode(struct arena *a, struct str text,
                     struct str *ret) must_use; /* no padding expected */

/* Unreserved characters (letters, digits, - . _ ~) stay, and those in keep (may be ""); the rest
 * becomes %XX. */
struct str percent_encode(struct arena *a, struct str text, const char *keep);
/* plus_is_blank: form encoding. -EINVAL for a bad %XX. */
int percent_decode(struct arena *a, struct str text, bool plus_is_blank, struct str *ret) must_use;

#endif
