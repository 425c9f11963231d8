/* DaemonSets: the state of one run. daemonset.c: which nodes, the status; daemonset_roll.c:
 * updates; daemonset_pod.c: the pod of a node. Source: pkg/controller/daemon. */
#ifndef CONTROL_DAEMONSET_H
#define CONTROL_DAEMONSET_H

#include "control/revision.h"

enum {
    DAEMON_SETS,
    DAEMON_PODS,
    DAEMON_REVISIONS,
    DAEMON_NODES
};

#define DAEMON_HASH "controller-revision-hash"

/* A node with the set's pods on it (but those that are over and on their way out), oldest first. */
struct daemon_node {
    const struct sealed *node; /* arena; NULL: pods of a node that is gone */
    struct str name;
    struct objects pods;
    bool should_run, should_continue;
};

struct daemon_backoff {
    uint64_t last_ms, wait_ms;
};

struct daemon_state {
    struct map backoffs; /* "uid/generation/node" -> struct daemon_backoff, owned */
};

struct daemon_run {
    struct run *run;
    const struct sealed *object; /* arena */
    struct value root;
    struct history history;
    struct str hash;           /* of the present template */
    struct objects pods;       /* all */
    struct daemon_node *nodes; /* arena */
    size_t count;
    int64_t min_ready_s, surge, unavailable;
    bool rolling;
    bool changed; /* pods were made or deleted in this run: what is known of them is old */
    bool refused; /* one wasn't made: the others wait for the next run */
};

struct str daemon_pod_node(const struct sealed *pod); /* where it is, or is meant to be */
bool daemon_updated(const struct daemon_run *d, const struct sealed *pod);
bool daemon_available(struct daemon_run *d, const struct sealed *pod);
void daemon_judge_node(struct daemon_run *d, struct daemon_node *n);
int daemon_create_pod(struct daemon_run *d, const struct daemon_node *n,
                      struct status *st) must_use;
int daemon_delete_pod(struct daemon_run *d, const struct sealed *pod, struct status *st) must_use;
/* One step of a rolling update. */
int daemon_roll(struct daemon_run *d, struct status *st) must_use;

#endif
