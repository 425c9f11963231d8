#include "object/field_set.h"

#include "base/limits.h"
#include "object/fields_v1.h"
#include "object/seal.h"

struct field_set *field_set_new(struct arena *a)
{
    return arena_new(a, struct field_set);
}

void field_set_add(struct arena *a, struct field_set *s, struct str element, bool member,
                   const struct field_set *below)
{
    if (field_set_empty(below))
        below = NULL;
    if (!member && !below)
        return;
    if (s->count == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 4;
        s->entries =
            arena_grow(a, s->entries, s->cap * sizeof(*s->entries), cap * sizeof(*s->entries));
        s->cap = cap;
    }
    s->entries[s->count++] = (struct field_entry){element, member, below};
}

static int by_element(const void *x, const void *y)
{
    return str_compare(((const struct field_entry *)x)->element,
                       ((const struct field_entry *)y)->element);
}

void field_set_finish(struct arena *a, struct field_set *s)
{
    bool sorted = true;
    for (uint32_t i = 1; i < s->count && sorted; i++)
        sorted = by_element(&s->entries[i - 1], &s->entries[i]) < 0;
    if (sorted)
        return;
    qsort(s->entries, s->count, sizeof(*s->entries), by_element);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < s->count; i++) {
        struct field_entry *last = &s->entries[kept], *e = &s->entries[i];
        if (!str_equal(last->element, e->element)) {
            s->entries[++kept] = *e;
            continue;
        }
        last->member |= e->member;
        last->below = last->below ? field_set_union(a, last->below, e->below) : e->below;
    }
    s->count = kept + 1;
}

bool field_set_empty(const struct field_set *s)
{
    return !s || s->count == 0;
}

