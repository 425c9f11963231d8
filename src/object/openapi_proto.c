#include "object/openapi.h"
#include "object/seal.h"

/* Documents as gnostic's protobuf messages (openapi.v2.Document, openapi.v3.Document): a table of
 * the members that documents of ours have. What a table has no line for is left out; x-* members
 * become extensions. */

enum value_form {
    FORM_TEXT,
    FORM_TEXTS,
    FORM_BOOL,
    FORM_INT,
    FORM_DOUBLE,
    FORM_ANY, /* Any {yaml = 2}: JSON is YAML */
    FORM_ANYS,
    FORM_MESSAGE,
    FORM_MESSAGES, /* one a list item */
    FORM_DEFAULT,  /* DefaultType {number = 1, boolean = 2, string = 3}; empty for others */
};

enum message {
    V2_DOCUMENT,
    V2_INFO,
    V2_PATHS,
    V2_PATH,
    V2_OPERATION,
    V2_PARAMETER_ITEM,
    V2_PARAMETER,
    V2_BODY,
    V2_QUERY,
    V2_IN_PATH,
    V2_RESPONSES,
    V2_RESPONSE_VALUE,
    V2_RESPONSE,
    V2_SCHEMA_ITEM,
    V2_SCHEMA,
    V2_DEFINITIONS,
    V2_PROPERTIES,
    V2_ADDITIONAL,
    V2_TYPE,
    V2_ITEMS,
    V2_SECURITY_DEFINITIONS,
    V2_SECURITY_ITEM,
    V2_API_KEY,
    V2_SECURITY,
    V2_STRINGS,
    V2_NON_BODY,
    V3_DOCUMENT,
    V3_INFO,
    V3_PATHS,
    V3_PATH,
    V3_OPERATION,
    V3_PARAMETER_OR,
    V3_PARAMETER,
    V3_BODY_OR,
    V3_BODY,
    V3_RESPONSES,
    V3_RESPONSE_OR,
    V3_RESPONSE,
    V3_MEDIA_TYPES,
    V3_MEDIA_TYPE,
    V3_SCHEMA_OR,
    V3_SCHEMA,
    V3_REFERENCE,
    V3_PROPERTIES,
    V3_ADDITIONAL,
    V3_ITEMS,
    V3_COMPONENTS,
    V3_SCHEMAS,
    V3_SECURITY_SCHEMES,
    V3_SECURITY_OR,
    V3_SECURITY,
    MESSAGE_COUNT,
};

struct row {
    enum message in;
    const char *name; /* "*": any member, as a named value; "": the value itself */
    uint8_t number;
    enum value_form form;
    enum message of;
};

