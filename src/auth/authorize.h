/* Authorization: may this user do this? Privileged group, node authorizer, then RBAC; the first
 * that decides wins.
 *
 * RBAC reads roles and bindings from the store into an index of its own that follows the watch hub;
 * answers take microseconds. */
#ifndef AUTH_AUTHORIZE_H
#define AUTH_AUTHORIZE_H

#include "auth/user.h"
#include "base/status.h"
#include "object/selector.h"
#include "watch/watch.h"

struct access {
    const struct user *user;
    const char *verb; /* get list watch create update patch delete deletecollection, or any (bind,
                         escalate, impersonate ...) */
    bool resource_request;
    struct str group, version, resource, subresource, ns, name;
    struct str path;                                        /* of a non-resource request */
    const struct selector *field_selector, *label_selector; /* NULL: none */
    bool explain; /* say why it is allowed, too: a text that most requests have no use for */
};

enum decision {
    DECISION_DENY,
    DECISION_ALLOW,
    DECISION_NO_OPINION
};

struct authorizer;
struct authorizer *authorizer_new(struct loop *loop, struct store *store, struct watch_hub *hub);
void authorizer_free(struct authorizer *a);
/* reason: text for people, in the arena; may be empty, and is when it is allowed and nobody asked.
 * DECISION_NO_OPINION from all means denied.
 */
enum decision authorize(struct authorizer *a, struct arena *arena, const struct access *access,
                        struct str *ret_reason);
/* The original's Forbidden text: `pods is forbidden: User "x" cannot list resource "pods" in API
 * group "" in the namespace "y"`. */
int authorize_forbidden(struct status *st, const struct access *access, struct str reason);
/* Rules for SelfSubjectRulesReview: a status subtree {resourceRules, nonResourceRules, incomplete}.
 */
struct node *authorize_rules(struct authorizer *a, struct arena *arena, const struct user *user,
                             struct str ns);
/* Escalation: whether user holds every rule of a list of PolicyRules; else st is Forbidden with the
 * original's reason, which the caller wraps with the object that was refused (status_forbidden). */
int authorize_covers(struct authorizer *a, struct arena *arena, const struct user *user,
                     struct str ns, const struct node *rules, struct status *st) must_use;

#endif
