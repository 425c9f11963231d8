/* Sets of field paths: what a manager owns. After fieldpath.Set of structured-merge-diff v6.
 *
 * A path is a sequence of elements; an element is its text in managedFields: "f:replicas",
 * "k:{\"name\":\"a\"}", "v:\"x\"", "i:0". Keys are written without blanks, their members sorted, so
 * that equal elements have equal text. A set is a tree: each entry says whether the path up to it
 * is a member, and holds the set below it. Sets are immutable once made and share parts. Entries
 * are sorted by text. The empty set is NULL or has no entries. */
#ifndef OBJECT_FIELD_SET_H
#define OBJECT_FIELD_SET_H

#include "object/tree.h"

struct field_set;

struct field_entry {
    struct str element; /* arena */
    bool member;
    const struct field_set *below; /* arena; may be NULL */
};

struct field_set {
    struct field_entry *entries; /* arena */
    uint32_t count, cap;
};

/* Building: entries in any order, then finish. Entries of the same element become one; empty ones
 * vanish. */
struct field_set *field_set_new(struct arena *a);
void field_set_add(struct arena *a, struct field_set *s, struct str element, bool member,
                   const struct field_set *below);
void field_set_finish(struct arena *a, struct field_set *s);

bool field_set_empty(const struct field_set *s);
const struct field_entry *field_set_find(const struct field_set *s, struct str element);
const struct field_set *field_set_union(struct arena *a, const struct field_set *x,
                                        const struct field_set *y);
const struct field_set *field_set_intersection(struct arena *a, const struct field_set *x,
                                               const struct field_set *y);
/* Members of x that are not members of y. */
const struct field_set *field_set_difference(struct arena *a, const struct field_set *x,
                                             const struct field_set *y);
/* That, and all that lies under members of y. */
const struct field_set *field_set_without(struct arena *a, const struct field_set *x,
                                          const struct field_set *y);
/* From names with dots ("metadata.name"), ended by NULL. */
const struct field_set *field_set_of_names(struct arena *a, const char *const *paths);
bool field_set_equal(const struct field_set *x, const struct field_set *y);

/* fieldsV1. Elements of unknown kinds are left out. NULL set for what is no map. */
const struct field_set *field_set_from_node(struct arena *a, const struct node *n);
struct node *field_set_to_node(struct arena *a, const struct field_set *s);

/* Calls visit for each member, parents before children; path is
 * ".spec.containers[name=\"a\"].image", valid until visit returns. */
void field_set_each(const struct field_set *s, struct arena *a,
                    void (*visit)(void *with, struct str path), void *with);
/* An element as errors show it: `.spec`, `[name="a"]`, `[="x"]`, `[0]`. */
struct str field_element_text(struct arena *a, struct str element);
/* The element of a key or value: names sorted, text of each value as JSON. */
struct str field_element_of_value(struct arena *a, const struct node *value);
struct str field_element_of_key(struct arena *a, const struct member *members, size_t count);
struct str field_element_of_name(struct arena *a, struct str name);

#endif
