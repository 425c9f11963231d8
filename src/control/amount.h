/* Amounts of named resources: what pods ask for, what quotas count. Source:
 * k8s.io/component-helpers/resource. */
#ifndef CONTROL_AMOUNT_H
#define CONTROL_AMOUNT_H

#include "base/arena.h"
#include "object/scalar.h"
#include "object/tree.h"
#include "object/value.h"

struct amount {
    struct str name; /* borrowed */
    struct quantity value;
};

/* Few names: a list, searched from the front. */
struct amounts {
    struct amount *items; /* arena */
    size_t count, cap;
};

struct quantity *amounts_find(struct amounts *list, struct str name); /* NULL: not there */
void amounts_add(struct arena *a, struct amounts *list, struct str name, struct quantity value);
/* Keeps the larger of both. */
void amounts_max(struct arena *a, struct amounts *list, struct str name, struct quantity value);
void amounts_add_all(struct arena *a, struct amounts *list, const struct amounts *more);
/* A ResourceList (map of name to quantity) as it stands in an object. */
struct amounts amounts_read(struct arena *a, struct value resource_list);
struct node *amounts_node(struct arena *a, const struct amounts *list);

/* What a pod asks for as a whole: the sum of its containers and sidecars, or what an init container
 * needs while it runs if that is more, plus overhead; pod-level resources go before. what:
 * "requests" or "limits". */
struct amounts pod_amounts(struct arena *a, struct value pod_spec, const char *what);
/* The requests of a pod that may be on a node. While a container is resized, what it has, what was
 * allocated for it and what it is to have count all; what can't be had doesn't. */
struct amounts pod_requests_held(struct arena *a, struct value pod);

#endif
