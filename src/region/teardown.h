/* Teardown: what `down` ends when the region's process is gone, from the files in the data
 * directory alone. */
#ifndef REGION_TEARDOWN_H
#define REGION_TEARDOWN_H

#include "object/tree.h"

/* Ends every host of this data directory and removes their networks, and clusters whose region was
 * killed: no process, namespace, mount or control group stays. The number of hosts goes to
 * *ret_count. 0 or -errno. */
int teardown_hosts(struct arena *a, const char *directory, unsigned *ret_count) must_use;
/* Names of the clusters that have a folder there. */
struct node *teardown_clusters(struct arena *a, const char *directory);
/* Names of the instances that have one. */
struct node *teardown_instances(struct arena *a, const char *directory);

#endif
