/* Trees and scalars to JSON text. */
#include <stdlib.h>

#include "object/json.h"
#include "object/seal.h"

/* What a byte of a string becomes: 0 itself, 1 a \u00XX or <>& escape, 2 a first byte of UTF-8 to
 * look at, else the letter behind the backslash. */
static const uint8_t CLASSES[256] = {
    [0 ... 7] = 1, ['\b'] = 'b', ['\t'] = 't',    ['\n'] = 'n',        [11] = 1,
    ['\f'] = 'f',  ['\r'] = 'r', [14 ... 31] = 1, ['"'] = '"',         ['\\'] = '\\',
    ['<'] = 1,     ['>'] = 1,    ['&'] = 1,       [0x80 ... 0xff] = 2,
};

static char *put_escape(char *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t class = CLASSES[c];
    *to++ = '\\';
    if (class != 1) {
        *to++ = (char)class;
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = hex[c >> 4];
    to[4] = hex[c & 15];
    return to + 5;
}

char *json_escape(char *to, const char *data, size_t len, size_t *at)
{
    unsigned char c = (unsigned char)data[*at];
    if (c < 0x80) {
        ++*at;
        if (CLASSES[c])
            return put_escape(to, c);
        *to = (char)c;
        return to + 1;
    }
    /* U+2028 and U+2029 are escaped; text is well-formed here. */
    const unsigned char *p = (const unsigned char *)data + *at;
    if (c == 0xe2 && len - *at >= 3 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
        memcpy(to, p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
        *at += 3;
        return to + 6;
    }
    *to = (char)c;
    ++*at;
    return to + 1;
}

/* Bytes of a run that need no look; 8 at a time. */
static size_t plain_run(const char *data, size_t len)
{
    size_t n = 0;
    while (n < len && !CLASSES[(unsigned char)data[n]])
        n++;
    return n;
}

void json_write_text(struct buf *out, const char *data, size_t len, bool html)
{
    char *to = buf_reserve(out, len * 6 + 2), *start = to;
    *to++ = '"';
    for (size_t i = 0; i < len;) {
        size_t run = plain_run(data + i, len - i);
        if (run)
            memcpy(to, data + i, run);
        to += run;
        i += run;
        if (i == len)
            break;
        if (!html && (data[i] == '<' || data[i] == '>' || data[i] == '&'))
            *to++ = data[i++];
        else
            to = json_escape(to, data, len, &i);
    }
    *to++ = '"';
    out->len += (size_t)(to - start);
    out->data[out->len] = 0;
}

size_t json_print_int(char *out, int64_t value)
{
    char back[24];
    size_t count = 0, len = 0;
    uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        back[count++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (value < 0)
        out[len++] = '-';
    while (count)
        out[len++] = back[--count];
    return len;
}

/* The shortest digits that read back as value; returns their count, *ret_exponent is that of the
 * first digit. */
static int shortest_digits(double value, char digits[20], int *ret_exponent)
{
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    int count = 0;
    char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    *ret_exponent = (int)strtol(p + 1, NULL, 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

static size_t print_exponent_form(char *out, const char *digits, int count, int exponent)
{
    size_t len = 0;
    out[len++] = digits[0];
    if (count > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, (size_t)count - 1);
        len += (size_t)count - 1;
    }
    /* Go's e-09 is shortened to e-9; large exponents have two digits anyway. */
    len += (size_t)snprintf(out + len, JSON_NUMBER_BYTES - len - 2, "e%c%d",
                            exponent < 0 ? '-' : '+', abs(exponent));
    return len;
}

static size_t print_plain_form(char *out, const char *digits, int count, int exponent)
{
    size_t len = 0;
    if (exponent < 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int i = -1; i > exponent; i--)
            out[len++] = '0';
        memcpy(out + len, digits, (size_t)count);
        return len + (size_t)count;
    }
    for (int i = 0; i <= exponent || i < count; i++) {
        if (i == exponent + 1)
            out[len++] = '.';
        out[len++] = i < count ? digits[i] : '0';
    }
    return len;
}

size_t json_print_double(char *out, double value)
{
    size_t len = 0;
    if (__builtin_signbit(value)) {
        out[len++] = '-';
        value = -value;
    }
    if (value == 0 || !__builtin_isfinite(value)) {
        out[len++] = '0';
        return len;
    }
    if (value < 9007199254740992.0 && value == (double)(int64_t)value)
        return len + json_print_int(out + len, (int64_t)value);
    char digits[20];
    int exponent, count = shortest_digits(value, digits, &exponent);
    if (value < 1e-6 || value >= 1e21)
        return len + print_exponent_form(out + len, digits, count, exponent);
    return len + print_plain_form(out + len, digits, count, exponent);
}

void json_write_int(struct buf *out, int64_t value)
{
    out->len += json_print_int(buf_reserve(out, JSON_NUMBER_BYTES), value);
    out->data[out->len] = 0;
}

void json_write_double(struct buf *out, double value)
{
    out->len += json_print_double(buf_reserve(out, JSON_NUMBER_BYTES), value);
    out->data[out->len] = 0;
}

/* pretty: indent of the next line, or -1. */
static void new_line(struct buf *out, int indent)
{
    if (indent < 0)
        return;
    char *to = buf_reserve(out, (size_t)indent * 2 + 1);
    to[0] = '\n';
    memset(to + 1, ' ', (size_t)indent * 2);
    out->len += (size_t)indent * 2 + 1;
    out->data[out->len] = 0;
}

static void write_node(struct buf *out, const struct node *n, bool html, int indent)
{
    int inner = indent < 0 ? -1 : indent + 1;
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: buf_puts(out, "null"); break;
    case NODE_BOOL: buf_puts(out, n->boolean ? "true" : "false"); break;
    case NODE_INT: json_write_int(out, n->integer); break;
    case NODE_DOUBLE: json_write_double(out, n->number); break;
    case NODE_STRING: json_write_text(out, n->text.data, n->text.len, html); break;
    case NODE_LIST:
        buf_putc(out, '[');
        for (uint32_t i = 0; i < n->list.count; i++) {
            if (i)
                buf_putc(out, ',');
            new_line(out, inner);
            write_node(out, n->list.items[i], html, inner);
        }
        if (n->list.count)
            new_line(out, indent);
        buf_putc(out, ']');
        break;
    case NODE_MAP:
        buf_putc(out, '{');
        for (uint32_t i = 0; i < n->map.count; i++) {
            if (i)
                buf_putc(out, ',');
            new_line(out, inner);
            json_write_text(out, n->map.members[i].name.data, n->map.members[i].name.len, html);
            buf_puts(out, indent < 0 ? ":" : ": ");
            write_node(out, n->map.members[i].value, html, inner);
        }
        if (n->map.count)
            new_line(out, indent);
        buf_putc(out, '}');
        break;
    }
}

void json_write_node(struct buf *out, const struct node *n, bool html)
{
    write_node(out, n, html, -1);
}

void node_to_json(struct buf *out, const struct node *n, int flags)
{
    write_node(out, n, true, flags & ENCODE_PRETTY ? 0 : -1);
}
