#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "sys/datagram.h"

static int open_datagram(const struct socket_address *a, int *ret_fd)
{
    int fd = socket(a->storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int datagram_bind(const struct socket_address *a, int *ret_fd)
{
    int fd = -1, on = 1;
    int err = open_datagram(a, &fd);
    if (err)
        return err;
    (void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&a->storage, a->len)) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int datagram_connect(const struct socket_address *peer, int *ret_fd)
{
    int fd = -1;
    int err = open_datagram(peer, &fd);
    if (err)
        return err;
    if (connect(fd, (const struct sockaddr *)&peer->storage, peer->len)) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

ssize_t datagram_receive(int fd, void *data, size_t size, struct socket_address *ret_from)
{
    struct socket_address from = {.len = sizeof(from.storage)};
    ssize_t got;
    do
        got = recvfrom(fd, data, size, 0, (struct sockaddr *)&from.storage, &from.len);
    while (got < 0 && errno == EINTR);
    if (got >= 0 && ret_from)
        *ret_from = from;
    return got < 0 ? -errno : got;
}

ssize_t datagram_send(int fd, const void *data, size_t size, const struct socket_address *to)
{
    ssize_t sent;
    do
        sent = sendto(fd, data, size, MSG_NOSIGNAL,
                      to ? (const struct sockaddr *)&to->storage : NULL, to ? to->len : 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}
