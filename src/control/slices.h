/* EndpointSlices of one owner: brought to hold given endpoints with as few writes as possible.
 * Endpoints stay in the slice where they are; free room is filled before slices are made. Shared by
 * the endpointslice and mirroring controllers. Source: k8s.io/endpointslice. */
#ifndef CONTROL_SLICES_H
#define CONTROL_SLICES_H

#include "control/object.h"

/* Endpoints that can share slices: same ports, same kind of address. */
struct slice_group {
    const char *address_type; /* "IPv4", "IPv6", "FQDN" */
    const struct node *ports; /* list; arena */
    struct node **endpoints;  /* arena */
    size_t count, cap;
    uint8_t *placed; /* slices.c's own */
};

struct slice_groups {
    struct slice_group *items; /* arena */
    size_t count, cap;
};
void slices_add(struct arena *a, struct slice_groups *groups, const char *address_type,
                const struct node *ports, struct node *endpoint);

/* Labels of slices: who looks after them, and for which Service. */
#define SLICE_MANAGER "endpointslice.kubernetes.io/managed-by"
#define SLICE_SERVICE "kubernetes.io/service-name"

/* Those that a controller looks after for the Service of the run's key. */
struct objects slices_managed_by(struct run *run, size_t slices_watch, const char *manager);

/* When what a slice tells of began to change. */
#define TRIGGER_TIME "endpoints.kubernetes.io/last-change-trigger-time"

struct slice_plan {
    size_t slices_watch; /* index of the view of endpointslices */
    const struct sealed *owner;
    const struct node *labels;      /* all that a slice carries */
    const struct node *annotations; /* likewise; NULL: none */
    const struct str *trigger; /* TRIGGER_TIME of slices that are written; NULL: is left alone */
    struct objects existing;
    size_t endpoints_max; /* a slice */
    const char
        *placeholder_type; /* kept as an empty slice when there are no endpoints; NULL: none kept */
};
int slices_put(struct run *run, const struct slice_plan *plan, struct slice_groups *groups,
               struct status *st) must_use;

/* "IPv4" or "IPv6"; NULL: no address. */
const char *address_type_of(struct str address);

#endif
