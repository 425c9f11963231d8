#include "cli/yaml_edit.h"

#include "object/seal.h"
#include "object/yaml_place.h"

enum {
    CHANGES_MAX = 64
};

/* text[start, end) becomes with. */
struct change {
    size_t start, end;
    struct str with;
};

struct edit {
    struct arena *arena;
    struct str text;
    struct change changes[CHANGES_MAX];
    size_t count;
    bool odd; /* can't be done in place */
};

static void change(struct edit *e, size_t start, size_t end, struct str with)
{
    if (e->count == CHANGES_MAX || start > end || end > e->text.len) {
        e->odd = true;
        return;
    }
    e->changes[e->count++] = (struct change){start, end, with};
}

static size_t line_start(struct str text, size_t at)
{
    while (at > 0 && text.data[at - 1] != '\n')
        at--;
    return at;
}

static bool blank(struct str text, size_t from, size_t to)
{
    return str_empty(str_trim(str_slice(text, from, to)));
}

/* Behind the line in which a value ends. A block scalar may end within the next line's indentation.
 */
static size_t behind(struct str text, size_t end)
{
    size_t start = line_start(text, end);
    if (end > start && blank(text, start, end) && start > 0)
        return start;
    if (end == start && start > 0)
        return start;
    while (end < text.len && text.data[end] != '\n')
        end++;
    return end < text.len ? end + 1 : end;
}

static struct str in_flow(struct edit *e, const struct node *n)
{
    struct buf out = BUF_INIT;
    node_to_json(&out, n, 0);
    struct str result = arena_str(e->arena, buf_str(&out));
    buf_release(&out);
    return result;
}

/* Block text of n; all lines but the first are indented. */
static struct str in_block(struct edit *e, const struct node *n, unsigned indent)
{
    struct buf out = BUF_INIT, result = BUF_INIT;
    node_to_yaml(&out, n);
    struct str rest = buf_str(&out);
    for (bool first = true; rest.len; first = false) {
        struct str line = str_cut(&rest, '\n');
        buf_printf(&result, "%*s%.*s\n", first || !line.len ? 0 : (int)indent, "", STR_ARG(line));
    }
    struct str text = arena_str(e->arena, buf_str(&result));
    buf_release(&out);
    buf_release(&result);
    return text;
}

/* The dash before a block list's item, or odd. */
static size_t dash_of(struct edit *e, const struct place *item)
{
    size_t at = item->start;
    while (at > 0 && strchr(" \t\r\n", e->text.data[at - 1]))
        at--;
    if (at == 0 || e->text.data[at - 1] != '-')
        e->odd = true;
    return at ? at - 1 : 0;
}

static void replace_item(struct edit *e, const struct place *item, const struct node *with)
{
    if (item->flow || item->parent->flow) {
        change(e, item->start, item->end, in_flow(e, with));
        return;
    }
    unsigned indent = (unsigned)(item->start - line_start(e->text, item->start));
    change(e, item->start, behind(e->text, item->end), in_block(e, with, indent));
}

static void remove_item(struct edit *e, const struct place *list, const struct place *item,
                        const struct place *before)
{
    if (list->flow) {
        if (before)
            change(e, before->end, item->end, STR_NONE);
        else
            change(e, item->start, item->next ? item->next->start : item->end, STR_NONE);
        return;
    }
    size_t dash = dash_of(e, item), start = line_start(e->text, dash);
    if (!blank(e->text, start, dash))
        e->odd = true;
    change(e, start, behind(e->text, item->end), STR_NONE);
}

static void append_item(struct edit *e, const struct place *list, const struct node *item)
{
    const struct place *last = list->count ? place_item(list, list->count - 1) : NULL;
    if (list->flow) {
        size_t at = last ? last->end : list->end - 1;
        change(e, at, at,
               arena_printf(e->arena, "%s%.*s", last ? ", " : "", STR_ARG(in_flow(e, item))));
        return;
    }
    if (!last) {
        e->odd = true;
        return;
    }
    size_t dash = dash_of(e, last), at = behind(e->text, last->end);
    unsigned column = (unsigned)(dash - line_start(e->text, dash));
    change(e, at, at,
           arena_printf(e->arena, "%s%*s- %.*s", at && e->text.data[at - 1] != '\n' ? "\n" : "",
                        (int)column, "", STR_ARG(in_block(e, item, column + 2))));
}

/* A list whose items are all gone is written as []. */
static void empty_list(struct edit *e, const struct place *list)
{
    if (list->flow) {
        change(e, list->start, list->end, STR("[]"));
        return;
    }
    /* From behind the colon of its key: items follow in lines of their own. */
    size_t key = list->key_start + list->key.len, dash = dash_of(e, list->first);
    while (key < dash && e->text.data[key] != ':')
        key++;
    if (key >= dash) {
        e->odd = true;
        return;
    }
    change(e, key + 1, key + 1, STR(" []"));
    change(e, line_start(e->text, dash), behind(e->text, list->end), STR_NONE);
}

