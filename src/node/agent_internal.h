/* Shared by the files of the node agent.
 *
 *   agent.c      views, runtime watch               pod.c          steps of a pod
 *   adopt.c      what ran before this agent         container.c    states of a container
 *   register.c   Node object, lease, node status    status.c       pod status
 *   pull.c       images                             probe.c        probes and hooks
 *   volume*.c    volumes; local_volume.c the        config.c, environment.c, security.c
 *                life of those that are folders                    what CRI is asked for
 *   resize.c     what containers may use            server*.c      the node's API
 *   housekeeping.c  now and then: log_files.c, image_collect.c, eviction*.c, storage_census.c */
#ifndef NODE_AGENT_INTERNAL_H
#define NODE_AGENT_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "kernel/cgroup.h"
#include "node/agent.h"
#include "node/cni.h"
#include "node/cri.h"
#include "node/metrics.h"
#include "object/scalar.h"

enum {
    BACKOFF_FIRST_MS = 10000,
    BACKOFF_MAX_MS = 300000,
    BACKOFF_RESET_US = 600 * 1000000,
    GRACE_DEFAULT_S = 30,
    RETRY_MS = 1000,
    TERMINATION_MESSAGE_BYTES = 4096,
    TERMINATION_LOG_BYTES = 2048,
    TERMINATION_LOG_LINES = 80,
};

#define NODE_VERSION "v1.36.3" /* of the original, whose counterpart this is */

#define LABEL_POD_NAME  "io.kubernetes.pod.name"
#define LABEL_POD_NS    "io.kubernetes.pod.namespace"
#define LABEL_POD_UID   "io.kubernetes.pod.uid"
#define LABEL_CONTAINER "io.kubernetes.container.name"
#define NOTE_RESTARTS   "io.kubernetes.container.restartCount"
#define NOTE_LOG_PATH   "io.kubernetes.container.terminationMessagePath"
#define NOTE_LOG_POLICY "io.kubernetes.container.terminationMessagePolicy"
#define NOTE_GRACE      "io.kubernetes.pod.terminationGracePeriod"

struct server;
struct housekeeping;
struct eviction;
struct image_collector;
struct local_volumes;
struct static_pods;
struct pull;
struct probe;

/* A ConfigMap or Secret that pods of this node use: a view of one object. */
struct source {
    struct agent *agent;
    struct view *view;
    char *key; /* owned: "configmaps/NS/NAME" */
    char *ns, *name;
    unsigned users;
    bool seen; /* there, or known to be absent */
};

/* Counts since the agent's start, for /metrics. */
struct node_counts {
    uint64_t started_pods, started_pods_errors;
    uint64_t started_containers[4], started_containers_errors[4]; /* by container_kind */
    struct histogram pod_start;                                   /* bounds_of_starts */
};

struct agent {
    struct loop *loop;
    struct client *client;
    struct cri *cri;
    struct cni *cni;
    struct cgroups *cgroups; /* NULL: none are mounted */
    struct agent_config config;
    char *node_ip; /* owned */
    struct view *pods_view, *services_view, *node_view;
    struct map pods;     /* uid -> struct pod */
    struct map sources;  /* key -> struct source */
    struct map pulls;    /* image and credentials -> struct pull */
    bool runtime_ready;  /* CRI said RuntimeReady and NetworkReady */
    bool runtime_listed; /* what was running before this agent is known */
    struct str runtime_version, runtime_name;
    struct arena arena;      /* things that live as long as the agent */
    struct cri_call *events; /* containerd's event stream */
    struct node_counts counts;
    struct timer runtime_timer, relist_timer, address_timer;
    bool events_open;
    struct registration *registration;
    struct housekeeping *housekeeping;
    struct image_collector *image_collector;
    struct eviction *eviction;
    struct local_volumes *local_volumes;
    struct static_pods *static_pods;
    struct server *server;
    void (*on_address)(void *arg, const char *ip);
    void *on_address_arg;
};

enum container_kind {
    CONTAINER_INIT,
    CONTAINER_SIDECAR,
    CONTAINER_MAIN,
    CONTAINER_EPHEMERAL
};

