/* JSONPath as additionalPrinterColumns, selectableFields and scale paths use it (client-go's
 * util/jsonpath without its template language): .name ['name'] [n] [-1] [from:to:step] [*] .*
 * ..name [?(@.a=="b")], joined. */
#ifndef OBJECT_JSONPATH_H
#define OBJECT_JSONPATH_H

#include "object/value.h"

/* The first value at path, with or without braces around it; false when there is none or the path
 * is ill-formed. Cost is bounded by LIMIT_JSONPATH_RESULTS. */
bool jsonpath_first(struct arena *a, struct value root, struct str path, struct value *ret);
/* Whether path is well-formed. */
bool jsonpath_valid(struct str path);

#endif
