#include "cli/document.h"

#include "cli/suggest.h"
#include "cli/trouble.h"
#include "object/seal.h"
#include "object/yaml_place.h"
#include "sys/whole_file.h"

enum {
    DOCUMENT_BYTES_MAX = 4 << 20
};

static const struct document_format *const formats[] = {&document_eksctl, &document_kind};

const struct document_format *document_format_at(size_t index)
{
    return index < ARRAY_COUNT(formats) ? formats[index] : NULL;
}

const struct document_field *document_field(const struct document_field *fields, struct str name)
{
    for (const struct document_field *f = fields; f && f->name; f++)
        if (str_is(name, f->name))
            return f;
    return NULL;
}

struct checker {
    struct arena *arena;
    struct document *document;
    struct status *st;
};

/* What a value must be, in words. */
static const char *const type_words[] = {
    [DOC_TEXT] = "text (in quotes, when it looks like something else)",
    [DOC_NUMBER] = "a number",
    [DOC_FLAG] = "true or false",
    [DOC_TEXTS] = "a list of texts",
    [DOC_TEXT_MAP] = "a map of texts (in quotes, when they look like something else)",
    [DOC_OBJECT] = "a map",
    [DOC_OBJECTS] = "a list of maps",
    [DOC_OBJECT_MAP] = "a map of maps",
    [DOC_ANY] = "anything"};

static struct str located(const struct checker *c, const struct place *at, bool key,
                          struct str path)
{
    return arena_printf(c->arena, "%s:%u:%u: %.*s", c->document->path,
                        !at   ? 1
                        : key ? at->key_line
                              : at->line,
                        !at   ? 1
                        : key ? at->key_column
                              : at->column,
                        STR_ARG(path));
}

static int unknown(const struct checker *c, const struct document_field *fields,
                   const struct place *at, struct str path, struct str name)
{
    struct suggestion near = {.word = STR_NONE};
    for (const struct document_field *f = fields; f->name; f++)
        suggest(&near, name, str_from(f->name));
    return trouble_set(c->st, KN_FIELD_UNKNOWN, "%.*s is no field of %s%s%.*s%s",
                       STR_ARG(located(c, at, true, path)), c->document->format->kind,
                       near.word.len ? "; is " : "", STR_ARG(near.word),
                       near.word.len ? " meant?" : "");
}

static bool one_of(const char *values, struct str text)
{
    for (struct str rest = str_from(values); rest.data && rest.len;) {
        struct str one = str_cut(&rest, '|');
        if (str_equal(one, text))
            return true;
    }
    return false;
}

static bool all_texts(const struct node *value)
{
    for (size_t i = 0; value->kind == NODE_LIST && i < node_count(value); i++)
        if (!node_is(node_item(value, i), NODE_STRING))
            return false;
    member_each(m, value)
    {
        if (m->value->kind != NODE_STRING)
            return false;
    }
    return true;
}

static bool fits(enum document_type type, const struct node *value)
{
    switch (type) {
    case DOC_TEXT: return value->kind == NODE_STRING;
    case DOC_NUMBER: return value->kind == NODE_INT || value->kind == NODE_DOUBLE;
    case DOC_FLAG: return value->kind == NODE_BOOL;
    case DOC_TEXTS: return value->kind == NODE_LIST && all_texts(value);
    case DOC_TEXT_MAP: return value->kind == NODE_MAP && all_texts(value);
    case DOC_OBJECT:
    case DOC_OBJECT_MAP: return value->kind == NODE_MAP;
    case DOC_OBJECTS: return value->kind == NODE_LIST;
    case DOC_ANY: break;
    }
    return true;
}

/* Values that ask for nothing. */
static bool asks(const struct node *value)
{
    switch ((enum node_kind)value->kind) {
    case NODE_NULL: return false;
    case NODE_BOOL: return value->boolean;
    case NODE_INT: return value->integer != 0;
    case NODE_STRING: return value->text.len > 0;
    case NODE_LIST:
    case NODE_MAP: return node_count(value) > 0;
    default: return true;
    }
}

static int check_object(struct checker *c, const struct document_field *fields,
                        const struct node *value, const struct place *at, struct str path,
                        bool reported);

