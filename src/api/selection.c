/* Label and field selectors of list, watch and deletecollection. */
#include "api/crd.h"
#include "api/objects.h"

static bool label_known(const struct selection *s, struct str label)
{
    if (str_is(label, "metadata.name"))
        return true;
    /* Cluster-scoped kinds with labels of their own know no namespace. */
    if (str_is(label, "metadata.namespace"))
        return s->resource->namespaced || !s->kind->field_labels;
    for (const char *const *l = s->kind->field_labels; l && *l; l++)
        if (str_is(label, *l))
            return true;
    if (s->custom)
        node_each(item, s->custom->selectable)
        {
            struct str path = node_str(item, "jsonPath");
            if (path.len > 1 && str_equal(str_slice(path, 1, path.len), label))
                return true;
        }
    return false;
}

static int check_labels(struct request *r, const struct selection *s)
{
    for (size_t i = 0; i < s->fields.count; i++) {
        struct str label = s->fields.terms[i].key;
        if (label_known(s, label))
            continue;
        if (s->kind->field_labels)
            return status_set(&r->st, REASON_BAD_REQUEST, "field label not supported: %.*s",
                              STR_ARG(label));
        if (s->custom)
            return status_set(&r->st, REASON_BAD_REQUEST, "field label not supported: %.*s",
                              STR_ARG(label));
        return status_set(&r->st, REASON_BAD_REQUEST,
                          "\"%.*s\" is not a known field selector: only \"metadata.name\", "
                          "\"metadata.namespace\"",
                          STR_ARG(label));
    }
    return 0;
}

int selection_parse(struct request *r, struct selection *ret)
{
    struct selection s = {.kind = r->kind, .resource = r->resource, .custom = r->custom};
    struct str text;
    if (request_query(r, "labelSelector", &text) && !str_empty(text)) {
        if (label_selector_parse(r->arena, text, &s.labels, &r->st) < 0)
            return -1;
        s.has_labels = s.labels.count > 0 || s.labels.nothing;
    }
    if (request_query(r, "fieldSelector", &text) && !str_empty(text)) {
        if (field_selector_parse(r->arena, text, &s.fields, &r->st) < 0 || check_labels(r, &s) < 0)
            return -1;
        s.has_fields = s.fields.count > 0;
    }
    *ret = s;
    return 0;
}

static struct str field_text(struct arena *a, const struct selection *s,
                             const struct sealed *object, struct str label)
{
    struct str text = STR_NONE;
    if (str_is(label, "metadata.name"))
        return object_name(object);
    if (str_is(label, "metadata.namespace"))
        return object_namespace(object);
    if (s->kind->field && s->kind->field(a, object, label, &text))
        return text;
    return value_text(a, sealed_root(object), arena_cstr(a, label));
}

static bool term_matches(const struct selector_term *t, struct str actual)
{
    bool equal = t->value_count ? str_equal(actual, t->values[0]) : str_empty(actual);
    return t->op == SELECT_NOT_EQUALS ? !equal : equal;
}

bool selection_matches(const struct selection *s, const struct sealed *object)
{
    if (s->has_labels &&
        !label_selector_matches(&s->labels, value_at(sealed_root(object), "metadata.labels")))
        return false;
    if (!s->has_fields)
        return true;
    struct arena scratch = ARENA_INIT;
    bool all = true;
    for (size_t i = 0; all && i < s->fields.count; i++)
        all = term_matches(&s->fields.terms[i],
                           field_text(&scratch, s, object, s->fields.terms[i].key));
    arena_release(&scratch);
    return all;
}
