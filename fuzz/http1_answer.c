/* What a client reads: an answer's head and a chunked body, in pieces of a size that the first byte
 * gives. */
#include "net/http1_parser.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_chunks(struct str rest, size_t piece)
{
    struct http1_chunks chunks = {0};
    size_t content = 0, whole = rest.len;
    while (rest.len) {
        struct str in = str_slice(rest, 0, MIN(piece, rest.len)), part;
        size_t given = in.len;
        int what;
        while ((what = http1_chunks_take(&chunks, &in, &part)) == HTTP1_CHUNK_PART)
            content += part.len;
        assert(content <= whole);
        if (what != HTTP1_CHUNK_MORE)
            return;
        assert(in.len == 0);
        rest = str_slice(rest, given, rest.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str all = {(const char *)data + 1, size - 1};
    size_t piece = data[0] ? data[0] : size;
    struct http1_scan scan = {0};
    ssize_t len = 0;
    for (size_t seen = 0; len == 0 && seen < all.len;) {
        seen = MIN(seen + piece, all.len);
        len = http1_scan_head(&scan, str_slice(all, 0, seen), LIMIT_ANSWER_HEADER_BYTES);
    }
    if (len <= 0)
        return 0;
    struct arena arena = ARENA_INIT;
    struct http1_head head;
    int err = http1_parse_answer(&arena, str_slice(all, 0, (size_t)len), &head);
    assert(err <= 0);
    if (err == 0) {
        assert(head.code >= 100 && head.code <= 999 && !(head.chunked && head.has_length));
        if (head.chunked)
            take_chunks(str_slice(all, (size_t)len, all.len), piece);
    }
    arena_release(&arena);
    return 0;
}
