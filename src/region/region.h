/* Region: the managed service. One endpoint that speaks EKS, STS, EC2 ... over its own control
 * plane, and the loops that make what its objects say: clusters as processes, node groups as hosts.
 *
 * Its state are objects in a store of its own, written through the same API machinery as any
 * cluster's (state.h). Fronts turn requests into changes of objects; reconcilers turn objects into
 * processes. Invariants:
 * 1. An answer leaves when what it tells is durable.
 * 2. A reconciler may run at any time, any number of times: it compares and converges.
 * 3. A cluster's process has a directory of its own and dies alone. */
#ifndef REGION_REGION_H
#define REGION_REGION_H

#include "base/str.h"
#include "sys/loop.h"
#include "sys/spawner.h"

struct region;

struct region_config {
    struct loop *loop;
    struct spawner *spawner; /* of region_spawner_open */
    const char *directory;   /* all state; made with mode 0700 */
    const char *listen_address;
    uint16_t listen_port; /* 0: the one used before, else any */
    const char *name;     /* "us-west-2"; NULL: the one used before, else us-east-1 */
    const char *program;  /* path of this executable, for node hosts */
};
/* What the spawner's children run: a cluster. */
int region_cluster_main(struct str args, const int *fds, size_t fd_count);
/* The process that starts clusters' processes, or the one that a killed region left with them: call
 * it before any thread, loop or map exists. The directory is made. 0; -EBUSY: a region runs there;
 * -errno. */
int region_spawner_open(const char *directory, struct spawner **ret) must_use;

/* NULL with a text for people. Requests are answered when this returns. */
struct region *region_start(const struct region_config *config, const char **ret_error);
/* False: a job on a thread still works with it, so that it stays until the process ends. */
bool region_stop(struct region *r);
uint16_t region_port(const struct region *r);

#endif
