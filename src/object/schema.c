#include "object/schema.h"

#include "object/schema_tables.h"

size_t schema_type_count(void)
{
    return schema_types_count;
}

const struct schema_type *schema_type(schema_id id)
{
    assert(id != SCHEMA_NONE && id < schema_types_count);
    return &schema_types[id];
}

schema_id schema_type_by_name(struct str name)
{
    if (str_empty(name))
        return SCHEMA_NONE;
    size_t mask = ((size_t)1 << schema_name_index_bits) - 1;
    size_t slot =
        schema_hash(name.data, name.len) * SCHEMA_INDEX_MULTIPLIER >> (64 - schema_name_index_bits);
    for (uint16_t id; (id = schema_name_index[slot]); slot = (slot + 1) & mask)
        if (str_is(name, schema_types[id].name))
            return id;
    return SCHEMA_NONE;
}

static schema_id find_kind(struct str group, struct str version, struct str kind)
{
    char key[256];
    int len = snprintf(key, sizeof(key), "%.*s/%.*s/%.*s", STR_ARG(group), STR_ARG(version),
                       STR_ARG(kind));
    if (len < 0 || (size_t)len >= sizeof(key))
        return SCHEMA_NONE;
    size_t mask = ((size_t)1 << schema_kind_index_bits) - 1;
    size_t slot =
        schema_hash(key, (size_t)len) * SCHEMA_INDEX_MULTIPLIER >> (64 - schema_kind_index_bits);
    for (uint16_t id; (id = schema_kind_index[slot]); slot = (slot + 1) & mask) {
        const struct schema_type *t = &schema_types[id];
        if (str_is(kind, t->kind) && str_is(version, t->version) && str_is(group, t->group))
            return id;
    }
    return SCHEMA_NONE;
}

/* Kinds that the original registers in every group and version. */
static bool is_everywhere(struct str kind)
{
    static const char *const kinds[] = {"DeleteOptions", "CreateOptions", "UpdateOptions",
                                        "PatchOptions",  "ListOptions",   "GetOptions",
                                        "WatchEvent"};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (str_is(kind, kinds[i]))
            return true;
    return false;
}

schema_id schema_type_by_kind(struct str group, struct str version, struct str kind)
{
    schema_id id = find_kind(group, version, kind);
    if (id == SCHEMA_NONE && (is_everywhere(kind) || str_is(group, "meta.k8s.io")))
        id = find_kind(STR_NONE, STR("v1"), kind);
    return id;
}

const struct schema_field *schema_field(schema_id type, struct str name)
{
    if (type == SCHEMA_NONE || type >= schema_types_count || str_empty(name))
        return NULL;
    return schema_field_fast(&schema_types[type], name.data, name.len);
}

size_t resource_count(void)
{
    return schema_resources_count;
}

const struct resource *resource_at(size_t index)
{
    assert(index < schema_resources_count);
    return &schema_resources[index];
}

const struct resource *resource_by_name(struct str group, struct str version, struct str plural)
{
    for (size_t i = 0; i < schema_resources_count; i++) {
        const struct resource *r = &schema_resources[i];
        if (str_is(plural, r->plural) && str_is(group, r->group) && str_is(version, r->version))
            return r;
    }
    return NULL;
}

const struct resource *resource_by_id(uint16_t id)
{
    /* Ids are given in the order of the table, so the first guess is nearly always right. */
    if (id && id <= schema_resources_count && schema_resources[id - 1].id == id)
        return &schema_resources[id - 1];
    for (size_t i = 0; i < schema_resources_count; i++)
        if (schema_resources[i].id == id)
            return &schema_resources[i];
    return NULL;
}

const struct resource *resource_named(const char *group, const char *plural)
{
    for (size_t i = 0; i < schema_resources_count; i++)
        if (strcmp(schema_resources[i].plural, plural) == 0 &&
            strcmp(schema_resources[i].group, group) == 0)
            return &schema_resources[i];
    assert(!"resource_named: no such resource");
    return NULL;
}

const struct subresource *resource_subresource(const struct resource *r, struct str name)
{
    for (size_t i = 0; i < r->subresource_count; i++)
        if (str_is(name, r->subresources[i].name))
            return &r->subresources[i];
    return NULL;
}
