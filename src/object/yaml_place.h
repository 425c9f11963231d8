/* Places: where each value of a YAML text stands, for messages with line and column, and for
 * programs that change a part of somebody's file and leave every other byte as it is.
 *
 * A tree beside that of yaml_parse: the same members and items in the same order, aliases
 * unresolved, merge keys as members of that name. Lines and columns begin with 1 and count
 * characters; offsets count bytes. Invariants:
 * 1. text[start, end) is the value as written; a block collection ends where its last value ends.
 * 2. The document's limits are those of yaml_parse: parse first. */
#ifndef OBJECT_YAML_PLACE_H
#define OBJECT_YAML_PLACE_H

#include "base/status.h"

enum place_kind {
    PLACE_SCALAR, /* or an alias */
    PLACE_LIST,
    PLACE_MAP
};

struct place {
    enum place_kind kind;
    bool flow;      /* [..] or {..} */
    struct str key; /* of a member; arena */
    unsigned line, column;
    unsigned key_line, key_column; /* of a member */
    size_t start, end, key_start;
    size_t count;         /* of children */
    struct place *first;  /* child; arena */
    struct place *next;   /* sibling */
    struct place *parent; /* NULL: the root */
};

/* Of the first document; *ret is NULL for an empty one. 0, or -1 with st. */
int yaml_places(struct arena *a, struct str text, struct place **ret, struct status *st) must_use;
/* NULL when p is NULL or has none. */
const struct place *place_member(const struct place *p, struct str key);
const struct place *place_item(const struct place *p, size_t index);

#endif
