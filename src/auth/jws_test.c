#include "base/test.h"

#include "auth/jws.h"
#include "auth/keys_testing.h"
#include "base/encode.h"

TEST(signatures_hold_for_their_text_alone)
{
    const char *keys[] = {ec_private, rsa_private}, *algorithms[] = {"ES256", "RS256"};
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < 2; i++) {
        const char *error = NULL;
        struct jws_key *k = jws_key_new(str_from(keys[i]), &error);
        struct str signature, changed;
        assert_non_null(k);
        assert_true(jws_key_can_sign(k));
        assert_string_equal(jws_key_algorithm(k), algorithms[i]);
        assert_int_equal(jws_sign(k, &a, STR("a.b"), &signature), 0);
        assert_int_equal(signature.len, i == 0 ? 64 : 256);
        assert_true(jws_verify(k, STR("a.b"), signature));
        assert_false(jws_verify(k, STR("a.c"), signature));
        assert_false(jws_verify(k, STR("a.b"), str_slice(signature, 0, signature.len - 1)));
        assert_false(jws_verify(k, STR("a.b"), STR("")));
        changed = arena_str(&a, signature);
        ((char *)changed.data)[7] ^= 1;
        assert_false(jws_verify(k, STR("a.b"), changed));
        jws_key_free(k);
    }
    arena_release(&a);
}

TEST(public_keys_verify_only)
{
    struct arena a;
    const char *error = NULL;
    struct str signature;
    arena_init(&a);
    struct jws_key *private_key = jws_key_new(str_from(ec_private), &error),
                   *public_key = jws_key_new(str_from(ec_public), &error);
    assert_non_null(public_key);
    assert_false(jws_key_can_sign(public_key));
    assert_int_equal(jws_sign(private_key, &a, STR("x"), &signature), 0);
    assert_true(jws_verify(public_key, STR("x"), signature));
    /* As openssl says it: base64url of the SHA-256 of the DER. */
    assert_str(jws_key_id(public_key), "j-mu47AlRt7TZsiYWPa4S7GI49FqOfeWZB4IUH-QPsw");
    assert_true(str_equal(jws_key_id(private_key), jws_key_id(public_key)));
    struct buf jwk = BUF_INIT;
    jws_key_write_jwk(public_key, &jwk);
    assert_true(str_find_str(buf_str(&jwk), STR("\"crv\":\"P-256\"")) >= 0);
    assert_true(str_find_str(buf_str(&jwk),
                             STR("\"x\":\"_EiN-ZHggOcxKfMrQFbmRpA6XTd6Mh8tQQJHQCK7Cgk\"")) >= 0);
    assert_true(str_find_str(buf_str(&jwk), STR("\"d\"")) < 0);
    buf_release(&jwk);
    jws_key_free(private_key);
    jws_key_free(public_key);
    arena_release(&a);
}

/* RFC 7515 appendix A.3: somebody else's ES256 signature. */
TEST(the_rfcs_example_verifies)
{
    static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
                              "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
                              "-----END PUBLIC KEY-----\n";
    const char *error = NULL;
    struct arena a;
    struct str signature;
    arena_init(&a);
    struct jws_key *k = jws_key_new(str_from(key), &error);
    assert_non_null(k);
    assert_int_equal(
        base64url_decode(&a,
                         STR("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
                             "pmWQxfKTUJqPP3-Kg6NU1Q"),
                         &signature),
        0);
    assert_true(jws_verify(
        k,
        STR("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
            "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"),
        signature));
    jws_key_free(k);
    arena_release(&a);
}

TEST(ill_formed_keys_are_refused)
{
    static const char *const rows[] = {
        "", "x", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *error = NULL;
        assert_null(jws_key_new(str_from(rows[i]), &error));
        assert_non_null(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signatures_hold_for_their_text_alone),
                                       cmocka_unit_test(public_keys_verify_only),
                                       cmocka_unit_test(the_rfcs_example_verifies),
                                       cmocka_unit_test(ill_formed_keys_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
