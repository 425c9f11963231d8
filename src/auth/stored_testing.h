/* A store with objects from JSON, for the tests of this folder and those above. */
#ifndef AUTH_STORED_TESTING_H
#define AUTH_STORED_TESTING_H

#include "object/seal.h"
#include "store/store_testing.h"

/* Objects by node, as the node authorizer looks pods up. */
maybe_unused static void node_index(const void *value, size_t size maybe_unused,
                                    struct store_index *ret, uint64_t hashes[64] maybe_unused)
{
    ret->node = value_str(sealed_root(value), "spec.nodeName");
}

/* Opens a world whose values are sealed objects. */
maybe_unused static void objects_open(struct world *w)
{
    world_open(w);
    w->config.index = node_index;
    world_reopen(w);
}

/* Writes an object; its namespace and name are taken from its metadata. */
maybe_unused static void put_object(struct world *w, const char *group, const char *plural,
                                    const char *json)
{
    const struct resource *r = resource_named(group, plural);
    struct sealed *s;
    struct status st;
    struct arena a;
    uint64_t revision;
    arena_init(&a);
    status_init(&st, &a);
    if (seal_json(r->type, str_from(json), &s, &st) != 0)
        fail_msg("%.*s in %s", STR_ARG(st.message), json);
    struct value meta = value_at(sealed_root(s), "metadata");
    struct store_write write = {
        .key = {r->storage_id, value_str(meta, "namespace"), value_str(meta, "name")},
        .expected = STORE_ANY,
        .value = s,
        .size = sealed_size(s),
        .revision_offset = SEALED_REVISION_OFFSET};
    assert_int_equal(store_put(w->store, &write, &revision), 0);
    sealed_unref(s);
    arena_release(&a);
}

maybe_unused static void remove_object(struct world *w, const char *group, const char *plural,
                                       const char *ns, const char *name)
{
    struct store_write write = {.key = key_of(resource_named(group, plural)->storage_id, ns, name),
                                .expected = STORE_ANY,
                                .revision_offset = SIZE_MAX};
    uint64_t revision;
    assert_int_equal(store_put(w->store, &write, &revision), 0);
}

#endif
