#include "object/tree.h"

#include <stdarg.h>

static struct node *new_node(struct arena *a, enum node_kind kind)
{
    struct node *n = arena_new(a, struct node);
    n->kind = (uint8_t)kind;
    return n;
}

struct node *node_null(struct arena *a)
{
    return new_node(a, NODE_NULL);
}

struct node *node_bool(struct arena *a, bool value)
{
    struct node *n = new_node(a, NODE_BOOL);
    n->boolean = value;
    return n;
}

struct node *node_int(struct arena *a, int64_t value)
{
    struct node *n = new_node(a, NODE_INT);
    n->integer = value;
    return n;
}

struct node *node_double(struct arena *a, double value)
{
    struct node *n = new_node(a, NODE_DOUBLE);
    n->number = value;
    return n;
}

struct node *node_text(struct arena *a, struct str text)
{
    struct node *n = new_node(a, NODE_STRING);
    n->text = text;
    return n;
}

struct node *node_text_copy(struct arena *a, struct str text)
{
    return node_text(a, arena_str(a, text));
}

struct node *node_text_printf(struct arena *a, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    if ((size_t)len < sizeof(small)) {
        memcpy(text, small, (size_t)len);
    } else {
        va_start(args, format);
        vsnprintf(text, (size_t)len + 1, format, args);
        va_end(args);
    }
    return node_text(a, (struct str){text, (size_t)len});
}

struct node *node_list(struct arena *a)
{
    return new_node(a, NODE_LIST);
}

struct node *node_map(struct arena *a)
{
    return new_node(a, NODE_MAP);
}

static void list_room(struct arena *a, struct node *list, uint32_t want)
{
    if (want <= list->list.cap)
        return;
    uint32_t cap = MAX(want, list->list.cap ? list->list.cap * 2 : 4);
    list->list.items = arena_grow(a, list->list.items, sizeof(struct node *) * list->list.cap,
                                  sizeof(struct node *) * cap);
    list->list.cap = cap;
}

static void map_room(struct arena *a, struct node *map, uint32_t want)
{
    if (want <= map->map.cap)
        return;
    uint32_t cap = MAX(want, map->map.cap ? map->map.cap * 2 : 4);
    map->map.members = arena_grow(a, map->map.members, sizeof(struct member) * map->map.cap,
                                  sizeof(struct member) * cap);
    map->map.cap = cap;
}

void node_reserve(struct arena *a, struct node *map, uint32_t more)
{
    uint32_t want = map->map.count + more;
    assert(map->kind == NODE_MAP);
    if (want <= map->map.cap)
        return;
    map->map.members = arena_grow(a, map->map.members, sizeof(struct member) * map->map.cap,
                                  sizeof(struct member) * want);
    map->map.cap = want;
}

/* Depth is bounded by LIMIT_DEPTH where trees are made from input. */
struct node *node_copy(struct arena *a, const struct node *n)
{
    struct node *copy = new_node(a, n->kind);
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: break;
    case NODE_BOOL: copy->boolean = n->boolean; break;
    case NODE_INT: copy->integer = n->integer; break;
    case NODE_DOUBLE: copy->number = n->number; break;
    case NODE_STRING: copy->text = arena_str(a, n->text); break;
    case NODE_LIST:
        list_room(a, copy, n->list.count);
        copy->list.count = n->list.count;
        for (uint32_t i = 0; i < n->list.count; i++)
            copy->list.items[i] = node_copy(a, n->list.items[i]);
        break;
    case NODE_MAP:
        map_room(a, copy, n->map.count);
        copy->map.count = n->map.count;
        for (uint32_t i = 0; i < n->map.count; i++)
            copy->map.members[i] = (struct member){arena_str(a, n->map.members[i].name),
                                                   node_copy(a, n->map.members[i].value)};
        break;
    }
    return copy;
}

static int compare_members(const void *a, const void *b)
{
    return str_compare((*(const struct member *const *)a)->name,
                       (*(const struct member *const *)b)->name);
}

enum {
    SMALL_MAP = 16
};

static bool small_maps_equal(const struct node *a, const struct node *b)
{
    for (uint32_t i = 0; i < a->map.count; i++) {
        const struct member *m = &a->map.members[i];
        const struct node *other = i < b->map.count && str_equal(b->map.members[i].name, m->name)
                                       ? b->map.members[i].value
                                       : node_get(b, m->name);
        if (!other || !node_equal(m->value, other))
            return false;
    }
    return true;
}

