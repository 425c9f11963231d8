/* Steps: what `up`, `down` and the cluster commands do, one after the other. Each compares first
 * and tells whether it changed anything, so that every command may be run again at any time. All
 * return 0, or -1 with st: a text for people. */
#ifndef CLI_STEPS_H
#define CLI_STEPS_H

#include "cli/call.h"
#include "cli/progress.h"

struct steps {
    struct arena *arena;
    struct progress *progress;
    const char *directory;
    struct region_access region;
};

/* A region that answers; started in the background when it doesn't. */
int step_region(struct steps *s, struct status *st) must_use;
/* An ACTIVE cluster; *ret is DescribeCluster's. */
int step_cluster(struct steps *s, const char *name, struct node **ret, struct status *st) must_use;
/* A node group of count nodes, ACTIVE: its nodes are Ready. */
int step_nodes(struct steps *s, const char *cluster, const char *nodegroup, int64_t count,
               struct status *st) must_use;
/* Our entries in the user's kubeconfig. */
int step_kubeconfig(struct steps *s, const struct node *cluster, const char *path,
                    bool switch_context, struct status *st) must_use;
/* The sample application: applied, and available. */
int step_sample(struct steps *s, const struct cluster_access *cluster, struct status *st) must_use;
/* The cluster without its node groups, and without itself. */
int step_delete_cluster(struct steps *s, const char *name, struct status *st) must_use;

#endif
