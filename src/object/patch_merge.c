#include "object/patch.h"
#include "object/patch_edit.h"

/* RFC 7386 as evanphx/json-patch v4 does it: nulls of the patch take members away, also in maps
 * inside lists that are taken over whole, but null items of lists stay. */

static void prune_nulls(struct arena *a, struct node *n)
{
    node_each(item, n) prune_nulls(a, item);
    if (n->kind != NODE_MAP)
        return;
    struct map_edit edit;
    map_edit_begin(&edit, a, n);
    member_each(m, n)
    {
        if (m->value->kind == NODE_NULL)
            map_edit_remove(&edit, m);
        else
            prune_nulls(a, m->value);
    }
    map_edit_end(&edit);
}

static void merge_maps(struct arena *a, struct node *doc, const struct node *patch)
{
    struct map_edit edit;
    map_edit_begin(&edit, a, doc);
    member_each(m, patch)
    {
        struct member *old = map_edit_find(&edit, m->name);
        if (m->value->kind == NODE_NULL) {
            if (old)
                map_edit_remove(&edit, old);
            continue;
        }
        if (old && old->value->kind == NODE_MAP && m->value->kind == NODE_MAP) {
            merge_maps(a, old->value, m->value);
            continue;
        }
        prune_nulls(a, m->value);
        map_edit_set(&edit, m->name, m->value);
    }
    map_edit_end(&edit);
}

int merge_patch(struct arena *a, const struct node *old, struct node *patch, struct node **ret,
                struct status *st)
{
    static const char *const names[] = {
        [NODE_BOOL] = "bool",     [NODE_INT] = "number", [NODE_DOUBLE] = "number",
        [NODE_STRING] = "string", [NODE_LIST] = "array",
    };
    if (patch->kind == NODE_NULL || old->kind != NODE_MAP)
        return status_set(st, REASON_BAD_REQUEST, "Invalid JSON Patch");
    if (patch->kind != NODE_MAP)
        return status_set(st, REASON_BAD_REQUEST,
                          "error decoding patch: json: cannot unmarshal %s into Go value of type "
                          "map[string]interface {}",
                          names[patch->kind]);
    struct node *result = node_clone(a, old);
    merge_maps(a, result, patch);
    *ret = result;
    return 0;
}
