/* Pods that have to go because the node runs low on memory, disk or process ids, or because they
 * use more local storage than they may.
 *
 * Every round looks at the signals. One that is below its threshold becomes a condition of the
 * node at once, for as long as it lasts and a while after it, and costs one pod a round: the one
 * that comes first in the original's order (what exceeds its request, then low priority, then the
 * largest excess). While there is pressure new pods are refused. */
#ifndef NODE_EVICTION_H
#define NODE_EVICTION_H

#include "node/agent_internal.h"

/* The original's, but for disks: a node here often shares its disk with a whole machine. */
#define EVICTION_DEFAULT                                                                           \
    "memory.available<100Mi,nodefs.available<2%,nodefs.inodesFree<1%,imagefs.available<2%"

enum eviction_signal {
    SIGNAL_MEMORY,
    SIGNAL_NODE_DISK,
    SIGNAL_NODE_INODES,
    SIGNAL_IMAGE_DISK,
    SIGNAL_IMAGE_INODES,
    SIGNAL_PIDS,
    SIGNAL_COUNT
};

/* Below it the signal is met: an amount, or percent of the capacity when that isn't negative. */
struct eviction_threshold {
    bool set;
    int64_t amount;
    double percent;
};

/* SIGNAL<AMOUNT,... ; -EINVAL, and then *ret_bad is the part that is wrong. */
int eviction_parse(struct str text, struct eviction_threshold ret[SIGNAL_COUNT],
                   struct str *ret_bad) must_use;
/* 1073741824 -> "1Gi", as the original prints amounts of bytes. */
void bytes_text(struct buf *out, int64_t bytes);

struct eviction;
struct eviction *eviction_start(struct agent *a, struct str *ret_bad); /* NULL: a bad threshold */
void eviction_stop(struct eviction *e);
void eviction_round(struct eviction *e);

enum eviction_condition {
    PRESSURE_MEMORY = 1,
    PRESSURE_DISK = 2,
    PRESSURE_PID = 4
};
unsigned eviction_conditions(const struct eviction *e); /* bits of eviction_condition */
/* Whether a new pod may come; message when not. */
bool eviction_admits(const struct eviction *e, const struct pod *p, struct buf *ret_message);
/* Pods that were evicted since the start, for each signal; then those over a limit of their own. */
uint64_t eviction_count(const struct eviction *e, enum eviction_signal signal);
const char *eviction_signal_name(enum eviction_signal signal);

/* eviction_rank.c: what a pod uses, and which goes first. */
struct pod_usage {
    struct pod *pod;
    int64_t memory, memory_request;
    int64_t disk, disk_request; /* writable layers, logs and emptyDirs */
    int64_t processes, priority;
};
void eviction_rank(struct pod_usage *pods, size_t count, enum eviction_signal signal);

/* storage_census.c: what the pods' folders hold, counted in a pool thread. */
struct storage_volume {
    char *name, *path; /* owned */
    int64_t bytes, limit;
};
struct storage_container {
    char *name, *id, *log_dir; /* owned */
    int64_t log_bytes, layer_bytes, limit;
};
struct storage_pod {
    char *uid; /* owned */
    VEC(struct storage_volume) volumes;
    VEC(struct storage_container) containers;
};
struct storage_census {
    struct agent *agent;
    VEC(struct storage_pod) pods;
    void (*done)(void *user, const struct storage_census *census);
    void *user;
};
/* all: also pods without any limit. done is called once. */
void storage_census_start(struct agent *a, bool all,
                          void (*done)(void *user, const struct storage_census *census),
                          void *user);
int64_t storage_of(const struct storage_pod *p); /* all together */

#endif
