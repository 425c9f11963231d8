#include "sys/message.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

int message_pair(int ret[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) ? -errno : 0;
}

/* Whether a call is to be tried again: at once, or after waiting, because a loop made this end
 * non-blocking. */
static bool try_again(int socket, short events)
{
    if (errno != EAGAIN)
        return errno == EINTR;
    struct pollfd p = {.fd = socket, .events = events};
    poll(&p, 1, -1);
    return true;
}

int message_send(int socket, const struct iovec *parts, size_t count, const int *fds,
                 size_t fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr msg = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    assert(fd_count <= MESSAGE_FDS);
    if (fd_count) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
    while (sent < 0 && try_again(socket, POLLOUT));
    return sent < 0 ? -errno : 0;
}

static size_t take_descriptors(struct msghdr *msg, int fds[MESSAGE_FDS])
{
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    }
    return count;
}

ssize_t message_receive(int socket, const struct iovec *parts, size_t count, int timeout_ms,
                        int fds[MESSAGE_FDS], size_t *ret_fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS)];
        struct cmsghdr align;
    } control;
    struct msghdr msg = {.msg_iov = (struct iovec *)parts,
                         .msg_iovlen = count,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct pollfd p = {.fd = socket, .events = POLLIN};
    if (timeout_ms >= 0 && poll(&p, 1, timeout_ms) == 0)
        return -ETIMEDOUT;
    ssize_t got;
    do
        got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && try_again(socket, POLLIN));
    if (got <= 0)
        return got ? -errno : -EPIPE;
    *ret_fd_count = take_descriptors(&msg, fds);
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return got;
    for (size_t i = 0; i < *ret_fd_count; i++)
        close(fds[i]);
    *ret_fd_count = 0;
    return -EMSGSIZE;
}
