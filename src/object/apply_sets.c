#include "object/apply_walk.h"
#include "object/json.h"
#include "object/patch_edit.h"

/* Walks that follow a set of paths, and validation. */

static struct node *remove_from_list(struct smd *s, const struct smd_atom *atom,
                                     const struct node *list, const struct field_set *items)
{
    struct node *out = node_list(s->values);
    node_each(item, list)
    {
        struct str element;
        const struct field_entry *e = NULL;
        if (smd_item_element(s, atom, item, &element))
            e = field_set_find(items, element);
        if (e && e->member)
            continue;
        struct node *kept = e ? smd_remove(s, atom->items, item, e->below) : item;
        node_append(s->values, out, kept ? kept : node_null(s->values));
    }
    return node_count(out) ? out : NULL;
}

struct node *smd_remove(struct smd *s, struct smd_type t, struct node *value,
                        const struct field_set *items)
{
    struct smd_atom atom;
    smd_resolve(t, &atom);
    smd_deduce(&atom, value);
    bool is_map = atom.map != SMD_NO_MAP;
    if (!is_map && atom.scalar != SCALAR_NONE)
        return value;
    if (value->kind != (is_map ? NODE_MAP : NODE_LIST) || node_count(value) == 0 ||
        (is_map ? atom.map == SMD_MAP_ATOMIC : atom.list == SMD_LIST_ATOMIC))
        return NULL;
    if (!is_map)
        return remove_from_list(s, &atom, value, items);
    struct node *out = node_map(s->values);
    member_each(m, value)
    {
        const struct field_entry *e = field_set_find(items, smd_name_element(s, m->name));
        bool named;
        if (e && e->member)
            continue;
        struct node *kept = m->value;
        if (e)
            kept = smd_remove(s, smd_member(t, m->name, &named), m->value, e->below);
        json_add_member(s->values, out, m->name, kept ? kept : node_null(s->values));
    }
    return node_count(out) ? out : NULL;
}

/* The type that an entry of a set has under t. */
static struct smd_type entry_type(const struct smd_atom *atom, struct smd_type t,
                                  struct str element, bool *ret_named)
{
    *ret_named = false;
    if (element.data[0] == 'f' && atom->map != SMD_NO_MAP)
        return smd_member(t, str_slice(element, 2, element.len), ret_named);
    if (element.data[0] != 'f' && atom->list != SMD_NO_LIST)
        return atom->items;
    return (struct smd_type){.source = SMD_NONE};
}

const struct field_set *smd_named(struct smd *s, struct smd_type t, const struct field_set *set)
{
    struct smd_atom atom;
    if (field_set_empty(set))
        return set;
    smd_resolve(t, &atom);
    struct field_set *out = field_set_new(s->arena);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct field_entry *e = &set->entries[i];
        bool named;
        struct smd_type below = entry_type(&atom, t, e->element, &named);
        field_set_add(s->arena, out, e->element, e->member || (e->below && named),
                      smd_named(s, below, e->below));
    }
    return out;
}

/* Whether a value of this type is owned as a whole. */
static bool is_whole(const struct smd_atom *atom)
{
    if (atom->map != SMD_NO_MAP)
        return atom->map == SMD_MAP_ATOMIC;
    return atom->scalar == SCALAR_NONE && atom->list == SMD_LIST_ATOMIC;
}

const struct field_set *smd_reconcile(struct smd *s, struct smd_type t, const struct field_set *set)
{
    struct smd_atom atom;
    if (field_set_empty(set))
        return set;
    smd_resolve(t, &atom);
    if (atom.untyped_map)
        return set;
    struct field_set *out = field_set_new(s->arena);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct field_entry *e = &set->entries[i];
        bool named;
        struct smd_atom below;
        struct smd_type type = entry_type(&atom, t, e->element, &named);
        smd_resolve(type, &below);
        if (e->below && is_whole(&below))
            field_set_add(s->arena, out, e->element, true, NULL);
        else
            field_set_add(s->arena, out, e->element, e->member, smd_reconcile(s, type, e->below));
    }
    return out;
}

/* Validation: the faults found, each with its path. */
struct faults {
    struct smd *s;
    struct buf path;
    struct buf text;
    size_t count;
    bool allow_duplicates;
};

enum {
    FAULTS_MAX = 20
}; /* shown */

static void add_fault(struct faults *f, struct str text)
{
    if (f->count++ >= FAULTS_MAX)
        return;
    buf_printf(&f->text, "%s%.*s%s%.*s", f->count > 1 ? "\n  " : "", STR_ARG(buf_str(&f->path)),
               f->path.len ? ": " : "", STR_ARG(text));
}