static int check_inside(struct checker *c, const struct document_field *f, const struct node *value,
                        const struct place *at, struct str path, bool reported)
{
    if (f->type == DOC_OBJECT)
        return check_object(c, f->fields, value, at, path, reported);
    if (f->type == DOC_OBJECTS)
        for (size_t i = 0; i < node_count(value); i++) {
            const struct place *item = place_item(at, i);
            struct str name = arena_printf(c->arena, "%.*s[%zu]", STR_ARG(path), i);
            if (!node_is(node_item(value, i), NODE_MAP))
                return trouble_set(c->st, KN_FIELD_INVALID, "%.*s must be a map",
                                   STR_ARG(located(c, item ? item : at, false, name)));
            if (check_object(c, f->fields, node_item(value, i), item, name, reported))
                return -1;
        }
    if (f->type == DOC_OBJECT_MAP)
        member_each(m, value)
        {
            struct str name = arena_printf(c->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(m->name));
            if (m->value->kind == NODE_MAP &&
                check_object(c, f->fields, m->value, place_member(at, m->name), name, reported))
                return -1;
        }
    return 0;
}

static int check_value(struct checker *c, const struct document_field *f, const struct node *value,
                       const struct place *at, struct str path, bool reported)
{
    if (value->kind == NODE_NULL)
        return 0;
    if (!fits(f->type, value))
        return trouble_set(c->st, KN_FIELD_INVALID, "%.*s must be %s",
                           STR_ARG(located(c, at, false, path)), type_words[f->type]);
    if (f->values && f->type == DOC_TEXT && !one_of(f->values, value->text))
        return trouble_set(c->st, KN_FIELD_INVALID, "%.*s: %.*s is none of %s",
                           STR_ARG(located(c, at, false, path)), STR_ARG(value->text), f->values);
    bool served = !f->served || f->type != DOC_TEXT || one_of(f->served, value->text);
    if (!reported && (f->support != DOC_USED || !served) && asks(value)) {
        struct node *list = f->support == DOC_NO_EFFECT ? c->document->notes : c->document->refused;
        node_append(c->arena, list, node_text(c->arena, located(c, at, true, path)));
        reported = true;
    }
    /* What becomes a member of a request goes there as a whole. */
    return check_inside(c, f, value, at, path, reported || f->to);
}

static int check_object(struct checker *c, const struct document_field *fields,
                        const struct node *value, const struct place *at, struct str path,
                        bool reported)
{
    member_each(m, value)
    {
        const struct document_field *f = document_field(fields, m->name);
        const struct place *place = place_member(at, m->name);
        struct str name = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(path), path.len ? "." : "",
                                       STR_ARG(m->name));
        if (!f)
            return unknown(c, fields, place ? place : at, name, m->name);
        if (check_value(c, f, m->value, place ? place : at, name, reported))
            return -1;
    }
    return 0;
}

static int find_format(struct checker *c, const struct place *root)
{
    struct document *d = c->document;
    struct str kind = node_str(d->tree, "kind"), version = node_str(d->tree, "apiVersion");
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
        if (str_is(kind, formats[i]->kind) && str_is(version, formats[i]->api_version)) {
            d->format = formats[i];
            return 0;
        }
    const struct place *at = place_member(root, STR("apiVersion"));
    return trouble_set(c->st, KN_FIELD_INVALID,
                       "%.*s: the file is %.*s %.*s, and neither eksctl.io/v1alpha5 ClusterConfig "
                       "nor kind.x-k8s.io/v1alpha4 Cluster",
                       STR_ARG(located(c, at ? at : root, false, STR("apiVersion"))),
                       STR_ARG(version), STR_ARG(kind));
}

int document_parse(struct arena *a, const char *path, struct str text, struct document *ret,
                   struct status *st)
{
    struct place *root = NULL;
    struct status why;
    *ret = (struct document){.path = path, .refused = node_list(a), .notes = node_list(a)};
    struct checker c = {a, ret, st};
    status_init(&why, a);
    if (yaml_places(a, text, &root, &why) || yaml_parse(a, text, &ret->tree, &why))
        return trouble_set(st, KN_FIELD_INVALID, "%s: %.*s", path, STR_ARG(why.message));
    if (ret->tree->kind != NODE_MAP)
        return trouble_set(st, KN_FIELD_INVALID, "%s:1:1: the document must be a map", path);
    if (find_format(&c, root))
        return -1;
    return check_object(&c, ret->format->fields, ret->tree, root, STR(""), false);
}

int document_read(struct arena *a, const char *path, struct document *ret, struct status *st)
{
    struct str text;
    int err =
        file_read_whole(a, strcmp(path, "-") == 0 ? "/dev/stdin" : path, DOCUMENT_BYTES_MAX, &text);
    if (err)
        return trouble_set(st, KN_FILE_UNREADABLE, "%s can't be read: %s", path,
                           strerrordesc_np(-err));
    return document_parse(a, path, text, ret, st);
}

