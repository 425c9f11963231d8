/* The step that lets people and roles into a cluster. */
#include "base/encode.h"
#include "cli/steps.h"

static int associate(struct steps *s, struct str path, const struct node *policies,
                     struct status *st)
{
    for (size_t i = 0; i < node_count(policies); i++)
        if (region_call(s->arena, &s->region, "POST",
                        arena_printf(s->arena, "%.*s/access-policies", STR_ARG(path)),
                        node_item(policies, i), NULL, st))
            return -1;
    return 0;
}

int step_access(struct steps *s, const char *cluster, const struct node *access, struct status *st)
{
    struct arena *a = s->arena;
    bool changed = false;
    struct str all = arena_printf(a, "/clusters/%s/access-entries", cluster);
    progress_begin(s->progress, "access");
    for (size_t i = 0; i < node_count(access); i++) {
        const struct node *one = node_item(access, i);
        struct str principal = node_str(one, "entry.principalArn");
        struct str name = percent_encode(a, principal, "");
        struct str path = arena_printf(a, "%.*s/%.*s", STR_ARG(all), STR_ARG(name));
        /* 409: it is there already. */
        if (region_call(a, &s->region, "POST", all, node_at(one, "entry"), NULL, st) == 0)
            changed = true;
        else if (st->code != 409)
            return -1;
        if (associate(s, path, node_at(one, "policies"), st))
            return -1;
    }
    progress_end(s->progress, changed, "%zu entries", node_count(access));
    return 0;
}
