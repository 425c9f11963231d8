/* JWS: keys and signatures of service account tokens, ES256 (P-256) and RS256. Wraps OpenSSL. */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include "base/arena.h"

struct jws_key;

/* A private or public key in PEM (PKCS#8, SEC 1, PKCS#1 or SubjectPublicKeyInfo). NULL with a
 * static text in *ret_error. */
struct jws_key *jws_key_new(struct str pem, const char **ret_error);
void jws_key_free(struct jws_key *k);
bool jws_key_can_sign(const struct jws_key *k);
const char *jws_key_algorithm(const struct jws_key *k); /* "ES256" or "RS256" */
struct str
jws_key_id(const struct jws_key *k); /* base64url of the SHA-256 of the public key's DER */
/* Signature bytes as RFC 7518 section 3 has them. 0 or -EIO. */
int jws_sign(const struct jws_key *k, struct arena *a, struct str input,
             struct str *ret_signature) must_use;
bool jws_verify(const struct jws_key *k, struct str input, struct str signature);
/* The public key as members of a JWK, in the order that the original writes them. */
void jws_key_write_jwk(const struct jws_key *k, struct buf *out);

void sha256(struct str data, uint8_t ret[32]);

#endif
