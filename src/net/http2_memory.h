/* How nghttp2 gets its memory: a session's frame buffer of 16 KiB is mostly untouched, so it lies
 * on pages of its own. */
#ifndef NET_HTTP2_MEMORY_H
#define NET_HTTP2_MEMORY_H

void *http2_memory(void); /* the nghttp2_mem to make sessions with */

#endif
