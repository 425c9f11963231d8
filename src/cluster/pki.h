/* Keys and certificates of a cluster: P-256, X.509. Wraps OpenSSL.
 *
 * Everything is PEM text in the caller's arena. Private keys are PKCS#8. */
#ifndef CLUSTER_PKI_H
#define CLUSTER_PKI_H

#include "base/arena.h"
#include "base/status.h"

struct pki_pair {
    struct str certificate_pem, key_pem;
};

/* All return 0, or -EIO when OpenSSL fails. */
int pki_key(struct arena *a, struct str *ret_key_pem) must_use;
int pki_authority(struct arena *a, const char *common_name, struct pki_pair *ret) must_use;

struct pki_request {
    const char *common_name;
    const char *const *organizations; /* ended by NULL; may be NULL */
    const char *const *names;         /* DNS names and addresses, ended by NULL; may be NULL */
    bool server, client;
    int64_t valid_s;
};
/* A new key and its certificate, signed by an authority. */
int pki_issue(struct arena *a, const struct pki_pair *authority, const struct pki_request *request,
              struct pki_pair *ret) must_use;
/* Signs a certificate request as it is (subject, names, key). usages: "client auth", "server auth",
 * "digital signature", "key encipherment". 0, or -1 with st (400: the request is bad). */
int pki_sign(struct arena *a, const struct pki_pair *authority, struct str request_pem,
             const struct str *usages, size_t usage_count, int64_t valid_s,
             struct str *ret_certificate_pem, struct status *st) must_use;

#endif