/* Rows of one message stand together. */
static const struct row rows[] = {
    {V2_DOCUMENT, "swagger", 1, FORM_TEXT, 0},
    {V2_DOCUMENT, "info", 2, FORM_MESSAGE, V2_INFO},
    {V2_DOCUMENT, "paths", 8, FORM_MESSAGE, V2_PATHS},
    {V2_DOCUMENT, "definitions", 9, FORM_MESSAGE, V2_DEFINITIONS},
    {V2_DOCUMENT, "security", 12, FORM_MESSAGES, V2_SECURITY},
    {V2_DOCUMENT, "securityDefinitions", 13, FORM_MESSAGE, V2_SECURITY_DEFINITIONS},
    {V2_INFO, "title", 1, FORM_TEXT, 0},
    {V2_INFO, "version", 2, FORM_TEXT, 0},
    {V2_PATHS, "*", 2, FORM_MESSAGE, V2_PATH},
    {V2_PATH, "get", 2, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "put", 3, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "post", 4, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "delete", 5, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "options", 6, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "head", 7, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "patch", 8, FORM_MESSAGE, V2_OPERATION},
    {V2_PATH, "parameters", 9, FORM_MESSAGES, V2_PARAMETER_ITEM},
    {V2_OPERATION, "tags", 1, FORM_TEXTS, 0},
    {V2_OPERATION, "description", 3, FORM_TEXT, 0},
    {V2_OPERATION, "operationId", 5, FORM_TEXT, 0},
    {V2_OPERATION, "produces", 6, FORM_TEXTS, 0},
    {V2_OPERATION, "consumes", 7, FORM_TEXTS, 0},
    {V2_OPERATION, "parameters", 8, FORM_MESSAGES, V2_PARAMETER_ITEM},
    {V2_OPERATION, "responses", 9, FORM_MESSAGE, V2_RESPONSES},
    {V2_OPERATION, "schemes", 10, FORM_TEXTS, 0},
    {V2_PARAMETER_ITEM, "", 1, FORM_MESSAGE, V2_PARAMETER},
    {V2_BODY, "description", 1, FORM_TEXT, 0},
    {V2_BODY, "name", 2, FORM_TEXT, 0},
    {V2_BODY, "in", 3, FORM_TEXT, 0},
    {V2_BODY, "required", 4, FORM_BOOL, 0},
    {V2_BODY, "schema", 5, FORM_MESSAGE, V2_SCHEMA},
    {V2_QUERY, "required", 1, FORM_BOOL, 0},
    {V2_QUERY, "in", 2, FORM_TEXT, 0},
    {V2_QUERY, "description", 3, FORM_TEXT, 0},
    {V2_QUERY, "name", 4, FORM_TEXT, 0},
    {V2_QUERY, "type", 6, FORM_TEXT, 0},
    {V2_QUERY, "uniqueItems", 20, FORM_BOOL, 0},
    {V2_IN_PATH, "required", 1, FORM_BOOL, 0},
    {V2_IN_PATH, "in", 2, FORM_TEXT, 0},
    {V2_IN_PATH, "description", 3, FORM_TEXT, 0},
    {V2_IN_PATH, "name", 4, FORM_TEXT, 0},
    {V2_IN_PATH, "type", 5, FORM_TEXT, 0},
    {V2_IN_PATH, "uniqueItems", 19, FORM_BOOL, 0},
    {V2_RESPONSES, "*", 1, FORM_MESSAGE, V2_RESPONSE_VALUE},
    {V2_RESPONSE_VALUE, "", 1, FORM_MESSAGE, V2_RESPONSE},
    {V2_RESPONSE, "description", 1, FORM_TEXT, 0},
    {V2_RESPONSE, "schema", 2, FORM_MESSAGE, V2_SCHEMA_ITEM},
    {V2_SCHEMA_ITEM, "", 1, FORM_MESSAGE, V2_SCHEMA},
    {V2_SCHEMA, "$ref", 1, FORM_TEXT, 0},
    {V2_SCHEMA, "format", 2, FORM_TEXT, 0},
    {V2_SCHEMA, "title", 3, FORM_TEXT, 0},
    {V2_SCHEMA, "description", 4, FORM_TEXT, 0},
    {V2_SCHEMA, "default", 5, FORM_ANY, 0},
    {V2_SCHEMA, "multipleOf", 6, FORM_DOUBLE, 0},
    {V2_SCHEMA, "maximum", 7, FORM_DOUBLE, 0},
    {V2_SCHEMA, "exclusiveMaximum", 8, FORM_BOOL, 0},
    {V2_SCHEMA, "minimum", 9, FORM_DOUBLE, 0},
    {V2_SCHEMA, "exclusiveMinimum", 10, FORM_BOOL, 0},
    {V2_SCHEMA, "maxLength", 11, FORM_INT, 0},
    {V2_SCHEMA, "minLength", 12, FORM_INT, 0},
    {V2_SCHEMA, "pattern", 13, FORM_TEXT, 0},
    {V2_SCHEMA, "maxItems", 14, FORM_INT, 0},
    {V2_SCHEMA, "minItems", 15, FORM_INT, 0},
    {V2_SCHEMA, "uniqueItems", 16, FORM_BOOL, 0},
    {V2_SCHEMA, "maxProperties", 17, FORM_INT, 0},
    {V2_SCHEMA, "minProperties", 18, FORM_INT, 0},
    {V2_SCHEMA, "required", 19, FORM_TEXTS, 0},
    {V2_SCHEMA, "enum", 20, FORM_ANYS, 0},
    {V2_SCHEMA, "additionalProperties", 21, FORM_MESSAGE, V2_ADDITIONAL},
    {V2_SCHEMA, "type", 22, FORM_MESSAGE, V2_TYPE},
    {V2_SCHEMA, "items", 23, FORM_MESSAGE, V2_ITEMS},
    {V2_SCHEMA, "properties", 25, FORM_MESSAGE, V2_PROPERTIES},
    {V2_DEFINITIONS, "*", 1, FORM_MESSAGE, V2_SCHEMA},
    {V2_PROPERTIES, "*", 1, FORM_MESSAGE, V2_SCHEMA},
    {V2_ADDITIONAL, "", 1, FORM_MESSAGE, V2_SCHEMA},
    {V2_TYPE, "", 1, FORM_TEXT, 0},
    {V2_ITEMS, "", 1, FORM_MESSAGE, V2_SCHEMA},
    {V2_SECURITY_DEFINITIONS, "*", 1, FORM_MESSAGE, V2_SECURITY_ITEM},
    {V2_SECURITY_ITEM, "", 2, FORM_MESSAGE, V2_API_KEY},
    {V2_API_KEY, "type", 1, FORM_TEXT, 0},
    {V2_API_KEY, "name", 2, FORM_TEXT, 0},
    {V2_API_KEY, "in", 3, FORM_TEXT, 0},
    {V2_API_KEY, "description", 4, FORM_TEXT, 0},
    {V2_SECURITY, "*", 1, FORM_MESSAGE, V2_STRINGS},
    {V2_STRINGS, "", 1, FORM_TEXTS, 0},
    {V3_DOCUMENT, "openapi", 1, FORM_TEXT, 0},
    {V3_DOCUMENT, "info", 2, FORM_MESSAGE, V3_INFO},
    {V3_DOCUMENT, "paths", 4, FORM_MESSAGE, V3_PATHS},
    {V3_DOCUMENT, "components", 5, FORM_MESSAGE, V3_COMPONENTS},
    {V3_INFO, "title", 1, FORM_TEXT, 0},
    {V3_INFO, "version", 6, FORM_TEXT, 0},
    {V3_PATHS, "*", 1, FORM_MESSAGE, V3_PATH},
    {V3_PATH, "get", 4, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "put", 5, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "post", 6, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "delete", 7, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "options", 8, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "head", 9, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "patch", 10, FORM_MESSAGE, V3_OPERATION},
    {V3_PATH, "parameters", 13, FORM_MESSAGES, V3_PARAMETER_OR},
    {V3_OPERATION, "tags", 1, FORM_TEXTS, 0},
    {V3_OPERATION, "description", 3, FORM_TEXT, 0},
    {V3_OPERATION, "operationId", 5, FORM_TEXT, 0},
    {V3_OPERATION, "parameters", 6, FORM_MESSAGES, V3_PARAMETER_OR},
    {V3_OPERATION, "requestBody", 7, FORM_MESSAGE, V3_BODY_OR},
    {V3_OPERATION, "responses", 8, FORM_MESSAGE, V3_RESPONSES},
    {V3_PARAMETER_OR, "", 1, FORM_MESSAGE, V3_PARAMETER},
    {V3_PARAMETER, "name", 1, FORM_TEXT, 0},
    {V3_PARAMETER, "in", 2, FORM_TEXT, 0},
    {V3_PARAMETER, "description", 3, FORM_TEXT, 0},
    {V3_PARAMETER, "required", 4, FORM_BOOL, 0},
    {V3_PARAMETER, "schema", 10, FORM_MESSAGE, V3_SCHEMA_OR},
    {V3_BODY_OR, "", 1, FORM_MESSAGE, V3_BODY},
    {V3_BODY, "description", 1, FORM_TEXT, 0},
    {V3_BODY, "content", 2, FORM_MESSAGE, V3_MEDIA_TYPES},
    {V3_BODY, "required", 3, FORM_BOOL, 0},
    {V3_RESPONSES, "*", 2, FORM_MESSAGE, V3_RESPONSE_OR},
    {V3_RESPONSE_OR, "", 1, FORM_MESSAGE, V3_RESPONSE},
    {V3_RESPONSE, "description", 1, FORM_TEXT, 0},
    {V3_RESPONSE, "content", 3, FORM_MESSAGE, V3_MEDIA_TYPES},
    {V3_MEDIA_TYPES, "*", 1, FORM_MESSAGE, V3_MEDIA_TYPE},
    {V3_MEDIA_TYPE, "schema", 1, FORM_MESSAGE, V3_SCHEMA_OR},
    {V3_SCHEMA, "nullable", 1, FORM_BOOL, 0},
    {V3_SCHEMA, "title", 9, FORM_TEXT, 0},
    {V3_SCHEMA, "multipleOf", 10, FORM_DOUBLE, 0},
    {V3_SCHEMA, "maximum", 11, FORM_DOUBLE, 0},
    {V3_SCHEMA, "exclusiveMaximum", 12, FORM_BOOL, 0},
    {V3_SCHEMA, "minimum", 13, FORM_DOUBLE, 0},
    {V3_SCHEMA, "exclusiveMinimum", 14, FORM_BOOL, 0},
    {V3_SCHEMA, "maxLength", 15, FORM_INT, 0},
    {V3_SCHEMA, "minLength", 16, FORM_INT, 0},
    {V3_SCHEMA, "pattern", 17, FORM_TEXT, 0},
    {V3_SCHEMA, "maxItems", 18, FORM_INT, 0},
    {V3_SCHEMA, "minItems", 19, FORM_INT, 0},
    {V3_SCHEMA, "uniqueItems", 20, FORM_BOOL, 0},
    {V3_SCHEMA, "maxProperties", 21, FORM_INT, 0},
    {V3_SCHEMA, "minProperties", 22, FORM_INT, 0},
    {V3_SCHEMA, "required", 23, FORM_TEXTS, 0},
    {V3_SCHEMA, "enum", 24, FORM_ANYS, 0},
    {V3_SCHEMA, "type", 25, FORM_TEXT, 0},
    {V3_SCHEMA, "allOf", 26, FORM_MESSAGES, V3_SCHEMA_OR},
    {V3_SCHEMA, "oneOf", 27, FORM_MESSAGES, V3_SCHEMA_OR},
    {V3_SCHEMA, "anyOf", 28, FORM_MESSAGES, V3_SCHEMA_OR},
    {V3_SCHEMA, "not", 29, FORM_MESSAGE, V3_SCHEMA},
    {V3_SCHEMA, "items", 30, FORM_MESSAGE, V3_ITEMS},
    {V3_SCHEMA, "properties", 31, FORM_MESSAGE, V3_PROPERTIES},
    {V3_SCHEMA, "additionalProperties", 32, FORM_MESSAGE, V3_ADDITIONAL},
    {V3_SCHEMA, "default", 33, FORM_DEFAULT, 0},
    {V3_SCHEMA, "description", 34, FORM_TEXT, 0},
    {V3_SCHEMA, "format", 35, FORM_TEXT, 0},
    {V3_REFERENCE, "$ref", 1, FORM_TEXT, 0},
    {V3_PROPERTIES, "*", 1, FORM_MESSAGE, V3_SCHEMA_OR},
    {V3_ADDITIONAL, "", 1, FORM_MESSAGE, V3_SCHEMA_OR},
    {V3_ITEMS, "", 1, FORM_MESSAGE, V3_SCHEMA_OR},
    {V3_COMPONENTS, "schemas", 1, FORM_MESSAGE, V3_SCHEMAS},
    {V3_COMPONENTS, "securitySchemes", 7, FORM_MESSAGE, V3_SECURITY_SCHEMES},
    {V3_SCHEMAS, "*", 1, FORM_MESSAGE, V3_SCHEMA_OR},
    {V3_SECURITY_SCHEMES, "*", 1, FORM_MESSAGE, V3_SECURITY_OR},
    {V3_SECURITY_OR, "", 1, FORM_MESSAGE, V3_SECURITY},
    {V3_SECURITY, "type", 1, FORM_TEXT, 0},
    {V3_SECURITY, "description", 2, FORM_TEXT, 0},
    {V3_SECURITY, "name", 3, FORM_TEXT, 0},
    {V3_SECURITY, "in", 4, FORM_TEXT, 0},
};

