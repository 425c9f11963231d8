/* JSON text to blocks (seal.h). */
#include "object/seal.h"

static int by_tree(schema_id type, struct str json, struct sealed **ret, struct status *st)
{
    struct arena a = ARENA_INIT;
    struct node *n;
    int err = document_decode(&a, MEDIA_JSON, json, type, &n, NULL, st);
    if (err == 0)
        err = seal(type, n, ret, st);
    arena_release(&a);
    return err;
}

int seal_json(schema_id type, struct str json, struct sealed **ret, struct status *st)
{
    return by_tree(type, json, ret, st);
}
