/* Stored: the newest object by group, plural, namespace and name, read in place. */
#ifndef AUTH_STORED_H
#define AUTH_STORED_H

#include "object/schema.h"
#include "object/value.h"
#include "store/store.h"

/* NULL when there is none. Valid as store.h invariant 4 says. */
static inline const struct sealed *stored_object_of(struct store *s, const struct resource *r,
                                                    struct str ns, struct str name)
{
    struct store_record record;
    struct store_key key = {.resource = r->storage_id, .ns = ns, .name = name};
    return store_get(s, key, &record) == 0 ? record.value : NULL;
}

static inline const struct sealed *stored_object(struct store *s, const char *group,
                                                 const char *plural, struct str ns, struct str name)
{
    return stored_object_of(s, resource_named(group, plural), ns, name);
}

#endif
