#include "auth/quote.h"

static void add_quoted(struct buf *out, struct str text)
{
    static const struct {
        char c, letter;
    } escapes[] = {{'"', '"'},  {'\\', '\\'}, {'\a', 'a'}, {'\b', 'b'}, {'\f', 'f'},
                   {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}, {'\v', 'v'}};
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        char letter = 0;
        for (size_t e = 0; e < ARRAY_COUNT(escapes); e++)
            if (escapes[e].c == c)
                letter = escapes[e].letter;
        if (letter)
            buf_printf(out, "\\%c", letter);
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", (unsigned char)c);
        else
            buf_putc(out, c);
    }
    buf_putc(out, '"');
}

struct str quote(struct arena *a, struct str text)
{
    struct buf out = BUF_INIT;
    add_quoted(&out, text);
    struct str copy = arena_str(a, buf_str(&out));
    buf_release(&out);
    return copy;
}

struct str quote_list(struct arena *a, const struct str *texts, size_t count)
{
    struct buf out = BUF_INIT;
    buf_putc(&out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_putc(&out, ' ');
        add_quoted(&out, texts[i]);
    }
    buf_putc(&out, ']');
    struct str copy = arena_str(a, buf_str(&out));
    buf_release(&out);
    return copy;
}
