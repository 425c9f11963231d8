/* What the schema of a definition does to its objects. */
#include "api/crd.h"
#include "api/objects.h"
#include "object/structural.h"

static void fit(struct arena *a, const struct node *schema, bool preserves, struct node *n)
{
    if (!schema)
        return;
    if (!preserves)
        structural_prune(a, schema, n, NULL, NULL);
    structural_default(a, schema, n);
}

struct node *custom_convert(struct arena *a, const struct custom_version *v, struct node *n)
{
    fit(a, v->storage_schema, v->preserve_unknown, n);
    node_set(a, n, STR("apiVersion"), node_text(a, resource_api_version(a, &v->resource)));
    return n;
}

void custom_to_storage(struct arena *a, const struct custom_version *v, struct node *n)
{
    if (v->storage_schema != v->schema)
        fit(a, v->storage_schema, v->preserve_unknown, n);
    node_set(a, n, STR("apiVersion"), node_text(a, str_from(v->storage_version)));
}

static void add_note(struct arena *a, struct decode_notes *notes, struct str path)
{
    notes->texts = arena_grow(a, notes->texts, notes->count * sizeof(struct str),
                              (notes->count + 1) * sizeof(struct str));
    notes->texts[notes->count++] = arena_printf(a, "unknown field \"%.*s\"", STR_ARG(path));
}

void custom_prepare(struct arena *a, const struct custom_version *v, struct node *n,
                    struct decode_notes *notes)
{
    struct str *unknown = NULL;
    size_t count = 0;
    if (!v->schema)
        return;
    if (!v->preserve_unknown)
        structural_prune(a, v->schema, n, &unknown, &count);
    for (size_t i = 0; notes && i < count; i++)
        add_note(a, notes, unknown[i]);
    structural_default(a, v->schema, n);
}
