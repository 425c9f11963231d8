/* Value: reading a sealed object in place.
 *
 * A struct sealed is one contiguous, immutable block: the same bytes in the store, in memory and
 * between processes (reference of its layout: seal.h). A struct value is a cursor into it, cheap to
 * copy, valid as long as the block. Reading never fails: what is absent reads as a value of kind
 * VALUE_NONE, empty text or the default given. Paths are field names with dots, as in tree.h; map
 * keys with dots are read with value_key. The document's metadata.resourceVersion is not in the
 * body: it is the revision in the header (sealed_revision). */
#ifndef OBJECT_VALUE_H
#define OBJECT_VALUE_H

#include "base/arena.h"
#include "object/schema.h"

struct sealed; /* opaque; sealed_size() bytes */

enum value_kind {
    VALUE_NONE,
    VALUE_NULL, /* only inside custom resources and raw JSON */
    VALUE_BOOL,
    VALUE_INT,
    VALUE_DOUBLE,
    VALUE_STRING,
    VALUE_BYTES,
    VALUE_TIME,   /* seconds or microseconds since 1970 */
    VALUE_FIELDS, /* managedFields' set */
    VALUE_LIST,
    VALUE_MAP,    /* of text to values */
    VALUE_OBJECT, /* fields of a schema type */
};

struct value {
    const uint8_t *data; /* borrowed from the block */
    uint32_t size;
    uint8_t kind;                     /* enum value_kind */
    uint8_t detail;                   /* the codec's own */
    schema_id type;                   /* of a VALUE_OBJECT, or of the items of a list or map */
    const struct schema_field *field; /* that led here; NULL at the root and in custom resources */
};

size_t sealed_size(const struct sealed *s);
uint64_t sealed_revision(const struct sealed *s);
schema_id sealed_type(const struct sealed *s); /* SCHEMA_CUSTOM for custom resources */
struct value sealed_root(const struct sealed *s);
/* Blocks from memory_* are counted; blocks in the store's map are copied by sealed_copy before the
 * read ends. */
struct sealed *sealed_copy(const struct sealed *s) must_use; /* heap, one reference */
struct sealed *sealed_ref(struct sealed *s);                 /* s must be a heap block */
void sealed_unref(struct sealed *s);                         /* NULL is allowed */
bool sealed_equal(const struct sealed *a,
                  const struct sealed *b); /* bodies only: revision doesn't count */

static inline bool value_present(struct value v)
{
    return v.kind != VALUE_NONE;
}
struct value value_at(struct value v, const char *path);
struct value value_key(struct value v,
                       struct str key); /* member of a VALUE_MAP or field of a VALUE_OBJECT */
/* Text of a string at path ("" as path: of v itself); empty when absent or not a string. Points
 * into the block or static. */
struct str value_str(struct value v, const char *path);
int64_t value_int(struct value v, const char *path, int64_t otherwise);
bool value_bool(struct value v, const char *path, bool otherwise);
double value_double(struct value v, const char *path, double otherwise);
/* Time in microseconds since 1970; 0 when absent. */
int64_t value_time_us(struct value v, const char *path);
/* The text that JSON would show for any scalar (times and bytes too), made in the arena when it
 * must be. */
struct str value_text(struct arena *a, struct value v, const char *path);

size_t value_count(struct value v);                    /* items or members; O(n) */
struct value value_item(struct value v, size_t index); /* O(index) */

/* Walks a list, map or object:
 *     struct value_iter it = value_iter(list);
 *     for (struct value item; value_next(&it, &item);) use(item, it.key); */
struct value_iter {
    struct value of;
    uint32_t at;    /* the codec's own */
    uint32_t index; /* of the item returned last */
    struct str key; /* of the member returned last: map key or field name */
};
struct value_iter value_iter(struct value v);
bool value_next(struct value_iter *it, struct value *ret);

/* Shortcuts for what every loop asks. */
struct str object_name(const struct sealed *s);
struct str object_namespace(const struct sealed *s);
struct str object_uid(const struct sealed *s);
bool object_deleting(const struct sealed *s); /* has metadata.deletionTimestamp */
struct str object_label(const struct sealed *s, const char *name);
struct str object_annotation(const struct sealed *s, const char *name);

#endif
