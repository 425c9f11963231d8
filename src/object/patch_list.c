#include "object/patch_list.h"

#include "object/patch_edit.h"

enum {
    PRINTED_BYTES = 2048
}; /* of a value shown in an error */

static const char *const json_kinds[] = {
    [NODE_NULL] = "null",     [NODE_BOOL] = "bool",     [NODE_INT] = "number",
    [NODE_DOUBLE] = "number", [NODE_STRING] = "string", [NODE_LIST] = "array",
    [NODE_MAP] = "object",
};

const char *node_go_type(const struct node *n)
{
    static const char *const types[] = {
        [NODE_NULL] = "<nil>",
        [NODE_BOOL] = "bool",
        [NODE_INT] = "int64",
        [NODE_DOUBLE] = "float64",
        [NODE_STRING] = "string",
        [NODE_LIST] = "[]interface {}",
        [NODE_MAP] = "map[string]interface {}",
    };
    return types[n->kind];
}

/* As "%s" of Go prints it. */
static const char *printed_type(const struct node *n)
{
    return n->kind == NODE_NULL ? "%!s(<nil>)" : node_go_type(n);
}

const char *smp_json_kind(const struct node *n)
{
    return json_kinds[n->kind];
}

static int by_name(const void *x, const void *y)
{
    return str_compare(((const struct member *)x)->name, ((const struct member *)y)->name);
}

/* As Go's %v prints it: map[a:1 b:x]. */
static void go_print(struct buf *out, struct arena *a, const struct node *n)
{
    if (out->len > PRINTED_BYTES)
        return;
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: buf_puts(out, "<nil>"); return;
    case NODE_BOOL: buf_puts(out, n->boolean ? "true" : "false"); return;
    case NODE_INT: buf_printf(out, "%lld", (long long)n->integer); return;
    case NODE_DOUBLE: buf_printf(out, "%g", n->number); return;
    case NODE_STRING: buf_add(out, n->text); return;
    case NODE_LIST:
        buf_putc(out, '[');
        for (uint32_t i = 0; i < n->list.count && out->len <= PRINTED_BYTES; i++) {
            if (i)
                buf_putc(out, ' ');
            go_print(out, a, n->list.items[i]);
        }
        buf_putc(out, ']');
        return;
    case NODE_MAP: break;
    }
    struct member *sorted = arena_array(a, struct member, n->map.count + 1);
    size_t count = 0;
    member_each(m, n) if (m->value) sorted[count++] = *m;
    qsort(sorted, count, sizeof(*sorted), by_name);
    buf_puts(out, "map[");
    for (size_t i = 0; i < count && out->len <= PRINTED_BYTES; i++) {
        buf_printf(out, "%s%.*s:", i ? " " : "", STR_ARG(sorted[i].name));
        go_print(out, a, sorted[i].value);
    }
    buf_putc(out, ']');
}

struct str node_go_text(struct arena *a, const struct node *n)
{
    struct buf out = BUF_INIT;
    go_print(&out, a, n);
    struct str text = arena_str(a, buf_str(&out));
    buf_release(&out);
    return text;
}

static struct str printed(struct smp *s, const struct node *n)
{
    return node_go_text(s->arena, n);
}

int smp_unknown_directive(struct smp *s, const struct node *directive, const struct node *in)
{
    return status_set(s->st, REASON_BAD_REQUEST, "unknown patch type: %.*s in map: %.*s",
                      STR_ARG(printed(s, directive)), STR_ARG(printed(s, in)));
}

int smp_not_a_list(struct smp *s, const struct node *n)
{
    return status_set(s->st, REASON_BAD_REQUEST, "expected a []interface {}, but received a %s",
                      printed_type(n));
}

static int not_a_map(struct smp *s, const struct node *n)
{
    return status_set(s->st, REASON_BAD_REQUEST,
                      "expected a map[string]interface {}, but received a %s", printed_type(n));
}

/* What tells items apart: a map's merge key, else the item itself. */
static int item_key(struct smp *s, const struct node *item, struct str merge_key,
                    const struct node **ret)
{
    const struct node *key = item;
    if (merge_key.len > 0) {
        if (item->kind != NODE_MAP)
            return not_a_map(s, item);
        key = node_get(item, merge_key);
        if (!key)
            return status_set(s->st, REASON_BAD_REQUEST,
                              "map: %.*s does not contain declared merge key: %.*s",
                              STR_ARG(printed(s, item)), STR_ARG(merge_key));
    }
    if (key->kind == NODE_MAP || key->kind == NODE_LIST)
        return status_set(s->st, REASON_BAD_REQUEST,
                          "list items can't be told apart by a value of type %s",
                          printed_type(key));
    *ret = key;
    return 0;
}