/* Numbers of the extensions; 0 where there are none. */
static const uint8_t extensions[MESSAGE_COUNT] = {
    [V2_PATH] = 10, [V2_OPERATION] = 13, [V2_SCHEMA] = 31,
    [V3_PATH] = 14, [V3_OPERATION] = 13, [V3_SCHEMA] = 36,
};

static void put_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_putc(out, (char)(value | 0x80));
    buf_putc(out, (char)value);
}

static void put_tag(struct buf *out, uint8_t number, uint8_t wire)
{
    put_varint(out, (uint64_t)number << 3 | wire);
}

static void put_text(struct buf *out, uint8_t number, struct str text)
{
    put_tag(out, number, 2);
    put_varint(out, text.len);
    buf_add(out, text);
}

/* What was written since mark becomes a message of this number. */
static void wrap(struct buf *out, size_t mark, uint8_t number)
{
    struct buf head = BUF_INIT;
    size_t length = out->len - mark;
    put_tag(&head, number, 2);
    put_varint(&head, length);
    (void)buf_reserve(out, head.len);
    memmove(out->data + mark + head.len, out->data + mark, length);
    memcpy(out->data + mark, head.data, head.len);
    out->len += head.len;
    buf_release(&head);
}

static void put_any(struct buf *out, uint8_t number, const struct node *n)
{
    size_t mark = out->len;
    struct buf text = BUF_INIT;
    node_to_json(&text, n, 0);
    buf_putc(&text, '\n');
    put_text(out, 2, buf_str(&text));
    buf_release(&text);
    wrap(out, mark, number);
}

