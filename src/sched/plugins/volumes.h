/* The claims of a pod, as the plugins about volumes need them. */
#ifndef SCHED_PLUGINS_VOLUMES_H
#define SCHED_PLUGINS_VOLUMES_H

#include "sched/framework.h"

/* Name of the claim that a pod's volume uses; made in the arena for generic ephemeral volumes;
 * empty: none. */
struct str volume_claim_name(struct arena *a, struct str pod_name, struct value volume,
                             bool *ret_ephemeral);
/* The volume that a claim is bound to; NULL: not bound, or gone. */
const struct sealed *claim_volume(struct scheduler *s, const struct sealed *claim);

#endif
