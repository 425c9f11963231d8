#include "region/token_review.h"

#include "auth/access_policy.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/digest.h"
#include "object/seal.h"
#include "region/access_entry.h"
#include "region/sigv4.h"

#define PATH_PREFIX  "/internal/token-review/"
#define TOKEN_PREFIX "k8s-aws-v1."

bool token_review_handles(const struct http_request *req)
{
    return str_starts(req->path, PATH_PREFIX);
}

/* sts.amazonaws.com, sts.REGION.amazonaws.com, sts-fips.REGION..., and the dual-stack names, in
 * AWS's partitions. */
static bool is_aws_host(struct str host)
{
    static const char *const domains[] = {"amazonaws.com", "amazonaws.com.cn", "api.aws",
                                          "amazonaws.eu"};
    if (str_is(host, "sts.amazonaws.com"))
        return true;
    struct str rest = host;
    struct str first = str_cut(&rest, '.');
    struct str region = str_cut(&rest, '.');
    if ((!str_is(first, "sts") && !str_is(first, "sts-fips")) || str_empty(region) || !rest.data)
        return false;
    for (size_t i = 0; i < region.len; i++) {
        char c = region.data[i];
        bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alphanumeric && (c != '-' || i == 0 || i + 1 == region.len))
            return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(domains); i++)
        if (str_is(rest, domains[i]))
            return true;
    return false;
}

/* The region's own endpoint under a loopback name: clients sign for what AWS_ENDPOINT_URL says. */
static bool is_own_host(const struct region *r, struct str host)
{
    struct str name = host;
    ssize_t colon = str_find_last(host, ':');
    uint64_t port = 0;
    if (colon < 0 || str_to_u64(str_slice(host, (size_t)colon + 1, host.len), &port) ||
        port != r->port)
        return false;
    name.len = (size_t)colon;
    return str_is(name, "127.0.0.1") || str_is(name, "localhost") || str_is(name, "[::1]");
}

static const char *const allowed_parameters[] = {"action",
                                                 "version",
                                                 "x-amz-algorithm",
                                                 "x-amz-credential",
                                                 "x-amz-date",
                                                 "x-amz-expires",
                                                 "x-amz-security-token",
                                                 "x-amz-signature",
                                                 "x-amz-signedheaders"};

/* Each parameter is known and comes once, whatever its case; Action and Version are STS's. */
static const char *check_parameters(struct arena *a, struct str query)
{
    bool seen[ARRAY_COUNT(allowed_parameters)] = {false};
    while (query.data) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        if (percent_decode(a, name, true, &name) || percent_decode(a, value, true, &value))
            return "query string is ill-formed";
        size_t i = 0;
        while (i < ARRAY_COUNT(allowed_parameters) &&
               !str_equal_nocase(name, str_from(allowed_parameters[i])))
            i++;
        if (i == ARRAY_COUNT(allowed_parameters))
            return "non-whitelisted query parameter";
        if (seen[i])
            return "duplicate query parameter";
        seen[i] = true;
        if (i == 0 && !str_is(value, "GetCallerIdentity"))
            return "unexpected action parameter in pre-signed URL";
        if (i == 1 && !str_is(value, "2011-06-15"))
            return "unexpected version parameter in pre-signed URL";
    }
    return seen[0] && seen[1] ? NULL : "the pre-signed URL has no action or version";
}

static const char *check_claim(const struct sigv4_claim *claim, int64_t now_us)
{
    if (!str_is(claim->service, "sts"))
        return "the scope is not that of STS";
    if (!sigv4_signs(claim, "x-k8s-aws-id"))
        return "client did not sign the x-k8s-aws-id header in the pre-signed URL";
    if (claim->expires_s > LIMIT_EKS_TOKEN_AGE_S)
        return "invalid X-Amz-Expires parameter in pre-signed URL";
    /* X-Amz-Expires is decoration: a token lives 15 minutes from its date. */
    if (now_us - claim->signed_at_us > (int64_t)LIMIT_EKS_TOKEN_AGE_S * 1000000)
        return "X-Amz-Date parameter is expired";
    if (claim->signed_at_us - now_us > (int64_t)300 * 1000000)
        return "X-Amz-Date parameter is in the future";
    return NULL;
}

static const char *check_signature(struct region *r, struct arena *a, struct sigv4_request *request,
                                   int64_t now_us, struct principal *ret)
{
    struct sigv4_claim claim;
    struct str secret;
    if (sigv4_read(a, request, &claim))
        return "the pre-signed URL is ill-formed";
    const char *fault = check_claim(&claim, now_us);
    if (fault)
        return fault;
    if (!principal_by_key(r, a, claim.access_key, ret, &secret))
        return "unknown access key";
    if (sigv4_verify(a, request, &claim, secret))
        return "the signature does not match";
    return NULL;
}

