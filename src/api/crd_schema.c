/* What the schema of a definition does to its objects. */
#include "api/crd.h"

#include "api/objects.h"

struct node *custom_convert(struct arena *a, const struct custom_version *v, struct node *n)
{
    node_set(a, n, STR("apiVersion"), node_text(a, resource_api_version(a, &v->resource)));
    return n;
}

void custom_prepare(struct arena *a maybe_unused, const struct custom_version *v maybe_unused,
                    struct node *n maybe_unused, struct decode_notes *notes maybe_unused)
{
}

void custom_check(struct arena *a maybe_unused, const struct custom_version *v maybe_unused,
                  const struct node *n maybe_unused, struct decode_notes *notes maybe_unused)
{
}

void custom_validate(struct arena *a maybe_unused, const struct custom_version *v maybe_unused,
                     const struct node *n maybe_unused, const struct node *old maybe_unused,
                     struct status *st maybe_unused)
{
}