const struct field_entry *field_set_find(const struct field_set *s, struct str element)
{
    uint32_t low = 0, high = s ? s->count : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_compare(s->entries[middle].element, element);
        if (order == 0)
            return &s->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* How entries of two sets are put together: one of the pointers may be NULL. */
typedef void combine_entries(struct arena *a, struct field_set *out, const struct field_entry *x,
                             const struct field_entry *y);

static const struct field_set *combine(struct arena *a, const struct field_set *x,
                                       const struct field_set *y, combine_entries *each)
{
    struct field_set *out = field_set_new(a);
    uint32_t i = 0, j = 0, x_count = x ? x->count : 0, y_count = y ? y->count : 0;
    while (i < x_count || j < y_count) {
        int order = i == x_count   ? 1
                    : j == y_count ? -1
                                   : str_compare(x->entries[i].element, y->entries[j].element);
        each(a, out, order <= 0 ? &x->entries[i] : NULL, order >= 0 ? &y->entries[j] : NULL);
        i += order <= 0;
        j += order >= 0;
    }
    return out;
}

static void keep(struct arena *a, struct field_set *out, const struct field_entry *e)
{
    field_set_add(a, out, e->element, e->member, e->below);
}

static void unite(struct arena *a, struct field_set *out, const struct field_entry *x,
                  const struct field_entry *y)
{
    if (!x || !y)
        keep(a, out, x ? x : y);
    else
        field_set_add(a, out, x->element, x->member || y->member,
                      field_set_union(a, x->below, y->below));
}

const struct field_set *field_set_union(struct arena *a, const struct field_set *x,
                                        const struct field_set *y)
{
    if (field_set_empty(x) || x == y)
        return y;
    return field_set_empty(y) ? x : combine(a, x, y, unite);
}

static void intersect(struct arena *a, struct field_set *out, const struct field_entry *x,
                      const struct field_entry *y)
{
    if (x && y)
        field_set_add(a, out, x->element, x->member && y->member,
                      field_set_intersection(a, x->below, y->below));
}

const struct field_set *field_set_intersection(struct arena *a, const struct field_set *x,
                                               const struct field_set *y)
{
    if (field_set_empty(x) || field_set_empty(y))
        return NULL;
    return combine(a, x, y, intersect);
}

static void subtract(struct arena *a, struct field_set *out, const struct field_entry *x,
                     const struct field_entry *y)
{
    if (x && !y)
        keep(a, out, x);
    else if (x)
        field_set_add(a, out, x->element, x->member && !y->member,
                      field_set_difference(a, x->below, y->below));
}

const struct field_set *field_set_difference(struct arena *a, const struct field_set *x,
                                             const struct field_set *y)
{
    if (field_set_empty(x) || field_set_empty(y))
        return x;
    return combine(a, x, y, subtract);
}

static void subtract_deep(struct arena *a, struct field_set *out, const struct field_entry *x,
                          const struct field_entry *y)
{
    if (x && !y)
        keep(a, out, x);
    else if (x && !y->member)
        field_set_add(a, out, x->element, x->member, field_set_without(a, x->below, y->below));
}

const struct field_set *field_set_without(struct arena *a, const struct field_set *x,
                                          const struct field_set *y)
{
    if (field_set_empty(x) || field_set_empty(y))
        return x;
    return combine(a, x, y, subtract_deep);
}

static const struct field_set *set_of_path(struct arena *a, struct str path)
{
    struct field_set *s = field_set_new(a);
    struct str rest = path, name = str_cut(&rest, '.');
    field_set_add(a, s, field_element_of_name(a, name), !rest.data,
                  rest.data ? set_of_path(a, rest) : NULL);
    return s;
}

const struct field_set *field_set_of_names(struct arena *a, const char *const *paths)
{
    const struct field_set *s = NULL;
    for (; paths && *paths; paths++)
        s = field_set_union(a, s, set_of_path(a, str_from(*paths)));
    return s;
}

bool field_set_equal(const struct field_set *x, const struct field_set *y)
{
    uint32_t x_count = x ? x->count : 0, y_count = y ? y->count : 0;
    if (x_count != y_count)
        return false;
    for (uint32_t i = 0; i < x_count; i++) {
        const struct field_entry *p = &x->entries[i], *q = &y->entries[i];
        if (p->member != q->member || !str_equal(p->element, q->element) ||
            !field_set_equal(p->below, q->below))
            return false;
    }
    return true;
}

static void put_json(struct buf *out, const struct node *n)
{
    if (n->kind == NODE_DOUBLE && n->number == (double)(int64_t)n->number)
        buf_printf(out, "%lld", (long long)n->number); /* 1.0 and 1 are the same key */
    else
        node_to_json(out, n, 0);
}

static struct str take_text(struct arena *a, struct buf *text)
{
    struct str copy = arena_str(a, buf_str(text));
    buf_release(text);
    return copy;
}

struct str field_element_of_name(struct arena *a, struct str name)
{
    char *text = arena_alloc(a, name.len + 3);
    memcpy(text, "f:", 2);
    if (name.len > 0)
        memcpy(text + 2, name.data, name.len);
    return (struct str){text, name.len + 2};
}

struct str field_element_of_value(struct arena *a, const struct node *value)
{
    struct buf text = BUF_INIT;
    buf_puts(&text, "v:");
    put_json(&text, value);
    return take_text(a, &text);
}

static int by_name(const void *x, const void *y)
{
    return str_compare(((const struct member *)x)->name, ((const struct member *)y)->name);
}

struct str field_element_of_key(struct arena *a, const struct member *members, size_t count)
{
    struct buf text = BUF_INIT;
    struct member *sorted = arena_array(a, struct member, count + 1);
    for (size_t i = 0; i < count; i++)
        sorted[i] = members[i];
    qsort(sorted, count, sizeof(*sorted), by_name);
    buf_puts(&text, "k:{");
    for (size_t i = 0; i < count; i++) {
        struct node name = {.kind = NODE_STRING, .text = sorted[i].name};
        if (i > 0)
            buf_putc(&text, ',');
        node_to_json(&text, &name, 0);
        buf_putc(&text, ':');
        put_json(&text, sorted[i].value);
    }
    buf_putc(&text, '}');
    return take_text(a, &text);
}

/* Where a scalar that is written in the only way possible ends: text without escapes, a whole
 * number; NULL for others. */
static const char *plain_scalar_end(const char *at, const char *end)
{
    const char *from = at;
    if (at < end && *at == '"') {
        for (at++; at < end && *at != '"'; at++)
            if (*at == '\\' || (unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
                return NULL;
        return at < end ? at + 1 : NULL;
    }
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    bool whole = at > from && at - from < 18 && (*from != '0' || at - from == 1);
    return whole ? at : NULL;
}

/* Whether a key is as we write it, so that it need not be parsed: {"a":1,"b":"x"} with names in
 * order. */
static bool is_plain_key(struct str text)
{
    const char *at = text.data, *end = text.data + text.len;
    struct str last = STR_NONE;
    if (text.len < 2 || *at++ != '{')
        return false;
    for (;;) {
        const char *name_end = at < end && *at == '"' ? plain_scalar_end(at, end) : NULL;
        if (!name_end || name_end == end || *name_end != ':')
            return false;
        struct str name = {at, (size_t)(name_end - at)};
        if (last.len > 0 && str_compare(last, name) >= 0)
            return false;
        last = name;
        at = plain_scalar_end(name_end + 1, end);
        if (!at || at == end)
            return false;
        if (*at == '}')
            return at + 1 == end;
        if (*at++ != ',')
            return false;
    }
}

/* The canonical text of an element as it came; false when it is to be left out. */
static bool read_element(struct arena *a, struct str text, struct str *ret)
{
    struct status st;
    struct node *n;
    int64_t index;
    if (text.len < 2 || text.data[1] != ':')
        return false;
    struct str rest = str_slice(text, 2, text.len);
    status_init(&st, a);
    if ((text.data[0] == 'k' && is_plain_key(rest)) ||
        (text.data[0] == 'v' && rest.len > 0 &&
         plain_scalar_end(rest.data, rest.data + rest.len) == rest.data + rest.len)) {
        *ret = text;
        return true;
    }
    switch (text.data[0]) {
    case 'f': *ret = text; return true;
    case 'i': *ret = text; return str_to_i64(rest, &index) == 0;
    case 'v':
        if (json_parse(a, rest, &n, &st) < 0)
            return false;
        *ret = field_element_of_value(a, n);
        return true;
    case 'k':
        if (json_parse(a, rest, &n, &st) < 0 || n->kind != NODE_MAP)
            return false;
        *ret = field_element_of_key(a, n->map.members, n->map.count);
        return true;
    default: return false;
    }
}

static const struct field_set *read_set(struct arena *a, const struct node *n, bool *ret_self,
                                        size_t depth)
{
    struct field_set *s = field_set_new(a);
    *ret_self = node_count(n) == 0;
    if (depth > LIMIT_DEPTH)
        return NULL;
    member_each(m, n)
    {
        struct str element;
        if (str_is(m->name, ".")) {
            *ret_self = true;
            continue;
        }
        if (!read_element(a, m->name, &element))
            continue;
        bool member;
        const struct field_set *below = read_set(a, m->value, &member, depth + 1);
        field_set_add(a, s, element, member, below);
    }
    field_set_finish(a, s);
    return s;
}

const struct field_set *field_set_from_node(struct arena *a, const struct node *n)
{
    bool self;
    return read_set(a, n, &self, 0);
}

static int compare_members(const void *x, const void *y)
{
    return fields_compare(((const struct member *)x)->name, ((const struct member *)y)->name);
}

/* Entries are sorted by their text, which is nearly the order that is written. */
static void order_members(struct node *n)
{
    struct member *members = n->map.members;
    for (uint32_t i = 1; i < n->map.count; i++)
        if (compare_members(&members[i - 1], &members[i]) > 0) {
            qsort(members, n->map.count, sizeof(*members), compare_members);
            return;
        }
}

struct node *field_set_to_node(struct arena *a, const struct field_set *s)
{
    struct node *n = node_map(a);
    uint32_t count = s ? s->count : 0;
    n->map.members = arena_array(a, struct member, count + 1);
    n->map.cap = count + 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct field_entry *e = &s->entries[i];
        struct node *below = node_map(a);
        if (e->below) {
            struct node *inner = field_set_to_node(a, e->below);
            if (e->member) {
                below->map.members = arena_array(a, struct member, inner->map.count + 1);
                below->map.cap = below->map.count = inner->map.count + 1;
                below->map.members[0] = (struct member){STR("."), node_map(a)};
                memcpy(below->map.members + 1, inner->map.members,
                       inner->map.count * sizeof(struct member));
            } else {
                below = inner;
            }
        }
        n->map.members[n->map.count++] = (struct member){e->element, below};
    }
    order_members(n);
    return n;
}

static void put_value(struct buf *out, const struct node *n)
{
    if (n->kind == NODE_NULL)
        buf_puts(out, "null");
    else
        node_to_json(out, n, 0);
}

struct str field_element_text(struct arena *a, struct str element)
{
    struct status st;
    struct node *n;
    struct str rest = str_slice(element, 2, element.len);
    status_init(&st, a);
    if (element.data[0] == 'f')
        return arena_printf(a, ".%.*s", STR_ARG(rest));
    if (element.data[0] == 'i' || json_parse(a, rest, &n, &st) < 0)
        return arena_printf(a, "[%.*s]", STR_ARG(rest));
    struct buf text = BUF_INIT;
    buf_putc(&text, '[');
    if (element.data[0] == 'v') {
        buf_putc(&text, '=');
        put_value(&text, n);
    }
    member_each(m, element.data[0] == 'k' ? n : NULL)
    {
        buf_printf(&text, "%s%.*s=", text.len > 1 ? "," : "", STR_ARG(m->name));
        put_value(&text, m->value);
    }
    buf_putc(&text, ']');
    return take_text(a, &text);
}

static int in_order(const void *x, const void *y)
{
    return fields_compare((*(const struct field_entry *const *)x)->element,
                          (*(const struct field_entry *const *)y)->element);
}

static void visit_set(const struct field_set *s, struct arena *a, struct buf *path,
                      void (*visit)(void *with, struct str path), void *with)
{
    size_t length = path->len;
    uint32_t count = s ? s->count : 0;
    const struct field_entry **sorted = arena_array(a, const struct field_entry *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &s->entries[i];
    qsort(sorted, count, sizeof(*sorted), in_order);
    /* As the original walks: all members of a level, then what is under them. */
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < count; i++) {
            const struct field_entry *e = sorted[i];
            if (pass == 0 ? !e->member : !e->below)
                continue;
            buf_add(path, field_element_text(a, e->element));
            if (pass == 0)
                visit(with, buf_str(path));
            else
                visit_set(e->below, a, path, visit, with);
            path->len = length;
        }
}

void field_set_each(const struct field_set *s, struct arena *a,
                    void (*visit)(void *with, struct str path), void *with)
{
    struct buf path = BUF_INIT;
    visit_set(s, a, &path, visit, with);
    buf_release(&path);
}
