/* CustomResourceDefinitions: what is right in one. Their schemas are judged by object/structural.h,
 * their names against those of others by api/crd_status.c. */
#include "api/kinds/check.h"

#include "object/structural.h"

#define GROUP "apiextensions.k8s.io"

/* What versions have, and where the original keeps it as long as they agree. */
enum part {
    SCHEMA,
    SUBRESOURCES,
    COLUMNS,
    SELECTABLE,
    PARTS
};
static const struct {
    const char *name, *shared;
} parts[PARTS] = {
    [SCHEMA] = {"schema", "validation"},
    [SUBRESOURCES] = {"subresources", "subresources"},
    [COLUMNS] = {"additionalPrinterColumns", "additionalPrinterColumns"},
    [SELECTABLE] = {"selectableFields", "selectableFields"},
};

/* The versions of one definition: compared once, however many they are. */
struct versions {
    const struct node *list;
    bool same[PARTS]; /* in all of them */
};

static struct versions compare_versions(const struct node *list)
{
    struct versions v = {.list = list};
    for (size_t m = 0; m < PARTS; m++) {
        const struct node *first = node_get(node_item(list, 0), str_from(parts[m].name));
        v.same[m] = true;
        for (size_t i = 1; i < node_count(list) && v.same[m]; i++) {
            const struct node *other = node_get(node_item(list, i), str_from(parts[m].name));
            v.same[m] = first && other && node_equal(first, other);
        }
    }
    return v;
}

/* Where faults of what a version has are told: where the original keeps it. */
static struct str member_path(struct check *c, const struct versions *versions, size_t index,
                              enum part m)
{
    return versions->same[m]
               ? arena_printf(c->a, "spec.%s", parts[m].shared)
               : path_of(c, path_index(c, STR("spec.versions"), index), parts[m].name);
}

static void check_mixed_case(struct check *c, struct str name, struct str path)
{
    const char *fault = name_dns1035_label(name_lower(c->a, name));
    if (str_empty(name))
        field_required(c->st, path, "%s", "");
    else if (fault)
        field_invalid(c->st, path, name, "may have mixed case, but should otherwise match: %s",
                      fault);
}

static void check_names(struct check *c, const struct node *names)
{
    static const char *const lists[] = {"shortNames", "categories"};
    struct str kind = node_str(names, "kind"), list_kind = node_str(names, "listKind");
    check_needed(c, node_str(names, "plural"), STR("spec.names.plural"), name_dns1035_label);
    check_needed(c, node_str(names, "singular"), STR("spec.names.singular"), name_dns1035_label);
    check_mixed_case(c, kind, STR("spec.names.kind"));
    check_mixed_case(c, list_kind, STR("spec.names.listKind"));
    if (!str_empty(kind) && str_equal(kind, list_kind))
        field_invalid(c->st, STR("spec.names.listKind"), list_kind,
                      "kind and listKind may not be the same");
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        const struct node *list = node_get(names, str_from(lists[l]));
        struct str path = path_of(c, STR("spec.names"), lists[l]);
        for (size_t i = 0; i < node_count(list); i++)
            check_text(c, node_str(node_item(list, i), ""), path_index(c, path, i),
                       name_dns1035_label);
    }
}

static void check_group(struct check *c, const struct node *object, struct str group)
{
    struct str path = STR("spec.group");
    if (str_empty(group)) {
        field_required(c->st, path, "%s", "");
        return;
    }
    check_text(c, group, path, name_dns1123_subdomain);
    if (str_find(group, '.') < 0)
        field_invalid(c->st, path, group, "should be a domain with at least one dot");
    bool reserved = str_is(group, "k8s.io") || str_is(group, "kubernetes.io") ||
                    str_ends(group, ".k8s.io") || str_ends(group, ".kubernetes.io");
    if (reserved &&
        !node_get(node_at(object, "metadata.annotations"), STR("api-approved.kubernetes.io")))
        field_required(c->st, STR("metadata.annotations[api-approved.kubernetes.io]"),
                       "protected groups must have approval annotation "
                       "\"api-approved.kubernetes.io\", see "
                       "https://github.com/kubernetes/enhancements/pull/1111");
}

