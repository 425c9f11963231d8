/* One cluster's process: what its parent hands to it, and how it tells that it answers. */
#ifndef REGION_CLUSTER_PROCESS_H
#define REGION_CLUSTER_PROCESS_H

#include "region/region_internal.h"

struct cluster_ready; /* waits for the child's word */

struct cluster_process_config {
    struct region *region;
    struct spawner *spawner;
    const struct node *object; /* the cluster's */
    struct str directory;
    int listener;     /* on loopback */
    int vpc_listener; /* in the VPC; -1: none */
    /* Called once when it answers requests, with its CA certificate. */
    void (*on_ready)(void *arg, struct str ca_pem);
    void *arg;
};
/* 0 or -errno. *ret_ready is the caller's until on_ready, which frees it. */
int cluster_process_start(struct arena *a, const struct cluster_process_config *config,
                          pid_t *ret_pid, struct cluster_ready **ret_ready) must_use;
void cluster_ready_free(struct cluster_ready *r); /* NULL is allowed */
/* What a process that was started with this configuration is known by, when another region finds
 * it. listener, vpc_listener and on_ready don't matter. */
void cluster_process_tag(struct arena *a, const struct cluster_process_config *config,
                         uint8_t ret[SPAWN_TAG_BYTES]);

/* Access entries of a cluster that is gone. */
void cluster_entries_delete(struct region *r, struct arena *a, struct str cluster);

#endif
