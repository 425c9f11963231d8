/* Access entries: which principals may enter a cluster, as whom, with which policies. */
#ifndef REGION_ACCESS_ENTRY_H
#define REGION_ACCESS_ENTRY_H

#include "region/region_internal.h"

/* Name of the entry's object: CLUSTER:first 32 hex digits of the SHA-256 of the ARN as it is
 * compared. */
struct str access_entry_name(struct arena *a, struct str cluster, struct str principal_arn);
/* The entry that a caller's ARN (user, root, or assumed role) falls under, as a tree; NULL when
 * there is none. */
struct node *access_entry_of(struct region *r, struct arena *a, struct str cluster,
                             struct str caller_arn);
/* What the token review says of an entry's policies: a list of "NAME" or "NAME@ns1,ns2". */
struct node *access_entry_policies(struct arena *a, const struct node *entry);
/* The object of a new entry; username defaults as EKS does. */
struct node *access_entry_object(struct region *r, struct arena *a, struct str cluster,
                                 struct str principal_arn, int64_t now_us);
/* Associates a policy for the whole cluster (namespaces NULL) or some namespaces, replacing its
 * earlier scope. */
void access_entry_associate(struct arena *a, struct node *entry, struct str policy_arn,
                            const struct node *scope, int64_t now_us);

#define ACCESS_POLICY_ARN "arn:aws:eks::aws:cluster-access-policy/"

#endif
