#include "base/limits.h"
#include "object/regex.h"
#include "object/structural_internal.h"

/* Whether a schema is structural, after apiextensions' schema/validation.go. */

enum level {
    LEVEL_ROOT,
    LEVEL_ITEM,
    LEVEL_FIELD
};

struct checker {
    struct status *st;
    struct buf path;
    struct buf restricted; /* where the restriction stands whose subject is at path */
    size_t told;           /* bytes of paths that were said */
};

static bool is_done(const struct checker *c)
{
    return c->told >= LIMIT_FAULT_BYTES;
}

static struct str at(struct checker *c, const char *name)
{
    c->told += c->path.len;
    return arena_printf(c->st->arena, "%.*s.%s", STR_ARG(buf_str(&c->path)), name);
}

static void forbid(struct checker *c, const char *name, const char *why)
{
    field_forbidden(c->st, at(c, name), "%s", why);
}

/* Members that may not stand where a schema only restricts values. */
static const struct {
    const char *name, *why;
} nested_forbidden[] = {
    {"type", "must be empty to be structural"},
    {"additionalProperties", "must be undefined to be structural"},
    {"default", "must be undefined to be structural"},
    {"title", "must be empty to be structural"},
    {"description", "must be empty to be structural"},
    {"nullable", "must be false to be structural"},
    {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
    {"x-kubernetes-embedded-resource", "must be false to be structural"},
    {"x-kubernetes-int-or-string", "must be false to be structural"},
    {"x-kubernetes-list-map-keys", "must be empty to be structural"},
    {"x-kubernetes-list-type", "must be undefined to be structural"},
    {"x-kubernetes-map-type", "must be undefined to be structural"},
    {"x-kubernetes-validations", "must be empty to be structural"},
};

static void check_values(struct checker *c, const struct node *schema, bool skip_any,
                         bool skip_first_any);

/* Whether a list is [{type: integer}, {type: string}]: the one place where types may stand in
 * anyOf. */
static bool is_int_or_string(const struct node *list)
{
    static const char *const types[] = {"integer", "string"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        const struct node *n = node_item(list, i);
        if (node_count(list) != 2 || node_count(n) != 1 || !str_is(node_str(n, "type"), types[i]))
            return false;
    }
    return true;
}

static bool is_set(const struct node *n)
{
    if (!n || n->kind == NODE_NULL || (n->kind == NODE_BOOL && !n->boolean))
        return false;
    return n->kind != NODE_STRING || n->text.len > 0;
}

static void check_nested(struct checker *c, const struct node *schema, bool skip_any)
{
    size_t length = c->path.len;
    if (!schema || is_done(c))
        return;
    check_values(c, schema, skip_any, false);
    for (size_t i = 0; i < ARRAY_COUNT(nested_forbidden); i++)
        if (is_set(node_get(schema, str_from(nested_forbidden[i].name))))
            forbid(c, nested_forbidden[i].name, nested_forbidden[i].why);
    if (schema_property(schema, STR("metadata")))
        forbid(c, "properties[metadata]", "must not be specified in a nested context");
    member_each(m, node_get(schema, STR("properties")))
    {
        buf_printf(&c->path, ".properties[%.*s]", STR_ARG(m->name));
        check_nested(c, m->value, false);
        c->path.len = length;
    }
    buf_puts(&c->path, ".items");
    check_nested(c, node_get(schema, STR("items")), false);
    c->path.len = length;
}

static void check_pattern(struct checker *c, const struct node *schema)
{
    struct str pattern = node_str(schema, "pattern");
    char error[256];
    if (pattern.len == 0)
        return;
    struct regex *r = regex_new(pattern.data, pattern.len, error, sizeof(error));
    if (!r)
        field_invalid(c->st, at(c, "pattern"), pattern,
                      "must be a valid regular expression, but isn't: %s", error);
    regex_free(r);
}

static void check_values(struct checker *c, const struct node *schema, bool skip_any,
                         bool skip_first_any)
{
    static const char *const lists[] = {"anyOf", "allOf", "oneOf"};
    size_t length = c->path.len;
    for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
        size_t index = 0;
        if (k == 0 && skip_any)
            continue;
        node_each(n, node_get(schema, str_from(lists[k])))
        {
            buf_printf(&c->path, ".%s[%zu]", lists[k], index);
            check_nested(c, n, k == 1 && index == 0 && skip_first_any);
            c->path.len = length;
            index++;
        }
    }
    buf_puts(&c->path, ".not");
    check_nested(c, node_get(schema, STR("not")), false);
    c->path.len = length;
    check_pattern(c, schema);
}

