#include "api/rewrite.h"

#include "base/limits.h"

/* Links. */

/* Where the authority of a link stands: "SCHEME://AUTHORITY..." or "//AUTHORITY...". False: none.
 */
static bool find_authority(struct str link, struct str *ret_authority, struct str *ret_rest)
{
    size_t at = 0;
    while (at < link.len && ((link.data[at] | 0x20) >= 'a' && (link.data[at] | 0x20) <= 'z'))
        at++;
    if (at > 0 && at < link.len && link.data[at] == ':')
        at++;
    else if (at > 0)
        return false;
    if (!str_starts(str_slice(link, at, link.len), "//"))
        return false;
    size_t begin = at + 2, end = begin;
    while (end < link.len && !strchr("/?#", link.data[end]))
        end++;
    *ret_authority = str_slice(link, begin, end);
    *ret_rest = str_slice(link, end, link.len);
    return true;
}

/* A path from the root without empty steps, "." and "..": it can't climb out of the prefix. */
static void add_clean_path(struct buf *out, struct str path)
{
    size_t root = out->len;
    struct str rest = path;
    while (rest.data) {
        struct str step = str_cut(&rest, '/');
        if (str_empty(step) || str_is(step, "."))
            continue;
        if (!str_is(step, "..")) {
            buf_printf(out, "/%.*s", STR_ARG(step));
            continue;
        }
        while (out->len > root && out->data[out->len - 1] != '/')
            out->len--;
        if (out->len > root)
            out->len--;
    }
    if (out->len == root || path.data[path.len - 1] == '/')
        buf_putc(out, '/');
}

static bool same_host(const struct rewrite *w, struct str authority)
{
    if (str_equal_nocase(authority, w->backend))
        return true;
    return !str_empty(w->asked) && str_equal_nocase(authority, w->asked);
}

struct str rewrite_link(struct arena *a, const struct rewrite *w, struct str link)
{
    struct str authority = STR_NONE, rest = link;
    if (find_authority(link, &authority, &rest) && !same_host(w, authority))
        return link;
    if (!str_starts(rest, "/"))
        return link;
    size_t end = 0;
    while (end < rest.len && rest.data[end] != '?' && rest.data[end] != '#')
        end++;
    struct str path = str_slice(rest, 0, end), tail = str_slice(rest, end, rest.len);
    struct buf out = BUF_INIT;
    if (authority.data && str_equal_nocase(authority, w->asked))
        buf_add(&out, str_slice(link, 0, (size_t)(rest.data - link.data)));
    if (path.len >= w->prefix.len && memcmp(path.data, w->prefix.data, w->prefix.len) == 0) {
        buf_add(&out, path);
    } else {
        buf_add(&out, w->prefix);
        add_clean_path(&out, path);
    }
    buf_add(&out, tail);
    struct str made = arena_str(a, buf_str(&out));
    buf_release(&out);
    return made;
}

/* HTML. */

static const struct {
    const char *tag, *attribute;
} links[] = {
    {"a", "href"},          {"applet", "codebase"},   {"area", "href"},
    {"audio", "src"},       {"base", "href"},         {"blockquote", "cite"},
    {"body", "background"}, {"button", "formaction"}, {"command", "icon"},
    {"del", "cite"},        {"embed", "src"},         {"form", "action"},
    {"frame", "longdesc"},  {"frame", "src"},         {"head", "profile"},
    {"html", "manifest"},   {"iframe", "longdesc"},   {"iframe", "src"},
    {"img", "longdesc"},    {"img", "src"},           {"img", "usemap"},
    {"input", "src"},       {"input", "usemap"},      {"input", "formaction"},
    {"ins", "cite"},        {"link", "href"},         {"object", "classid"},
    {"object", "codebase"}, {"object", "data"},       {"object", "usemap"},
    {"q", "cite"},          {"script", "src"},        {"source", "src"},
    {"video", "poster"},    {"video", "src"},
};

/* Elements whose content is text whatever it looks like. */
static const char *const raw_elements[] = {"iframe", "noembed",  "noframes", "plaintext", "script",
                                           "style",  "textarea", "title",    "xmp"};

enum state {
    IN_TEXT,
    BEHIND_LESS,  /* < */
    BEHIND_BANG,  /* <! */
    BEHIND_DASH,  /* <!- */
    IN_COMMENT,   /* <!-- */
    IN_MARKUP,    /* until > */
    IN_TAG_NAME,  /* of a start tag */
    IN_TAG,       /* between attributes */
    IN_ATTRIBUTE, /* its name */
    BEHIND_NAME,  /* blanks behind it */
    BEFORE_VALUE, /* behind = */
    IN_VALUE,
    IN_RAW_TEXT,
};

void html_rewriter_init(struct html_rewriter *h, const struct rewrite *w)
{
    *h = (struct html_rewriter){.rewrite = w, .state = IN_TEXT};
}

