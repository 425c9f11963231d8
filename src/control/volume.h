/* Persistent volumes and claims: what the binder, the provisioner, the protections and the
 * scheduler ask of them. */
#ifndef CONTROL_VOLUME_H
#define CONTROL_VOLUME_H

#include "control/object.h"
#include "object/scalar.h"

#define ANNOTATION_BIND_COMPLETED  "pv.kubernetes.io/bind-completed"
#define ANNOTATION_BOUND_BY        "pv.kubernetes.io/bound-by-controller"
#define ANNOTATION_PROVISIONED_BY  "pv.kubernetes.io/provisioned-by"
#define ANNOTATION_SELECTED_NODE   "volume.kubernetes.io/selected-node"
#define ANNOTATION_PROVISIONER     "volume.kubernetes.io/storage-provisioner"
#define ANNOTATION_PROVISIONER_OLD "volume.beta.kubernetes.io/storage-provisioner"
#define LOCAL_PROVISIONER          "kaname.dev/local"

/* Class of a volume or claim: the old annotation goes before the field. */
struct str volume_class(const struct sealed *volume_or_claim);
/* Whether the volume is bound, or meant to be bound, to this very claim. */
bool volume_claimed_by(const struct sealed *volume, const struct sealed *claim);
/* Size, access modes, mode, class and labels fit. */
bool volume_fits(struct arena *a, const struct sealed *volume, const struct sealed *claim);
/* The claim waits for a pod's node: its class says WaitForFirstConsumer (class may be NULL) and no
 * node was chosen yet. */
bool claim_waits(const struct sealed *claim, const struct sealed *class);
struct quantity claim_request(struct arena *a, const struct sealed *claim);
struct quantity volume_capacity(struct arena *a, const struct sealed *volume);

#endif
