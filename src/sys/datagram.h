/* Datagrams: UDP sockets on the loop. Descriptors are non-blocking. */
#ifndef SYS_DATAGRAM_H
#define SYS_DATAGRAM_H

#include "sys/socket.h"

/* Bound; an address that this host doesn't have yet is allowed (free bind). 0 or -errno. */
int datagram_bind(const struct socket_address *a, int *ret_fd) must_use;
/* Connected to one peer, with a port of its own. */
int datagram_connect(const struct socket_address *peer, int *ret_fd) must_use;
/* Bytes or -errno (-EAGAIN: none is there). ret_from may be NULL. */
ssize_t datagram_receive(int fd, void *data, size_t size, struct socket_address *ret_from) must_use;
/* to NULL: the connected peer. */
ssize_t datagram_send(
    int fd, const void *data, size_t size,
    const struct socket_address *to); /* UDP may lose it anyway: the result may be ignored */

#endif
