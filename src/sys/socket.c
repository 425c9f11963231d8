#include "sys/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 4096
};

int socket_address_parse(const char *text, uint16_t port, struct socket_address *ret)
{
    struct socket_address a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        a.len = sizeof(*v4);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        a.len = sizeof(*v6);
    } else {
        return -EINVAL;
    }
    *ret = a;
    return 0;
}

int socket_address_unix(const char *path, struct socket_address *ret)
{
    struct socket_address a = {0};
    struct sockaddr_un *un = (struct sockaddr_un *)&a.storage;
    size_t len = strlen(path);
    if (len >= sizeof(un->sun_path))
        return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, len + 1);
    a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    *ret = a;
    return 0;
}

size_t socket_address_format(const struct socket_address *a, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";
    int len;
    if (a->storage.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->storage;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        len = snprintf(text, size, "%s:%u", host, ntohs(v4->sin_port));
    } else if (a->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->storage;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        len = snprintf(text, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        len = snprintf(text, size, "unix");
    }
    return len < 0 ? 0 : MIN((size_t)len, size - 1);
}

bool socket_address_loopback(const struct socket_address *a)
{
    if (a->storage.ss_family == AF_UNIX)
        return true;
    if (a->storage.ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr) >> 24) == 127;
    if (a->storage.ss_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&a->storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

uint16_t socket_address_port(const struct socket_address *a)
{
    if (a->storage.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&a->storage)->sin_port);
    if (a->storage.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->storage)->sin6_port);
    return 0;
}

static int stream_socket(const struct socket_address *a)
{
    int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* A socket file stays behind a killed process; it may go when nobody answers on it. */
static void remove_dead_unix_socket(const struct socket_address *a)
{
    int fd = stream_socket(a);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&a->storage, a->len) < 0 && errno == ECONNREFUSED)
        unlink(((const struct sockaddr_un *)&a->storage)->sun_path);
    close(fd);
}

int socket_listen(const struct socket_address *a, int *ret_fd)
{
    if (a->storage.ss_family == AF_UNIX)
        remove_dead_unix_socket(a);
    int fd = stream_socket(a);
    if (fd < 0)
        return fd;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&a->storage, a->len) < 0 || listen(fd, BACKLOG) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int socket_local_address(int fd, struct socket_address *ret)
{
    struct socket_address a = {.len = sizeof(a.storage)};
    if (getsockname(fd, (struct sockaddr *)&a.storage, &a.len) < 0)
        return -errno;
    *ret = a;
    return 0;
}

int socket_accept(int fd, int *ret_fd, struct socket_address *ret_peer)
{
    struct socket_address a = {.len = sizeof(a.storage)};
    int peer = accept4(fd, (struct sockaddr *)&a.storage, &a.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0)
        return -errno;
    *ret_fd = peer;
    *ret_peer = a;
    return 0;
}

int socket_connect(const struct socket_address *a, int *ret_fd)
{
    int fd = stream_socket(a);
    if (fd < 0)
        return fd;
    if (connect(fd, (const struct sockaddr *)&a->storage, a->len) < 0 && errno != EINPROGRESS) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int socket_error(int fd)
{
    int err = 0;
    socklen_t len = sizeof(err);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        return -errno;
    return -err;
}

void socket_set_no_delay(int fd)
{
    int on = 1;
    /* Fails on unix sockets, which never delay. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void socket_pair(int ret_fds[2])
{
    int err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds);
    assert(err == 0);
}

static ssize_t result(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

ssize_t socket_read(int fd, void *data, size_t size)
{
    return result(recv(fd, data, size, 0));
}

ssize_t socket_peek(int fd, void *data, size_t size)
{
    return result(recv(fd, data, size, MSG_PEEK));
}

ssize_t socket_write(int fd, const void *data, size_t size)
{
    return result(send(fd, data, size, MSG_NOSIGNAL));
}

ssize_t socket_write_parts(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    return result(sendmsg(fd, &message, MSG_NOSIGNAL));
}

void socket_shut_write(int fd)
{
    shutdown(fd, SHUT_WR);
}

void socket_close(int fd)
{
    close(fd);
}
