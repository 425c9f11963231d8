#include "base/test.h"

#include <errno.h>

#include "auth/certificate.h"
#include "auth/certificates_testing.h"
#include "base/encode.h"

/* The bytes of the first block of a PEM text. */
static struct str der_of(struct arena *a, const char *pem)
{
    struct str text = str_from(pem), der;
    size_t begin = (size_t)str_find(text, '\n') + 1,
           end = (size_t)str_find_str(text, STR("\n-----END"));
    char *joined = arena_alloc(a, end - begin);
    size_t len = 0;
    for (size_t i = begin; i < end; i++)
        if (text.data[i] != '\n')
            joined[len++] = text.data[i];
    assert_int_equal(base64_decode(a, (struct str){joined, len}, &der), 0);
    return der;
}

TEST(the_subject_is_the_user)
{
    struct arena a;
    struct user u;
    arena_init(&a);
    assert_int_equal(certificate_user(&a, der_of(&a, user_pem), &u), 0);
    assert_str(u.name, "jane");
    assert_int_equal(u.group_count, 2);
    assert_true(user_in_group(&u, "dev"));
    assert_true(user_in_group(&u, "system:nodes"));
    assert_int_equal(u.uid.len, 0);
    assert_int_equal(certificate_user(&a, der_of(&a, uid_pem), &u), 0);
    assert_str(u.uid, "u-1");
    assert_int_equal(certificate_user(&a, der_of(&a, nameless_pem), &u), -ENOENT);
    assert_int_equal(certificate_user(&a, STR("x"), &u), -EINVAL);
    assert_int_equal(certificate_user(&a, STR(""), &u), -EINVAL);
    arena_release(&a);
}

TEST(pools_trust_what_rests_on_one_of_their_own)
{
    struct arena a;
    const char *error = NULL;
    arena_init(&a);
    struct str both = arena_printf(&a, "%s%s", other_ca_pem, ca_pem);
    struct certificate_pool *pool = certificate_pool_new(both, &error),
                            *other = certificate_pool_new(str_from(other_ca_pem), &error);
    assert_non_null(pool);
    struct str chain[] = {der_of(&a, user_pem), der_of(&a, ca_pem)};
    assert_true(certificate_pool_trusts(pool, chain, 2));
    assert_false(certificate_pool_trusts(other, chain, 2));
    assert_false(certificate_pool_trusts(pool, chain, 1));
    assert_false(certificate_pool_trusts(pool, chain, 0));
    assert_null(certificate_pool_new(STR("x"), &error));
    certificate_pool_free(pool);
    certificate_pool_free(other);
    arena_release(&a);
}

/* A pipe in place of the standard input would be read for a password otherwise, for ever. */
TEST(no_password_is_asked_for)
{
    struct arena a;
    struct certificate_request r;
    const char *error = NULL;
    arena_init(&a);
    struct str text = str_from(request_pem);
    size_t line = (size_t)str_find(text, '\n') + 1;
    struct str locked = arena_printf(
        &a,
        "%.*sProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n%s",
        (int)line, request_pem, request_pem + line);
    assert_int_equal(certificate_request_parse(&a, locked, &r, &error), -EINVAL);
    assert_null(certificate_pool_new(locked, &error));
    arena_release(&a);
}

TEST(requests_say_what_they_ask_for)
{
    struct arena a;
    struct certificate_request r;
    const char *error = NULL;
    arena_init(&a);
    assert_int_equal(certificate_request_parse(&a, str_from(request_pem), &r, &error), 0);
    assert_str(r.common_name, "system:node:n1");
    assert_int_equal(r.organization_count, 1);
    assert_str(r.organizations[0], "system:nodes");
    assert_int_equal(r.dns_count, 1);
    assert_str(r.dns_names[0], "a.example");
    assert_int_equal(r.address_count, 1);
    assert_int_equal(r.addresses[0].len, 4);
    assert_memory_equal(r.addresses[0].data, "\x0a\0\0\x01", 4);
    assert_int_equal(r.email_count, 1);
    assert_int_equal(r.uri_count, 1);
    assert_int_equal(certificate_request_parse(&a, str_from(user_pem), &r, &error), -EINVAL);
    assert_int_equal(certificate_request_parse(&a, STR(""), &r, &error), -EINVAL);
    /* Another byte in the request: its signature no longer fits. */
    char *spoilt = arena_cstr(&a, str_from(request_pem));
    spoilt[120] = spoilt[120] == 'A' ? 'B' : 'A';
    assert_int_equal(certificate_request_parse(&a, str_from(spoilt), &r, &error), -EINVAL);
    arena_release(&a);
}

TEST(chains_are_certificates_alone)
{
    struct arena a;
    const char *error = NULL;
    arena_init(&a);
    assert_true(certificate_chain_is_pem(str_from(user_pem), &error));
    assert_true(certificate_chain_is_pem(arena_printf(&a, "%s%s", user_pem, ca_pem), &error));
    assert_false(certificate_chain_is_pem(arena_printf(&a, "%s%s", user_pem, request_pem), &error));
    assert_false(certificate_chain_is_pem(STR(""), &error));
    assert_false(certificate_chain_is_pem(STR("x"), &error));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_subject_is_the_user),
                                       cmocka_unit_test(pools_trust_what_rests_on_one_of_their_own),
                                       cmocka_unit_test(no_password_is_asked_for),
                                       cmocka_unit_test(requests_say_what_they_ask_for),
                                       cmocka_unit_test(chains_are_certificates_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
