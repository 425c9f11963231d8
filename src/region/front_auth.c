#include "base/encode.h"
#include "region/front_internal.h"

static const struct {
    enum sigv4_error error;
    const char *exception, *code; /* in JSON protocols and in XML ones */
    const char *message;
} faults[] = {
    {SIGV4_MISSING, "MissingAuthenticationTokenException", "MissingAuthenticationToken",
     "Missing Authentication Token"},
    {SIGV4_INCOMPLETE, "IncompleteSignatureException", "IncompleteSignature",
     "Authorization header or query requires 'Credential', 'Signature', 'SignedHeaders' and "
     "'X-Amz-Date', each once."},
    {SIGV4_EXPIRED, "InvalidSignatureException", "RequestExpired",
     "Signature expired or not yet valid: the request's date is outside the window of 15 minutes."},
    {SIGV4_SCOPE, "InvalidSignatureException", "SignatureDoesNotMatch",
     "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP, or "
     "the scope doesn't end in aws4_request."},
    {SIGV4_UNSIGNED_HOST, "InvalidSignatureException", "SignatureDoesNotMatch",
     "'Host' must be a 'SignedHeader' in the AWS Authorization."},
    {SIGV4_MISMATCH, "InvalidSignatureException", "SignatureDoesNotMatch",
     "The request signature we calculated does not match the signature you provided. Check your "
     "AWS Secret Access Key and signing method. "
     "Consult the service documentation for details."},
};

static int refuse(struct front_call *c, enum sigv4_error error, bool exceptions)
{
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++)
        if (faults[i].error == error)
            return aws_fail(&c->call, exceptions ? faults[i].exception : faults[i].code, "%s",
                            faults[i].message);
    return aws_fail(&c->call, "InternalFailure", "unknown fault of a signature");
}

static bool speaks_exceptions(struct str service)
{
    return !str_is(service, "sts") && !str_is(service, "iam") && !str_is(service, "ec2");
}

/* Global services are signed for us-east-1 whatever the region is called. */
static bool region_is_right(const struct region *r, const struct sigv4_claim *claim)
{
    if (str_equal(claim->region, r->name))
        return true;
    return str_is(claim->region, "us-east-1") &&
           (str_is(claim->service, "sts") || str_is(claim->service, "iam"));
}

int front_authenticate(struct front_call *c, struct sigv4_claim *ret_claim)
{
    struct http_request *req = c->req;
    struct arena *a = req->arena;
    struct http_header *headers = arena_array(a, struct http_header, req->header_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < req->header_count; i++)
        headers[count++] = req->headers[i];
    if (str_empty(http_header(req, "host"))) /* HTTP/2 has it as :authority */
        headers[count++] = (struct http_header){STR("host"), req->host};
    const struct sigv4_request signed_request = {req->method, req->raw_path, req->query,
                                                 headers,     count,         req->body};

    enum sigv4_error error = sigv4_parse(a, &signed_request, c->call.now_us, ret_claim);
    bool exceptions = speaks_exceptions(ret_claim->service);
    if (error)
        return refuse(c, error, exceptions);
    if (!region_is_right(c->call.region, ret_claim))
        return aws_fail(&c->call,
                        exceptions ? "InvalidSignatureException" : "SignatureDoesNotMatch",
                        "Credential should be scoped to a valid region: this one is %.*s.",
                        STR_ARG(c->call.region->name));
    struct str secret;
    if (!principal_by_key(c->call.region, a, ret_claim->access_key, &c->call.caller, &secret))
        return aws_fail(&c->call,
                        exceptions ? "UnrecognizedClientException" : "InvalidClientTokenId",
                        "The security token included in the request is invalid.");
    error = sigv4_verify(a, &signed_request, ret_claim, secret);
    if (error)
        return refuse(c, error, exceptions);
    return 0;
}
