/* What scheduler plugins see: nodes with what is used on them, the pod at hand, and the points
 * where a plugin has a say.
 *
 * A plugin is one file in plugins/ that registers itself:
 *     REGISTER(sched_plugin, node_name) = {.name = "NodeName", .order = 30, .filter = filter,
 * .events = SCHED_NODE_ADD}; Nodes carry aggregates that are kept up to date with every pod that
 * comes or goes; objects are read in place when a plugin needs more. Invariants: 1. a node's
 * aggregates equal the sum over its pods, assumed ones included; 2. during a cycle nothing is
 * written, so objects read in it stay valid until its end. */
#ifndef SCHED_FRAMEWORK_H
#define SCHED_FRAMEWORK_H

#include "base/list.h"
#include "base/map.h"
#include "base/registry.h"
#include "base/vec.h"
#include "client/client.h"
#include "control/placement.h"

enum {
    SCHED_SCALARS_MAX =
        16, /* kinds of resources beside cpu, memory and ephemeral storage in one cluster */
    SCHED_SCORE_MAX = 100,        /* of one plugin; upstream 100 */
    SCHED_NODES_MIN = 100,        /* feasible nodes looked for at least; upstream 100 */
    SCHED_BACKOFF_MS = 1000,      /* upstream 1 s */
    SCHED_BACKOFF_MAX_MS = 10000, /* upstream 10 s */
    SCHED_PARKED_MS = 300000,     /* a pod that nothing woke is tried again; upstream 5 min */
    SCHED_TURN_US = 4000, /* pods are scheduled for this long before the loop serves others */
    SCHED_PODS_DEFAULT = 110,
};

/* Amounts; scalars by the scheduler's own numbers of resource names. */
struct sched_amounts {
    int64_t cpu_milli, memory, ephemeral;
    int64_t scalars[SCHED_SCALARS_MAX];
};

/* A pod that is on a node, or assumed to be. */
struct sched_pod {
    struct list link;          /* of its node */
    struct list anti_link;     /* of the scheduler's pods with required anti-affinity, or alone */
    struct list affinity_link; /* of those with any affinity that scores */
    struct sched_node *node;   /* borrowed */
    struct str ns, name, uid;  /* in text */
    struct sched_amounts requests;
    int64_t nonzero_cpu, nonzero_memory;
    int64_t priority, start_us;
    struct host_ports ports; /* owned, with their addresses */
    uint64_t groups;         /* bits of the groups (below) that it belongs to */
    bool assumed;            /* bound by us, not seen in the view yet */
    bool deleting;
    char text[];
};

struct sched_node {
    struct str name; /* in text */
    size_t index;    /* in the scheduler's array */
    struct sched_amounts allocatable, requested;
    int64_t nonzero_cpu, nonzero_memory;
    int64_t pods_max;
    size_t pod_count;
    struct list pods;
    uint32_t *group_counts; /* owned; pods of each group; NULL: none yet */
    unsigned taints;        /* effects that it has (placement.h) */
    bool unschedulable;
    bool has_images;
    bool hostname_is_name; /* label kubernetes.io/hostname: the usual topology is the name itself */
    bool has_zone;         /* label topology.kubernetes.io/zone; most clusters' nodes have none */
    struct str zone;       /* its value; owned */
    bool present;          /* false: pods name it, but it isn't there (yet) */
    char text[];
};

struct scheduler;
struct sched_cycle;

/* What happened in the cluster; plugins say which of it may help a pod that they refused. */
enum sched_event {
    SCHED_NODE_ADD = 1 << 0,
    SCHED_NODE_ALLOCATABLE = 1 << 1,
    SCHED_NODE_LABELS = 1 << 2,
    SCHED_NODE_TAINTS = 1 << 3,
    SCHED_POD_ADD = 1 << 4,    /* assigned to a node */
    SCHED_POD_LABELS = 1 << 5, /* of an assigned pod */
    SCHED_POD_DELETE = 1 << 6, /* its resources are free again */
    SCHED_VOLUMES = 1 << 7,    /* volumes, claims, classes, CSI nodes */
    SCHED_POD_ITSELF = 1 << 8, /* the pending pod was changed */
    SCHED_NAMESPACE = 1 << 9,
    SCHED_NODE_DELETE = 1 << 10, /* its domain may have gone with it */
};

enum sched_verdict {
    SCHED_FITS,
    SCHED_REFUSED,     /* other pods are in the way: preemption may help */
    SCHED_UNRESOLVABLE /* nothing that preemption does would help */
};

