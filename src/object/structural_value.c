#include <math.h>

#include "base/limits.h"
#include "base/vec.h"
#include "object/patch_edit.h"
#include "object/regex.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "object/structural_internal.h"

/* Values against schemas, after kube-openapi's pkg/validation/validate and what apiextensions makes
 * of its errors. */

/* Expressions are compiled once a validation, however many values they are asked about; they are
 * known by where their text is. */
struct patterns {
    struct pattern {
        const char *text;       /* borrowed from the schema, or static */
        struct regex *compiled; /* owned; NULL when ill-formed */
    } * items;                  /* owned */
    size_t count, cap;
};

struct validator {
    struct status *st;
    struct patterns *patterns; /* borrowed */
    struct buf path;           /* "spec.list[0]" */
    size_t faults;             /* in this schema and below */
    bool quiet;                /* only count: inside anyOf, oneOf and not */
    size_t told;               /* bytes of what was said */
};

/* Whether a fault is told, after it was counted. */
static bool tells(const struct validator *v)
{
    return !v->quiet && v->told < LIMIT_FAULT_BYTES;
}

/* The path, to be told. */
static struct str path_of(struct validator *v)
{
    v->told += v->path.len;
    return arena_str(v->st->arena, buf_str(&v->path));
}

static struct str json_of(const struct validator *v, const struct node *n)
{
    struct buf out = BUF_INIT;
    node_to_json(&out, n, 0);
    struct str text = arena_str(v->st->arena, buf_str(&out));
    buf_release(&out);
    return text;
}

/* A fault of the value at the path; value is shown as JSON. why begins behind the path. */
static void fault(struct validator *v, enum cause type, struct str shown, struct str why)
{
    v->faults++;
    if (!tells(v))
        return;
    struct str path = path_of(v);
    v->told += path.len + shown.len + why.len;
    status_add_cause(v->st, type, path, "Invalid value: %.*s: %.*s in body %.*s", STR_ARG(shown),
                     STR_ARG(path), STR_ARG(why));
}

/* A fault that the original doesn't put under a path: words before and behind the path. */
static void loose_fault(struct validator *v, const char *before, const char *behind)
{
    v->faults++;
    if (tells(v))
        status_add_cause(v->st, CAUSE_INVALID, STR("<nil>"), "Invalid value: \"\": %s%.*s%s",
                         before, STR_ARG(path_of(v)), behind);
}

#define WHY(v, ...) arena_printf((v)->st->arena, __VA_ARGS__)

static const char *kind_name(const struct node *n)
{
    static const char *const names[] = {
        [NODE_NULL] = "null",     [NODE_BOOL] = "boolean",  [NODE_INT] = "integer",
        [NODE_DOUBLE] = "number", [NODE_STRING] = "string", [NODE_LIST] = "array",
        [NODE_MAP] = "object",
    };
    return names[n->kind];
}

static double number_of(const struct node *n)
{
    return n->kind == NODE_INT ? (double)n->integer : n->number;
}

static bool is_whole(const struct node *n)
{
    return n->kind == NODE_DOUBLE && n->number == trunc(n->number);
}

static bool type_allows(struct str type, const struct node *n)
{
    struct str kind = str_from(kind_name(n));
    if (str_equal(type, kind))
        return true;
    if (str_is(type, "number") && n->kind == NODE_INT)
        return true;
    return str_is(type, "integer") && is_whole(n);
}

static void check_type(struct validator *v, const struct node *schema, const struct node *n)
{
    struct str type = node_str(schema, "type");
    bool any = schema_flag(schema, "x-kubernetes-int-or-string");
    if ((type.len == 0 && !any) || (n->kind == NODE_NULL && schema_flag(schema, "nullable")))
        return;
    if (any ? n->kind == NODE_STRING || n->kind == NODE_INT || is_whole(n) : type_allows(type, n))
        return;
    struct str wanted = any ? STR("integer,string") : type;
    struct str shown = WHY(v, "\"%s\"", kind_name(n));
    fault(v, CAUSE_TYPE_INVALID, shown,
          WHY(v, "must be of type %.*s: %.*s", STR_ARG(wanted), STR_ARG(shown)));
    if (str_is(wanted, "integer") && n->kind == NODE_DOUBLE)
        loose_fault(v, "Checked value must be of type integer (default format) in ", "");
}

