#include "object/jsonpath.h"

#include "base/limits.h"

/* Paths are walked as they are read: the values found so far, then the next step over all of them.
 */

struct values {
    struct arena *arena; /* NULL: nothing is collected, the path is only checked */
    struct value *items; /* arena */
    size_t count, cap;
};

static void add(struct values *v, struct value item)
{
    if (!v->arena || !value_present(item) || v->count >= LIMIT_JSONPATH_RESULTS)
        return;
    if (v->count == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 8;
        v->items = arena_grow(v->arena, v->items, v->cap * sizeof(item), cap * sizeof(item));
        v->cap = cap;
    }
    v->items[v->count++] = item;
}

static bool is_container(struct value v)
{
    return v.kind == VALUE_LIST || v.kind == VALUE_MAP || v.kind == VALUE_OBJECT;
}

static void add_children(struct values *out, struct value v)
{
    if (!is_container(v))
        return;
    struct value_iter it = value_iter(v);
    for (struct value child; value_next(&it, &child);)
        add(out, child);
}

static void step_field(struct values *v, struct str name)
{
    struct values out = {.arena = v->arena};
    for (size_t i = 0; i < v->count; i++) {
        if (str_is(name, "*"))
            add_children(&out, v->items[i]);
        else if (v->items[i].kind == VALUE_MAP || v->items[i].kind == VALUE_OBJECT)
            add(&out, value_key(v->items[i], name));
    }
    *v = out;
}

/* Every container at and under the values: breadth first, each once. */
static void step_recursive(struct values *v)
{
    struct values out = {.arena = v->arena};
    for (size_t i = 0; i < v->count; i++)
        if (is_container(v->items[i]))
            add(&out, v->items[i]);
    for (size_t i = 0; i < out.count; i++) {
        struct value_iter it = value_iter(out.items[i]);
        for (struct value child; value_next(&it, &child);)
            if (is_container(child))
                add(&out, child);
    }
    *v = out;
}

struct range {
    int64_t part[3];
    bool known[3];
    bool single;
};

static bool parse_range(struct str text, struct range *ret)
{
    *ret = (struct range){.single = str_find(text, ':') < 0};
    struct str rest = text;
    for (size_t i = 0; rest.data && i < 3; i++) {
        struct str part = str_trim(str_cut(&rest, ':'));
        ret->known[i] = part.len > 0;
        if (part.len > 0 && str_to_i64(part, &ret->part[i]) < 0) {
            uint64_t magnitude;
            if (part.data[0] != '-' || str_to_u64(str_slice(part, 1, part.len), &magnitude) < 0 ||
                magnitude > INT32_MAX)
                return false;
            ret->part[i] = -(int64_t)magnitude;
        }
    }
    return !rest.data && (!ret->single || ret->known[0]) && (!ret->known[2] || ret->part[2] > 0);
}

static void step_range(struct values *v, const struct range *r)
{
    struct values out = {.arena = v->arena};
    for (size_t i = 0; i < v->count; i++) {
        if (v->items[i].kind != VALUE_LIST)
            continue;
        int64_t count = (int64_t)value_count(v->items[i]);
        int64_t from = r->known[0] ? r->part[0] : 0, to = r->known[1] ? r->part[1] : count;
        from = from < 0 ? from + count : from;
        to = r->single ? from + 1 : to < 0 ? to + count : to;
        struct value_iter it = value_iter(v->items[i]);
        int64_t step = r->known[2] ? r->part[2] : 1, at = 0;
        for (struct value item; value_next(&it, &item); at++)
            if (at >= from && at < to && (at - from) % step == 0)
                add(&out, item);
    }
    *v = out;
}

static bool walk(struct values *v, struct str path, size_t depth);

/* Text in quotes, or a number, true, false: what stands right of a comparison. */
static struct str literal(struct str text)
{
    text = str_trim(text);
    if (text.len >= 2 && (text.data[0] == '"' || text.data[0] == '\'') &&
        text.data[text.len - 1] == text.data[0])
        return str_slice(text, 1, text.len - 1);
    return text;
}

