/* Service: from a Service and its EndpointSlices to elements of the layout's sets. Pure.
 *
 * Follows kube-proxy: serving and ready endpoints; terminating but serving ones when no other is
 * left; traffic policies; topology hints; session affinity; load balancer addresses of mode VIP;
 * external addresses. */
#ifndef PROXY_SERVICE_H
#define PROXY_SERVICE_H

#include "object/value.h"
#include "proxy/layout.h"

struct service_element {
    uint8_t set; /* enum layout_set */
    struct nft_element element;
};

struct service_elements {
    struct service_element *items; /* owned; sorted by set and key, keys are unique */
    size_t count, cap;
};
void service_elements_release(struct service_elements *e);

struct service_place {
    struct str node; /* this node's name */
    struct str zone; /* may be empty */
};

/* All elements of one Service; none for headless ones, ExternalName, and those with another proxy.
 */
void service_compute(struct arena *a, const struct sealed *service,
                     const struct sealed *const *slices, size_t slice_count,
                     const struct service_place *place, struct service_elements *ret);
/* What changes from one to the other, as parts of a batch. */
void service_difference(struct nft_batch *b, const struct service_elements *before,
                        const struct service_elements *after);

/* The addresses and ports of a Service's UDP ports with all endpoints that may answer there now,
 * whatever the policies choose for new traffic: what flows that began earlier may go on to use. A
 * port without endpoints isn't told: its flows find nobody else. */
struct service_target {
    uint32_t address; /* network order */
    uint16_t port;
};
void service_udp_each(struct arena *a, const struct sealed *service,
                      const struct sealed *const *slices, size_t slice_count,
                      /* at.address 0: a node port */
                      void (*fn)(void *arg, struct service_target at,
                                 const struct service_target *ends, size_t end_count),
                      void *arg);

/* Fills slots with endpoint numbers: even shares, and few changes when one endpoint comes or goes.
 * hashes: one an endpoint. */
void service_fill_slots(const uint64_t *hashes, size_t endpoint_count, uint16_t *slots,
                        size_t slot_count);

#endif
