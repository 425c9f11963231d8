#include "auth/quote.h"

#include "object/json.h"

/* Bytes of the character at the front; 0 when it is no UTF-8. */
static size_t character_len(struct str text)
{
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if (utf8_valid(str_slice(text, 0, len)))
            return len;
    return 0;
}

static void add_quoted(struct buf *out, struct str text)
{
    static const struct {
        char c, letter;
    } escapes[] = {{'"', '"'},  {'\\', '\\'}, {'\a', 'a'}, {'\b', 'b'}, {'\f', 'f'},
                   {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}, {'\v', 'v'}};
    buf_putc(out, '"');
    for (size_t i = 0, len; i < text.len; i += MAX(len, 1u)) {
        char c = text.data[i];
        len = character_len(str_slice(text, i, text.len));
        char letter = 0;
        for (size_t e = 0; e < ARRAY_COUNT(escapes); e++)
            if (escapes[e].c == c)
                letter = escapes[e].letter;
        if (letter)
            buf_printf(out, "\\%c", letter);
        else if ((unsigned char)c < 0x20 || c == 0x7f || len == 0)
            buf_printf(out, "\\x%02x", (unsigned char)c);
        else
            buf_append(out, text.data + i, len);
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
