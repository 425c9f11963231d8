/* Messages between processes of this program: datagrams of bytes and descriptors over a pair of
 * sockets, whole or not at all.
 *
 * Blocking, whatever the descriptor's flags say: who asks waits for the answer. */
#ifndef SYS_MESSAGE_H
#define SYS_MESSAGE_H

#include <sys/uio.h>

#include "base/str.h"

enum {
    MESSAGE_FDS = 16
};

/* Two connected ends, closed on exec. 0 or -errno. */
int message_pair(int ret[2]) must_use;
/* The parts as one message; the caller keeps its descriptors. 0 or -errno. */
int message_send(int socket, const struct iovec *parts, size_t count, const int *fds,
                 size_t fd_count) must_use;
/* Fills the parts in turn. The bytes of a message; -EPIPE: nobody is at the other end; -ETIMEDOUT
 * after timeout_ms (-1: never); -EMSGSIZE: it was longer, or had more than MESSAGE_FDS descriptors,
 * and is lost. Descriptors are the caller's, closed on exec. */
ssize_t message_receive(int socket, const struct iovec *parts, size_t count, int timeout_ms,
                        int fds[MESSAGE_FDS], size_t *ret_fd_count) must_use;

#endif
