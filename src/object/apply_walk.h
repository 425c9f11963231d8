/* The walks over typed values that apply is made of. After typed/ of structured-merge-diff v6. */
#ifndef OBJECT_APPLY_WALK_H
#define OBJECT_APPLY_WALK_H

#include "object/apply_type.h"
#include "object/field_set.h"

enum {
    SMD_NAMES = 32 /* a power of two */
};

struct smd {
    struct arena *arena;  /* for sets, and what is made on the way */
    struct arena *values; /* for values that are made: merging and removing need it */
    bool failed; /* a walk met what it can't divide (a null in a set); its result is of no use */
    struct str failure;          /* arena; the first fault, for errors */
    struct str names[SMD_NAMES]; /* arena; the last elements of names, by hash: items of a list
                                    have the same ones */
};

struct comparison {
    const struct field_set *added, *modified, *removed;
};

/* Every fault of a value against its type, joined as the original joins them; empty when there is
 * none. */
struct str smd_validate(struct smd *s, struct smd_type t, const struct node *value,
                        bool allow_duplicates);
/* What value mentions. */
const struct field_set *smd_field_set(struct smd *s, struct smd_type t, const struct node *value);
struct comparison smd_compare(struct smd *s, struct smd_type t, const struct node *left,
                              const struct node *right);
/* left with what right says; nothing is removed. NULL when there is nothing left. The result shares
 * nothing with left, but what right says: right isn't to be changed any more. */
struct node *smd_merge(struct smd *s, struct smd_type t, const struct node *left,
                       const struct node *right);
/* value without the items and members of a set; NULL when nothing is left. Shares what it keeps. */
struct node *smd_remove(struct smd *s, struct smd_type t, struct node *value,
                        const struct field_set *items);
/* With the named fields on the way to each member, which sets don't hold. */
const struct field_set *smd_named(struct smd *s, struct smd_type t, const struct field_set *set);
/* Ownership of parts of what has become atomic turns into ownership of the whole. */
const struct field_set *smd_reconcile(struct smd *s, struct smd_type t,
                                      const struct field_set *set);

/* The path element of a member. */
struct str smd_name_element(struct smd *s, struct str name);
/* The path element of a list's item; false (and s->failed) for what can't be one. */
bool smd_item_element(struct smd *s, const struct smd_atom *list, const struct node *item,
                      struct str *ret);

#endif
