/* Values made of the parts of a block. Used by the files of object/ only. */
#ifndef OBJECT_VALUE_PARTS_H
#define OBJECT_VALUE_PARTS_H

#include "object/block.h"
#include "object/value.h"

/* value.detail */
enum {
    DETAIL_ROOT = 1,     /* the body of a block: the header is in front of it */
    DETAIL_RAW = 2,      /* a list or map of values; VALUE_FIELDS without its first byte */
    DETAIL_INNER = 4,    /* the list in a map of lists */
    DETAIL_MICRO = 8,    /* VALUE_TIME in microseconds */
    DETAIL_SCHEMAS = 16, /* the list of a JSONSchemaPropsOr* */
};

/* A whole field; an item of its list or map. */
struct value value_of_field(const struct schema_field *f, struct part p);
struct value value_of_item(const struct schema_field *f, struct part p);
/* A part of a custom resource or of raw JSON; payload: kind byte and what follows. */
struct value value_of_raw(struct part p);

#endif
