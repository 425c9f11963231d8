#include "object/apply_type.h"

#include "object/seal.h"

#define EXTENSION "x-kubernetes-"

static struct smd_type of_schema(schema_id id)
{
    return (struct smd_type){.source = SMD_SCHEMA, .id = id};
}

static struct smd_type of_scalar(enum smd_scalar kind)
{
    return (struct smd_type){.source = SMD_SCALAR, .scalar = kind};
}

static struct smd_type of_custom(const struct node *schema)
{
    if (!schema || schema->kind != NODE_MAP)
        return (struct smd_type){.source = SMD_DEDUCED};
    return (struct smd_type){.source = SMD_CUSTOM, .schema = schema};
}

struct smd_type smd_root(const struct apply_typing *typing)
{
    if (typing->type != SCHEMA_CUSTOM)
        return of_schema(typing->type);
    return (struct smd_type){.source = SMD_CUSTOM_ROOT, .schema = typing->custom_schema};
}

/* One value of a field, its shape aside. */
static void resolve_kind(const struct schema_field *f, struct smd_atom *ret)
{
    struct smd_type deduced = {.source = SMD_DEDUCED};
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING:
    case FIELD_BYTES: ret->scalar = SCALAR_STRING; return;
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_DOUBLE: ret->scalar = SCALAR_NUMBER; return;
    case FIELD_BOOL: ret->scalar = SCALAR_BOOL; return;
    case FIELD_MESSAGE: smd_resolve(of_schema(f->type), ret); return;
    case FIELD_RAW:
    case FIELD_FIELDS_V1:
        ret->map = SMD_MAP_GRANULAR;
        ret->untyped_map = true;
        return;
    case FIELD_JSON:
    case FIELD_SCHEMA_OR_ARRAY:
    case FIELD_SCHEMA_OR_BOOL:
    case FIELD_SCHEMA_OR_STRINGS: smd_resolve(deduced, ret); return;
    default: ret->scalar = SCALAR_ANY; return;
    }
}

static void split_keys(const char *list, struct smd_atom *ret)
{
    struct str rest = str_from(list);
    while (rest.data && ret->key_count < SMD_KEYS_MAX)
        ret->keys[ret->key_count++] = str_cut(&rest, ',');
}

static void resolve_field(const struct schema_field *f, struct smd_atom *ret)
{
    struct smd_type item = {.source = SMD_ITEM, .field = f};
    switch ((enum field_shape)f->shape) {
    case SHAPE_ONE:
        resolve_kind(f, ret);
        if ((f->flags & FIELD_MAP_ATOMIC) && ret->map != SMD_NO_MAP)
            ret->map = SMD_MAP_ATOMIC;
        if (strcmp(f->name, "claimRef") == 0 && ret->map == SMD_MAP_ATOMIC)
            ret->map = SMD_MAP_GRANULAR; /* of PersistentVolumeSpec: the one reference in parts */
        return;
    case SHAPE_LIST:
        ret->list = f->list_type == LIST_MAP   ? SMD_LIST_MAP
                    : f->list_type == LIST_SET ? SMD_LIST_SET
                                               : SMD_LIST_ATOMIC;
        ret->items = item;
        if (ret->list == SMD_LIST_MAP)
            split_keys(f->list_keys ? f->list_keys : f->merge_key, ret);
        return;
    case SHAPE_MAP:
    case SHAPE_MAP_OF_LIST:
        ret->map = f->flags & FIELD_MAP_ATOMIC ? SMD_MAP_ATOMIC : SMD_MAP_GRANULAR;
        return;
    }
}

