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
struct deputy;
struct tls_config;

/* What a region is started with, in steps, because it gives up what it may do in between:
 *
 *     region_spawner_open, region_prepare   as who started it: the processes that keep their
 *                                           privileges, folders, keys, its port
 *     region_shut_in                        nobody from here on (confine.h)
 *     region_start                          reads its state, answers requests */
struct region_config {
    const char *directory; /* all state; made with mode 0755, its parts with less */
    const char *listen_address;
    uint16_t listen_port; /* 0: the one used before, else any */
    const char *name;     /* "us-west-2"; NULL: the one used before, else us-east-1 */
    const char *program;  /* path of this executable, for node hosts */
    struct loop *loop;    /* from region_start on */

    struct spawner *spawner; /* of region_spawner_open */

    /* Of region_prepare. */
    struct deputy *deputy;  /* NULL without root */
    struct tls_config *tls; /* ref */
    int listener;
    uint16_t port;
};
/* The process that starts clusters' processes, or the one that a killed region left with them: call
 * it before any thread, loop or map exists. The directory is made. 0; -EBUSY: a region runs there;
 * -errno. */
int region_spawner_open(const char *directory, struct spawner **ret) must_use;
/* Before them, too: forks the deputy. 0, or -errno with a text for people: -EADDRINUSE: its port is
 * taken. */
int region_prepare(struct region_config *config, const char **ret_error) must_use;
/* 0 or -errno: the process must end then. */
int region_shut_in(const struct region_config *config, const char **ret_step) must_use;
/* NULL with a text for people. Requests are answered when this returns. */
struct region *region_start(const struct region_config *config, const char **ret_error);
void region_stop(struct region *r);
/* Ends the spawner with its clusters, and the deputy with its work on hosts. */
void region_release(struct region_config *config);

/* What the spawner's children run: a cluster, of the data directory that is context. */
int region_cluster_main(const void *context, struct str args, const int *fds, size_t fd_count);

#endif
