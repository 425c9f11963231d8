/* Structural schemas: what a CustomResourceDefinition says of its objects (apiextensions/v1
 * JSONSchemaProps as a tree).
 *
 * An object comes in as any JSON; in this order: structural_prune, structural_default,
 * structural_validate. schema NULL means that anything goes. x-kubernetes-validations (CEL) are not
 * looked at. Texts are those of the original. */
#ifndef OBJECT_STRUCTURAL_H
#define OBJECT_STRUCTURAL_H

#include "base/status.h"
#include "object/tree.h"

/* Whether schema, the openAPIV3Schema of a version, is structural: each fault becomes a cause under
 * path. Ill-formed patterns are faults too. */
void structural_check(const struct node *schema, struct str path, struct status *st);

/* Takes out what the schema doesn't know, except where it preserves unknown fields; apiVersion,
 * kind and metadata stay, metadata (and that of embedded resources) with the members of ObjectMeta
 * only. ret_unknown: paths of what was taken out, sorted, as in strict decoding ("spec.foo"); may
 * be NULL. */
void structural_prune(struct arena *a, const struct node *schema, struct node *tree,
                      struct str **ret_unknown, size_t *ret_unknown_count);
/* Fills in defaults; nulls where none is allowed go away, or give way to the default. */
void structural_default(struct arena *a, const struct node *schema, struct node *tree);
/* Each fault of the object becomes a cause: types, values, combinations, embedded resources,
 * duplicates in sets and maps. */
void structural_validate(const struct node *schema, const struct node *tree, struct status *st);
/* Whether text has a format ("ipv4"); unknown formats are always right. */
bool format_matches(struct arena *a, struct str format, struct str text);

#endif
