#include "cli/redact.h"

#include <ctype.h>

#define REDACTED "[redacted]"

enum {
    RANDOM_BYTES_MIN = 20, /* of a word with capitals, small letters and digits */
    HEX_BYTES_MIN = 32,
    KNOWN_BYTES_MIN = 4
};

struct redactor {
    struct buf *out;
    bool in_pem;
    int data_indent; /* of the "data:" whose lines follow; -1: none */
};

static bool contains_nocase(struct str text, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++)
        if (str_equal_nocase(str_slice(text, i, i + len), str_from(part)))
            return true;
    return false;
}

/* Names whose values are secret. */
static bool name_sounds_secret(struct str name)
{
    static const char *const parts[] = {
        "password",   "passwd",   "secret",         "token",           "apikey",        "api_key",
        "api-key",    "private",  "credential",     "cookie",          "authorization", "accesskey",
        "access_key", "key-data", "authority-data", "certificate-data"};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        if (contains_nocase(name, parts[i]))
            return true;
    return false;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || strchr("+/=_.-~", c);
}

static bool looks_random(struct str word)
{
    bool upper = false, lower = false, digit = false, hex = true;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.data[i];
        upper |= isupper(c) != 0;
        lower |= islower(c) != 0;
        digit |= isdigit(c) != 0;
        hex &= isxdigit(c) != 0;
    }
    if (hex && word.len >= HEX_BYTES_MIN)
        return true;
    return word.len >= RANDOM_BYTES_MIN && upper && lower && digit;
}

static bool is_secret_word(struct str word)
{
    if (str_starts(word, "k8s-aws-v1.") || (str_starts(word, "eyJ") && word.len > 16))
        return true;
    if (word.len == 20 && (str_starts(word, "AKIA") || str_starts(word, "ASIA")))
        return true;
    /* A path is judged by its parts; base64 may hold a slash, too. */
    if (str_find(word, '/') >= 0 && (word.data[0] == '/' || str_find(word, '.') >= 0)) {
        for (struct str rest = word; rest.data && rest.len;) {
            struct str part = str_cut(&rest, '/');
            if (looks_random(part))
                return true;
        }
        return false;
    }
    return looks_random(word);
}

/* Where the value of a name ends: at its quote, or at a blank or comma. */
static size_t value_end(struct str line, size_t at, bool whole)
{
    char quote =
        at < line.len && (line.data[at] == '"' || line.data[at] == '\'') ? line.data[at] : 0;
    for (size_t i = at + (quote != 0); i < line.len; i++) {
        if (quote && line.data[i] == '\\') {
            i++;
            continue;
        }
        if (quote ? line.data[i] == quote : !whole && strchr(" \t,;&)}]", line.data[i]))
            return i + (quote != 0);
    }
    return line.len;
}

/* A name just ended at `at`: `"name": value`, `name=value`, `name: value`. The value's start, or
 * -1. */
static ssize_t value_start(struct str line, size_t at)
{
    if (at < line.len && (line.data[at] == '"' || line.data[at] == '\''))
        at++;
    while (at < line.len && line.data[at] == ' ')
        at++;
    if (at >= line.len || (line.data[at] != ':' && line.data[at] != '='))
        return -1;
    at++;
    while (at < line.len && line.data[at] == ' ')
        at++;
    return (ssize_t)at;
}

/* "://user:password@host" */
static size_t skip_user(struct redactor *r, struct str line, size_t at)
{
    if (at + 3 > line.len || memcmp(line.data + at, "://", 3) != 0)
        return at;
    size_t end = at + 3;
    while (end < line.len && !strchr("/ \t\"'@", line.data[end]))
        end++;
    if (end >= line.len || line.data[end] != '@')
        return at;
    buf_puts(r->out, "://" REDACTED);
    return end;
}

/* The content of a Secret's data in JSON, behind the opening brace. */
static size_t skip_data(struct redactor *r, struct str line, size_t at)
{
    int depth = 1;
    buf_puts(r->out, REDACTED);
    for (; at < line.len && depth; at++)
        depth += (line.data[at] == '{') - (line.data[at] == '}');
    if (!depth)
        buf_putc(r->out, '}');
    return at;
}

static bool is_data_name(struct str name)
{
    return str_is(name, "data") || str_is(name, "stringData") || str_is(name, "binaryData");
}

