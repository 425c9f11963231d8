/* Supervisor: a process for every cluster that shall be there, and none for others.
 *
 * Level-triggered: supervisor_reconcile compares the cluster objects with the processes and starts,
 * ends or buries what differs. A cluster's listening sockets belong to the supervisor, so a restart
 * loses no connection that waits. A process that dies is started again at once, later after growing
 * delays. Processes outlive a region that is killed; the next one finds them by what they were
 * started with, and starts anew those that would be started otherwise now. */
#ifndef REGION_SUPERVISOR_H
#define REGION_SUPERVISOR_H

#include "region/region_internal.h"

struct supervisor *supervisor_new(struct region *r);
/* Where the region's spawner is found: "DIRECTORY/spawner.sock". */
struct str supervisor_spawner_path(struct arena *a, const char *directory);
/* Ends the processes; the clusters stay. */
void supervisor_free(struct supervisor *s);

#endif
