/* Cluster DNS on every node: answers from the views, no translation, no connection tracking in
 * between.
 *
 * Follows the Kubernetes DNS specification 1.1.0: A and SRV records of Services, headless Services
 * and their endpoints, PTR records of both, ExternalName as CNAME, pods as a-b-c-d.NS.pod. Other
 * names go to the upstream servers of resolv.conf. UDP and TCP; answers over 512 bytes (or what
 * EDNS0 allows) are cut with TC set. */
#ifndef PROXY_DNS_H
#define PROXY_DNS_H

#include "proxy/proxy.h"

struct dns;
struct dns *dns_start(const struct proxy_config *config, const char **ret_error);
void dns_set_views(struct dns *d, struct view *services, struct view *slices);
/* Keeps the index from addresses to Services in step. */
void dns_service_changed(struct dns *d, const struct sealed *now, const struct sealed *old);
void dns_stop(struct dns *d);

#endif
