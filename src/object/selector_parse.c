#include "object/scalar.h"
#include "object/selector.h"
#include "object/selector_internal.h"

/* Parsers of label and field selectors, after apimachinery's pkg/labels and pkg/fields: what they
 * take, and their texts. */

enum token {
    TOKEN_END,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_NOT,
    TOKEN_DOUBLE_EQUALS,
    TOKEN_EQUALS,
    TOKEN_GREATER,
    TOKEN_IDENTIFIER,
    TOKEN_IN,
    TOKEN_LESS,
    TOKEN_NOT_EQUALS,
    TOKEN_NOT_IN,
    TOKEN_OPEN,
};

static const struct {
    const char *text;
    enum token token;
} literals[] = {
    {")", TOKEN_CLOSE},       {",", TOKEN_COMMA},
    {"!", TOKEN_NOT},         {"==", TOKEN_DOUBLE_EQUALS},
    {"=", TOKEN_EQUALS},      {">", TOKEN_GREATER},
    {"in", TOKEN_IN},         {"<", TOKEN_LESS},
    {"!=", TOKEN_NOT_EQUALS}, {"notin", TOKEN_NOT_IN},
    {"(", TOKEN_OPEN},
};

/* What the tokens that stand between a key and its values mean. */
static const struct {
    enum token token;
    enum selector_op op;
} binary_ops[] = {
    {TOKEN_IN, SELECT_IN},
    {TOKEN_EQUALS, SELECT_EQUALS},
    {TOKEN_DOUBLE_EQUALS, SELECT_EQUALS},
    {TOKEN_GREATER, SELECT_GREATER},
    {TOKEN_LESS, SELECT_LESS},
    {TOKEN_NOT_IN, SELECT_NOT_IN},
    {TOKEN_NOT_EQUALS, SELECT_NOT_EQUALS},
};

struct parser {
    struct arena *arena;
    struct status *st;
    struct str text;
    size_t at;
    enum token token; /* the token ahead */
    struct str literal;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
    return c == '=' || c == '!' || c == '(' || c == ')' || c == ',' || c == '<' || c == '>';
}

static bool literal_token(struct str text, enum token *ret)
{
    for (size_t i = 0; i < ARRAY_COUNT(literals); i++)
        if (str_is(text, literals[i].text)) {
            *ret = literals[i].token;
            return true;
        }
    return false;
}

/* Reads the next token. A NUL byte ends the text, as in the original. */
static void advance(struct parser *p)
{
    struct str s = p->text;
    while (p->at < s.len && is_blank(s.data[p->at]))
        p->at++;
    if (p->at >= s.len || s.data[p->at] == 0) {
        p->at = s.len;
        p->token = TOKEN_END;
        p->literal = STR_NONE;
        return;
    }
    size_t from = p->at;
    if (is_special(s.data[p->at])) {
        /* Every special byte is a token; two of them make one when the table has it. */
        if (p->at + 1 < s.len && literal_token(str_slice(s, from, from + 2), &p->token))
            p->at += 2;
        else
            p->at++;
    } else {
        while (p->at < s.len && s.data[p->at] && !is_special(s.data[p->at]) &&
               !is_blank(s.data[p->at]))
            p->at++;
    }
    p->literal = str_slice(s, from, p->at);
    if (!literal_token(p->literal, &p->token))
        p->token = TOKEN_IDENTIFIER;
}

/* Where values or keys stand, "in" and "notin" are words like others. */
static enum token word(const struct parser *p)
{
    return p->token == TOKEN_IN || p->token == TOKEN_NOT_IN ? TOKEN_IDENTIFIER : p->token;
}

static int fail(struct parser *p, bool in_requirement, const char *expected)
{
    return status_set(p->st, REASON_BAD_REQUEST, "%sfound '%.*s'%s",
                      in_requirement ? "unable to parse requirement: " : "", STR_ARG(p->literal),
                      expected);
}

static void add_value(struct parser *p, struct selector_term *t, size_t *cap, struct str value)
{
    if (t->value_count == *cap) {
        size_t grown = *cap ? *cap * 2 : 4;
        t->values =
            arena_grow(p->arena, t->values, *cap * sizeof(*t->values), grown * sizeof(*t->values));
        *cap = grown;
    }
    t->values[t->value_count++] = value;
}

/* Inside the parentheses: a list of words, any of them empty. */
static int parse_words(struct parser *p, struct selector_term *t, size_t *cap)
{
    for (;;) {
        if (word(p) == TOKEN_IDENTIFIER) {
            add_value(p, t, cap, p->literal);
            advance(p);
            if (p->token == TOKEN_COMMA)
                continue;
            if (p->token == TOKEN_CLOSE)
                return 0;
            return fail(p, true, ", expected: ',' or ')'");
        }
        if (p->token != TOKEN_COMMA)
            return fail(p, true, ", expected: ',', or identifier");
        if (t->value_count == 0)
            add_value(p, t, cap, STR(""));
        advance(p);
        if (p->token == TOKEN_CLOSE) {
            add_value(p, t, cap, STR(""));
            return 0;
        }
        if (p->token == TOKEN_COMMA)
            add_value(p, t, cap, STR(""));
    }
}

