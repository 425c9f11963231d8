#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "net/digest.h"

void digest_sha1(struct str data, uint8_t ret[SHA1_BYTES])
{
    SHA1((const unsigned char *)data.data, data.len, ret);
}

void digest_sha256(struct str data, uint8_t ret[SHA256_BYTES])
{
    SHA256((const unsigned char *)data.data, data.len, ret);
}

void digest_sha512(struct str data, uint8_t ret[SHA512_BYTES])
{
    SHA512((const unsigned char *)data.data, data.len, ret);
}

void hmac_sha256(struct str key, struct str data, uint8_t ret[SHA256_BYTES])
{
    unsigned len = 0;
    const unsigned char *done = HMAC(EVP_sha256(), key.data ? key.data : "", (int)key.len,
                                     (const unsigned char *)data.data, data.len, ret, &len);
    assert(done && len == SHA256_BYTES);
}

bool secret_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}
