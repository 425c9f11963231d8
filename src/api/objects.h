/* Objects: reading records and turning them into what a client asked for. Internal to api/. */
#ifndef API_OBJECTS_H
#define API_OBJECTS_H

#include "api/request.h"
#include "object/selector.h"

/* How objects of one resource are shown: version, media type, table or partial metadata. */
struct rendering {
    const struct resource *resource;
    const struct custom_version *custom;
    struct accept accept;
    int64_t now_us; /* ages in tables are as of then */
    enum include {
        INCLUDE_METADATA,
        INCLUDE_NONE,
        INCLUDE_OBJECT
    } include; /* of tables */
};

struct rendering rendering_of(struct request *r);

/* A block as a tree of the rendering's version (converted where the record has another). */
struct node *object_tree(struct arena *a, const struct rendering *v, const struct sealed *s);

/* One object as a document. */
int render_object(struct arena *a, const struct rendering *v, const struct sealed *s,
                  struct buf *out, struct status *st) must_use;
/* A tree of a known type as a document (Status, Scale, reviews). */
int render_tree(struct arena *a, const struct accept *accept, schema_id type, const struct node *n,
                struct buf *out, struct status *st) must_use;

/* A list under construction. */
struct list_writer {
    struct arena *arena;
    const struct rendering *view;
    struct buf items; /* owned: encoded items */
    size_t count;
    struct node *list; /* YAML: the whole list as a tree */
};
void list_begin(struct list_writer *w, struct arena *a, const struct rendering *v);
int list_add(struct list_writer *w, const struct sealed *s, struct status *st) must_use;
/* Writes the whole document into out and releases the writer. remaining < 0: not said. */
int list_end(struct list_writer *w, uint64_t revision, struct str continue_token, int64_t remaining,
             struct buf *out, struct status *st) must_use;
void list_abandon(struct list_writer *w);
/* The pieces of a JSON or protobuf list that is written in parts: head, items, foot. One arena may
 * be emptied between the items. */
bool list_has_parts(const struct rendering *v);
int list_head(struct list_writer *w, uint64_t revision, struct str continue_token,
              int64_t remaining, size_t items_bytes, struct buf *out, struct status *st) must_use;
int list_item(struct arena *a, const struct rendering *v, const struct sealed *s, bool first,
              struct buf *out, struct status *st) must_use;
/* How many bytes list_item writes of a protobuf list, mostly without writing them. */
int list_proto_item_size(struct arena *a, const struct rendering *v, const struct sealed *s,
                         size_t *ret, struct status *st) must_use;
struct str list_foot(const struct rendering *v);

/* One watch event as a frame. type: "ADDED" ... */
int render_event(struct arena *a, const struct rendering *v, const char *type,
                 const struct sealed *s, bool first, struct buf *out, struct status *st) must_use;
int render_bookmark(struct arena *a, const struct rendering *v, uint64_t revision, bool initial_end,
                    bool first, struct buf *out, struct status *st) must_use;
int render_error_event(struct arena *a, const struct rendering *v, const struct status *why,
                       struct buf *out, struct status *st) must_use;

/* Selection by labels and fields. */
struct selection {
    struct selector labels, fields;
    bool has_labels, has_fields;
    const struct kind_ops *kind;
    const struct resource *resource;
    const struct custom_version *custom;
};
int selection_parse(struct request *r, struct selection *ret) must_use;
bool selection_matches(const struct selection *s, const struct sealed *object);

/* A status as a tree. */
struct node *status_tree(struct arena *a, const struct status *st);

/* Between the versions of one record: core and events.k8s.io events, autoscaling v1 and v2. NULL
 * when there is no way. */
struct node *convert_tree(struct arena *a, struct node *n, schema_id from, schema_id to);

#endif
