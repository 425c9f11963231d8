#include "net/gzip.h"

#include <errno.h>

#include <zlib.h>

enum {
    LEVEL = 1,
    WINDOW_GZIP = 15 + 16, /* zlib's way to ask for gzip's frame */
    WINDOW_BARE = -15,     /* deflate without a frame */
    MEMORY = 8,
    PIECE_BYTES = 32 << 10,
};

struct gzip {
    z_stream z;
};

/* "gzip;q=0.5, *;q=0": RFC 9110 12.5.3, as far as it tells yes from no. */
bool gzip_accepted(struct str accept_encoding)
{
    bool any = false;
    struct str rest = accept_encoding;
    while (rest.data) {
        struct str parameters = str_cut(&rest, ',');
        struct str coding = str_trim(str_cut(&parameters, ';'));
        struct str weight = str_trim(parameters);
        bool refused = str_starts(weight, "q=0") && str_find_str(weight, STR("1")) < 0;
        for (const char *c = "23456789"; *c; c++)
            refused = refused && str_find(weight, *c) < 0;
        if (str_equal_nocase(coding, STR("gzip")))
            return !refused;
        if (str_is(coding, "*"))
            any = !refused;
    }
    return any;
}

static struct gzip *new_with(int window)
{
    struct gzip *g = mem_alloc(sizeof(*g));
    int err = deflateInit2(&g->z, LEVEL, Z_DEFLATED, window, MEMORY, Z_DEFAULT_STRATEGY);
    assert(err == Z_OK);
    return g;
}

struct gzip *gzip_new(void)
{
    return new_with(WINDOW_GZIP);
}

void gzip_write(struct gzip *g, struct str data, bool flush, bool last, struct buf *out)
{
    int mode = last ? Z_FINISH : flush ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    struct str rest = data;
    do {
        /* zlib counts in 32 bits. */
        struct str part = str_slice(rest, 0, MIN(rest.len, (size_t)1 << 30));
        rest = str_slice(rest, part.len, rest.len);
        g->z.next_in = (Bytef *)(uintptr_t)part.data;
        g->z.avail_in = (uInt)part.len;
        int now = rest.len ? Z_NO_FLUSH : mode;
        do {
            g->z.next_out = (Bytef *)buf_reserve(out, PIECE_BYTES);
            g->z.avail_out = PIECE_BYTES;
            int err = deflate(&g->z, now);
            assert(err != Z_STREAM_ERROR);
            out->len += PIECE_BYTES - g->z.avail_out;
            out->data[out->len] = '\0';
        } while (g->z.avail_out == 0);
    } while (rest.len);
}

void gzip_free(struct gzip *g)
{
    if (!g)
        return;
    deflateEnd(&g->z);
    mem_free(g);
}

void gzip_whole(struct str data, struct buf *out)
{
    struct gzip *g = gzip_new();
    gzip_write(g, data, false, true, out);
    gzip_free(g);
}

static void add_u32(struct buf *out, uint32_t n)
{
    const char bytes[4] = {(char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24)};
    buf_append(out, bytes, sizeof(bytes));
}

/* Frame of RFC 1952 around blocks of RFC 1951 that refer to nothing before their own part. */
void gzip_part(struct gzip_parts *g, struct str data, bool last, struct buf *out)
{
    /* Magic, deflate, no flags, no time, fastest, Unix. */
    static const char head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 4, 3};
    if (!g->begun)
        buf_append(out, head, sizeof(head));
    g->begun = true;
    struct gzip *packer = new_with(WINDOW_BARE);
    gzip_write(packer, data, true, last, out);
    gzip_free(packer);
    g->checksum = (uint32_t)crc32_z(g->checksum, (const Bytef *)data.data, data.len);
    g->size += (uint32_t)data.len;
    if (!last)
        return;
    add_u32(out, g->checksum);
    add_u32(out, g->size);
}

int gunzip_whole(struct str data, size_t bytes_max, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data.data, .avail_in = (uInt)data.len};
    if (data.len > UINT32_MAX || inflateInit2(&z, WINDOW_GZIP) != Z_OK)
        return -EINVAL;
    int err;
    size_t start = out->len;
    do {
        z.next_out = (Bytef *)buf_reserve(out, PIECE_BYTES);
        z.avail_out = PIECE_BYTES;
        err = inflate(&z, Z_NO_FLUSH);
        out->len += PIECE_BYTES - z.avail_out;
        out->data[out->len] = '\0';
        if (out->len - start > bytes_max) {
            inflateEnd(&z);
            return -E2BIG;
        }
    } while (err == Z_OK);
    inflateEnd(&z);
    return err == Z_STREAM_END ? 0 : -EINVAL;
}
