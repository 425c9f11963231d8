/* Tar archives in memory (POSIX ustar): written, never read. */
#ifndef CLI_TAR_H
#define CLI_TAR_H

#include "base/arena.h"

/* A regular file; path is up to 99 bytes. */
void tar_put(struct buf *tar, const char *path, struct str data, int64_t time_s);
void tar_finish(struct buf *tar);
/* A folder with all regular files in it, paths from there. 0, -EFBIG when it has more than
 * bytes_max, or -errno. */
int tar_put_folder(struct arena *a, struct buf *tar, const char *folder, size_t bytes_max) must_use;

#endif