static void put_double(struct buf *out, uint8_t number, double value)
{
    put_tag(out, number, 1);
    buf_append(out, &value, sizeof(value)); /* little endian, like the machine */
}

static void put_message(struct buf *out, enum message of, const struct node *n);

static void put_default(struct buf *out, uint8_t number, const struct node *n)
{
    size_t mark = out->len;
    if (n->kind == NODE_INT || n->kind == NODE_DOUBLE) {
        put_double(out, 1, n->kind == NODE_INT ? (double)n->integer : n->number);
    } else if (n->kind == NODE_BOOL) {
        put_tag(out, 2, 0);
        put_varint(out, n->boolean);
    } else if (n->kind == NODE_STRING) {
        put_text(out, 3, n->text);
    }
    wrap(out, mark, number);
}

static void put_value(struct buf *out, const struct row *row, const struct node *n)
{
    size_t mark = out->len;
    switch (row->form) {
    case FORM_TEXT: put_text(out, row->number, node_str(n, "")); return;
    case FORM_BOOL:
    case FORM_INT:
        put_tag(out, row->number, 0);
        put_varint(out,
                   row->form == FORM_BOOL ? node_flag(n, "", false) : (uint64_t)node_num(n, "", 0));
        return;
    case FORM_DOUBLE:
        put_double(out, row->number, n->kind == NODE_INT ? (double)n->integer : n->number);
        return;
    case FORM_ANY: put_any(out, row->number, n); return;
    case FORM_DEFAULT: put_default(out, row->number, n); return;
    case FORM_MESSAGE:
        put_message(out, row->of, n);
        wrap(out, mark, row->number);
        return;
    case FORM_TEXTS:
    case FORM_ANYS:
    case FORM_MESSAGES: break;
    }
    node_each(item, n)
    {
        struct row single = *row;
        single.form = row->form == FORM_TEXTS  ? FORM_TEXT
                      : row->form == FORM_ANYS ? FORM_ANY
                                               : FORM_MESSAGE;
        put_value(out, &single, item);
    }
}

