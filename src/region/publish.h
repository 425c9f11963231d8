/* Published ports: listening sockets on this machine's loopback whose connections go on into the
 * VPC.
 *
 * What is published stands in the cluster's object (spec.internal.publishedPorts: port, target), so
 * that it is there again after a restart. Level-triggered: the listeners follow the objects; a port
 * that something else took in the meantime is tried again until it is free. Targets are read by
 * publish_target.h. */
#ifndef REGION_PUBLISH_H
#define REGION_PUBLISH_H

#include "region/region_internal.h"

enum {
    PUBLISH_CONNECTIONS_MAX = 2000,     /* of the region: each has two of its 20,000 descriptors */
    PUBLISH_PORT_CONNECTIONS_MAX = 200, /* of one port: targets may keep them open for ever */
    PUBLISH_CLUSTER_CONNECTIONS_MIN = 4 /* that a cluster may have however many others have */
};

struct publisher *publisher_new(struct region *r);
void publisher_free(struct publisher *p); /* before the fleet */

/* Listens on a port (0: *ret_port is a free one) before the cluster's object tells of it, so that
 * the caller learns whether that works: 0, -EADDRINUSE, or -errno. Without such an object it ends
 * with the next change of any. */
int publisher_take(struct publisher *p, struct str cluster, struct str target, uint16_t port,
                   uint16_t *ret_port) must_use;
/* The same port, when the object couldn't be told of it. */
void publisher_give_back(struct publisher *p, uint16_t port);
/* Whether a port may take one more connection: as long as its cluster has no more than are left for
 * others, or has next to none. A cluster alone gets half of all, and none can take all. */
bool publisher_has_room(unsigned all, unsigned of_cluster, unsigned of_port);
bool publisher_listens(const struct publisher *p, uint16_t port);
/* Before the cluster's link goes. */
void publisher_forget(struct publisher *p, struct str cluster);

#endif
