/* Controllers: loops that make the world as the objects say. One file each; a file registers its
 * controller by itself:
 *
 *     static const struct control_watch watches[] = {{"apps", "v1", "replicasets"}, {"", "v1",
 * "pods", map_pod}, {}}; REGISTER(controller, replicaset) = {.name = "replicaset-controller",
 * .account = "replicaset-controller", .watches = watches, .reconcile = reconcile};
 *
 * A change of a watched object names keys; each key is reconciled once however many changes named
 * it. Controllers reach the API through client.h only, so the same code runs in the cluster's
 * process and on another machine. Invariants:
 * 1. A key is reconciled by one run at a time, and only when all views of its controller have been
 * synced.
 * 2. A run ends when everything it wrote has been answered: the next run of the key sees what it
 * wrote. Nothing has to be remembered about writes under way.
 * 3. Objects that run_get and run_list give are copies in the run's arena: writes don't invalidate
 * them.
 * 4. An idle controller has nothing armed on the loop. */
#ifndef CONTROL_CONTROLLER_H
#define CONTROL_CONTROLLER_H

#include "base/registry.h"
#include "client/client.h"
#include "control/queue.h"

struct control; /* a controller that runs */

struct control_watch {
    const char *group, *version, *plural; /* plural NULL ends a table */
    /* Names the keys that a change concerns (control_enqueue ...). NULL: the object itself. */
    void (*map)(struct control *c, const struct sealed *now, const struct sealed *old);
    bool silent; /* only read, changes concern nobody */
};

struct run;

struct controller {
    const char *name;         /* as the original's --controllers flag names it */
    const char *account;      /* service account in kube-system as which it acts */
    const char *event_source; /* component in events; NULL: the account */
    const struct control_watch *watches;
    size_t state_bytes;               /* zeroed memory of its own: control_state */
    void (*start)(struct control *c); /* after the views are open; may be NULL */
    void (*stop)(struct control *c);  /* may be NULL */
    /* Brings one key to what it should be. 0, or -1 with st: the key comes back by back-off. */
    int (*reconcile)(struct run *run, struct status *st);
};
REGISTRY_DECLARE(controller, struct controller);

/* What the cluster's keys do for controllers. */
struct control_trust {
    struct str ca_pem; /* of the API server: kube-root-ca.crt */
    /* Signs a certificate request (PEM) of a client or a kubelet's server: 0 and the certificate as
     * PEM in the arena, or -1 with st. usages: x509 names as in CertificateSigningRequests ("client
     * auth"). NULL: no signing here. */
    int (*sign)(void *arg, struct arena *a, struct str request_pem, const struct str *usages,
                size_t usage_count, int64_t valid_s, struct str *ret_certificate_pem,
                struct status *st);
    void *arg; /* borrowed */
};

/* A running controller. */
const struct control_trust *
control_trust(struct control *c); /* never NULL; empty when nothing was given */
struct client *control_client(struct control *c);
struct loop *control_loop(struct control *c);
void *control_state(struct control *c);
struct view *control_view(struct control *c,
                          size_t watch_index); /* place in the table of watches */
const struct resource *control_resource(struct control *c, size_t watch_index);
void control_enqueue(struct control *c, struct str ns, struct str name);
void control_enqueue_after(struct control *c, struct str ns, struct str name, uint64_t delay_ms);
/* The object's own key. */
void control_enqueue_object(struct control *c, const struct sealed *object);
/* The key of the controlling owner of this kind of either state, if there is one. */
void control_enqueue_owner(struct control *c, const char *owner_kind, const struct sealed *now,
                           const struct sealed *old);

/* One run for one key. */
struct run {
    struct control *control; /* borrowed */
    struct arena *arena;
    struct str ns, name; /* the key */
    int64_t now_us;      /* wall clock */
    /* framework's own */
    struct arena memory;
    struct queue_key *key;
    size_t pending;
    bool failed;
};

struct objects {
    const struct sealed **items; /* arena */
    size_t count;
};

/* Reads. watch_index names the view. */
const struct sealed *run_get(struct run *run, size_t watch_index, struct str ns, struct str name);
struct objects run_list(struct run *run, size_t watch_index, struct str ns); /* ns.data NULL: all */
struct objects run_list_selected(struct run *run, size_t watch_index, struct str ns,
                                 const struct selector *labels);
struct objects run_list_owned(struct run *run, size_t watch_index, struct str owner_uid);
struct objects run_list_on_node(struct run *run, size_t watch_index, struct str node);
void objects_add(struct arena *a, struct objects *list, const struct sealed *object);
/* This key again after a while. */
void run_again(struct run *run, uint64_t delay_ms);

/* Writes. 0, or -1 with st. *ret (may be asked as NULL) is the new state, in the arena: NULL when
 * the object is gone, and with a remote client, whose answer comes later: then a run that needs it
 * returns and is run again. */
int run_create(struct run *run, const struct resource *r, struct str ns, const struct node *object,
               const struct sealed **ret, struct status *st) must_use;
int run_update(struct run *run, const struct resource *r, const char *subresource,
               const struct node *object, const struct sealed **ret, struct status *st) must_use;
int run_patch(struct run *run, const struct resource *r, struct str ns, struct str name,
              const char *subresource, const char *type, const struct node *patch,
              const struct sealed **ret, struct status *st) must_use;
/* A merge patch of the object itself. */
int run_merge(struct run *run, const struct resource *r, struct str ns, struct str name,
              const struct node *patch, struct status *st) must_use;
/* uid empty: whatever has the name. An object that is gone already is no failure. */
int run_delete(struct run *run, const struct resource *r, struct str ns, struct str name,
               struct str uid, const char *propagation, struct status *st) must_use;
int run_delete_grace(struct run *run, const struct resource *r, struct str ns, struct str name,
                     struct str uid, int64_t grace_s, struct status *st) must_use;
int run_post(struct run *run, const struct resource *r, struct str ns, struct str name,
             const char *subresource, const struct node *body, struct status *st) must_use;
/* Replaces the object's status when it differs: no write else. status is given to the object's
 * tree. */
int run_put_status(struct run *run, const struct resource *r, const struct sealed *object,
                   struct node *status, const struct sealed **ret, struct status *st) must_use;
/* The same for the whole object as changed (subresource NULL: the object itself): no write when it
 * equals the object. */
int run_put(struct run *run, const struct resource *r, const char *subresource,
            const struct sealed *object, const struct node *changed, const struct sealed **ret,
            struct status *st) must_use;

#define run_event(run, about, type, reason, ...)                                                   \
    client_event(control_client((run)->control), (about), (type), (reason), "", __VA_ARGS__)

/* The same for the object itself, with an annotation that comes with a write (note empty: goes with
 * it) and is no reason for one. */
int run_put_noting(struct run *run, const struct resource *r, const struct sealed *object,
                   struct node *changed, const char *annotation, struct str note,
                   struct status *st) must_use;

/* Starts every registered controller on the API in this process. */
struct api;
struct controllers;
struct controllers *controllers_start(struct loop *loop, struct api *api);
/* The same with keys; trust is copied, its texts and arg are borrowed. */
struct controllers *controllers_start_with(struct loop *loop, struct api *api,
                                           const struct control_trust *trust);
void controllers_stop(struct controllers *all);
/* One controller on any client; the client stays the caller's. NULL when a resource that it watches
 * is not served. */
struct control *control_start(struct client *client, const struct controller *def);
void control_stop(struct control *c);

#endif
