/* Schema: what exists. Types, fields and resources of every built-in API, as const tables made from
 * schema/ at build time.
 *
 * Nothing else in the program names a field's number, type, list type, merge key or default; the
 * interpreter (json.h, proto.h, seal.h, patch.h, apply.h, openapi.h) reads these tables. A custom
 * resource has no type here: SCHEMA_CUSTOM, and its rules stand in its definition (structural.h).
 */
#ifndef OBJECT_SCHEMA_H
#define OBJECT_SCHEMA_H

#include "base/str.h"

/* Index of a type; 0 is no type. Stable within a build only; what is stored uses
 * schema_type.stable_number. */
typedef uint16_t schema_id;
enum {
    SCHEMA_NONE = 0,
    SCHEMA_CUSTOM = 0xffff
};

enum field_kind {
    FIELD_STRING,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_DOUBLE,
    FIELD_BOOL,
    FIELD_BYTES,         /* base64 text in JSON and in trees */
    FIELD_MESSAGE,       /* a type of this schema */
    FIELD_QUANTITY,      /* text, canonical as the original prints it */
    FIELD_TIME,          /* RFC 3339 text, seconds, UTC, "Z" */
    FIELD_MICRO_TIME,    /* the same with 6 decimals */
    FIELD_DURATION,      /* Go duration text */
    FIELD_INT_OR_STRING, /* int or text */
    FIELD_RAW,           /* runtime.RawExtension: any object */
    FIELD_JSON,          /* apiextensions JSON: any value */
    FIELD_FIELDS_V1,     /* the field set of managedFields */
    FIELD_SCHEMA_OR_ARRAY,
    FIELD_SCHEMA_OR_BOOL,
    FIELD_SCHEMA_OR_STRINGS, /* JSONSchemaPropsOr* */
};

enum field_shape {
    SHAPE_ONE,
    SHAPE_LIST,
    SHAPE_MAP,
    SHAPE_MAP_OF_LIST
};
enum list_type {
    LIST_ATOMIC,
    LIST_SET,
    LIST_MAP
};

enum field_flags {
    FIELD_REQUIRED = 1 << 0,
    FIELD_OMITEMPTY = 1 << 1, /* Go omitempty */
    FIELD_POINTER = 1 << 2,   /* presence counts even when zero */
    FIELD_ALWAYS = 1 << 3,    /* JSON always prints it (Go value or slice without omitempty) */
    FIELD_PATCH_MERGE = 1 << 4,
    FIELD_PATCH_RETAIN_KEYS = 1 << 5,
    FIELD_PATCH_REPLACE = 1 << 6,
    FIELD_MAP_ATOMIC = 1 << 7,
};

struct schema_field {
    const char *name; /* as in JSON */
    uint8_t name_len;
    uint8_t kind;              /* enum field_kind */
    uint8_t shape;             /* enum field_shape */
    uint8_t list_type;         /* enum list_type */
    uint16_t flags;            /* enum field_flags */
    schema_id type;            /* of a FIELD_MESSAGE */
    uint8_t numbers[4];        /* protobuf path, ended by 0: usually one number, 2.5 is {2, 5} */
    uint8_t tag;               /* in sealed blocks: stable for ever within the type, never reused */
    const char *merge_key;     /* strategic merge patch; NULL when none */
    const char *list_keys;     /* server-side apply: "containerPort,protocol"; NULL when none */
    const char *const *values; /* enum, ended by NULL; NULL when free */
    const char *default_json;  /* +default of the schema, as JSON text; NULL when none */
    const char *description;   /* may be NULL */
    const char *go_type;       /* as the original's messages call it: "int32", "[]v1.Container" */
    const char *json_key;      /* "name": with quotes and colon */
};

