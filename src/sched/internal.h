/* The scheduler's own parts: sched.c (wiring), cache.c (nodes and pods), queue.c (pods that wait),
 * cycle.c (one attempt), preempt.c (victims), nominate.c (who gets their room). */
#ifndef SCHED_INTERNAL_H
#define SCHED_INTERNAL_H

#include "sched/framework.h"
#include "sched/sched.h"
#include "sys/loop.h"

enum sched_place {
    PLACE_NOWHERE,
    PLACE_ACTIVE,
    PLACE_BACKOFF,
    PLACE_PARKED,
    PLACE_GATED,
    PLACE_CYCLE
};

/* A pod without a node. */
struct sched_pending {
    struct list link;         /* parked ones, and those in a cycle */
    struct str ns, name, uid; /* in text */
    int64_t priority;
    uint64_t order;  /* first come first served among equals */
    uint64_t due_ms; /* in back-off; of parked ones: tried again anyway */
    uint32_t heap_index;
    uint32_t attempts;
    unsigned refused_by; /* plugins; decides which events wake it */
    unsigned missed;     /* events that came while it was in a cycle */
    uint8_t place;       /* enum sched_place */
    bool deleted;        /* while in a cycle */
    char text[];
};

struct sched_heap {
    struct sched_pending **items; /* owned */
    size_t count, cap;
    bool (*before)(const struct sched_pending *x, const struct sched_pending *y);
};

struct sched_queue {
    struct scheduler *scheduler; /* borrowed */
    struct map pods;             /* "NS/NAME" -> struct sched_pending, owned */
    struct sched_heap active, backoff;
    struct list parked, cycling;
    unsigned parked_wakes; /* events that may wake one of the parked */
    struct timer timer;    /* armed only while pods are in back-off or parked */
    uint64_t next_order;
};
void sched_queue_init(struct sched_queue *q, struct scheduler *s);
void sched_queue_release(struct sched_queue *q);
/* A pending pod is new or changed. */
void sched_queue_put(struct sched_queue *q, const struct sealed *pod);
void sched_queue_remove(struct sched_queue *q, struct str ns, struct str name);
struct sched_pending *sched_queue_pop(struct sched_queue *q); /* NULL: none is ready */
/* Ends a pod's cycle: done (bound or gone) or to be tried again. retry: after back-off; else when
 * an event may help. */
void sched_queue_done(struct sched_queue *q, struct sched_pending *p, bool retry);
void sched_queue_forget(struct sched_queue *q, struct sched_pending *p);
void sched_queue_event(struct sched_queue *q, unsigned events);

/* One group: see framework.h. */
struct sched_group {
    struct arena arena; /* owns the texts and the selector */
    struct str key;     /* "NS/SELECTOR"; empty: free */
    struct str ns;
    struct selector labels;
    struct map zones; /* zone -> int64_t, owned */
    uint64_t asked;   /* order of the last question */
};

/* group.c: a pod came to a node, left it (or its group), a node's zone changed. */
void sched_groups_add_pod(struct scheduler *s, struct sched_pod *p, const struct sealed *pod);
void sched_groups_remove_pod(struct scheduler *s, struct sched_pod *p);
void sched_groups_move_node(struct scheduler *s, struct sched_node *n, struct str old_zone,
                            struct str new_zone);
void sched_groups_release(struct scheduler *s);

struct sched_image {
    size_t nodes;
};

struct scheduler {
    struct loop *loop;     /* borrowed */
    struct client *client; /* borrowed */
    struct view *views[VIEW_COUNT];
    struct sched_queue queue;
    struct deferred step;
    const struct sched_plugin *plugins[SCHED_PLUGINS_MAX]; /* in order */
    size_t plugin_count;
    /* cache */
    struct map nodes_by_name;       /* -> struct sched_node, owned */
    VEC(struct sched_node *) nodes; /* present ones */
    size_t next_node;               /* where the next search starts */
    struct map pods;                /* "NS/NAME" -> struct sched_pod, owned */
    struct list anti_pods, affinity_pods;
    struct list nominations; /* nominate.c */
    struct sched_group groups[SCHED_GROUPS_MAX];
    uint64_t group_questions;
    struct map images;        /* name -> struct sched_image, owned */
    VEC(char *) scalar_names; /* owned */
    uint64_t random;          /* state of the generator that breaks ties */
};

