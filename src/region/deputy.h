/* Deputy: the process that does for a region what only root may do.
 *
 * The region's process reads requests from the network, so it is nobody: a user of its own, without
 * capabilities, behind a filter (confine.h). What needs root stays in two processes that it forked
 * before it opened its port, which no byte from outside reaches but through its questions:
 *
 *     network ---> region ---requests (deputy_message.h)---> deputy: VPC, folders of clusters
 *                    |                                         |
 *                    |                                         +--> a child for each host that is
 *                    |                                              started, filled or stopped
 *                    +--a name (cluster_process.h)--> spawner: processes of clusters
 *
 * The deputy takes no path, command or process id from a request. Names have one form each, users a
 * range; addresses lie in the VPC, and belong to it; files lie below folders of the data directory
 * that are root's. It keeps no state but the VPC's (vpc/vpc.h): hosts are found by their
 * files. It ends with its region. A region without root has none and needs none.
 *
 * What an intruder in the region's process still can do is what the region may: make and delete
 * clusters and hosts, be administrator in each cluster, and reach addresses of the VPC. */
#ifndef REGION_DEPUTY_H
#define REGION_DEPUTY_H

#include "base/arena.h"
#include "region/deputy_message.h"
#include "sys/loop.h"

struct deputy;

/* directory: the data directory; program: of node hosts. Before any thread, loop or map exists. 0
 * or -errno. */
int deputy_open(const char *directory, const char *program, struct deputy **ret) must_use;
/* Waits for the end of the deputy that works in a data directory, and keeps others out: until this
 * process ends. The deputy of a region that was killed has a moment to live. 0, -ETIMEDOUT or
 * -errno. */
int deputy_turn(struct arena *a, const char *directory, int *ret_turn) must_use;
/* A region without its deputy ends, as if it were killed. */
void deputy_watch(struct deputy *d, struct loop *loop);
void deputy_close(struct deputy *d); /* and its work; hosts stay. NULL is allowed */

/* Each waits for the answer, some 50 us and what is done: milliseconds. 0 or -errno: -EINVAL when
 * the deputy refuses the request. Descriptors are the caller's. */
/* The newest endpoints' addresses go to the answer. */
int deputy_fabric(struct deputy *d, struct deputy_answer *ret, int *ret_netns_fd) must_use;
int deputy_write_credentials(struct deputy *d, struct str access_key, struct str secret_key,
                             struct str account, struct str region) must_use;
int deputy_cluster_make(struct deputy *d, struct str cluster, uint32_t uid) must_use;
int deputy_cluster_remove(struct deputy *d, struct str cluster) must_use;
int deputy_subnet_add(struct deputy *d, struct str subnet, struct str cidr) must_use;
/* wanted: family 0: any; one that is there already is kept. -EADDRINUSE: an interface's. */
int deputy_endpoint_add(struct deputy *d, struct str subnet, struct ip wanted,
                        struct ip *ret) must_use;
int deputy_endpoint_remove(struct deputy *d, struct ip address) must_use;
int deputy_listen(struct deputy *d, struct ip address, uint16_t port, int *ret_fd) must_use;
int deputy_connect(struct deputy *d, struct ip address, uint16_t port, int *ret_fd) must_use;
int deputy_publish(struct deputy *d, uint16_t port, int *ret_fd) must_use;
/* Addresses go to the answer. -ENOENT: no such host runs in the VPC. */
int deputy_host_find(struct deputy *d, struct str instance, struct deputy_answer *ret) must_use;
int deputy_host_plug(struct deputy *d, struct str instance, struct str instance_type,
                     struct str subnet, struct deputy_answer *ret) must_use;
int deputy_host_unplug(struct deputy *d, struct str instance) must_use;

/* Work that takes its time: starting a host (a request of DEPUTY_HOST_START, which is there already
 * when it runs), filling it, stopping it. done is called once on the loop, with 0 or -errno and the
 * name of the step that failed; work is gone then. */
struct deputy_work;
int deputy_work_start(struct deputy *d, struct loop *loop, const struct buf *request,
                      void (*done)(void *arg, int err, const char *step), void *arg,
                      struct deputy_work **ret) must_use;
void deputy_work_forget(struct deputy_work *w); /* it goes on; done isn't called. NULL is allowed */

#endif