const char *token_check(struct region *r, struct arena *a, struct str token, struct str cluster,
                        int64_t now_us, struct principal *ret)
{
    struct str url;
    if (token.len > LIMIT_EKS_TOKEN_BYTES)
        return "token is too large";
    if (!str_starts(token, TOKEN_PREFIX) ||
        base64url_decode(a, str_slice(token, strlen(TOKEN_PREFIX), token.len), &url))
        return "token has a wrong prefix or encoding";
    bool https = str_starts(url, "https://");
    if (!https && !str_starts(url, "http://"))
        return "unexpected scheme in pre-signed URL";
    struct str query = str_slice(url, https ? 8 : 7, url.len);
    struct str head = str_cut(&query, '?');
    struct str path = head;
    struct str host = str_cut(&path, '/');
    if (!path.data || !str_empty(path) || !query.data)
        return "unexpected path in pre-signed URL";
    if (!is_own_host(r, host) && (!https || !is_aws_host(host)))
        return "unexpected hostname in pre-signed URL";
    const char *fault = check_parameters(a, query);
    if (fault)
        return fault;
    const struct http_header headers[] = {{STR("host"), host}, {STR("x-k8s-aws-id"), cluster}};
    struct sigv4_request request = {STR("GET"),           STR("/"), query, headers,
                                    ARRAY_COUNT(headers), STR_NONE};
    return check_signature(r, a, &request, now_us, ret);
}

static void add_extra(struct arena *a, struct node *user, const char *key, struct str value)
{
    struct node *list = node_list(a);
    node_append(a, list, node_text_copy(a, value));
    node_set(a, node_need_map(a, user, "extra"), str_from(key), list);
}

/* status.user of the answer for a caller with this access entry. */
static struct node *user_tree(struct region *r, struct arena *a, const struct principal *p,
                              const struct node *entry)
{
    struct node *user = node_map(a);
    node_put_str(a, user, "username", node_str(entry, "spec.username"));
    node_put_str(a, user, "uid",
                 arena_printf(a, "aws-iam-authenticator:%.*s:%.*s", STR_ARG(r->account),
                              STR_ARG(p->user_id)));
    struct node *groups = node_need_list(a, user, "groups");
    node_each(g, node_at(entry, "spec.kubernetesGroups")) node_append(a, groups, node_copy(a, g));
    add_extra(a, user, "arn", p->arn);
    add_extra(a, user, "canonicalArn", principal_canonical(a, p->arn));
    add_extra(a, user, "accessKeyId", p->access_key);
    add_extra(a, user, "principalId", p->user_id);
    add_extra(a, user, "sessionName", STR(""));
    struct node *policies = access_entry_policies(a, entry);
    if (node_count(policies))
        node_set(a, node_need_map(a, user, "extra"), STR(ACCESS_POLICY_EXTRA), policies);
    return user;
}

static void answer(struct http_request *req, const struct node *user, const char *fault)
{
    struct arena *a = req->arena;
    struct node *review = node_map(a);
    struct buf body = BUF_INIT;
    node_put_str(a, review, "apiVersion", STR("authentication.k8s.io/v1"));
    node_put_str(a, review, "kind", STR("TokenReview"));
    node_put_bool(a, review, "status.authenticated", user != NULL);
    if (user)
        node_put(a, review, "status.user", (struct node *)user);
    else
        node_put_str(a, review, "status.error", str_from(fault));
    node_to_json(&body, review, 0);
    struct http_header type = {STR("Content-Type"), STR("application/json")};
    http_respond_buf(req, &(struct http_reply){.code = 200, .headers = &type, .header_count = 1},
                     &body);
}

/* The cluster that asks: /internal/token-review/CLUSTER/KEY. */
static bool asking_cluster(struct region *r, struct http_request *req, struct str *ret)
{
    struct str rest = str_slice(req->path, strlen(PATH_PREFIX), req->path.len);
    struct str name = str_cut(&rest, '/');
    const struct sealed *cluster =
        str_empty(name) ? NULL : state_get(r->state, STATE_CLUSTER, name);
    if (!cluster || !rest.data)
        return false;
    struct str key = value_str(sealed_root(cluster), "spec.internal.tokenReviewKey");
    *ret = name;
    return !str_empty(key) && secret_equal(key, rest);
}

void token_review_handle(struct region *r, struct http_request *req)
{
    struct arena *a = req->arena;
    struct str cluster;
    struct node *review;
    struct status st;
    status_init(&st, a);
    if (!req->peer->loopback || !asking_cluster(r, req, &cluster)) {
        http_respond(req, &(struct http_reply){.code = 403}, STR_NONE);
        return;
    }
    if (!str_is(req->method, "POST") || json_parse(a, req->body, &review, &st)) {
        http_respond(req, &(struct http_reply){.code = 400}, STR_NONE);
        return;
    }
    struct principal caller;
    const char *fault =
        token_check(r, a, node_str(review, "spec.token"), cluster, loop_wall_us(r->loop), &caller);
    struct node *entry = fault ? NULL : access_entry_of(r, a, cluster, caller.arn);
    if (!fault && !entry)
        fault = "the principal has no access entry in this cluster";
    if (fault)
        log_info("token refused", LOG_STR("cluster", cluster), LOG_CSTR("why", fault));
    answer(req, entry ? user_tree(r, a, &caller, entry) : NULL, fault);
}
