/* Request: one request on its way through the pipeline, from the network or from inside. Internal
 * to api/.
 *
 * Life: made in the HTTP request's arena (or api_call's), walks the steps of pipeline.c, ends when
 * its answer has ended or its client is gone: then request_release gives back what it owns. A step
 * works on what earlier steps left here:
 *
 *   route        -> route, resource, subresource, kind, custom, endpoint, accept
 *   authenticate -> user
 *   decode       -> options, object (as sent, or patched), old
 *   prepare      -> object with what the server owns
 *   commit       -> result (sealed) or reply (tree), code
 *   answer       -> bytes
 *
 * Invariants:
 * 1. Between route and answer no step waits except authenticate, and decode of a read that asks for
 * a revision to come: reads and writes of one request are one turn of the loop, so what it read
 * can't change before it writes.
 * 2. st.code is 0 while nothing failed; a step that fails sets it.
 * 3. An answer leaves only when every revision that it shows is durable. */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/api.h"
#include "api/kind.h"
#include "api/media.h"
#include "api/route.h"

struct request;
struct custom_version;

enum step_result {
    STEP_NEXT,
    STEP_WAIT, /* request_continue goes on with the next step */
    STEP_DONE, /* the step answered (or streams) by itself */
    STEP_FAIL, /* st says why */
};

/* What one verb of one kind of path does in the steps that are about objects. Any may be NULL:
 * nothing to do. */
struct endpoint {
    const char *name;
    enum step_result (*decode)(struct request *r);
    enum step_result (*prepare)(struct request *r);
    enum step_result (*admit)(struct request *r);
    enum step_result (*validate)(struct request *r);
    enum step_result (*commit)(struct request *r);
    enum step_result (*answer)(struct request *r); /* NULL: the result, or the reply */
};

enum field_validation {
    VALIDATE_WARN,
    VALIDATE_IGNORE,
    VALIDATE_STRICT
};

enum patch_kind {
    PATCH_NONE,
    PATCH_JSON,
    PATCH_MERGE,
    PATCH_STRATEGIC,
    PATCH_APPLY
};

/* Query and body options of writes. */
struct write_options {
    bool dry_run;
    bool force;
    struct str manager; /* fieldManager, or made from the user agent */
    enum field_validation validation;
    enum patch_kind patch;
    uint64_t created_revision; /* resourceVersion of an object to be created, where there is none */
    /* Deletion. */
    struct str uid;              /* precondition; empty: none */
    struct str resource_version; /* precondition */
    bool has_grace;
    int64_t grace_s;
    struct str propagation;    /* "Background" ...; empty: default */
    bool orphan_given, orphan; /* deprecated orphanDependents */
    const struct node *body;   /* DeleteOptions tree or NULL */
};

struct request {
    struct api *api;
    struct arena *arena;       /* borrowed */
    struct http_request *http; /* NULL: from inside */
    struct status st;
    size_t step; /* of the pipeline */

    struct route route;
    const struct resource *resource;
    const struct subresource *subresource;
    const struct kind_ops *kind;
    const struct custom_version *custom; /* NULL for built-in kinds */
    const struct endpoint *endpoint;
    struct accept accept;
    const char *rewritten; /* not NULL: Content-Type of a raw reply */

    const struct user *user;
    const struct user *impersonator; /* who really asked; NULL when nobody is impersonated */
    struct auth_pending *auth;       /* while authenticate waits */
    struct str audit_id;
    uint64_t started_us;
    bool counted; /* in api->in_flight */
    bool mutating;

    struct write_options options;
    struct str *warnings; /* arena */
    size_t warning_count;

    const struct node *sent;     /* body of an inside call */
    struct node *object;         /* what is to be written */
    struct sealed *old;          /* ref: what was there; NULL on create */
    struct node *old_node;       /* arena */
    struct admission *admission; /* arena; while a write is under way */
    bool allocated;              /* kind->allocate ran: kind->undo when a later step refuses */
    bool deletes;                /* the commit removes the record */

    const char *plain_error;     /* not NULL: what a failure says instead of a Status */
    int code;                    /* of a good answer; 0: 200 */
    struct sealed *result;       /* ref */
    struct node *reply;          /* an answer that is no stored object; arena */
    schema_id reply_type;        /* of the reply */
    struct buf document;         /* owned: an encoded answer; when not empty it is sent */
    struct str raw;              /* a raw reply (text, documents); arena or static */
    struct http_header *headers; /* more headers of the answer; arena */
    size_t header_count;
    bool cache_control_set;

    uint64_t shown_revision; /* the answer waits until this is durable */
    struct store_waiter waiter;
    void (*when_durable)(struct request *r);
    bool waiting;             /* for authenticate, or for waiter */
    struct list waiting_link; /* api->waiting: until the deadline */

    void *stream;                           /* watch or proxy */
    void (*stream_gone)(struct request *r); /* the client ended it */
};

/* What one API server is. */
struct custom_set;
struct allocators;
struct documents;
struct meters;
struct watch_views;
struct parts_set;
struct api {
    struct api_config config;
    struct custom_set *customs;
    struct allocators *allocators;
    struct documents *documents; /* discovery and OpenAPI, made when asked for */
    struct meters *meters;
    struct watch_views *views;
    struct parts_set *parts;           /* large answers under way */
    const struct resource **resources; /* owned array: discovery order */
    size_t resource_count;
    uint64_t resources_generation; /* grows when resources come or go */
    size_t in_flight, in_flight_mutating;
    uint64_t audit_counter;
    uint64_t audit_seed[2];
    struct {
        void (*fn)(void *arg);
        void *arg;
    } listeners[8];
    size_t listener_count;
    struct list waiting;      /* requests that waited, oldest first */
    struct timer deadline;    /* of the oldest */
    struct timer token_timer; /* armed while list tokens are out: then history up to token_revision
                                 is forgotten */
    uint64_t token_revision;
    struct deferred services; /* keeps the APIServices of custom groups, after a change */
};

/* pipeline.c */
void request_continue(struct request *r); /* after STEP_WAIT */
void request_finish(struct request *r);   /* goes to the answer with what is there */
void request_fail(struct request *r);     /* answers r->st */
void request_release(struct request *r);
/* It waits for nobody but its client from here on: no request under way. */
void request_uncount(struct request *r);
/* Runs decode ... commit of an endpoint for a request from inside. 0 or -1 with r->st. */
int request_run_inside(struct request *r);

/* Helpers that many steps use. */
void request_warn(struct request *r, struct str text);
void request_header(struct request *r, const char *name, struct str value);
bool request_query(struct request *r, const char *name, struct str *ret);
bool request_query_flag(struct request *r, const char *name);
/* Of the resource that was asked for: what errors name. */
struct str request_group(const struct request *r);
/* Of the resource as it is kept: what validation and preconditions of deletion name. */
struct str request_kept_group(const struct request *r);
struct store_key request_key(const struct request *r, struct str ns, struct str name);
struct kind_ctx request_kind_ctx(const struct request *r);
bool request_is_sub(const struct request *r, const char *name);
int64_t request_now_us(const struct request *r);
struct str request_api_version(const struct request *r); /* "apps/v1" */

struct str resource_api_version(struct arena *a, const struct resource *r);
struct str group_version_text(struct arena *a, struct str group, struct str version);

/* api.c: after definitions came or went. */
void api_resources_changed(struct api *api);

#endif
