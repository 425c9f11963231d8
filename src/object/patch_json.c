#include "base/limits.h"
#include "object/patch.h"
#include "object/patch_edit.h"
#include "object/seal.h"

/* RFC 6902 as evanphx/json-patch v4 does it, with its peculiarities: what stands before the first
 * slash of a path is not looked at, "replace" of a missing member adds it, negative indices count
 * from the end. */

struct json_patcher {
    struct arena *arena;
    struct status *st;
    struct node *root;
    size_t copied_bytes;
};

/* The original says the same of every operation that fails; what it was is said in a cause. */
static int fail(struct json_patcher *p, const char *what, struct str path, const char *why)
{
    (void)status_set(p->st, REASON_INVALID,
                     "the server rejected our request due to an error in our request");
    status_add_cause(p->st, CAUSE_UNEXPECTED_SERVER_RESPONSE, STR("patch"), "%s \"%.*s\": %s", what,
                     STR_ARG(path), why);
    return -1;
}

static int too_large(struct status *st, const char *what, size_t limit)
{
    return status_set(st, REASON_REQUEST_ENTITY_TOO_LARGE, "%s, limit is %zu", what, limit);
}

/* Undoes ~1 and ~0 of one segment. */
static struct str unescape(struct arena *a, struct str s)
{
    if (str_find(s, '~') < 0)
        return s;
    char *out = arena_alloc(a, s.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '~' && i + 1 < s.len && (s.data[i + 1] == '0' || s.data[i + 1] == '1'))
            out[len++] = s.data[++i] == '0' ? '~' : '/';
        else
            out[len++] = s.data[i];
    }
    return (struct str){out, len};
}

