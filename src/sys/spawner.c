#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/vec.h"
#include "sys/privilege.h"
#include "sys/spawner.h"

enum message_type {
    MESSAGE_SPAWN,
    MESSAGE_KILL,
    MESSAGE_SPAWNED,
    MESSAGE_EXITED
};

struct message {
    uint32_t type;
    int32_t pid;    /* SPAWNED: or -errno */
    int32_t number; /* signal, wait status */
};

struct exited {
    pid_t pid;
    int status;
};

struct spawner {
    int socket;
    pid_t pid;
    struct loop_fd *watch; /* owned */
    struct deferred tell;
    void (*on_exit)(void *arg, pid_t pid, int status);
    void *arg;
    VEC(struct exited) untold; /* seen while waiting for an answer */
};

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

/* Sends one message with data and descriptors behind it. */
static int send_message(int socket, const struct message *m, struct str data, const int *fds,
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

/* Receives one message; data has room for SPAWN_ARGS_BYTES. Number of data bytes, -EPIPE at the
 * end, or -errno. */
static ssize_t receive_message(int socket, struct message *ret, char *data, int fds[SPAWN_FDS],
                               size_t *ret_fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * SPAWN_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec parts[2] = {{ret, sizeof(*ret)}, {data, SPAWN_ARGS_BYTES}};
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
    if ((size_t)got < sizeof(*ret))
        return -EBADMSG;
    *ret_fd_count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        *ret_fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), *ret_fd_count * sizeof(int));
    }
    return got - (ssize_t)sizeof(*ret);
}

/* What the spawner's own process holds. */
struct service {
    int socket, signals;
    int log_read, log_write; /* pipe of the children's standard error */
    spawner_child child;
};

/* Children write their log into a pipe, each through a description of its own: none holds the
 * owner's file, which it could empty, and none can make another's writes wait. */
static void redirect_log(const struct service *s)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", s->log_write);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    dup2(fd < 0 ? s->log_write : fd, STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    close(s->log_read);
    close(s->log_write);
}

/* Passes on what children wrote, at most one piece; lost when nobody takes it: a terminal that
 * stands still must not hold up clusters. False when there was nothing. */
static bool relay_log(const struct service *s)
{
    char text[PIPE_BUF];
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t got = read(s->log_read, text, sizeof(text));
    if (got <= 0)
        return false;
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT)) {
        ssize_t sent maybe_unused = write(STDERR_FILENO, text, (size_t)got);
    }
    return true;
}

/* In the spawner: a child with clean signals that dies with it. */
static pid_t fork_child(const struct service *s, struct str args, const int *fds, size_t fd_count)
{
    pid_t spawner = getpid();
    pid_t pid = fork();
    if (pid)
        return pid < 0 ? -errno : pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(s->socket);
    close(s->signals);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != spawner)
        _exit(1);
    redirect_log(s);
    for (size_t i = 0; i < fd_count; i++)
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    _exit(s->child(args, fds, fd_count));
}

static void tell_exits(int socket)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        const struct message m = {.type = MESSAGE_EXITED, .pid = pid, .number = status};
        if (send_message(socket, &m, STR_NONE, NULL, 0))
            _exit(1);
    }
}

/* Answers one request; false when the owner is gone. */
static bool serve_request(const struct service *s)
{
    static char data[SPAWN_ARGS_BYTES]; /* the spawner's only buffer: a process of its own */
    struct message m;
    int fds[SPAWN_FDS];
    size_t fd_count = 0;
    ssize_t size = receive_message(s->socket, &m, data, fds, &fd_count);
    if (size < 0)
        return false;
    if (m.type == MESSAGE_KILL) {
        /* A pid is ours until waitpid has told of its end, which this process alone calls. */
        kill(m.pid, m.number);
        return true;
    }
    const struct message answer = {
        .type = MESSAGE_SPAWNED,
        .pid = fork_child(s, (struct str){data, (size_t)size}, fds, fd_count)};
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    return send_message(s->socket, &answer, STR_NONE, NULL, 0) == 0;
}

static void serve_forever(const struct service *s)
{
    enum {
        REQUEST,
        SIGNAL,
        LOG,
        POLLED_COUNT
    };
    struct pollfd polled[POLLED_COUNT] = {[REQUEST] = {.fd = s->socket, .events = POLLIN},
                                          [SIGNAL] = {.fd = s->signals, .events = POLLIN},
                                          [LOG] = {.fd = s->log_read, .events = POLLIN}};
    for (;;) {
        if (poll(polled, POLLED_COUNT, -1) < 0) {
            if (errno != EINTR)
                _exit(1);
            continue;
        }
        if (polled[LOG].revents)
            relay_log(s);
        if (polled[SIGNAL].revents) {
            struct signalfd_siginfo info;
            while (read(s->signals, &info, sizeof(info)) > 0)
                ;
            tell_exits(s->socket);
        }
        if (polled[REQUEST].revents && !serve_request(s)) {
            while (relay_log(s))
                ;
            _exit(0);
        }
    }
}

