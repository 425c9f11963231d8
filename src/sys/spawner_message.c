#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/spawner_internal.h"

struct program_id spawner_program(void)
{
    struct stat found;
    if (stat("/proc/self/exe", &found))
        return (struct program_id){0};
    return (struct program_id){found.st_dev, found.st_ino};
}

/* Whether a call is to be tried again: at once, or after waiting, because the owner's loop made its
 * end non-blocking. */
static bool try_again(int socket, short events)
{
    if (errno != EAGAIN)
        return errno == EINTR;
    struct pollfd p = {.fd = socket, .events = events};
    poll(&p, 1, -1);
    return true;
}

int spawner_send(int socket, const struct message *m, struct str data, const int *fds,
                 size_t fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * SPAWN_FDS)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec parts[2] = {{(void *)m, sizeof(*m)}, {(void *)data.data, data.len}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
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

ssize_t spawner_receive(int socket, struct message *ret, char *data, size_t data_max,
                        int fds[SPAWN_FDS], size_t *ret_fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * SPAWN_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec parts[2] = {{ret, sizeof(*ret)}, {data, data_max}};
    struct msghdr msg = {.msg_iov = parts,
                         .msg_iovlen = 2,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    do
        got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && try_again(socket, POLLIN));
    if (got <= 0)
        return got ? -errno : -EPIPE;
    *ret_fd_count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        *ret_fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), *ret_fd_count * sizeof(int));
    }
    if ((size_t)got >= sizeof(*ret))
        return got - (ssize_t)sizeof(*ret);
    for (size_t i = 0; i < *ret_fd_count; i++)
        close(fds[i]);
    return -EBADMSG;
}
