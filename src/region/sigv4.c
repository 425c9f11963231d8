#include "region/sigv4.h"

#include "base/encode.h"
#include "base/limits.h"
#include "net/digest.h"
#include "object/scalar.h"

static const struct str algorithm = {"AWS4-HMAC-SHA256", 16};

struct query_pair {
    struct str name, value; /* as in the canonical query: percent-encoded */
};

/* The one value of a header; NULL name matches nothing. count tells how often it came. */
static struct str header_value(const struct sigv4_request *request, struct str name,
                               size_t *ret_count)
{
    struct str value = STR_NONE;
    *ret_count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!str_equal_nocase(request->headers[i].name, name))
            continue;
        if ((*ret_count)++ == 0)
            value = request->headers[i].value;
    }
    return value;
}

/* The timestamp 20060102T150405Z as microseconds since 1970; -1 when it is none. */
static int64_t timestamp_us(struct arena *a, struct str t)
{
    int64_t us;
    if (t.len != 16 || t.data[8] != 'T' || t.data[15] != 'Z')
        return -1;
    struct str rfc3339 = arena_printf(a, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", t.data, t.data + 4,
                                      t.data + 6, t.data + 9, t.data + 11, t.data + 13);
    return time_parse(rfc3339, &us) ? -1 : us;
}

/* access key / date / region / service / aws4_request */
static enum sigv4_error parse_scope(struct sigv4_claim *c, struct str credential)
{
    struct str parts[5];
    size_t count = 0;
    while (credential.data && count < 5)
        parts[count++] = str_cut(&credential, '/');
    if (count != 5 || credential.data)
        return SIGV4_INCOMPLETE;
    for (size_t i = 0; i < 5; i++)
        if (str_empty(parts[i]))
            return SIGV4_INCOMPLETE;
    c->access_key = parts[0];
    c->date = parts[1];
    c->region = parts[2];
    c->service = parts[3];
    return str_is(parts[4], "aws4_request") ? SIGV4_OK : SIGV4_SCOPE;
}

/* `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...` */
static enum sigv4_error parse_header(struct sigv4_claim *c, struct str authorization)
{
    struct str rest = authorization;
    struct str credential = STR_NONE;
    if (!str_equal(str_cut(&rest, ' '), algorithm) || !rest.data)
        return SIGV4_INCOMPLETE;
    while (rest.data) {
        struct str value = str_trim(str_cut(&rest, ','));
        struct str name = str_cut(&value, '=');
        struct str *to = str_is(name, "Credential")      ? &credential
                         : str_is(name, "SignedHeaders") ? &c->signed_headers
                         : str_is(name, "Signature")     ? &c->signature
                                                         : NULL;
        if (!to || to->data || !value.data)
            return SIGV4_INCOMPLETE;
        *to = value;
    }
    if (!credential.data || !c->signed_headers.data || !c->signature.data)
        return SIGV4_INCOMPLETE;
    return parse_scope(c, credential);
}

/* One decoded parameter of a presigned query into the claim. */
static enum sigv4_error take_parameter(struct sigv4_claim *c, struct str name, struct str value,
                                       struct str *credential, struct str *expires)
{
    struct {
        const char *name;
        struct str *to;
    } const known[] = {
        {"X-Amz-Credential", credential},   {"X-Amz-Date", &c->timestamp},
        {"X-Amz-Expires", expires},         {"X-Amz-SignedHeaders", &c->signed_headers},
        {"X-Amz-Signature", &c->signature}, {"X-Amz-Security-Token", &c->session_token},
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (!str_is(name, known[i].name))
            continue;
        if (known[i].to->data)
            return SIGV4_INCOMPLETE;
        *known[i].to = value;
    }
    return SIGV4_OK;
}

