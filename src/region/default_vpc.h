/* The default VPC of a region, as AWS accounts have one: 172.31.0.0/16 with a subnet in each of two
 * zones. */
#ifndef REGION_DEFAULT_VPC_H
#define REGION_DEFAULT_VPC_H

#include "region/region_internal.h"

#define DEFAULT_VPC_CIDR "172.31.0.0/16"

/* Makes its objects at the first start; idempotent. */
int default_vpc_bootstrap(struct region *r, struct status *st) must_use;
/* Id of the VPC, in the arena; empty when it was deleted. */
struct str default_vpc_id(struct region *r, struct arena *a);

#endif