struct sched_plugin {
    const char *name;
    int order;  /* place in the original's list */
    int weight; /* of its score */
    unsigned events;
    /* Each may be NULL. false with a message: the pod waits outside the queue. */
    bool (*pre_enqueue)(const struct sealed *pod, struct str *ret_message);
    /* Looks at the pod once. *ret_skip: the filter has nothing to say about it. Any verdict but
     * FITS ends the cycle with the message for all nodes. */
    enum sched_verdict (*pre_filter)(struct sched_cycle *c, bool *ret_skip,
                                     struct str *ret_message);
    /* reason: static or in the cycle's arena; several stand on lines of their own. */
    enum sched_verdict (*filter)(struct sched_cycle *c, struct sched_node *n,
                                 struct str *ret_reason);
    /* While preemption tries: a pod is taken from (or put back on) a node. Only what pre_filter
     * computed has to follow. */
    void (*pod_removed)(struct sched_cycle *c, struct sched_pod *pod);
    void (*pod_added)(struct sched_cycle *c, struct sched_pod *pod);
    void (*pre_score)(struct sched_cycle *c, bool *ret_skip);
    int64_t (*score)(struct sched_cycle *c, struct sched_node *n);
    void (*normalize)(struct sched_cycle *c, int64_t *scores,
                      size_t count); /* to 0 .. SCHED_SCORE_MAX */
    /* After a node was chosen, before binding. false with a message: not now (the pod is tried
     * again on SCHED_VOLUMES). */
    bool (*pre_bind)(struct sched_cycle *c, struct sched_node *n, struct str *ret_message);
};
REGISTRY_DECLARE(sched_plugin, struct sched_plugin);

enum {
    SCHED_PLUGINS_MAX = 24
};

/* One attempt for one pod. */
struct sched_cycle {
    struct scheduler *scheduler; /* borrowed */
    struct arena *arena;
    const struct sealed *pod; /* copy in the arena */
    struct value root, spec;
    struct str ns, name, uid;
    struct sched_pod *info;         /* the pod as it would be on a node; its node is NULL */
    void *state[SCHED_PLUGINS_MAX]; /* of each plugin, by plugin_index */
    bool skip_filter[SCHED_PLUGINS_MAX], skip_score[SCHED_PLUGINS_MAX];
    size_t plugin_index;          /* of the plugin being called */
    unsigned refused_by;          /* bits of plugins that refused a node, or the pod */
    struct sched_node **feasible; /* for scoring */
    size_t feasible_count;
};

static inline void *cycle_state(struct sched_cycle *c)
{
    return c->state[c->plugin_index];
}
static inline void cycle_set_state(struct sched_cycle *c, void *state)
{
    c->state[c->plugin_index] = state;
}

/* The scheduler as plugins see it. */
enum sched_view {
    VIEW_PODS,
    VIEW_NODES,
    VIEW_NAMESPACES,
    VIEW_CLAIMS,
    VIEW_VOLUMES,
    VIEW_CLASSES,
    VIEW_CSI_NODES,
    VIEW_SERVICES,
    VIEW_REPLICA_SETS,
    VIEW_CONTROLLERS,
    VIEW_STATEFUL_SETS,
    VIEW_BUDGETS,
    VIEW_ATTACHMENTS,
    VIEW_COUNT
};
struct view *sched_view(struct scheduler *s, enum sched_view which);
struct client *sched_client(struct scheduler *s);
size_t sched_node_count(const struct scheduler *s);
struct sched_node *sched_node_at(const struct scheduler *s, size_t index); /* all are present */
struct sched_node *sched_node_named(const struct scheduler *s, struct str name); /* NULL: unknown */
/* The node's object, in place; NULL when it vanished. */
const struct sealed *sched_node_object(struct scheduler *s, const struct sched_node *n);
const struct sealed *sched_pod_object(struct scheduler *s, const struct sched_pod *p);
struct sched_pod *sched_pod_named(struct scheduler *s, struct str ns,
                                  struct str name); /* on a node; NULL */
struct str sched_node_label(struct scheduler *s, const struct sched_node *n, struct str key,
                            bool *ret_has);
/* The node's value of a topology key: its label, from what is kept beside the node for the usual
 * keys. */
struct str sched_topology(struct scheduler *s, const struct sched_node *n, struct str key,
                          bool *ret_has);
struct list *sched_anti_pods(struct scheduler *s);            /* struct sched_pod.anti_link */
struct list *sched_affinity_pods(struct scheduler *s);        /* struct sched_pod.affinity_link */
int sched_scalar_index(struct scheduler *s, struct str name); /* -1: too many kinds */
struct str sched_scalar_name(const struct scheduler *s, int index);
int sched_scalar_count(const struct scheduler *s);
size_t sched_image_nodes(struct scheduler *s, struct str image); /* nodes that have it */

/* Groups: pods of a namespace that a selector matches, counted by node and zone as pods come and
 * go, so that spreading many pods of a kind doesn't look at all of them for each. Made at the first
 * question; the one that was not asked about for the longest time makes room. Pods that are being
 * deleted don't count. */
enum {
    SCHED_GROUPS_MAX = 64
};
size_t sched_group_of(struct scheduler *s, struct str ns, const struct selector *labels);
int64_t sched_group_on_node(const struct sched_node *n, size_t group);
typedef void (*sched_zone_visit)(void *arg, struct str zone, int64_t pods);
void sched_group_each_zone(struct scheduler *s, size_t group, sched_zone_visit fn, void *arg);

/* Scores scaled so that the highest becomes SCHED_SCORE_MAX; reverse: lower is better. */
void sched_normalize(int64_t *scores, size_t count, bool reverse);

#endif
