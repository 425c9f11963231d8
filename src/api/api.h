/* API: from request to answer. One function, twelve named steps (pipeline.c), the same for requests
 * from the network and from the control plane's own loops.
 *
 * Steps: 1 route  2 authenticate  3 audit  4 impersonate  5 flow (in-flight limits)  6 authorize  7
 * decode  8 default and prepare 9 admit  10 validate  11 commit  12 answer. */
#ifndef API_API_H
#define API_API_H

#include "admit/admit.h"
#include "auth/authenticate.h"
#include "auth/authorize.h"
#include "net/http.h"
#include "object/seal.h"
#include "store/store.h"
#include "watch/watch.h"

struct api;

struct api_config {
    struct loop *loop;
    struct store *store;
    struct watch_hub *hub;
    struct authenticator *authenticator;
    struct authorizer *authorizer;
    struct str service_cidr;      /* "10.96.0.0/16" */
    struct str advertise_address; /* endpoint of the kubernetes Service */
    uint16_t advertise_port;
    struct tls_config *kubelet_tls; /* client credentials towards nodes' port 10250 */
    int node_netns_fd; /* network namespace to dial nodes, pods and webhooks from; -1: this one */
    struct str server_version; /* "v1.36.3" */
    /* Memory is short: requests from outside are refused with 429. May be NULL. */
    bool (*pressed)(void *arg);
    void *pressed_arg;
    struct str admission_off; /* names of plugins that are not asked: "A,B"; may be empty */
};
struct api *api_new(const struct api_config *config);
void api_free(struct api *a);
/* http_server_config.handle: user is the struct api. */
void api_handle(void *user, struct http_request *req);

/* A request from inside: no network, no encoding. Authorization is skipped; admission, validation
 * and managedFields are not. */
enum api_verb {
    API_CREATE,
    API_UPDATE,
    API_PATCH,
    API_DELETE,
    API_DELETE_COLLECTION
};
struct api_call {
    const struct user *user;  /* for admission and managedFields */
    struct str field_manager; /* static */
    enum api_verb verb;
    const struct resource *resource;
    struct str
        subresource; /* "status", "binding", "eviction", "scale", "token", ...; empty: main */
    struct str ns, name;
    const struct node *body; /* object, patch, or DeleteOptions; may be NULL for delete */
    const char *patch_type;  /* "application/merge-patch+json" ... */
    struct str force_apply;  /* "true" with apply patches */
};
/* Runs at once. On success *ret_object (may be asked as NULL) is the new state: a heap block, the
 * caller's reference; NULL when the object is gone. What was written is visible to reads at once
 * and durable in order (store.h). -1 with st else. */
int api_call(struct api *a, struct arena *arena, const struct api_call *call,
             struct sealed **ret_object, struct status *st) must_use;

/* Resources served now, custom ones included. */
const struct resource *api_resource(struct api *a, struct str group, struct str version,
                                    struct str plural);
const struct resource *api_resource_for_kind(struct api *a, struct str group, struct str version,
                                             struct str kind);
/* Calls fn(arg) whenever resources came or went (garbage collector, namespace controller, quota).
 */
void api_on_resources_changed(struct api *a, void (*fn)(void *arg), void *arg);
/* All of them, in discovery order: for (i = 0; (r = api_resource_at(a, i)); i++). */
const struct resource *api_resource_at(struct api *a, size_t index);

/* What an API server stands on, for clients in its process: they read the store in place and follow
 * the hub. */
struct store *api_store(struct api *a);
struct watch_hub *api_hub(struct api *a);

#endif
