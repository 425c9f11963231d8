/* HTTP/1.1 messages, strictly after RFC 9112: what can be read in two ways is refused. Inside net/.
 * Pure.
 *
 * Used by the server (requests) and the client (answers). Errors are HTTP codes to answer with,
 * negative: -400, -413, -414, -417, -431, -501, -505. A client takes any of them as a broken peer.
 * Invariants:
 * 1. A message has one length: Content-Length beside Transfer-Encoding, two Content-Lengths, two
 * Transfer-Encodings or any coding but "chunked" are errors.
 * 2. A line ends with CR LF; CR or LF anywhere else, NUL, obs-fold, blanks before a colon are
 * errors.
 * 3. A chunk is 1 to 16 hex digits, extensions of visible characters, CR LF, the bytes, CR LF. */
#ifndef NET_HTTP1_PARSER_H
#define NET_HTTP1_PARSER_H

#include "base/arena.h"
#include "net/http.h"

/* Finds the end of a head in bytes that come in pieces, looking at each byte once. */
struct http1_scan {
    size_t at;         /* bytes seen */
    size_t line_start; /* of the line being read */
    size_t lines;
};
/* data holds all bytes since the head's first. Returns the head's length with its empty line, 0
 * when more is needed, or an error. head_max: LIMIT_HEADER_BYTES for requests. */
ssize_t http1_scan_head(struct http1_scan *scan, struct str data, size_t head_max);

struct http1_head {
    struct str method, target;   /* request */
    int code;                    /* answer */
    int minor;                   /* HTTP/1.minor: 0 or 1 */
    struct http_header *headers; /* arena */
    size_t header_count;
    struct str host;
    bool chunked;
    bool has_length;
    uint64_t length;
    bool close;      /* Connection: close, or 1.0 without keep-alive */
    bool keep_alive; /* Connection: keep-alive was said */
    bool upgrade;    /* Connection: upgrade was said */
    bool expect_continue;
};
/* head as found by http1_scan_head; the result points into it. 0 or an error. */
int http1_parse_request(struct arena *arena, struct str head, struct http1_head *ret) must_use;
int http1_parse_answer(struct arena *arena, struct str head, struct http1_head *ret) must_use;

/* A chunked body. */
struct http1_chunks {
    int state;
    uint64_t left;     /* bytes of the chunk that haven't come */
    size_t line_bytes; /* of the size line or the trailer line being read */
    size_t trailer_bytes;
    unsigned digits;
    bool any; /* the trailer line isn't empty */
};
enum http1_chunk {
    HTTP1_CHUNK_MORE,
    HTTP1_CHUNK_PART,
    HTTP1_CHUNK_END
};
/* Takes bytes from the front of *in. PART: *ret_part is content, call again. END: the body is
 * complete, *in is what follows. MORE: all was taken. Or an error. Trailers are checked and
 * dropped. */
int http1_chunks_take(struct http1_chunks *c, struct str *in, struct str *ret_part) must_use;

/* Whether a comma-separated header value has this token, without case. */
bool http1_has_token(struct str value, const char *token);
bool http1_is_token(struct str s);
/* Splits a request target into path (decoded once into the arena), raw path, query, and the host of
 * an absolute one. 0 or -400. */
int http_split_target(struct arena *arena, struct str target, struct http_request *req) must_use;

#endif
