/* Digests and MACs. Wraps OpenSSL's, without its start-up: for programs that end at once, too. */
#ifndef NET_DIGEST_H
#define NET_DIGEST_H

#include "base/str.h"

enum {
    SHA1_BYTES = 20,
    SHA256_BYTES = 32,
    SHA512_BYTES = 64
};

void digest_sha1(struct str data, uint8_t ret[SHA1_BYTES]); /* WebSocket's handshake only */
void digest_sha256(struct str data, uint8_t ret[SHA256_BYTES]);
void digest_sha512(struct str data, uint8_t ret[SHA512_BYTES]);
/* SHA-256 of what comes in pieces: begin, add, and end, which gives all of it back. */
struct sha256;
struct sha256 *sha256_begin(void);
void sha256_add(struct sha256 *s, struct str data);
void sha256_end(struct sha256 *s, uint8_t ret[SHA256_BYTES]);
void hmac_sha256(struct str key, struct str data, uint8_t ret[SHA256_BYTES]);
/* Takes the same time wherever the two differ; lengths are not secret. */
bool secret_equal(struct str a, struct str b);

#endif
