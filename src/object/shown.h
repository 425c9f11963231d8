/* Shown form: a typed tree as Go would show it after reading and writing it: members that hold
 * nothing and may be left out are left out, members that are always written are there (resources:
 * {}). What managedFields are counted by: an empty list that a patch left behind is owned by
 * nobody, and a structure that every object has isn't news. */
#ifndef OBJECT_SHOWN_H
#define OBJECT_SHOWN_H

#include "object/schema.h"
#include "object/tree.h"

/* A view of n, an object of a type, in shown form; NULL: of an object without content. It shares
 * what needs no change with n: for reading only. Ill-typed members stay as they are. O(size). */
const struct node *shown_view(struct arena *a, schema_id type, const struct node *n);

/* Takes nulls out of n, an object of a type, in place: to Go a null is as good as nothing; in a
 * list or map it is a zero value. What is of no type of its own stays as it is. O(size). */
void shown_drop_nulls(struct arena *a, schema_id type, struct node *n);

#endif
