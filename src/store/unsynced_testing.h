/* For tests of what is in files, not of what is on the disk: syncs, LMDB's too, cost nothing. */
#ifndef STORE_UNSYNCED_TESTING_H
#define STORE_UNSYNCED_TESTING_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd maybe_unused)
{
    return 0;
}

int fsync(int fd maybe_unused)
{
    return 0;
}

/* LMDB's meta page is written through a descriptor that syncs by itself. */
int unsynced_open(const char *path, int flags, mode_t mode) __asm__("open");
int unsynced_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags & ~O_DSYNC, mode);
}

int unsynced_open64(const char *path, int flags, mode_t mode) __asm__("open64");
int unsynced_open64(const char *path, int flags, mode_t mode)
{
    return unsynced_open(path, flags | O_LARGEFILE, mode);
}

#endif
