#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/whole_file.h"

static int read_all(int fd, struct arena *a, size_t size, struct str *ret)
{
    char *data = arena_alloc(a, size + 1);
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, data + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    data[len] = 0;
    *ret = (struct str){data, len};
    return 0;
}

int file_read_whole(struct arena *a, const char *path, size_t max_bytes, struct str *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0)
        return -errno;
    int err = fstat(fd, &about) ? -errno : 0;
    /* Files of /proc tell no size: they are read up to the limit. */
    size_t size = !err && about.st_size ? (size_t)about.st_size : max_bytes;
    if (!err && size > max_bytes)
        err = -EFBIG;
    if (!err)
        err = read_all(fd, a, size, ret);
    close(fd);
    return err;
}

int file_write_synced(int fd, struct str data)
{
    while (data.len) {
        ssize_t sent = write(fd, data.data, data.len);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        data = str_slice(data, (size_t)sent, data.len);
    }
    return fsync(fd) ? -errno : 0;
}

static int sync_parent(const char *path)
{
    struct str whole = str_from(path);
    ssize_t slash = str_find_last(whole, '/');
    struct arena a = ARENA_INIT;
    const char *parent = slash < 0    ? "."
                         : slash == 0 ? "/"
                                      : arena_cstr(&a, str_slice(whole, 0, (size_t)slash));
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = fd < 0 || fsync(fd) ? -errno : 0;
    if (fd >= 0)
        close(fd);
    arena_release(&a);
    return err;
}

int file_write_whole(const char *path, struct str data, mode_t mode)
{
    struct buf beside = BUF_INIT;
    buf_printf(&beside, "%s.%d.new", path, (int)getpid());
    int fd = open(beside.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    int err = fd < 0 ? -errno : 0;
    if (!err)
        err = fchmod(fd, mode) ? -errno : file_write_synced(fd, data);
    if (fd >= 0)
        close(fd);
    if (!err && rename(beside.data, path))
        err = -errno;
    if (err && fd >= 0)
        unlink(beside.data);
    buf_release(&beside);
    return err ? err : sync_parent(path);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

void file_remove(const char *path)
{
    unlink(path);
}

int file_give(const char *path, uid_t user, gid_t group)
{
    return chown(path, user, group) ? -errno : 0;
}

void person_at_keyboard(struct arena *a, struct person *ret)
{
    const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *entry = sudo ? getpwnam(sudo) : NULL;
    const char *home = entry ? entry->pw_dir : getenv("HOME");
    if (!entry)
        entry = getpwuid(geteuid());
    if (!home || !*home)
        home = entry ? entry->pw_dir : "/";
    *ret = (struct person){.home = arena_str(a, str_from(home)),
                           .user = entry ? entry->pw_uid : geteuid(),
                           .group = entry ? entry->pw_gid : getegid()};
}

int directory_make(const char *path, mode_t mode)
{
    struct arena a = ARENA_INIT;
    char *copy = arena_cstr(&a, str_from(path));
    int err = 0;
    for (char *at = copy + 1; !err; at++) {
        bool last = *at == 0;
        if (*at != '/' && !last)
            continue;
        *at = 0;
        if (mkdir(copy, last ? mode : 0755) && errno != EEXIST)
            err = -errno;
        if (last)
            break;
        *at = '/';
    }
    arena_release(&a);
    return err;
}

void directory_each(const char *path, void (*fn)(void *arg, struct str name), void *arg)
{
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *e; (e = readdir(directory));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            fn(arg, str_from(e->d_name));
    closedir(directory);
}

static int remove_entry(const char *path, const struct stat *about maybe_unused,
                        int type maybe_unused, struct FTW *at maybe_unused)
{
    return remove(path) && errno != ENOENT ? -errno : 0;
}

int directory_remove(const char *path)
{
    struct stat about;
    if (lstat(path, &about))
        return errno == ENOENT ? 0 : -errno;
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
