#include "object/default_internal.h"
#include "object/scalar.h"
#include "object/seal.h"

bool default_unset(const struct node *n)
{
    return !n || n->kind == NODE_NULL;
}

bool default_is_zero(const struct node *n)
{
    if (default_unset(n))
        return true;
    switch ((enum node_kind)n->kind) {
    case NODE_BOOL: return !n->boolean;
    case NODE_INT: return n->integer == 0;
    case NODE_DOUBLE: return n->number == 0;
    case NODE_STRING: return n->text.len == 0;
    default: return false;
    }
}

static bool wants_value(const struct node *n, const char *path, bool zero)
{
    const struct node *old = node_at(n, path);
    return zero ? default_is_zero(old) : default_unset(old);
}

void default_text(struct arena *a, struct node *n, const char *path, const char *text, bool zero)
{
    if (wants_value(n, path, zero))
        node_put(a, n, path, node_text(a, str_from(text)));
}

void default_int(struct arena *a, struct node *n, const char *path, int64_t number, bool zero)
{
    if (wants_value(n, path, zero))
        node_put(a, n, path, node_int(a, number));
}

void default_bool(struct arena *a, struct node *n, const char *path, bool flag)
{
    if (wants_value(n, path, false))
        node_put(a, n, path, node_bool(a, flag));
}

static void apply_row(struct arena *a, struct node *n, const struct default_row *row)
{
    if (!wants_value(n, row->path, row->zero_unset))
        return;
    switch (row->kind) {
    case DEFAULT_TEXT: node_put(a, n, row->path, node_text(a, str_from(row->text))); return;
    case DEFAULT_INT: node_put(a, n, row->path, node_int(a, row->number)); return;
    case DEFAULT_BOOL: node_put(a, n, row->path, node_bool(a, row->number != 0)); return;
    case DEFAULT_MAP: node_put(a, n, row->path, node_map(a)); return;
    }
}

static void apply_rows(struct arena *a, const char *type, struct node *n)
{
    size_t low = 0, high = default_row_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(default_rows[middle].type, type) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < default_row_count && strcmp(default_rows[low].type, type) == 0; low++)
        apply_row(a, n, &default_rows[low]);
}

static void run_hooks(struct arena *a, const char *type, struct node *n,
                      const struct default_hook *hooks, size_t count)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(hooks[middle].type, type);
        if (order == 0) {
            hooks[middle].run(a, n);
            return;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
}

/* A +default of the schema. Zero values that JSON leaves out anyway are not written. */
static void apply_schema_default(struct arena *a, const struct schema_field *f, struct node *n)
{
    struct str name = {f->name, f->name_len};
    const struct node *old = node_get(n, name);
    bool pointer = f->flags & FIELD_POINTER;
    struct status st;
    struct node *value;
    if (pointer ? !default_unset(old) : !default_is_zero(old))
        return;
    status_init(&st, a);
    if (json_parse(a, str_from(f->default_json), &value, &st) < 0)
        return;
    if (!pointer && (f->flags & FIELD_OMITEMPTY) && default_is_zero(value))
        return;
    node_set(a, n, name, value);
}

/* Amounts are kept in thousandths: what is finer is rounded away from zero. */
static void round_quantities(struct arena *a, struct node *map)
{
    member_each(m, map)
    {
        struct quantity q;
        if (m->value->kind != NODE_STRING || quantity_parse(m->value->text, &q) < 0)
            continue;
        __int128 rest = q.nano % 1000000;
        if (rest == 0 ||
            add_overflows(q.nano, rest > 0 ? 1000000 - rest : -1000000 - rest, &q.nano))
            continue;
        m->value = node_text(a, quantity_format(a, q));
    }
}

static void default_value(struct arena *a, schema_id type, struct node *n);

static void default_members(struct arena *a, const struct schema_field *f, struct node *value)
{
    if (f->kind == FIELD_QUANTITY && f->shape == SHAPE_MAP)
        round_quantities(a, value);
    if (f->kind != FIELD_MESSAGE)
        return;
    if (f->shape == SHAPE_ONE)
        default_value(a, f->type, value);
    node_each(item, value) if (f->shape == SHAPE_LIST) default_value(a, f->type, item);
    if (f->shape == SHAPE_MAP)
        member_each(m, value) default_value(a, f->type, m->value);
}

static void default_value(struct arena *a, schema_id type, struct node *n)
{
    if (n->kind != NODE_MAP)
        return;
    const struct schema_type *t = schema_type(type);
    apply_rows(a, t->name, n);
    run_hooks(a, t->name, n, default_core_hooks, default_core_hook_count);
    run_hooks(a, t->name, n, default_group_hooks, default_group_hook_count);
    for (uint16_t i = 0; i < t->field_count; i++)
        if (t->fields[i].default_json)
            apply_schema_default(a, &t->fields[i], n);
    for (uint32_t i = 0; i < n->map.count; i++) {
        const struct schema_field *f = schema_field(type, n->map.members[i].name);
        if (f)
            default_members(a, f, n->map.members[i].value);
    }
}

void object_default(struct arena *a, schema_id type, struct node *tree)
{
    if (tree && type != SCHEMA_NONE && type != SCHEMA_CUSTOM)
        default_value(a, type, tree);
}