/* {name = 1, value = 2} */
static void put_named(struct buf *out, const struct row *row, struct str name, const struct node *n)
{
    size_t mark = out->len;
    struct row value = *row;
    value.number = 2;
    put_text(out, 1, name);
    put_value(out, &value, n);
    wrap(out, mark, row->number);
}

static void put_extension(struct buf *out, uint8_t number, struct str name, const struct node *n)
{
    size_t mark = out->len;
    put_text(out, 1, name);
    put_any(out, 2, n);
    wrap(out, mark, number);
}

/* Messages that are one of several others: what this one is. */
static bool put_choice(struct buf *out, enum message of, const struct node *n)
{
    static const struct row body = {V2_PARAMETER, "", 1, FORM_MESSAGE, V2_BODY};
    static const struct row non_body = {V2_PARAMETER, "", 2, FORM_MESSAGE, V2_NON_BODY};
    static const struct row query = {V2_NON_BODY, "", 3, FORM_MESSAGE, V2_QUERY};
    static const struct row in_path = {V2_NON_BODY, "", 4, FORM_MESSAGE, V2_IN_PATH};
    static const struct row schema = {V3_SCHEMA_OR, "", 1, FORM_MESSAGE, V3_SCHEMA};
    static const struct row reference = {V3_SCHEMA_OR, "", 2, FORM_MESSAGE, V3_REFERENCE};
    static const struct row flag = {V2_ADDITIONAL, "", 2, FORM_BOOL, 0};
    struct str in = node_str(n, "in");
    if (of == V2_PARAMETER)
        put_value(out, str_is(in, "body") ? &body : &non_body, n);
    else if (of == V2_NON_BODY)
        put_value(out, str_is(in, "path") ? &in_path : &query, n);
    else if (of == V3_SCHEMA_OR)
        put_value(out, node_get(n, STR("$ref")) ? &reference : &schema, n);
    else if ((of == V2_ADDITIONAL || of == V3_ADDITIONAL) && n->kind == NODE_BOOL)
        put_value(out, &flag, n);
    else
        return false;
    return true;
}

