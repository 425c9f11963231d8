/* Stream sockets: made, bound, connected, read and written, without ever blocking.
 *
 * The only file that knows the socket calls; net/ sits on it. Descriptors are plain ints,
 * close-on-exec and non-blocking. Functions return 0 or a count, or -errno; -EAGAIN means: wait for
 * the loop's event. A socket belongs to the network namespace in which it was made, wherever its
 * process is afterwards: the functions with a netns_fd make it there. They enter the namespace in a
 * thread of the loop's pool (setns changes one thread only) and that thread goes back before it
 * does other work. */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/str.h"
#include "sys/loop.h"

struct socket_address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* Numeric address ("127.0.0.1", "::1"); no look-up. -EINVAL. */
int socket_address_parse(const char *text, uint16_t port, struct socket_address *ret) must_use;
int socket_address_unix(const char *path, struct socket_address *ret) must_use; /* -ENAMETOOLONG */
/* "127.0.0.1:80", "[::1]:80", "unix"; returns the length. */
size_t socket_address_format(const struct socket_address *a, char *text, size_t size);
bool socket_address_loopback(
    const struct socket_address *a); /* loopback, also v4 in v6, or a unix socket */
uint16_t socket_address_port(const struct socket_address *a);

/* A bound, listening socket. A unix path that exists is replaced when no process listens on it. */
int socket_listen(const struct socket_address *a, int *ret_fd) must_use;
int socket_listen_in(int netns_fd, const struct socket_address *a,
                     int *ret_fd) must_use; /* blocks for a moment */
int socket_local_address(int fd, struct socket_address *ret) must_use;
int socket_accept(int fd, int *ret_fd, struct socket_address *ret_peer) must_use;

/* Starts to connect: 0 and the descriptor; it is writable when done, socket_error tells how it
 * ended. */
int socket_connect(const struct socket_address *a, int *ret_fd) must_use;
int socket_error(int fd); /* 0 or -errno */
void socket_set_no_delay(int fd);
void socket_pair(int ret_fds[2]); /* connected unix sockets, for tests */

ssize_t socket_read(int fd, void *data, size_t size) must_use; /* 0: the other side ended */
ssize_t socket_peek(int fd, void *data, size_t size) must_use;
ssize_t socket_write(int fd, const void *data, size_t size) must_use;
ssize_t socket_write_parts(int fd, const struct iovec *parts, int count) must_use;
void socket_shut_write(int fd);
void socket_close(int fd);

/* Looks up host, always with this process's resolver (or takes a numeric one or a unix path) and
 * starts to connect to its addresses one after the other, from netns_fd (-1: here). Calls done
 * once, on the loop, with a connected descriptor or -errno (-ENOENT: no such host). */
struct socket_dial;
struct socket_dial *socket_dial_start(struct loop *loop, const char *host, uint16_t port,
                                      const char *unix_path, int netns_fd,
                                      void (*done)(void *arg, int fd_or_error), void *arg);
void socket_dial_cancel(struct socket_dial *d); /* done is not called */

#endif
