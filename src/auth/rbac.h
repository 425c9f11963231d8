/* RBAC: which rules of stored roles apply to a user.
 *
 * The index maps subjects to names of bindings and is only a hint: bindings and roles are read in
 * place each time, so a change or a deletion counts at once. New bindings reach the index through
 * the watch hub once they are durable, which is before anybody outside was told of them. */
#ifndef AUTH_RBAC_H
#define AUTH_RBAC_H

#include "auth/authorize.h"
#include "object/value.h"

struct rbac;

/* hub may be NULL: then the index is made anew whenever the store's revision has moved. */
struct rbac *rbac_new(struct store *store, struct watch_hub *hub);
void rbac_free(struct rbac *r);

/* Where a rule comes from. */
struct rbac_source {
    const struct sealed *binding;
    struct value subject; /* the first that is the user */
    struct str ns;        /* of the binding; empty: cluster */
};
/* Calls fn for each rule that applies in the namespace (empty: cluster-wide ones only) until it
 * returns false. error is a text when a role can't be read (rule has kind VALUE_NONE then). */
typedef bool (*rbac_visit)(void *arg, const struct rbac_source *source, struct value rule,
                           struct str error);
void rbac_each_rule(struct rbac *r, struct arena *a, const struct user *user, struct str ns,
                    rbac_visit fn, void *arg);
/* ClusterRoleBinding "x" of ClusterRole "y" to Group "z" */
struct str rbac_source_text(struct arena *a, const struct rbac_source *source);

#endif