static enum sigv4_error parse_query(struct arena *a, struct sigv4_claim *c, struct str query)
{
    struct str credential = STR_NONE, expires = STR_NONE;
    while (query.data) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        if (percent_decode(a, name, false, &name) || percent_decode(a, value, false, &value))
            return SIGV4_INCOMPLETE;
        if (str_is(name, "X-Amz-Algorithm") && !str_equal(value, algorithm))
            return SIGV4_INCOMPLETE;
        enum sigv4_error err = take_parameter(c, name, value, &credential, &expires);
        if (err)
            return err;
    }
    if (!credential.data || !c->timestamp.data || !c->signed_headers.data || !c->signature.data)
        return SIGV4_INCOMPLETE;
    /* STS answers presigned requests without X-Amz-Expires, too: they live as long as the window.
     */
    c->expires_s = LIMIT_SIGV4_SKEW_S;
    if (expires.data && (str_to_i64(expires, &c->expires_s) || c->expires_s < 1 ||
                         c->expires_s > LIMIT_SIGV4_EXPIRES_S))
        return SIGV4_INCOMPLETE;
    return parse_scope(c, credential);
}

static bool query_is_signed(struct str query)
{
    while (query.data)
        if (str_starts(str_cut(&query, '&'), "X-Amz-Algorithm="))
            return true;
    return false;
}

/* The date of the scope is that of the timestamp. */
static enum sigv4_error read_dates(struct arena *a, struct sigv4_claim *c)
{
    c->signed_at_us = timestamp_us(a, c->timestamp);
    if (c->signed_at_us < 0)
        return SIGV4_INCOMPLETE;
    return str_equal(str_slice(c->timestamp, 0, 8), c->date) ? SIGV4_OK : SIGV4_SCOPE;
}

bool sigv4_signs(const struct sigv4_claim *claim, const char *header)
{
    struct str rest = claim->signed_headers;
    while (rest.data)
        if (str_is(str_cut(&rest, ';'), header))
            return true;
    return false;
}

enum sigv4_error sigv4_read(struct arena *a, const struct sigv4_request *request,
                            struct sigv4_claim *ret)
{
    struct sigv4_claim claim = {0};
    size_t count;
    struct str authorization = header_value(request, STR("authorization"), &count);
    bool in_query = query_is_signed(request->query);
    enum sigv4_error err;
    if (count > 1 || (count && in_query))
        return SIGV4_INCOMPLETE;
    if (count == 0 && !in_query)
        return SIGV4_MISSING;
    if (in_query) {
        claim.presigned = true;
        err = parse_query(a, &claim, request->query);
    } else {
        if (!str_starts(authorization, "AWS4-"))
            return SIGV4_MISSING;
        size_t dates, tokens;
        claim.timestamp = header_value(request, STR("x-amz-date"), &dates);
        claim.session_token = header_value(request, STR("x-amz-security-token"), &tokens);
        if (dates != 1 || tokens > 1)
            return SIGV4_INCOMPLETE;
        err = parse_header(&claim, authorization);
    }
    if (err)
        return err;
    if (!sigv4_signs(&claim, "host"))
        return SIGV4_UNSIGNED_HOST;
    err = read_dates(a, &claim);
    if (!err)
        *ret = claim;
    return err;
}

enum sigv4_error sigv4_parse(struct arena *a, const struct sigv4_request *request, int64_t now_us,
                             struct sigv4_claim *ret)
{
    struct sigv4_claim claim;
    enum sigv4_error err = sigv4_read(a, request, &claim);
    if (err)
        return err;
    int64_t past_s = claim.presigned ? claim.expires_s : LIMIT_SIGV4_SKEW_S;
    int64_t age_us = now_us - claim.signed_at_us;
    if (age_us > past_s * 1000000 || age_us < -(int64_t)LIMIT_SIGV4_SKEW_S * 1000000)
        return SIGV4_EXPIRED;
    *ret = claim;
    return SIGV4_OK;
}

static int compare_pairs(const void *left, const void *right)
{
    const struct query_pair *a = left, *b = right;
    int order = str_compare(a->name, b->name);
    return order ? order : str_compare(a->value, b->value);
}

/* Decodes what was sent and encodes it as the standard says, so that both spellings of a character
 * sign alike. */
static struct str normalise(struct arena *a, struct str text)
{
    struct str plain;
    if (percent_decode(a, text, false, &plain))
        return text;
    return percent_encode(a, plain, "");
}

