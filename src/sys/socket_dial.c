/* Connecting: name look-up and namespace entry in the pool, the attempts themselves on the loop. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "sys/socket.h"

enum {
    ADDRESSES_MAX = 8
};

struct socket_dial {
    struct loop *loop;
    char *host; /* owned */
    uint16_t port;
    int netns_fd; /* owned copy, or -1 */
    void (*done)(void *arg, int fd_or_error);
    void *arg; /* borrowed */
    struct socket_address addresses[ADDRESSES_MAX];
    size_t address_count;
    size_t next;  /* address to try */
    int fd;       /* being connected, or -1 */
    int error;    /* of the last attempt */
    bool in_pool; /* a pool thread owns this now */
    bool cancelled;
    struct loop_fd *watch;
    struct deferred step;
};

/* Runs fn in the namespace; the calling thread is back in its own when this returns. */
static int in_namespace(int netns_fd, int (*fn)(const struct socket_address *a, int *ret_fd),
                        const struct socket_address *a, int *ret_fd)
{
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return -errno;
    if (setns(netns_fd, CLONE_NEWNET) < 0) {
        int err = -errno;
        close(own);
        return err;
    }
    int err = fn(a, ret_fd);
    /* A thread that can't go back would serve the wrong network: the process must not go on. */
    int back = setns(own, CLONE_NEWNET);
    assert(back == 0);
    close(own);
    return err;
}

struct listen_call {
    int netns_fd;
    const struct socket_address *address;
    int fd;
    int error;
};

static void *listen_thread(void *arg)
{
    struct listen_call *call = arg;
    call->error = in_namespace(call->netns_fd, socket_listen, call->address, &call->fd);
    return NULL;
}

/* A thread of its own rather than one of the pool: the caller needs the answer before it goes on,
 * at start-up only. */
int socket_listen_in(int netns_fd, const struct socket_address *a, int *ret_fd)
{
    struct listen_call call = {.netns_fd = netns_fd, .address = a, .fd = -1};
    pthread_t thread;
    int err = pthread_create(&thread, NULL, listen_thread, &call);
    if (err)
        return -err;
    pthread_join(thread, NULL);
    if (call.error < 0)
        return call.error;
    *ret_fd = call.fd;
    return 0;
}

static void dial_free(struct socket_dial *d)
{
    deferred_cancel(&d->step);
    if (d->watch)
        loop_fd_close(d->watch);
    if (d->fd >= 0)
        close(d->fd);
    if (d->netns_fd >= 0)
        close(d->netns_fd);
    mem_free(d->host);
    mem_free(d);
}

static void finish(struct socket_dial *d, int fd_or_error)
{
    void (*done)(void *arg, int fd_or_error) = d->done;
    void *arg = d->arg;
    d->fd = -1;
    dial_free(d);
    done(arg, fd_or_error);
}

static void look_up(struct socket_dial *d)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", d->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int err = getaddrinfo(d->host, service, &hints, &found);
    if (err) {
        d->error = err == EAI_NONAME ? -ENOENT : err == EAI_SYSTEM ? -errno : -EHOSTUNREACH;
        return;
    }
    for (struct addrinfo *a = found; a && d->address_count < ADDRESSES_MAX; a = a->ai_next) {
        struct socket_address *to = &d->addresses[d->address_count++];
        memcpy(&to->storage, a->ai_addr, a->ai_addrlen);
        to->len = a->ai_addrlen;
    }
    freeaddrinfo(found);
}

/* The pool's part: look the name up unless that is done; make the next socket when it belongs to
 * another namespace. */
static void pool_run(void *arg)
{
    struct socket_dial *d = arg;
    if (d->host && d->address_count == 0)
        look_up(d);
    if (d->netns_fd >= 0 && d->next < d->address_count)
        d->error = in_namespace(d->netns_fd, socket_connect, &d->addresses[d->next++], &d->fd);
}

static void step(struct socket_dial *d);

static void pool_done(void *arg)
{
    struct socket_dial *d = arg;
    d->in_pool = false;
    if (d->cancelled)
        dial_free(d);
    else
        step(d);
}

static void on_writable(void *arg, int events maybe_unused)
{
    struct socket_dial *d = arg;
    loop_fd_close(d->watch);
    d->watch = NULL;
    d->error = socket_error(d->fd);
    if (d->error == 0) {
        finish(d, d->fd);
        return;
    }
    close(d->fd);
    d->fd = -1;
    step(d);
}

static void step(struct socket_dial *d)
{
    for (;;) {
        if (d->fd >= 0) {
            d->watch = loop_fd_open(d->loop, d->fd, 2, on_writable, d);
            if (d->watch)
                return;
            d->error = -EMFILE;
            close(d->fd);
            d->fd = -1;
        }
        if (d->next >= d->address_count) {
            finish(d, d->error < 0 ? d->error : -EHOSTUNREACH);
            return;
        }
        if (d->netns_fd >= 0) {
            d->in_pool = true;
            loop_work(d->loop, pool_run, pool_done, d);
            return;
        }
        d->error = socket_connect(&d->addresses[d->next++], &d->fd);
    }
}

static void first_step(void *arg)
{
    struct socket_dial *d = arg;
    if (d->error == 0 && (d->address_count == 0 || d->netns_fd >= 0)) {
        d->in_pool = true;
        loop_work(d->loop, pool_run, pool_done, d);
    } else {
        step(d);
    }
}

struct socket_dial *socket_dial_start(struct loop *loop, const char *host, uint16_t port,
                                      const char *unix_path, int netns_fd,
                                      void (*done)(void *arg, int fd_or_error), void *arg)
{
    struct socket_dial *d = mem_alloc(sizeof(*d));
    *d = (struct socket_dial){
        .loop = loop, .port = port, .netns_fd = -1, .done = done, .arg = arg, .fd = -1};
    if (unix_path) {
        d->error = socket_address_unix(unix_path, &d->addresses[0]);
        d->address_count = d->error == 0 ? 1 : 0;
    } else {
        if (netns_fd >= 0) {
            d->netns_fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 0);
            if (d->netns_fd < 0)
                d->error = -errno;
        }
        if (socket_address_parse(host, port, &d->addresses[0]) == 0)
            d->address_count = 1;
        else
            d->host = mem_dup(host, strlen(host) + 1);
    }
    deferred_init(&d->step, loop, first_step, d);
    deferred_arm(&d->step);
    return d;
}

void socket_dial_cancel(struct socket_dial *d)
{
    d->cancelled = true;
    if (!d->in_pool)
        dial_free(d);
}
