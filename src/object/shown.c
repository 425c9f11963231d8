#include "object/shown.h"

#include "object/unseal.h"

static const struct node *view_message(struct arena *a, schema_id type, const struct node *n);

/* Whether Go leaves a member out that is tagged omitempty. */
static bool is_nothing(const struct schema_field *f, const struct node *n)
{
    bool pointer = f->flags & FIELD_POINTER;
    if (f->flags & FIELD_ALWAYS)
        return false;
    switch ((enum node_kind)n->kind) {
    case NODE_NULL: return true;
    case NODE_LIST: return n->list.count == 0;
    case NODE_MAP: return n->map.count == 0 && f->shape != SHAPE_ONE;
    case NODE_STRING: return !pointer && n->text.len == 0;
    case NODE_INT: return !pointer && n->integer == 0 && f->kind != FIELD_INT_OR_STRING;
    case NODE_BOOL: return !pointer && !n->boolean;
    case NODE_DOUBLE: return !pointer && n->number == 0;
    }
    return false;
}

static struct node *empty_message(struct arena *a, schema_id type)
{
    return body_to_node(a, type, (const uint8_t *)"", 0);
}

static struct node *map_of(struct arena *a, size_t count)
{
    struct node *map = node_map(a);
    map->map.members = arena_array(a, struct member, count + 1);
    map->map.cap = (uint32_t)count + 1;
    return map;
}

/* Claims in a StatefulSet say what they are. */
static const struct node *view_item(struct arena *a, schema_id type, const struct node *n)
{
    const struct schema_type *t = schema_type(type);
    struct node *view = (struct node *)view_message(a, type, n);
    if (!t->is_kind || !node_is(view, NODE_MAP) || node_get(view, STR("kind")))
        return view;
    node_set(a, view, STR("kind"), node_text(a, str_from(t->kind)));
    node_set(a, view, STR("apiVersion"),
             t->group[0] ? node_text_printf(a, "%s/%s", t->group, t->version)
                         : node_text(a, str_from(t->version)));
    return view;
}

static const struct node *view_value(struct arena *a, const struct schema_field *f,
                                     const struct node *n)
{
    if (f->kind != FIELD_MESSAGE || n->kind == NODE_NULL)
        return n;
    if (f->shape == SHAPE_ONE)
        return view_message(a, f->type, n);
    if (f->shape == SHAPE_LIST && n->kind == NODE_LIST) {
        struct node *list = node_list(a);
        node_each(item, n) node_append(a, list, (struct node *)view_item(a, f->type, item));
        return list;
    }
    if (f->shape == SHAPE_MAP && n->kind == NODE_MAP) {
        struct node *map = map_of(a, n->map.count);
        member_each(m, n) map->map.members[map->map.count++] =
            (struct member){m->name, (struct node *)view_message(a, f->type, m->value)};
        return map;
    }
    return n;
}

static const struct node *view_message(struct arena *a, schema_id type, const struct node *n)
{
    const struct schema_type *t = schema_type(type);
    if (n->kind != NODE_MAP)
        return n;
    uint64_t missing = t->always_mask;
    struct node *view = map_of(a, n->map.count + (size_t)__builtin_popcountll(missing));
    member_each(m, n)
    {
        const struct schema_field *f = schema_field(type, m->name);
        const struct node *value = m->value;
        if (f && is_nothing(f, value))
            continue;
        /* A null where Go holds a value is as good as none. */
        if (f && value->kind == NODE_NULL && f->kind == FIELD_MESSAGE && f->shape == SHAPE_ONE)
            continue;
        if (f) {
            missing &= ~(1ULL << (f - t->fields));
            value = view_value(a, f, value);
        }
        view->map.members[view->map.count++] = (struct member){m->name, (struct node *)value};
    }
    const struct node *empty = missing ? empty_message(a, type) : NULL;
    for (; missing; missing &= missing - 1) {
        const struct schema_field *f = &t->fields[__builtin_ctzll(missing)];
        struct str name = {f->name, f->name_len};
        struct node *value = node_get(empty, name);
        if (value)
            view->map.members[view->map.count++] = (struct member){name, value};
    }
    return view;
}

const struct node *shown_view(struct arena *a, schema_id type, const struct node *n)
{
    return n ? view_message(a, type, n) : empty_message(a, type);
}

/* What a null in a list or map stands for. */
static struct node *zero_item(struct arena *a, const struct schema_field *f)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_MESSAGE: return node_map(a);
    case FIELD_STRING: return node_text(a, STR(""));
    case FIELD_INT32:
    case FIELD_INT64: return node_int(a, 0);
    default: return NULL;
    }
}

static void drop_in_item(struct arena *a, const struct schema_field *f, struct node **item)
{
    struct node *zero = (*item)->kind == NODE_NULL ? zero_item(a, f) : NULL;
    if (zero)
        *item = zero;
    else if (f->kind == FIELD_MESSAGE)
        shown_drop_nulls(a, f->type, *item);
}

static void drop_in_field(struct arena *a, const struct schema_field *f, struct node *n)
{
    if (f->shape == SHAPE_ONE) {
        if (f->kind == FIELD_MESSAGE)
            shown_drop_nulls(a, f->type, n);
        return;
    }
    if (n->kind == NODE_LIST && f->shape == SHAPE_LIST)
        for (uint32_t i = 0; i < n->list.count; i++)
            drop_in_item(a, f, &n->list.items[i]);
    if (n->kind == NODE_MAP && f->shape == SHAPE_MAP)
        for (uint32_t i = 0; i < n->map.count; i++)
            drop_in_item(a, f, &n->map.members[i].value);
}

void shown_drop_nulls(struct arena *a, schema_id type, struct node *n)
{
    uint32_t kept = 0;
    if (n->kind != NODE_MAP)
        return;
    for (uint32_t i = 0; i < n->map.count; i++) {
        struct member m = n->map.members[i];
        const struct schema_field *f = schema_field(type, m.name);
        if (f && m.value->kind == NODE_NULL && f->kind != FIELD_RAW && f->kind != FIELD_JSON)
            continue;
        if (f)
            drop_in_field(a, f, m.value);
        n->map.members[kept++] = m;
    }
    n->map.count = kept;
}
