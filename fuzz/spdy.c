/* A SPDY server: any bytes, in pieces of a size that the first byte gives. */
#include "net/spdy.h"

static bool closed;

static void on_open(void *user maybe_unused, struct spdy_stream *s,
                    const struct http_header *headers, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += headers[i].name.len + headers[i].value.len;
    if (total % 3 == 2)
        spdy_reset(s);
    else
        spdy_reply(s);
}

static void on_data(void *user maybe_unused, struct spdy_stream *s, struct str data, bool last)
{
    spdy_write(s, data, last);
    spdy_consumed(s, data.len);
}

static void on_reset(void *user maybe_unused, struct spdy_stream *s maybe_unused) {}

static void on_closed(void *user maybe_unused)
{
    closed = true;
}

static void output(void *user maybe_unused, struct str bytes maybe_unused) {}

static const struct spdy_ops ops = {on_open, NULL,      on_data, on_reset,
                                    NULL,    on_closed, output,  NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    if (!loop)
        loop = loop_new();
    if (size < 1)
        return 0;
    closed = false;
    struct spdy *c = spdy_new(loop, true, &ops, NULL);
    size_t piece = data[0] ? data[0] : size;
    for (size_t at = 1; at < size && !closed; at += piece)
        spdy_input(c, (struct str){(const char *)data + at, MIN(piece, size - at)});
    if (!closed)
        spdy_free(c);
    loop_turn(loop);
    return 0;
}
