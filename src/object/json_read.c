/* JSON text to trees. */
#include <stdlib.h>

#include "base/limits.h"
#include "object/json.h"
#include "object/seal.h"
#include "object/simd.h"

enum {
    SMALL_MAP = 24
}; /* up to here comparing every pair is quicker than sorting */

/* Works in place on a copy in the arena with zeroes behind it: NUL is no part of any token, so no
 * loop needs an end check, and a vector can be loaded anywhere. */
struct reader {
    struct arena *arena;
    struct status *st;
    char *at;
    char *end;
    int depth;
    bool keep_duplicates;
};

static bool read_value(struct reader *r, struct node *n);

/* As Go's scanner shows a byte: 'x', '\n', '\u00e4', '"'. */
static void show_byte(unsigned char c, char out[16])
{
    if (c == '\'')
        snprintf(out, 16, "'\\''");
    else if (c == '\n' || c == '\t' || c == '\r' || c == '\\')
        snprintf(out, 16, "'\\%c'", c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : '\\');
    else if (c < 0x20 || c == 0x7f)
        snprintf(out, 16, "'\\x%02x'", c);
    else if (c < 0x7f)
        snprintf(out, 16, "'%c'", c);
    else if (c >= 0xa1 && c != 0xad)
        snprintf(out, 16, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
    else
        snprintf(out, 16, "'\\u%04x'", c);
}

static bool unexpected(struct reader *r, const char *where)
{
    char shown[16];
    if (r->at >= r->end) {
        (void)status_set(r->st, REASON_BAD_REQUEST, "unexpected end of JSON input");
        return false;
    }
    show_byte((unsigned char)*r->at, shown);
    (void)status_set(r->st, REASON_BAD_REQUEST, "invalid character %s %s", shown, where);
    return false;
}

static void skip_blanks(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')
        r->at++;
}

static bool read_word(struct reader *r, const char *word)
{
    char where[64];
    for (size_t i = 0; word[i]; i++, r->at++) {
        if (*r->at != word[i]) {
            snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word, word[i]);
            return unexpected(r, where);
        }
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_digits(struct reader *r, const char *where)
{
    if (!is_digit(*r->at))
        return unexpected(r, where);
    while (is_digit(*r->at))
        r->at++;
    return true;
}

static bool set_number(struct reader *r, struct node *n, char *from, bool whole)
{
    struct str text = {from, (size_t)(r->at - from)};
    int64_t integer;
    if (whole && str_to_i64(text, &integer) == 0) {
        n->kind = NODE_INT;
        n->integer = integer;
        return true;
    }
    char saved = *r->at;
    *r->at = 0;
    double number = strtod(from, NULL);
    if (__builtin_isinf(number)) {
        (void)status_set(r->st, REASON_BAD_REQUEST,
                         "json: cannot unmarshal number %s into Go value of type float64", from);
        *r->at = saved;
        return false;
    }
    *r->at = saved;
    n->kind = NODE_DOUBLE;
    n->number = number;
    return true;
}

static bool read_number(struct reader *r, struct node *n)
{
    char *from = r->at;
    bool whole = true;
    if (*r->at == '-')
        r->at++;
    if (*r->at == '0')
        r->at++;
    else if (!skip_digits(r, "in numeric literal"))
        return false;
    if (*r->at == '.') {
        whole = false;
        r->at++;
        if (!skip_digits(r, "after decimal point in numeric literal"))
            return false;
    }
    if (*r->at == 'e' || *r->at == 'E') {
        whole = false;
        r->at++;
        if (*r->at == '+' || *r->at == '-')
            r->at++;
        if (!skip_digits(r, "in exponent of numeric literal"))
            return false;
    }
    /* Up to 18 digits fit; this is the way of nearly every number. */
    size_t len = (size_t)(r->at - from);
    if (whole && len <= 18) {
        bool negative = *from == '-';
        int64_t value = 0;
        for (char *p = from + negative; p < r->at; p++)
            value = value * 10 + (*p - '0');
        if (!(negative && value == 0)) {
            n->kind = NODE_INT;
            n->integer = negative ? -value : value;
            return true;
        }
    }
    return set_number(r, n, from, whole);
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex4(struct reader *r, unsigned *ret)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int digit = hex_digit(*r->at);
        if (digit < 0)
            return unexpected(r, "in \\u hexadecimal character escape");
        value = value << 4 | (unsigned)digit;
    }
    *ret = value;
    return true;
}

static char *put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* After "\u"; a lone surrogate becomes U+FFFD. */
static bool read_unicode(struct reader *r, char **out)
{
    unsigned first, second;
    if (!read_hex4(r, &first))
        return false;
    if (first < 0xd800 || first > 0xdfff) {
        *out = put_utf8(*out, first);
        return true;
    }
    char *behind = r->at;
    if (first < 0xdc00 && r->at[0] == '\\' && r->at[1] == 'u') {
        r->at += 2;
        if (!read_hex4(r, &second))
            return false;
        if (second >= 0xdc00 && second <= 0xdfff) {
            *out = put_utf8(*out, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            return true;
        }
        r->at = behind;
    }
    *out = put_utf8(*out, 0xfffd);
    return true;
}

static bool read_escape(struct reader *r, char **out)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    r->at++;
    if (*r->at == 'u') {
        r->at++;
        return read_unicode(r, out);
    }
    const char *found = *r->at ? strchr(plain, *r->at) : NULL;
    if (!found)
        return unexpected(r, "in string escape code");
    *(*out)++ = meant[found - plain];
    r->at++;
    return true;
}

/* The rest of a text that begins at from, from r->at on. */
static bool read_hard_text(struct reader *r, char *from, struct str *ret)
{
    char *out = r->at;
    unsigned char high = 0;
    for (;;) {
        unsigned char c = (unsigned char)*r->at;
        while (c != '"' && c != '\\' && c >= 0x20) {
            high |= c;
            *out++ = (char)c;
            c = (unsigned char)*++r->at;
        }
        if (c == '"')
            break;
        if (c != '\\')
            return unexpected(r, "in string literal");
        if (!read_escape(r, &out))
            return false;
    }
    r->at++;
    *ret = (struct str){from, (size_t)(out - from)};
    if (high & 0x80)
        *ret = utf8_mend(r->arena, *ret);
    return true;
}

/* After the opening quote. */
static bool read_text(struct reader *r, struct str *ret)
{
    char *from = r->at;
    unsigned ends;
    while (!(ends = bytes16_text_ends(bytes16_load(r->at))))
        r->at += sizeof(bytes16);
    r->at += __builtin_ctz(ends);
    if (unlikely(*r->at != '"'))
        return read_hard_text(r, from, ret);
    *ret = (struct str){from, (size_t)(r->at - from)};
    r->at++;
    return true;
}

static bool enter(struct reader *r)
{
    if (++r->depth <= LIMIT_DEPTH)
        return true;
    (void)status_set(r->st, REASON_REQUEST_ENTITY_TOO_LARGE, "exceeded max depth");
    return false;
}

static bool read_items(struct reader *r, struct node *n)
{
    struct gathered_items items;
    items.count = 0;
    for (;;) {
        struct node *item = arena_new(r->arena, struct node);
        skip_blanks(r);
        if (!read_value(r, item))
            return false;
        gather_item(r->arena, &items, n, item);
        skip_blanks(r);
        char c = *r->at;
        if (c != ',' && c != ']')
            return unexpected(r, "after array element");
        r->at++;
        if (c == ']')
            break;
    }
    items_gathered(r->arena, &items, n);
    return true;
}

static bool read_list(struct reader *r, struct node *n)
{
    n->kind = NODE_LIST;
    r->at++;
    skip_blanks(r);
    if (*r->at == ']') {
        r->at++;
        return true;
    }
    if (!enter(r) || !read_items(r, n))
        return false;
    r->depth--;
    return true;
}

void json_add_member(struct arena *a, struct node *n, struct str name, struct node *value)
{
    if (n->map.count == n->map.cap) {
        uint32_t cap = n->map.cap ? n->map.cap * 2 : 4;
        n->map.members = arena_grow(a, n->map.members, sizeof(struct member) * n->map.cap,
                                    sizeof(struct member) * cap);
        n->map.cap = cap;
    }
    n->map.members[n->map.count++] = (struct member){name, value};
}

static bool read_member(struct reader *r, struct member *ret)
{
    skip_blanks(r);
    if (*r->at != '"')
        return unexpected(r, "looking for beginning of object key string");
    r->at++;
    if (!read_text(r, &ret->name))
        return false;
    skip_blanks(r);
    if (*r->at != ':')
        return unexpected(r, "after object key");
    r->at++;
    skip_blanks(r);
    ret->value = arena_new(r->arena, struct node);
    return read_value(r, ret->value);
}

static bool read_members(struct reader *r, struct node *n)
{
    struct gathered_members members;
    struct member m;
    members.count = 0;
    for (;;) {
        if (!read_member(r, &m))
            return false;
        gather_member(r->arena, &members, n, m);
        skip_blanks(r);
        char c = *r->at;
        if (c != ',' && c != '}')
            return unexpected(r, "after object key:value pair");
        r->at++;
        if (c == '}')
            break;
    }
    members_gathered(r->arena, &members, n);
    return true;
}

static bool read_map(struct reader *r, struct node *n)
{
    n->kind = NODE_MAP;
    r->at++;
    skip_blanks(r);
    if (*r->at == '}') {
        r->at++;
        return true;
    }
    if (!enter(r) || !read_members(r, n))
        return false;
    r->depth--;
    if (!r->keep_duplicates)
        json_drop_duplicates(n);
    return true;
}

static bool read_value(struct reader *r, struct node *n)
{
    switch (*r->at) {
    case '{': return read_map(r, n);
    case '[': return read_list(r, n);
    case '"':
        n->kind = NODE_STRING;
        r->at++;
        return read_text(r, &n->text);
    case 't':
        n->kind = NODE_BOOL;
        n->boolean = true;
        return read_word(r, "true");
    case 'f': n->kind = NODE_BOOL; return read_word(r, "false");
    case 'n': n->kind = NODE_NULL; return read_word(r, "null");
    default:
        if (*r->at == '-' || is_digit(*r->at))
            return read_number(r, n);
        return unexpected(r, "looking for beginning of value");
    }
}

static int parse(struct reader *r, struct str text, struct node **ret)
{
    r->at = arena_alloc(r->arena, text.len + sizeof(bytes16));
    memcpy(r->at, text.data ? text.data : "", text.len);
    r->end = r->at + text.len;
    struct node *n = arena_new(r->arena, struct node);
    skip_blanks(r);
    if (!read_value(r, n))
        return -1;
    skip_blanks(r);
    if (r->at != r->end) {
        unexpected(r, "after top-level value");
        return -1;
    }
    *ret = n;
    return 0;
}

int json_parse(struct arena *a, struct str text, struct node **ret, struct status *st)
{
    struct reader r = {.arena = a, .st = st};
    return parse(&r, text, ret);
}

int json_read_with_duplicates(struct arena *a, struct str text, struct node **ret,
                              struct status *st)
{
    struct reader r = {.arena = a, .st = st, .keep_duplicates = true};
    return parse(&r, text, ret);
}

static int compare_names(const void *a, const void *b)
{
    const struct member *left = *(const struct member *const *)a,
                        *right = *(const struct member *const *)b;
    int order = str_compare(left->name, right->name);
    return order ? order : left < right ? -1 : left > right;
}

static void drop_marked(struct node *map)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < map->map.count; i++)
        if (map->map.members[i].value)
            map->map.members[kept++] = map->map.members[i];
    map->map.count = kept;
}

