/* Server-side apply and managedFields, exactly as structured-merge-diff v6 does it. */
#ifndef OBJECT_APPLY_H
#define OBJECT_APPLY_H

#include "base/status.h"
#include "object/schema.h"
#include "object/tree.h"

/* How values of a type are divided into owned parts: by schema for built-in types, by the
 * structural schema of a custom resource (node: an OpenAPI v3 schema with x-kubernetes-list-type
 * and the like) when type is SCHEMA_CUSTOM; NULL then means "preserve unknown fields" everywhere.
 */
struct apply_typing {
    schema_id type;
    const struct node *custom_schema; /* borrowed */
};

struct apply_context {
    struct apply_typing typing;
    struct str manager;     /* fieldManager */
    struct str api_version; /* of the request */
    struct str subresource; /* empty for the main resource */
    int64_t now_us;
    bool force;
    /* Paths that this endpoint resets ("status"; "spec" for /status): never owned. Ended by NULL.
     */
    const char *const *reset_paths;
};

/* Apply: merges config into live (NULL: the object is created), takes away what the manager owned
 * and no longer says, writes managedFields. Errors: 409 with FieldManagerConflict causes; 400, 422
 * for ill-typed input. */
int apply_merge(struct arena *a, const struct apply_context *ctx, const struct node *live,
                const struct node *config, struct node **ret, struct status *st) must_use;
/* Any other write: compares old (NULL on create) with changed and records the difference under
 * ctx->manager in changed's metadata.managedFields. A changed managedFields of [{}] or [] clears
 * them. */
int apply_track_update(struct arena *a, const struct apply_context *ctx, const struct node *old,
                       struct node *changed, struct status *st) must_use;

#endif