static int index_list(struct smp *s, const struct node *list, struct str merge_key,
                      struct key_index *ret)
{
    size_t position = 0;
    key_index_init(ret, s->arena, node_count(list));
    node_each(item, list)
    {
        const struct node *key;
        if (item_key(s, item, merge_key, &key) < 0)
            return -1;
        (void)key_index_add(ret, key, position++);
    }
    return 0;
}

static bool has_directive(const struct node *item)
{
    return node_get(item, STR("$patch")) != NULL;
}

static bool is_deletion(const struct node *item)
{
    return str_is(node_str(node_get(item, STR("$patch")), ""), "delete");
}

int smp_check_order(struct smp *s, const struct node *patch, const struct node *order,
                    struct str merge_key)
{
    size_t at = 0, order_count = node_count(order);
    if (order_count == 0 || node_count(patch) == 0)
        return 0;
    node_each(item, patch)
    {
        const struct node *key = NULL, *wanted;
        if (merge_key.len > 0 && item->kind != NODE_MAP)
            return not_a_map(s, item);
        if (has_directive(item) && (merge_key.len == 0 || is_deletion(item) || at < order_count))
            continue;
        for (bool found = false; !found; at++) {
            if (at == order_count)
                return status_set(
                    s->st, REASON_BAD_REQUEST,
                    "The order in patch list:\n%.*s\n doesn't match $setElementOrder list:\n%.*s\n",
                    STR_ARG(printed(s, patch)), STR_ARG(printed(s, order)));
            if (item_key(s, item, merge_key, &key) < 0 ||
                item_key(s, order->list.items[at], merge_key, &wanted) < 0)
                return -1;
            found = patch_key_equal(key, wanted);
        }
    }
    return 0;
}

int smp_check_elements(struct smp *s, const struct node *original, const struct node *patch,
                       bool need)
{
    const struct node *first = node_count(original) ? node_item(original, 0) : node_item(patch, 0);
    if (!first)
        return need
                   ? status_set(s->st, REASON_BAD_REQUEST, "no elements in any of the given slices")
                   : 0;
    if (first->kind == NODE_LIST) {
        (void)status_set(s->st, REASON_INVALID,
                         "the server rejected our request due to an error in our request");
        status_add_cause(s->st, CAUSE_UNEXPECTED_SERVER_RESPONSE, STR("patch"),
                         "lists of lists are not supported");
        return -1;
    }
    if (first->kind == NODE_NULL)
        return status_set(s->st, REASON_BAD_REQUEST, "list elements must not be null");
    const struct node *const lists[] = {original, patch};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(item, lists[i]) if (item->kind != first->kind) return status_set(
            s->st, REASON_BAD_REQUEST, "list element types are not identical: [%.*s %.*s]",
            STR_ARG(printed(s, original)), STR_ARG(patch ? printed(s, patch) : STR("[]")));
    return 0;
}

/* An item on its way to its place. */
struct placed {
    struct node *item;
    size_t rank;       /* in the order that its group follows */
    size_t position;   /* before sorting: equal ranks keep their order */
    ssize_t server_at; /* in the live list, or -1 */
};

