/* Definitions of custom resources: structural schemas as the original publishes them. Swagger 2
 * can't say all that they can, and kubectl takes some of what it could say the wrong way, so its
 * dialect leaves much out. */
#include "object/openapi_internal.h"

#include "object/seal.h"

/* What a schema describes: any value, an object of a kind inside of another, the custom resource.
 */
enum place {
    PLACE_VALUE,
    PLACE_EMBEDDED,
    PLACE_ROOT
};

/* "kaname.test" -> "test.kaname.v1.Gadget". */
struct str custom_definition_name(struct arena *a, const struct resource *r, const char *suffix)
{
    struct buf name = BUF_INIT;
    struct str group = str_from(r->group);
    while (group.len > 0) {
        ssize_t dot = str_find_last(group, '.');
        buf_add(&name, str_slice(group, (size_t)(dot + 1), group.len));
        buf_putc(&name, '.');
        group = str_slice(group, 0, dot < 0 ? 0 : (size_t)dot);
    }
    buf_printf(&name, "%s.%s%s", r->version, r->kind, suffix);
    struct str text = arena_str(a, buf_str(&name));
    buf_release(&name);
    return text;
}

void write_custom_reference(struct document *d, const struct resource *r, const char *suffix)
{
    struct str name = custom_definition_name(d->arena, r, suffix);
    write_open(d, '{');
    write_key(d, "$ref");
    write_text(d, arena_printf(d->arena, "%s%.*s", reference_base(d), STR_ARG(name)));
    write_close(d, '}');
}

static void write_name(struct document *d, struct str name)
{
    write_text(d, name);
    buf_putc(d->out, ':');
}

static void write_schema(struct document *d, const struct node *n, enum place place);

/* A member's value as it is. */
static void write_as_is(struct document *d, const struct member *m)
{
    write_name(d, m->name);
    node_to_json(d->out, m->value, 0);
}

static bool preserves(const struct node *schema)
{
    return node_flag(node_get(schema, STR("x-kubernetes-preserve-unknown-fields")), "", false);
}

static bool is_nullable(const struct node *schema)
{
    return node_flag(schema, "nullable", false);
}

static void write_metadata(struct document *d, const char *type)
{
    schema_id id = schema_type_by_name(str_from(type));
    write_key(d, "metadata");
    write_open(d, '{');
    write_member(d, "description", METADATA_TEXT);
    if (d->dialect == OPENAPI_V3) {
        write_key(d, "allOf");
        write_open(d, '[');
        write_reference(d, id);
        write_close(d, ']');
    } else {
        write_reference_member(d, id);
    }
    write_close(d, '}');
}

static void write_properties(struct document *d, const struct node *schema, enum place place)
{
    const struct node *properties = node_get(schema, STR("properties"));
    /* Swagger 2 knows neither null nor more members than it lists. */
    if (d->dialect == OPENAPI_V2 && (is_nullable(schema) || preserves(schema)))
        properties = NULL;
    if (place == PLACE_VALUE && node_count(properties) == 0)
        return;
    write_key(d, "properties");
    write_open(d, '{');
    if (place != PLACE_VALUE) {
        write_raw(d, TYPE_META);
        write_metadata(d, "meta/v1.ObjectMeta");
    }
    member_each(m, properties)
    {
        if (place != PLACE_VALUE && (str_is(m->name, "apiVersion") || str_is(m->name, "kind") ||
                                     str_is(m->name, "metadata")))
            continue;
        write_name(d, m->name);
        write_schema(d, m->value, PLACE_VALUE);
    }
    write_close(d, '}');
}

static void write_required(struct document *d, const struct node *schema, enum place place)
{
    bool v2 = d->dialect == OPENAPI_V2, kind = false, version = false;
    const struct node *required = node_get(schema, STR("required"));
    /* What may be null isn't required where null can't be said. */
    if (v2 && is_nullable(node_get(schema, STR("additionalProperties"))))
        required = NULL;
    const struct node *properties = node_get(schema, STR("properties"));
    size_t start = d->out->len;
    write_key(d, "required");
    write_open(d, '[');
    size_t empty = d->out->len;
    node_each(item, required)
    {
        struct str name = node_str(item, "");
        if (v2 && !preserves(schema) && is_nullable(node_get(properties, name)))
            continue;
        kind |= str_is(name, "kind");
        version |= str_is(name, "apiVersion");
        write_text(d, name);
    }
    if (place == PLACE_EMBEDDED && !kind)
        write_text(d, STR("kind"));
    if (place == PLACE_EMBEDDED && !version)
        write_text(d, STR("apiVersion"));
    if (d->out->len == empty)
        d->out->len = start;
    else
        write_close(d, ']');
}

/* [{"type": "integer"}, {"type": "string"}] */
static bool integer_or_string(const struct node *any_of)
{
    return node_count(any_of) == 2 && str_is(node_str(node_item(any_of, 0), "type"), "integer") &&
           str_is(node_str(node_item(any_of, 1), "type"), "string");
}