struct schema_type {
    const char *name;    /* "core/v1.PodSpec" */
    const char *group;   /* "" for core */
    const char *version; /* "v1" */
    const char *kind;    /* "PodSpec" */
    bool is_kind;        /* has apiVersion and kind */
    bool is_list;        /* XList: metadata and items */
    bool atomic;         /* server-side apply: one owner for the whole value */
    uint16_t field_count;
    uint16_t stable_number;            /* in sealed blocks; never reused */
    const struct schema_field *fields; /* static; in the order in which JSON shows them */
    /* For the codecs: */
    uint64_t always_mask; /* bit i: fields[i] has FIELD_ALWAYS */
    uint64_t hash_multiplier;
    uint8_t number_count; /* fields that have a protobuf number */
    uint8_t hash_shift;
    uint8_t tag_max;
    bool json_in_tag_order;           /* fields[] ascends by tag */
    bool proto_in_tag_order;          /* so does by_number */
    const uint8_t *hash;              /* slot -> index + 1 */
    const uint8_t *by_tag;            /* tag -> index + 1 */
    const uint8_t *by_number;         /* indices by ascending protobuf path */
    const struct schema_key {         /* what the codecs need of a field */
        uint64_t first, last, middle; /* eight bytes of the name each, zeroes behind short ones */
        uint8_t name_len, kind, shape, tag;
        schema_id type;
        bool pointer;
        uint8_t length_guess; /* bytes of the length of its part, by guess */
    } * keys;                 /* as fields[] */
};

size_t schema_type_count(void);
const struct schema_type *schema_type(schema_id id); /* id must be a type */
schema_id schema_type_by_name(struct str name);      /* "core/v1.Pod" -> id or SCHEMA_NONE */
schema_id schema_type_by_kind(struct str group, struct str version, struct str kind);
/* NULL when there is none. apiVersion and kind are not fields: they belong to the document. O(1).
 */
const struct schema_field *schema_field(schema_id type, struct str name);

/* A resource: one line of discovery. Built-in ones are static; api/ makes more from
 * CustomResourceDefinitions. */
enum verb_bits {
    VERB_CREATE = 1 << 0,
    VERB_DELETE = 1 << 1,
    VERB_DELETECOLLECTION = 1 << 2,
    VERB_GET = 1 << 3,
    VERB_LIST = 1 << 4,
    VERB_PATCH = 1 << 5,
    VERB_UPDATE = 1 << 6,
    VERB_WATCH = 1 << 7,
    VERB_ALL = 0xff,
};

struct resource_column {
    const char *name, *type, *format, *description;
    int priority;
    const char *json_path; /* custom resources only */
};

struct subresource {
    const char *name; /* "status" */
    const char *group, *version,
        *kind; /* of its body; group and version are NULL when the parent's */
    uint16_t verbs;
    schema_id type;
};

struct resource {
    uint16_t id; /* names the resource in store keys; stable for ever: 1-999 built in, 1000- custom
                    (given by the cluster) */
    const char *group, *version, *plural, *singular, *kind, *list_kind;
    bool namespaced;
    bool stored; /* false: reviews, bindings, componentstatuses */
    uint16_t verbs;
    const char *const *short_names; /* ended by NULL */
    const char *const *categories;  /* ended by NULL */
    schema_id type;                 /* SCHEMA_CUSTOM for custom resources */
    uint16_t storage_id; /* id of the resource whose records these are (events, hpa: two views of
                            one); else id */
    const struct subresource *subresources;
    size_t subresource_count;
    const struct resource_column *columns;
    size_t column_count;
};

size_t resource_count(void);
const struct resource *resource_at(size_t index); /* built-in, in discovery order */
const struct resource *resource_by_name(struct str group, struct str version, struct str plural);
const struct resource *resource_by_id(uint16_t id);
/* A well-known one by its plural and group, for code that is about it: resource_named("apps",
 * "deployments"). Asserts. */
const struct resource *resource_named(const char *group, const char *plural);
const struct subresource *resource_subresource(const struct resource *r, struct str name);

#endif