/* Go's Atoi. */
static bool parse_index(struct str s, int64_t *ret)
{
    bool minus = s.len > 0 && s.data[0] == '-';
    if (s.len > 0 && (s.data[0] == '-' || s.data[0] == '+'))
        s = str_slice(s, 1, s.len);
    uint64_t value;
    if (str_to_u64(s, &value) < 0 || value > INT64_MAX)
        return false;
    *ret = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

/* Position of an index in a list of count items, or -1. */
static ssize_t list_position(struct str key, size_t count)
{
    int64_t index;
    if (!parse_index(key, &index))
        return -1;
    if (index < 0)
        index += (int64_t)count;
    return index >= 0 && index < (int64_t)count ? (ssize_t)index : -1;
}

/* The value of key in a container; NULL with *ret_error when a list has no such item. */
static struct node *get(struct node *container, struct str key, bool *ret_error)
{
    *ret_error = false;
    if (container->kind == NODE_MAP)
        return node_get(container, key);
    ssize_t at = list_position(key, container->list.count);
    *ret_error = at < 0;
    return at < 0 ? NULL : container->list.items[at];
}

static bool is_container(const struct node *n)
{
    return node_is(n, NODE_MAP) || node_is(n, NODE_LIST);
}

/* The map or list that holds the last segment of path, and that segment; NULL when there is none.
 */
static struct node *find_container(struct json_patcher *p, struct str path, struct str *ret_key)
{
    ssize_t slash = str_find(path, '/');
    if (slash < 0)
        return NULL;
    struct str rest = str_slice(path, (size_t)slash + 1, path.len);
    struct node *at = p->root;
    for (size_t depth = 0; depth < LIMIT_DEPTH; depth++) {
        slash = str_find(rest, '/');
        if (slash < 0) {
            *ret_key = unescape(p->arena, rest);
            return at;
        }
        struct str key = unescape(p->arena, str_slice(rest, 0, (size_t)slash));
        rest = str_slice(rest, (size_t)slash + 1, rest.len);
        bool error;
        at = get(at, key, &error);
        if (!is_container(at))
            return NULL;
    }
    return NULL;
}

static int add(struct json_patcher *p, struct str path, struct node *value)
{
    struct str key;
    struct node *in = find_container(p, path, &key);
    if (!in)
        return fail(p, "add", path, "doc is missing path");
    if (in->kind == NODE_MAP) {
        node_set(p->arena, in, key, value);
        return 0;
    }
    size_t count = in->list.count;
    ssize_t at = str_is(key, "-") ? (ssize_t)count : list_position(key, count + 1);
    if (at < 0)
        return fail(p, "add", path, "invalid index referenced");
    node_insert(p->arena, in, (size_t)at, value);
    return 0;
}

static int take_out(struct json_patcher *p, const char *what, struct str path)
{
    struct str key;
    struct node *in = find_container(p, path, &key);
    if (!in)
        return fail(p, what, path, "doc is missing path");
    if (in->kind == NODE_MAP)
        return node_remove(in, key) ? 0 : fail(p, what, path, "unable to remove nonexistent key");
    ssize_t at = list_position(key, in->list.count);
    if (at < 0)
        return fail(p, what, path, "invalid index referenced");
    node_list_remove(in, (size_t)at);
    return 0;
}

static int replace(struct json_patcher *p, struct str path, struct node *value)
{
    if (path.len == 0) {
        if (!is_container(value))
            return fail(p, "replace", path, "value must be object or array");
        p->root = value;
        return 0;
    }
    struct str key;
    struct node *in = find_container(p, path, &key);
    if (!in)
        return fail(p, "replace", path, "doc is missing path");
    if (in->kind == NODE_MAP) {
        node_set(p->arena, in, key, value);
        return 0;
    }
    ssize_t at = list_position(key, in->list.count);
    if (at < 0)
        return fail(p, "replace", path, "doc is missing key");
    in->list.items[at] = value;
    return 0;
}

static int test(struct json_patcher *p, struct str path, const struct node *value)
{
    const struct node *actual = p->root;
    if (path.len > 0) {
        struct str key;
        bool error;
        struct node *in = find_container(p, path, &key);
        if (!in)
            return fail(p, "test", path, "doc is missing path");
        actual = get(in, key, &error);
        if (error)
            return fail(p, "test", path, "invalid index referenced");
    }
    bool actual_null = !actual || actual->kind == NODE_NULL;
    bool value_null = !value || value->kind == NODE_NULL;
    if (actual_null || value_null ? actual_null == value_null : node_equal(actual, value))
        return 0;
    return fail(p, "test", path, "testing value failed");
}

static int fetch_from(struct json_patcher *p, const char *what, struct str from, struct node **ret)
{
    struct str key;
    bool error;
    struct node *in = find_container(p, from, &key);
    if (!in)
        return fail(p, what, from, "doc is missing from path");
    struct node *value = get(in, key, &error);
    if (error)
        return fail(p, what, from, "invalid index referenced");
    *ret = value;
    return 0;
}

static int copy(struct json_patcher *p, struct str from, struct str path)
{
    struct node *value;
    if (fetch_from(p, "copy", from, &value) < 0)
        return -1;
    if (node_deeper(value ? value : p->root, LIMIT_DEPTH))
        return too_large(p->st, "The patched document is nested too deeply", LIMIT_DEPTH);
    struct buf text = BUF_INIT;
    if (value)
        node_to_json(&text, value, 0);
    p->copied_bytes += text.len;
    buf_release(&text);
    if (p->copied_bytes > LIMIT_PATCH_GROWTH_BYTES)
        return fail(p, "copy", path, "the accumulated size increase of copy exceeds the limit");
    return add(p, path, value ? node_clone(p->arena, value) : node_null(p->arena));
}

static int move(struct json_patcher *p, struct str from, struct str path)
{
    struct node *value;
    if (fetch_from(p, "move", from, &value) < 0 || take_out(p, "move", from) < 0)
        return -1;
    return add(p, path, value);
}

static const char *const kind_names[] = {
    [NODE_NULL] = "null",     [NODE_BOOL] = "bool",     [NODE_INT] = "number",
    [NODE_DOUBLE] = "number", [NODE_STRING] = "string", [NODE_LIST] = "array",
    [NODE_MAP] = "object",
};

/* A text member of an operation. False when it is absent or null; ill-typed ones were refused by
 * check_operation. */
static bool text_member(const struct node *op, struct str name, struct str *ret)
{
    const struct node *n = node_get(op, name);
    if (!node_is(n, NODE_STRING))
        return false;
    *ret = n->text;
    return true;
}

static int check_operation(const struct node *op, struct status *st)
{
    static const char *const texts[] = {"op", "path", "from"};
    if (op->kind != NODE_MAP && op->kind != NODE_NULL)
        return status_set(st, REASON_BAD_REQUEST,
                          "error decoding patch: json: cannot unmarshal %s into Go value of type "
                          "handlers.jsonPatchOp",
                          kind_names[op->kind]);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        const struct node *n = node_get(op, str_from(texts[i]));
        if (n && n->kind != NODE_STRING && n->kind != NODE_NULL)
            return status_set(st, REASON_BAD_REQUEST,
                              "error decoding patch: json: cannot unmarshal %s into Go struct "
                              "field jsonPatchOp.%s of type string",
                              kind_names[n->kind], texts[i]);
    }
    return 0;
}