/* The versions as the original shows them. */
static struct str shown_versions(struct check *c, const struct node *versions)
{
    struct buf text = BUF_INIT;
    if (!versions)
        return STR("null");
    buf_putc(&text, '[');
    for (size_t i = 0; i < node_count(versions); i++) {
        const struct node *v = node_item(versions, i);
        buf_printf(&text,
                   "%s{\"Name\":\"%.*s\",\"Served\":%s,\"Storage\":%s,\"Deprecated\":%s,"
                   "\"DeprecationWarning\":null,\"Schema\":null,\"Subresources\":null,"
                   "\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}",
                   i ? "," : "", STR_ARG(node_str(v, "name")),
                   node_flag(v, "served", false) ? "true" : "false",
                   node_flag(v, "storage", false) ? "true" : "false",
                   node_flag(v, "deprecated", false) ? "true" : "false");
    }
    buf_putc(&text, ']');
    struct str copy = arena_str(c->a, buf_str(&text));
    buf_release(&text);
    return copy;
}

static void check_columns(struct check *c, const struct node *columns, struct str path)
{
    static const char types[] = "boolean|date|integer|number|string",
                      formats[] = "byte|date|date-time|double|float|int32|int64|password";
    for (size_t i = 0; i < node_count(columns); i++) {
        const struct node *column = node_item(columns, i);
        struct str at = path_index(c, path, i), type = node_str(column, "type"),
                   format = node_str(column, "format");
        if (str_empty(node_str(column, "name")))
            field_required(c->st, path_of(c, at, "name"), "%s", "");
        if (str_empty(type))
            field_required(c->st, path_of(c, at, "type"),
                           "must be one of boolean,date,integer,number,string");
        else if (!word_in(type, types))
            field_invalid(c->st, path_of(c, at, "type"), type,
                          "must be one of boolean,date,integer,number,string");
        if (!str_empty(format) && !word_in(format, formats))
            field_invalid(c->st, path_of(c, at, "format"), format,
                          "must be one of "
                          "byte,date,date-time,double,float,int32,int64,password");
        if (str_empty(node_str(column, "jsonPath")))
            field_required(c->st, path_of(c, at, "JSONPath"), "%s", "");
    }
}

/* ".spec.replicas": only names with dots between them. */
static bool is_simple_path(struct str path)
{
    if (path.len < 2 || path.data[0] != '.')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (str_find(STR("[]*'\"?@$ "), path.data[i]) >= 0)
            return false;
    return true;
}

static void check_scale_path(struct check *c, struct str path, struct str at, bool needed,
                             const char *below, const char *words)
{
    bool under = false;
    struct str rest = str_from(below);
    while (rest.data)
        under = under || str_starts(path, arena_cstr(c->a, str_cut(&rest, '|')));
    if (str_empty(path)) {
        if (needed)
            field_required(c->st, at, "%s", "");
    } else if (path.data[0] != '.') {
        field_invalid(c->st, at, path, "must be a simple json path starting with .");
    } else if (!under) {
        field_invalid(c->st, at, path, "should be a json path under %s", words);
    } else if (!is_simple_path(path)) {
        field_invalid(c->st, at, path, "must be a simple json path starting with .");
    }
}

static void check_subresources(struct check *c, const struct node *subresources, struct str path)
{
    const struct node *scale = node_get(subresources, STR("scale"));
    struct str at = path_of(c, path, "scale");
    if (!scale)
        return;
    check_scale_path(c, node_str(scale, "specReplicasPath"), path_of(c, at, "specReplicasPath"),
                     true, ".spec.", ".spec");
    check_scale_path(c, node_str(scale, "statusReplicasPath"), path_of(c, at, "statusReplicasPath"),
                     true, ".status.", ".status");
    check_scale_path(c, node_str(scale, "labelSelectorPath"), path_of(c, at, "labelSelectorPath"),
                     false, ".spec.|.status.", "either .spec or .status");
}

/* Whether a path of names leads to a scalar of a schema. */
static bool leads_to_scalar(const struct node *schema, struct str path)
{
    struct str rest = str_slice(path, 1, path.len);
    while (rest.data && schema) {
        struct str name = str_cut(&rest, '.');
        schema = node_get(node_get(schema, STR("properties")), name);
    }
    struct str type = node_str(schema, "type");
    return str_is(type, "string") || str_is(type, "integer") || str_is(type, "boolean");
}

