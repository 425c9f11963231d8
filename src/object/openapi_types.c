#include "object/openapi_internal.h"
#include "object/seal.h"

/* Definitions of the types, as kube-openapi generates them from the Go types. */

void write_open(struct document *d, char bracket)
{
    write_raw(d, bracket == '{' ? "{" : "[");
}

void write_close(struct document *d, char bracket)
{
    buf_putc(d->out, bracket);
}

static void write_comma(struct document *d)
{
    char last = d->out->len > 0 ? d->out->data[d->out->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':' && last != ',')
        buf_putc(d->out, ',');
}

void write_raw(struct document *d, const char *json)
{
    write_comma(d);
    buf_puts(d->out, json);
}

void write_text(struct document *d, struct str text)
{
    struct node n = {.kind = NODE_STRING, .text = text};
    write_comma(d);
    node_to_json(d->out, &n, 0);
}

void write_key(struct document *d, const char *name)
{
    write_text(d, str_from(name));
    buf_putc(d->out, ':');
}

void write_member(struct document *d, const char *name, const char *text)
{
    write_key(d, name);
    write_text(d, str_from(text));
}

/* Where Go packages of the types lie that are not in k8s.io/api. */
static const struct {
    const char *group, *prefix;
} packages[] = {
    {"meta", "io.k8s.apimachinery.pkg.apis.meta"},
    {"apiextensions.k8s.io", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"},
    {"apiregistration.k8s.io", "io.k8s.kube-aggregator.pkg.apis.apiregistration"},
    {"api.resource", "io.k8s.apimachinery.pkg.api.resource"},
    {"runtime", "io.k8s.apimachinery.pkg.runtime"},
    {"util.intstr", "io.k8s.apimachinery.pkg.util.intstr"},
    {"version", "io.k8s.apimachinery.pkg.version"},
};

static void put_definition_name(struct buf *out, const struct schema_type *t)
{
    /* The name is "group/version.Kind", where group may be a package's. */
    struct str rest = str_from(t->name), group = str_cut(&rest, '/');
    struct str version = str_cut(&rest, '.'), label = group;
    const char *prefix = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(packages); i++)
        if (str_is(group, packages[i].group))
            prefix = packages[i].prefix;
    label = str_cut(&label, '.');
    if (prefix)
        buf_puts(out, prefix);
    else
        buf_printf(out, "io.k8s.api.%.*s", STR_ARG(label));
    if (!str_is(version, "-"))
        buf_printf(out, ".%.*s", STR_ARG(version));
    buf_printf(out, ".%.*s", STR_ARG(rest));
}

const char *reference_base(const struct document *d)
{
    return d->dialect == OPENAPI_V3 ? "#/components/schemas/" : "#/definitions/";
}

/* Names of types need no escapes. */
void write_reference_member(struct document *d, schema_id type)
{
    d->used[type] |= 1;
    write_key(d, "$ref");
    buf_printf(d->out, "\"%s", reference_base(d));
    put_definition_name(d->out, schema_type(type));
    buf_putc(d->out, '"');
}

void write_reference(struct document *d, schema_id type)
{
    write_open(d, '{');
    write_reference_member(d, type);
    write_close(d, '}');
}

/* Types that fields refer to by kind. */
static const char *const kind_types[] = {
    [FIELD_QUANTITY] = "api.resource/-.Quantity",
    [FIELD_TIME] = "meta/v1.Time",
    [FIELD_MICRO_TIME] = "meta/v1.MicroTime",
    [FIELD_DURATION] = "meta/v1.Duration",
    [FIELD_INT_OR_STRING] = "util.intstr/-.IntOrString",
    [FIELD_RAW] = "runtime/-.RawExtension",
    [FIELD_JSON] = "apiextensions.k8s.io/v1.JSON",
    [FIELD_FIELDS_V1] = "meta/v1.FieldsV1",
    [FIELD_SCHEMA_OR_ARRAY] = "apiextensions.k8s.io/v1.JSONSchemaPropsOrArray",
    [FIELD_SCHEMA_OR_BOOL] = "apiextensions.k8s.io/v1.JSONSchemaPropsOrBool",
    [FIELD_SCHEMA_OR_STRINGS] = "apiextensions.k8s.io/v1.JSONSchemaPropsOrStringArray",
};

/* The type that a field's values are of; SCHEMA_NONE for scalars. */
static schema_id referred_type(const struct schema_field *f)
{
    if (f->kind == FIELD_MESSAGE)
        return f->type;
    if (f->kind < ARRAY_COUNT(kind_types) && kind_types[f->kind])
        return schema_type_by_name(str_from(kind_types[f->kind]));
    return SCHEMA_NONE;
}