static void check_enum(struct validator *v, const struct node *schema, const struct node *n)
{
    const struct node *values = node_get(schema, STR("enum"));
    struct buf list = BUF_INIT;
    if (node_count(values) == 0)
        return;
    node_each(value, values)
    {
        if (node_equal(value, n)) {
            buf_release(&list);
            return;
        }
        struct str text = value->kind == NODE_STRING ? value->text : json_of(v, value);
        buf_printf(&list, "%s\"%.*s\"", list.len ? ", " : "", STR_ARG(text));
    }
    v->faults++;
    if (tells(v)) {
        struct str shown = json_of(v, n);
        v->told += shown.len + list.len;
        status_add_cause(v->st, CAUSE_NOT_SUPPORTED, path_of(v),
                         "Unsupported value: %.*s: supported values: %.*s", STR_ARG(shown),
                         STR_ARG(buf_str(&list)));
    }
    buf_release(&list);
}

static size_t count_characters(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.data[i] & 0xc0) != 0x80;
    return count;
}

/* A number among the schema's members; false when it isn't there. */
static bool limit_of(const struct node *schema, const char *name, double *ret)
{
    const struct node *n = node_get(schema, str_from(name));
    if (!n || (n->kind != NODE_INT && n->kind != NODE_DOUBLE))
        return false;
    *ret = number_of(n);
    return true;
}

static bool pattern_matches(struct validator *v, struct str pattern, struct str text)
{
    const struct regex *r = NULL;
    bool known = false;
    for (size_t i = 0; i < v->patterns->count && !known; i++) {
        known = v->patterns->items[i].text == pattern.data;
        r = v->patterns->items[i].compiled;
    }
    if (!known) {
        char error[64];
        struct pattern added = {pattern.data,
                                regex_new(pattern.data, pattern.len, error, sizeof(error))};
        vec_push(v->patterns, added);
        r = added.compiled;
    }
    return r && regex_matches(r, text.data ? text.data : "", text.len);
}

static bool has_format(struct validator *v, struct str format, struct str text)
{
    const char *pattern = format_pattern(v->st->arena, format);
    return pattern ? pattern_matches(v, str_from(pattern), text)
                   : format_matches(v->st->arena, format, text);
}

static void check_string(struct validator *v, const struct node *schema, const struct node *n)
{
    struct str pattern = node_str(schema, "pattern"), format = node_str(schema, "format");
    struct str shown = json_of(v, n);
    double limit;
    if (limit_of(schema, "maxLength", &limit) && (double)count_characters(n->text) > limit) {
        v->faults++;
        if (tells(v))
            field_too_long(v->st, path_of(v), (size_t)MAX(limit, 0));
    } else if (limit_of(schema, "minLength", &limit) && (double)count_characters(n->text) < limit) {
        fault(v, CAUSE_INVALID, shown, WHY(v, "should be at least %.0f chars long", limit));
    } else if (pattern.len > 0 && !pattern_matches(v, pattern, n->text)) {
        fault(v, CAUSE_INVALID, shown, WHY(v, "should match '%.*s'", STR_ARG(pattern)));
    }
    if (format.len > 0 && !has_format(v, format, n->text))
        fault(v, CAUSE_TYPE_INVALID, shown,
              WHY(v, "must be of type %.*s: %.*s", STR_ARG(format), STR_ARG(shown)));
}

static struct str limit_text(struct validator *v, const struct node *schema, const char *name)
{
    return json_of(v, node_get(schema, str_from(name)));
}

static void check_number(struct validator *v, const struct node *schema, const struct node *n)
{
    struct str shown = json_of(v, n), format = node_str(schema, "format");
    double value = number_of(n), limit;
    if (str_is(format, "int32") && (value > INT32_MAX || value < INT32_MIN))
        loose_fault(v, "Checked value must be of type integer with format int32 in ", "");
    if (limit_of(schema, "multipleOf", &limit) && limit > 0 &&
        fabs(value / limit - round(value / limit)) > 1e-9)
        fault(v, CAUSE_INVALID, shown,
              WHY(v, "should be a multiple of %.*s", STR_ARG(limit_text(v, schema, "multipleOf"))));
    if (limit_of(schema, "maximum", &limit)) {
        bool exclusive = schema_flag(schema, "exclusiveMaximum");
        if (exclusive ? value >= limit : value > limit)
            fault(v, CAUSE_INVALID, shown,
                  WHY(v, "should be less than %s%.*s", exclusive ? "" : "or equal to ",
                      STR_ARG(limit_text(v, schema, "maximum"))));
    }
    if (limit_of(schema, "minimum", &limit)) {
        bool exclusive = schema_flag(schema, "exclusiveMinimum");
        if (exclusive ? value <= limit : value < limit)
            fault(v, CAUSE_INVALID, shown,
                  WHY(v, "should be greater than %s%.*s", exclusive ? "" : "or equal to ",
                      STR_ARG(limit_text(v, schema, "minimum"))));
    }
}

