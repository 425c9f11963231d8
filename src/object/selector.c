#include "object/selector.h"

#include "object/scalar.h"
#include "object/selector_internal.h"

/* Matching and the selectors that come as values. The text forms are parsed in selector_parse.c. */

static int by_key(const void *x, const void *y)
{
    const struct selector_term *a = x, *b = y;
    return str_compare(a->key, b->key);
}

void selector_normalize(struct selector *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct selector_term *t = &s->terms[i];
        if (t->value_count < 2)
            continue;
        qsort(t->values, t->value_count, sizeof(*t->values), str_compare_items);
        size_t kept = 1;
        for (size_t v = 1; v < t->value_count; v++)
            if (!str_equal(t->values[v], t->values[kept - 1]))
                t->values[kept++] = t->values[v];
        t->value_count = kept;
    }
    /* Insertion keeps the order of equal keys; selectors are short. */
    if (s->count > 32) {
        qsort(s->terms, s->count, sizeof(*s->terms), by_key);
        return;
    }
    for (size_t i = 1; i < s->count; i++) {
        struct selector_term moved = s->terms[i];
        size_t at = i;
        for (; at > 0 && str_compare(s->terms[at - 1].key, moved.key) > 0; at--)
            s->terms[at] = s->terms[at - 1];
        s->terms[at] = moved;
    }
}

/* Go's ParseInt(s, 10, 64). */
static bool go_int(struct str s, int64_t *ret)
{
    bool minus = s.len > 0 && s.data[0] == '-';
    if (s.len > 0 && (s.data[0] == '-' || s.data[0] == '+'))
        s = str_slice(s, 1, s.len);
    uint64_t value;
    if (str_to_u64(s, &value) < 0 || value > (uint64_t)INT64_MAX + (minus ? 1 : 0))
        return false;
    *ret = minus ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool has_value(const struct selector_term *t, struct str value)
{
    for (size_t i = 0; i < t->value_count; i++)
        if (str_equal(t->values[i], value))
            return true;
    return false;
}

static bool term_matches(const struct selector_term *t, bool present, struct str value)
{
    int64_t left, right;
    switch (t->op) {
    case SELECT_EQUALS:
    case SELECT_IN: return present && has_value(t, value);
    case SELECT_NOT_EQUALS:
    case SELECT_NOT_IN: return !present || !has_value(t, value);
    case SELECT_EXISTS: return present;
    case SELECT_NOT_EXISTS: return !present;
    case SELECT_GREATER:
    case SELECT_LESS:
        if (!present || t->value_count != 1 || !go_int(value, &left) ||
            !go_int(t->values[0], &right))
            return false;
        return t->op == SELECT_GREATER ? left > right : left < right;
    }
    return false;
}

bool label_selector_matches(const struct selector *s, struct value labels)
{
    if (s->nothing)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        struct value label = value_key(labels, s->terms[i].key);
        if (!term_matches(&s->terms[i], value_present(label), value_str(label, "")))
            return false;
    }
    return true;
}

bool label_selector_matches_node(const struct selector *s, const struct node *labels)
{
    if (s->nothing)
        return false;
    for (size_t i = 0; i < s->count; i++) {
        const struct node *label = node_get(labels, s->terms[i].key);
        if (!term_matches(&s->terms[i], label != NULL, node_str(label, "")))
            return false;
    }
    return true;
}

/* The operators of matchExpressions. */
static const struct {
    const char *name;
    enum selector_op op;
} expression_ops[] = {
    {"In", SELECT_IN},
    {"NotIn", SELECT_NOT_IN},
    {"Exists", SELECT_EXISTS},
    {"DoesNotExist", SELECT_NOT_EXISTS},
};

static int expression_op(struct str name, enum selector_op *ret, struct status *st)
{
    for (size_t i = 0; i < ARRAY_COUNT(expression_ops); i++)
        if (str_is(name, expression_ops[i].name)) {
            *ret = expression_ops[i].op;
            return 0;
        }
    return status_set(st, REASON_BAD_REQUEST, "\"%.*s\" is not a valid label selector operator",
                      STR_ARG(name));
}

static void set_equals(struct arena *a, struct selector_term *t, struct str key, struct str value)
{
    t->key = arena_str(a, key);
    t->op = SELECT_EQUALS;
    t->values = arena_new(a, struct str);
    t->values[0] = arena_str(a, value);
    t->value_count = 1;
}

