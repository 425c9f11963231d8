/* Garbage collector: what garbage.c (which object to look at) and garbage_collect.c (what to do
 * with it) share. */
#ifndef CONTROL_GARBAGE_H
#define CONTROL_GARBAGE_H

#include "base/vec.h"
#include "control/object.h"

/* One resource that is followed. */
struct garbage_kind {
    struct control *control;         /* borrowed */
    const struct resource *resource; /* borrowed; as long as the view is open */
    struct view *view;               /* owned */
};

struct garbage_state {
    VEC(struct garbage_kind *) kinds; /* owned */
};

struct garbage_kind *garbage_kind_of(struct control *c,
                                     const struct resource *r); /* NULL: not followed */
void garbage_enqueue(struct control *c, const struct resource *r, struct str ns, struct str name);
/* The object that an owner reference of something in ns means, if it is there with that uid.
 * *ret_known: whether its kind and place are known at all; what isn't known is no reason to delete
 * anything. */
const struct sealed *garbage_owner(struct control *c, struct str ns, struct value reference,
                                   bool *ret_known, const struct resource **ret_resource);
static inline bool garbage_foreground(const struct sealed *object)
{
    return object_deleting(object) && object_has_finalizer(object, "foregroundDeletion");
}
static inline bool garbage_orphaning(const struct sealed *object)
{
    return object_deleting(object) && object_has_finalizer(object, "orphan");
}

/* Brings one object to what its owners' state asks for. */
int garbage_collect(struct run *run, const struct resource *r, const struct sealed *object,
                    struct status *st) must_use;

#endif