static int parse_set(struct parser *p, struct selector_term *t)
{
    size_t cap = 0;
    if (p->token != TOKEN_OPEN)
        return fail(p, true, " expected: '('");
    advance(p);
    if (p->token == TOKEN_CLOSE) {
        add_value(p, t, &cap, STR(""));
    } else if (word(p) == TOKEN_IDENTIFIER || p->token == TOKEN_COMMA) {
        if (parse_words(p, t, &cap) < 0)
            return -1;
    } else {
        return fail(p, true, ", expected: ',', ')' or identifier");
    }
    advance(p);
    return 0;
}

static int parse_exact(struct parser *p, struct selector_term *t)
{
    size_t cap = 0;
    if (p->token == TOKEN_END || p->token == TOKEN_COMMA) {
        add_value(p, t, &cap, STR(""));
        return 0;
    }
    if (word(p) != TOKEN_IDENTIFIER)
        return fail(p, true, ", expected: identifier");
    add_value(p, t, &cap, p->literal);
    advance(p);
    return 0;
}

static int parse_operator(struct parser *p, enum selector_op *ret)
{
    for (size_t i = 0; i < ARRAY_COUNT(binary_ops); i++)
        if (p->token == binary_ops[i].token) {
            *ret = binary_ops[i].op;
            advance(p);
            return 0;
        }
    return fail(p, true, ", expected: in, notin, =, ==, !=, gt, lt");
}

static int parse_term(struct parser *p, struct selector_term *t)
{
    bool negated = p->token == TOKEN_NOT;
    if (negated)
        advance(p);
    if (word(p) != TOKEN_IDENTIFIER)
        return fail(p, true, ", expected: identifier");
    t->key = p->literal;
    const char *fault = name_qualified(t->key);
    if (fault)
        return status_set(p->st, REASON_BAD_REQUEST,
                          "unable to parse requirement: <nil>: Invalid value: \"%.*s\": %s",
                          STR_ARG(t->key), fault);
    advance(p);
    if (negated || p->token == TOKEN_END || p->token == TOKEN_COMMA) {
        t->op = negated ? SELECT_NOT_EXISTS : SELECT_EXISTS;
        return 0;
    }
    if (parse_operator(p, &t->op) < 0)
        return -1;
    int failed = t->op == SELECT_IN || t->op == SELECT_NOT_IN ? parse_set(p, t) : parse_exact(p, t);
    return failed < 0 ? -1 : selector_check_term(p->arena, t, true, p->st);
}

/* One fault of a term, added to a list that becomes "[first, second]". */
struct faults {
    struct buf text;
    size_t count;
};

static void add_fault(struct faults *f, struct str text)
{
    if (f->count++ > 0)
        buf_puts(&f->text, ", ");
    buf_add(&f->text, text);
}

int selector_check_term(struct arena *a, const struct selector_term *t, bool from_text,
                        struct status *st)
{
    struct faults faults = {.text = BUF_INIT};
    bool is_set = t->op == SELECT_IN || t->op == SELECT_NOT_IN;
    bool is_number = t->op == SELECT_GREATER || t->op == SELECT_LESS;
    bool is_presence = t->op == SELECT_EXISTS || t->op == SELECT_NOT_EXISTS;
    const char *fault = from_text ? NULL : name_qualified(t->key);
    if (fault)
        add_fault(&faults,
                  arena_printf(a, "key: Invalid value: \"%.*s\": %s", STR_ARG(t->key), fault));
    if (is_set && t->value_count == 0)
        add_fault(&faults, STR("values: Invalid value: null: for 'in', 'notin' operators, values "
                               "set can't be empty"));
    if (is_presence && t->value_count > 0) {
        struct buf list = BUF_INIT;
        for (size_t i = 0; i < t->value_count; i++)
            buf_printf(&list, "%s\"%.*s\"", i ? "," : "", STR_ARG(t->values[i]));
        add_fault(&faults, arena_printf(a,
                                        "values: Invalid value: [%.*s]: values set must be empty "
                                        "for exists and does not exist",
                                        STR_ARG(buf_str(&list))));
        buf_release(&list);
    }
    for (size_t i = 0; is_number && i < t->value_count; i++) {
        struct str v = t->values[i];
        struct str digits =
            v.len && (v.data[0] == '-' || v.data[0] == '+') ? str_slice(v, 1, v.len) : v;
        uint64_t number;
        if (str_to_u64(digits, &number) < 0 || number > (uint64_t)INT64_MAX + (v.data[0] == '-'))
            add_fault(&faults, arena_printf(a,
                                            "values[%zu]: Invalid value: \"%.*s\": for 'Gt', 'Lt' "
                                            "operators, the value must be an integer",
                                            i, STR_ARG(v)));
    }
    for (size_t i = 0; i < t->value_count; i++) {
        fault = name_label_value(t->values[i]);
        if (fault)
            add_fault(&faults, arena_printf(a, "values[%zu][%.*s]: Invalid value: \"%.*s\": %s", i,
                                            STR_ARG(t->key), STR_ARG(t->values[i]), fault));
    }
    int failed = 0;
    if (faults.count > 0)
        failed = status_set(st, REASON_BAD_REQUEST, "%s%s%.*s%s",
                            from_text ? "unable to parse requirement: " : "",
                            faults.count > 1 ? "[" : "", STR_ARG(buf_str(&faults.text)),
                            faults.count > 1 ? "]" : "");
    buf_release(&faults.text);
    return failed;
}

