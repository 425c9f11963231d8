/* Files that belong to somebody else than who writes them: a user's settings, changed under sudo.
 */
#ifndef SYS_FILE_OWNER_H
#define SYS_FILE_OWNER_H

#include "base/arena.h"

struct file_about {
    uid_t user;
    gid_t group;
    mode_t mode; /* permission bits */
    uint64_t inode, size_bytes;
    int64_t changed_us; /* last change of content or owner, since 1970 */
    int64_t modified_us;
};
/* 0 or -errno; follows links. */
int file_about(const char *path, struct file_about *ret) must_use;
/* As file_write_whole, and the file never belongs to anybody else. */
int file_write_owned(const char *path, struct str data, mode_t mode, uid_t user,
                     gid_t group) must_use;
/* Where a path leads when all links are followed, in the arena; the path itself when it is not
 * there. */
struct str file_resolve(struct arena *a, const char *path);

#endif
