/* What a published port leads to, as text and as an address.
 *
 *     endpoint                         the cluster's API server
 *     node:30080                       a port of its nodes, one after the other (NodePorts)
 *     service/NAMESPACE/NAME           a Service's only port: its ready pods, one after the other
 *     service/NAMESPACE/NAME:PORT      one of a Service's ports
 *
 * Pods have addresses of the VPC: a connection goes to the pod itself, through no node's rules. */
#ifndef REGION_PUBLISH_TARGET_H
#define REGION_PUBLISH_TARGET_H

#include "kernel/address.h"
#include "region/region_internal.h"

struct publish_target {
    enum {
        PUBLISH_ENDPOINT,
        PUBLISH_NODE,
        PUBLISH_SERVICE
    } kind;
    struct str ns, name; /* of a Service; borrowed from the text */
    uint16_t port;       /* 0: a Service's only one */
};
/* 0, or -EINVAL. */
int publish_target_parse(struct str text, struct publish_target *ret) must_use;

/* A Service watched for its ready pods. */
struct publish_service;
struct publish_service *publish_service_new(struct client *client,
                                            const struct publish_target *target);
void publish_service_free(struct publish_service *s);
/* The turn-th of its ready addresses, as the cluster's tenants tell it: check whose it is. 0;
 * -EAGAIN: not known yet; -ENOENT: no Service, no such port, or no pod that is ready. */
int publish_service_address(struct publish_service *s, unsigned turn, struct ip *ret_ip,
                            uint16_t *ret_port) must_use;

#endif
