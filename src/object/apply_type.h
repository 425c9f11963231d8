/* How values are divided into owned parts: the schema of structured-merge-diff, read from schema
 * types or from the structural schema of a custom resource. A type names a place in either;
 * resolving it gives an atom: which shapes a value may have there and how each is divided. */
#ifndef OBJECT_APPLY_TYPE_H
#define OBJECT_APPLY_TYPE_H

#include "object/apply.h"

enum smd_source {
    SMD_NONE,        /* no type: a member that the schema doesn't have */
    SMD_SCHEMA,      /* an object of a schema type */
    SMD_FIELD,       /* the value of a schema field */
    SMD_ITEM,        /* an item of a field that is a list or map */
    SMD_CUSTOM_ROOT, /* a whole custom resource, or one embedded in another */
    SMD_CUSTOM,      /* a value described by an OpenAPI schema */
    SMD_SCALAR,      /* a scalar of a known kind */
    SMD_DEDUCED,     /* anything: maps by member, lists whole */
    SMD_ATOMIC,      /* anything, whole */
};

enum smd_scalar {
    SCALAR_NONE,
    SCALAR_STRING,
    SCALAR_NUMBER,
    SCALAR_BOOL,
    SCALAR_ANY
};

struct smd_type {
    enum smd_source source;
    schema_id id;
    enum smd_scalar scalar;
    const struct schema_field *field; /* static */
    const struct node *schema;        /* borrowed */
};

enum smd_list {
    SMD_NO_LIST,
    SMD_LIST_ATOMIC,
    SMD_LIST_SET,
    SMD_LIST_MAP
};
enum smd_map {
    SMD_NO_MAP,
    SMD_MAP_ATOMIC,
    SMD_MAP_GRANULAR
};
enum {
    SMD_KEYS_MAX = 16
};

struct smd_atom {
    enum smd_scalar scalar;
    enum smd_list list;
    enum smd_map map;
    bool untyped_map;              /* every member is of the same, deduced type */
    struct smd_type items;         /* of lists */
    struct str keys[SMD_KEYS_MAX]; /* of SMD_LIST_MAP */
    size_t key_count;
};

struct smd_type smd_root(const struct apply_typing *typing);
void smd_resolve(struct smd_type t, struct smd_atom *ret);
/* Type of a member of a map; SMD_NONE when the schema has no such member. ret_named: it is one of
 * the fields of a struct. */
struct smd_type smd_member(struct smd_type t, struct str name, bool *ret_named);
/* What value a key has in items that leave it out; NULL when there is none. */
struct node *smd_key_default(struct arena *a, struct smd_type item, struct str name);
/* Leaves in the atom only what fits the value (which may be NULL). */
void smd_deduce(struct smd_atom *atom, const struct node *value);

#endif