/* One word at `at`; returns where the rest begins. */
static size_t take_word(struct redactor *r, struct str line, size_t at)
{
    size_t end = at;
    while (end < line.len && is_word(line.data[end]) && !(line.data[end] == '=' && end > at))
        end++;
    if (end == at)
        end++;
    /* The padding of base64. */
    size_t padded = end;
    while (padded < line.len && padded < end + 2 && line.data[padded] == '=')
        padded++;
    struct str word = str_slice(line, at, end);
    if (is_secret_word(word)) {
        buf_puts(r->out, REDACTED);
        return padded;
    }
    buf_add(r->out, word);
    ssize_t value = value_start(line, end);
    if (value < 0 && str_starts(word, "--") && end < line.len && line.data[end] == ' ')
        value = (ssize_t)end + 1;
    if (value < 0)
        return end;
    if (is_data_name(word) && (size_t)value < line.len && line.data[value] == '{') {
        buf_add(r->out, str_slice(line, end, (size_t)value + 1));
        return skip_data(r, line, (size_t)value + 1);
    }
    if (!name_sounds_secret(word))
        return end;
    bool whole = contains_nocase(word, "authorization") || contains_nocase(word, "cookie");
    buf_add(r->out, str_slice(line, end, (size_t)value));
    buf_puts(r->out, REDACTED);
    return value_end(line, (size_t)value, whole);
}

/* "bearer " in any case; the word behind it goes. */
static bool is_bearer(struct str line, size_t at)
{
    return at + 7 <= line.len && str_equal_nocase(str_slice(line, at, at + 7), STR("bearer "));
}

static void redact_words(struct redactor *r, struct str line)
{
    for (size_t at = 0; at < line.len;) {
        size_t behind_user = skip_user(r, line, at);
        if (behind_user != at) {
            at = behind_user;
        } else if (is_bearer(line, at)) {
            buf_add(r->out, str_slice(line, at, at + 7));
            buf_puts(r->out, REDACTED);
            at = value_end(line, at + 7, false);
        } else if (is_word(line.data[at])) {
            at = take_word(r, line, at);
        } else {
            buf_putc(r->out, line.data[at++]);
        }
    }
}

static int indent_of(struct str line)
{
    int indent = 0;
    while ((size_t)indent < line.len && line.data[indent] == ' ')
        indent++;
    return indent;
}

/* Lines below "data:" in YAML: names stay, values go. */
static bool redact_data_line(struct redactor *r, struct str line)
{
    struct str text = str_trim(line);
    if (r->data_indent >= 0 && !str_empty(text) && indent_of(line) <= r->data_indent)
        r->data_indent = -1;
    if (r->data_indent < 0) {
        if (str_is(text, "data:") || str_is(text, "stringData:") || str_is(text, "binaryData:"))
            r->data_indent = indent_of(line);
        return false;
    }
    ssize_t colon = str_find(line, ':');
    buf_add(r->out, str_slice(line, 0, colon < 0 ? 0 : (size_t)colon + 1));
    buf_puts(r->out, " " REDACTED);
    return true;
}

static void redact_line(struct redactor *r, struct str line)
{
    ssize_t begin = str_find_str(line, STR("-----BEGIN"));
    if (r->in_pem) {
        r->in_pem = str_find_str(line, STR("-----END")) < 0;
        return;
    }
    if (begin >= 0) {
        /* With escaped line ends the whole block is on this line. */
        r->in_pem = str_find_str(line, STR("-----END")) < 0;
        redact_words(r, str_slice(line, 0, (size_t)begin));
        buf_puts(r->out, REDACTED "\n");
        return;
    }
    if (!redact_data_line(r, line))
        redact_words(r, line);
    buf_putc(r->out, '\n');
}

/* Literal secrets go first, wherever they stand. */
static void without_known(struct str text, const struct str *known, struct buf *out)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = 0;
        for (const struct str *k = known; k && k->len; k++)
            if (k->len >= KNOWN_BYTES_MIN && at + k->len <= text.len &&
                memcmp(text.data + at, k->data, k->len) == 0)
                len = MAX(len, k->len);
        if (len)
            buf_puts(out, REDACTED);
        else
            buf_putc(out, text.data[at]);
        at += len ? len : 1;
    }
}

void redact(struct str text, const struct str *known, struct buf *out)
{
    struct redactor r = {.out = out, .data_indent = -1};
    struct buf plain = BUF_INIT;
    without_known(text, known, &plain);
    for (struct str rest = buf_str(&plain); rest.data && rest.len;) {
        struct str line = str_cut(&rest, '\n');
        redact_line(&r, line);
    }
    buf_release(&plain);
}
