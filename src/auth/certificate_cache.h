/* Certificate cache: what the last certificates meant, so that a connection's requests don't read
 * its certificate again and again. Dates are not its business: net/ gives no chain that is not
 * valid now. */
#ifndef AUTH_CERTIFICATE_CACHE_H
#define AUTH_CERTIFICATE_CACHE_H

#include "auth/certificate.h"

struct certificate_cache;

/* pool: the front proxy's, borrowed; NULL: none. */
struct certificate_cache *certificate_cache_new(const struct certificate_pool *pool);
void certificate_cache_free(struct certificate_cache *c);

enum certificate_verdict {
    CERTIFICATE_BAD,
    CERTIFICATE_USER,
    CERTIFICATE_FRONT_PROXY
};
/* Who the holder of a chain (leaf first, verified by TLS) is; ret is filled for CERTIFICATE_USER,
 * in the arena. */
enum certificate_verdict certificate_cache_judge(struct certificate_cache *c, struct arena *a,
                                                 const struct str *chain_der, size_t count,
                                                 struct user *ret);

#endif
