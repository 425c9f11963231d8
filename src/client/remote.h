/* The remote client's own parts: remote.c (connection and writes), remote_view.c (list and watch),
 * remote_discovery.c. */
#ifndef CLIENT_REMOTE_H
#define CLIENT_REMOTE_H

#include "base/vec.h"
#include "client/client_internal.h"
#include "client/credentials.h"
#include "net/http_client.h"

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
/* What an answer that is not a success says. */
void remote_status(struct status *st, int code, struct str body);
/* An answer's or event's object, sealed with its revision. NULL with st when it can't be. */
struct sealed *remote_seal(schema_id type, struct node *object, struct status *st);

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