static void add_canonical_query(struct arena *a, struct buf *out, struct str query)
{
    struct query_pair *pairs = NULL;
    size_t count = 0;
    while (query.data) {
        struct str value = str_cut(&query, '&');
        if (str_empty(value))
            continue;
        struct str name = str_cut(&value, '=');
        if (str_is(name, "X-Amz-Signature"))
            continue;
        pairs = arena_grow(a, pairs, count * sizeof(*pairs), (count + 1) * sizeof(*pairs));
        pairs[count++] = (struct query_pair){normalise(a, name), normalise(a, value)};
    }
    if (count)
        qsort(pairs, count, sizeof(*pairs), compare_pairs);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%.*s=%.*s", i ? "&" : "", STR_ARG(pairs[i].name),
                   STR_ARG(pairs[i].value));
}

/* A header's values, each with runs of blanks made one, joined by commas. */
static void add_header_values(struct buf *out, const struct sigv4_request *request, struct str name)
{
    bool first = true;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!str_equal_nocase(request->headers[i].name, name))
            continue;
        struct str value = str_trim(request->headers[i].value);
        if (!first)
            buf_putc(out, ',');
        first = false;
        for (size_t k = 0; k < value.len; k++)
            if (value.data[k] != ' ' || value.data[k - 1] != ' ')
                buf_putc(out, value.data[k]);
    }
}

static struct str sha256_hex(struct arena *a, struct str data)
{
    uint8_t digest[SHA256_BYTES];
    digest_sha256(data, digest);
    return hex_encode(a, digest, sizeof(digest));
}

/* Hash of the body: what x-amz-content-sha256 says when it is signed and true or UNSIGNED-PAYLOAD.
 */
static struct str payload_hash(struct arena *a, const struct sigv4_request *request,
                               const struct sigv4_claim *c)
{
    size_t count;
    struct str said = header_value(request, STR("x-amz-content-sha256"), &count);
    if (count == 1 && str_is(said, "UNSIGNED-PAYLOAD") && sigv4_signs(c, "x-amz-content-sha256"))
        return said;
    return sha256_hex(a, request->body);
}

static struct str canonical_request(struct arena *a, const struct sigv4_request *request,
                                    const struct sigv4_claim *c)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "%.*s\n", STR_ARG(request->method));
    /* Every service but S3 signs the path as sent, encoded once more. */
    buf_add(&text,
            str_empty(request->raw_path) ? STR("/") : percent_encode(a, request->raw_path, "/"));
    buf_putc(&text, '\n');
    add_canonical_query(a, &text, request->query);
    buf_putc(&text, '\n');
    struct str names = c->signed_headers;
    while (names.data) {
        struct str name = str_cut(&names, ';');
        buf_printf(&text, "%.*s:", STR_ARG(name));
        add_header_values(&text, request, name);
        buf_putc(&text, '\n');
    }
    struct str hash = c->presigned ? sha256_hex(a, STR_NONE) : payload_hash(a, request, c);
    buf_printf(&text, "\n%.*s\n%.*s", STR_ARG(c->signed_headers), STR_ARG(hash));
    struct str result = arena_str(a, buf_str(&text));
    buf_release(&text);
    return result;
}

static struct str signature_of(struct arena *a, const struct sigv4_request *request,
                               const struct sigv4_claim *c, struct str secret)
{
    uint8_t key[SHA256_BYTES];
    const struct str step = {(const char *)key, sizeof(key)};
    struct str canonical = sha256_hex(a, canonical_request(a, request, c));
    struct str to_sign = arena_printf(a, "%.*s\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n%.*s",
                                      STR_ARG(algorithm), STR_ARG(c->timestamp), STR_ARG(c->date),
                                      STR_ARG(c->region), STR_ARG(c->service), STR_ARG(canonical));
    struct str first = arena_printf(a, "AWS4%.*s", STR_ARG(secret));
    hmac_sha256(first, c->date, key);
    hmac_sha256(step, c->region, key);
    hmac_sha256(step, c->service, key);
    hmac_sha256(step, STR("aws4_request"), key);
    hmac_sha256(step, to_sign, key);
    return hex_encode(a, key, sizeof(key));
}

enum sigv4_error sigv4_verify(struct arena *a, const struct sigv4_request *request,
                              const struct sigv4_claim *claim, struct str secret)
{
    struct str want = signature_of(a, request, claim, secret);
    return secret_equal(want, claim->signature) ? SIGV4_OK : SIGV4_MISMATCH;
}

