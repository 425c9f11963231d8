/* Certificates and signing requests of clients, PEM and DER: what is read has a name, what isn't is
 * refused. */
#include "auth/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct str bytes = {(const char *)data, size};
    struct user user = {0};
    struct certificate_request request;
    const char *error = NULL;
    if (certificate_user(&a, bytes, &user) == 0)
        assert(user.name.len > 0);
    if (certificate_request_parse(&a, bytes, &request, &error) < 0)
        assert(error);
    error = NULL;
    assert(certificate_chain_is_pem(bytes, &error) || error);
    struct certificate_pool *pool = certificate_pool_new(bytes, &error);
    if (pool)
        (void)certificate_pool_trusts(pool, &bytes, 1);
    certificate_pool_free(pool);
    arena_release(&a);
    return 0;
}
