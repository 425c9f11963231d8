/* Paths: small whole-file work, trees of directories, and work beneath a directory that somebody
 * else may have filled.
 *
 * Two families. Plain functions take paths of our own. The beneath_ functions take a directory
 * descriptor and a relative path and never leave that directory, whatever links it holds (openat2
 * RESOLVE_BENEATH): for everything that a pod can write to. All answer 0 or -errno. */
#ifndef KERNEL_PATH_H
#define KERNEL_PATH_H

#include "base/str.h"

/* Appends the content to ret; -EFBIG when it has more than bytes_max. */
int path_read(const char *path, size_t bytes_max, struct buf *ret) must_use;
/* Writes into an existing file (sysctl, cgroup), in one write. */
int path_put(const char *path, struct str data) must_use;
int path_write(const char *path, struct str data, mode_t mode) must_use; /* makes or truncates */
/* New content appears whole or not at all. sync: also after a power failure. */
int path_replace(const char *path, struct str data, mode_t mode, bool sync) must_use;
bool path_exists(const char *path); /* follows links */
bool path_is_directory(const char *path);
mode_t path_mode(const char *path);                           /* permission bits; 0: none */
int64_t path_size(const char *path);                          /* -1: none */
int path_delete(const char *path) must_use;                   /* 0 also when there was none */
int path_link(const char *target, const char *path) must_use; /* a symbolic link, replacing one */
int path_move(const char *from, const char *to) must_use;
int path_own(const char *path, uid_t uid, gid_t gid, mode_t mode) must_use;

int dir_make(const char *path, mode_t mode) must_use; /* with its parents; 0 when it is there */
/* Removes a tree. Never crosses into another file system, follows no link. -EBUSY when a mount is
 * in the way. */
int dir_remove(const char *path) must_use;
/* Names in a directory but "." and ".."; the callback may remove the entry. */
int dir_each(const char *path, void (*fn)(void *arg, const char *name), void *arg) must_use;
/* Bytes used by a tree, and its entries. */
int dir_usage(const char *path, uint64_t *ret_bytes, uint64_t *ret_entries) must_use;
/* Sets the group of a tree and the setgid bit of its directories: fsGroup. */
int dir_set_group(const char *path, gid_t gid, bool writable) must_use;
struct disk_usage {
    uint64_t capacity_bytes, available_bytes, inodes, inodes_free;
};
int disk_usage(const char *path, struct disk_usage *ret) must_use;

int beneath_open(const char *root, int *ret_fd) must_use; /* a descriptor of the directory itself */
/* Opens what is there (O_PATH | extra flags); links inside the directory are followed, none that
 * leads out. */
int beneath_find(int root_fd, const char *path, int *ret_fd, bool *ret_is_directory) must_use;
int beneath_make_dir(int root_fd, const char *path, mode_t mode) must_use; /* with parents */
int beneath_make_file(int root_fd, const char *path,
                      mode_t mode) must_use; /* empty, when there is none */
int beneath_write(int root_fd, const char *path, struct str data, mode_t mode,
                  gid_t gid) must_use; /* gid -1: as it is */
int beneath_read(int root_fd, const char *path, size_t bytes_max, struct buf *ret) must_use;

enum path_type {
    FILE_NONE,
    FILE_REGULAR,
    FILE_DIRECTORY,
    FILE_SOCKET,
    FILE_CHARACTER,
    FILE_BLOCK,
    FILE_OTHER
};
enum path_type path_type(const char *path);

/* Reading a growing file from an offset. */
int path_open_read(const char *path, int *ret_fd) must_use;
ssize_t path_read_at(int fd, uint64_t offset, char *data,
                     size_t size) must_use; /* bytes or -errno */
/* Size and inode of an open file, and of a path: to see a rotation. */
int path_identity(int fd, const char *path, uint64_t *ret_inode, uint64_t *ret_size) must_use;
void fd_close(int fd);
void fd_close_ptr(int *fd);                                /* for cleanup_with; -1 is nothing */
ssize_t fd_read(int fd, char *data, size_t size) must_use; /* bytes; 0: end; -errno */
ssize_t fd_write(int fd, struct str data) must_use;        /* bytes or -errno */
void fd_shutdown_write(int fd);
int fd_socket_error(int fd); /* 0 or -errno of a connection that was begun */

/* An open file that lies in memory only, to be read from its start. */
int memory_file(struct str data, int *ret_fd) must_use;
/* An open file in a directory that has no name and is gone when it is closed. */
int temporary_file(const char *directory, int *ret_fd) must_use;
/* Removes a directory that is empty; 0 also when it is not, or not there. */
int dir_remove_empty(const char *path) must_use;

/* Unix sockets, non-blocking. */
int unix_listen(const char *path, mode_t mode,
                int *ret_fd) must_use; /* replaces a socket left behind */
int unix_accept(int fd, int *ret_fd) must_use;
int unix_connect(const char *path, int *ret_fd) must_use;

#endif
