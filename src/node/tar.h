/* Tar: archives written in memory, and the list of what an archive file holds.
 *
 * Written are POSIX ustar archives; equal members give equal bytes. Read is what docker, podman,
 * containerd, skopeo and tar(1) write: ustar, GNU long names and large sizes, pax headers. */
#ifndef NODE_TAR_H
#define NODE_TAR_H

#include "base/arena.h"

enum {
    TAR_BLOCK_BYTES = 512,
    TAR_PATH_BYTES_MAX = 100 /* of a member that is written, its NUL included */
};

struct tar_member {
    const char *path; /* without a leading "/"; a directory ends with "/" */
    mode_t mode;
    struct str data;  /* of a regular file */
    const char *link; /* a symbolic link's target; NULL: none */
    int64_t time_s;
};
void tar_add(struct buf *tar, const struct tar_member *member);
/* A regular file's header alone: size bytes from elsewhere follow, then tar_padding. */
void tar_head(struct buf *tar, const char *path, mode_t mode, uint64_t size);
void tar_padding(struct buf *tar, uint64_t size);
void tar_end(struct buf *tar);

/* What an archive holds: regular files ('0') and symbolic or hard links ('2', '1'). */
struct tar_item {
    struct str path; /* without leading "./" */
    struct str link;
    char type;
    uint64_t offset, size; /* of the data in the file */
};
/* Calls fn for each; -errno of it ends the walk and is returned. 0; -EBADMSG: no tar archive, or
 * one that was cut off; -E2BIG: too many members; -errno of reading. The paths live in the arena.
 */
int tar_each(struct arena *a, int fd, int (*fn)(void *arg, const struct tar_item *item),
             void *arg) must_use;

#endif
