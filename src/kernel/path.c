#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "kernel/path.h"

enum {
    PATH_BYTES = 4096
};

void fd_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void fd_close_ptr(int *fd)
{
    fd_close(*fd);
    *fd = -1;
}

static int read_all(int fd, size_t bytes_max, struct buf *ret)
{
    size_t total = 0;
    for (;;) {
        char *to = buf_reserve(ret, 16384);
        ssize_t got = read(fd, to, 16384);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        ret->len += (size_t)got;
        ret->data[ret->len] = 0;
        total += (size_t)got;
        if (total > bytes_max)
            return -EFBIG;
    }
}

static int write_all(int fd, struct str data)
{
    while (data.len) {
        ssize_t put = write(fd, data.data, data.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        data = str_slice(data, (size_t)put, data.len);
    }
    return 0;
}

int path_read(const char *path, size_t bytes_max, struct buf *ret)
{
    int fd cleanup_with(fd_close_ptr) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return read_all(fd, bytes_max, ret);
}

int path_put(const char *path, struct str data)
{
    int fd cleanup_with(fd_close_ptr) = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, data.data, data.len) == (ssize_t)data.len ? 0 : -errno;
}

int path_write(const char *path, struct str data, mode_t mode)
{
    int fd cleanup_with(fd_close_ptr) = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, mode) < 0)
        return -errno;
    return write_all(fd, data);
}

int path_replace(const char *path, struct str data, mode_t mode, bool sync)
{
    char work[PATH_BYTES];
    if (snprintf(work, sizeof(work), "%s.new", path) >= (int)sizeof(work))
        return -ENAMETOOLONG;
    int fd cleanup_with(fd_close_ptr) =
        open(work, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, data);
    if (err == 0 && sync && fdatasync(fd) < 0)
        err = -errno;
    if (err == 0 && rename(work, path) < 0)
        err = -errno;
    if (err < 0)
        unlink(work);
    return err;
}

bool path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum path_type path_type(const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0)
        return FILE_NONE;
    switch (info.st_mode & S_IFMT) {
    case S_IFREG: return FILE_REGULAR;
    case S_IFDIR: return FILE_DIRECTORY;
    case S_IFSOCK: return FILE_SOCKET;
    case S_IFCHR: return FILE_CHARACTER;
    case S_IFBLK: return FILE_BLOCK;
    default: return FILE_OTHER;
    }
}

bool path_is_directory(const char *path)
{
    return path_type(path) == FILE_DIRECTORY;
}

mode_t path_mode(const char *path)
{
    struct stat info;
    return stat(path, &info) < 0 ? 0 : info.st_mode & 07777;
}

int64_t path_size(const char *path)
{
    struct stat info;
    return stat(path, &info) < 0 ? -1 : (int64_t)info.st_size;
}

int path_delete(const char *path)
{
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int path_link(const char *target, const char *path)
{
    char work[PATH_BYTES];
    if (snprintf(work, sizeof(work), "%s.new", path) >= (int)sizeof(work))
        return -ENAMETOOLONG;
    unlink(work);
    if (symlink(target, work) < 0 || rename(work, path) < 0)
        return -errno;
    return 0;
}

int path_move(const char *from, const char *to)
{
    return rename(from, to) < 0 ? -errno : 0;
}

int path_own(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    return lchown(path, uid, gid) < 0 || chmod(path, mode) < 0 ? -errno : 0;
}

int dir_make(const char *path, mode_t mode)
{
    char work[PATH_BYTES];
    if (snprintf(work, sizeof(work), "%s", path) >= (int)sizeof(work))
        return -ENAMETOOLONG;
    for (char *slash = strchr(work + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(work, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    if (mkdir(work, mode) == 0)
        return chmod(work, mode) < 0 ? -errno : 0;
    return errno == EEXIST ? 0 : -errno;
}

int dir_each(const char *path, void (*fn)(void *arg, const char *name), void *arg)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fn(arg, entry->d_name);
    }
    closedir(dir);
    return 0;
}

static int remove_entry(const char *path, const struct stat *info maybe_unused, int type,
                        struct FTW *at maybe_unused)
{
    return (type == FTW_DP ? rmdir(path) : unlink(path)) < 0 ? errno : 0;
}

int dir_remove(const char *path)
{
    int err = nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (err < 0)
        return errno == ENOENT ? 0 : -errno;
    return err == ENOENT ? 0 : -err;
}

/* nftw has no argument for its callback: totals of the walk under way, one a thread. */
static _Thread_local struct {
    uint64_t bytes, entries;
    gid_t gid;
    bool writable;
} walk;

static int count_entry(const char *path maybe_unused, const struct stat *info, int type,
                       struct FTW *at maybe_unused)
{
    if (type != FTW_NS) {
        walk.bytes += (uint64_t)info->st_blocks * 512;
        walk.entries++;
    }
    return 0;
}

int dir_usage(const char *path, uint64_t *ret_bytes, uint64_t *ret_entries)
{
    walk.bytes = walk.entries = 0;
    if (nftw(path, count_entry, 16, FTW_PHYS | FTW_MOUNT) < 0)
        return -errno;
    *ret_bytes = walk.bytes;
    *ret_entries = walk.entries;
    return 0;
}

static int own_entry(const char *path, const struct stat *info, int type,
                     struct FTW *at maybe_unused)
{
    if (type == FTW_NS)
        return 0;
    if (lchown(path, (uid_t)-1, walk.gid) < 0)
        return errno;
    if (type == FTW_SL)
        return 0;
    mode_t mode = info->st_mode & 07777;
    mode |= walk.writable ? 0660 : 0440;
    if (type == FTW_D || type == FTW_DP)
        mode |= S_ISGID | 0110;
    return chmod(path, mode) < 0 ? errno : 0;
}

int dir_set_group(const char *path, gid_t gid, bool writable)
{
    walk.gid = gid;
    walk.writable = writable;
    int err = nftw(path, own_entry, 16, FTW_PHYS | FTW_MOUNT);
    return err < 0 ? -errno : -err;
}

int disk_usage(const char *path, struct disk_usage *ret)
{
    struct statvfs info;
    if (statvfs(path, &info) < 0)
        return -errno;
    *ret = (struct disk_usage){
        .capacity_bytes = (uint64_t)info.f_blocks * info.f_frsize,
        .available_bytes = (uint64_t)info.f_bavail * info.f_frsize,
        .inodes = info.f_files,
        .inodes_free = info.f_ffree,
    };
    return 0;
}

int path_open_read(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

ssize_t path_read_at(int fd, uint64_t offset, char *data, size_t size)
{
    ssize_t got = pread(fd, data, size, (off_t)offset);
    return got < 0 ? -errno : got;
}

int path_identity(int fd, const char *path, uint64_t *ret_inode, uint64_t *ret_size)
{
    struct stat info;
    if ((path ? stat(path, &info) : fstat(fd, &info)) < 0)
        return -errno;
    *ret_inode = info.st_ino;
    *ret_size = (uint64_t)info.st_size;
    return 0;
}

int memory_file(struct str data, int *ret_fd)
{
    int fd = memfd_create("kaname", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, data);
    if (err == 0 && lseek(fd, 0, SEEK_SET) < 0)
        err = -errno;
    if (err < 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int temporary_file(const char *directory, int *ret_fd)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int dir_remove_empty(const char *path)
{
    return rmdir(path) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT ? -errno : 0;
}
