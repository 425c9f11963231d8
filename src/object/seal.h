/* Seal: from tree to block and back, and the document codecs around them.
 *
 * Every function works on (schema type, tree) or on a block. For custom resources the type is
 * SCHEMA_CUSTOM and names travel in the block. All are pure; all memory is the given arena or
 * buffer. */
#ifndef OBJECT_SEAL_H
#define OBJECT_SEAL_H

#include "base/status.h"
#include "object/tree.h"
#include "object/value.h"

/* Content types. */
enum media {
    MEDIA_JSON,
    MEDIA_YAML,
    MEDIA_PROTOBUF
};

/* What strict decoding found; each text is the original's (`unknown field "spec.foo"`, `duplicate
 * field "spec.x"`). */
struct decode_notes {
    struct str *texts; /* arena */
    size_t count;
};

/* Decodes a document of a known type. JSON and YAML: ill-typed members are errors with the
 * original's text; unknown and duplicate ones go to notes (NULL: not collected). Protobuf: the k8s
 * envelope is required and its apiVersion and kind become members. type SCHEMA_NONE or
 * SCHEMA_CUSTOM: any JSON. The tree is in canonical form for scalars (quantities, times). Errors:
 * REASON_BAD_REQUEST; REASON_REQUEST_ENTITY_TOO_LARGE beyond LIMIT_DEPTH. */
int document_decode(struct arena *a, enum media media, struct str bytes, schema_id type,
                    struct node **ret, struct decode_notes *notes, struct status *st) must_use;
/* apiVersion and kind of a document in any media without decoding the rest. */
int document_peek(struct arena *a, enum media media, struct str bytes, struct str *ret_api_version,
                  struct str *ret_kind, struct status *st) must_use;

/* Seals a tree: apiVersion and kind are checked against the type and dropped (custom: kept),
 * metadata.resourceVersion is dropped (the store sets the revision), zero values are normalised as
 * Go's omitempty would, maps are sorted. The result is a heap block with one reference. Errors:
 * REASON_INVALID or REASON_BAD_REQUEST for ill-typed members (with field path),
 * REASON_REQUEST_ENTITY_TOO_LARGE over LIMIT_OBJECT_BYTES. */
int seal(schema_id type, const struct node *tree, struct sealed **ret, struct status *st) must_use;
/* Where the revision stands in a block: for store_write.revision_offset. */
enum {
    SEALED_REVISION_OFFSET = 8
};
/* Objects that come from a server: the same, and a metadata.resourceVersion that is a number
 * becomes the block's revision. */
int seal_with_revision(schema_id type, const struct node *tree, struct sealed **ret,
                       struct status *st) must_use;
/* JSON text straight to a block: document_decode without notes and seal_with_revision in one pass.
 * Same bytes, same errors. */
int seal_json(schema_id type, struct str json, struct sealed **ret, struct status *st) must_use;
/* The same of protobuf in its k8s envelope. */
int seal_proto(schema_id type, struct str document, struct sealed **ret,
               struct status *st) must_use;
/* The same of a raw message, as lists have them for items. type is a schema type. */
int seal_proto_message(schema_id type, struct str raw, struct sealed **ret,
                       struct status *st) must_use;
void sealed_set_revision(struct sealed *s, uint64_t revision);
/* The tree of a block, with apiVersion, kind and metadata.resourceVersion. */
struct node *unseal(struct arena *a, const struct sealed *s);
struct node *value_to_node(struct arena *a, struct value v);
/* Whether bytes from elsewhere are a sound block. 0 or -EBADMSG. */
int sealed_verify(const void *data, size_t size) must_use;

/* Output. group_version_kind: whether apiVersion and kind are written (items of built-in lists have
 * none). */
enum encode_flags {
    ENCODE_TYPE_META = 1,
    ENCODE_PRETTY = 2
};
void sealed_to_json(struct buf *out, const struct sealed *s, int flags);
void sealed_to_proto(struct buf *out, const struct sealed *s); /* the raw message, no envelope */
size_t sealed_proto_size(const struct sealed *s); /* how many bytes sealed_to_proto appends */
void node_to_json(struct buf *out, const struct node *n, int flags); /* untyped: as it is */
void node_to_yaml(struct buf *out, const struct node *n);
/* A typed tree as raw protobuf message. */
int node_to_proto(struct buf *out, schema_id type, const struct node *n,
                  struct status *st) must_use;
/* "k8s\0" envelope: begin writes it up to the raw message, end fixes its length. */
size_t proto_envelope_begin(struct buf *out, struct str api_version, struct str kind);
void proto_envelope_end(struct buf *out, size_t mark);

/* Untyped helpers. */
int json_parse(struct arena *a, struct str text, struct node **ret,
               struct status *st) must_use; /* last duplicate wins */
int yaml_parse(struct arena *a, struct str text, struct node **ret,
               struct status *st) must_use; /* first document */
int yaml_parse_all(struct arena *a, struct str text, struct node ***ret_documents,
                   size_t *ret_count, struct status *st) must_use;

#endif
