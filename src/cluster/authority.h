/* The authority of a cluster on this machine, read from its directory: for the region, which makes
 * its nodes' certificates. */
#ifndef CLUSTER_AUTHORITY_H
#define CLUSTER_AUTHORITY_H

#include "cluster/pki.h"

/* 0, -ENOENT when the cluster was never started there, or -errno. */
int cluster_authority_read(struct arena *a, const char *directory, struct pki_pair *ret) must_use;
/* A client certificate of that authority: 0 or -errno. groups ended by NULL. */
int cluster_authority_issue(struct arena *a, const char *directory, const char *name,
                            const char *const *groups, int64_t valid_s, struct pki_pair *ret_client,
                            struct str *ret_ca_pem) must_use;

#endif