static void put_message(struct buf *out, enum message of, const struct node *n)
{
    if (put_choice(out, of, n))
        return;
    size_t first = 0;
    while (first < ARRAY_COUNT(rows) && rows[first].in != of)
        first++;
    for (size_t i = first; i < ARRAY_COUNT(rows) && rows[i].in == of; i++) {
        if (rows[i].name[0] == 0)
            put_value(out, &rows[i], n);
        else if (rows[i].name[0] == '*')
            member_each(m, n) put_named(out, &rows[i], m->name, m->value);
        else if (node_get(n, str_from(rows[i].name)))
            put_value(out, &rows[i], node_get(n, str_from(rows[i].name)));
    }
    member_each(m, extensions[of] ? n : NULL) if (str_starts(m->name, "x-"))
        put_extension(out, extensions[of], m->name, m->value);
}

static void put_document(struct buf *out, enum message of, struct str json)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *n;
    status_init(&st, &a);
    if (json_parse(&a, json, &n, &st) == 0)
        put_message(out, of, n);
    arena_release(&a);
}

void openapi_v2_protobuf(struct buf *out, struct str json_document)
{
    put_document(out, V2_DOCUMENT, json_document);
}

void openapi_v3_protobuf(struct buf *out, struct str json_document)
{
    put_document(out, V3_DOCUMENT, json_document);
}