/* Both sorted by name, so that large maps cost n log n whatever their order. */
static bool large_maps_equal(const struct node *a, const struct node *b)
{
    uint32_t count = a->map.count;
    const struct member **sorted = mem_alloc(2 * count * sizeof(*sorted));
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = &a->map.members[i];
        sorted[count + i] = &b->map.members[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare_members);
    qsort(sorted + count, count, sizeof(*sorted), compare_members);
    bool equal = true;
    for (uint32_t i = 0; equal && i < count; i++)
        equal = str_equal(sorted[i]->name, sorted[count + i]->name) &&
                node_equal(sorted[i]->value, sorted[count + i]->value);
    mem_free(sorted);
    return equal;
}

static bool numbers_equal(const struct node *a, const struct node *b)
{
    if (a->kind == NODE_INT && b->kind == NODE_INT)
        return a->integer == b->integer;
    double left = a->kind == NODE_INT ? (double)a->integer : a->number;
    double right = b->kind == NODE_INT ? (double)b->integer : b->number;
    return left == right;
}

static bool is_number(const struct node *n)
{
    return n->kind == NODE_INT || n->kind == NODE_DOUBLE;
}

bool node_equal(const struct node *a, const struct node *b)
{
    if (a == b)
        return true;
    if (!a || !b)
        return false;
    if (is_number(a) && is_number(b))
        return numbers_equal(a, b);
    if (a->kind != b->kind)
        return false;
    switch ((enum node_kind)a->kind) {
    case NODE_NULL: return true;
    case NODE_BOOL: return a->boolean == b->boolean;
    case NODE_STRING: return str_equal(a->text, b->text);
    case NODE_LIST:
        if (a->list.count != b->list.count)
            return false;
        for (uint32_t i = 0; i < a->list.count; i++)
            if (!node_equal(a->list.items[i], b->list.items[i]))
                return false;
        return true;
    case NODE_MAP:
        if (a->map.count != b->map.count)
            return false;
        return a->map.count > SMALL_MAP ? large_maps_equal(a, b) : small_maps_equal(a, b);
    default: return false;
    }
}

static struct member *find_member(const struct node *n, struct str name)
{
    if (!n || n->kind != NODE_MAP)
        return NULL;
    for (uint32_t i = 0; i < n->map.count; i++)
        if (str_equal(n->map.members[i].name, name))
            return &n->map.members[i];
    return NULL;
}

struct node *node_get(const struct node *n, struct str name)
{
    struct member *m = find_member(n, name);
    return m ? m->value : NULL;
}

/* Cuts the first step off a path; false at its end. */
static bool next_step(const char **path, struct str *ret_step)
{
    if (!**path)
        return false;
    const char *dot = strchrnul(*path, '.');
    *ret_step = (struct str){*path, (size_t)(dot - *path)};
    *path = *dot ? dot + 1 : dot;
    return true;
}

struct node *node_at(const struct node *n, const char *path)
{
    struct str step;
    while (n && next_step(&path, &step))
        n = node_get(n, step);
    return (struct node *)n;
}

bool node_has(const struct node *n, const char *path)
{
    return node_at(n, path) != NULL;
}

static void add_member(struct arena *a, struct node *map, struct str name, struct node *value)
{
    map_room(a, map, map->map.count + 1);
    map->map.members[map->map.count++] = (struct member){name, value};
}

void node_set(struct arena *a, struct node *map, struct str name, struct node *value)
{
    assert(map->kind == NODE_MAP && value);
    struct member *m = find_member(map, name);
    if (m)
        m->value = value;
    else
        add_member(a, map, name, value);
}

bool node_remove(struct node *map, struct str name)
{
    struct member *m = find_member(map, name);
    if (!m)
        return false;
    size_t behind = (size_t)(map->map.members + map->map.count - (m + 1));
    memmove(m, m + 1, behind * sizeof(*m));
    map->map.count--;
    return true;
}

static void become(struct node *n, enum node_kind kind)
{
    *n = (struct node){.kind = (uint8_t)kind};
}

