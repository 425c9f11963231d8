/* The node agent: makes the pods that are bound to this node run.
 *
 * Reads pods, Services, ConfigMaps and Secrets through views, drives the container runtime through
 * CRI, tells the API server what it sees, and answers the node's own API on port 10250. Everything
 * happens on one loop; it keeps no state of its own: a restart finds sandboxes and containers by
 * their labels and goes on. */
#ifndef NODE_AGENT_H
#define NODE_AGENT_H

#include "client/client.h"
#include "sys/loop.h"

struct agent;

struct agent_config {
    struct loop *loop;
    struct client *client; /* borrowed */
    const char *node_name;
    const char *node_ip;        /* NULL: the address of eth0, waited for */
    const char *cri_socket;     /* NULL: /run/containerd/containerd.sock */
    const char *root_dir;       /* NULL: /var/lib/kubelet */
    const char *log_dir;        /* NULL: /var/log/pods */
    const char *manifest_dir;   /* static pods; NULL: none */
    const char *cluster_dns;    /* NULL: pods use the node's resolver */
    const char *cluster_domain; /* NULL: cluster.local */
    const char *provider_id;    /* may be NULL */
    const char *const *labels;  /* "key=value", ended by NULL; may be NULL */
    const char *const *taints;  /* "key=value:Effect" */
    int64_t pods_max;           /* 0: 110 */
    uint16_t port;              /* of the node's API; 0: 10250 */
    struct str client_ca_pem;   /* client certificates of the node's API; empty: tokens only */
    int64_t housekeeping_s;     /* between looks at logs, disks and memory; 0: 10 */
    int64_t log_bytes_max;      /* a container's log is rotated at; 0: 10 MiB */
    int64_t log_files_max;      /* of it are kept; 0: 5 */
    /* Unused images are removed above high percent of their disk, until low; 0: 85, 80. Not those
     * that were used in the last seconds (0: 120). */
    int64_t image_high_percent, image_low_percent, image_age_s;
    /* "memory.available<100Mi,nodefs.available<2%": below it pods are evicted; NULL: the default
     * (eviction.h). For how long the node's condition outlasts it; 0: 300. */
    const char *eviction_hard;
    int64_t eviction_transition_s;
};
/* NULL with a text for people. */
struct agent *agent_start(const struct agent_config *config, const char **ret_error);
void agent_stop(struct agent *agent);                 /* pods go on running */
const char *agent_node_ip(const struct agent *agent); /* NULL while it isn't known */
/* Called once the node's address is known: for what else runs on the node (proxy). */
void agent_on_address(struct agent *agent, void (*fn)(void *arg, const char *ip), void *arg);

#endif
