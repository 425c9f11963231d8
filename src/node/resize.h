/* What a pod's containers may use, as it changes: in-place resize, and whether a pod fits at all.
 *
 * Three states of each container's resources: what the spec wants, what the node has allocated
 * (kept in the pod's status, so that another agent goes on with it), and what the running
 * container was given. A wish that fits becomes the allocation; an allocation is then brought to
 * the container, by the runtime or by a restart as its resizePolicy says. */
#ifndef NODE_RESIZE_H
#define NODE_RESIZE_H

#include "node/agent_internal.h"

void resources_set(struct resources *r, const struct node *value);
void resources_release(struct resources *r);

/* At the pod's start: allocations as its status tells them, else as its spec wants them. */
void resize_begin(struct pod *p);
/* Whether others must leave room for it: it was admitted, is still in the API, and neither failed
 * nor have all its containers ended. The scheduler counts so too. */
bool pod_takes_room(const struct pod *p);
/* Whether the node has room for it: of each resource that it asks for; else one is named with
 * amounts. */
struct shortage {
    struct str resource; /* "cpu", "hugepages-2Mi", ...; borrowed from the pod */
    int64_t requested, used, capacity;
};
bool resize_fits(const struct pod *p, bool wanted, struct shortage *ret);
/* Looks at what is wanted and does what is missing. */
void resize_look(struct pod *p);
/* The container was made with its allocation. */
void resize_applied(struct container *c);
/* Other pods' wishes may fit now. */
void resize_retry(struct agent *a);
void resize_conditions(struct arena *a, const struct pod *p,
                       void (*put)(struct arena *a, struct node *list, const struct pod *p,
                                   const char *type, bool status, const char *reason,
                                   const char *message),
                       struct node *list);
/* The patch has to take away those that are over: strategic merge keeps what it doesn't name. */
void resize_forget_conditions(struct arena *a, struct pod *p, struct node *status);

#endif
