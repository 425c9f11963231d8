/* Principals: who a signature belongs to. Users (and the root user) with access keys. */
#ifndef REGION_PRINCIPAL_H
#define REGION_PRINCIPAL_H

#include "base/status.h"
#include "region/region_internal.h"

struct principal {
    struct str arn;        /* arn:aws:iam::ACCOUNT:root, arn:aws:iam::ACCOUNT:user/NAME */
    struct str user_id;    /* ACCOUNT for root, AIDA... for users */
    struct str access_key; /* the one that signed */
};

/* The account and its root user with one access key, at the first start; idempotent. The key pair
 * is written to DIRECTORY/credentials.json (mode 0600) for `kaname env`. */
int principal_bootstrap(struct region *r, struct status *st) must_use;
/* Secret of an active access key; false when there is none. All text is in the arena. */
bool principal_by_key(struct region *r, struct arena *a, struct str access_key,
                      struct principal *ret, struct str *ret_secret);
/* Lower case, and assumed-role ARNs as the role's: the form in which access entries are compared.
 */
struct str principal_canonical(struct arena *a, struct str arn);

#endif
