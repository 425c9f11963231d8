/* The spawner's own process: one loop over its owner, its listening socket, signals, and the pipe
 * of its children's log. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vec.h"
#include "sys/privilege.h"
#include "sys/share.h"
#include "sys/spawner_internal.h"

enum {
    LOOK_MS = 500, /* without an owner: how often it looks whether its socket's name is there */
    CHILDREN_END_MS = 5000 /* one that the kernel holds up longer is left to it */
};

/* Nothing here is secret: children inherit it. */
struct child {
    pid_t pid;
    uint8_t tag[SPAWN_TAG_BYTES];
    int fds[SPAWN_FDS]; /* owned: left to the next owner */
    size_t fd_count;
};

struct service {
    struct spawner_service config;
    int owner; /* -1: none */
    int signals;
    int log_read, log_write; /* pipe of the children's standard error */
    ino_t socket_inode;
    VEC(struct child) children;
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

/* Whoever sees the spawner gone finds its children gone, too; they would die with it anyway. */
static void end_children(const struct service *s)
{
    for (size_t i = 0; i < s->children.count; i++)
        kill(s->children.items[i].pid, SIGKILL);
    for (int waited = 0; waited < CHILDREN_END_MS; waited++) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0)
            return;
        usleep(1000);
    }
}

static void noreturn_func end(const struct service *s)
{
    end_children(s);
    while (relay_log(s))
        ;
    if (s->config.listen >= 0)
        unlinkat(s->config.directory, s->config.socket_name, 0);
    _exit(0);
}

static void lose_owner(struct service *s)
{
    close(s->owner);
    s->owner = -1;
    if (s->config.listen < 0 || s->children.count == 0)
        end(s);
}

/* One that doesn't hear any more is found gone when its last words are read: END may be among them.
 */
static void tell(struct service *s, const struct message *m, const int *fds, size_t fd_count)
{
    int heard maybe_unused = 0;
    if (s->owner >= 0)
        heard = spawner_send(s->owner, m, STR_NONE, fds, fd_count);
}

/* A child with clean signals that dies with the spawner, in a session of its own: one tenant is one
 * competitor for the processor. */
static pid_t fork_child(const struct service *s, struct str args, const int *fds, size_t fd_count)
{
    pid_t spawner = getpid();
    pid_t pid = fork();
    if (pid)
        return pid < 0 ? -errno : pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(s->owner);
    close(s->signals);
    if (s->config.listen >= 0) {
        close(s->config.listen);
        close(s->config.directory);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != spawner)
        _exit(1);
    redirect_log(s);
    share_own_session();
    for (size_t i = 0; i < fd_count; i++)
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    _exit(s->config.child(s->config.context, args, fds, fd_count));
}

static void forget_child(struct service *s, pid_t pid)
{
    for (size_t i = 0; i < s->children.count; i++) {
        struct child *c = &s->children.items[i];
        if (c->pid != pid)
            continue;
        for (size_t k = 0; k < c->fd_count; k++)
            close(c->fds[k]);
        vec_remove(&s->children, i);
        return;
    }
}

static void tell_exits(struct service *s)
{
    struct signalfd_siginfo info;
    int status;
    while (read(s->signals, &info, sizeof(info)) > 0)
        ;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        forget_child(s, pid);
        tell(s, &(struct message){.type = MESSAGE_EXITED, .pid = pid, .number = status}, NULL, 0);
    }
}

static void spawn(struct service *s, const struct message *m, struct str args, const int *fds,
                  size_t fd_count)
{
    struct child c = {.pid = s->children.count < SPAWN_CHILDREN ? fork_child(s, args, fds, fd_count)
                                                                : -EAGAIN};
    memcpy(c.tag, m->tag, sizeof(c.tag));
    for (size_t i = 0; i < fd_count; i++) {
        bool left = s->config.listen >= 0 && c.pid > 0 && ((uint32_t)m->number >> i & 1);
        if (left)
            c.fds[c.fd_count++] = fds[i];
        else
            close(fds[i]);
    }
    if (c.pid > 0)
        vec_push(&s->children, c);
    tell(s, &(struct message){.type = MESSAGE_SPAWNED, .pid = c.pid}, NULL, 0);
}

/* A pid is ours until waitpid has told of its end, which this process alone calls. Its owner names
 * no other process, and no other signal. */
static void end_child(const struct service *s, pid_t pid, int signal_number)
{
    if (signal_number != SIGTERM && signal_number != SIGKILL)
        return;
    for (size_t i = 0; i < s->children.count; i++)
        if (s->children.items[i].pid == pid)
            kill(pid, signal_number);
}