static void add_defaults(struct arena *a, const struct document_field *fields, struct node *value)
{
    for (const struct document_field *f = fields; f && f->name; f++) {
        struct str name = str_from(f->name);
        struct node *child = node_get(value, name), *initial;
        struct status st;
        status_init(&st, a);
        if (!child && f->initial && json_parse(a, str_from(f->initial), &initial, &st) == 0)
            node_set(a, value, name, initial);
        if (f->type == DOC_OBJECT && f->support == DOC_USED) {
            struct node *filled = node_is(child, NODE_MAP) ? child : node_map(a);
            add_defaults(a, f->fields, filled);
            if (node_count(filled))
                node_set(a, value, name, filled);
        }
        if (f->type == DOC_OBJECTS)
            for (size_t i = 0; i < node_count(child); i++)
                add_defaults(a, f->fields, node_item(child, i));
    }
}

struct node *document_defaulted(struct arena *a, const struct document *d)
{
    struct node *copy = node_copy(a, d->tree);
    add_defaults(a, d->format->fields, copy);
    d->format->defaults(a, copy);
    return copy;
}

void document_apply(struct arena *a, const struct document_field *fields, const struct node *value,
                    struct node *request)
{
    member_each(m, value)
    {
        const struct document_field *f = document_field(fields, m->name);
        if (!f || f->support != DOC_USED || m->value->kind == NODE_NULL)
            continue;
        if (f->to)
            node_put(a, request, f->to,
                     f->convert ? f->convert(a, m->value) : node_copy(a, m->value));
        else if (f->type == DOC_OBJECT)
            document_apply(a, f->fields, m->value, request);
    }
}

static struct node *schema_of(struct arena *a, const struct document_field *fields);

static struct node *typed(struct arena *a, const char *type)
{
    struct node *n = node_map(a);
    node_put_str(a, n, "type", str_from(type));
    return n;
}

static struct node *schema_of_field(struct arena *a, const struct document_field *f)
{
    static const char *const names[] = {
        [DOC_TEXT] = "string",   [DOC_NUMBER] = "number",    [DOC_FLAG] = "boolean",
        [DOC_TEXTS] = "array",   [DOC_TEXT_MAP] = "object",  [DOC_OBJECT] = "object",
        [DOC_OBJECTS] = "array", [DOC_OBJECT_MAP] = "object"};
    struct status st;
    struct node *n, *initial;
    status_init(&st, a);
    if (f->type == DOC_ANY)
        return node_map(a);
    n = f->type == DOC_OBJECT ? schema_of(a, f->fields) : typed(a, names[f->type]);
    if (f->type == DOC_TEXTS)
        node_put(a, n, "items", typed(a, "string"));
    if (f->type == DOC_TEXT_MAP)
        node_put(a, n, "additionalProperties", typed(a, "string"));
    if (f->type == DOC_OBJECTS)
        node_put(a, n, "items", schema_of(a, f->fields));
    if (f->type == DOC_OBJECT_MAP)
        node_put(a, n, "additionalProperties", schema_of(a, f->fields));
    for (struct str rest = str_from(f->values); f->type == DOC_TEXT && rest.data && rest.len;) {
        struct str one = str_cut(&rest, '|');
        node_append(a, node_need_list(a, n, "enum"), node_text_copy(a, one));
    }
    if (f->initial && json_parse(a, str_from(f->initial), &initial, &st) == 0)
        node_put(a, n, "default", initial);
    if (f->support == DOC_REFUSED)
        node_put_str(a, n, "description", STR("not available in a kaname region"));
    if (f->support == DOC_NO_EFFECT)
        node_put_str(a, n, "description", STR("has no effect in a kaname region"));
    return n;
}

static struct node *schema_of(struct arena *a, const struct document_field *fields)
{
    struct node *n = typed(a, "object");
    struct node *properties = node_need_map(a, n, "properties");
    for (const struct document_field *f = fields; f->name; f++)
        node_set(a, properties, str_from(f->name), schema_of_field(a, f));
    node_put_bool(a, n, "additionalProperties", false);
    return n;
}

struct node *document_schema(struct arena *a, const struct document_format *format)
{
    struct node *n = schema_of(a, format->fields);
    node_put_str(a, n, "title", arena_printf(a, "%s %s", format->api_version, format->kind));
    node_put_str(a, n, "properties.apiVersion.const", str_from(format->api_version));
    node_put_str(a, n, "properties.kind.const", str_from(format->kind));
    struct node *required = node_need_list(a, n, "required");
    node_append(a, required, node_text(a, STR("apiVersion")));
    node_append(a, required, node_text(a, STR("kind")));
    return n;
}
