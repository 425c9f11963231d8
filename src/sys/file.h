/* Files that must survive: the only door to the disk for code that promises durability.
 *
 * Every effect (write, sync, rename, directory sync) goes through a table of functions, so that a
 * simulated disk can stand behind it and fault tests can fail the Nth effect. The real disk is what
 * a NULL disk means. Invariants: 1. file_write writes all or fails; 2. a failed file_sync is never
 * repeated by this layer: the kernel tells of a lost page once, so the caller must stop
 * (disk_fatal). */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <fcntl.h> /* flags of file_open */

#include "base/base.h"
#include "base/str.h"

struct file; /* each disk has its own */

struct disk {
    void *self; /* borrowed; first argument of each function below that has no file */
    /* flags as open(2), O_CLOEXEC is added. 0 or -errno. */
    int (*open)(void *self, const char *path, int flags, mode_t mode, struct file **ret);
    void (*close)(struct file *f);
    ssize_t (*pread)(struct file *f, void *data, size_t size,
                     uint64_t offset); /* bytes or -errno */
    ssize_t (*pwrite)(struct file *f, const void *data, size_t size,
                      uint64_t offset); /* bytes or -errno */
    int (*sync)(struct file *f);        /* data, and what is needed to read it back */
    int (*lock)(struct file *f); /* exclusive, for the life of the descriptor; -EWOULDBLOCK when
                                    another has it */
    int64_t (*size)(struct file *f);
    int64_t (*data_end)(
        struct file *f,
        uint64_t from); /* end of the written bytes that start at from: the next hole */
    /* Bytes of a file to be read in place until unmap; size > 0, offset a multiple of 4,096, both
     * within the file. NULL: failed. */
    const void *(*map)(struct file *f, uint64_t offset, size_t size);
    void (*unmap)(const void *data, size_t size);
    int (*make_directory)(void *self, const char *path, mode_t mode);
    int (*sync_directory)(void *self, const char *path);
    int (*rename)(void *self, const char *from, const char *to);
    int (*remove)(void *self, const char *path);
    int64_t (*free_bytes)(void *self,
                          const char *path); /* for this user on the file system of path */
};

const struct disk *disk_real(void);

int file_open(const struct disk *disk, const char *path, int flags,
              struct file **ret) must_use;                /* new files: mode 0600 */
void file_close(const struct disk *disk, struct file *f); /* NULL is allowed */
/* Reads up to size bytes; fewer only at the end of the file. */
int file_read(const struct disk *disk, struct file *f, void *data, size_t size, uint64_t offset,
              size_t *ret_size) must_use;
int file_write(const struct disk *disk, struct file *f, const void *data, size_t size,
               uint64_t offset) must_use;
int file_write_zeros(const struct disk *disk, struct file *f, uint64_t from, uint64_t to) must_use;
int file_sync(const struct disk *disk, struct file *f) must_use;
/* Copies the bytes of one file to another, which is replaced; not synced. ret_size may be NULL. */
int file_copy(const struct disk *disk, const char *from, const char *to,
              uint64_t *ret_size) must_use;

/* The disk broke a promise (failed sync, failed write of a log): says so and ends the process at
 * once, because what the kernel still shows may not be on the disk. The next start recovers from
 * what is. Exit status DISK_FATAL_STATUS. */
#define DISK_FATAL_STATUS 74
noreturn_func void disk_fatal(const char *what, const char *path, int err);

#endif
