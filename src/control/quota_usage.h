/* What objects use of a ResourceQuota. Source: pkg/quota/v1/evaluator. */
#ifndef CONTROL_QUOTA_USAGE_H
#define CONTROL_QUOTA_USAGE_H

#include "control/amount.h"
#include "control/object.h"

/* Whether a pod is counted by a quota with these scopes (the whole spec is given). */
bool quota_matches_pod(const struct sealed *pod, struct value quota_spec);
/* Adds what one object uses, under every name that a quota may have for it. */
void quota_use_pod(struct arena *a, const struct sealed *pod, int64_t now_us, struct amounts *used);
void quota_use_service(struct arena *a, const struct sealed *service, struct amounts *used);
void quota_use_claim(struct arena *a, const struct sealed *claim, struct amounts *used);
/* The resource that a quota's name counts ("count/deployments.apps", "configmaps", "requests.cpu"
 * ...): plural and group. */
bool quota_counted_resource(struct str name, struct str *ret_plural, struct str *ret_group);

#endif
