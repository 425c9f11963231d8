#include <errno.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "auth/jws.h"
#include "base/encode.h"
#include "net/digest.h"

enum {
    COORDINATE_BYTES = 32,
    RSA_BITS_MIN = 2048
};

struct jws_key {
    EVP_PKEY *pkey; /* owned */
    bool can_sign;
    bool elliptic;
    struct arena arena; /* owned; holds id */
    struct str id;
};

static bool is_p256(EVP_PKEY *pkey)
{
    char name[64];
    size_t len = 0;
    return EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) == 1 &&
           (strcmp(name, "prime256v1") == 0 || strcmp(name, "P-256") == 0);
}

static EVP_PKEY *read_pem(struct str pem, bool *ret_private)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (!bio)
        return NULL;
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
    *ret_private = pkey != NULL;
    BIO_free(bio);
    if (pkey)
        return pkey;
    bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (!bio)
        return NULL;
    pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return pkey;
}

static bool set_id(struct jws_key *k)
{
    uint8_t *der = NULL;
    int size = i2d_PUBKEY(k->pkey, &der);
    if (size <= 0)
        return false;
    uint8_t digest[32];
    sha256((struct str){(char *)der, (size_t)size}, digest);
    OPENSSL_free(der);
    k->id = base64url_encode(&k->arena, (struct str){(const char *)digest, sizeof(digest)});
    return true;
}

struct jws_key *jws_key_new(struct str pem, const char **ret_error)
{
    if (pem.len == 0 || pem.len > 64 << 10) {
        *ret_error = "no key, or one of more than 64 KiB";
        return NULL;
    }
    bool is_private = false;
    EVP_PKEY *pkey = read_pem(pem, &is_private);
    if (!pkey) {
        *ret_error = "the text is no PEM key without a password";
        return NULL;
    }
    bool elliptic = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC && is_p256(pkey);
    bool rsa =
        EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
    struct jws_key *k = mem_alloc(sizeof(*k));
    *k = (struct jws_key){.pkey = pkey, .can_sign = is_private, .elliptic = elliptic};
    if ((!elliptic && !rsa) || !set_id(k)) {
        jws_key_free(k);
        *ret_error = "the key is neither P-256 nor RSA of 2048 bits or more";
        return NULL;
    }
    return k;
}

void jws_key_free(struct jws_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    arena_release(&k->arena);
    mem_free(k);
}

bool jws_key_can_sign(const struct jws_key *k)
{
    return k->can_sign;
}

const char *jws_key_algorithm(const struct jws_key *k)
{
    return k->elliptic ? "ES256" : "RS256";
}

struct str jws_key_id(const struct jws_key *k)
{
    return k->id;
}

/* OpenSSL speaks DER, JWS the two numbers side by side. */
static int signature_to_raw(struct arena *a, const uint8_t *der, size_t size, struct str *ret)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
    if (!pair)
        return -EIO;
    uint8_t *raw = arena_alloc(a, 2 * COORDINATE_BYTES);
    bool fits = BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, COORDINATE_BYTES) == COORDINATE_BYTES &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + COORDINATE_BYTES, COORDINATE_BYTES) ==
                    COORDINATE_BYTES;
    ECDSA_SIG_free(pair);
    if (!fits)
        return -EIO;
    *ret = (struct str){(char *)raw, 2 * COORDINATE_BYTES};
    return 0;
}

static int signature_to_der(struct str raw, uint8_t **ret_der)
{
    if (raw.len != 2 * COORDINATE_BYTES)
        return -1;
    const uint8_t *bytes = (const uint8_t *)raw.data;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, COORDINATE_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes + COORDINATE_BYTES, COORDINATE_BYTES, NULL);
    if (!pair || !r || !s || !ECDSA_SIG_set0(pair, r, s)) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(pair);
        return -1;
    }
    int size = i2d_ECDSA_SIG(pair, ret_der);
    ECDSA_SIG_free(pair);
    return size;
}

int jws_sign(const struct jws_key *k, struct arena *a, struct str input, struct str *ret_signature)
{
    assert(k->can_sign);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t size = 0;
    uint8_t *bytes = NULL;
    bool done = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
                EVP_DigestSign(ctx, NULL, &size, (const uint8_t *)input.data, input.len) == 1;
    if (done) {
        bytes = arena_alloc(a, size);
        done = EVP_DigestSign(ctx, bytes, &size, (const uint8_t *)input.data, input.len) == 1;
    }
    EVP_MD_CTX_free(ctx);
    if (!done)
        return -EIO;
    if (k->elliptic)
        return signature_to_raw(a, bytes, size, ret_signature);
    *ret_signature = (struct str){(char *)bytes, size};
    return 0;
}

bool jws_verify(const struct jws_key *k, struct str input, struct str signature)
{
    uint8_t *der = NULL;
    const uint8_t *bytes = (const uint8_t *)signature.data;
    size_t size = signature.len;
    if (k->elliptic) {
        int der_size = signature_to_der(signature, &der);
        if (der_size <= 0)
            return false;
        bytes = der;
        size = (size_t)der_size;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool right = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
                 EVP_DigestVerify(ctx, bytes, size, (const uint8_t *)input.data, input.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return right;
}

static void write_number(const struct jws_key *k, const char *parameter, const char *member,
                         int pad, struct buf *out)
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(k->pkey, parameter, &number) != 1)
        return;
    int size = pad ? pad : BN_num_bytes(number);
    struct arena a = ARENA_INIT;
    uint8_t *bytes = arena_alloc(&a, (size_t)size);
    if (BN_bn2binpad(number, bytes, size) == size) {
        struct str text = base64url_encode(&a, (struct str){(const char *)bytes, (size_t)size});
        buf_printf(out, ",\"%s\":\"%.*s\"", member, STR_ARG(text));
    }
    BN_free(number);
    arena_release(&a);
}

void jws_key_write_jwk(const struct jws_key *k, struct buf *out)
{
    buf_printf(out, "{\"use\":\"sig\",\"kty\":\"%s\",\"kid\":\"%.*s\"", k->elliptic ? "EC" : "RSA",
               STR_ARG(k->id));
    if (k->elliptic)
        buf_puts(out, ",\"crv\":\"P-256\"");
    buf_printf(out, ",\"alg\":\"%s\"", jws_key_algorithm(k));
    if (k->elliptic) {
        write_number(k, OSSL_PKEY_PARAM_EC_PUB_X, "x", COORDINATE_BYTES, out);
        write_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, "y", COORDINATE_BYTES, out);
    } else {
        write_number(k, OSSL_PKEY_PARAM_RSA_N, "n", 0, out);
        write_number(k, OSSL_PKEY_PARAM_RSA_E, "e", 0, out);
    }
    buf_putc(out, '}');
}

void sha256(struct str data, uint8_t ret[32])
{
    digest_sha256(data, ret); /* for every request with a token: OpenSSL's own looks itself up */
}
