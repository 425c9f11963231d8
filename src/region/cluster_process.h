/* One cluster's process: what its parent hands to it, and how it tells that it answers. */
#ifndef REGION_CLUSTER_PROCESS_H
#define REGION_CLUSTER_PROCESS_H

#include "cluster/pki.h"
#include "region/cluster_share.h"
#include "region/deputy_message.h"
#include "region/region_internal.h"

/* What a child is started with begins with this. It is all that the child believes while it may be
 * root, for the region's process may be an intruder's: the folder is that of the name below the
 * spawner's data directory, the user is the folder's. JSON follows, which it reads when it is shut
 * in. */
struct cluster_process_head {
    uint32_t task;
    char cluster[DEPUTY_CLUSTER_BYTES];
    struct cluster_share share;
};
enum {
    CLUSTER_TASK_SERVE, /* until it is ended */
    CLUSTER_TASK_ISSUE  /* a certificate */
};

struct cluster_ready; /* waits for the child's word */

struct cluster_process_config {
    struct region *region;
    struct spawner *spawner;
    const struct node *object; /* the cluster's */
    int listener;              /* on loopback */
    int vpc_listener;          /* in the VPC; -1: none */
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

/* A client certificate of a cluster's authority, in the arena: for one of its nodes, or, without a
 * node, for the region itself as its administrator. The authority's key is the cluster's alone: a
 * child that is shut in as the cluster is reads it, and waits no longer than it takes to sign. 0,
 * or -errno: -EPIPE when the cluster has no authority yet. */
int cluster_process_issue(struct region *r, struct arena *a, struct str cluster, struct str node,
                          struct pki_pair *ret_client, struct str *ret_ca_pem) must_use;

/* Access entries of a cluster that is gone. */
void cluster_entries_delete(struct region *r, struct arena *a, struct str cluster);

#endif
