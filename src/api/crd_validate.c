/* Whether a custom resource may be kept: its schema's faults, and those of what a scale reads.
 * Source: apiextensions-apiserver pkg/registry/customresource/validator.go. */
#include "api/crd_internal.h"
#include "object/patch_edit.h"
#include "object/structural.h"

/* What stands at a path of a scale (".spec.replicas"); -1 with a cause when a step before the last
 * is no map. ret is NULL when there is nothing. shown: the value that the cause shows. */
static int scale_value(struct status *st, const struct node *object, const char *path,
                       const char *shown, const struct node **ret)
{
    struct str rest = str_from(*path == '.' ? path + 1 : path), whole = rest;
    const struct node *at = object;
    while (at && at->kind != NODE_NULL && rest.data) {
        struct str step = str_cut(&rest, '.');
        size_t walked = (size_t)(step.data + step.len - whole.data);
        if (at->kind != NODE_MAP) {
            struct str value = node_go_text(st->arena, at);
            field_invalid_bare(st, str_from(path), str_from(shown),
                               ".%.*s accessor error: %.*s is of the type %s, expected "
                               "map[string]interface{}",
                               STR_ARG(str_slice(whole, 0, walked)), STR_ARG(value),
                               node_go_type(at));
            return -1;
        }
        at = node_get(at, step);
    }
    *ret = rest.data ? NULL : at; /* a null on the way is nothing, one at the end is wrong */
    return 0;
}

static void wrong_type(struct status *st, const char *path, const struct node *value,
                       const char *shown, const char *expected)
{
    field_invalid_bare(st, str_from(path), str_from(shown),
                       "%s%s accessor error: %.*s is of the type %s, expected %s",
                       *path == '.' ? "" : ".", path, STR_ARG(node_go_text(st->arena, value)),
                       node_go_type(value), expected);
}

static void check_replicas(struct status *st, const struct node *object, const char *path)
{
    const struct node *value;
    if (!path || scale_value(st, object, path, "0", &value) < 0 || !value)
        return;
    struct str shown = node_go_text(st->arena, value);
    if (value->kind != NODE_INT)
        wrong_type(st, path, value, "0", "int64");
    else if (value->integer < 0)
        field_invalid_bare(st, str_from(path), shown, "should be a non-negative integer");
    else if (value->integer > INT32_MAX)
        field_invalid_bare(st, str_from(path), shown, "should be less than or equal to %d",
                           INT32_MAX);
}

static void check_selector(struct status *st, const struct node *object, const char *path)
{
    const struct node *value;
    if (path && scale_value(st, object, path, "\"\"", &value) == 0 && value &&
        value->kind != NODE_STRING)
        wrong_type(st, path, value, "\"\"", "string");
}

static void check_status(const struct custom_version *v, const struct node *n,
                         const struct node *old, struct status *st)
{
    const struct node *schema = node_at(v->schema, "properties.status"),
                      *now = node_get(n, STR("status"));
    size_t first = st->details.cause_count;
    if (!schema || !now)
        return;
    structural_validate(schema, now, st);
    causes_forgive(schema, now, node_get(old, STR("status")), first, st);
    for (size_t i = first; i < st->details.cause_count; i++) {
        struct str *field = &st->details.causes[i].field;
        if (!str_is(*field, "<nil>"))
            *field =
                arena_printf(st->arena, "status%s%.*s", field->len ? "." : "", STR_ARG(*field));
    }
}

void custom_validate(const struct custom_version *v, const struct node *n, const struct node *old,
                     bool status_only, struct status *st)
{
    size_t first = st->details.cause_count;
    if (status_only) {
        check_status(v, n, old, st);
    } else if (v->schema) {
        structural_validate(v->schema, n, st);
        if (old)
            causes_forgive(v->schema, n, old, first, st);
    }
    if (!v->has_scale)
        return;
    if (!status_only)
        check_replicas(st, n, v->spec_replicas_path);
    check_replicas(st, n, v->status_replicas_path);
    check_selector(st, n, v->label_selector_path);
}
