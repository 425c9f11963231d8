/* What controllers ask of objects: owners, conditions, pods and their templates. */
#ifndef CONTROL_OBJECT_H
#define CONTROL_OBJECT_H

#include "control/controller.h"

struct owner {
    struct str api_version, kind, name, uid; /* borrowed from the object */
};
/* The owner reference with controller: true. */
bool object_controller(const struct sealed *object, struct owner *ret);
bool object_controlled_by(const struct sealed *object, struct str uid);
/* apiVersion and kind; made in the arena. */
void object_type(struct arena *a, const struct sealed *object, struct str *ret_api_version,
                 struct str *ret_kind);
/* A controlling owner reference (blockOwnerDeletion too) to owner. */
struct node *owner_reference(struct arena *a, const struct sealed *owner);
/* Sets an annotation of a tree; text empty: takes it away. */
void node_annotate(struct arena *a, struct node *tree, const char *name, struct str text);
bool object_has_finalizer(const struct sealed *object, const char *finalizer);
int64_t object_created_us(const struct sealed *object);
int64_t object_generation(const struct sealed *object);
/* Oldest first, then by name. */
int object_compare_age(const struct sealed *x, const struct sealed *y);
void objects_sort(struct objects *list,
                  int (*compare)(const struct sealed *x, const struct sealed *y));
/* Short-lived texts of paths. */
static inline struct value object_at(const struct sealed *object, const char *path)
{
    return value_at(sealed_root(object), path);
}
static inline struct str object_str(const struct sealed *object, const char *path)
{
    return value_str(sealed_root(object), path);
}
static inline int64_t object_int(const struct sealed *object, const char *path, int64_t otherwise)
{
    return value_int(sealed_root(object), path, otherwise);
}
/* Whether a value differs between two states of an object; either may be NULL. */
bool object_differs(const struct sealed *now, const struct sealed *old, const char *path);

/* Conditions. */
struct value condition_of(const struct sealed *object, const char *type);
bool condition_is(const struct sealed *object, const char *type, const char *status);
/* Adds or changes a condition of a tree's list. lastTransitionTime moves only with the status;
 * with_update: lastUpdateTime too, whenever anything changes. True when anything changed. */
bool condition_put(struct arena *a, struct node *conditions, const char *type, const char *status,
                   const char *reason, struct str message, int64_t now_us, bool with_update);
bool condition_remove(struct node *conditions, const char *type);

/* Owned objects: those that owner controls and whose labels match; orphans that match are adopted,
 * owned ones that don't are released. finalizer: given to adopted ones and taken from released
 * ones; NULL: none. */
int run_claim(struct run *run, size_t watch_index, const struct sealed *owner,
              const struct selector *labels, const char *finalizer, struct objects *ret,
              struct status *st) must_use;
/* The same without finalizers, for those of the selected only that filter takes, too. */
typedef bool (*claim_filter)(void *arg, const struct sealed *object);
int run_claim_those(struct run *run, size_t watch_index, const struct sealed *owner,
                    const struct selector *labels, claim_filter filter, void *arg,
                    struct objects *ret, struct status *st) must_use;
/* For an object that nobody owns (not one being deleted): enqueues those of its namespace, among
 * the objects of the watch, whose spec.selector matches it, so that they adopt it. */
void control_enqueue_adopters(struct control *c, size_t watch_index, const struct sealed *orphan);

/* Pods. */
bool pod_finished(const struct sealed *pod); /* Succeeded or Failed */
static inline bool pod_active(const struct sealed *pod)
{
    return !pod_finished(pod) && !object_deleting(pod);
}
bool pod_ready(const struct sealed *pod);
int64_t pod_ready_since_us(const struct sealed *pod); /* 0: not ready */
/* Ready for min_ready_s. *wait_ms: how long until it will be, 0 when nothing is to be waited for;
 * may be NULL. */
bool pod_available(const struct sealed *pod, int64_t min_ready_s, int64_t now_us,
                   uint64_t *wait_ms);
/* Whether an init container of this name goes on beside the others. */
bool pod_sidecar(const struct sealed *pod, struct str container);
/* The most restarts of one container, or of one sidecar. */
int64_t pod_restarts(const struct sealed *pod, bool of_sidecars);
int pod_phase_order(const struct sealed *pod); /* Pending before Unknown before Running */
/* <0: x goes before y when there are too many: not assigned, not running, not ready, ready for a
 * shorter time, restarted more often, younger. */
int pod_compare_worth(const struct sealed *x, const struct sealed *y);
/* A strategic merge patch of a pod's status that sets a condition, which has seen the pod's present
 * generation. reason NULL, message empty: none. */
struct node *pod_condition_patch(struct arena *a, const struct sealed *pod, const char *type,
                                 const char *status, const char *reason, struct str message,
                                 int64_t since_us);
/* A pod of a template (labels, annotations, finalizers, spec), controlled by owner. Neither name
 * nor generateName is set. */
struct node *pod_from_template(struct arena *a, struct value template, const struct sealed *owner);
/* "NAME-", cut so that the server can add its five letters. */
struct str pod_name_prefix(struct arena *a, struct str owner_name);
/* Creates a pod for owner and says so in an event, or why not. */
int run_create_pod(struct run *run, const struct resource *pods, const struct sealed *owner,
                   const struct node *pod, struct status *st) must_use;
/* Deletes a pod of owner and says so in an event. */
int run_delete_pod(struct run *run, const struct resource *pods, const struct sealed *owner,
                   const struct sealed *pod, struct status *st) must_use;

/* Hash of a pod template as a label value: stable over restarts and versions. collisions: -1 when
 * none were met. */
struct str template_hash(struct arena *a, struct value template, int64_t collisions);
/* The same of any tree. */
struct str node_hash(struct arena *a, const struct node *tree, int64_t collisions);
/* Rounded share of a number or a percentage ("25%") of total. */
int64_t int_or_percent(struct value v, const char *path, int64_t total, bool round_up,
                       int64_t otherwise);

#endif
