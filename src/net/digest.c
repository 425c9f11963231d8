/* OpenSSL's plain functions, which it calls deprecated: those that it wants instead look for an
 * algorithm by name in every call, and load all that there are, with their names and a
 * configuration file, in the first: a millisecond, most of what `kaname token` would take. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "net/digest.h"

void digest_sha1(struct str data, uint8_t ret[SHA1_BYTES])
{
    SHA_CTX state;
    SHA1_Init(&state);
    SHA1_Update(&state, data.data, data.len);
    SHA1_Final(ret, &state);
}

void digest_sha256(struct str data, uint8_t ret[SHA256_BYTES])
{
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, data.data, data.len);
    SHA256_Final(ret, &state);
}

void digest_sha512(struct str data, uint8_t ret[SHA512_BYTES])
{
    SHA512_CTX state;
    SHA512_Init(&state);
    SHA512_Update(&state, data.data, data.len);
    SHA512_Final(ret, &state);
}

struct sha256 {
    SHA256_CTX state;
};

struct sha256 *sha256_begin(void)
{
    struct sha256 *s = mem_alloc(sizeof(*s));
    SHA256_Init(&s->state);
    return s;
}

void sha256_add(struct sha256 *s, struct str data)
{
    SHA256_Update(&s->state, data.data, data.len);
}

void sha256_end(struct sha256 *s, uint8_t ret[SHA256_BYTES])
{
    SHA256_Final(ret, &s->state);
    mem_free(s);
}

/* One of HMAC's two rounds (RFC 2104): the digest of the padded key and the data. */
static void keyed(const uint8_t key[SHA256_CBLOCK], uint8_t pad, struct str data,
                  uint8_t ret[SHA256_BYTES])
{
    uint8_t block[SHA256_CBLOCK];
    SHA256_CTX state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = key[i] ^ pad;
    SHA256_Init(&state);
    SHA256_Update(&state, block, sizeof(block));
    SHA256_Update(&state, data.data, data.len);
    SHA256_Final(ret, &state);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&state, sizeof(state));
}

void hmac_sha256(struct str key, struct str data, uint8_t ret[SHA256_BYTES])
{
    uint8_t block[SHA256_CBLOCK] = {0}, inner[SHA256_BYTES];
    if (key.len > sizeof(block))
        digest_sha256(key, block);
    else if (key.len)
        memcpy(block, key.data, key.len);
    keyed(block, 0x36, data, inner);
    keyed(block, 0x5c, (struct str){(const char *)inner, sizeof(inner)}, ret);
    OPENSSL_cleanse(block, sizeof(block));
}

bool secret_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}