static void resolve_custom_list(const struct node *schema, struct smd_atom *ret)
{
    struct str type = node_str(node_get(schema, STR(EXTENSION "list-type")), "");
    ret->list = str_is(type, "map")   ? SMD_LIST_MAP
                : str_is(type, "set") ? SMD_LIST_SET
                                      : SMD_LIST_ATOMIC;
    ret->items = of_custom(node_get(schema, STR("items")));
    node_each(key,
              node_get(schema, STR(EXTENSION "list-map-keys"))) if (ret->key_count < SMD_KEYS_MAX)
        ret->keys[ret->key_count++] = node_str(key, "");
    if (ret->list == SMD_LIST_MAP && ret->key_count == 0)
        ret->list = SMD_LIST_ATOMIC;
}

static bool flag(const struct node *schema, struct str name)
{
    return node_flag(node_get(schema, name), "", false);
}

static void resolve_custom(const struct node *schema, struct smd_atom *ret)
{
    struct str type = node_str(schema, "type");
    struct smd_type deduced = {.source = SMD_DEDUCED}, atomic = {.source = SMD_ATOMIC};
    bool preserves = flag(schema, STR(EXTENSION "preserve-unknown-fields"));
    if (flag(schema, STR(EXTENSION "int-or-string"))) {
        ret->scalar = SCALAR_ANY;
    } else if (str_is(type, "object")) {
        bool atomic_map =
            str_is(node_str(node_get(schema, STR(EXTENSION "map-type")), ""), "atomic");
        ret->map = atomic_map ? SMD_MAP_ATOMIC : SMD_MAP_GRANULAR;
        ret->untyped_map = preserves && node_count(node_get(schema, STR("properties"))) == 0;
    } else if (str_is(type, "array")) {
        resolve_custom_list(schema, ret);
    } else if (str_is(type, "string")) {
        ret->scalar = node_has(schema, "format") ? SCALAR_ANY : SCALAR_STRING;
    } else if (str_is(type, "integer") || str_is(type, "number")) {
        ret->scalar = SCALAR_NUMBER;
    } else if (str_is(type, "boolean")) {
        ret->scalar = SCALAR_BOOL;
    } else {
        smd_resolve(preserves ? deduced : atomic, ret);
    }
}

void smd_resolve(struct smd_type t, struct smd_atom *ret)
{
    memset(ret, 0, sizeof(*ret));
    switch (t.source) {
    case SMD_NONE: return;
    case SMD_SCALAR: ret->scalar = t.scalar; return;
    case SMD_SCHEMA:
        ret->map = schema_type(t.id)->atomic ? SMD_MAP_ATOMIC : SMD_MAP_GRANULAR;
        return;
    case SMD_FIELD: resolve_field(t.field, ret); return;
    case SMD_ITEM:
        if (t.field->shape == SHAPE_MAP_OF_LIST) {
            ret->list = SMD_LIST_ATOMIC;
            ret->items = of_scalar(SCALAR_STRING);
        } else {
            resolve_kind(t.field, ret);
        }
        return;
    case SMD_CUSTOM_ROOT: ret->map = SMD_MAP_GRANULAR; return;
    case SMD_CUSTOM: resolve_custom(t.schema, ret); return;
    case SMD_DEDUCED:
        ret->scalar = SCALAR_ANY;
        ret->list = SMD_LIST_ATOMIC;
        ret->items = (struct smd_type){.source = SMD_ATOMIC};
        ret->map = SMD_MAP_GRANULAR;
        ret->untyped_map = true;
        return;
    case SMD_ATOMIC:
        ret->scalar = SCALAR_ANY;
        ret->list = SMD_LIST_ATOMIC;
        ret->items = t;
        ret->map = SMD_MAP_ATOMIC;
        return;
    }
}

static struct smd_type schema_member(schema_id id, struct str name, bool *ret_named)
{
    const struct schema_field *f = schema_field(id, name);
    *ret_named = true;
    if (f)
        return (struct smd_type){.source = SMD_FIELD, .field = f};
    if (schema_type(id)->is_kind && (str_is(name, "apiVersion") || str_is(name, "kind")))
        return of_scalar(SCALAR_STRING);
    *ret_named = false;
    return (struct smd_type){.source = SMD_NONE};
}