enum container_state {
    CONTAINER_IDLE, /* nothing of it runs, and nothing is being done */
    CONTAINER_PULLING,
    CONTAINER_CREATING,
    CONTAINER_STARTING,
    CONTAINER_RUNNING,
    CONTAINER_STOPPING, /* running still */
    CONTAINER_EXITED,
};

/* How a run of a container ended. */
struct termination {
    bool set;
    int exit_code, signal;
    char *reason, *message; /* owned */
    char *id;               /* owned */
    int64_t started_us, finished_us;
};

enum probe_kind {
    PROBE_STARTUP,
    PROBE_LIVENESS,
    PROBE_READINESS,
    PROBE_KINDS
};

/* What a container may use: a copy of its own (resize.h). */
struct resources {
    struct arena arena;
    struct node *value; /* {requests, limits}; NULL: not known */
};

struct container {
    struct pod *pod;
    char *name; /* owned */
    enum container_kind kind;
    enum container_state state;
    const struct node *spec; /* in the pod's tree */
    char *id;                /* owned; of the last run; NULL: never made */
    char *image_ref;         /* owned; what the image was resolved to */
    unsigned restarts;       /* restartCount */
    unsigned runs;           /* runs begun: the log's number */
    unsigned failures;       /* since the last long run: the back-off */
    int64_t created_us, started_us;
    struct termination current, last;       /* of this run once it exited; of the one before */
    char *waiting_reason, *waiting_message; /* owned */
    int64_t retry_us;                       /* wall clock: not before; 0: at once */
    bool started, ready;                    /* startup and readiness, as probes see it */
    bool hook_running;
    bool stop_sent;       /* the runtime has been asked, and hasn't answered */
    int64_t stop_grace_s; /* of the stop under way; -1: none */
    unsigned status_tries;
    struct probe *probes[PROBE_KINDS];
    uint64_t probed[PROBE_KINDS][2]; /* failed, went well */
    struct timer status_timer;
    struct hook *hook;             /* under way */
    int64_t image_user;            /* of the image: -1 unknown */
    char *image_user_name;         /* owned */
    char *pull_image, *pull_error; /* owned; the last pull's, and why it failed */
    unsigned pull_failures;        /* in a row */
    int64_t pull_retry_us;         /* wall clock: no pull before */
    struct resources allocated, actual;
    bool updating;       /* the runtime is told of its allocation */
    int64_t update_us;   /* wall clock: not told before */
    bool resize_restart; /* it is stopped to be made again with its allocation */
};

enum pod_step {
    STEP_ADMIT,
    STEP_PREPARE,
    STEP_VOLUMES,
    STEP_SANDBOX,
    STEP_RUN,
    STEP_STOP,
    STEP_TEARDOWN,
    STEP_UNMOUNT,
    STEP_ENDED,
    STEP_GONE,
    STEP_COUNT
};

struct mounted; /* a volume of a pod (volume.h) */

struct pod {
    struct agent *agent;
    char *uid, *ns, *name; /* owned */
    struct sealed *object; /* ref; the newest state; NULL: only the runtime knows it */
    struct arena arena;    /* of tree */
    struct node *tree;     /* object as a tree; NULL without object */
    bool deleted;          /* gone from the API */
    bool is_static;
    unsigned static_round; /* of the manifests' scan that saw it */
    char *mirror_uid;      /* owned; of a static pod's mirror; NULL: there is none */
    enum pod_step step;
    bool busy;               /* a call of the current step is under way */
    bool node_asked;         /* for the Node object, before the pod is refused for what it says */
    struct sealed *node_now; /* owned reference; the answer */
    bool killed_hard;
    unsigned calls; /* to the runtime or for hooks, under way: a pod is freed when there are none */
    char *reason, *message; /* owned; why it failed as a whole */
    bool failed;            /* whatever its containers say */
    bool disrupted;         /* evicted for others' sake: a condition says so */
    char *resize_pending, *resize_message, *resize_error; /* owned; why a resize waits, or fails */
    int64_t resize_pending_generation;
    bool resizing;                      /* an allocation isn't applied yet */
    unsigned resize_told;               /* conditions that were told: bits of resize.c */
    int64_t grace_s;                    /* of an eviction: instead of its own; 0: its own */
    VEC(struct container *) containers; /* init in order, main, ephemeral */
    VEC(struct source *) sources;
    VEC(struct mounted *) volumes;
    char *sandbox_id; /* owned */
    unsigned sandbox_attempt;
    unsigned sandbox_tries; /* the next attempt */
    bool sandbox_ready;
    char *ip;         /* owned */
    int64_t start_us; /* status.startTime */
    int64_t seen_us;  /* by this agent; 0: it ran before, or its start was counted */
    int64_t stop_deadline_us;
    unsigned failures; /* of the current step */
    struct timer retry;
    struct timer deadline; /* activeDeadlineSeconds */
    struct deferred kick;
    char *cgroup; /* owned; "/kubepods/..." */
    struct arena status_arena[2];
    unsigned status_turn;
    struct node *status; /* last one made */
    bool status_in_flight, status_dirty, status_final;
    bool delete_sent;
};