static int check_all(struct arena *a, struct selector *s, struct status *st)
{
    for (size_t i = 0; i < s->count; i++)
        if (selector_check_term(a, &s->terms[i], false, st) < 0)
            return -1;
    selector_normalize(s);
    return 0;
}

int label_selector_from_value(struct arena *a, struct value selector, struct selector *ret,
                              struct status *st)
{
    struct selector s = {0};
    if (!value_present(selector)) {
        *ret = (struct selector){.nothing = true};
        return 0;
    }
    struct value labels = value_at(selector, "matchLabels");
    struct value expressions = value_at(selector, "matchExpressions");
    s.terms =
        arena_array(a, struct selector_term, value_count(labels) + value_count(expressions) + 1);
    struct value_iter it = value_iter(labels);
    for (struct value v; value_next(&it, &v);)
        set_equals(a, &s.terms[s.count++], it.key, value_str(v, ""));
    it = value_iter(expressions);
    for (struct value v; value_next(&it, &v);) {
        struct selector_term *t = &s.terms[s.count];
        t->key = arena_str(a, value_str(v, "key"));
        if (expression_op(value_str(v, "operator"), &t->op, st) < 0)
            return -1;
        struct value values = value_at(v, "values");
        t->values = arena_array(a, struct str, value_count(values) + 1);
        struct value_iter each = value_iter(values);
        for (struct value text; value_next(&each, &text);)
            t->values[t->value_count++] = arena_str(a, value_str(text, ""));
        s.count++;
    }
    if (check_all(a, &s, st) < 0)
        return -1;
    *ret = s;
    return 0;
}

int label_selector_from_node(struct arena *a, const struct node *selector, struct selector *ret,
                             struct status *st)
{
    struct selector s = {0};
    if (!selector || selector->kind == NODE_NULL) {
        *ret = (struct selector){.nothing = true};
        return 0;
    }
    const struct node *labels = node_get(selector, STR("matchLabels"));
    const struct node *expressions = node_get(selector, STR("matchExpressions"));
    s.terms =
        arena_array(a, struct selector_term, node_count(labels) + node_count(expressions) + 1);
    member_each(m, labels) set_equals(a, &s.terms[s.count++], m->name, node_str(m->value, ""));
    node_each(expression, expressions)
    {
        struct selector_term *t = &s.terms[s.count];
        t->key = arena_str(a, node_str(expression, "key"));
        if (expression_op(node_str(expression, "operator"), &t->op, st) < 0)
            return -1;
        const struct node *values = node_get(expression, STR("values"));
        t->values = arena_array(a, struct str, node_count(values) + 1);
        node_each(text, values) t->values[t->value_count++] = arena_str(a, node_str(text, ""));
        s.count++;
    }
    if (check_all(a, &s, st) < 0)
        return -1;
    *ret = s;
    return 0;
}

void label_selector_from_map(struct arena *a, struct value map, struct selector *ret)
{
    struct selector s = {.terms = arena_array(a, struct selector_term, value_count(map) + 1)};
    struct value_iter it = value_iter(map);
    for (struct value v; value_next(&it, &v);)
        set_equals(a, &s.terms[s.count++], it.key, value_str(v, ""));
    selector_normalize(&s);
    *ret = s;
}

/* Text between the key and its values. */
static const char *const op_texts[] = {
    [SELECT_EQUALS] = "=",        [SELECT_NOT_EQUALS] = "!=", [SELECT_IN] = " in (",
    [SELECT_NOT_IN] = " notin (", [SELECT_EXISTS] = "",       [SELECT_NOT_EXISTS] = "",
    [SELECT_GREATER] = ">",       [SELECT_LESS] = "<",
};

struct str label_selector_format(struct arena *a, const struct selector *s)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < s->count; i++) {
        const struct selector_term *t = &s->terms[i];
        if (i > 0)
            buf_putc(&out, ',');
        if (t->op == SELECT_NOT_EXISTS)
            buf_putc(&out, '!');
        buf_add(&out, t->key);
        buf_puts(&out, op_texts[t->op]);
        for (size_t v = 0; v < t->value_count; v++) {
            if (v > 0)
                buf_putc(&out, ',');
            buf_add(&out, t->values[v]);
        }
        if (t->op == SELECT_IN || t->op == SELECT_NOT_IN)
            buf_putc(&out, ')');
    }
    struct str text = arena_str(a, buf_str(&out));
    buf_release(&out);
    return text;
}
