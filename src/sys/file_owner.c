#include "sys/file_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/whole_file.h"

int file_about(const char *path, struct file_about *ret)
{
    struct stat s;
    if (stat(path, &s))
        return -errno;
    *ret = (struct file_about){
        .user = s.st_uid,
        .group = s.st_gid,
        .mode = s.st_mode & 07777,
        .inode = s.st_ino,
        .size_bytes = (uint64_t)s.st_size,
        .changed_us = (int64_t)s.st_ctim.tv_sec * 1000000 + s.st_ctim.tv_nsec / 1000,
        .modified_us = (int64_t)s.st_mtim.tv_sec * 1000000 + s.st_mtim.tv_nsec / 1000};
    return 0;
}

int file_write_owned(const char *path, struct str data, mode_t mode, uid_t user, gid_t group)
{
    struct buf beside = BUF_INIT;
    buf_printf(&beside, "%s.%d.new", path, (int)getpid());
    int fd = open(beside.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = fd < 0 ? -errno : 0;
    if (!err && geteuid() == 0 && fchown(fd, user, group))
        err = -errno;
    if (!err && fchmod(fd, mode))
        err = -errno;
    if (!err)
        err = file_write_synced(fd, data);
    if (fd >= 0)
        close(fd);
    if (!err && rename(beside.data, path))
        err = -errno;
    if (err && fd >= 0)
        unlink(beside.data);
    buf_release(&beside);
    return err;
}

struct str file_resolve(struct arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    struct str result = arena_str(a, str_from(real ? real : path));
    free(real);
    return result;
}
