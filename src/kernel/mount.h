/* Mounts of the calling process's mount namespace. All answer 0 or -errno. */
#ifndef KERNEL_MOUNT_H
#define KERNEL_MOUNT_H

#include "base/str.h"

int mount_tmpfs(const char *target, const char *options) must_use; /* "mode=0777,size=65536" */
int mount_bind(const char *source,
               const char *target) must_use; /* with the mounts beneath source */
/* Binds an open file or directory (O_PATH), so that nobody can exchange it on the way. */
int mount_bind_fd(int source_fd, const char *target) must_use;
int mount_read_only(const char *target) must_use; /* makes a bind mount read-only */
int mount_detach(
    const char *target) must_use; /* the last mounted on target; -EINVAL when it is none */
bool mount_is(const char *target);
/* Unmounts everything at or beneath a path, deepest first. */
int mount_detach_tree(const char *path) must_use;

#endif