/* text helpers */
char *text_copy(struct str s);
void text_set(char **slot, struct str s); /* frees the old one */
void text_printf(char **slot, const char *format, ...) printf_like(2, 3);

/* agent.c */
struct pod *agent_pod(struct agent *a, struct str uid);
struct pod *agent_pod_named(struct agent *a, struct str ns, struct str name);
void agent_container_exited(struct agent *a, struct str id); /* look at it */
void agent_event(struct pod *p, const char *type, const char *reason, const char *format, ...)
    printf_like(4, 5);
int64_t agent_now_us(const struct agent *a);

/* register.c */
struct registration *registration_start(struct agent *a);
void registration_stop(struct registration *r);
void registration_runtime_changed(struct registration *r); /* conditions: tell at once */
void registration_images(struct registration *r, const struct node *images);
/* The Node as this agent sees itself, and the parts of its status; shared with simulated nodes. */
struct node_facts {
    const char *name, *ip, *provider_id, *runtime_version;
    const char *const *labels, *const *taints;
    int64_t cpus, memory_bytes, storage_bytes, pods_max;
    uint16_t port;
    bool ready;
    const char *not_ready_message;
    bool memory_pressure, disk_pressure, pid_pressure;
};
struct node *node_object(struct arena *a, const struct node_facts *f);
struct node *node_status(struct arena *a, const struct node_facts *f,
                         const struct node *old_conditions, int64_t now_us);
struct node *node_lease(struct arena *a, const char *name, struct str node_uid, int64_t now_us);

/* pod.c */
void pod_call_begin(struct pod *p);
void pod_call_end(struct pod *p); /* last thing of a callback: p may be gone afterwards */
struct pod *pod_new(struct agent *a, struct str uid, struct str ns, struct str name);
void pod_set_object(struct pod *p, const struct sealed *object);
void pod_kick(struct pod *p); /* its step runs soon */
void pod_fail(struct pod *p, const char *reason, const char *format, ...)
    printf_like(3, 4); /* ends it as Failed */
bool pod_terminating(const struct pod *p);
int64_t pod_grace_s(const struct pod *p);
struct container *pod_container(const struct pod *p, struct str name);
struct str pod_restart_policy(const struct pod *p, const struct container *c);
bool pod_terminal(const struct pod *p);
void pod_dir(const struct pod *p, const char *rest, struct buf *ret);
struct str pod_qos(const struct node *tree);
bool pod_host_network(const struct pod *p);

/* container.c */
struct container *container_new(struct pod *p, struct str name, enum container_kind kind);
void container_free(struct container *c);
void container_start(struct container *c);
void container_stop(struct container *c, int64_t grace_s, const char *why);
void container_adopt(struct container *c,
                     const struct node *cri_status); /* a ContainerStatus of CRI */
void container_look(struct container *c);            /* asks the runtime for its state */
bool container_alive(const struct container *c);
bool container_finished_well(const struct container *c);
bool container_wants_restart(const struct container *c);
const char *container_first_reason(const struct container *c); /* why it waits at first */
void container_wait_reason(struct container *c, const char *reason, const char *format, ...)
    printf_like(3, 4);

/* pull.c: calls done once with the image's id, or NULL and a reason and message for the container's
 * status. */
typedef void (*pull_done)(struct container *c, const char *image_ref, const char *reason,
                          const char *message);
void pull_image(struct container *c, pull_done done);
void pull_forget(struct container *c);
void pull_image_removed(const struct agent *a, struct str image_id);

