/* What the runtime has and the agent doesn't know: at the start, and what events missed. */
#ifndef NODE_ADOPT_H
#define NODE_ADOPT_H

#include "node/agent_internal.h"

/* Reads all sandboxes and containers, gives each pod its own, and then lets pods begin
 * (runtime_listed). Once; needs the pods' view and the runtime; harmless when called too early or
 * again. Pods that only the runtime knows are stopped and removed. */
void adopt_start(struct agent *a);
/* Compares the books with the runtime's list: containers and sandboxes that ended unseen. */
void adopt_relist(struct agent *a);

#endif