static void check_selectable(struct check *c, const struct node *fields, const struct node *schema,
                             struct str path)
{
    enum {
        SELECTABLE_MAX = 8
    };
    for (size_t i = 0; i < node_count(fields); i++) {
        struct str text = node_str(node_item(fields, i), "jsonPath");
        struct str at = path_of(c, path_index(c, path, i), "jsonPath");
        if (str_empty(text))
            field_required(c->st, at, "%s", "");
        else if (text.data[0] != '.' && text.data[0] != '[')
            field_invalid(c->st, at, text, "is an invalid path: expected [ or . but got: %c",
                          text.data[0]);
        else if (str_starts(text, ".metadata") || !leads_to_scalar(schema, text))
            field_invalid(c->st, at, text, "is an invalid path: does not refer to a valid field");
        else if (repeats_earlier(&c->repeats, fields, i, "jsonPath"))
            field_duplicate(c->st, at, text);
    }
    if (node_count(fields) > SELECTABLE_MAX)
        status_add_cause(c->st, CAUSE_TOO_MANY, path, "Too many: %zu: must have at most %d items",
                         node_count(fields), SELECTABLE_MAX);
}

static void check_version(struct check *c, const struct versions *versions, size_t index)
{
    const struct node *v = node_item(versions->list, index);
    const struct node *schema = node_at(v, "schema.openAPIV3Schema");
    struct str at = path_index(c, STR("spec.versions"), index),
               warning = node_str(v, "deprecationWarning");
    check_text(c, node_str(v, "name"), path_of(c, at, "name"), name_dns1035_label);
    if (!str_empty(warning) && !node_flag(v, "deprecated", false))
        field_invalid(c->st, path_of(c, at, "deprecationWarning"), warning,
                      "can only be set for deprecated versions");
    if (!schema)
        field_required(c->st, path_of(c, at, "schema.openAPIV3Schema"), "%s", "");
    bool told = index > 0 && versions->same[SCHEMA]; /* with the first */
    if (schema && !told)
        structural_check(
            schema, path_of(c, member_path(c, versions, index, SCHEMA), "openAPIV3Schema"), c->st);
    if (index > 0 && node_get(v, STR("subresources")) && versions->same[SUBRESOURCES])
        return;
    check_subresources(c, node_get(v, STR("subresources")),
                       member_path(c, versions, index, SUBRESOURCES));
    check_columns(c, node_get(v, STR("additionalPrinterColumns")),
                  member_path(c, versions, index, COLUMNS));
    check_selectable(c, node_get(v, STR("selectableFields")), schema,
                     member_path(c, versions, index, SELECTABLE));
}

static void check_versions(struct check *c, const struct node *versions)
{
    size_t stored = 0;
    bool unique = true;
    const struct versions compared = compare_versions(versions);
    for (size_t i = 0; i < node_count(versions); i++) {
        stored += node_flag(node_item(versions, i), "storage", false);
        unique = unique && !repeats_earlier(&c->repeats, versions, i, "name");
        check_version(c, &compared, i);
    }
    struct str shown = shown_versions(c, versions);
    if (!unique)
        field_invalid_bare(c->st, STR("spec.versions"), shown, "must contain unique version names");
    if (stored != 1)
        field_invalid_bare(c->st, STR("spec.versions"), shown,
                           "must have exactly one version marked as storage version");
    if (node_count(versions) == 1)
        check_text(c, node_str(node_item(versions, 0), "name"), STR("spec.version"),
                   name_dns1035_label);
}

static void check_stored(struct check *c, const struct node *object, const struct node *versions)
{
    const struct node *stored = node_at(object, "status.storedVersions");
    if (node_count(stored) == 0)
        field_invalid_bare(c->st, STR("status.storedVersions"),
                           stored && node_is(stored, NODE_LIST) ? STR("[]") : STR("null"),
                           "must have at least one stored version");
    for (size_t i = 0; i < node_count(stored); i++) {
        struct str name = node_str(node_item(stored, i), "");
        if (!node_find(versions, "name", name))
            field_invalid(c->st, path_index(c, STR("status.storedVersions"), i), name,
                          "missing from spec.versions; %.*s was previously a storage version, and "
                          "must remain in spec.versions until a storage migration ensures no data "
                          "remains persisted in %.*s and removes %.*s from status.storedVersions",
                          STR_ARG(name), STR_ARG(name), STR_ARG(name));
    }
}

