/* Kind: what data can't express about one built-in kind. One file per kind (or small family) in
 * api/kinds/, registered by itself; a kind without a file is served by the schema alone.
 *
 * Hooks get trees that were decoded, defaulted and converted. They never do I/O except by reading
 * the store. Any may be NULL. */
#ifndef API_KIND_H
#define API_KIND_H

#include "auth/user.h"
#include "base/registry.h"
#include "base/status.h"
#include "object/schema.h"
#include "object/tree.h"
#include "object/value.h"
#include "store/store.h"

struct kind_ctx {
    struct arena *arena;
    struct store *store;
    const struct resource *resource;
    struct str subresource; /* empty, "status", "resize", "ephemeralcontainers", "approval" ... */
    const struct user *user;
    int64_t now_us;
    bool dry_run;
    void *allocators; /* of the API server: service addresses and ports (api/allocate.h) */
};

enum kind_flags {
    KIND_STATUS_SPLIT = 1 << 0, /* has a status subresource: writes of one side keep the other */
    KIND_GENERATION = 1 << 1,   /* generation grows when spec changes */
    KIND_CREATE_ON_UPDATE = 1 << 2,   /* PUT of a missing object creates it */
    KIND_CONDITIONAL_UPDATE = 1 << 3, /* PUT needs a resourceVersion */
    KIND_GRACEFUL = 1 << 4,           /* deletion takes a grace period (pods) */
    KIND_RETURNS_DELETED = 1 << 5,    /* DELETE answers the object, not a Status */
    KIND_ORPHANS_BY_DEFAULT = 1 << 6, /* (replication controllers of old; none today) */
    KIND_RELAXED = 1 << 7,            /* answered before the sync: leases, events */
    KIND_TTL = 1 << 8,                /* events expire */
    KIND_STATUS_ON_CREATE =
        1 << 9, /* a status sent on create is kept (nodes register with theirs) */
    KIND_NEVER_COLLECTED = 1 << 10, /* no garbage collection: deletion ignores what it is told of
                                       dependents (events) */
    KIND_GENERATION_BY_LABELS = 1 << 11,      /* generation grows with labels, too */
    KIND_GENERATION_BY_ANNOTATIONS = 1 << 12, /* ... with annotations, too */
};

struct kind_ops {
    const char *group, *plural;
    unsigned flags;
    /* NULL: DNS-1123 subdomain. Returns NULL or the original's message; prefix: a generateName is
     * checked. */
    const char *(*name_rule)(struct str name);
    /* Strategy: called with the object as the user sent it, before admission. Drops what the
     * endpoint ignores (status on the main resource), fills what the server owns. old is NULL on
     * create. */
    void (*prepare)(const struct kind_ctx *ctx, struct node *object, const struct node *old);
    /* After admission: takes addresses, ports ...; may refuse. undo gives them back when a later
     * step refuses. */
    int (*allocate)(const struct kind_ctx *ctx, struct node *object, const struct node *old,
                    struct status *st);
    void (*undo)(const struct kind_ctx *ctx, struct node *object, const struct node *old);
    /* After the object is gone from the store. */
    void (*released)(const struct kind_ctx *ctx, const struct sealed *object);
    /* Adds causes to st for every fault (field_invalid ...), with the original's paths and texts.
     * old is NULL on create. Metadata is validated elsewhere. */
    void (*validate)(const struct kind_ctx *ctx, const struct node *object, const struct node *old,
                     struct status *st);
    /* Warnings for the client (deprecated fields ...), appended by warn. */
    void (*warnings)(const struct kind_ctx *ctx, const struct node *object, const struct node *old,
                     void (*warn)(void *arg, struct str text), void *arg);
    /* Field selectors beside metadata.name and metadata.namespace, ended by NULL; values are read
     * by path, or by field. */
    const char *const *field_labels;
    bool (*field)(struct arena *a, const struct sealed *object, struct str label, struct str *ret);
    /* Grace period of a deletion in seconds (KIND_GRACEFUL); options is a DeleteOptions tree or
     * NULL. */
    int64_t (*grace_seconds)(const struct kind_ctx *ctx, const struct node *object,
                             const struct node *options);
    /* Scale subresource: where replicas and the selector stand. NULL paths: no scale. */
    const char *scale_spec_path, *scale_status_path, *scale_selector_path;
    /* Paths that the main resource and /status reset: nobody owns them through it, and what /status
     * resets of metadata stays as it was ("metadata": all that clients write there). Ended by NULL;
     * NULL: status, and spec. */
    const char *const *reset_paths, *const *status_reset_paths;
    /* What conversion makes of an object that came in, before anybody is told to own its fields. */
    void (*decoded)(const struct kind_ctx *ctx, struct node *object);
    /* What is said of every answer about this version; NULL: nothing. */
    const char *deprecation;
};
REGISTRY_DECLARE(kind, struct kind_ops);

/* Hooks of a resource; a zeroed static one for kinds without a file. */
const struct kind_ops *kind_of(const struct resource *r);

#endif
