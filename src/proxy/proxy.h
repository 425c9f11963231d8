/* Proxy: Services as packets. Keeps one nftables table of the node's network namespace in step with
 * Services and EndpointSlices, and answers the cluster's DNS.
 *
 * Runs inside the node agent, in the node's network namespace, on its loop. A change of a Service
 * or slice marks the Service; soon afterwards all marked ones are compared with what is programmed
 * and the difference goes out as one transaction. Nothing is read back from the kernel; a start
 * replaces the table in one transaction, so that traffic never meets none. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "client/client.h"

struct proxy;

struct proxy_config {
    struct loop *loop;
    struct client *client; /* borrowed */
    const char *node_name;
    const char *node_address;   /* for node ports: "172.31.0.5" */
    const char *zone;           /* topology.kubernetes.io/zone; NULL: unknown */
    const char *dns_address;    /* where cluster DNS answers: "10.100.0.10"; NULL: no DNS */
    const char *cluster_domain; /* "cluster.local" */
    const char *resolv_conf;    /* upstream servers for other names; NULL: none */
};
/* NULL with a text for people. */
struct proxy *proxy_start(const struct proxy_config *config, const char **ret_error);
void proxy_stop(struct proxy *p); /* rules stay: traffic goes on while the agent restarts */

#endif
