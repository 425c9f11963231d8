/* Authentication: from a request to a user.
 *
 * In this order: client certificate (CN, O, UID), bearer token (service account, then webhook),
 * anonymous. A wrong token is 401, never anonymous, and so is a certificate that names nobody
 * (where no token does). Tokens are never logged. Answers may come later (webhook): see
 * auth_result. */
#ifndef AUTH_AUTHENTICATE_H
#define AUTH_AUTHENTICATE_H

#include "auth/user.h"
#include "base/status.h"
#include "net/http.h"
#include "net/tls.h"
#include "object/tree.h"
#include "store/store.h"

struct authenticator;

struct authenticator_config {
    struct loop *loop;
    struct store *store;        /* service accounts, pods, secrets, nodes that bound tokens name */
    struct str issuer;          /* of service account tokens; static */
    struct str signing_key_pem; /* ES256 (P-256) or RS256 (RSA); makes and verifies tokens */
    const struct str *more_keys_pem; /* public or private keys that verify only (rotation) */
    size_t more_key_count;
    struct str *audiences; /* of this API server; default: issuer */
    size_t audience_count;
    const char
        *token_webhook_url; /* TokenReview webhook for tokens that are none of ours; NULL: none */
    struct tls_config *token_webhook_tls; /* NULL: plain (loopback only) */
    struct str front_proxy_ca_pem;        /* empty: X-Remote-* headers are ignored */
    bool anonymous;
};
struct authenticator *authenticator_new(const struct authenticator_config *config,
                                        const char **ret_error);
void authenticator_free(struct authenticator *a);

/* Calls done exactly once, at once (then NULL is returned) or later: user is NULL on failure (st
 * says 401). arena: of the request. */
typedef void (*auth_done)(void *arg, const struct user *user, const struct status *st);
struct auth_pending; /* cancel when the request is gone before done */
struct auth_pending *authenticate_request(struct authenticator *a, const struct http_request *req,
                                          auth_done done, void *arg);
/* A bare token with audiences to check (TokenReview; none: this API server's). The user's audiences
 * are those that the token has of them. On failure the status' message is TokenReview's
 * status.error: empty when the token is nobody's. */
struct auth_pending *authenticate_token(struct authenticator *a, struct arena *arena,
                                        struct str token, const struct str *audiences,
                                        size_t audience_count, auth_done done, void *arg);
void authenticate_cancel(struct auth_pending *p);

/* Service account tokens. */
struct token_request {
    struct str ns, service_account, service_account_uid;
    const struct str *audiences;
    size_t audience_count;
    int64_t expiration_s;
    struct str bound_kind, bound_name, bound_uid; /* Pod, Secret or Node; empty: unbound */
    struct str node_name, node_uid;               /* of a bound pod's node */
    bool extended; /* kubelet's default audience: one year, with warnafter */
};
int token_issue(struct authenticator *a, struct arena *arena, const struct token_request *request,
                struct str *ret_token, int64_t *ret_expiry_s, struct status *st) must_use;
/* /openid/v1/jwks and /.well-known/openid-configuration. */
struct str jwks_document(struct authenticator *a, struct arena *arena);
struct str openid_configuration(struct authenticator *a, struct arena *arena, struct str jwks_uri);

#endif