void html_rewriter_release(struct html_rewriter *h)
{
    buf_release(&h->link);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static void name_add(struct rewrite_name *n, char c)
{
    if (n->len < REWRITE_NAME_MAX)
        n->text[n->len] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    n->len = MIN(n->len + 1, (size_t)REWRITE_NAME_MAX + 1);
}

static bool name_is(const struct rewrite_name *n, const char *text)
{
    return n->len == strlen(text) && memcmp(n->text, text, n->len) == 0;
}

static bool is_link(const struct html_rewriter *h)
{
    for (size_t i = 0; i < ARRAY_COUNT(links); i++)
        if (name_is(&h->tag, links[i].tag) && name_is(&h->attribute, links[i].attribute))
            return true;
    return false;
}

static enum state behind_start_tag(struct html_rewriter *h)
{
    for (size_t i = 0; i < ARRAY_COUNT(raw_elements); i++)
        if (name_is(&h->tag, raw_elements[i])) {
            h->matched = 0;
            return IN_RAW_TEXT;
        }
    return IN_TEXT;
}

/* What was held back goes out, led back through the proxy when it is whole. */
static void release_link(struct html_rewriter *h, bool whole, struct buf *out)
{
    struct arena scratch = ARENA_INIT;
    struct str link = buf_str(&h->link);
    if (h->held)
        buf_add(out, whole ? rewrite_link(&scratch, h->rewrite, link) : link);
    buf_clear(&h->link);
    h->held = false;
    arena_release(&scratch);
}

static void begin_value(struct html_rewriter *h, char quote)
{
    h->quote = quote;
    h->held = is_link(h);
    buf_clear(&h->link);
}

/* A value ends at its quote; without any, at a blank or the tag's end. */
static enum state value_byte(struct html_rewriter *h, char c, struct buf *out)
{
    bool ends = h->quote ? c == h->quote : is_blank(c) || c == '>';
    if (!ends) {
        if (h->held && h->link.len >= LIMIT_REWRITTEN_LINK_BYTES)
            release_link(h, false, out);
        buf_putc(h->held ? &h->link : out, c);
        return IN_VALUE;
    }
    release_link(h, true, out);
    buf_putc(out, c);
    return !h->quote && c == '>' ? behind_start_tag(h) : IN_TAG;
}

static enum state comment_byte(struct html_rewriter *h, char c)
{
    if (c == '>' && h->dashes >= 2)
        return IN_TEXT;
    h->dashes = c == '-' ? h->dashes + 1 : 0;
    return IN_COMMENT;
}

/* Waits for "</NAME" and what can follow it. */
static enum state raw_byte(struct html_rewriter *h, char c)
{
    bool whole = h->matched == h->tag.len + 2;
    if (whole && (is_blank(c) || c == '/' || c == '>') && !name_is(&h->tag, "plaintext"))
        return c == '>' ? IN_TEXT : IN_MARKUP;
    char small = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    char wanted = whole             ? 0
                  : h->matched == 0 ? '<'
                  : h->matched == 1 ? '/'
                                    : h->tag.text[h->matched - 2];
    h->matched = !whole && small == wanted ? h->matched + 1 : c == '<';
    return IN_RAW_TEXT;
}

static enum state less_byte(struct html_rewriter *h, char c)
{
    if (is_letter(c)) {
        h->tag.len = 0;
        name_add(&h->tag, c);
        return IN_TAG_NAME;
    }
    return c == '!'               ? BEHIND_BANG
           : c == '/' || c == '?' ? IN_MARKUP
           : c == '<'             ? BEHIND_LESS
                                  : IN_TEXT;
}

static enum state tag_byte(struct html_rewriter *h, char c)
{
    if (c == '>')
        return behind_start_tag(h);
    if (is_blank(c) || c == '/')
        return IN_TAG;
    h->attribute.len = 0;
    name_add(&h->attribute, c);
    return IN_ATTRIBUTE;
}

static enum state attribute_byte(struct html_rewriter *h, char c)
{
    if (c == '=')
        return BEFORE_VALUE;
    if (is_blank(c))
        return BEHIND_NAME;
    if (c == '>' || c == '/')
        return tag_byte(h, c);
    name_add(&h->attribute, c);
    return IN_ATTRIBUTE;
}

static enum state next_state(struct html_rewriter *h, char c)
{
    switch ((enum state)h->state) {
    case IN_TEXT: return c == '<' ? BEHIND_LESS : IN_TEXT;
    case BEHIND_LESS: return less_byte(h, c);
    case BEHIND_BANG: return c == '-' ? BEHIND_DASH : c == '>' ? IN_TEXT : IN_MARKUP;
    case BEHIND_DASH:
        h->dashes = 2; /* "<!-->" is a comment too */
        return c == '-' ? IN_COMMENT : c == '>' ? IN_TEXT : IN_MARKUP;
    case IN_COMMENT: return comment_byte(h, c);
    case IN_MARKUP: return c == '>' ? IN_TEXT : IN_MARKUP;
    case IN_TAG_NAME:
        if (c == '>' || c == '/' || is_blank(c))
            return tag_byte(h, c);
        name_add(&h->tag, c);
        return IN_TAG_NAME;
    case IN_TAG: return tag_byte(h, c);
    case IN_ATTRIBUTE: return attribute_byte(h, c);
    case BEHIND_NAME: return is_blank(c) ? BEHIND_NAME : c == '=' ? BEFORE_VALUE : tag_byte(h, c);
    case BEFORE_VALUE: /* a value without quotes is seen by the caller */
        if (is_blank(c))
            return BEFORE_VALUE;
        return c == '>' ? behind_start_tag(h) : IN_VALUE;
    case IN_RAW_TEXT: return raw_byte(h, c);
    case IN_VALUE: break;
    }
    return IN_TEXT;
}

static void feed_byte(struct html_rewriter *h, char c, struct buf *out)
{
    if (h->state == IN_VALUE) {
        h->state = value_byte(h, c, out);
        return;
    }
    bool before = h->state == BEFORE_VALUE;
    h->state = next_state(h, c);
    bool quoted = c == '"' || c == '\'';
    if (!before || h->state != IN_VALUE) {
        buf_putc(out, c);
    } else {
        begin_value(h, quoted ? c : 0);
        buf_putc(h->held && !quoted ? &h->link : out, c);
    }
}

void html_rewriter_feed(struct html_rewriter *h, struct str data, struct buf *out)
{
    for (size_t i = 0; i < data.len; i++)
        feed_byte(h, data.data[i], out);
}

void html_rewriter_end(struct html_rewriter *h, struct buf *out)
{
    release_link(h, false, out);
}
