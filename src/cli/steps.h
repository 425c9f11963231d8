/* Steps: what `up`, `down` and the cluster commands do, one after the other. Each compares first
 * and tells whether it changed anything, so that every command may be run again at any time. All
 * return 0, or -1 with st: a text for people. */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include <limits.h>

#include "cli/call.h"
#include "cli/progress.h"

struct steps {
    struct arena *arena;
    struct progress *progress;
    const char *directory;
    struct region_access region;
    int64_t timeout_ms;   /* of each wait; negative: each step's own */
    struct str context;   /* by step_kubeconfig: of the cluster; arena */
    bool cluster_created; /* by step_cluster: what a failed create takes back */
};

enum {
    NODES_AS_THEY_ARE = INT_MIN /* step_nodes: the number stays; 2 for a new node group */
};

/* A region that answers; started in the background when it doesn't. */
int step_region(struct steps *s, struct status *st) must_use;
/* An ACTIVE cluster; *ret is DescribeCluster's. request: of CreateCluster, for one that isn't
 * there; NULL: a plain one. */
int step_cluster(struct steps *s, const char *name, const struct node *request, struct node **ret,
                 struct status *st) must_use;
/* A node group of count nodes, ACTIVE: its nodes are Ready. request: of CreateNodegroup, or NULL.
 */
int step_nodes(struct steps *s, const char *cluster, const char *nodegroup, int64_t count,
               const struct node *request, struct status *st) must_use;
/* Access entries and their policies: as in struct document_plan. */
int step_access(struct steps *s, const char *cluster, const struct node *access,
                struct status *st) must_use;
/* A port of the loopback that leads into the cluster: PublishPort's answer goes to *ret_entry. */
int step_publish(struct steps *s, const char *cluster, int64_t port, struct str target,
                 struct node **ret_entry, struct status *st) must_use;
/* Our entries in the user's kubeconfig; path "-": a whole one on standard output. */
int step_kubeconfig(struct steps *s, const struct node *cluster, const char *path,
                    bool switch_context, struct status *st) must_use;
/* The sample application: applied, and available. */
int step_sample(struct steps *s, const struct cluster_access *cluster, struct status *st) must_use;
/* Deletes a cluster and its node groups. */
int step_delete_cluster(struct steps *s, const char *name, struct status *st) must_use;

#endif
