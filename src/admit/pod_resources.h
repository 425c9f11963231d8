/* What a pod asks for in all: the sum of its containers and sidecars, or its largest init
 * container, plus overhead. Source: component-helpers/resource of the original. */
#ifndef ADMIT_POD_RESOURCES_H
#define ADMIT_POD_RESOURCES_H

#include "object/scalar.h"
#include "object/tree.h"

/* side: "requests" or "limits". A map of resource names to canonical quantities. */
struct node *pod_total(struct arena *a, const struct node *pod, const char *side);

#endif