static int by_rank(const void *x, const void *y)
{
    const struct placed *a = x, *b = y;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

int smp_order_list(struct smp *s, const struct node *merged, const struct node *patch_order,
                   const struct node *server_order, struct str merge_key, struct node **ret)
{
    struct key_index by_patch, by_server;
    if (index_list(s, patch_order, merge_key, &by_patch) < 0 ||
        index_list(s, server_order, merge_key, &by_server) < 0)
        return -1;
    size_t count = node_count(merged), patch_count = 0, server_count = 0;
    struct placed *of_patch = arena_array(s->arena, struct placed, count + 1);
    struct placed *of_server = arena_array(s->arena, struct placed, count + 1);
    node_each(item, merged)
    {
        const struct node *key;
        if (item_key(s, item, merge_key, &key) < 0)
            return -1;
        ssize_t at = key_index_find(&by_patch, key), server_at = key_index_find(&by_server, key);
        struct placed p = {
            .item = item, .server_at = server_at, .position = patch_count + server_count};
        p.rank = at >= 0 ? (size_t)at : server_at >= 0 ? (size_t)server_at : SIZE_MAX;
        if (at >= 0)
            of_patch[patch_count++] = p;
        else
            of_server[server_count++] = p;
    }
    qsort(of_patch, patch_count, sizeof(*of_patch), by_rank);
    qsort(of_server, server_count, sizeof(*of_server), by_rank);
    struct node *out = node_list(s->arena);
    for (size_t i = 0, j = 0; i < server_count || j < patch_count;) {
        bool left = j == patch_count;
        if (!left && i < server_count)
            left = of_server[i].server_at >= 0 && of_patch[j].server_at >= 0 &&
                   of_server[i].server_at < of_patch[j].server_at;
        node_append(s->arena, out, left ? of_server[i++].item : of_patch[j++].item);
    }
    *ret = out;
    return 0;
}

struct node *smp_list_copy(struct smp *s, const struct node *list)
{
    struct node *copy = node_list(s->arena);
    node_each(item, list) node_append(s->arena, copy, item);
    return copy;
}

static int merge_scalars(struct smp *s, bool deletes, struct node *original, struct node *patch,
                         struct node **ret)
{
    struct key_index seen;
    struct node *out = node_list(s->arena);
    if (deletes) {
        if (index_list(s, patch, STR_NONE, &seen) < 0)
            return -1;
        node_each(item, original) if (key_index_find(&seen, item) < 0)
            node_append(s->arena, out, item);
        *ret = out;
        return 0;
    }
    key_index_init(&seen, s->arena, node_count(original) + node_count(patch));
    const struct node *const lists[] = {original, patch};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        node_each(item, lists[i]) if (key_index_add(&seen, item, 0))
            node_append(s->arena, out, item);
    return smp_order_list(s, out, patch, original, STR_NONE, ret);
}

/* Takes the items with directives out of *patch and does what they say to *original. */
static int apply_special_items(struct smp *s, struct str merge_key, struct node **original,
                               struct node **patch, bool *ret_replaced)
{
    struct node *plain = node_list(s->arena);
    struct key_index deleted;
    bool replace = false, deletes = false;
    key_index_init(&deleted, s->arena, node_count(*patch));
    node_each(item, *patch)
    {
        const struct node *directive = node_get(item, STR("$patch")), *key;
        struct str word = node_str(directive, "");
        if (!directive) {
            node_append(s->arena, plain, item);
        } else if (str_is(word, "delete")) {
            if (item_key(s, item, merge_key, &key) < 0)
                return -1;
            (void)key_index_add(&deleted, key, 0);
            deletes = true;
        } else if (str_is(word, "replace")) {
            replace = true;
        } else if (str_is(word, "merge")) {
            return status_set(s->st, REASON_BAD_REQUEST,
                              "merging lists cannot yet be specified in the patch");
        } else {
            return smp_unknown_directive(s, directive, item);
        }
    }
    *patch = plain;
    *ret_replaced = replace;
    if (replace) {
        *original = plain;
        *patch = node_list(s->arena);
    } else if (deletes) {
        struct node *kept = node_list(s->arena);
        node_each(item, *original) if (key_index_find(&deleted, node_get(item, merge_key)) < 0)
            node_append(s->arena, kept, item);
        *original = kept;
    }
    return 0;
}

static int merge_by_key(struct smp *s, struct list_merge *merge, struct node *original,
                        struct node *patch, struct node **ret)
{
    if (merge->merge_key.len == 0)
        return status_set(s->st, REASON_BAD_REQUEST,
                          "cannot merge lists without merge key for struct");
    const struct node *live = original;
    bool replaced;
    if (apply_special_items(s, merge->merge_key, &original, &patch, &replaced) < 0)
        return -1;
    struct key_index positions;
    struct node *out = smp_list_copy(s, original);
    key_index_init(&positions, s->arena, node_count(original) + node_count(patch));
    for (uint32_t i = 0; i < out->list.count; i++)
        (void)key_index_add(&positions, node_get(out->list.items[i], merge->merge_key), i);
    node_each(item, patch)
    {
        const struct node *key;
        if (item_key(s, item, merge->merge_key, &key) < 0)
            return -1;
        ssize_t at = key_index_find(&positions, key);
        if (at < 0) {
            (void)key_index_add(&positions, key, out->list.count);
            node_append(s->arena, out, item);
        } else if (merge->merge_items(s, merge->item_typing, out->list.items[at], item,
                                      &out->list.items[at]) < 0) {
            return -1;
        }
    }
    merge->server_order = smp_list_copy(s, replaced ? live : out);
    merge->server_order->list.count = MIN(merge->server_order->list.count, live->list.count);
    return smp_order_list(s, out, patch, original, merge->merge_key, ret);
}

int smp_merge_lists(struct smp *s, struct list_merge *merge, struct node *original,
                    struct node *patch, struct node **ret)
{
    if (node_count(original) == 0 && node_count(patch) == 0) {
        *ret = original;
        return 0;
    }
    if (smp_check_elements(s, original, patch, true) < 0)
        return -1;
    const struct node *first = node_count(original) ? node_item(original, 0) : node_item(patch, 0);
    if (first->kind == NODE_MAP)
        return merge_by_key(s, merge, original, patch, ret);
    return merge_scalars(s, merge->is_deletion, original, patch, ret);
}
