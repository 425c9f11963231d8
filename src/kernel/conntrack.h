/* Connection tracking: the UDP flows that a network namespace knows, and their end. Wraps libmnl.
 *
 * A flow remembers where its first packet was translated to, and keeps sending there for as long as
 * packets come. Whoever takes an address away from a translation must end the flows that lead to
 * it; their next packet is translated anew. Source: linux/netfilter/nfnetlink_conntrack.h. */
#ifndef KERNEL_CONNTRACK_H
#define KERNEL_CONNTRACK_H

#include "kernel/address.h"

/* IPv4; addresses in network order. */
struct conntrack_flow {
    uint32_t source, destination; /* as the sender wrote them */
    uint32_t answers;             /* who answers: the destination after translation */
    uint16_t source_port, destination_port, answers_port;
};

/* Ends the UDP flows for which ends answers true. One that is gone already is no error. netns_fd
 * -1: the caller's. Blocks for about a microsecond for each UDP flow. 0 and how many ended, or
 * -errno. */
int conntrack_end_udp(int netns_fd, bool (*ends)(void *arg, const struct conntrack_flow *flow),
                      void *arg, size_t *ret_count) must_use;

#endif
