#include "net/http1_parser.h"

#include "base/limits.h"

/* RFC 9110 5.6.2: tchar. */
static bool is_token_char(unsigned char c)
{
    static const char extra[] = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && memchr(extra, c, sizeof(extra) - 1) != NULL);
}

bool http1_is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)s.data[i]))
            return false;
    return s.len > 0;
}

/* RFC 9110 5.5: visible characters, blank, tab, and bytes from 0x80 up. */
static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool http1_has_token(struct str value, const char *token)
{
    while (value.data)
        if (str_equal_nocase(str_trim(str_cut(&value, ',')), str_from(token)))
            return true;
    return false;
}

ssize_t http1_scan_head(struct http1_scan *scan, struct str data, size_t head_max)
{
    while (scan->at < data.len) {
        const char *from = data.data + scan->at;
        const char *newline = memchr(from, '\n', data.len - scan->at);
        size_t end = newline ? (size_t)(newline - data.data) : data.len;
        scan->at = end;
        if (end - scan->line_start > LIMIT_HEADER_LINE_BYTES)
            return scan->lines == 0 ? -414 : -431;
        if (end > head_max)
            return -431;
        if (!newline)
            break;
        if (end == scan->line_start || data.data[end - 1] != '\r')
            return -400;
        bool empty = end - scan->line_start == 1;
        scan->at = scan->line_start = end + 1;
        if (empty)
            return (ssize_t)(end + 1);
        if (++scan->lines > LIMIT_HEADER_COUNT + 1)
            return -431;
    }
    return 0;
}

/* Cuts the next line, without its end, off *rest. A CR that is left inside makes it unsound. */
static bool next_line(struct str *rest, struct str *ret)
{
    const char *newline = memchr(rest->data, '\n', rest->len);
    assert(newline && newline > rest->data && newline[-1] == '\r');
    size_t len = (size_t)(newline - rest->data);
    *ret = (struct str){rest->data, len - 1};
    *rest = str_slice(*rest, len + 1, rest->len);
    return memchr(ret->data, '\r', ret->len) == NULL;
}

/* "HTTP/1.0" or "HTTP/1.1". */
static int parse_version(struct str s, int *ret_minor)
{
    if (s.len != 8 || memcmp(s.data, "HTTP/", 5) != 0 || s.data[6] != '.' || s.data[5] < '0' ||
        s.data[5] > '9' || s.data[7] < '0' || s.data[7] > '9')
        return -400;
    if (s.data[5] != '1' || s.data[7] > '1')
        return -505;
    *ret_minor = s.data[7] - '0';
    return 0;
}

static int parse_request_line(struct str line, struct http1_head *h)
{
    ssize_t first = str_find(line, ' '), last = str_find_last(line, ' ');
    if (first <= 0 || last <= first + 1)
        return -400;
    h->method = str_slice(line, 0, (size_t)first);
    h->target = str_slice(line, (size_t)first + 1, (size_t)last);
    if (!http1_is_token(h->method))
        return -400;
    for (size_t i = 0; i < h->target.len; i++) {
        unsigned char c = (unsigned char)h->target.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return -400;
    }
    return parse_version(str_slice(line, (size_t)last + 1, line.len), &h->minor);
}

static int parse_length(struct str value, struct http1_head *h)
{
    uint64_t length;
    if (h->has_length || str_to_u64(value, &length) < 0 || length > INT64_MAX)
        return -400;
    h->has_length = true;
    h->length = length;
    return 0;
}

static int parse_coding(struct str value, struct http1_head *h)
{
    if (h->chunked || h->minor == 0)
        return -400;
    if (!str_equal_nocase(value, STR("chunked")))
        return str_find(value, ',') >= 0 || value.len == 0 ? -400 : -501;
    h->chunked = true;
    return 0;
}

static void parse_connection(struct str value, struct http1_head *h)
{
    h->close = h->close || http1_has_token(value, "close");
    h->keep_alive = h->keep_alive || http1_has_token(value, "keep-alive");
    h->upgrade = h->upgrade || http1_has_token(value, "upgrade");
}

static int parse_host(struct str value, struct http1_head *h)
{
    if (h->host.data)
        return -400;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '/' || c == '?' || c == '#' || c == '@' || c == '\\' ||
            c == ',')
            return -400;
    }
    h->host = value;
    return 0;
}

