/* Pod updates: what may change after creation, on the main resource and on its subresources. */
#ifndef API_KINDS_POD_UPDATE_H
#define API_KINDS_POD_UPDATE_H

#include "api/kinds/check.h"

void check_pod_update(struct check *c, const struct node *pod, const struct node *old);
void check_pod_status_update(struct check *c, const struct node *pod, const struct node *old);
void check_pod_resize(struct check *c, const struct node *pod, const struct node *old);
void check_ephemeral_update(struct check *c, const struct node *pod, const struct node *old);
/* Leaves of a resize only resources and resize policies, of ephemeralcontainers only those. */
void prepare_pod_resize(struct arena *a, struct node *pod, const struct node *old);
void prepare_ephemeral(struct arena *a, struct node *pod, const struct node *old);

/* "Guaranteed", "Burstable", "BestEffort". */
const char *pod_qos_class(const struct node *pod);

#endif