static void check_conversion(struct check *c, const struct node *conversion)
{
    struct str strategy = node_str(conversion, "strategy");
    const struct node *webhook = node_get(conversion, STR("webhook")),
                      *reviews = node_get(webhook, STR("conversionReviewVersions"));
    struct str versions_at = STR("spec.conversion.conversionReviewVersions");
    if (!conversion)
        return;
    check_needed_word(c, strategy, STR("spec.conversion.strategy"), "None|Webhook");
    if (str_is(strategy, "Webhook")) {
        if (!node_get(webhook, STR("clientConfig")))
            field_required(c->st, STR("spec.conversion.webhookClientConfig"),
                           "required when strategy is set to Webhook");
        if (node_count(reviews) == 0)
            field_required(c->st, versions_at, "%s", "");
        return;
    }
    if (node_get(webhook, STR("clientConfig")))
        field_forbidden(c->st, STR("spec.conversion.webhookClientConfig"),
                        "should not be set when strategy is not set to Webhook");
    if (node_count(reviews))
        field_forbidden(c->st, versions_at,
                        "should not be set when strategy is not set to Webhook");
}

static void check_update(struct check *c, const struct node *object, const struct node *old)
{
    const struct node *established =
        node_find(node_at(old, "status.conditions"), "type", STR("Established"));
    check_immutable_at(c, object, old, "spec.group");
    if (!str_is(node_str(established, "status"), "True"))
        return;
    check_immutable_at(c, object, old, "spec.scope");
    check_immutable_at(c, object, old, "spec.names.kind");
    check_immutable_at(c, object, old, "spec.names.plural");
}

static void definition_validate(const struct kind_ctx *ctx, const struct node *object,
                                const struct node *old, struct status *st)
{
    struct check c = check_of(ctx, st);
    const struct node *spec = node_get(object, STR("spec")),
                      *versions = node_get(spec, STR("versions"));
    /* What was let in before, and is only written again, stays. */
    if (!str_empty(ctx->subresource) || (old && node_equal(spec, node_get(old, STR("spec")))))
        return;
    struct str name = node_str(object, "metadata.name"), group = node_str(spec, "group");
    struct str wanted =
        arena_printf(c.a, "%.*s.%.*s", STR_ARG(node_str(spec, "names.plural")), STR_ARG(group));
    if (!str_empty(name) && !str_equal(name, wanted))
        field_invalid(st, STR("metadata.name"), name, "must be spec.names.plural+\".\"+spec.group");
    check_group(&c, object, group);
    check_needed_word(&c, node_str(spec, "scope"), STR("spec.scope"), "Cluster|Namespaced");
    if (node_flag(spec, "preserveUnknownFields", false))
        field_invalid_bare(st, STR("spec.preserveUnknownFields"), STR("true"),
                           "cannot set to true, set x-kubernetes-preserve-unknown-fields to true "
                           "in spec.versions[*].schema instead");
    check_versions(&c, versions);
    check_names(&c, node_get(spec, STR("names")));
    check_conversion(&c, node_get(spec, STR("conversion")));
    check_stored(&c, object, versions);
    if (old)
        check_update(&c, object, old);
}

/* The version that is stored has been stored from now on. */
static void definition_prepare(const struct kind_ctx *ctx, struct node *object,
                               const struct node *old maybe_unused)
{
    if (!str_empty(ctx->subresource))
        return;
    node_each(version, node_at(object, "spec.versions"))
    {
        struct str name = node_str(version, "name");
        if (!node_flag(version, "storage", false) || str_empty(name))
            continue;
        struct node *stored = node_need_list(ctx->arena, object, "status.storedVersions");
        bool known = false;
        node_each(other, stored) known = known || str_equal(node_str(other, ""), name);
        if (!known)
            node_append(ctx->arena, stored, node_text_copy(ctx->arena, name));
    }
}

REGISTER(kind, definitions)
= {.group = GROUP,
   .plural = "customresourcedefinitions",
   .flags = KIND_STATUS_SPLIT | KIND_GENERATION | KIND_CONDITIONAL_UPDATE,
   .prepare = definition_prepare,
   .validate = definition_validate};
