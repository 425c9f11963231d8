/* AWS Signature Version 4: checks and makes signatures, in headers and presigned in the query.
 *
 * Pure: no clock, no I/O. A check has two parts, because the secret is looked up in between:
 * sigv4_parse finds what the request claims (access key, scope, date), sigv4_verify proves it with
 * the secret. Source: AWS "Signature Version 4" and reference vectors made with aws-cli
 * (sigv4_test.c). Every parameter may occur once only, in exact case; comparison of signatures
 * takes constant time. */
#ifndef REGION_SIGV4_H
#define REGION_SIGV4_H

#include "net/http.h"

struct sigv4_request {
    struct str method;
    struct str raw_path; /* as sent, percent-encoded, without the query */
    struct str query;    /* as sent, without "?" */
    const struct http_header *headers;
    size_t header_count;
    struct str body;
};

enum sigv4_error {
    SIGV4_OK,
    SIGV4_MISSING,    /* no signature at all */
    SIGV4_INCOMPLETE, /* ill-formed, or a part is missing */
    SIGV4_EXPIRED,    /* outside the clock window, or beyond X-Amz-Expires */
    SIGV4_SCOPE, /* date of the scope differs from the date of the request, or it doesn't end in
                    aws4_request */
    SIGV4_UNSIGNED_HOST,
    SIGV4_MISMATCH,
};

struct sigv4_claim {
    struct str access_key, date /* YYYYMMDD */, region, service;
    struct str timestamp;      /* YYYYMMDDTHHMMSSZ */
    struct str signed_headers; /* "host;x-amz-date" */
    struct str signature;
    struct str session_token; /* empty without one */
    bool presigned;
    int64_t expires_s; /* presigned only; else 0 */
    int64_t signed_at_us;
};

/* now_us: wall clock. The window is LIMIT_SIGV4_SKEW_S both ways; presigned requests live
 * X-Amz-Expires seconds (1 to 604,800) instead, and may lie that little in the future. */
enum sigv4_error sigv4_parse(struct arena *a, const struct sigv4_request *request, int64_t now_us,
                             struct sigv4_claim *ret) must_use;
/* The same without the clock: for those with other rules of age (EKS tokens). */
enum sigv4_error sigv4_read(struct arena *a, const struct sigv4_request *request,
                            struct sigv4_claim *ret) must_use;
enum sigv4_error sigv4_verify(struct arena *a, const struct sigv4_request *request,
                              const struct sigv4_claim *claim, struct str secret_key) must_use;
/* Whether the header (lower case) is among the signed ones. */
bool sigv4_signs(const struct sigv4_claim *claim, const char *header);

/* Signing, for our own client: the headers to add (x-amz-date, authorization, x-amz-security-token)
 * to request, whose headers must hold host. */
struct sigv4_signer {
    struct str access_key, secret_key, session_token;
    struct str region, service;
};
struct http_header *sigv4_sign(struct arena *a, const struct sigv4_request *request,
                               const struct sigv4_signer *signer, int64_t now_us,
                               size_t *ret_count);
/* An EKS token: "k8s-aws-v1." and the presigned GetCallerIdentity URL that names the cluster. host:
 * of the STS endpoint, with scheme ("https://sts.us-west-2.amazonaws.com"). */
struct str sigv4_eks_token(struct arena *a, const struct sigv4_signer *signer, struct str endpoint,
                           struct str cluster, int64_t now_us);

#endif