static void edit_list(struct edit *e, const struct place *place, const struct node *before,
                      const struct node *after)
{
    if (place->kind != PLACE_LIST || place->count != node_count(before)) {
        change(e, place->start, place->end,
               arena_printf(e->arena, "%s%.*s",
                            place->start && e->text.data[place->start - 1] == ':' ? " " : "",
                            STR_ARG(in_flow(e, after))));
        return;
    }
    if (node_count(before) && !node_count(after)) {
        empty_list(e, place);
        return;
    }
    const struct place *former = NULL, *at = place->first;
    for (size_t i = 0; i < node_count(before); i++, former = at, at = at->next) {
        const struct node *item = node_item(before, i);
        const struct node *now = node_find(after, "name", node_str(item, "name"));
        if (!now)
            remove_item(e, place, at, former);
        else if (!node_equal(item, now))
            replace_item(e, at, now);
    }
    node_each(item, after)
    {
        if (!node_find(before, "name", node_str(item, "name")))
            append_item(e, place, item);
    }
}

static void add_member(struct edit *e, const struct place *root, struct str name,
                       const struct node *value)
{
    const struct place *last = root->first;
    while (last && last->next)
        last = last->next;
    struct node *one = node_map(e->arena);
    node_set(e->arena, one, name, node_copy(e->arena, value));
    if (root->flow) {
        struct str text = in_flow(e, one);
        size_t at = last ? last->end : root->end - 1;
        change(e, at, at,
               arena_printf(e->arena, "%s%.*s", last ? ", " : "",
                            STR_ARG(str_slice(text, 1, text.len - 1))));
        return;
    }
    if (!last) {
        e->odd = true;
        return;
    }
    size_t at = behind(e->text, last->end);
    change(e, at, at,
           arena_printf(e->arena, "%s%.*s", at && e->text.data[at - 1] != '\n' ? "\n" : "",
                        STR_ARG(in_block(e, one, 0))));
}

static void edit_scalar(struct edit *e, const struct place *place, const struct node *after)
{
    struct str text = in_flow(e, after);
    char quote = place->start < e->text.len ? e->text.data[place->start] : 0;
    /* Quotes stay what they were, so that a value that comes back is written as before. */
    if (node_is(after, NODE_STRING) && quote == '\'' && str_find(after->text, '\'') < 0)
        text = arena_printf(e->arena, "'%.*s'", STR_ARG(after->text));
    else if (node_is(after, NODE_STRING) && quote != '"') {
        struct buf out = BUF_INIT;
        node_to_yaml(&out, after);
        struct str plain = str_trim(buf_str(&out));
        if (str_find(plain, '\n') < 0 && !place->parent->flow)
            text = arena_str(e->arena, plain);
        buf_release(&out);
    }
    bool touches = place->start && e->text.data[place->start - 1] == ':';
    change(e, place->start, place->end,
           arena_printf(e->arena, "%s%.*s", touches ? " " : "", STR_ARG(text)));
}

static struct str apply(struct edit *e)
{
    /* From the end of the text to its start; of those at one place the last first, so that in the
     * text they keep their order. */
    for (size_t i = 1; i < e->count; i++)
        for (size_t j = i; j > 0 && e->changes[j - 1].start <= e->changes[j].start; j--) {
            struct change c = e->changes[j];
            e->changes[j] = e->changes[j - 1];
            e->changes[j - 1] = c;
        }
    struct str text = e->text;
    for (size_t i = 0; i < e->count; i++) {
        const struct change *c = &e->changes[i];
        text = arena_printf(e->arena, "%.*s%.*s%.*s", (int)c->start, text.data ? text.data : "",
                            STR_ARG(c->with), STR_ARG(str_slice(text, c->end, text.len)));
    }
    return text;
}

static void collect(struct edit *e, const struct place *root, const struct node *before,
                    const struct node *after)
{
    member_each(m, after)
    {
        const struct place *place = place_member(root, m->name);
        const struct node *old = node_get(before, m->name);
        if (!place)
            add_member(e, root, m->name, m->value);
        else if (!node_equal(old, m->value) && m->value->kind == NODE_LIST)
            edit_list(e, place, old, m->value);
        else if (!node_equal(old, m->value) && place->kind == PLACE_SCALAR)
            edit_scalar(e, place, m->value);
        else if (!node_equal(old, m->value))
            e->odd = true;
    }
}

struct str yaml_edit(struct arena *a, struct str text, const struct node *before,
                     const struct node *after)
{
    struct edit *e = arena_new(a, struct edit);
    struct place *root = NULL;
    struct status st;
    struct node *result;
    *e = (struct edit){.arena = a, .text = text};
    status_init(&st, a);
    if (yaml_places(a, text, &root, &st) == 0 && root && root->kind == PLACE_MAP)
        collect(e, root, before, after);
    else
        e->odd = true;
    if (!e->odd) {
        struct str edited = apply(e);
        if (yaml_parse(a, edited, &result, &st) == 0 && node_equal(result, after))
            return edited;
    }
    struct buf whole = BUF_INIT;
    node_to_yaml(&whole, after);
    struct str anew = arena_str(a, buf_str(&whole));
    buf_release(&whole);
    return anew;
}
