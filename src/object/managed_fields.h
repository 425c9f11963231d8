/* metadata.managedFields: who owns what, decoded, capped, sorted and encoded as the original does.
 */
#ifndef OBJECT_MANAGED_FIELDS_H
#define OBJECT_MANAGED_FIELDS_H

#include "object/field_set.h"

struct manager {
    struct str name, api_version, subresource; /* arena */
    bool applies;                              /* operation Apply; else Update */
    bool has_time;
    int64_t time_us;
    const struct field_set *set;
};

struct managers {
    struct manager *items; /* arena */
    size_t count, cap;
};

/* -1 with ret_fault set when an entry is ill-formed; ret is untouched then. */
int managers_decode(struct arena *a, const struct node *list, struct managers *ret,
                    const char **ret_fault) must_use;
/* Sorted; NULL when there is no manager. */
struct node *managers_encode(struct arena *a, struct managers *m);
/* The entry of an identity: name, operation, subresource, and for updates the version. */
struct manager *managers_find(const struct managers *m, const struct manager *identity);
struct manager *managers_add(struct arena *a, struct managers *m, struct manager entry);
void managers_remove(struct managers *m, struct manager *entry);
/* Drops managers that own nothing. */
void managers_sweep(struct managers *m);
/* Merges the oldest updates until at most max are left. */
void managers_cap(struct arena *a, struct managers *m, size_t max);
/* The order of the original where it sorts by identity. */
int manager_compare(const struct manager *x, const struct manager *y);
/* Whether two lists differ in times only. */
bool managed_fields_equal(const struct node *x, const struct node *y);

#endif
