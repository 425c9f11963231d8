/* The remote client's own parts: remote.c (connection and writes), remote_view.c (list and watch),
 * remote_read.c (answers to blocks), remote_discovery.c.
 *
 * Kinds of the schema are asked for and read in protobuf, which becomes blocks without a tree
 * (seal_proto); custom resources, and whatever a server answers in JSON although it was asked for
 * protobuf, go by a tree. Bodies of writes are JSON. */
#ifndef CLIENT_REMOTE_H
#define CLIENT_REMOTE_H

#include "base/vec.h"
#include "client/client_internal.h"
#include "client/credentials.h"
#include "net/http_client.h"
#include "object/seal.h"

enum {
    REMOTE_TIMEOUT_MS = 60000,     /* a request that is no watch */
    REMOTE_TOKEN_AGE_MS = 60000,   /* after which a token file is read again; upstream 1 min */
    REMOTE_BACKOFF_MS = 200,       /* before a failed watch is tried again, doubled each time */
    REMOTE_BACKOFF_MAX_MS = 30000, /* upstream 30 s */
    REMOTE_WATCH_S =
        300, /* a watch is asked to last this long, up to twice; upstream 5 to 10 min */
};

struct remote_client {
    struct client base;
    struct arena memory; /* owns credentials */
    struct credentials where;
    struct http_target *target; /* owned */
    const char *user_agent;     /* memory */
    struct buf token;           /* as read last from the file */
    uint64_t token_read_ms;
    struct list views;                   /* struct remote_view.link */
    struct deferred later;               /* discovery */
    struct arena resource_memory;        /* owns what custom points to */
    VEC(const struct resource *) custom; /* found by discovery */
    bool discovered, discovering;
    VEC(struct remote_listener) listeners;
};

struct remote_listener {
    void (*fn)(void *arg);
    void *arg;
};

/* "/api/v1/namespaces/NS/pods/NAME/status", percent-encoded; ns and name may be empty. */
struct str remote_path(struct remote_client *c, struct arena *a, const struct resource *r,
                       struct str ns, struct str name, const char *subresource);
/* Headers of every request, with the token made in the arena. content_type may be NULL. */
enum {
    REMOTE_HEADERS_MAX = 4
};
size_t remote_headers(struct remote_client *c, struct arena *a, struct http_header *headers,
                      const char *content_type, const char *accept);

/* What to accept for answers about a resource. */
const char *remote_accept(const struct resource *r, bool watch);
/* What an answer is in, by its Content-Type: MEDIA_PROTOBUF or MEDIA_JSON. */
enum media remote_media(const struct http_header *headers, size_t count);
/* What an answer that is not a success says. */
void remote_status(struct status *st, enum media media, int code, struct str body);
/* The object in a good answer, sealed with its revision. NULL when the answer only says "done", or
 * with st when it can't be read. */
struct sealed *remote_read_object(enum media media, schema_id type, struct str body,
                                  struct status *st);

enum remote_event_kind {
    REMOTE_PUT,      /* made, or changed */
    REMOTE_DELETED,  /* object: its last state */
    REMOTE_BOOKMARK, /* object: nothing but revision and annotations */
    REMOTE_ERROR,
};
struct remote_event {
    enum remote_event_kind kind;
    int code;              /* of a REMOTE_ERROR */
    struct sealed *object; /* owned by who took the event; NULL for a REMOTE_ERROR */
};
/* Takes the next event of a watch off *bytes. 1; 0: its end hasn't come yet; -1 with st: what comes
 * is of no use. */
int remote_next_event(enum media media, schema_id type, struct str *bytes, struct remote_event *ret,
                      struct status *st) must_use;
/* Calls fn with every object of a list; it borrows them. 0, or -1 with st, then fn may have been
 * called for some. */
int remote_read_list(enum media media, const struct resource *r, struct str body,
                     void (*fn)(void *arg, struct sealed *object), void *arg,
                     uint64_t *ret_revision, struct status *st) must_use;

struct view *remote_view_open(struct client *base, const struct view_options *options);
/* A write was answered with this state: views show it without waiting for their watch. */
void remote_views_learn(struct remote_client *c, const struct resource *r,
                        const struct sealed *object);
void remote_each_owned(struct client *base, struct str uid, client_visit fn, void *arg);

/* Asks what else than the built-in resources is served; calls the listeners when it differs from
 * before. */
void remote_discover(struct remote_client *c);
const struct resource *remote_find_custom(struct remote_client *c, struct str group,
                                          struct str version, struct str plural, struct str kind);

#endif