static void check_type(struct checker *c, const struct node *schema, enum level level)
{
    static const char *const missing[] = {
        [LEVEL_ROOT] = "must not be empty at the root",
        [LEVEL_ITEM] = "must not be empty for specified array items",
        [LEVEL_FIELD] = "must not be empty for specified object fields",
    };
    struct str type = node_str(schema, "type");
    bool embedded = schema_flag(schema, "x-kubernetes-embedded-resource");
    bool open = schema_flag(schema, "x-kubernetes-int-or-string") ||
                schema_flag(schema, "x-kubernetes-preserve-unknown-fields");
    const char *why = "must be object if x-kubernetes-embedded-resource is true";
    if (embedded && !str_is(type, "object")) {
        if (type.len == 0)
            field_required(c->st, at(c, "type"), "%s", why);
        else
            field_invalid(c->st, at(c, "type"), type, "%s", why);
    } else if (type.len == 0 && !open) {
        field_required(c->st, at(c, "type"), "%s", missing[level]);
    }
    if (level == LEVEL_ROOT && type.len > 0 && !str_is(type, "object"))
        field_invalid(c->st, at(c, "type"), type, "must be object at the root");
}

static void check_extensions(struct checker *c, const struct node *schema)
{
    static const char *const excluded[] = {"x-kubernetes-preserve-unknown-fields",
                                           "x-kubernetes-embedded-resource"};
    for (size_t i = 0; i < ARRAY_COUNT(excluded); i++)
        if (schema_flag(schema, "x-kubernetes-int-or-string") && schema_flag(schema, excluded[i]))
            field_invalid_bare(c->st, at(c, excluded[i]), STR("true"),
                               "must be false if x-kubernetes-int-or-string is true");
}

/* At the root, metadata may only restrict name and generateName. */
static void check_metadata(struct checker *c, const struct node *schema, enum level level)
{
    static const char *const texts[] = {"kind", "apiVersion"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        const struct node *n = schema_property(schema, str_from(texts[i]));
        if (n && !str_is(node_str(n, "type"), "string"))
            field_invalid(c->st,
                          arena_printf(c->st->arena, "%.*s.properties[%s].type",
                                       STR_ARG(buf_str(&c->path)), texts[i]),
                          node_str(n, "type"), "must be string");
    }
    const struct node *metadata = schema_property(schema, STR("metadata"));
    if (!metadata)
        return;
    if (!str_is(node_str(metadata, "type"), "object"))
        field_invalid(c->st, at(c, "properties[metadata].type"), node_str(metadata, "type"),
                      "must be object");
    bool plain = level != LEVEL_ROOT;
    if (!plain) {
        plain = true;
        member_each(m, node_get(metadata, STR("properties"))) plain &=
            str_is(m->name, "name") || str_is(m->name, "generateName");
        member_each(m, metadata) plain &= str_is(m->name, "properties") ||
                                          str_is(m->name, "type") || str_is(m->name, "default") ||
                                          str_is(m->name, "description");
    }
    if (!plain)
        forbid(c, "properties[metadata]",
               "must not specify anything other than name and generateName, but metadata is "
               "implicitly specified");
}