/* Duplicates are found by sorting, so that a map of many members costs no more than n log n. NULL
 * when the names stand in order anyway, each once. */
static struct member **sorted_members(const struct node *map)
{
    uint32_t count = map->map.count, i = 1;
    while (i < count && str_compare(map->map.members[i - 1].name, map->map.members[i].name) < 0)
        i++;
    if (i >= count)
        return NULL;
    struct member **sorted = mem_alloc(count * sizeof(*sorted));
    for (i = 0; i < count; i++)
        sorted[i] = &map->map.members[i];
    qsort(sorted, count, sizeof(*sorted), compare_names);
    return sorted;
}

static void drop_from_large(struct node *map)
{
    uint32_t count = map->map.count;
    struct member **sorted = sorted_members(map);
    bool any = false;
    for (uint32_t first = 0, i = 1; sorted && i < count; i++) {
        if (!str_equal(sorted[i]->name, sorted[first]->name)) {
            first = i;
            continue;
        }
        sorted[first]->value = sorted[i]->value;
        sorted[i]->value = NULL;
        any = true;
    }
    mem_free(sorted);
    if (any)
        drop_marked(map);
}

/* Calls found for each member whose name stood before, in the order of names. */
static void each_repeated(const struct node *map,
                          void (*found)(void *arg, const struct member *repeated), void *arg)
{
    uint32_t count = map->map.count;
    if (count > SMALL_MAP) {
        struct member **sorted = sorted_members(map);
        for (uint32_t i = 1; sorted && i < count; i++)
            if (str_equal(sorted[i]->name, sorted[i - 1]->name))
                found(arg, sorted[i]);
        mem_free(sorted);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        uint32_t j = 0;
        while (j < i && !str_equal(map->map.members[j].name, map->map.members[i].name))
            j++;
        if (j < i)
            found(arg, &map->map.members[i]);
    }
}

