/* Names: what was named, by name, in a time that doesn't grow with how much that is. Checks that
 * look at each pair of a list would let a request of 3 MB cost minutes. Everything lies in the
 * arena. */
#ifndef API_KINDS_NAMES_H
#define API_KINDS_NAMES_H

#include "object/tree.h"

struct names {
    struct arena *a;
    struct name_slot {
        struct str name; /* borrowed */
        uintptr_t value; /* 0: free */
    } * slots;           /* arena */
    size_t count, cap;
};

uintptr_t names_get(const struct names *n, struct str name); /* 0: not there */
/* value isn't 0; what is there already stays. */
void names_put(struct names *n, struct str name, uintptr_t value);

/* Where each text of some lists occurs first. */
struct repeats {
    struct arena *a;
    struct {
        const struct node *list;
        const char *member;
        struct names first;
    } kept[4]; /* of the lists asked for last, when they are long */
    size_t next;
};

/* Whether an item of the list at this index repeats the text of member of an earlier one. The list
 * must not change between calls. */
bool repeats_earlier(struct repeats *r, const struct node *list, size_t index, const char *member);
/* Whether any item of the list has this text as member. */
bool any_named(struct repeats *r, const struct node *list, const char *member, struct str text);

/* With small ASCII letters; the result is in a. */
struct str name_lower(struct arena *a, struct str s);

#endif
