/* Images into the nodes of this machine, from files: each node is sent what it lacks. */
#ifndef REGION_IMAGES_H
#define REGION_IMAGES_H

#include "node/image_archive.h"

/* What one node was sent. */
struct image_receipt {
    struct str node;
    uint64_t bytes; /* of the blobs that it lacked, or of all when it couldn't do with these */
    unsigned blobs;
    bool changed; /* a blob, or a name, is new there */
};
/* Imports an archive into the containerd of every running host of a data directory. Receipts and
 * texts are in the arena. 0, or -errno with the importer's words in ret_output. Blocks. */
int images_load(struct arena *a, const char *directory, const struct image_archive *archive,
                struct image_receipt **ret_receipts, size_t *ret_count,
                struct buf *ret_output) must_use;
/* What each host has: the runtime's own list is appended to ret_output. */
int images_list(struct arena *a, const char *directory, struct buf *ret_output) must_use;

#endif
