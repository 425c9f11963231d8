/* User: who asks. */
#ifndef AUTH_USER_H
#define AUTH_USER_H

#include "base/arena.h"

struct user_extra {
    struct str key;     /* arena */
    struct str *values; /* arena */
    size_t count;
};

struct user {
    struct str name; /* arena or static */
    struct str uid;
    struct str *groups; /* arena */
    size_t group_count;
    struct user_extra *extra; /* arena */
    size_t extra_count;
    struct str
        *audiences; /* arena; of a token, those that were asked for: TokenReview answers them */
    size_t audience_count;
};

bool user_in_group(const struct user *u, const char *group);
void user_add_group(struct arena *a, struct user *u, struct str group);
void user_add_extra(struct arena *a, struct user *u, struct str key, struct str value);
struct user user_copy(struct arena *a, const struct user *u); /* deep */
/* "system:serviceaccount:NS:NAME" -> true and its parts. */
bool user_is_service_account(const struct user *u, struct str *ret_ns, struct str *ret_name);
/* "system:node:NAME" in group system:nodes -> true and the node's name. */
bool user_is_node(const struct user *u, struct str *ret_node);
/* The identity of a component inside the control plane ("system:kube-scheduler", a controller's
 * service account ...). */
struct user user_static(struct arena *a, const char *name, const char *const *groups);

#endif