static struct str timestamp_text(struct arena *a, int64_t now_us)
{
    struct str t = time_format(a, now_us); /* 2006-01-02T15:04:05Z */
    return arena_printf(a, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", t.data, t.data + 5, t.data + 8,
                        t.data + 11, t.data + 14, t.data + 17);
}

struct http_header *sigv4_sign(struct arena *a, const struct sigv4_request *request,
                               const struct sigv4_signer *signer, int64_t now_us, size_t *ret_count)
{
    struct http_header *added = arena_array(a, struct http_header, 3);
    size_t count = 0;
    struct sigv4_claim c = {.access_key = signer->access_key,
                            .region = signer->region,
                            .service = signer->service,
                            .timestamp = timestamp_text(a, now_us)};
    c.date = str_slice(c.timestamp, 0, 8);
    added[count++] = (struct http_header){STR("x-amz-date"), c.timestamp};
    if (!str_empty(signer->session_token))
        added[count++] = (struct http_header){STR("x-amz-security-token"), signer->session_token};
    c.signed_headers =
        count == 2 ? STR("host;x-amz-date;x-amz-security-token") : STR("host;x-amz-date");

    struct sigv4_request whole = *request;
    struct http_header *all = arena_array(a, struct http_header, request->header_count + count);
    if (request->header_count)
        memcpy(all, request->headers, request->header_count * sizeof(*all));
    memcpy(all + request->header_count, added, count * sizeof(*all));
    whole.headers = all;
    whole.header_count = request->header_count + count;
    struct str signature = signature_of(a, &whole, &c, signer->secret_key);
    added[count++] = (struct http_header){
        STR("authorization"),
        arena_printf(
            a,
            "%.*s Credential=%.*s/%.*s/%.*s/%.*s/aws4_request, SignedHeaders=%.*s, Signature=%.*s",
            STR_ARG(algorithm), STR_ARG(c.access_key), STR_ARG(c.date), STR_ARG(c.region),
            STR_ARG(c.service), STR_ARG(c.signed_headers), STR_ARG(signature))};
    *ret_count = count;
    return added;
}

struct str sigv4_eks_token(struct arena *a, const struct sigv4_signer *signer, struct str endpoint,
                           struct str cluster, int64_t now_us)
{
    ssize_t scheme = str_find_str(endpoint, STR("://"));
    struct str host = scheme < 0 ? endpoint : str_slice(endpoint, (size_t)scheme + 3, endpoint.len);
    struct sigv4_claim c = {.access_key = signer->access_key,
                            .region = signer->region,
                            .service = STR("sts"),
                            .timestamp = timestamp_text(a, now_us),
                            .signed_headers = STR("host;x-k8s-aws-id"),
                            .presigned = true};
    c.date = str_slice(c.timestamp, 0, 8);
    struct str scope = arena_printf(a, "%.*s/%.*s/%.*s/sts/aws4_request", STR_ARG(c.access_key),
                                    STR_ARG(c.date), STR_ARG(c.region));
    struct str session = str_empty(signer->session_token)
                             ? STR_NONE
                             : arena_printf(a, "&X-Amz-Security-Token=%.*s",
                                            STR_ARG(percent_encode(a, signer->session_token, "")));
    struct str query = arena_printf(
        a,
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=%.*s&X-Amz-Credential=%.*s"
        "&X-Amz-Date=%.*s&X-Amz-Expires=60&X-Amz-SignedHeaders=host%%3Bx-k8s-aws-id%.*s",
        STR_ARG(algorithm), STR_ARG(percent_encode(a, scope, "")), STR_ARG(c.timestamp),
        STR_ARG(session));
    const struct http_header headers[] = {{STR("host"), host}, {STR("x-k8s-aws-id"), cluster}};
    const struct sigv4_request request = {.method = STR("GET"),
                                          .raw_path = STR("/"),
                                          .query = query,
                                          .headers = headers,
                                          .header_count = ARRAY_COUNT(headers)};
    struct str signature = signature_of(a, &request, &c, signer->secret_key);
    struct str url = arena_printf(a, "%.*s/?%.*s&X-Amz-Signature=%.*s", STR_ARG(endpoint),
                                  STR_ARG(query), STR_ARG(signature));
    return arena_printf(a, "k8s-aws-v1.%.*s", STR_ARG(base64url_encode(a, url)));
}
