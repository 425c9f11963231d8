#include "region/model.h"

#include "base/encode.h"

/* Matches one path against a template; variables go to input. */
static bool match_path(struct arena *a, const char *template, struct str path, struct node *input)
{
    struct str want = str_from(template), rest = path;
    struct node *found = node_map(a);
    while (want.data && rest.data) {
        struct str part = str_cut(&want, '/'), have = str_cut(&rest, '/');
        if (!str_starts(part, "{")) {
            if (!str_equal(part, have))
                return false;
            continue;
        }
        struct str value;
        if (str_empty(have) || percent_decode(a, have, false, &value))
            return false;
        node_set(a, found, str_slice(part, 1, part.len - 1), node_text(a, value));
    }
    if (want.data || rest.data)
        return false;
    member_each(m, found) node_set(a, input, m->name, m->value);
    return true;
}

const struct aws_model *aws_model_match(struct arena *a, const char *service, struct str method,
                                        struct str raw_path, struct node *input,
                                        bool *ret_known_path)
{
    *ret_known_path = false;
    while (raw_path.len > 1 && str_ends(raw_path, "/"))
        raw_path.len--;
    /* Literal segments win over variables, and the table has no pair that only a variable tells
     * apart. */
    for (size_t i = 0; i < aws_model_count; i++) {
        const struct aws_model *m = &aws_models[i];
        struct node *trial = node_map(a);
        if (strcmp(m->service, service) != 0 || !match_path(a, m->path, raw_path, trial))
            continue;
        *ret_known_path = true;
        if (!str_is(method, m->method))
            continue;
        member_each(v, trial) node_set(a, input, v->name, v->value);
        return m;
    }
    return NULL;
}

static bool name_is_right(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alphanumeric && (i == 0 || (c != '-' && c != '_')))
            return false;
    }
    return s.len > 0;
}

static const char *const type_names[] = {
    [AWS_STRING] = "a string",       [AWS_INTEGER] = "an integer", [AWS_BOOLEAN] = "a boolean",
    [AWS_TIMESTAMP] = "a timestamp", [AWS_LIST] = "a list",        [AWS_MAP] = "a map of values",
    [AWS_STRUCTURE] = "a structure"};

static bool type_is_right(const struct aws_member *m, const struct node *value)
{
    switch (m->type) {
    case AWS_STRING: return value->kind == NODE_STRING;
    case AWS_INTEGER: return value->kind == NODE_INT;
    case AWS_BOOLEAN: return value->kind == NODE_BOOL;
    case AWS_TIMESTAMP:
        return value->kind == NODE_INT || value->kind == NODE_DOUBLE || value->kind == NODE_STRING;
    case AWS_LIST: return value->kind == NODE_LIST;
    case AWS_MAP:
    case AWS_STRUCTURE: return value->kind == NODE_MAP;
    }
    return false;
}

static const char *member_fault(struct arena *a, const struct aws_member *m,
                                const struct node *value)
{
    if (!type_is_right(m, value))
        return arena_printf(a, "%s must be %s.", m->name, type_names[m->type]).data;
    int64_t size = m->type == AWS_INTEGER  ? value->integer
                   : m->type == AWS_STRING ? (int64_t)value->text.len
                                           : (int64_t)node_count(value);
    const char *what = m->type == AWS_INTEGER  ? "value"
                       : m->type == AWS_STRING ? "length"
                                               : "number of items";
    if (m->min >= 0 && size < m->min)
        return arena_printf(a, "%s: %s must be at least %d.", m->name, what, m->min).data;
    if (m->max >= 0 && size > m->max)
        return arena_printf(a, "%s: %s must be at most %d.", m->name, what, m->max).data;
    if (m->name_pattern && !name_is_right(value->text))
        return arena_printf(
                   a,
                   "The %s can contain only alphanumeric characters (case-sensitive), hyphens, and "
                   "underscores. It must start "
                   "with an alphanumeric character and can't be longer than 100 characters.",
                   m->name)
            .data;
    if (!m->values || m->type != AWS_STRING)
        return NULL;
    for (const char *const *v = m->values; *v; v++)
        if (str_is(value->text, *v))
            return NULL;
    return arena_printf(a, "%s: %.*s is not a valid value.", m->name, STR_ARG(value->text)).data;
}

const char *aws_model_fault(struct arena *a, const struct aws_model *model,
                            const struct node *input)
{
    for (const struct aws_member *m = model->members; m->name; m++) {
        const struct node *value = node_get(input, str_from(m->name));
        if (!value || value->kind == NODE_NULL) {
            if (m->required)
                return arena_printf(a, "%s is required.", m->name).data;
            continue;
        }
        const char *fault = member_fault(a, m, value);
        if (fault)
            return fault;
    }
    return NULL;
}