/* The map that holds the last step of path; made on the way. */
static struct node *need_parent(struct arena *a, struct node *root, const char *path,
                                struct str *ret_last)
{
    struct node *n = root;
    struct str step;
    bool any = next_step(&path, &step);
    assert(any);
    for (;;) {
        if (n->kind != NODE_MAP)
            become(n, NODE_MAP);
        struct str next;
        if (!next_step(&path, &next))
            break;
        struct node *child = node_get(n, step);
        if (!child) {
            child = node_map(a);
            add_member(a, n, arena_str(a, step), child);
        }
        n = child;
        step = next;
    }
    *ret_last = step;
    return n;
}

void node_put(struct arena *a, struct node *root, const char *path, struct node *value)
{
    struct str last;
    struct node *parent = need_parent(a, root, path, &last);
    struct member *m = find_member(parent, last);
    if (m)
        m->value = value;
    else
        add_member(a, parent, arena_str(a, last), value);
}

void node_put_str(struct arena *a, struct node *root, const char *path, struct str text)
{
    node_put(a, root, path, node_text_copy(a, text));
}

void node_put_int(struct arena *a, struct node *root, const char *path, int64_t value)
{
    node_put(a, root, path, node_int(a, value));
}

void node_put_bool(struct arena *a, struct node *root, const char *path, bool value)
{
    node_put(a, root, path, node_bool(a, value));
}

static struct node *need(struct arena *a, struct node *root, const char *path, enum node_kind kind)
{
    struct node *n = root;
    if (*path) {
        struct str last;
        struct node *parent = need_parent(a, root, path, &last);
        n = node_get(parent, last);
        if (!n) {
            n = new_node(a, kind);
            add_member(a, parent, arena_str(a, last), n);
        }
    }
    if (n->kind != kind)
        become(n, kind);
    return n;
}

struct node *node_need_map(struct arena *a, struct node *root, const char *path)
{
    return need(a, root, path, NODE_MAP);
}

struct node *node_need_list(struct arena *a, struct node *root, const char *path)
{
    return need(a, root, path, NODE_LIST);
}

bool node_del(struct node *root, const char *path)
{
    struct str step, next;
    struct node *n = root;
    if (!next_step(&path, &step))
        return false;
    while (next_step(&path, &next)) {
        n = node_get(n, step);
        step = next;
    }
    return node_remove(n, step);
}

struct str node_str(const struct node *n, const char *path)
{
    const struct node *at = node_at(n, path);
    return node_is(at, NODE_STRING) ? at->text : STR_NONE;
}

int64_t node_num(const struct node *n, const char *path, int64_t otherwise)
{
    const struct node *at = node_at(n, path);
    if (node_is(at, NODE_INT))
        return at->integer;
    if (node_is(at, NODE_DOUBLE) && at->number > -9.2e18 && at->number < 9.2e18)
        return (int64_t)at->number;
    return otherwise;
}

bool node_flag(const struct node *n, const char *path, bool otherwise)
{
    const struct node *at = node_at(n, path);
    return node_is(at, NODE_BOOL) ? at->boolean : otherwise;
}

size_t node_count(const struct node *n)
{
    if (node_is(n, NODE_LIST))
        return n->list.count;
    return node_is(n, NODE_MAP) ? n->map.count : 0;
}

struct node *node_item(const struct node *n, size_t index)
{
    return node_is(n, NODE_LIST) && index < n->list.count ? n->list.items[index] : NULL;
}

void node_append(struct arena *a, struct node *list, struct node *item)
{
    assert(list->kind == NODE_LIST && item);
    list_room(a, list, list->list.count + 1);
    list->list.items[list->list.count++] = item;
}

void node_insert(struct arena *a, struct node *list, size_t index, struct node *item)
{
    assert(list->kind == NODE_LIST && item && index <= list->list.count);
    list_room(a, list, list->list.count + 1);
    memmove(list->list.items + index + 1, list->list.items + index,
            (list->list.count - index) * sizeof(*list->list.items));
    list->list.items[index] = item;
    list->list.count++;
}

void node_list_remove(struct node *list, size_t index)
{
    assert(list->kind == NODE_LIST && index < list->list.count);
    memmove(list->list.items + index, list->list.items + index + 1,
            (list->list.count - index - 1) * sizeof(*list->list.items));
    list->list.count--;
}

struct node *node_find(const struct node *list, const char *key, struct str text)
{
    struct str name = str_from(key);
    node_each(item, list)
    {
        const struct node *value = node_get(item, name);
        if (node_is(value, NODE_STRING) && str_equal(value->text, text))
            return item;
    }
    return NULL;
}
