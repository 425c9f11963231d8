/* What a service account token says of itself, read from its JSON once.
 *
 * Nothing here is trusted before the signature is; afterwards it can be kept, because a token's
 * text doesn't change. */
#ifndef AUTH_TOKEN_CLAIMS_H
#define AUTH_TOKEN_CLAIMS_H

#include "base/arena.h"
#include "object/tree.h"

struct token_claims {
    struct str issuer, id; /* iss, jti */
    struct str *audiences;
    size_t audience_count;
    double not_before_s, expires_s, issued_s; /* not a number: not said, and nothing is past it */
    struct str ns, account, account_uid;
    struct token_bound {
        bool said; /* in the form that counts */
        struct str name, uid;
    } secret, pod, node;
};

/* Texts are those of json, which may be NULL: then nothing is said. */
void token_claims_read(struct arena *a, const struct node *json, struct token_claims *ret);
/* A copy in one piece of memory, for the caller to free. */
struct token_claims *token_claims_keep(const struct token_claims *c) must_use;

#endif
