#include "base/test.h"

#include "object/scalar.h"
#include "object/seal.h"
#include "region/sigv4.h"

static const struct str example_secret = {"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40};

static struct str read_file(struct arena *a, const char *name)
{
    const char *source = getenv("KANAME_SOURCE");
    struct str path = arena_printf(a, "%s/%s", source ? source : ".", name);
    FILE *f = fopen(path.data, "rb");
    if (!f)
        fail_msg("%s can't be opened", path.data);
    char *text = arena_alloc(a, 1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    return (struct str){text, len};
}

/* A request as a vector describes it. */
static struct sigv4_request request_of(struct arena *a, const struct node *vector)
{
    struct sigv4_request r = {.method = node_str(vector, "method"),
                              .body = node_str(vector, "body")};
    r.query = node_str(vector, "path");
    r.raw_path = str_cut(&r.query, '?');
    const struct node *headers = node_at(vector, "headers");
    struct http_header *list = arena_array(a, struct http_header, node_count(headers));
    member_each(m, headers) list[r.header_count++] = (struct http_header){m->name, m->value->text};
    r.headers = list;
    return r;
}

static struct sigv4_request presigned_of(struct arena *a, const struct node *vector)
{
    struct str url = node_str(vector, "url");
    ssize_t scheme = str_find_str(url, STR("://"));
    struct str rest = str_slice(url, (size_t)scheme + 3, url.len);
    struct str host = str_cut(&rest, '/');
    struct sigv4_request r = {
        .method = STR("GET"), .raw_path = STR("/"), .query = str_slice(rest, 1, rest.len)};
    struct http_header *list = arena_array(a, struct http_header, 2);
    list[0] = (struct http_header){STR("host"), host};
    list[1] = (struct http_header){STR("x-k8s-aws-id"), node_str(vector, "cluster_id_header")};
    r.headers = list;
    r.header_count = 2;
    return r;
}

static int64_t at(const char *text)
{
    int64_t us;
    assert_int_equal(time_parse(str_from(text), &us), 0);
    return us;
}

TEST(requests_of_the_real_client_verify)
{
    struct arena a = ARENA_INIT;
    struct status st;
    struct node *file;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, read_file(&a, "tests/data/sigv4-vectors.json"), &file, &st), 0);
    int count = 0;
    node_each(vector, node_at(file, "vectors"))
    {
        bool token = node_has(vector, "token");
        struct sigv4_request r = token ? presigned_of(&a, vector) : request_of(&a, vector);
        struct sigv4_claim claim;
        assert_int_equal(sigv4_parse(&a, &r, at("2026-11-22T12:30:01Z"), &claim), SIGV4_OK);
        assert_str(claim.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_int_equal(sigv4_verify(&a, &r, &claim, example_secret), SIGV4_OK);
        assert_int_equal(sigv4_verify(&a, &r, &claim, STR("wrong")), SIGV4_MISMATCH);
        struct sigv4_request other = r;
        other.raw_path = STR("/other");
        assert_int_equal(sigv4_verify(&a, &other, &claim, example_secret), SIGV4_MISMATCH);
        other = r;
        other.body = STR("{}");
        if (!token)
            assert_int_equal(sigv4_verify(&a, &other, &claim, example_secret), SIGV4_MISMATCH);
        count++;
    }
    assert_true(count >= 10);
    arena_release(&a);
}

TEST(what_we_sign_verifies)
{
    struct arena a = ARENA_INIT;
    int64_t now = at("2026-11-25T20:00:00Z");
    const struct http_header host[] = {{STR("Host"), STR("127.0.0.1:4566")}};
    struct sigv4_signer signer = {STR("AKIA1"), STR("secret"), STR("token"), STR("local-1"),
                                  STR("eks")};
    struct sigv4_request r = {STR("POST"), STR("/clusters/a%2Fb"), STR("x=1&a=b%20c"), host, 1,
                              STR("{}")};
    size_t count;
    struct http_header *added = sigv4_sign(&a, &r, &signer, now, &count);
    struct http_header all[4] = {host[0]};
    assert_int_equal(count, 3);
    memcpy(all + 1, added, 3 * sizeof(*all));
    r.headers = all;
    r.header_count = 4;
    struct sigv4_claim claim;
    assert_int_equal(sigv4_parse(&a, &r, now, &claim), SIGV4_OK);
    assert_str(claim.session_token, "token");
    assert_int_equal(sigv4_verify(&a, &r, &claim, STR("secret")), SIGV4_OK);
    /* The clock window, both ways. */
    assert_int_equal(sigv4_parse(&a, &r, now + 901 * 1000000LL, &claim), SIGV4_EXPIRED);
    assert_int_equal(sigv4_parse(&a, &r, now - 901 * 1000000LL, &claim), SIGV4_EXPIRED);
    assert_int_equal(sigv4_parse(&a, &r, now + 899 * 1000000LL, &claim), SIGV4_OK);
    arena_release(&a);
}

TEST(ill_formed_claims_are_refused)
{
#define QUERY_HEAD                                                                                 \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261125%2Fr%2Fsts%2Faws4_request&X-"   \
    "Amz-Date=20261125T200000Z"
#define QUERY_TAIL "&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
#define SCOPE(text)                                                                                \
    "AWS4-HMAC-SHA256 Credential=" text ", SignedHeaders=host;x-amz-date, Signature=0"
    static const struct {
        const char *authorization, *query;
        enum sigv4_error want;
    } rows[] = {
        {NULL, "", SIGV4_MISSING},
        {"Bearer x", "", SIGV4_MISSING},
        {"AWS4-HMAC-SHA256", "", SIGV4_INCOMPLETE},
        {"AWS4-HMAC-SHA512 Credential=A/20261125/r/eks/aws4_request, SignedHeaders=host, "
         "Signature=0",
         "", SIGV4_INCOMPLETE},
        {SCOPE("A/20261125/r/eks/aws4_request"), "", SIGV4_OK},
        {SCOPE("A/20261125/r/eks/aws4_request") ", Signature=1", "", SIGV4_INCOMPLETE},
        {SCOPE("A/20261124/r/eks/aws4_request"), "", SIGV4_SCOPE},
        {SCOPE("A/20261125/r/eks/aws3_request"), "", SIGV4_SCOPE},
        {SCOPE("A/20261125/r/aws4_request"), "", SIGV4_INCOMPLETE},
        {SCOPE("A//r/eks/aws4_request"), "", SIGV4_INCOMPLETE},
        {"AWS4-HMAC-SHA256 Credential=A/20261125/r/eks/aws4_request, SignedHeaders=x-amz-date, "
         "Signature=0",
         "", SIGV4_UNSIGNED_HOST},
        {NULL, QUERY_HEAD QUERY_TAIL, SIGV4_OK},
        {NULL, QUERY_HEAD QUERY_TAIL "&X-Amz-Expires=604801", SIGV4_INCOMPLETE},
        {NULL, QUERY_HEAD QUERY_TAIL "&X-Amz-Signature=11", SIGV4_INCOMPLETE},
        {NULL, QUERY_HEAD "&X-Amz-SignedHeaders=host", SIGV4_INCOMPLETE},
        {SCOPE("A/20261125/r/eks/aws4_request"), QUERY_HEAD QUERY_TAIL, SIGV4_INCOMPLETE},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_header headers[3] = {{STR("host"), STR("h")},
                                         {STR("x-amz-date"), STR("20261125T200000Z")}};
        size_t count = 2;
        if (rows[i].authorization)
            headers[count++] =
                (struct http_header){STR("authorization"), str_from(rows[i].authorization)};
        const struct sigv4_request r = {STR("GET"), STR("/"), str_from(rows[i].query),
                                        headers,    count,    STR_NONE};
        struct sigv4_claim claim;
        enum sigv4_error got = sigv4_parse(&a, &r, at("2026-11-25T20:00:30Z"), &claim);
        if (got != rows[i].want)
            fail_msg("row %zu: got %d, want %d", i, got, rows[i].want);
    }
    arena_release(&a);
}

TEST(an_eks_token_names_its_cluster)
{
    struct arena a = ARENA_INIT;
    struct sigv4_signer signer = {.access_key = STR("AKIAIOSFODNN7EXAMPLE"),
                                  .secret_key = example_secret,
                                  .region = STR("us-east-1")};
    struct node *file;
    struct status st;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, read_file(&a, "tests/data/sigv4-vectors.json"), &file, &st), 0);
    const struct node *vector = node_item(node_at(file, "vectors"), 0);
    struct str token = sigv4_eks_token(&a, &signer, STR("https://sts.us-east-1.amazonaws.com"),
                                       STR("c1"), at("2026-11-22T12:30:01Z"));
    assert_true(str_equal(token, node_str(vector, "token")));
    arena_release(&a);
}

TEST(a_token_outlives_its_presigned_request)
{
    struct arena a = ARENA_INIT;
    struct node *file;
    struct status st;
    status_init(&st, &a);
    assert_int_equal(json_parse(&a, read_file(&a, "tests/data/sigv4-vectors.json"), &file, &st), 0);
    struct sigv4_request r = presigned_of(&a, node_item(node_at(file, "vectors"), 0));
    struct sigv4_claim claim;
    /* X-Amz-Expires is 60: two minutes later the request is too old, what it claims is still
     * readable. */
    assert_int_equal(sigv4_parse(&a, &r, at("2026-11-22T12:32:01Z"), &claim), SIGV4_EXPIRED);
    assert_int_equal(sigv4_read(&a, &r, &claim), SIGV4_OK);
    assert_int_equal(claim.signed_at_us, at("2026-11-22T12:30:01Z"));
    assert_int_equal(sigv4_verify(&a, &r, &claim, example_secret), SIGV4_OK);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_the_real_client_verify),
        cmocka_unit_test(what_we_sign_verifies),
        cmocka_unit_test(ill_formed_claims_are_refused),
        cmocka_unit_test(an_eks_token_names_its_cluster),
        cmocka_unit_test(a_token_outlives_its_presigned_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