/* Members that combine schemas; values of x-kubernetes-int-or-string are said to be either. */
static void write_junctors(struct document *d, const struct node *schema)
{
    static const char either[] = "\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]";
    const struct node *any = node_get(schema, STR("anyOf")), *all = node_get(schema, STR("allOf"));
    bool add = node_flag(node_get(schema, STR("x-kubernetes-int-or-string")), "", false) &&
               !integer_or_string(any) &&
               !integer_or_string(node_get(node_item(all, 0), STR("anyOf")));
    bool into_all = add && node_count(any) > 0;
    if (add && !into_all)
        write_raw(d, either);
    if (into_all || node_count(all) > 0) {
        write_key(d, "allOf");
        write_open(d, '[');
        if (into_all) {
            write_open(d, '{');
            write_raw(d, either);
            write_close(d, '}');
        }
        node_each(item, all)
        {
            write_raw(d, "");
            node_to_json(d->out, item, 0);
        }
        write_close(d, ']');
    }
    member_each(m, schema)
    {
        if (((str_is(m->name, "anyOf") || str_is(m->name, "oneOf")) && node_count(m->value) > 0) ||
            (str_is(m->name, "not") && node_is(m->value, NODE_MAP)))
            write_as_is(d, m);
    }
}

static void write_type_name(struct document *d, const struct node *schema)
{
    struct str type = node_str(schema, "type");
    bool hides = d->dialect == OPENAPI_V2 && (is_nullable(schema) || preserves(schema));
    bool array = str_is(type, "array");
    /* kubectl can't cope with arrays without items, nor with objects of unknown fields. */
    if (type.len == 0 || (d->dialect == OPENAPI_V2 && is_nullable(schema)) ||
        (hides && (array || str_is(type, "object"))) ||
        (d->dialect == OPENAPI_V2 && array && !node_has(schema, "items")))
        return;
    write_name(d, STR("type"));
    node_to_json(d->out, node_get(schema, STR("type")), 0);
}

static void write_nested(struct document *d, const struct node *schema)
{
    bool hides = d->dialect == OPENAPI_V2 && (is_nullable(schema) || preserves(schema));
    member_each(m, schema)
    {
        bool items = str_is(m->name, "items");
        if (!(items && !hides) && !str_is(m->name, "additionalProperties"))
            continue;
        if (!node_is(m->value, NODE_MAP)) {
            if (!items)
                write_as_is(d, m);
            continue;
        }
        write_name(d, m->name);
        write_schema(d, m->value, PLACE_VALUE);
    }
}

/* Members that are said as they are. */
static void write_others(struct document *d, const struct node *schema)
{
    static const char *const handled[] = {"type",  "properties", "required",
                                          "items", "anyOf",      "oneOf",
                                          "allOf", "not",        "additionalProperties"};
    bool v2 = d->dialect == OPENAPI_V2;
    member_each(m, schema)
    {
        bool skip = v2 && (str_is(m->name, "default") || str_is(m->name, "nullable"));
        for (size_t i = 0; i < ARRAY_COUNT(handled); i++)
            skip |= str_is(m->name, handled[i]);
        bool free = str_is(m->name, "default") || str_is(m->name, "example");
        bool empty = node_is(m->value, NODE_NULL) ||
                     (node_is(m->value, NODE_BOOL) && !m->value->boolean) ||
                     (node_is(m->value, NODE_STRING) && m->value->text.len == 0) ||
                     (node_is(m->value, NODE_LIST) && node_count(m->value) == 0);
        if (!skip && (free || !empty))
            write_as_is(d, m);
    }
}

static void write_schema_members(struct document *d, const struct node *schema, enum place place)
{
    write_type_name(d, schema);
    write_others(d, schema);
    if (d->dialect == OPENAPI_V3)
        write_junctors(d, schema);
    write_required(d, schema, place);
    write_properties(d, schema, place);
    write_nested(d, schema);
}

/* As deep as requests may nest, which decoding sees to. */
static void write_schema(struct document *d, const struct node *n, enum place place)
{
    bool embedded = node_flag(node_get(n, STR("x-kubernetes-embedded-resource")), "", false) &&
                    !(d->dialect == OPENAPI_V2 && preserves(n));
    write_open(d, '{');
    write_schema_members(d, n, embedded ? PLACE_EMBEDDED : place);
    write_close(d, '}');
}

/* What definitions end with. */
static void write_extensions(struct document *d, const struct openapi_custom *c, const char *kind)
{
    write_key(d, "x-kubernetes-group-version-kind");
    write_open(d, '[');
    write_kind(d, c->resource->group, c->resource->version, kind);
    write_close(d, ']');
    if (node_count(c->selectable_fields) == 0)
        return;
    write_key(d, "x-kubernetes-selectable-fields");
    write_open(d, '[');
    node_each(item, c->selectable_fields)
    {
        struct str path = node_str(item, "jsonPath");
        write_open(d, '{');
        write_key(d, "fieldPath");
        write_text(d, str_slice(path, str_starts(path, ".") ? 1 : 0, path.len));
        write_close(d, '}');
    }
    write_close(d, ']');
}

static void write_custom_list(struct document *d, const struct openapi_custom *c)
{
    write_name(d, custom_definition_name(d->arena, c->resource, "List"));
    write_raw(d, "{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{" TYPE_META);
    write_key(d, "items");
    write_raw(d, "{\"type\":\"array\"");
    write_key(d, "items");
    write_custom_reference(d, c->resource, "");
    write_close(d, '}');
    write_metadata(d, "meta/v1.ListMeta");
    write_close(d, '}');
    write_extensions(d, c, c->resource->list_kind);
    write_close(d, '}');
}

void write_custom(struct document *d, const struct openapi_custom *c)
{
    write_name(d, custom_definition_name(d->arena, c->resource, ""));
    write_open(d, '{');
    /* kubectl would take listed properties for all that there are. */
    if (!c->schema || (d->dialect == OPENAPI_V2 && preserves(c->schema)))
        write_member(d, "type", "object");
    else
        write_schema_members(d, c->schema, PLACE_ROOT);
    write_extensions(d, c, c->resource->kind);
    write_close(d, '}');
    write_custom_list(d, c);
}
