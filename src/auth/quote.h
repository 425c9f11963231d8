/* Quoting as Go's %q does it: messages that clients match contain it. */
#ifndef AUTH_QUOTE_H
#define AUTH_QUOTE_H

#include "base/arena.h"

struct str quote(struct arena *a, struct str text); /* "x" with escapes */
/* ["a" "b"] */
struct str quote_list(struct arena *a, const struct str *texts, size_t count);

#endif
