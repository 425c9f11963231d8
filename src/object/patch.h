/* Patches on trees. Each returns a new tree in the arena; the old one is not changed, but the patch
 * is used up: the result is made of its parts. */
#ifndef OBJECT_PATCH_H
#define OBJECT_PATCH_H

#include "base/status.h"
#include "object/schema.h"
#include "object/tree.h"

/* RFC 6902. Errors: 400 for an ill-formed patch, 422 with the original's text when an operation
 * fails, 413 for limits. */
int json_patch(struct arena *a, const struct node *old, struct node *patch, struct node **ret,
               struct status *st) must_use;
/* RFC 7386. */
int merge_patch(struct arena *a, const struct node *old, struct node *patch, struct node **ret,
                struct status *st) must_use;
/* Strategic merge patch with the directives $patch, $retainKeys, $deleteFromPrimitiveList,
 * $setElementOrder. */
int strategic_merge_patch(struct arena *a, schema_id type, const struct node *old,
                          struct node *patch, struct node **ret, struct status *st) must_use;
/* What json_patch would need to turn a into b (for admission webhooks' and mutation audits' sake).
 */
struct node *json_patch_diff(struct arena *a, const struct node *before, const struct node *after);

#endif
