/* Walks over the frames of an HTTP/2 connection's bytes as they come, in any pieces: heads only.
 * Inside net/. Pure.
 *
 * nghttp2 says nothing about frames that it ignores (unknown types, frames for closed streams); a
 * peer could send those for ever. Counting them takes a look of our own at nine bytes a frame. */
#ifndef NET_HTTP2_WALK_H
#define NET_HTTP2_WALK_H

#include "base/str.h"

struct http2_walk {
    uint32_t skip;   /* bytes until the next head */
    uint8_t head[9]; /* OFFSET 0 SIZE 3 length, 3/1 type, 4/1 flags, 5/4 stream */
    uint8_t have;
};

struct http2_frame_head {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    int32_t stream_id;
};

/* skip: bytes before the first frame; 24 for a server: the client's preface. */
void http2_walk_init(struct http2_walk *w, uint32_t skip);
/* Goes on from *at to behind the next frame head, true; false when the bytes end before. */
bool http2_walk_next(struct http2_walk *w, struct str bytes, size_t *at,
                     struct http2_frame_head *ret);

#endif
