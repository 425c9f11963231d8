/* What is written about a host, so that the next process of the region, and `down`, find it again:
 * host.json in its directory. */
#ifndef REGION_HOST_RECORD_H
#define REGION_HOST_RECORD_H

#include "base/arena.h"
#include "node/host.h"

/* filled: it has its network and images. 0 or -errno. */
int host_record_write(const char *directory, const struct node_host *host, bool filled) must_use;
/* 0 when the file is there and sound; the process may be gone. */
int host_record_read(struct arena *a, const char *directory, struct node_host *ret,
                     bool *ret_filled) must_use;
/* "/kaname-TAG": what holds the control groups of a data directory's hosts. Two data directories
 * never meet. */
struct str host_record_group(struct arena *a, const char *directory);

#endif
