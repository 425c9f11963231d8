/* Pieces of sealing that the tree encoder and the direct encoders share. Used by the files of
 * object/ only. */
#ifndef OBJECT_ENCODE_H
#define OBJECT_ENCODE_H

#include "base/status.h"
#include "object/block.h"
#include "object/tree.h"

/* The body of a typed or custom tree, metadata.resourceVersion included. */
int encode_body(struct writer *w, schema_id type, const struct node *n, struct status *st) must_use;
/* Whether a field with this payload is left out: the zero value of a field that is no pointer. */
bool field_is_dropped(const struct schema_field *f, const uint8_t *payload, size_t size);
/* By ascending name. */
void sort_members(struct member *members, uint32_t count);

#endif
