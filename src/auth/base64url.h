/* Base64 of RFC 4648 section 5 without padding, as JWTs use it. */
#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

#include "base/arena.h"

struct str base64url_encode(struct arena *a, const void *data, size_t size);
/* Strict: only the alphabet, no padding, no stray bits in the last character. 0 or -EINVAL. */
int base64url_decode(struct arena *a, struct str text, struct str *ret) must_use;

#endif
