/* Confine: how a cluster's process shuts itself in before it reads a tenant's first byte.
 *
 * Afterwards it has: limits of memory, descriptors and threads, and an early end when the machine's
 * memory does; its VPC's network; its own directory, which it works in; the descriptors that
 * it was handed; an own user id without groups; no capability, now or ever; an empty environment;
 * no way to be traced or to leave a core dump; the system calls of confine.c and no others; of the
 * file system its directory and what resolvers, certificate stores and time zones consist of.
 * Nothing can be undone. What the kernel doesn't know (Landlock before Linux 5.13) is left out with
 * a warning; everything else that fails ends the process. */
#ifndef REGION_CONFINE_H
#define REGION_CONFINE_H

#include "sys/share.h"

struct confine_config {
    const char *directory;
    uid_t id;       /* of the tenant; taken when started as root */
    int netns_fd;   /* -1: stays where it is */
    const int *fds; /* stay open beside standard error */
    size_t fd_count;
    struct share_limits limits; /* threads count only when the id is taken */
};

/* The same for the region's own process, which answers requests from outside: this directory, the
 * system calls of a server, no capability. Started as root it becomes a user of its own
 * (REGION_UID) and works in the directory; else it stays its user. Listening sockets go on to be
 * opened. What it needs of others it asks the processes that it forked before: the spawner for
 * control planes, the deputy for what only root may do. 0, or -errno with the name of what failed:
 * the process must end then. */
int confine_region(const char *directory, const char **ret_step) must_use;

/* 0, or -errno with the name of what failed: the process must end then. */
int confine(const struct confine_config *config, const char **ret_step) must_use;

#endif
