#include "object/structural.h"

#include "base/limits.h"
#include "object/patch_edit.h"
#include "object/schema.h"
#include "object/structural_internal.h"

/* Pruning and defaulting, after apiextensions' schema/pruning and schema/defaulting. */

bool schema_flag(const struct node *schema, const char *extension)
{
    return node_flag(node_get(schema, str_from(extension)), "", false);
}

const struct node *schema_property(const struct node *schema, struct str name)
{
    return node_get(node_get(schema, STR("properties")), name);
}

bool is_type_member(struct str name)
{
    return str_is(name, "apiVersion") || str_is(name, "kind") || str_is(name, "metadata");
}

struct pruner {
    struct arena *arena;
    struct buf path;
    struct str *unknown; /* arena */
    size_t count, cap;
    size_t told; /* bytes of unknown */
};

static void note_unknown(struct pruner *p, struct str name)
{
    if (p->told >= LIMIT_FAULT_BYTES)
        return;
    p->told += p->path.len + name.len;
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        p->unknown =
            arena_grow(p->arena, p->unknown, p->cap * sizeof(struct str), cap * sizeof(struct str));
        p->cap = cap;
    }
    p->unknown[p->count++] = arena_printf(p->arena, "%.*s%s%.*s", STR_ARG(buf_str(&p->path)),
                                          p->path.len ? "." : "", STR_ARG(name));
}

static size_t push_name(struct pruner *p, struct str name)
{
    size_t length = p->path.len;
    buf_printf(&p->path, "%s%.*s", length ? "." : "", STR_ARG(name));
    return length;
}

static void prune(struct pruner *p, const struct node *schema, struct node *n, bool embedded);

static void prune_items(struct pruner *p, const struct node *schema, struct node *list)
{
    size_t index = 0, length = p->path.len;
    node_each(item, list)
    {
        buf_printf(&p->path, "[%zu]", index++);
        prune(p, schema, item, schema_flag(schema, "x-kubernetes-embedded-resource"));
        p->path.len = length;
    }
}

/* Metadata is typed: what ObjectMeta doesn't have goes. */
static void prune_metadata(struct pruner *p, struct node *metadata)
{
    schema_id type = schema_type_by_name(STR("meta/v1.ObjectMeta"));
    if (metadata->kind != NODE_MAP)
        return;
    struct map_edit edit;
    map_edit_begin(&edit, p->arena, metadata);
    member_each(m, metadata) if (!schema_field(type, m->name) && !str_is(m->name, "selfLink"))
    {
        note_unknown(p, m->name);
        map_edit_remove(&edit, m);
    }
    map_edit_end(&edit);
}

/* The schema of a member; false when it has none. A member may be known without one
 * (additionalProperties: true). */
static bool member_schema(const struct node *schema, struct str name, const struct node **ret)
{
    const struct node *others = node_get(schema, STR("additionalProperties"));
    *ret = schema_property(schema, name);
    if (*ret)
        return true;
    if (others && others->kind == NODE_MAP) {
        *ret = others;
        return true;
    }
    return node_flag(others, "", false);
}

static void prune_members(struct pruner *p, const struct node *schema, struct node *map,
                          bool embedded)
{
    bool preserves = schema_flag(schema, "x-kubernetes-preserve-unknown-fields");
    struct map_edit edit;
    map_edit_begin(&edit, p->arena, map);
    member_each(m, map)
    {
        const struct node *below;
        if (embedded && is_type_member(m->name)) {
            if (str_is(m->name, "metadata")) {
                size_t length = push_name(p, m->name);
                prune_metadata(p, m->value);
                p->path.len = length;
            }
            continue;
        }
        if (member_schema(schema, m->name, &below)) {
            size_t length = push_name(p, m->name);
            if (below || !preserves)
                prune(p, below, m->value, schema_flag(below, "x-kubernetes-embedded-resource"));
            p->path.len = length;
        } else if (!preserves) {
            note_unknown(p, m->name);
            map_edit_remove(&edit, m);
        }
    }
    map_edit_end(&edit);
}

static void prune(struct pruner *p, const struct node *schema, struct node *n, bool embedded)
{
    if (n->kind == NODE_MAP)
        prune_members(p, schema, n, embedded);
    else if (n->kind == NODE_LIST &&
             !(schema_flag(schema, "x-kubernetes-preserve-unknown-fields") &&
               !node_get(schema, STR("items"))))
        prune_items(p, node_get(schema, STR("items")), n);
}

void structural_prune(struct arena *a, const struct node *schema, struct node *tree,
                      struct str **ret_unknown, size_t *ret_unknown_count)
{
    struct pruner p = {.arena = a, .path = BUF_INIT};
    if (schema)
        prune(&p, schema, tree, true);
    buf_release(&p.path);
    if (p.count > 0)
        qsort(p.unknown, p.count, sizeof(*p.unknown), str_compare_items);
    if (ret_unknown) {
        *ret_unknown = p.unknown;
        *ret_unknown_count = p.count;
    }
}

static bool is_refused_null(const struct node *schema, const struct node *value)
{
    return schema && value->kind == NODE_NULL && !schema_flag(schema, "nullable");
}

static struct node *default_of(struct arena *a, const struct node *schema)
{
    const struct node *value = node_get(schema, STR("default"));
    return value && value->kind != NODE_NULL ? node_clone(a, value) : NULL;
}

static void fill(struct arena *a, const struct node *schema, struct node *n);

static void fill_members(struct arena *a, const struct node *schema, struct node *map)
{
    const struct node *properties = node_get(schema, STR("properties"));
    const struct node *others = node_get(schema, STR("additionalProperties"));
    struct map_edit edit;
    map_edit_begin(&edit, a, map);
    member_each(p, properties)
    {
        struct member *m = map_edit_find(&edit, p->name);
        struct node *value = default_of(a, p->value);
        if (m && is_refused_null(p->value, m->value) && !value)
            map_edit_remove(&edit, m);
        else if (value && (!m || is_refused_null(p->value, m->value)))
            map_edit_set(&edit, p->name, value);
    }
    for (uint32_t i = 0; i < map->map.count; i++) {
        struct member *m = &map->map.members[i];
        if (!m->value)
            continue;
        const struct node *below = node_get(properties, m->name);
        if (!below && node_is(others, NODE_MAP)) {
            below = others;
            struct node *value = is_refused_null(others, m->value) ? default_of(a, others) : NULL;
            if (value)
                m->value = value;
            else if (is_refused_null(others, m->value)) {
                map_edit_remove(&edit, m);
                continue;
            }
        }
        fill(a, below, m->value);
    }
    map_edit_end(&edit);
}

static void fill(struct arena *a, const struct node *schema, struct node *n)
{
    if (!schema)
        return;
    if (n->kind == NODE_MAP)
        fill_members(a, schema, n);
    const struct node *items = node_get(schema, STR("items"));
    for (uint32_t i = 0; n->kind == NODE_LIST && items && i < n->list.count; i++) {
        struct node *value = is_refused_null(items, n->list.items[i]) ? default_of(a, items) : NULL;
        if (value)
            n->list.items[i] = value;
        fill(a, items, n->list.items[i]);
    }
}

void structural_default(struct arena *a, const struct node *schema, struct node *tree)
{
    fill(a, schema, tree);
}
