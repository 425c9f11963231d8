#include "base/test.h"
#include "cli/redact.h"

static const struct {
    const char *text, *secret; /* secret must not be in the result */
    const char *kept;          /* and this must */
} cases[] = {
    {"key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY used", "K7MDENG", "used"},
    {"id AKIAIOSFODNN7EXAMPLE here", "AKIAIOSFODNN7EXAMPLE", "here"},
    {"GET /api Authorization: Bearer abc.def", "abc.def", "GET /api"},
    {"a bearer shorty, b", "shorty", "b"},
    {"t k8s-aws-v1.aHR0cHM6Ly9zdHM x", "aHR0cHM6Ly9zdHM", " x"},
    {"j eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2ln x", "eyJpc3MiOiJrIn0", " x"},
    {"{\"password\":\"hun ter2\",\"a\":1}", "ter2", "\"a\":1"},
    {"--token=abc123 --x", "abc123", "--x"},
    {"run --password abc123-x --verbose", "abc123", "--verbose"},
    {"http://me:hunter2@proxy:3128/ ok", "hunter2", "proxy:3128"},
    {"-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----\nafter", "MHcCAQ",
     "after"},
    {"pem \"-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n\"\nnext", "MIIB",
     "next"},
    {"{\"kind\":\"Secret\",\"data\":{\"a\":\"aHVu\"},\"z\":1}", "aHVu", "\"z\":1"},
    {"kind: Secret\ndata:\n  a: aHVu\n  b: |\n    c2Vj\ntype: Opaque", "aHVu", "type: Opaque"},
    {"kind: Secret\ndata:\n  a: x\n  b: |\n    c2Vj\ntype: Opaque", "c2Vj", "a: "},
    {"the literal swordfish is known", "swordfish", "is known"},
    {"client-key-data: LS0t rest", "LS0t", "client-key-data"},
    {"hex 0123456789abcdef0123456789abcdef end", "89abcdef", "end"},
};

TEST(secrets_go_and_the_rest_stays)
{
    const struct str known[] = {STR("swordfish"), STR_NONE};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        redact(str_from(cases[i].text), known, &out);
        if (strstr(out.data, cases[i].secret) || !strstr(out.data, cases[i].kept))
            fail_msg("%s became %s", cases[i].text, out.data);
        buf_release(&out);
    }
}

TEST(logs_stay_readable)
{
    static const char text[] =
        "2026-11-26T00:29:21.123Z info region: cluster ACTIVE name=default "
        "endpoint=https://127.0.0.1:35801 path=/var/lib/kaname/instances/i-0123456789abcdef0\n"
        "pod 6fa459ea-ee8a-3ca4-894e-db77e160355e Ready\n";
    struct buf out = BUF_INIT;
    redact(str_from(text), NULL, &out);
    assert_str(buf_str(&out), text);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(secrets_go_and_the_rest_stays),
                                       cmocka_unit_test(logs_stay_readable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
