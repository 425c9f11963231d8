/* Quota usage: what an object counts for, and which quotas are about it. Source:
 * pkg/quota/v1/evaluator/core of the original. */
#ifndef ADMIT_QUOTA_USAGE_H
#define ADMIT_QUOTA_USAGE_H

#include "object/schema.h"
#include "object/tree.h"

/* A map of quota names ("pods", "requests.cpu", "count/pods") to quantities. now_us: for pods that
 * should be gone already. */
struct node *quota_usage(struct arena *a, const struct resource *r, const struct node *object,
                         int64_t now_us);
/* Whether every scope of the quota (tree) matches the object. */
bool quota_scopes_match(const struct resource *r, const struct node *quota,
                        const struct node *object);
/* Whether a name of a quota's hard can be used by objects of the resource. */
bool quota_name_is_about(struct arena *a, const struct resource *r, struct str name);
/* Containers that say nothing of a resource that a quota limits: "cpu for: a,b; memory for: a";
 * empty when none. hard: map. */
struct str quota_missing_requests(struct arena *a, const struct node *pod, const struct node *hard);

#endif
