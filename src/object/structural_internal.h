/* What the files of structural schemas share. */
#ifndef OBJECT_STRUCTURAL_INTERNAL_H
#define OBJECT_STRUCTURAL_INTERNAL_H

#include "object/structural.h"

bool schema_flag(const struct node *schema, const char *extension);
const struct node *schema_property(const struct node *schema, struct str name);
/* The expression that describes a format, static; NULL when a function does or the format is
 * unknown. */
const char *format_pattern(struct arena *a, struct str format);
bool is_type_member(struct str name); /* apiVersion, kind, metadata */

#endif