/* cache.c */
enum {
    SCHED_KEY_BYTES = 600 /* of any pod's "NS/NAME" */
};
struct str sched_pod_key(char text[SCHED_KEY_BYTES], struct str ns, struct str name);
/* A pod's namespace, name and uid, copied to sched_names_bytes bytes. */
size_t sched_names_bytes(const struct sealed *pod);
void sched_names_keep(const struct sealed *pod, char *to, struct str *ret_ns, struct str *ret_name,
                      struct str *ret_uid);
void sched_cache_node(struct scheduler *s, const struct sealed *now, const struct sealed *old,
                      unsigned *ret_events);
/* An assigned pod came, changed or went (now NULL). */
void sched_cache_pod(struct scheduler *s, const struct sealed *now, const struct sealed *old,
                     unsigned *ret_events);
struct sched_pod *sched_pod_new(struct scheduler *s, const struct sealed *pod);
void sched_pod_free(struct sched_pod *p);
void sched_node_add_pod(struct scheduler *s, struct sched_node *n, struct sched_pod *p);
void sched_node_remove_pod(struct sched_pod *p);
/* Puts the cycle's pod on a node before the API says so; forget takes it back. */
void sched_assume(struct scheduler *s, struct sched_pod *p, struct sched_node *n);
void sched_forget(struct scheduler *s, struct str ns, struct str name);
void sched_cache_release(struct scheduler *s);

/* cycle.c */
void sched_schedule_one(struct scheduler *s, struct sched_pending *p);
/* All filters on one node. ret_reason: why not. */
enum sched_verdict sched_filter_node(struct sched_cycle *c, struct sched_node *n,
                                     struct str *ret_reason);

/* Why nodes were refused, counted. */
struct sched_refusal {
    struct str reason;
    size_t nodes;
};
struct sched_refusals {
    struct sched_refusal items[64];
    size_t count;
};
/* Reasons of one node, each on a line of its own; borrowed. */
void sched_count_refusals(struct sched_refusals *list, struct str reasons);
/* "0/N nodes are available: 2 Insufficient cpu, ...."; made in the cycle's arena. */
struct str sched_refusal_message(struct sched_cycle *c, struct sched_refusals *list, size_t nodes);

/* Tells the plugins that a pod came to its node or left it, in this cycle's view of the world. */
void sched_tell_plugins(struct sched_cycle *c, struct sched_pod *pod, bool removed);

/* nominate.c. A pod is promised a node (empty: no longer any), or is placed or gone. */
void sched_nominate(struct scheduler *s, const struct sealed *pod, struct str node);
bool sched_unnominate(struct scheduler *s, struct str ns,
                      struct str name); /* whether there was a promise */
void sched_nominations_release(struct scheduler *s);
/* Puts pods that were promised the node onto it, if the cycle's pod is not above them, until leave.
 * Whether there are any; they never overlap. */
bool sched_nominated_enter(struct sched_cycle *c, struct sched_node *n);
void sched_nominated_leave(struct sched_cycle *c);
/* The cycle's pod takes the node from pods below it that were promised it. */
void sched_nominated_displace(struct sched_cycle *c, struct str node);

/* preempt.c: a node on which deleting pods of lower priority makes room. Deletes them; *ret_node is
 * the nominated node, or empty; ret_message tells why nothing helps. verdicts: of every node, by
 * index. */
void sched_preempt(struct sched_cycle *c, const uint8_t *verdicts, struct str *ret_node,
                   struct str *ret_message);

#endif
