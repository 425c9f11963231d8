/* The region's TLS: an authority of its own, made at the first start, whose certificate clients
 * trust (DATA_DIR/region-ca.pem, `kaname env --tls`), and a certificate for what the region listens
 * on, made anew at each start and kept nowhere. */
#ifndef REGION_ENDPOINT_H
#define REGION_ENDPOINT_H

#include "base/arena.h"

struct tls_config;

/* The authority's certificate, for clients. In the arena. */
struct str endpoint_authority_path(struct arena *a, const char *directory);
/* address: what is listened on, a numeric one. The caller's to unref; NULL with a reason. */
struct tls_config *endpoint_tls_new(const char *directory, const char *address,
                                    const char **ret_error);

#endif