static const struct {
    const char *type, *format, *zero;
} scalars[] = {
    [FIELD_STRING] = {"string", NULL, "\"\""}, [FIELD_INT32] = {"integer", "int32", "0"},
    [FIELD_INT64] = {"integer", "int64", "0"}, [FIELD_DOUBLE] = {"number", "double", "0"},
    [FIELD_BOOL] = {"boolean", NULL, "false"}, [FIELD_BYTES] = {"string", "byte", NULL},
};

static void write_enum(struct document *d, const struct schema_field *f)
{
    if (!f->values)
        return;
    write_key(d, "enum");
    write_open(d, '[');
    for (size_t i = 0; f->values[i]; i++)
        write_text(d, str_from(f->values[i]));
    write_close(d, ']');
}

/* Members of a scalar's schema. always: Go prints it even when zero, which is a default then. */
static void write_scalar(struct document *d, const struct schema_field *f, bool always)
{
    write_member(d, "type", scalars[f->kind].type);
    if (scalars[f->kind].format)
        write_member(d, "format", scalars[f->kind].format);
    if (d->dialect == OPENAPI_V3 && always && scalars[f->kind].zero) {
        write_key(d, "default");
        write_raw(d, scalars[f->kind].zero);
    }
    write_enum(d, f);
}

/* Schema of one item or value of a field. */
static void write_element(struct document *d, const struct schema_field *f)
{
    schema_id type = referred_type(f);
    if (type != SCHEMA_NONE && (d->dialect == OPENAPI_V2 || f->kind != FIELD_MESSAGE)) {
        write_reference(d, type);
        return;
    }
    write_open(d, '{');
    if (type != SCHEMA_NONE) {
        write_raw(d, "\"default\":{}");
        write_key(d, "allOf");
        write_open(d, '[');
        write_reference(d, type);
        write_close(d, ']');
    } else {
        write_scalar(d, f, true);
    }
    write_close(d, '}');
}

static void write_patch_extensions(struct document *d, const struct schema_field *f)
{
    static const struct {
        uint16_t flag;
        const char *name;
    } strategies[] = {
        {FIELD_PATCH_MERGE, "merge"},
        {FIELD_PATCH_RETAIN_KEYS, "retainKeys"},
        {FIELD_PATCH_REPLACE, "replace"},
    };
    struct buf text = BUF_INIT;
    if (f->merge_key)
        write_member(d, "x-kubernetes-patch-merge-key", f->merge_key);
    for (size_t i = 0; i < ARRAY_COUNT(strategies); i++)
        if (f->flags & strategies[i].flag)
            buf_printf(&text, "%s%s", text.len ? "," : "", strategies[i].name);
    if (text.len > 0)
        write_member(d, "x-kubernetes-patch-strategy", text.data);
    buf_release(&text);
}

/* Lists that say nothing about their items' owners: of whole objects, and one that is a named type
 * of Go. */
static bool is_plain_list(const struct schema_type *t, const struct schema_field *f)
{
    return (t->is_list && strcmp(f->name, "items") == 0) ||
           (strcmp(t->name, "meta/v1.APIResource") == 0 && strcmp(f->name, "verbs") == 0);
}

static void write_list(struct document *d, const struct schema_type *t,
                       const struct schema_field *f)
{
    static const char *const names[] = {
        [LIST_ATOMIC] = "atomic", [LIST_SET] = "set", [LIST_MAP] = "map"};
    write_member(d, "type", "array");
    write_key(d, "items");
    write_element(d, f);
    if (f->list_keys && f->list_type == LIST_MAP) {
        struct str rest = str_from(f->list_keys);
        write_key(d, "x-kubernetes-list-map-keys");
        write_open(d, '[');
        while (rest.data)
            write_text(d, str_cut(&rest, ','));
        write_close(d, ']');
    }
    if (!is_plain_list(t, f))
        write_member(d, "x-kubernetes-list-type", names[f->list_type]);
}

static void write_map(struct document *d, const struct schema_field *f)
{
    write_member(d, "type", "object");
    write_key(d, "additionalProperties");
    if (f->shape == SHAPE_MAP_OF_LIST) {
        write_open(d, '{');
        write_member(d, "type", "array");
        write_key(d, "items");
        write_element(d, f);
        write_close(d, '}');
    } else {
        write_element(d, f);
    }
}