static struct str shown(struct faults *f, const struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case NODE_BOOL: return n->boolean ? STR("true") : STR("false");
    case NODE_INT: return arena_printf(f->s->arena, "%lld", (long long)n->integer);
    case NODE_DOUBLE: return arena_printf(f->s->arena, "%g", n->number);
    case NODE_STRING: return arena_printf(f->s->arena, "\"%.*s\"", STR_ARG(n->text));
    default: return node_go_text(f->s->arena, n);
    }
}

static void validate_scalar(struct faults *f, enum smd_scalar kind, const struct node *n)
{
    bool number = n->kind == NODE_INT || n->kind == NODE_DOUBLE;
    if (n->kind == NODE_NULL)
        return;
    if (kind == SCALAR_NUMBER && !number)
        add_fault(f, arena_printf(f->s->arena, "expected numeric (int or float), got %s",
                                  node_go_type(n)));
    else if (kind == SCALAR_STRING && n->kind != NODE_STRING)
        add_fault(f, arena_printf(f->s->arena, "expected string, got %.*s", STR_ARG(shown(f, n))));
    else if (kind == SCALAR_BOOL && n->kind != NODE_BOOL)
        add_fault(f, arena_printf(f->s->arena, "expected boolean, got %.*s", STR_ARG(shown(f, n))));
    else if (kind == SCALAR_ANY && (n->kind == NODE_LIST || n->kind == NODE_MAP))
        add_fault(f,
                  arena_printf(f->s->arena, "expected any scalar, got %.*s", STR_ARG(shown(f, n))));
}

static void validate(struct faults *f, struct smd_type t, const struct node *n);

static void validate_items(struct faults *f, const struct smd_atom *atom, const struct node *list)
{
    size_t length = f->path.len, index = 0;
    struct key_index seen;
    key_index_init(&seen, f->s->arena, node_count(list));
    node_each(item, list)
    {
        struct str text = arena_printf(f->s->arena, "[%zu]", index);
        if (atom->list != SMD_LIST_ATOMIC) {
            struct node *element = node_text(f->s->arena, STR(""));
            if (!smd_item_element(f->s, atom, item, &element->text)) {
                add_fault(f, arena_printf(f->s->arena, "element %zu: %.*s", index,
                                          STR_ARG(f->s->failure)));
                return;
            }
            text = field_element_text(f->s->arena, element->text);
            if (!key_index_add(&seen, element, index) && !f->allow_duplicates)
                add_fault(
                    f, arena_printf(f->s->arena, "duplicate entries for key %.*s", STR_ARG(text)));
        }
        buf_add(&f->path, text);
        validate(f, atom->items, item);
        f->path.len = length;
        index++;
    }
}

static void validate_members(struct faults *f, struct smd_type t, const struct node *map)
{
    size_t length = f->path.len;
    member_each(m, map)
    {
        bool named;
        struct smd_type type = smd_member(t, m->name, &named);
        buf_printf(&f->path, ".%.*s", STR_ARG(m->name));
        if (type.source == SMD_NONE)
            add_fault(f, STR("field not declared in schema"));
        else
            validate(f, type, m->value);
        f->path.len = length;
    }
}

static void validate(struct faults *f, struct smd_type t, const struct node *n)
{
    struct smd_atom atom;
    smd_resolve(t, &atom);
    smd_deduce(&atom, n);
    const char *wanted = atom.map != SMD_NO_MAP ? "map" : "list";
    if (atom.map == SMD_NO_MAP && atom.scalar != SCALAR_NONE) {
        validate_scalar(f, atom.scalar, n);
    } else if (n->kind == NODE_NULL) {
        return;
    } else if (n->kind != (atom.map != SMD_NO_MAP ? NODE_MAP : NODE_LIST)) {
        add_fault(
            f, arena_printf(f->s->arena, "expected %s, got &{%.*s}", wanted, STR_ARG(shown(f, n))));
    } else if (n->kind == NODE_MAP) {
        validate_members(f, t, n);
    } else {
        validate_items(f, &atom, n);
    }
}

struct str smd_validate(struct smd *s, struct smd_type t, const struct node *value,
                        bool allow_duplicates)
{
    struct faults f = {
        .s = s, .path = BUF_INIT, .text = BUF_INIT, .allow_duplicates = allow_duplicates};
    validate(&f, t, value);
    struct str text = arena_printf(s->arena, "%s%.*s", f.count > 1 ? "errors:\n  " : "",
                                   STR_ARG(buf_str(&f.text)));
    buf_release(&f.path);
    buf_release(&f.text);
    return text;
}
