/* Token review: whom an EKS token belongs to, asked by clusters' API servers through the
 * TokenReview webhook protocol.
 *
 * Every check of aws-iam-authenticator, and of STS behind it, is made here: form, host, parameters,
 * dates, signature with the cluster's name signed in, access key, access entry. The path carries a
 * key that only that cluster's process knows. */
#ifndef REGION_TOKEN_REVIEW_H
#define REGION_TOKEN_REVIEW_H

#include "net/http.h"
#include "region/principal.h"

bool token_review_handles(const struct http_request *req);
void token_review_handle(struct region *r, struct http_request *req);

/* NULL and the caller, or why the token is refused. Hosts: those of AWS's STS, and the region's
 * own. */
const char *token_check(struct region *r, struct arena *a, struct str token, struct str cluster,
                        int64_t now_us, struct principal *ret);

#endif
