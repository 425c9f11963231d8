/* Control groups, version 1 and 2 behind one face.
 *
 * A group is named by its path below the root that this process sees
 * ("/kubepods/burstable/podUID"); in a host's cgroup namespace that root is the host's own group.
 * Version 1 has a hierarchy for each controller: making, entering and removing a group does it in
 * all of them. Limits that the running version can't express are left out, not approximated. All
 * answer 0 or -errno. */
#ifndef KERNEL_CGROUP_H
#define KERNEL_CGROUP_H

#include "base/str.h"

struct cgroups;

/* Finds the hierarchies mounted below /sys/fs/cgroup. -ENOSYS when there are none. */
int cgroups_open(struct cgroups **ret) must_use;
void cgroups_close(struct cgroups *c);
int cgroups_version(const struct cgroups *c); /* 1 or 2 */

int cgroup_make(struct cgroups *c,
                const char *path) must_use; /* with parents; 0 when it is there */
/* Removes a group with its children; processes in it make it -EBUSY. 0 when there is none. */
int cgroup_remove(struct cgroups *c, const char *path) must_use;
/* Ends what is in it and below, and removes it; -EBUSY when that takes longer than two seconds. */
int cgroup_end(struct cgroups *c, const char *path) must_use;
/* Removes a group that has no children and no processes; otherwise nothing happens. */
void cgroup_remove_empty(struct cgroups *c, const char *path);
bool cgroup_exists(struct cgroups *c, const char *path);
int cgroup_enter(struct cgroups *c, const char *path, pid_t pid) must_use;
/* SIGKILL to every process in it and below. */
int cgroup_kill(struct cgroups *c, const char *path) must_use;
int cgroup_each_process(struct cgroups *c, const char *path, void (*fn)(void *arg, pid_t pid),
                        void *arg) must_use;

struct cgroup_limits {
    uint64_t cpu_shares;   /* version 1's scale, 2 to 262144; 0: leave */
    int64_t cpu_quota_us;  /* of a period of 100 ms; 0: leave; -1: none */
    int64_t memory_bytes;  /* 0: leave; -1: none */
    int64_t processes_max; /* 0: leave; -1: none */
};
int cgroup_limit(struct cgroups *c, const char *path, const struct cgroup_limits *limits) must_use;

struct cgroup_usage {
    uint64_t cpu_ns;
    uint64_t memory_bytes;
    uint64_t working_set_bytes; /* without inactive file pages */
    uint64_t processes;
};
int cgroup_usage(struct cgroups *c, const char *path, struct cgroup_usage *ret) must_use;
/* What takes reading more files; what the running version doesn't count is 0. */
struct cgroup_detail {
    uint64_t rss_bytes, cache_bytes, swap_bytes, mapped_bytes, memory_limit_bytes; /* 0: no limit */
    uint64_t memory_failures;                          /* times that the limit was hit */
    uint64_t periods, throttled_periods, throttled_ns; /* of the CPU quota */
    uint64_t user_ns, system_ns;
};
int cgroup_detail(struct cgroups *c, const char *path, struct cgroup_detail *ret) must_use;

/* A host's group in every hierarchy: made below this process's own root and entered by pid. Used
 * before a cgroup namespace is made; then removed by cgroup_remove once the host is gone. */
int cgroup_make_host(struct cgroups *c, const char *path, pid_t pid) must_use;
/* Mounts the same hierarchies on a fresh tmpfs at /sys/fs/cgroup of the caller's mount and cgroup
 * namespace. Version 2 hands controllers down only from groups without processes of their own: the
 * caller then leaves the namespace's root for a group below it, where the host's services are, too.
 */
int cgroup_mount_all(struct cgroups *c) must_use;
/* Puts a process among a host's services; path as for cgroup_make_host, seen from outside. */
int cgroup_enter_host(struct cgroups *c, const char *path, pid_t pid) must_use;

#endif
