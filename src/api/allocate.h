/* Allocate: addresses and node ports of Services.
 *
 * The store is the only truth: an address is taken when an IPAddress object of its name exists, a
 * node port when a Service has it. For ports a bitmap is read from the store at the first use and
 * kept while this process is the only writer. What a request took or gave back is remembered until
 * the next one, so that a refusal later in the pipeline undoes exactly that. */
#ifndef API_ALLOCATE_H
#define API_ALLOCATE_H

#include "base/status.h"
#include "object/tree.h"
#include "object/value.h"
#include "store/store.h"

struct allocators;

/* cidr: the IPv4 network of cluster IPs, "10.96.0.0/16"; its first address is the API server's own.
 */
struct allocators *allocators_new(struct store *store, struct str cidr);
void allocators_free(struct allocators *a);

/* Who an address is for: names the IPAddress' parent. */
struct allocation_owner {
    struct arena *arena;
    struct str ns, name; /* of the Service */
    int64_t now_us;
    bool dry_run; /* nothing is taken */
};

/* A request begins: what the last one did stays. */
void allocators_begin(struct allocators *a);
/* Takes back what was done since allocators_begin. */
void allocators_undo(struct allocators *a);

/* asked empty: any. NULL, or the original's reason ("provided IP is already allocated"); *ret is in
 * the owner's arena. */
const char *allocate_address(struct allocators *a, const struct allocation_owner *owner,
                             struct str asked, struct str *ret);
void release_address(struct allocators *a, const struct allocation_owner *owner,
                     struct str address);
/* asked 0: any. */
const char *allocate_port(struct allocators *a, const struct allocation_owner *owner,
                          uint16_t asked, uint16_t *ret);
void release_port(struct allocators *a, const struct allocation_owner *owner, uint16_t port);

#endif
