/* Certificate: who a client certificate says its holder is, and what a signing request asks for.
 * Wraps OpenSSL. */
#ifndef AUTH_CERTIFICATE_H
#define AUTH_CERTIFICATE_H

#include "auth/user.h"

/* The user of a verified leaf certificate: CN is the name, O the groups, OID 1.3.6.1.4.1.57683.2
 * the UID. 0; -ENOENT when it has no CN; -EINVAL when it can't be read or its UID is empty or given
 * twice. */
int certificate_user(struct arena *a, struct str leaf_der, struct user *ret) must_use;

/* A set of CA certificates. */
struct certificate_pool;
struct certificate_pool *certificate_pool_new(struct str pem, const char **ret_error);
void certificate_pool_free(struct certificate_pool *p);
/* Whether a chain that TLS verified (DER, leaf first, the trusted one last) rests on a certificate
 * of the pool. */
bool certificate_pool_trusts(const struct certificate_pool *p, const struct str *chain_der,
                             size_t count);

/* A PKCS#10 request in PEM. */
struct certificate_request {
    struct str common_name; /* arena, as all */
    struct str *organizations;
    size_t organization_count;
    struct str *dns_names, *emails, *uris;
    struct str *addresses; /* each 4 or 16 bytes */
    size_t dns_count, email_count, uri_count, address_count;
};
/* 0, or -EINVAL with a text in *ret_error; the request's own signature is checked. */
int certificate_request_parse(struct arena *a, struct str pem, struct certificate_request *ret,
                              const char **ret_error) must_use;
/* Whether pem is a chain of one or more certificates and nothing else: what a signed request's
 * status may carry. */
bool certificate_chain_is_pem(struct str pem, const char **ret_error);

#endif