/* Members whose default is the empty text although Go leaves it out. */
static void write_empty_default(struct document *d, const struct schema_type *t,
                                const struct schema_field *f)
{
    static const char *const members[][2] = {
        {"core/v1.ConfigMapEnvSource", "name"},  {"core/v1.ConfigMapKeySelector", "name"},
        {"core/v1.ConfigMapProjection", "name"}, {"core/v1.ConfigMapVolumeSource", "name"},
        {"core/v1.GRPCAction", "service"},       {"core/v1.LocalObjectReference", "name"},
        {"core/v1.SecretEnvSource", "name"},     {"core/v1.SecretKeySelector", "name"},
        {"core/v1.SecretProjection", "name"},
    };
    for (size_t i = 0; d->dialect == OPENAPI_V3 && i < ARRAY_COUNT(members); i++)
        if (strcmp(t->name, members[i][0]) == 0 && strcmp(f->name, members[i][1]) == 0)
            write_raw(d, "\"default\":\"\"");
}

static void write_single(struct document *d, const struct schema_type *t,
                         const struct schema_field *f)
{
    schema_id type = referred_type(f);
    if (type == SCHEMA_NONE) {
        write_empty_default(d, t, f);
        bool always =
            (f->flags & (FIELD_ALWAYS | FIELD_POINTER)) == FIELD_ALWAYS && !f->default_json;
        write_scalar(d, f, always);
        return;
    }
    if (d->dialect == OPENAPI_V2 ||
        strcmp(t->name, "apiextensions.k8s.io/v1.JSONSchemaProps") == 0) {
        write_reference_member(d, type);
        return;
    }
    if (f->kind == FIELD_MESSAGE && !(f->flags & FIELD_POINTER))
        write_raw(d, "\"default\":{}");
    write_key(d, "allOf");
    write_open(d, '[');
    write_reference(d, type);
    write_close(d, ']');
}

/* What every object has is explained even where the schema has no words of its own. */
static const struct {
    const char *field, *text;
} metadata_texts[] = {
    {"annotations", "Annotations is a map of texts for tools and people; it selects nothing."},
    {"creationTimestamp",
     "CreationTimestamp is a timestamp of the server's clock when the object was made."},
    {"deletionTimestamp", "DeletionTimestamp is when the object is due to go; set by the server "
                          "when its deletion was asked for."},
    {"finalizers",
     "Finalizers hold a deleted object until each has been removed by whoever put it there."},
    {"generateName",
     "GenerateName is a prefix from which the server makes a unique name when none is given."},
    {"generation", "Generation grows with every change of the desired state."},
    {"labels", "Labels is a map of texts by which objects are selected."},
    {"managedFields", "ManagedFields says who set which field, for server-side apply."},
    {"name", "Name is unique among the objects of this resource in a namespace."},
    {"namespace", "Namespace is the space in which the name is unique."},
    {"ownerReferences",
     "OwnerReferences lists the objects that this one depends on: without them it is collected."},
    {"resourceVersion",
     "ResourceVersion changes with every change of the object; for conflicts and watches."},
    {"uid", "UID is unique in time and space; set by the server."},
};

static const char *description_of(const struct schema_type *t, const struct schema_field *f)
{
    if (f->description)
        return f->description;
    if (t->is_kind && strcmp(f->name, "metadata") == 0)
        return METADATA_TEXT;
    if (strcmp(t->name, "meta/v1.ObjectMeta") == 0)
        for (size_t i = 0; i < ARRAY_COUNT(metadata_texts); i++)
            if (strcmp(metadata_texts[i].field, f->name) == 0)
                return metadata_texts[i].text;
    return NULL;
}

static void write_field(struct document *d, const struct schema_type *t,
                        const struct schema_field *f)
{
    const char *description = description_of(t, f);
    write_key(d, f->name);
    write_open(d, '{');
    if (description &&
        !(d->dialect == OPENAPI_V2 && f->kind == FIELD_MESSAGE && f->shape == SHAPE_ONE))
        write_member(d, "description", description);
    switch ((enum field_shape)f->shape) {
    case SHAPE_ONE: write_single(d, t, f); break;
    case SHAPE_LIST: write_list(d, t, f); break;
    case SHAPE_MAP:
    case SHAPE_MAP_OF_LIST: write_map(d, f); break;
    }
    if (f->default_json && d->dialect == OPENAPI_V3) {
        write_key(d, "default");
        write_raw(d, f->default_json);
    }
    if (f->flags & FIELD_MAP_ATOMIC)
        write_member(d, "x-kubernetes-map-type", "atomic");
    write_patch_extensions(d, f);
    write_close(d, '}');
}

void write_kind(struct document *d, const char *group, const char *version, const char *kind)
{
    write_open(d, '{');
    write_member(d, "group", group);
    write_member(d, "kind", kind);
    write_member(d, "version", version);
    write_close(d, '}');
}