/* [?(@.a.b == "c")], or [?(@.a)]. */
static bool step_filter(struct values *v, struct str expression, size_t depth)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">"};
    struct str left = str_trim(expression), right = STR_NONE;
    const char *op = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(operators) && !op; i++) {
        ssize_t at = str_find_str(left, str_from(operators[i]));
        if (at < 0)
            continue;
        op = operators[i];
        right = literal(str_slice(left, (size_t)at + strlen(op), left.len));
        left = str_trim(str_slice(left, 0, (size_t)at));
    }
    if (!str_starts(left, "@"))
        return false;
    left = str_slice(left, 1, left.len);
    struct values nothing = {0};
    if (!walk(&nothing, left, depth + 1))
        return false;
    struct values out = {.arena = v->arena};
    for (size_t i = 0; i < v->count; i++) {
        if (v->items[i].kind != VALUE_LIST)
            continue;
        struct value_iter it = value_iter(v->items[i]);
        for (struct value item; value_next(&it, &item);) {
            struct values found = {.arena = v->arena};
            add(&found, item);
            if (!walk(&found, left, depth + 1) || found.count == 0)
                continue;
            int order = op ? str_compare(value_text(v->arena, found.items[0], ""), right) : 0;
            double number = value_double(found.items[0], "", 0);
            if (op && (found.items[0].kind == VALUE_INT || found.items[0].kind == VALUE_DOUBLE)) {
                double wanted = strtod(arena_cstr(v->arena, right), NULL);
                order = number < wanted ? -1 : number > wanted;
            }
            bool equal_allowed = !op || op[1] == '=';
            bool pass = !op            ? true
                        : op[0] == '=' ? order == 0
                        : op[0] == '!' ? order != 0
                        : op[0] == '<' ? order < 0 || (equal_allowed && order == 0)
                                       : order > 0 || (equal_allowed && order == 0);
            if (pass)
                add(&out, item);
        }
    }
    *v = out;
    return true;
}

/* Length of the bracket that text begins with, quotes taken into account; 0 when it doesn't end. */
static size_t bracket_length(struct str text)
{
    char quote = 0;
    size_t open = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '[') {
            open++;
        } else if (c == ']' && --open == 0) {
            return i + 1;
        }
    }
    return 0;
}

static bool step_bracket(struct values *v, struct str inside, size_t depth)
{
    struct range range;
    inside = str_trim(inside);
    if (str_starts(inside, "?(") && str_ends(inside, ")"))
        return step_filter(v, str_slice(inside, 2, inside.len - 1), depth);
    if (str_is(inside, "*")) {
        step_field(v, inside);
        return true;
    }
    struct str name = literal(inside);
    if (name.len + 2 == inside.len && inside.len >= 2 && name.data == inside.data + 1) {
        step_field(v, name);
        return true;
    }
    if (!parse_range(inside, &range))
        return false;
    step_range(v, &range);
    return true;
}

/* A name up to the next . or [; a backslash keeps the byte behind it. */
static struct str take_name(struct arena *a, struct str *path)
{
    size_t end = 0, len = 0;
    while (end < path->len && path->data[end] != '.' && path->data[end] != '[')
        end += path->data[end] == '\\' && end + 1 < path->len ? 2 : 1;
    struct str raw = str_slice(*path, 0, end);
    *path = str_slice(*path, end, path->len);
    if (str_find(raw, '\\') < 0 || !a)
        return raw;
    char *out = arena_alloc(a, raw.len + 1);
    for (size_t i = 0; i < raw.len; i++) {
        i += raw.data[i] == '\\' && i + 1 < raw.len;
        out[len++] = raw.data[i];
    }
    return (struct str){out, len};
}

static bool walk(struct values *v, struct str path, size_t depth)
{
    if (depth > LIMIT_JSONPATH_DEPTH)
        return false;
    while (path.len > 0) {
        if (path.data[0] == '[') {
            size_t length = bracket_length(path);
            if (length == 0 || !step_bracket(v, str_slice(path, 1, length - 1), depth))
                return false;
            path = str_slice(path, length, path.len);
            continue;
        }
        if (path.data[0] != '.')
            return false;
        path = str_slice(path, 1, path.len);
        if (path.len > 0 && path.data[0] == '.') {
            step_recursive(v);
            path = str_slice(path, 1, path.len);
        }
        if (path.len == 0 || path.data[0] == '[')
            continue;
        struct str name = take_name(v->arena, &path);
        if (name.len == 0)
            return false;
        step_field(v, name);
    }
    return true;
}

static struct str without_braces(struct str path)
{
    path = str_trim(path);
    if (str_starts(path, "{") && str_ends(path, "}"))
        return str_slice(path, 1, path.len - 1);
    return path;
}

bool jsonpath_first(struct arena *a, struct value root, struct str path, struct value *ret)
{
    struct values v = {.arena = a};
    add(&v, root);
    if (!walk(&v, without_braces(path), 0) || v.count == 0)
        return false;
    *ret = v.items[0];
    return true;
}

bool jsonpath_valid(struct str path)
{
    struct values nothing = {0};
    path = without_braces(path);
    return path.len > 0 && walk(&nothing, path, 0);
}