struct names_sink {
    void (*found)(void *arg, struct str name);
    void *arg;
};

static void pass_name_on(void *arg, const struct member *repeated)
{
    const struct names_sink *sink = arg;
    sink->found(sink->arg, repeated->name);
}

void json_each_duplicate(const struct node *map, void (*found)(void *arg, struct str name),
                         void *arg)
{
    each_repeated(map, pass_name_on, &(struct names_sink){found, arg});
}

struct marking {
    const struct node *map;
    bool *marked;
    size_t count;
};

static void mark(void *arg, const struct member *repeated)
{
    struct marking *m = arg;
    m->marked[repeated - m->map->map.members] = true;
    m->count++;
}

size_t json_mark_duplicates(const struct node *map, bool *marked)
{
    struct marking m = {.map = map, .marked = marked};
    each_repeated(map, mark, &m);
    return m.count;
}

void json_drop_duplicates(struct node *map)
{
    if (map->map.count > SMALL_MAP) {
        drop_from_large(map);
        return;
    }
    bool any = false;
    for (uint32_t i = 1; i < map->map.count; i++) {
        struct member *m = &map->map.members[i];
        for (uint32_t j = 0; j < i; j++) {
            struct member *earlier = &map->map.members[j];
            if (!earlier->value || !str_equal(earlier->name, m->name))
                continue;
            earlier->value = m->value;
            m->value = NULL;
            any = true;
            break;
        }
    }
    if (any)
        drop_marked(map);
}
