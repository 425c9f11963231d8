/* What tests of objects begin with: recorded files of tests/data/object, trees and sealed objects
 * from JSON, and JSON of trees. Whatever is wrong with them fails the test. */
#ifndef OBJECT_OBJECT_TESTING_H
#define OBJECT_OBJECT_TESTING_H

#include "object/seal.h"

/* A whole file of tests/data/object. */
maybe_unused static struct str read_data(struct arena *a, const char *name)
{
    const char *source = getenv("KANAME_SOURCE");
    FILE *f =
        fopen(arena_printf(a, "%s/tests/data/object/%s", source ? source : ".", name).data, "rb");
    assert_non_null(f);
    struct buf text = BUF_INIT;
    for (size_t got; (got = fread(buf_reserve(&text, 65536), 1, 65536, f)) > 0;)
        text.len += got;
    fclose(f);
    struct str copy = arena_str(a, buf_str(&text));
    buf_release(&text);
    return copy;
}

maybe_unused static struct node *tree_from(struct arena *a, struct str json)
{
    struct status st;
    struct node *n;
    status_init(&st, a);
    if (json_parse(a, json, &n, &st) < 0)
        fail_msg("%.*s in %.*s", STR_ARG(st.message), STR_ARG(json));
    return n;
}

/* Nothing for NULL. */
maybe_unused static struct str to_json(struct arena *a, const struct node *n)
{
    struct buf out = BUF_INIT;
    if (n)
        node_to_json(&out, n, 0);
    struct str text = arena_str(a, buf_str(&out));
    buf_release(&out);
    return text;
}

/* An object of a type ("core/v1.Pod"), which the caller unrefs. */
maybe_unused static struct sealed *sealed_from(const char *type, const char *json)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct sealed *s = NULL;
    status_init(&st, &a);
    if (seal(schema_type_by_name(str_from(type)), tree_from(&a, str_from(json)), &s, &st))
        fail_msg("%.*s in %s", STR_ARG(st.message), json);
    arena_release(&a);
    return s;
}

#endif