/* Least and greatest numbers of items or members. */
static void check_count(struct validator *v, const struct node *schema, size_t count, bool items)
{
    double limit;
    const char *what = items ? "items" : "properties";
    if (limit_of(schema, items ? "minItems" : "minProperties", &limit) && (double)count < limit)
        fault(v, CAUSE_INVALID, WHY(v, "%zu", count),
              WHY(v, "should have at least %.0f %s", limit, what));
    if (limit_of(schema, items ? "maxItems" : "maxProperties", &limit) && (double)count > limit) {
        v->faults++;
        if (tells(v))
            field_too_many(v->st, path_of(v), count, (size_t)MAX(limit, 0));
    }
}

static void validate(struct validator *v, const struct node *schema, const struct node *n);

static bool has_duplicates(struct validator *v, const struct node *list)
{
    struct key_index seen;
    key_index_init(&seen, v->st->arena, node_count(list));
    node_each(item, list)
    {
        struct node *key = item;
        if (item->kind == NODE_MAP || item->kind == NODE_LIST)
            key = node_text(v->st->arena, json_of(v, item));
        if (!key_index_add(&seen, key, 0))
            return true;
    }
    return false;
}

static void check_list(struct validator *v, const struct node *schema, const struct node *n)
{
    const struct node *items = node_get(schema, STR("items"));
    size_t length = v->path.len, index = 0;
    node_each(item, n)
    {
        buf_printf(&v->path, "[%zu]", index++);
        if (items)
            validate(v, items, item);
        v->path.len = length;
    }
    check_count(v, schema, n->list.count, true);
    if (schema_flag(schema, "uniqueItems") && has_duplicates(v, n))
        fault(v, CAUSE_INVALID, STR("\"\""), STR("shouldn't contain duplicates"));
}

static void check_map(struct validator *v, const struct node *schema, const struct node *n)
{
    const struct node *properties = node_get(schema, STR("properties"));
    const struct node *others = node_get(schema, STR("additionalProperties"));
    size_t length = v->path.len;
    check_count(v, schema, n->map.count, false);
    node_each(name, node_get(schema, STR("required")))
    {
        if (node_get(n, node_str(name, "")))
            continue;
        v->faults++;
        if (!tells(v))
            continue;
        buf_printf(&v->path, "%s%.*s", length ? "." : "", STR_ARG(node_str(name, "")));
        status_add_cause(v->st, CAUSE_REQUIRED, path_of(v), "Required value");
        v->path.len = length;
    }
    member_each(m, n)
    {
        const struct node *below = node_get(properties, m->name);
        if (!below && node_is(others, NODE_MAP))
            below = others;
        if (!below)
            continue;
        buf_printf(&v->path, "%s%.*s", length ? "." : "", STR_ARG(m->name));
        validate(v, below, m->value);
        v->path.len = length;
    }
}

/* How many faults a schema finds in a value, without telling. */
static size_t count_faults(struct validator *v, const struct node *schema, const struct node *n)
{
    struct validator inner = {
        .st = v->st, .patterns = v->patterns, .path = BUF_INIT, .quiet = true};
    validate(&inner, schema, n);
    buf_release(&inner.path);
    return inner.faults;
}

/* Of several schemas: how many are satisfied, and which came nearest. */
static size_t count_matches(struct validator *v, const struct node *schemas, const struct node *n,
                            const struct node **ret_best)
{
    size_t matches = 0, least = SIZE_MAX;
    *ret_best = NULL;
    node_each(schema, schemas)
    {
        size_t faults = count_faults(v, schema, n);
        matches += faults == 0;
        if (faults < least) {
            least = faults;
            *ret_best = schema;
        }
    }
    return matches;
}

/* The faults that the nearest of several schemas found; while only counting, that there are some
 * was noted. */
static void tell(struct validator *v, const struct node *best, const struct node *n)
{
    if (!v->quiet)
        validate(v, best, n);
}

static void check_combinations(struct validator *v, const struct node *schema, const struct node *n)
{
    const struct node *any = node_get(schema, STR("anyOf")), *one = node_get(schema, STR("oneOf"));
    const struct node *all = node_get(schema, STR("allOf")), *not = node_get(schema, STR("not"));
    const struct node *best;
    if (node_count(any) > 0 && count_matches(v, any, n, &best) == 0) {
        loose_fault(v, "\"", "\" must validate at least one schema (anyOf)");
        tell(v, best, n);
    }
    size_t matches = node_count(one) > 0 ? count_matches(v, one, n, &best) : 1;
    if (matches == 0) {
        loose_fault(v, "\"", "\" must validate one and only one schema (oneOf). Found none valid");
        tell(v, best, n);
    } else if (matches > 1) {
        char behind[128];
        snprintf(behind, sizeof(behind),
                 "\" must validate one and only one schema (oneOf). Found %zu valid alternatives",
                 matches);
        loose_fault(v, "\"", behind);
    }
    size_t before = v->faults, passed = 0;
    node_each(s, all)
    {
        size_t so_far = v->faults;
        validate(v, s, n);
        passed += v->faults == so_far;
    }
    if (v->faults > before)
        loose_fault(v, "\"",
                    passed == 0 ? "\" must validate all the schemas (allOf). None validated"
                                : "\" must validate all the schemas (allOf)");
    if (node_is(not, NODE_MAP) && count_faults(v, not, n) == 0)
        loose_fault(v, "\"", "\" must not validate the schema (not)");
}

