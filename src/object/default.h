/* Defaulting: what the original fills into an object on its way in.
 *
 * Three sources: +default of the schema (schema_field.default_json), the table in default_table.c
 * for what upstream does in Go but amounts to a value, and hooks (default_core.c, default_groups.c)
 * for what depends on other members. A default never replaces what is set; zero counts as not set
 * for members that are no pointers in Go. Time-dependent values (a device taint's timeAdded) and
 * what the registries of the original add (cluster IPs, uid) are not set here. */
#ifndef OBJECT_DEFAULT_H
#define OBJECT_DEFAULT_H

#include "object/schema.h"
#include "object/tree.h"

/* Fills tree, a document of type (or a part of one: a PodSpec). Applying it twice changes nothing
 * more. Ill-typed members are left as they are. Nothing is done for SCHEMA_CUSTOM. O(size of the
 * tree). */
void object_default(struct arena *a, schema_id type, struct node *tree);

/* The pull policy that an image reference implies: "Always" for tag latest or none, else
 * "IfNotPresent". */
const char *default_pull_policy(struct str image);

#endif
