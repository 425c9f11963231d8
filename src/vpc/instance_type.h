/* Instance types: how many network interfaces an instance may have and how many addresses each of
 * them. */
#ifndef VPC_INSTANCE_TYPE_H
#define VPC_INSTANCE_TYPE_H

#include "base/str.h"

struct instance_type {
    const char *name;
    uint16_t interfaces;
    uint16_t addresses_per_interface; /* IPv4, the primary one included */
    uint16_t branch_interfaces;       /* for security groups of pods */
};

const struct instance_type *instance_type_find(struct str name); /* NULL: unknown; O(log n) */
/* interfaces x (addresses - 1) + 2: what EKS lets such a node run. */
static inline unsigned instance_type_pods_max(const struct instance_type *type)
{
    return (unsigned)type->interfaces * (type->addresses_per_interface - 1u) + 2;
}

#endif
