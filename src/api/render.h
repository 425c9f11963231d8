/* Pieces that the renderings share. Internal to api/. */
#ifndef API_RENDER_H
#define API_RENDER_H

#include "api/objects.h"

/* A type of the schema that must be there. */
schema_id named_type(const char *name);
/* Whether the record can be shown as it lies, without a tree. */
bool rendering_is_direct(const struct rendering *v, const struct sealed *s);
struct node *partial_tree(struct arena *a, const struct sealed *s);
int partial_proto(struct buf *out, const struct node *partial, struct status *st) must_use;
int json_flags(const struct accept *accept);

void proto_varint(struct buf *out, uint64_t value);
void proto_field_bytes(struct buf *out, unsigned number, struct str bytes);

#endif
