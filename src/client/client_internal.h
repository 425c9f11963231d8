/* What the two implementations of a client share with client.c. */
#ifndef CLIENT_CLIENT_INTERNAL_H
#define CLIENT_CLIENT_INTERNAL_H

#include "base/map.h"
#include "client/client.h"

enum client_verb {
    CLIENT_GET,
    CLIENT_CREATE,
    CLIENT_UPDATE,
    CLIENT_PATCH,
    CLIENT_DELETE
};

/* One write (or exact read), whatever way it takes. All members are borrowed for the call. */
struct client_request {
    enum client_verb verb;
    const struct resource *resource;
    const char *subresource; /* NULL: the object itself */
    struct str ns, name;     /* name is empty for a create without subresource */
    const struct node *body; /* object, patch or DeleteOptions; may be NULL */
    const char *patch_type;
};

struct client_ops {
    void (*free)(struct client *c);
    const struct resource *(*resource)(struct client *c, struct str group, struct str version,
                                       struct str plural);
    const struct resource *(*resource_for_kind)(struct client *c, struct str group,
                                                struct str version, struct str kind);
    const struct resource *(*resource_at)(struct client *c, size_t index);
    void (*on_resources_changed)(struct client *c, void (*fn)(void *arg), void *arg);
    struct view *(*view_open)(struct client *c, const struct view_options *options);
    void (*each_owned)(struct client *c, struct str owner_uid, client_visit fn, void *arg);
    void (*send)(struct client *c, const struct client_request *request, client_done done,
                 void *user);
};

struct client {
    const struct client_ops *ops;
    struct loop *loop;
    const char *identity;          /* owned */
    const char *component;         /* owned; source of events */
    struct event_recorder *events; /* owned; made at the first event */
};

struct view_ops {
    void (*close)(struct view *v);
    bool (*synced)(const struct view *v);
    const struct sealed *(*get)(struct view *v, struct str ns, struct str name);
    /* labels may be NULL: every object. */
    void (*each)(struct view *v, struct str ns, const struct selector *labels, view_visit fn,
                 void *arg);
    void (*each_owned)(struct view *v, struct str owner_uid, view_visit fn, void *arg);
    void (*each_on_node)(struct view *v, struct str node, view_visit fn, void *arg);
    size_t (*count)(struct view *v, struct str ns);
};

struct view {
    const struct view_ops *ops;
};

/* Options of a view, kept beyond the call, with its selectors compiled. */
struct view_filter {
    struct arena arena; /* owns the texts below */
    const struct resource *resource;
    struct str ns;
    struct selector fields, labels;
    const char *field_text, *label_text; /* arena; NULL: none */
    bool metadata_only;
    void (*on_change)(void *user, const struct sealed *now, const struct sealed *old);
    void (*on_synced)(void *user);
    void *user;
};
void view_filter_init(struct view_filter *f, const struct view_options *options);
void view_filter_release(struct view_filter *f);
/* Whether an object carries uid among its owners. */
bool object_owned_by(const struct sealed *object, struct str uid);

struct event_recorder;
void event_recorder_free(struct event_recorder *r);

#endif