/* DeleteOptions and WatchEvent belong to every group. */
static void write_kinds(struct document *d, const struct schema_type *t)
{
    bool everywhere =
        strcmp(t->name, "meta/v1.DeleteOptions") == 0 || strcmp(t->name, "meta/v1.WatchEvent") == 0;
    write_key(d, "x-kubernetes-group-version-kind");
    write_open(d, '[');
    write_kind(d, t->group, t->version, t->kind);
    for (size_t i = 1; everywhere && i < resource_count(); i++) {
        const struct resource *r = resource_at(i), *before = resource_at(i - 1);
        bool here =
            !d->group || (strcmp(d->group, r->group) == 0 && strcmp(d->version, r->version) == 0);
        if (r->group[0] && here &&
            (strcmp(r->group, before->group) || strcmp(r->version, before->version)))
            write_kind(d, r->group, r->version, t->kind);
    }
    write_close(d, ']');
}

/* Types without fields: their JSON forms. */
static const struct {
    const char *name, *v2, *v3;
} opaque[] = {
    {"api.resource/-.Quantity", "\"type\":\"string\"",
     "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]"},
    {"util.intstr/-.IntOrString", "\"type\":\"string\",\"format\":\"int-or-string\"",
     "\"format\":\"int-or-string\",\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]"},
    {"meta/v1.Time", "\"type\":\"string\",\"format\":\"date-time\"",
     "\"type\":\"string\",\"format\":\"date-time\""},
    {"meta/v1.MicroTime", "\"type\":\"string\",\"format\":\"date-time\"",
     "\"type\":\"string\",\"format\":\"date-time\""},
    {"meta/v1.Duration", "\"type\":\"string\"", "\"type\":\"string\""},
    {"apiextensions.k8s.io/v1.JSON", "\"description\":\"Any JSON value.\"",
     "\"description\":\"Any JSON value.\""},
    {"apiextensions.k8s.io/v1.JSONSchemaPropsOrArray",
     "\"description\":\"A schema or a list of them.\"",
     "\"description\":\"A schema or a list of them.\""},
    {"apiextensions.k8s.io/v1.JSONSchemaPropsOrBool", "\"description\":\"A schema or a boolean.\"",
     "\"description\":\"A schema or a boolean.\""},
    {"apiextensions.k8s.io/v1.JSONSchemaPropsOrStringArray",
     "\"description\":\"A schema or a list of texts.\"",
     "\"description\":\"A schema or a list of texts.\""},
};

static void write_required(struct document *d, const struct schema_type *t)
{
    bool any = false;
    for (uint16_t i = 0; i < t->field_count; i++) {
        if (!(t->fields[i].flags & FIELD_REQUIRED))
            continue;
        if (!any) {
            write_key(d, "required");
            write_open(d, '[');
        }
        any = true;
        write_text(d, str_from(t->fields[i].name));
    }
    if (any)
        write_close(d, ']');
}

static void write_type(struct document *d, const struct schema_type *t)
{
    write_raw(d, "\"");
    put_definition_name(d->out, t);
    buf_puts(d->out, "\":");
    write_open(d, '{');
    for (size_t i = 0; i < ARRAY_COUNT(opaque); i++)
        if (strcmp(opaque[i].name, t->name) == 0) {
            write_raw(d, d->dialect == OPENAPI_V3 ? opaque[i].v3 : opaque[i].v2);
            write_close(d, '}');
            return;
        }
    write_member(d, "type", "object");
    write_required(d, t);
    if (t->field_count > 0 || t->is_kind) {
        write_key(d, "properties");
        write_open(d, '{');
        if ((t->is_kind || t->is_list) && strcmp(t->kind, "WatchEvent") != 0)
            write_raw(d, TYPE_META);
        for (uint16_t i = 0; i < t->field_count; i++)
            write_field(d, t, &t->fields[i]);
        write_close(d, '}');
    }
    if (t->atomic)
        write_member(d, "x-kubernetes-map-type", "atomic");
    if (t->is_kind || t->is_list)
        write_kinds(d, t);
    write_close(d, '}');
}

static void use_type(struct document *d, schema_id type)
{
    const struct schema_type *t = schema_type(type);
    for (uint16_t i = 0; i < t->field_count; i++) {
        schema_id next = referred_type(&t->fields[i]);
        if (next != SCHEMA_NONE && !d->used[next])
            d->used[next] = 1;
    }
}

void write_definitions(struct document *d)
{
    for (size_t i = 0; i < d->custom_count; i++)
        write_custom(d, &d->custom[i]);
    /* Types are written once nothing new is found; 2 marks those that were looked at. */
    for (bool found = true; found;) {
        found = false;
        for (size_t id = 1; id < schema_type_count(); id++)
            if (d->used[id] == 1) {
                d->used[id] = 2;
                use_type(d, (schema_id)id);
                found = true;
            }
    }
    for (size_t id = 1; id < schema_type_count(); id++)
        if (d->used[id])
            write_type(d, schema_type((schema_id)id));
}