static void check_schema(struct checker *c, const struct node *schema, enum level level)
{
    size_t length = c->path.len;
    const struct node *items = node_get(schema, STR("items"));
    const struct node *others = node_get(schema, STR("additionalProperties"));
    bool embedded = schema_flag(schema, "x-kubernetes-embedded-resource");
    if (is_done(c))
        return;
    if (str_is(node_str(schema, "type"), "array") && !items)
        field_required(c->st, at(c, "items"), "must be specified");
    if (items) {
        buf_puts(&c->path, ".items");
        check_schema(c, items, LEVEL_ITEM);
        c->path.len = length;
    }
    member_each(m, node_get(schema, STR("properties")))
    {
        buf_printf(&c->path, ".properties[%.*s]", STR_ARG(m->name));
        check_schema(c, m->value, LEVEL_FIELD);
        c->path.len = length;
    }
    if (others && level == LEVEL_ROOT)
        forbid(c, "additionalProperties", "must not be used at the root");
    if (node_is(others, NODE_MAP)) {
        buf_puts(&c->path, ".additionalProperties");
        check_schema(c, others, LEVEL_FIELD);
        c->path.len = length;
    }
    check_extensions(c, schema);
    const struct node *first = node_item(node_get(schema, STR("allOf")), 0);
    check_values(c, schema, is_int_or_string(node_get(schema, STR("anyOf"))),
                 is_int_or_string(node_get(first, STR("anyOf"))));
    check_type(c, schema, level);
    if (embedded && others)
        forbid(c, "additionalProperties",
               "must not be used if x-kubernetes-embedded-resource is set");
    if (level == LEVEL_ROOT || embedded)
        check_metadata(c, schema, level);
    if (embedded && !schema_flag(schema, "x-kubernetes-preserve-unknown-fields") &&
        node_count(node_get(schema, STR("properties"))) == 0)
        field_required(c->st, at(c, "properties"),
                       "must not be empty if x-kubernetes-embedded-resource is true without "
                       "x-kubernetes-preserve-unknown-fields");
}

/* What junctors restrict must be described outside of them. The original looks at the junctors of
 * the root, and from there at all depths. */
static void check_complete(struct checker *c, const struct node *restriction,
                           const struct node *schema);

static void check_complete_at(struct checker *c, const struct node *restriction,
                              const struct node *schema, const char *step)
{
    size_t length = c->path.len, restricted = c->restricted.len;
    buf_puts(&c->path, step);
    buf_puts(&c->restricted, step);
    if (schema) {
        check_complete(c, restriction, schema);
    } else if (!is_done(c)) {
        c->told += c->path.len + c->restricted.len;
        field_required(c->st, arena_str(c->st->arena, buf_str(&c->path)),
                       "because it is defined in %.*s", STR_ARG(buf_str(&c->restricted)));
    }
    c->path.len = length;
    c->restricted.len = restricted;
}

static void check_complete_junctors(struct checker *c, const struct node *restriction,
                                    const struct node *schema)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    const struct node *not = node_get(restriction, STR("not"));
    size_t restricted = c->restricted.len;
    if (node_is(not, NODE_MAP)) {
        buf_puts(&c->restricted, ".not");
        check_complete(c, not, schema);
        c->restricted.len = restricted;
    }
    for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
        size_t index = 0;
        node_each(n, node_get(restriction, str_from(lists[k])))
        {
            buf_printf(&c->restricted, ".%s[%zu]", lists[k], index++);
            check_complete(c, n, schema);
            c->restricted.len = restricted;
        }
    }
}

static void check_complete(struct checker *c, const struct node *restriction,
                           const struct node *schema)
{
    const struct node *items = node_get(restriction, STR("items"));
    check_complete_junctors(c, restriction, schema);
    if (node_is(items, NODE_MAP))
        check_complete_at(c, items, node_get(schema, STR("items")), ".items");
    member_each(m, node_get(restriction, STR("properties")))
    {
        const char *step = arena_printf(c->st->arena, ".properties[%.*s]", STR_ARG(m->name)).data;
        check_complete_at(c, m->value, schema_property(schema, m->name), step);
    }
}

void structural_check(const struct node *schema, struct str path, struct status *st)
{
    struct checker c = {.st = st, .path = BUF_INIT, .restricted = BUF_INIT};
    buf_add(&c.path, path);
    buf_add(&c.restricted, path);
    check_schema(&c, schema, LEVEL_ROOT);
    check_complete_junctors(&c, schema, schema);
    buf_release(&c.path);
    buf_release(&c.restricted);
}