static int apply_operation(struct json_patcher *p, const struct node *op)
{
    struct str kind = STR("unknown"), path, from = STR_NONE;
    (void)text_member(op, STR("op"), &kind);
    bool moves = str_is(kind, "move") || str_is(kind, "copy");
    if (moves && !text_member(op, STR("from"), &from))
        return fail(p, "operation", kind, "missing from field");
    if (!text_member(op, STR("path"), &path))
        return fail(p, "operation", kind, "missing path field");
    if (moves)
        return str_is(kind, "move") ? move(p, from, path) : copy(p, from, path);
    if (str_is(kind, "remove"))
        return take_out(p, "remove", path);
    struct node *value = node_get(op, STR("value"));
    if (str_is(kind, "test"))
        return test(p, path, value);
    value = value ? value : node_null(p->arena);
    if (str_is(kind, "add"))
        return add(p, path, value);
    if (str_is(kind, "replace"))
        return replace(p, path, value);
    return fail(p, "operation", kind, "unexpected kind");
}

int json_patch(struct arena *a, const struct node *old, struct node *patch, struct node **ret,
               struct status *st)
{
    if (patch->kind != NODE_LIST && patch->kind != NODE_NULL)
        return status_set(st, REASON_BAD_REQUEST,
                          "error decoding patch: json: cannot unmarshal %s into Go value of type "
                          "[]handlers.jsonPatchOp",
                          kind_names[patch->kind]);
    node_each(op, patch) if (check_operation(op, st) < 0) return -1;
    if (node_count(patch) > LIMIT_JSON_PATCH_OPS)
        return status_set(st, REASON_REQUEST_ENTITY_TOO_LARGE,
                          "The allowed maximum operations in a JSON patch is %d, got %zu",
                          LIMIT_JSON_PATCH_OPS, node_count(patch));
    struct json_patcher p = {.arena = a, .st = st, .root = node_clone(a, old)};
    node_each(op, patch) if (apply_operation(&p, op) < 0) return -1;
    if (node_deeper(p.root, LIMIT_DEPTH))
        return too_large(st, "The patched document is nested too deeply", LIMIT_DEPTH);
    *ret = p.root;
    return 0;
}

/* Differences. path grows and shrinks as the walk goes down and up. */
struct differ {
    struct arena *arena;
    struct node *patch;
    struct buf path;
};

static void push_segment(struct differ *d, struct str segment)
{
    buf_putc(&d->path, '/');
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.data[i];
        if (c == '~')
            buf_puts(&d->path, "~0");
        else if (c == '/')
            buf_puts(&d->path, "~1");
        else
            buf_putc(&d->path, c);
    }
}

static void push_index(struct differ *d, size_t index)
{
    buf_printf(&d->path, "/%zu", index);
}

static void emit(struct differ *d, const char *op, const struct node *value)
{
    struct node *n = node_map(d->arena);
    node_set(d->arena, n, STR("op"), node_text(d->arena, str_from(op)));
    node_set(d->arena, n, STR("path"), node_text_copy(d->arena, buf_str(&d->path)));
    if (value)
        node_set(d->arena, n, STR("value"), node_clone(d->arena, value));
    node_append(d->arena, d->patch, n);
}

static void diff(struct differ *d, const struct node *before, const struct node *after);

static void diff_maps(struct differ *d, const struct node *before, const struct node *after)
{
    size_t length = d->path.len;
    member_each(m, before)
    {
        const struct node *other = node_get(after, m->name);
        push_segment(d, m->name);
        if (other)
            diff(d, m->value, other);
        else
            emit(d, "remove", NULL);
        d->path.len = length;
    }
    member_each(m, after)
    {
        if (node_get(before, m->name))
            continue;
        push_segment(d, m->name);
        emit(d, "add", m->value);
        d->path.len = length;
    }
}

static void diff_lists(struct differ *d, const struct node *before, const struct node *after)
{
    size_t length = d->path.len, old_count = node_count(before), new_count = node_count(after);
    for (size_t i = 0; i < MIN(old_count, new_count); i++) {
        push_index(d, i);
        diff(d, before->list.items[i], after->list.items[i]);
        d->path.len = length;
    }
    for (size_t i = old_count; i > new_count; i--) {
        push_index(d, i - 1);
        emit(d, "remove", NULL);
        d->path.len = length;
    }
    for (size_t i = old_count; i < new_count; i++) {
        push_index(d, i);
        emit(d, "add", after->list.items[i]);
        d->path.len = length;
    }
}

static void diff(struct differ *d, const struct node *before, const struct node *after)
{
    if (before->kind == NODE_MAP && after->kind == NODE_MAP)
        diff_maps(d, before, after);
    else if (before->kind == NODE_LIST && after->kind == NODE_LIST)
        diff_lists(d, before, after);
    else if (!node_equal(before, after))
        emit(d, "replace", after);
}

struct node *json_patch_diff(struct arena *a, const struct node *before, const struct node *after)
{
    struct differ d = {.arena = a, .patch = node_list(a), .path = BUF_INIT};
    diff(&d, before, after);
    buf_release(&d.path);
    return d.patch;
}