static struct smd_type custom_member(const struct node *schema, struct str name, bool *ret_named)
{
    const struct node *property = node_get(node_get(schema, STR("properties")), name);
    const struct node *others = node_get(schema, STR("additionalProperties"));
    *ret_named = property != NULL;
    if (property && flag(property, STR(EXTENSION "embedded-resource")))
        return (struct smd_type){.source = SMD_CUSTOM_ROOT, .schema = property};
    if (property)
        return of_custom(property);
    if (others && others->kind == NODE_MAP)
        return of_custom(others);
    if (!schema || flag(schema, STR(EXTENSION "preserve-unknown-fields")))
        return (struct smd_type){.source = SMD_DEDUCED};
    if (node_flag(others, "", false) || node_count(node_get(schema, STR("properties"))) == 0)
        return (struct smd_type){.source = SMD_ATOMIC};
    return (struct smd_type){.source = SMD_NONE};
}

/* Type of one item or member value of a field. */
static struct smd_type kind_member(const struct schema_field *f, struct str name, bool *ret_named)
{
    if (f->kind == FIELD_MESSAGE)
        return schema_member(f->type, name, ret_named);
    *ret_named = false;
    return (struct smd_type){.source = SMD_DEDUCED};
}

struct smd_type smd_member(struct smd_type t, struct str name, bool *ret_named)
{
    *ret_named = false;
    switch (t.source) {
    case SMD_NONE:
    case SMD_SCALAR: break;
    case SMD_SCHEMA: return schema_member(t.id, name, ret_named);
    case SMD_FIELD:
        if (t.field->shape == SHAPE_ONE)
            return kind_member(t.field, name, ret_named);
        return (struct smd_type){.source = SMD_ITEM, .field = t.field};
    case SMD_ITEM: return kind_member(t.field, name, ret_named);
    case SMD_CUSTOM_ROOT:
        *ret_named = true;
        if (str_is(name, "apiVersion") || str_is(name, "kind"))
            return of_scalar(SCALAR_STRING);
        if (str_is(name, "metadata"))
            return of_schema(schema_type_by_name(STR("meta/v1.ObjectMeta")));
        return custom_member(t.schema, name, ret_named);
    case SMD_CUSTOM: return custom_member(t.schema, name, ret_named);
    case SMD_DEDUCED:
    case SMD_ATOMIC: return t;
    }
    return (struct smd_type){.source = SMD_NONE};
}

struct node *smd_key_default(struct arena *a, struct smd_type item, struct str name)
{
    bool named;
    struct smd_type t = smd_member(item, name, &named);
    if (t.source == SMD_CUSTOM)
        return node_get(t.schema, STR("default"));
    if (t.source != SMD_FIELD)
        return NULL;
    struct status st;
    struct node *value;
    status_init(&st, a);
    if (t.field->default_json && json_parse(a, str_from(t.field->default_json), &value, &st) == 0)
        return value;
    /* Values that Go always prints have their zero as default. */
    if ((t.field->flags & (FIELD_ALWAYS | FIELD_POINTER)) != FIELD_ALWAYS ||
        t.field->shape != SHAPE_ONE)
        return NULL;
    if (t.field->kind == FIELD_STRING)
        return node_text(a, STR(""));
    if (t.field->kind == FIELD_INT32 || t.field->kind == FIELD_INT64)
        return node_int(a, 0);
    return NULL;
}

void smd_deduce(struct smd_atom *atom, const struct node *value)
{
    if (!value || value->kind == NODE_NULL)
        return;
    bool is_map = value->kind == NODE_MAP, is_list = value->kind == NODE_LIST;
    if (is_map    ? atom->map == SMD_NO_MAP
        : is_list ? atom->list == SMD_NO_LIST
                  : atom->scalar == SCALAR_NONE)
        return;
    if (!is_map)
        atom->map = SMD_NO_MAP;
    if (!is_list)
        atom->list = SMD_NO_LIST;
    if (is_map || is_list)
        atom->scalar = SCALAR_NONE;
}