static void noreturn_func run_spawner(int socket, pid_t owner, spawner_child child)
{
    struct service s = {.socket = socket, .child = child};
    int log[2];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "kaname-spawner");
    if (getppid() != owner)
        _exit(0);
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
    /* Ctrl-C goes to the whole group of a terminal: the owner decides what ends. */
    signal(SIGINT, SIG_IGN);
    if (pipe2(log, O_CLOEXEC | O_NONBLOCK))
        _exit(1);
    s.log_read = log[0];
    s.log_write = log[1];
    s.signals = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
    privilege_hide();
    serve_forever(&s);
    _exit(1);
}

int spawner_open(spawner_child child, struct spawner **ret)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    pid_t owner = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        int err = -errno;
        close(pair[0]);
        close(pair[1]);
        return err;
    }
    if (pid == 0) {
        close(pair[0]);
        run_spawner(pair[1], owner, child);
    }
    close(pair[1]);
    struct spawner *s = mem_alloc(sizeof(*s));
    s->socket = pair[0];
    s->pid = pid;
    *ret = s;
    return 0;
}

static void take_exit(struct spawner *s, const struct message *m)
{
    struct exited e = {m->pid, m->number};
    vec_push(&s->untold, e);
    if (s->watch)
        deferred_arm(&s->tell);
}

static void tell_untold(void *arg)
{
    struct spawner *s = arg;
    for (size_t i = 0; i < s->untold.count; i++)
        s->on_exit(s->arg, s->untold.items[i].pid, s->untold.items[i].status);
    vec_clear(&s->untold);
}

static void socket_readable(void *arg, int events maybe_unused)
{
    struct spawner *s = arg;
    struct message m;
    char data[16];
    struct iovec part[2] = {{&m, sizeof(m)}, {data, sizeof(data)}};
    struct msghdr msg = {.msg_iov = part, .msg_iovlen = 2};
    ssize_t got;
    while ((got = recvmsg(s->socket, &msg, MSG_DONTWAIT)) == (ssize_t)sizeof(m))
        if (m.type == MESSAGE_EXITED)
            take_exit(s, &m);
    if (got == 0) {
        log_error("the process that starts control planes ended; no more can be started");
        loop_fd_set(s->watch, 0);
    }
}

void spawner_watch(struct spawner *s, struct loop *loop,
                   void (*on_exit)(void *arg, pid_t pid, int status), void *arg)
{
    s->on_exit = on_exit;
    s->arg = arg;
    deferred_init(&s->tell, loop, tell_untold, s);
    s->watch = loop_fd_open(loop, s->socket, 1, socket_readable, s);
    if (s->untold.count)
        deferred_arm(&s->tell);
}

int spawner_spawn(struct spawner *s, struct str args, const int *fds, size_t fd_count,
                  pid_t *ret_pid)
{
    if (args.len > SPAWN_ARGS_BYTES || fd_count > SPAWN_FDS)
        return -E2BIG;
    const struct message m = {.type = MESSAGE_SPAWN};
    int err = send_message(s->socket, &m, args, fds, fd_count);
    if (err)
        return err;
    for (;;) {
        struct message answer;
        char data[SPAWN_ARGS_BYTES];
        int none[SPAWN_FDS];
        size_t none_count;
        ssize_t size = receive_message(s->socket, &answer, data, none, &none_count);
        if (size < 0)
            return (int)size;
        if (answer.type == MESSAGE_EXITED) {
            take_exit(s, &answer);
            continue;
        }
        if (answer.pid < 0)
            return answer.pid;
        *ret_pid = answer.pid;
        return 0;
    }
}

void spawner_kill(struct spawner *s, pid_t pid, int signal_number)
{
    const struct message m = {.type = MESSAGE_KILL, .pid = pid, .number = signal_number};
    if (send_message(s->socket, &m, STR_NONE, NULL, 0))
        log_error("a control plane can't be signalled", LOG_INT("pid", pid));
}

void spawner_close(struct spawner *s)
{
    if (s->watch)
        loop_fd_close(s->watch);
    close(s->socket);
    waitpid(s->pid, NULL, 0);
    vec_release(&s->untold);
    mem_free(s);
}