static void greet(struct service *s, const struct message *m, const int *fds, size_t fd_count)
{
    const struct program_id own = spawner_program();
    if (memcmp(&own, &m->program, sizeof(own)) != 0)
        end(s);
    if (fd_count)
        dup2(fds[0], STDERR_FILENO);
    for (size_t i = 0; i < s->children.count; i++) {
        const struct child *c = &s->children.items[i];
        struct message lives = {.type = MESSAGE_LIVES, .pid = c->pid};
        memcpy(lives.tag, c->tag, sizeof(lives.tag));
        tell(s, &lives, c->fds, c->fd_count);
    }
    tell(s, &(struct message){.type = MESSAGE_LISTED}, NULL, 0);
}

static void serve_owner(struct service *s)
{
    static char data[SPAWN_ARGS_BYTES]; /* the only buffer of a process of its own */
    struct message m;
    int fds[SPAWN_FDS];
    size_t fd_count = 0;
    m.type = MESSAGE_END;
    ssize_t size = spawner_receive(s->owner, &m, data, sizeof(data), fds, &fd_count);
    if (size == -EMSGSIZE && m.type == MESSAGE_SPAWN) {
        /* Too long, or there is no descriptor left here. */
        tell(s, &(struct message){.type = MESSAGE_SPAWNED, .pid = -EMFILE}, NULL, 0);
        return;
    }
    if (size < 0) {
        lose_owner(s);
        return;
    }
    if (m.type == MESSAGE_SPAWN) {
        spawn(s, &m, (struct str){data, (size_t)size}, fds, fd_count);
        explicit_bzero(data, (size_t)size); /* the next child is another tenant's */
        return;
    }
    if (m.type == MESSAGE_HELLO)
        greet(s, &m, fds, fd_count);
    else if (m.type == MESSAGE_END)
        end(s);
    else if (m.type == MESSAGE_KILL)
        end_child(s, m.pid, m.number);
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
}

static void take_owner(struct service *s)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    int fd = accept4(s->config.listen, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    bool allowed =
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
    const struct message m = {.type = s->owner < 0 ? MESSAGE_WELCOME : MESSAGE_BUSY};
    if (allowed && spawner_send(fd, &m, STR_NONE, NULL, 0) == 0 && s->owner < 0)
        s->owner = fd;
    else
        close(fd);
}

/* Whether its socket still has its name: else nobody can come any more. */
static bool can_be_found(const struct service *s)
{
    struct stat now;
    return fstatat(s->config.directory, s->config.socket_name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           now.st_ino == s->socket_inode;
}

static void noreturn_func serve_forever(struct service *s)
{
    enum {
        OWNER,
        LISTEN,
        SIGNAL,
        LOG,
        POLLED_COUNT
    };
    for (;;) {
        struct pollfd polled[POLLED_COUNT] = {[OWNER] = {.fd = s->owner, .events = POLLIN},
                                              [LISTEN] = {.fd = s->config.listen, .events = POLLIN},
                                              [SIGNAL] = {.fd = s->signals, .events = POLLIN},
                                              [LOG] = {.fd = s->log_read, .events = POLLIN}};
        int ready = poll(polled, POLLED_COUNT, s->owner < 0 ? LOOK_MS : -1);
        if (ready < 0 && errno != EINTR)
            _exit(1);
        if (s->owner < 0 && (s->children.count == 0 || !can_be_found(s)))
            end(s);
        if (ready <= 0)
            continue;
        if (polled[LOG].revents)
            relay_log(s);
        if (polled[SIGNAL].revents)
            tell_exits(s);
        if (polled[OWNER].revents && s->owner == polled[OWNER].fd)
            serve_owner(s);
        if (polled[LISTEN].revents)
            take_owner(s);
    }
}

void noreturn_func spawner_serve(const struct spawner_service *config, pid_t owner)
{
    struct service s = {.config = *config, .owner = config->owner};
    struct stat named;
    int log[2];
    prctl(PR_SET_NAME, "kaname-spawner");
    if (config->listen < 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != owner)
        _exit(0);
    if (config->listen >= 0) {
        /* It outlives its owner and its terminal, and holds nothing else of them. */
        const int kept[] = {config->owner, config->listen, config->directory};
        setsid();
        if (descriptors_keep(kept, ARRAY_COUNT(kept)) ||
            fstatat(config->directory, config->socket_name, &named, AT_SYMLINK_NOFOLLOW))
            _exit(1);
        s.socket_inode = named.st_ino;
    }
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
    /* Ctrl-C goes to the whole group of a terminal: the owner decides what ends. */
    signal(SIGINT, SIG_IGN);
    s.signals = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s.signals < 0 || pipe2(log, O_CLOEXEC | O_NONBLOCK))
        _exit(1);
    s.log_read = log[0];
    s.log_write = log[1];
    privilege_hide();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* neither it nor its children run programs */
    serve_forever(&s);
}