static void add_term(struct arena *a, struct selector *s, size_t *cap, struct selector_term term)
{
    if (s->count == *cap) {
        size_t grown = *cap ? *cap * 2 : 4;
        s->terms = arena_grow(a, s->terms, *cap * sizeof(term), grown * sizeof(term));
        *cap = grown;
    }
    s->terms[s->count++] = term;
}

int label_selector_parse(struct arena *a, struct str text, struct selector *ret, struct status *st)
{
    struct parser p = {.arena = a, .st = st, .text = arena_str(a, text)};
    struct selector s = {0};
    size_t cap = 0;
    advance(&p);
    while (p.token != TOKEN_END) {
        if (word(&p) != TOKEN_IDENTIFIER && p.token != TOKEN_NOT)
            return fail(&p, false, ", expected: !, identifier, or 'end of string'");
        struct selector_term term = {0};
        if (parse_term(&p, &term) < 0)
            return -1;
        add_term(a, &s, &cap, term);
        if (p.token == TOKEN_END)
            break;
        if (p.token != TOKEN_COMMA)
            return fail(&p, false, ", expected: ',' or 'end of string'");
        advance(&p);
        if (word(&p) != TOKEN_IDENTIFIER && p.token != TOKEN_NOT)
            return fail(&p, false, ", expected: identifier after ','");
    }
    selector_normalize(&s);
    *ret = s;
    return 0;
}

/* The end of the term that starts at from: the next comma without a backslash before it. */
static size_t term_end(struct str text, size_t from)
{
    bool escaped = false;
    for (size_t i = from; i < text.len; i++) {
        if (escaped)
            escaped = false;
        else if (text.data[i] == '\\')
            escaped = true;
        else if (text.data[i] == ',')
            return i;
    }
    return text.len;
}

/* Takes backslashes off before backslash, comma and equals sign; any other use of the three is an
 * error. */
static int unescape(struct arena *a, struct str text, struct str *ret, struct status *st)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == ',' || c == '=')
            return status_set(st, REASON_BAD_REQUEST,
                              "invalid field selector: unescaped character in value: %d", c);
        if (c == '\\') {
            if (i + 1 == text.len)
                return status_set(st, REASON_BAD_REQUEST,
                                  "invalid field selector: invalid escape sequence: \\");
            c = text.data[++i];
            if (c != '\\' && c != ',' && c != '=') {
                size_t end = i + 1;
                while (end < text.len && ((unsigned char)text.data[end] & 0xc0) == 0x80)
                    end++;
                return status_set(st, REASON_BAD_REQUEST,
                                  "invalid field selector: invalid escape sequence: \\%.*s",
                                  STR_ARG(str_slice(text, i, end)));
            }
        }
        out[len++] = c;
    }
    *ret = (struct str){out, len};
    return 0;
}

/* Splits "field!=value" at its first operator. */
static int parse_field_term(struct arena *a, struct str whole, struct str part,
                            struct selector_term *ret, struct status *st)
{
    for (size_t i = 0; i < part.len; i++) {
        struct str rest = str_slice(part, i, part.len);
        size_t op_len = str_starts(rest, "!=") || str_starts(rest, "==") ? 2
                        : str_starts(rest, "=")                          ? 1
                                                                         : 0;
        if (op_len == 0)
            continue;
        ret->key = str_slice(part, 0, i);
        ret->op = rest.data[0] == '!' ? SELECT_NOT_EQUALS : SELECT_EQUALS;
        ret->values = arena_new(a, struct str);
        ret->value_count = 1;
        return unescape(a, str_slice(rest, op_len, rest.len), &ret->values[0], st);
    }
    return status_set(st, REASON_BAD_REQUEST, "invalid selector: '%.*s'; can't understand '%.*s'",
                      STR_ARG(whole), STR_ARG(part));
}

int field_selector_parse(struct arena *a, struct str text, struct selector *ret, struct status *st)
{
    struct selector s = {0};
    text = arena_str(a, text);
    size_t part_count = 0;
    for (size_t from = 0; from < text.len; from = term_end(text, from) + 1)
        part_count++;
    struct str *parts = arena_array(a, struct str, part_count + 1);
    part_count = 0;
    for (size_t from = 0; from < text.len; from = term_end(text, from) + 1)
        parts[part_count++] = str_slice(text, from, term_end(text, from));
    qsort(parts, part_count, sizeof(*parts), str_compare_items);
    s.terms = arena_array(a, struct selector_term, part_count + 1);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].len == 0)
            continue;
        if (parse_field_term(a, text, parts[i], &s.terms[s.count], st) < 0)
            return -1;
        s.count++;
    }
    *ret = s;
    return 0;
}
