/* Typed reading of trees: what a scalar node means to its field, and the original's words when it
 * means nothing. Shared by decoding and sealing; used by the files of object/ only. */
#ifndef OBJECT_TYPED_H
#define OBJECT_TYPED_H

#include "base/status.h"
#include "object/schema.h"
#include "object/tree.h"

/* Where a walk stands: a list of steps on the C stack, innermost first. */
struct place {
    const struct place *up;           /* NULL at the root */
    const struct schema_type *owner;  /* of field */
    const struct schema_field *field; /* a step into a field; NULL: key or index */
    struct str
        key; /* a step into a map, or the name of an untyped member; data is NULL for an index */
    size_t index;
};

/* The root's place is NULL. "spec.containers[0].name" */
struct str place_path(struct arena *a, const struct place *p);
/* What Go calls the value at p: the field's type less one [] or map for every step below it. */
struct str place_go_type(struct arena *a, const struct place *p, const struct schema_type *root);
/* `json: cannot unmarshal <what> into Go struct field ...` as REASON_BAD_REQUEST; always -1. */
int place_mismatch(struct status *st, const struct place *p, const struct schema_type *root,
                   const char *what, const char *go_type);
/* "string", "number", "bool", "object", "array" */
const char *node_kind_name(const struct node *n);

/* More than LIMIT_OBJECT_ITEMS; always -1. */
int too_many_items(struct status *st);

/* A scalar of a field in the form in which it is sealed. */
struct scalar {
    bool absent;     /* null, and the zero time: as if it were not there */
    bool is_text;    /* INT_OR_STRING: text, not integer */
    int64_t integer; /* INT32, INT64, BOOL, TIME (s), MICRO_TIME (us), INT_OR_STRING */
    double number;   /* DOUBLE */
    struct str text; /* STRING, QUANTITY, DURATION (canonical), BYTES (decoded) */
};

/* Whether a kind is read by scalar_read. */
static inline bool field_kind_is_scalar(uint8_t kind)
{
    return kind != FIELD_MESSAGE && kind < FIELD_RAW;
}

/* Text made on the way lives in a. -1: n is of a wrong kind or ill-formed; st says why. */
int scalar_read(struct arena *a, const struct schema_field *f, const struct node *n,
                const struct place *p, struct scalar *ret, struct status *st) must_use;
/* The canonical node of a scalar; n itself when it is canonical already. */
struct node *scalar_node(struct arena *a, const struct schema_field *f, struct node *n,
                         const struct scalar *s);

#define TIME_ZERO_S (-62135596800LL) /* 0001-01-01T00:00:00Z: Go's zero time, null in JSON */

/* Makes a tree that was just read canonical for its type, in place: drops unknown members and
 * duplicates, mends scalars. notes may be NULL. See document_decode. */
struct decode_notes;
int decode_canonical(struct arena *a, schema_id type, struct node *n, struct decode_notes *notes,
                     struct status *st) must_use;

#endif
