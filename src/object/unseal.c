/* Blocks to trees, as JSON would show them (seal.h). */
#include "object/unseal.h"
#include "object/fields_v1.h"
#include "object/json.h"
#include "object/scalar.h"
#include "object/schema_tables.h"
#include "object/seal.h"
#include "object/typed.h"
#include "object/value_parts.h"

static struct node *object_to_node(struct arena *a, const struct schema_type *t,
                                   const uint8_t *data, uint32_t size, struct str revision,
                                   struct node *map);

/* What Go prints for an absent field that it always prints. */
static struct node *filler(struct arena *a, const struct schema_field *f)
{
    if (f->shape != SHAPE_ONE || f->flags & FIELD_POINTER)
        return node_null(a);
    switch ((enum field_kind)f->kind) {
    case FIELD_STRING: return node_text(a, STR(""));
    case FIELD_INT32:
    case FIELD_INT64:
    case FIELD_INT_OR_STRING: return node_int(a, 0);
    case FIELD_DOUBLE: return node_double(a, 0);
    case FIELD_BOOL: return node_bool(a, false);
    case FIELD_QUANTITY: return node_text(a, STR("0"));
    case FIELD_DURATION: return node_text(a, STR("0s"));
    case FIELD_MESSAGE:
        return object_to_node(a, schema_type_fast(f->type), (const uint8_t *)"", 0, STR_NONE,
                              node_map(a));
    default: return node_null(a);
    }
}

static void put_type_meta(struct arena *a, const struct schema_type *t, struct node *n)
{
    json_add_member(a, n, STR("kind"), node_text(a, str_from(t->kind)));
    json_add_member(a, n, STR("apiVersion"),
                    t->group[0] ? node_text_printf(a, "%s/%s", t->group, t->version)
                                : node_text(a, str_from(t->version)));
}

/* A kind among the fields of another one (claims in a StatefulSet) says what it is, as the original
 * has it say; the items of a list of a kind don't. */
static struct node *kind_item(struct arena *a, const struct schema_type *t, struct value item)
{
    struct node *n = node_map(a);
    put_type_meta(a, t, n);
    return object_to_node(a, t, item.data, item.size, STR_NONE, n);
}

static struct node *list_to_node(struct arena *a, struct value v)
{
    struct node *list = node_list(a);
    struct gathered_items gathered;
    struct value_iter it = value_iter(v);
    gathered.count = 0;
    bool items = v.field && str_is((struct str){v.field->name, v.field->name_len}, "items");
    for (struct value item; value_next(&it, &item);) {
        const struct schema_type *t =
            item.kind == VALUE_OBJECT ? schema_type_fast(item.type) : NULL;
        bool says_kind = t && t->is_kind && !items;
        gather_item(a, &gathered, list, says_kind ? kind_item(a, t, item) : value_to_node(a, item));
    }
    items_gathered(a, &gathered, list);
    return list;
}

static struct node *map_to_node(struct arena *a, struct value v)
{
    struct node *map = node_map(a);
    struct gathered_members members;
    struct value_iter it = value_iter(v);
    members.count = 0;
    for (struct value item; value_next(&it, &item);) {
        struct str name = arena_str(a, it.key);
        gather_member(a, &members, map, (struct member){name, value_to_node(a, item)});
    }
    members_gathered(a, &members, map);
    return map;
}

struct node *value_to_node(struct arena *a, struct value v)
{
    switch ((enum value_kind)v.kind) {
    case VALUE_NONE:
    case VALUE_NULL: return node_null(a);
    case VALUE_BOOL: return node_bool(a, integer_read(v.data, v.size) != 0);
    case VALUE_INT: return node_int(a, integer_read(v.data, v.size));
    case VALUE_DOUBLE: return node_double(a, double_read(v.data, v.size));
    case VALUE_STRING: return node_text_copy(a, (struct str){(const char *)v.data, v.size});
    case VALUE_TIME:
        if (value_time_us(v, "") == TIME_ZERO_S * 1000000)
            return node_null(a);
        fallthrough;
    case VALUE_BYTES: return node_text(a, value_text(a, v, ""));
    case VALUE_FIELDS:
        return v.detail & DETAIL_RAW ? fields_set_to_node(a, v.data, v.size)
                                     : fields_to_node(a, v.data, v.size);
    case VALUE_LIST: return list_to_node(a, v);
    case VALUE_MAP: return map_to_node(a, v);
    case VALUE_OBJECT:
        return object_to_node(a, schema_type_fast(v.type), v.data, v.size, STR_NONE, node_map(a));
    }
    return node_null(a);
}

