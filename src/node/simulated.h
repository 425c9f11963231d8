/* Simulated nodes: N Node objects with leases and status whose pods become Ready and go when asked,
 * without any container. A pod with an image whose tag is `non-existent` or `404` stays Pending, so
 * that rollouts which get stuck can be rehearsed; one that was given more grace than the usual 30
 * seconds takes a second of it.
 *
 * One view of all pods and one timer serve all nodes: leases are spread evenly over their 10
 * seconds. Node number i is PREFIX-i. */
#ifndef NODE_SIMULATED_H
#define NODE_SIMULATED_H

#include "client/client.h"

struct simulated;
struct simulated_config {
    struct client *client; /* borrowed */
    unsigned count;
    const char *prefix;          /* NULL: sim */
    int64_t pods_max;            /* of each; 0: 110 */
    int64_t cpus, memory_bytes;  /* of each; 0: 32, 128 GiB */
    void (*on_ready)(void *arg); /* all are registered; may be NULL */
    void *arg;
};
struct simulated *simulated_start(const struct simulated_config *config);
void simulated_stop(struct simulated *s);

#endif
