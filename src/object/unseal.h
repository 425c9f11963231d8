/* Pieces of unsealing. Used by the files of object/ only. */
#ifndef OBJECT_UNSEAL_H
#define OBJECT_UNSEAL_H

#include "object/schema.h"
#include "object/tree.h"

/* The tree of a message, as JSON would show it. */
struct node *body_to_node(struct arena *a, schema_id type, const uint8_t *data, uint32_t size);
/* The field of a root type that holds the revision's object metadata; NULL when the type has none.
 */
const struct schema_field *revision_metadata(const struct schema_type *t);
/* Puts resourceVersion where it belongs among the members of metadata; t is the type of metadata,
 * NULL for custom ones. */
void put_revision(struct arena *a, const struct schema_type *t, struct node *metadata,
                  struct str revision);

#endif
