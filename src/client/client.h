/* Client: the one way in for loops (controllers, scheduler, node agent, proxy, region).
 *
 * Two implementations behind one interface: local (the cluster's own process: reads the store in
 * place, writes run the pipeline at once) and remote (HTTP/2 to any API server, kept up to date by
 * watches in protobuf, or JSON for custom resources). Loops can't tell them apart.
 *
 * A view is an always-current set of the objects of one resource. Objects read from it are sealed
 * blocks, valid until control returns to the loop or this client's next write, whichever is first
 * (sealed_copy to keep one). Changes arrive level-triggered: a handler gets the new and the old
 * state, may miss states in between, never the last one. With a local client, a write is visible in
 * views when the write call returns; with a remote one a little later: loops that count what they
 * created must use client_expectations or names they chose. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/status.h"
#include "object/schema.h"
#include "object/selector.h"
#include "object/tree.h"
#include "object/value.h"
#include "sys/loop.h"

struct client;

struct api;
/* identity: user name of the loop ("system:serviceaccount:kube-system:deployment-controller"), also
 * its field manager's base. */
struct client *client_local(struct loop *loop, struct api *api, const char *identity);
struct client_remote_config {
    struct loop *loop;
    const char *kubeconfig_path; /* or the members below */
    const char *host;
    uint16_t port;
    struct str ca_pem, certificate_pem, key_pem;
    struct str token;       /* bearer */
    const char *token_file; /* read again when it changed */
    const char *user_agent; /* "kaname-node/v0.1.0" */
    int netns_fd;           /* -1: this process's */
};
struct client *client_remote(const struct client_remote_config *config, const char **ret_error);
void client_free(struct client *c);
struct loop *client_loop(struct client *c);
/* The component named in events; at first the last part of the identity or user agent. */
void client_set_event_source(struct client *c, const char *component);

/* Resources. A custom resource's or a built-in's; NULL when not served (a remote client asks
 * discovery once at open). */
const struct resource *client_resource(struct client *c, const char *group, const char *version,
                                       const char *plural);
const struct resource *client_resource_for_kind(struct client *c, struct str api_version,
                                                struct str kind);
/* Every stored resource with the verbs list, watch and delete (garbage collector, namespaces), and
 * a call when they change. */
const struct resource *client_resource_at(struct client *c, size_t index);
void client_on_resources_changed(struct client *c, void (*fn)(void *arg), void *arg);

/* Views. */
struct view;
struct view_options {
    const struct resource *resource;
    struct str ns;              /* data NULL: all */
    const char *field_selector; /* NULL: none; e.g. "spec.nodeName=n1" */
    const char *label_selector; /* NULL: none */
    bool metadata_only;         /* only metadata is needed; a remote view has all the same */
    /* now NULL: deleted; old NULL: new to the view. Called for every object once at the start, then
     * for changes. May be NULL. */
    void (*on_change)(void *user, const struct sealed *now, const struct sealed *old);
    void (*on_synced)(void *user); /* the first complete state is there; may be NULL */
    void *user;
};
struct view *view_open(struct client *c, const struct view_options *options);
void view_close(struct view *v);
bool view_synced(const struct view *v);
const struct sealed *view_get(struct view *v, struct str ns, struct str name); /* NULL: not there */
typedef bool (*view_visit)(void *arg, const struct sealed *object);            /* false: stop */
void view_each(struct view *v, struct str ns, view_visit fn, void *arg); /* ns.data NULL: all */
void view_each_selected(struct view *v, struct str ns, const struct selector *labels, view_visit fn,
                        void *arg);
void view_each_owned(struct view *v, struct str owner_uid, view_visit fn, void *arg);
void view_each_on_node(struct view *v, struct str node, view_visit fn, void *arg); /* pods */
size_t view_count(struct view *v, struct str ns);
/* Every object of any resource that names owner_uid among its owners. Local: by the store's index.
 * Remote: among the open views. */
typedef bool (*client_visit)(void *arg, const struct resource *r,
                             const struct sealed *object); /* false: stop */
void client_each_owned(struct client *c, struct str owner_uid, client_visit fn, void *arg);

/* Writes. done (may be NULL) is called once, never inside the call that started it unless the
 * client is local: object is the new state (NULL when gone or failed), st is NULL on success. Trees
 * are read during the call only. */
typedef void (*client_done)(void *user, const struct sealed *object, const struct status *st);
void client_create(struct client *c, const struct resource *r, struct str ns,
                   const struct node *object, client_done done, void *user);
void client_update(struct client *c, const struct resource *r, const struct node *object,
                   client_done done, void *user);
void client_update_subresource(struct client *c, const struct resource *r, const char *subresource,
                               const struct node *object, client_done done, void *user);
/* type: "application/merge-patch+json", "application/strategic-merge-patch+json",
 * "application/json-patch+json", "application/apply-patch+yaml" (forced). */
void client_patch(struct client *c, const struct resource *r, struct str ns, struct str name,
                  const char *subresource, const char *type, const struct node *patch,
                  client_done done, void *user);
struct client_delete_options {
    struct str uid;          /* precondition; empty: none */
    int64_t grace_s;         /* -1: the default */
    const char *propagation; /* "Background", "Foreground", "Orphan"; NULL: default */
};
void client_delete(struct client *c, const struct resource *r, struct str ns, struct str name,
                   const struct client_delete_options *options, client_done done, void *user);
/* POST to a subresource: binding, eviction, token ... */
void client_post(struct client *c, const struct resource *r, struct str ns, struct str name,
                 const char *subresource, const struct node *body, client_done done, void *user);
/* A read past the view (exact, one object). */
void client_get(struct client *c, const struct resource *r, struct str ns, struct str name,
                client_done done, void *user);

/* Events (events.k8s.io as the original's recorder: series counted, rate-limited): type "Normal" or
 * "Warning". */
void client_event(struct client *c, const struct sealed *about, const char *type,
                  const char *reason, const char *action, const char *format, ...)
    printf_like(6, 7);

#endif
