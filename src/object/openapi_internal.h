/* What the files of OpenAPI documents share: a writer of JSON that is either dialect, and the set
 * of types that a document refers to. */
#ifndef OBJECT_OPENAPI_INTERNAL_H
#define OBJECT_OPENAPI_INTERNAL_H

#include "object/openapi.h"

enum dialect {
    OPENAPI_V2,
    OPENAPI_V3
};

/* Members of the properties that every object has. */
#define TYPE_META                                                                                  \
    "\"apiVersion\":{\"type\":\"string\",\"description\":\"APIVersion defines the version of the " \
    "schema that this object follows.\"},\"kind\":{\"type\":\"string\",\"description\":\"Kind "    \
    "names what "                                                                                  \
    "this object is.\"}"
#define METADATA_TEXT "Standard object's metadata."

struct document {
    struct buf *out; /* borrowed */
    struct arena *arena;
    enum dialect dialect;
    uint8_t *used;                       /* arena; by schema_id: the document refers to the type */
    const char *group, *version;         /* that the document is about; NULL: all of them */
    const struct openapi_custom *custom; /* borrowed */
    size_t custom_count;
};

/* Commas take care of themselves: one comes before whatever doesn't follow an opening bracket or a
 * colon. */
void write_open(struct document *d, char bracket);
void write_close(struct document *d, char bracket);
void write_key(struct document *d, const char *name);
void write_text(struct document *d, struct str text);
void write_raw(struct document *d, const char *json);
void write_member(struct document *d, const char *name, const char *text);

/* {"$ref": …} to a type, which becomes used; only the member. */
void write_reference(struct document *d, schema_id type);
void write_reference_member(struct document *d, schema_id type);
void write_custom_reference(struct document *d, const struct resource *r, const char *suffix);
struct str custom_definition_name(struct arena *a, const struct resource *r, const char *suffix);
/* What references begin with. */
const char *reference_base(const struct document *d);
/* One item of x-kubernetes-group-version-kind. */
void write_kind(struct document *d, const char *group, const char *version, const char *kind);
/* The definitions of a custom resource and its list. */
void write_custom(struct document *d, const struct openapi_custom *c);
/* Members of the definitions: all used types and what they refer to, and the custom ones. */
void write_definitions(struct document *d);
/* The paths of a resource; of a group and version as such. */
void write_resource_paths(struct document *d, const struct resource *r);
/* A path that answers with one document: /apis/apps/, /version/. */
void write_plain_path(struct document *d, const char *path, const char *tag,
                      const char *description, const char *operation_id, schema_id type,
                      bool json_only);
/* "apps" and "v1" -> "AppsV1"; "rbacAuthorization_v1" as a tag. */
struct str group_words(struct arena *a, const char *group, const char *version, bool tag);

#endif
