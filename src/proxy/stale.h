/* Stale: flows of connection tracking that lead where a UDP Service no longer has anybody.
 *
 * TCP notices when the other side is gone; a UDP client with a fixed port, such as a resolver,
 * would send to an endpoint that isn't there for as long as it keeps asking. As kube-proxy does:
 * after Services changed, each flow to one of them whose answers don't come from a serving endpoint
 * ends, and its next packet finds another. */
#ifndef PROXY_STALE_H
#define PROXY_STALE_H

#include "base/map.h"
#include "kernel/conntrack.h"
#include "proxy/service.h"

/* Addresses and ports of changed Services -> their endpoints. Lives in an arena. */
struct stale {
    struct arena *arena; /* borrowed */
    struct map targets;  /* address and port -> struct stale_ends, arena */
    uint32_t node;       /* address that has node ports; 0: none */
};
void stale_init(struct stale *s, struct arena *arena, uint32_t node);
void stale_release(struct stale *s);
/* A changed Service as it is now. */
void stale_add(struct stale *s, const struct sealed *service, const struct sealed *const *slices,
               size_t slice_count);
bool stale_is_empty(const struct stale *s);
/* Whether a flow goes to one of these Services and none of its endpoints answers it. */
bool stale_flow(const struct stale *s, const struct conntrack_flow *flow);
/* Ends such flows in the caller's network namespace. 0 or -errno. */
int stale_end(const struct stale *s) must_use;

#endif