static void validate(struct validator *v, const struct node *schema, const struct node *n)
{
    if (!schema || schema->kind != NODE_MAP)
        return;
    check_type(v, schema, n);
    if (n->kind == NODE_NULL)
        return;
    check_combinations(v, schema, n);
    if (n->kind == NODE_STRING)
        check_string(v, schema, n);
    if (n->kind == NODE_INT || n->kind == NODE_DOUBLE)
        check_number(v, schema, n);
    if (n->kind == NODE_LIST)
        check_list(v, schema, n);
    check_enum(v, schema, n);
    if (n->kind == NODE_MAP)
        check_map(v, schema, n);
}

/* Items of sets and maps are told apart; each that comes again is named once. */
static void check_unique(struct validator *v, const struct node *schema, const struct node *list)
{
    struct arena *a = v->st->arena;
    bool set = str_is(node_str(node_get(schema, STR("x-kubernetes-list-type")), ""), "set");
    const struct node *keys = node_get(schema, STR("x-kubernetes-list-map-keys"));
    struct key_index seen, told;
    key_index_init(&seen, a, node_count(list));
    key_index_init(&told, a, node_count(list));
    size_t index = 0;
    node_each(item, list)
    {
        struct node *shown = item;
        if (!set) {
            shown = node_map(a);
            node_each(key, keys)
            {
                struct node *value = node_get(item, node_str(key, ""));
                if (value)
                    node_set(a, shown, node_str(key, ""), node_clone(a, value));
            }
        }
        struct node *key = node_text(a, json_of(v, shown));
        if (!key_index_add(&seen, key, index) && key_index_add(&told, key, index) && tells(v))
            status_add_cause(v->st, CAUSE_DUPLICATE,
                             WHY(v, "%.*s[%zu]", STR_ARG(path_of(v)), index),
                             "Duplicate value: %.*s", STR_ARG(json_of(v, shown)));
        index++;
    }
}

static void check_embedded(struct validator *v, const struct node *n)
{
    static const char *const names[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct node *text = node_get(n, str_from(names[i]));
        if (node_str(text, "").len > 0 || !tells(v))
            continue;
        struct str path = WHY(v, "%.*s.%s", STR_ARG(path_of(v)), names[i]);
        if (!text)
            status_add_cause(v->st, CAUSE_REQUIRED, path, "Required value");
        else
            field_invalid(v->st, path, node_str(text, ""), "must not be empty");
    }
}

/* What no JSON schema says: lists that are sets or maps, embedded resources. */
static void check_structure(struct validator *v, const struct node *schema, const struct node *n)
{
    size_t length = v->path.len, index = 0;
    if (!schema)
        return;
    struct str type = node_str(node_get(schema, STR("x-kubernetes-list-type")), "");
    if (n->kind == NODE_LIST && (str_is(type, "set") || str_is(type, "map")))
        check_unique(v, schema, n);
    node_each(item, n)
    {
        buf_printf(&v->path, "[%zu]", index++);
        check_structure(v, node_get(schema, STR("items")), item);
        v->path.len = length;
    }
    if (n->kind == NODE_MAP && length > 0 && schema_flag(schema, "x-kubernetes-embedded-resource"))
        check_embedded(v, n);
    member_each(m, n)
    {
        const struct node *below = schema_property(schema, m->name);
        const struct node *others = node_get(schema, STR("additionalProperties"));
        if (!below && node_is(others, NODE_MAP))
            below = others;
        buf_printf(&v->path, "%s%.*s", length ? "." : "", STR_ARG(m->name));
        check_structure(v, below, m->value);
        v->path.len = length;
    }
}

void structural_validate(const struct node *schema, const struct node *tree, struct status *st)
{
    struct patterns patterns = {0};
    struct validator v = {.st = st, .patterns = &patterns, .path = BUF_INIT};
    if (schema) {
        validate(&v, schema, tree);
        check_structure(&v, schema, tree);
    }
    for (size_t i = 0; i < patterns.count; i++)
        regex_free(patterns.items[i].compiled);
    vec_release(&patterns);
    buf_release(&v.path);
}
