/* Images into the nodes of this machine, from a file. */
#ifndef REGION_IMAGES_H
#define REGION_IMAGES_H

#include "base/arena.h"

/* Imports a tar (an OCI layout, or what `docker save` writes) into the containerd of every running
 * host of a data directory. *ret_count: hosts that have it now. 0, or -errno with the importer's
 * words in ret_output. Blocks. */
int images_import(struct arena *a, const char *directory, struct str tar, unsigned *ret_count,
                  struct buf *ret_output) must_use;
/* What each host has: the runtime's own list is appended to ret_output. */
int images_list(struct arena *a, const char *directory, struct buf *ret_output) must_use;

#endif
