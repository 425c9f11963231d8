/* Allocate: addresses and node ports of Services.
 *
 * What is taken is kept as bits in memory, read from the Services at the first use; an address is also an IPAddress object, as in
 * the original, so that clients see who holds it. Invariants: 1. a dry run takes nothing; 2. release of what is free does nothing. */
#ifndef API_ALLOCATE_H
#define API_ALLOCATE_H

#include "base/arena.h"
#include "store/store.h"

struct allocators;

struct allocators *allocators_new(struct store *store, struct str service_cidr); /* "10.96.0.0/16"; text borrowed */
void allocators_free(struct allocators *al);

/* wanted: an address, or empty for any. 0, -EEXIST (taken), -ERANGE (outside the range or its ends), -EINVAL (no IPv4 address),
 * -ENOSPC (all taken). The Service is named in the IPAddress object. */
int allocate_address(struct allocators *al, struct arena *a, struct str wanted, struct str service_ns, struct str service_name,
                     int64_t now_us, bool dry_run, struct str *ret_address) must_use;
void allocate_release_address(struct allocators *al, struct str address);
/* 30000-32767; wanted 0: any. 0, -EEXIST, -ERANGE, -ENOSPC. */
int allocate_port(struct allocators *al, uint16_t wanted, bool dry_run, uint16_t *ret_port) must_use;
void allocate_release_port(struct allocators *al, uint16_t port);
/* "10.96.0.0/16" */
struct str allocators_cidr(const struct allocators *al);

#endif
