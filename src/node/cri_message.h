/* Protobuf messages of the container runtime as trees, described by schema/cri/runtime.def.
 *
 * Member names are the schema's. Bytes are text in the tree (any bytes). Encoding leaves out zero
 * scalars and empty text, as proto3 does, and keeps empty messages; members that the schema doesn't
 * have are a programmer's error. Decoding skips unknown fields. */
#ifndef NODE_CRI_MESSAGE_H
#define NODE_CRI_MESSAGE_H

#include "object/tree.h"

enum cri_message {
    CRI_NONE,
#define MESSAGE(name) CRI_##name,
#define FIELD(name, number, shape, kind, type)
#define END
#include "../../schema/cri/runtime.def"
#undef MESSAGE
#undef FIELD
#undef END
    CRI_MESSAGE_COUNT
};

enum {
    CRI_DEPTH_MAX = 16
};

void cri_encode(struct buf *out, enum cri_message type, const struct node *n);
/* The tree points into bytes. -EBADMSG when they are no such message. */
int cri_decode(struct arena *a, enum cri_message type, struct str bytes,
               struct node **ret) must_use;

#endif