/* The fields on which the message's borders depend. */
static int note_field(struct http_header field, struct http1_head *h)
{
    switch (field.name.len) {
    case 4: return str_equal_nocase(field.name, STR("host")) ? parse_host(field.value, h) : 0;
    case 6:
        if (str_equal_nocase(field.name, STR("expect"))) {
            if (!str_equal_nocase(field.value, STR("100-continue")))
                return -417;
            h->expect_continue = true;
        }
        return 0;
    case 10:
        if (str_equal_nocase(field.name, STR("connection")))
            parse_connection(field.value, h);
        return 0;
    case 14:
        return str_equal_nocase(field.name, STR("content-length")) ? parse_length(field.value, h)
                                                                   : 0;
    case 17:
        return str_equal_nocase(field.name, STR("transfer-encoding")) ? parse_coding(field.value, h)
                                                                      : 0;
    default: return 0;
    }
}

static int parse_field(struct str line, struct http_header *ret)
{
    ssize_t colon = str_find(line, ':');
    if (colon <= 0)
        return -400;
    struct str name = str_slice(line, 0, (size_t)colon);
    struct str value = str_slice(line, (size_t)colon + 1, line.len);
    /* A blank first is obs-fold, a blank before the colon a smuggler's: neither is a token
     * character. */
    if (!http1_is_token(name) || !is_field_value(value))
        return -400;
    *ret = (struct http_header){name, str_trim(value)};
    return 0;
}

