/* Memory: how much this process has allocated of what it may, so that it can refuse work before
 * allocations fail: those end it. */
#ifndef CLUSTER_MEMORY_H
#define CLUSTER_MEMORY_H

#include "sys/loop.h"

struct memory {
    struct loop *loop;  /* borrowed */
    uint64_t bytes_max; /* 0: no bound */
    uint64_t next_us;   /* when it is looked at again: looking takes time in a large heap */
    bool pressed;
};

/* Beyond LIMIT_CLUSTER_MEMORY_PRESSED percent of the bound. Cheap: what was true a moment ago. */
bool memory_pressed(struct memory *m);

#endif