/* source.c */
enum source_kind {
    SOURCE_CONFIGMAP,
    SOURCE_SECRET
};
void sources_need(struct pod *p); /* all that the pod names */
bool sources_seen(const struct pod *p);
const struct sealed *source_get(struct agent *a, enum source_kind kind, struct str ns,
                                struct str name);
void sources_drop(struct pod *p);

/* volume.c */
enum volumes_state {
    VOLUMES_WAIT,
    VOLUMES_READY,
    VOLUMES_FAILED
};
enum volumes_state volumes_set_up(struct pod *p);
void volumes_refresh(
    struct pod *p); /* what follows ConfigMaps, Secrets, the downward API and tokens */
void volumes_tear_down(struct pod *p);
void volumes_release(struct pod *p);
/* The host's path of a mount of a container; -errno with a message. */
int volume_mount_source(struct container *c, const struct node *mount, size_t index,
                        struct str sub_path, struct buf *ret_path,
                        struct buf *ret_message) must_use;
bool volume_read_only(const struct pod *p, struct str volume);
bool volume_is_empty_dir(const struct mounted *m);

/* config.c */
struct node *sandbox_request(struct arena *a, struct pod *p);
/* NULL with reason and message (buffers) when something that it names is missing. */
struct node *container_request(struct arena *a, struct container *c, const struct node *image,
                               struct buf *ret_message);
void pod_log_dir(const struct pod *p, struct buf *ret);
/* The end of a run's log: TERMINATION_LOG_BYTES, TERMINATION_LOG_LINES. */
void container_log_tail(const struct container *c, unsigned run, struct buf *ret);
void container_log_path(const struct container *c, unsigned run, struct buf *ret);
struct node *pod_resources(struct arena *a, const struct pod *p);
/* widen: no limit gets smaller than it is. */
int pod_make_cgroup(struct pod *p, bool widen) must_use;
/* update: of a container that runs; what isn't limited any more is said. */
struct node *container_resources(struct arena *a, const struct container *c, bool update);
int64_t amount_at(const struct node *n, const char *path, bool milli, int64_t otherwise);

/* environment.c */
struct environment {
    struct arena *arena;
    VEC(struct member) values; /* text nodes, in order */
};
int environment_make(struct arena *a, struct container *c, struct environment *ret,
                     struct buf *ret_message) must_use;
struct str environment_expand(const struct environment *e, struct str text);
struct str field_ref(struct arena *a, const struct pod *p, struct str path, bool *ret_known);
struct str resource_ref(struct arena *a, const struct pod *p, const struct node *ref,
                        const struct container *own);

/* security.c */
struct node *container_security(struct arena *a, struct container *c, const struct node *image,
                                struct buf *ret_message);
struct node *sandbox_security(struct arena *a, const struct pod *p);

/* probe.c */
void probes_start(struct container *c);
void probes_stop(struct container *c);
/* Runs a lifecycle handler; done(user, error) with an empty text when it went well. */
typedef void (*hook_done)(void *user, struct str error);
struct hook;
struct hook *hook_run(struct container *c, const struct node *handler, uint64_t timeout_ms,
                      hook_done done, void *user);
void hook_cancel(struct hook *h);

/* status.c */
void status_update(struct pod *p); /* makes it, and sends it when it changed */
struct node *status_make(struct arena *a, struct pod *p);

/* static_pod.c */
struct static_pods *static_pods_start(struct agent *a);
void static_pods_stop(struct static_pods *s);
bool static_pods_read(const struct static_pods *s); /* the manifests were looked at */
bool static_pod_is_mirror(const struct sealed *pod);
void static_pod_mirror(struct agent *a, const struct sealed *mirror,
                       bool gone); /* a mirror was seen, or went */

/* host_port.c */
bool pod_has_host_ports(const struct pod *p);
void host_ports_sync(struct agent *a); /* after a pod with such ports came or went */

/* housekeeping.c */
struct housekeeping *housekeeping_start(struct agent *a);
void housekeeping_stop(struct housekeeping *h);

/* server_stats.c: what a container that runs uses; false: nothing is known. */
bool container_usage(const struct agent *a, const struct pod *p, const struct container *c,
                     struct cgroup_usage *ret);

/* server.c */
struct server *server_start(struct agent *a, const char **ret_error);
void server_stop(struct server *s);

#endif