/* Adds the fields to map in the order of the type, those that are always shown included. A revision
 * belongs into metadata. */
static struct node *object_to_node(struct arena *a, const struct schema_type *t,
                                   const uint8_t *data, uint32_t size, struct str revision,
                                   struct node *map)
{
    struct part parts[64];
    uint64_t present = 0;
    for (const uint8_t *p = data, *end = data + size; p < end;) {
        const struct schema_field *f = schema_field_by_tag(t, *p);
        struct part part;
        p = part_read(p + 1, &part);
        if (!f)
            continue;
        parts[f - t->fields] = part;
        present |= 1ULL << (f - t->fields);
    }
    node_reserve(a, map, (uint32_t)__builtin_popcountll(present | t->always_mask));
    for (uint64_t todo = present | t->always_mask; todo; todo &= todo - 1) {
        int index = __builtin_ctzll(todo);
        const struct schema_field *f = &t->fields[index];
        struct part part = present >> index & 1 ? parts[index] : PART_EMPTY;
        struct node *n;
        if (revision.len && f == revision_metadata(t)) {
            n = object_to_node(a, schema_type_fast(f->type), part.data, part.size, STR_NONE,
                               node_map(a));
            put_revision(a, schema_type_fast(f->type), n, revision);
        } else {
            n = present >> index & 1 ? value_to_node(a, value_of_field(f, part)) : filler(a, f);
        }
        json_add_member(a, map, (struct str){f->name, f->name_len}, n);
    }
    return map;
}

const struct schema_field *revision_metadata(const struct schema_type *t)
{
    const struct schema_field *f = t->field_count ? schema_field_fast(t, "metadata", 8) : NULL;
    if (!f || f->kind != FIELD_MESSAGE || f->shape != SHAPE_ONE)
        return NULL;
    return schema_field(f->type, STR("resourceVersion")) ? f : NULL;
}

/* Before the first member that comes behind it in its type (typed), or in the alphabet (t is NULL).
 */
void put_revision(struct arena *a, const struct schema_type *t, struct node *metadata,
                  struct str revision)
{
    struct str name = STR("resourceVersion");
    const struct schema_field *own = t ? schema_field_fast(t, name.data, name.len) : NULL;
    if (t && !own)
        return;
    node_set(a, metadata, name, node_text_copy(a, revision));
    uint32_t last = metadata->map.count - 1, at = 0;
    struct member m = metadata->map.members[last];
    if (!str_equal(m.name, name))
        return; /* it stood there already */
    for (; at < last; at++) {
        struct str other = metadata->map.members[at].name;
        if (t ? schema_field_fast(t, other.data, other.len) > own : str_compare(other, name) > 0)
            break;
    }
    memmove(metadata->map.members + at + 1, metadata->map.members + at, (last - at) * sizeof(m));
    metadata->map.members[at] = m;
}

struct node *unseal(struct arena *a, const struct sealed *s)
{
    char digits[JSON_NUMBER_BYTES];
    struct str revision = {digits, 0};
    if (s->revision)
        revision.len =
            (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)s->revision);
    if (s->type == SCHEMA_CUSTOM) {
        struct node *n = map_to_node(a, sealed_root(s));
        struct node *metadata = node_get(n, STR("metadata"));
        if (revision.len && node_is(metadata, NODE_MAP))
            put_revision(a, NULL, metadata, revision);
        return n;
    }
    const struct schema_type *t = schema_type(s->type);
    struct node *n = node_map(a);
    if (t->is_kind)
        put_type_meta(a, t, n);
    return object_to_node(a, t, s->body, s->size - BLOCK_HEADER_BYTES, revision, n);
}

struct node *body_to_node(struct arena *a, schema_id type, const uint8_t *data, uint32_t size)
{
    return object_to_node(a, schema_type_fast(type), data, size, STR_NONE, node_map(a));
}
