/* Service account tokens: made and checked. A token is a JWT of ours whose service account, and the
 * pod, secret or node that it is bound to, still exist in the store with the same uid. */
#ifndef AUTH_SERVICE_ACCOUNT_H
#define AUTH_SERVICE_ACCOUNT_H

#include "auth/authenticate.h"
#include "auth/jws.h"

enum {
    SIGNATURE_SLOTS = 256
};

struct token_claims;
struct verified_token {
    uint8_t digest[32];
    struct token_claims *claims; /* owned; NULL: empty */
};

struct account_tokens {
    struct loop *loop;     /* borrowed */
    struct store *store;   /* borrowed */
    struct str issuer;     /* borrowed */
    struct jws_key **keys; /* owned; the first signs */
    size_t key_count;
    const struct str *audiences; /* borrowed; of the API server */
    size_t audience_count;
    /* Tokens whose signature was right: neither it nor what they say changes; what that is about is
     * checked each time. */
    struct verified_token *verified; /* owned; SIGNATURE_SLOTS, or NULL before the first */
};

/* Whether the token says that it is ours (its issuer), before anything of it is trusted. */
bool account_token_is_ours(const struct account_tokens *t, struct arena *a, struct str token);
/* Frees what is kept of verified tokens. */
void account_tokens_forget(struct account_tokens *t);
/* 0 with the user; -1 with a 401 whose message says why. audiences: those that are acceptable. */
int account_token_check(struct account_tokens *t, struct arena *a, struct str token,
                        const struct str *audiences, size_t audience_count, struct user *ret,
                        struct status *st) must_use;
/* The same for a token of ours; *ret_ours is false, with -1 and no status, when it is another's. */
int account_token_check_ours(struct account_tokens *t, struct arena *a, struct str token,
                             const struct str *audiences, size_t audience_count, struct user *ret,
                             bool *ret_ours, struct status *st) must_use;
int account_token_issue(struct account_tokens *t, struct arena *a,
                        const struct token_request *request, struct str *ret_token,
                        int64_t *ret_expiry_s, struct status *st) must_use;

#endif
