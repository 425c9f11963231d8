/* State: the region's objects, in a control plane of its own (a store with the API machinery, no
 * listener).
 *
 * The resources are const tables here, not definitions in the store: they are part of the program.
 * An object's spec holds what was asked for in the shape of the AWS API (members as in DescribeX),
 * status what the reconcilers found. Names: clusters by name; what belongs to a cluster as
 * CLUSTER:NAME; access entries as CLUSTER:hash of the ARN. */
#ifndef REGION_STATE_H
#define REGION_STATE_H

#include "base/status.h"
#include "object/tree.h"
#include "object/value.h"
#include "store/store.h"

enum state_kind {
    STATE_ACCOUNT,
    STATE_CLUSTER,
    STATE_NODEGROUP,
    STATE_ACCESS_ENTRY,
    STATE_PRINCIPAL,
    STATE_ACCESS_KEY,
    STATE_VPC,
    STATE_SUBNET,
    STATE_INSTANCE,
    STATE_KIND_COUNT
};

struct state;
struct loop;

/* NULL with a text for people. */
struct state *state_open(struct loop *loop, const char *directory, const char **ret_error);
void state_close(struct state *s);
struct store *state_store(struct state *s);

/* Newest object or NULL; valid until control returns to the loop or the next write. */
const struct sealed *state_get(struct state *s, enum state_kind kind, struct str name);
/* Its tree, in the arena; NULL when there is none. */
struct node *state_tree(struct state *s, struct arena *a, enum state_kind kind, struct str name);
/* fn returns false to stop. prefix: only names that begin with it. */
void state_each(struct state *s, enum state_kind kind, struct str prefix,
                bool (*fn)(void *arg, const struct sealed *object), void *arg);
/* Their names, in the arena: for those who write while they walk. */
struct node *state_names(struct state *s, struct arena *a, enum state_kind kind, struct str prefix);
size_t state_count(struct state *s, enum state_kind kind, struct str prefix);

/* A tree to fill: {apiVersion, kind, metadata: {name}, spec: {}, status: {}}. */
struct node *state_object(struct arena *a, enum state_kind kind, struct str name);
/* Writes take effect at once; 0, or -1 with st. update: metadata.resourceVersion of the tree must
 * be the newest. */
int state_create(struct state *s, struct arena *a, enum state_kind kind, const struct node *object,
                 struct status *st) must_use;
int state_update(struct state *s, struct arena *a, enum state_kind kind, const struct node *object,
                 struct status *st) must_use;
int state_delete(struct state *s, struct arena *a, enum state_kind kind, struct str name,
                 struct status *st) must_use;

/* Calls fn soon after any change of this kind, and once soon after this call. */
void state_on_change(struct state *s, enum state_kind kind, void (*fn)(void *arg), void *arg);

#endif
