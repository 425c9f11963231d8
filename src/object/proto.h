/* Protobuf wire format of typed objects. Used by the files of object/ only; the public functions
 * are in seal.h. */
#ifndef OBJECT_PROTO_H
#define OBJECT_PROTO_H

#include "base/status.h"
#include "object/schema.h"
#include "object/tree.h"

/* A document with its k8s envelope to a canonical tree; fields may come in any order and in pieces,
 * unknown ones are left out. */
int proto_read_document(struct arena *a, struct str bytes, schema_id type, struct node **ret,
                        struct status *st) must_use;
int proto_peek(struct arena *a, struct str bytes, struct str *ret_api_version, struct str *ret_kind,
               struct status *st) must_use;
/* A raw message of a type. */
int proto_read_message(struct arena *a, struct str bytes, schema_id type, struct node **ret,
                       struct status *st) must_use;

#endif
