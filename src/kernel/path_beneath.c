/* Work inside a directory that a pod can write to, and descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/path.h"

static int open_beneath(int root_fd, const char *path, uint64_t flags, mode_t mode)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    while (*path == '/')
        path++;
    for (int tries = 0;; tries++) {
        int fd = (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0)
            return fd;
        /* A rename somewhere on the way makes the kernel give up: ask again. */
        if ((errno != EAGAIN && errno != EINTR) || tries >= 128)
            return -errno;
    }
}

int beneath_open(const char *root, int *ret_fd)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int beneath_find(int root_fd, const char *path, int *ret_fd, bool *ret_is_directory)
{
    struct stat info;
    int fd = open_beneath(root_fd, path, O_PATH, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &info) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_is_directory = S_ISDIR(info.st_mode);
    *ret_fd = fd;
    return 0;
}

int beneath_make_dir(int root_fd, const char *path, mode_t mode)
{
    char part[NAME_MAX + 1];
    int at cleanup_with(fd_close_ptr) = open_beneath(root_fd, ".", O_PATH | O_DIRECTORY, 0);
    if (at < 0)
        return at;
    struct str rest = str_from(path);
    while (rest.data) {
        struct str name = str_cut(&rest, '/');
        if (name.len == 0 || str_is(name, "."))
            continue;
        if (str_is(name, "..") || name.len >= sizeof(part))
            return -EINVAL;
        memcpy(part, name.data, name.len);
        part[name.len] = 0;
        int next = open_beneath(at, part, O_PATH | O_DIRECTORY, 0);
        if (next == -ENOENT) {
            if (mkdirat(at, part, mode) < 0 && errno != EEXIST)
                return -errno;
            if (fchmodat(at, part, mode, 0) < 0)
                return -errno;
            next = open_beneath(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        }
        if (next < 0)
            return next;
        close(at);
        at = next;
    }
    return 0;
}

static int make_parent(int root_fd, const char *path, mode_t mode)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    if ((size_t)(slash - path) >= sizeof(parent))
        return -ENAMETOOLONG;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    return beneath_make_dir(root_fd, parent, mode);
}

int beneath_make_file(int root_fd, const char *path, mode_t mode)
{
    int err = make_parent(root_fd, path, 0755);
    if (err < 0)
        return err;
    int fd = open_beneath(root_fd, path, O_WRONLY | O_CREAT, mode);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int beneath_write(int root_fd, const char *path, struct str data, mode_t mode, gid_t gid)
{
    int err = make_parent(root_fd, path, 0755);
    if (err < 0)
        return err;
    int fd cleanup_with(fd_close_ptr) =
        open_beneath(root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    if (fd < 0)
        return fd;
    if (gid != (gid_t)-1 && fchown(fd, (uid_t)-1, gid) < 0)
        return -errno;
    if (fchmod(fd, mode) < 0)
        return -errno;
    while (data.len) {
        ssize_t put = write(fd, data.data, data.len);
        if (put < 0)
            return -errno;
        data = str_slice(data, (size_t)put, data.len);
    }
    return 0;
}

int beneath_read(int root_fd, const char *path, size_t bytes_max, struct buf *ret)
{
    int fd cleanup_with(fd_close_ptr) = open_beneath(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    while (ret->len < bytes_max) {
        size_t want = MIN((size_t)16384, bytes_max - ret->len);
        ssize_t got = read(fd, buf_reserve(ret, want), want);
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        ret->len += (size_t)got;
        ret->data[ret->len] = 0;
    }
    return 0;
}

ssize_t fd_read(int fd, char *data, size_t size)
{
    ssize_t got = read(fd, data, size);
    return got < 0 ? -errno : got;
}

ssize_t fd_write(int fd, struct str data)
{
    ssize_t put = send(fd, data.data, data.len, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK)
        put = write(fd, data.data, data.len);
    return put < 0 ? -errno : put;
}

void fd_shutdown_write(int fd)
{
    shutdown(fd, SHUT_WR);
}

int fd_socket_error(int fd)
{
    int err = 0;
    socklen_t size = sizeof(err);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
        return -errno;
    return -err;
}

static int unix_address(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path))
        return -ENAMETOOLONG;
    memcpy(ret->sun_path, path, strlen(path));
    return 0;
}

int unix_listen(const char *path, mode_t mode, int *ret_fd)
{
    struct sockaddr_un name;
    int err = unix_address(path, &name);
    if (err < 0)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    unlink(path);
    if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || chmod(path, mode) < 0 ||
        listen(fd, 128) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int unix_accept(int fd, int *ret_fd)
{
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0)
        return -errno;
    *ret_fd = accepted;
    return 0;
}

int unix_connect(const char *path, int *ret_fd)
{
    struct sockaddr_un name;
    int err = unix_address(path, &name);
    if (err < 0)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}
