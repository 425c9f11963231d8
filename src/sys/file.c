#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"

struct file {
    int fd;
};

enum {
    COPY_BYTES = 64 << 10
};

static int real_open(void *self maybe_unused, const char *path, int flags, mode_t mode,
                     struct file **ret)
{
    int fd = open(path, flags | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    struct file *f = mem_alloc(sizeof(*f));
    f->fd = fd;
    *ret = f;
    return 0;
}

static void real_close(struct file *f)
{
    close(f->fd);
    mem_free(f);
}

static ssize_t real_pread(struct file *f, void *data, size_t size, uint64_t offset)
{
    ssize_t n = pread(f->fd, data, size, (off_t)offset);
    return n < 0 ? -errno : n;
}

static ssize_t real_pwrite(struct file *f, const void *data, size_t size, uint64_t offset)
{
    ssize_t n = pwrite(f->fd, data, size, (off_t)offset);
    return n < 0 ? -errno : n;
}

static int real_sync(struct file *f)
{
    return fdatasync(f->fd) < 0 ? -errno : 0;
}

static int real_lock(struct file *f)
{
    return flock(f->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int64_t real_size(struct file *f)
{
    struct stat st;
    return fstat(f->fd, &st) < 0 ? -errno : (int64_t)st.st_size;
}

static int64_t real_data_end(struct file *f, uint64_t from)
{
    off_t end = lseek(f->fd, (off_t)from, SEEK_HOLE);
    if (end < 0)
        return errno == ENXIO ? (int64_t)from : -errno;
    return (int64_t)end;
}

static const void *real_map(struct file *f, uint64_t offset, size_t size)
{
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, f->fd, (off_t)offset);
    return data == MAP_FAILED ? NULL : data;
}

static void real_unmap(const void *data, size_t size)
{
    munmap((void *)(uintptr_t)data, size);
}

static int real_make_directory(void *self maybe_unused, const char *path, mode_t mode)
{
    return mkdir(path, mode) < 0 ? -errno : 0;
}

static int real_sync_directory(void *self maybe_unused, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return err;
}

static int real_rename(void *self maybe_unused, const char *from, const char *to)
{
    return rename(from, to) < 0 ? -errno : 0;
}

static int real_remove(void *self maybe_unused, const char *path)
{
    return unlink(path) < 0 ? -errno : 0;
}

static int64_t real_free_bytes(void *self maybe_unused, const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st) < 0)
        return -errno;
    return (int64_t)st.f_bavail * (int64_t)st.f_frsize;
}

static const struct disk real = {
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .sync = real_sync,
    .lock = real_lock,
    .size = real_size,
    .data_end = real_data_end,
    .map = real_map,
    .unmap = real_unmap,
    .make_directory = real_make_directory,
    .sync_directory = real_sync_directory,
    .rename = real_rename,
    .remove = real_remove,
    .free_bytes = real_free_bytes,
};

const struct disk *disk_real(void)
{
    return &real;
}

int file_open(const struct disk *disk, const char *path, int flags, struct file **ret)
{
    return disk->open(disk->self, path, flags, 0600, ret);
}

void file_close(const struct disk *disk, struct file *f)
{
    if (f)
        disk->close(f);
}

int file_read(const struct disk *disk, struct file *f, void *data, size_t size, uint64_t offset,
              size_t *ret_size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = disk->pread(f, (char *)data + done, size - done, offset + done);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_size = done;
    return 0;
}

int file_write(const struct disk *disk, struct file *f, const void *data, size_t size,
               uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = disk->pwrite(f, (const char *)data + done, size - done, offset + done);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EIO;
        done += (size_t)n;
    }
    return 0;
}

int file_write_zeros(const struct disk *disk, struct file *f, uint64_t from, uint64_t to)
{
    static const char zeros[COPY_BYTES];
    int err = 0;
    while (from < to && err == 0) {
        size_t size = MIN(sizeof(zeros), (size_t)(to - from));
        err = file_write(disk, f, zeros, size, from);
        from += size;
    }
    return err;
}

int file_sync(const struct disk *disk, struct file *f)
{
    return disk->sync(f);
}

int file_copy(const struct disk *disk, const char *from, const char *to, uint64_t *ret_size)
{
    struct file *in = NULL, *out = NULL;
    char *data = NULL;
    uint64_t at = 0;
    int err = file_open(disk, from, O_RDONLY, &in);
    if (err == 0)
        err = file_open(disk, to, O_WRONLY | O_CREAT | O_TRUNC, &out);
    if (err == 0)
        data = mem_alloc(COPY_BYTES);
    while (err == 0) {
        size_t size = 0;
        err = file_read(disk, in, data, COPY_BYTES, at, &size);
        if (err < 0 || size == 0)
            break;
        err = file_write(disk, out, data, size, at);
        at += size;
    }
    mem_free(data);
    file_close(disk, in);
    file_close(disk, out);
    if (err == 0 && ret_size)
        *ret_size = at;
    return err;
}

noreturn_func void disk_fatal(const char *what, const char *path, int err)
{
    log_error(
        "the disk failed; stopping so that nothing wrong is acknowledged, start again to recover",
        LOG_CSTR("what", what), LOG_CSTR("path", path), LOG_ERRNO(err));
    _exit(DISK_FATAL_STATUS);
}