static size_t count_lines(struct str head)
{
    size_t count = 0;
    for (const char *at = head.data, *end = at + head.len;
         (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

static int parse_fields(struct arena *arena, struct str rest, struct http1_head *h)
{
    h->headers = arena_array(arena, struct http_header, count_lines(rest));
    for (;;) {
        struct str line;
        if (!next_line(&rest, &line))
            return -400;
        if (line.len == 0)
            break;
        struct http_header *field = &h->headers[h->header_count++];
        int err = parse_field(line, field);
        if (err == 0)
            err = note_field(*field, h);
        if (err < 0)
            return err;
    }
    if (h->chunked && h->has_length)
        return -400;
    if (h->minor == 0 && !h->keep_alive)
        h->close = true;
    return 0;
}

int http1_parse_request(struct arena *arena, struct str head, struct http1_head *ret)
{
    struct http1_head h = {0};
    struct str line;
    if (!next_line(&head, &line))
        return -400;
    int err = parse_request_line(line, &h);
    if (err == 0)
        err = parse_fields(arena, head, &h);
    if (err < 0)
        return err;
    if (h.minor == 1 && !h.host.data)
        return -400;
    *ret = h;
    return 0;
}

int http1_parse_answer(struct arena *arena, struct str head, struct http1_head *ret)
{
    struct http1_head h = {0};
    struct str line;
    if (!next_line(&head, &line) || line.len < 12 || line.data[8] != ' ')
        return -400;
    int err = parse_version(str_slice(line, 0, 8), &h.minor);
    if (err < 0)
        return err;
    uint64_t code;
    if (str_to_u64(str_slice(line, 9, 12), &code) < 0 || code < 100 ||
        (line.len > 12 && line.data[12] != ' '))
        return -400;
    h.code = (int)code;
    err = parse_fields(arena, head, &h);
    if (err < 0)
        return err;
    *ret = h;
    return 0;
}

/* Chunks */

enum {
    CHUNK_SIZE,      /* digits */
    CHUNK_EXTENSION, /* behind ';' */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_DONE,
};

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_size(struct http1_chunks *c, unsigned char byte)
{
    if (++c->line_bytes > LIMIT_CHUNK_LINE_BYTES)
        return -400;
    int digit = hex_value(byte);
    if (digit >= 0) {
        if (++c->digits > 16 || c->left >> 59)
            return -400;
        c->left = c->left << 4 | (unsigned)digit;
        return 0;
    }
    if (c->digits == 0 || (byte != '\r' && byte != ';'))
        return -400;
    c->state = byte == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
    return 0;
}

static int take_extension(struct http1_chunks *c, unsigned char byte)
{
    if (++c->line_bytes > LIMIT_CHUNK_LINE_BYTES)
        return -400;
    if (byte == '\r')
        c->state = CHUNK_SIZE_LF;
    else if (byte < 0x20 || byte >= 0x7f)
        return -400;
    return 0;
}

/* A field line of the trailer: its first byte must begin a name, its bytes be sound; what it says
 * is dropped. */
static int take_trailer(struct http1_chunks *c, unsigned char byte)
{
    if (++c->trailer_bytes > LIMIT_HEADER_LINE_BYTES)
        return -431;
    if (byte == '\r') {
        /* A line without a colon is no field; digits counts colons here. */
        if (c->any && c->digits == 0)
            return -400;
        c->state = CHUNK_TRAILER_LF;
        return 0;
    }
    if (c->digits == 0 && byte == ':' && c->any)
        c->digits = 1;
    else if (c->digits == 0 ? !is_token_char(byte) : (byte < 0x20 && byte != '\t') || byte == 0x7f)
        return -400;
    c->any = true;
    return 0;
}

static int take_byte(struct http1_chunks *c, unsigned char byte)
{
    switch (c->state) {
    case CHUNK_SIZE: return take_size(c, byte);
    case CHUNK_EXTENSION: return take_extension(c, byte);
    case CHUNK_SIZE_LF:
        c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
        c->digits = 0;
        c->line_bytes = 0;
        return byte == '\n' ? 0 : -400;
    case CHUNK_DATA_CR: c->state = CHUNK_DATA_LF; return byte == '\r' ? 0 : -400;
    case CHUNK_DATA_LF: c->state = CHUNK_SIZE; return byte == '\n' ? 0 : -400;
    case CHUNK_TRAILER: return take_trailer(c, byte);
    case CHUNK_TRAILER_LF:
        c->state = c->any ? CHUNK_TRAILER : CHUNK_DONE;
        c->any = false;
        c->digits = 0;
        return byte == '\n' ? 0 : -400;
    default: return -400;
    }
}

int http1_chunks_take(struct http1_chunks *c, struct str *in, struct str *ret_part)
{
    while (c->state != CHUNK_DONE) {
        if (in->len == 0)
            return HTTP1_CHUNK_MORE;
        if (c->state == CHUNK_DATA) {
            size_t len = c->left < in->len ? (size_t)c->left : in->len;
            *ret_part = str_slice(*in, 0, len);
            *in = str_slice(*in, len, in->len);
            c->left -= len;
            if (c->left == 0)
                c->state = CHUNK_DATA_CR;
            return HTTP1_CHUNK_PART;
        }
        int err = take_byte(c, (unsigned char)in->data[0]);
        *in = str_slice(*in, 1, in->len);
        if (err < 0)
            return err;
    }
    return HTTP1_CHUNK_END;
}

/* Targets */

/* "%2F" once into the arena; a "%" that isn't followed by two digits, and %00, are errors. */
static int decode_path(struct arena *arena, struct str raw, struct str *ret)
{
    if (str_find(raw, '%') < 0) {
        *ret = raw;
        return 0;
    }
    char *out = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.data[i];
        if (c == '%') {
            int high = i + 2 < raw.len ? hex_value((unsigned char)raw.data[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex_value((unsigned char)raw.data[i + 2]) : -1;
            if (high < 0 || low < 0 || (high | low) == 0)
                return -400;
            c = (unsigned char)(high << 4 | low);
            i += 2;
        }
        out[len++] = (char)c;
    }
    *ret = (struct str){out, len};
    return 0;
}

/* "http://host:port/path": the form for proxies, which a server must take too (RFC 9112 3.2.2). */
static int cut_authority(struct str *target, struct http_request *req)
{
    size_t scheme = str_starts(*target, "http://") ? 7 : str_starts(*target, "https://") ? 8 : 0;
    if (scheme == 0)
        return -400;
    struct str rest = str_slice(*target, scheme, target->len);
    size_t end = 0;
    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    struct http1_head scratch = {0};
    struct str host = str_slice(rest, 0, end);
    if (end == 0 || parse_host(host, &scratch) < 0)
        return -400;
    req->host = host;
    *target = str_slice(rest, end, rest.len);
    return 0;
}

int http_split_target(struct arena *arena, struct str target, struct http_request *req)
{
    if (target.len == 0)
        return -400;
    if (target.data[0] != '/' && cut_authority(&target, req) < 0)
        return -400;
    ssize_t question = str_find(target, '?');
    size_t end = question < 0 ? target.len : (size_t)question;
    req->raw_path = str_slice(target, 0, end);
    req->query = question < 0 ? STR_NONE : str_slice(target, end + 1, target.len);
    if (req->raw_path.len == 0)
        req->raw_path = STR("/");
    return decode_path(arena, req->raw_path, &req->path);
}
