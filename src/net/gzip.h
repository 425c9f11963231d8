/* gzip of answers. Wraps zlib, at its fastest level: what is saved on a list's wire must not cost
 * more than making the list.
 *
 * Whole answers by gzip_whole; answers in parts by struct gzip, whose output follows each part. */
#ifndef NET_GZIP_H
#define NET_GZIP_H

#include "base/str.h"

enum {
    GZIP_MIN_BYTES = 128 << 10
}; /* smaller answers go as they are; upstream the same */

/* Whether the value of Accept-Encoding takes gzip: named, or "*", and not with q=0. */
bool gzip_accepted(struct str accept_encoding);
void gzip_whole(struct str data, struct buf *out); /* appended */

struct gzip;
struct gzip *gzip_new(void);
/* Appends what is ready to out; with last, everything. Output may lag behind by a window unless
 * flush is set. */
void gzip_write(struct gzip *g, struct str data, bool flush, bool last, struct buf *out);
void gzip_free(struct gzip *g);

/* For large answers that wait long between their parts: each part is packed by itself, so that
 * nothing but this is kept from one to the next. All parts together are one gzip. Zeroed at first.
 */
struct gzip_parts {
    uint32_t checksum, size;
    bool begun;
};
void gzip_part(struct gzip_parts *g, struct str data, bool last, struct buf *out); /* appended */

/* The other way, for clients and tests: 0, -EINVAL (no sound gzip), -E2BIG (more than bytes_max).
 */
int gunzip_whole(struct str data, size_t bytes_max, struct buf *out) must_use;

#endif
