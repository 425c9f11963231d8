/* OpenAPI v2 and v3 and discovery documents, made from the schema. */
#ifndef OBJECT_OPENAPI_H
#define OBJECT_OPENAPI_H

#include "base/arena.h"
#include "object/schema.h"
#include "object/tree.h"

/* A custom resource's part of the documents. */
struct openapi_custom {
    const struct resource *resource;      /* borrowed */
    const struct node *schema;            /* OpenAPI v3 schema of the version; NULL: any object */
    const struct node *selectable_fields; /* spec.versions[].selectableFields; may be NULL */
};

/* /openapi/v3/<path>: path is "api/v1", "apis/apps/v1", "api", "apis", "apis/apps", "version" ...;
 * JSON text into out. custom: the resources of that group and version (may be none). 0, or -ENOENT
 * when there is nothing at path. */
int openapi_v3_document(struct buf *out, struct str path, const struct openapi_custom *custom,
                        size_t custom_count) must_use;
/* All paths that have a document, built-in ones only. */
struct str *openapi_v3_paths(struct arena *a, size_t *ret_count);
/* /openapi/v2 whole, as JSON and as gnostic protobuf (openapi_v2.Document). */
void openapi_v2_document(struct buf *out, const struct openapi_custom *custom, size_t custom_count);
void openapi_v2_protobuf(struct buf *out, struct str json_document);
void openapi_v3_protobuf(struct buf *out, struct str json_document);

#endif
