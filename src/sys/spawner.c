/* The owner's side. */
#include "sys/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/vec.h"
#include "sys/spawner_internal.h"

enum {
    END_WAIT_MS = 10000,
    BUSY_STEP_MS = 5
};

struct exited {
    pid_t pid;
    int status;
};

struct survivor {
    pid_t pid;
    uint8_t tag[SPAWN_TAG_BYTES];
    int fds[SPAWN_FDS];
    size_t fd_count;
};

struct spawner {
    int socket;
    pid_t pid;             /* 0: an earlier owner's child */
    struct loop_fd *watch; /* owned */
    struct deferred tell;
    void (*on_exit)(void *arg, pid_t pid, int status);
    void *arg;
    VEC(struct exited) untold; /* seen while waiting for an answer */
    VEC(struct survivor) survivors;
};

static struct spawner *spawner_new(int socket, pid_t pid)
{
    struct spawner *s = mem_alloc(sizeof(*s));
    s->socket = socket;
    s->pid = pid;
    return s;
}

/* Forks the process that config describes but for its owner. */
static int start(struct spawner_service config, struct spawner **ret)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    pid_t owner = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        config.owner = pair[1];
        spawner_serve(&config, owner);
    }
    int err = pid < 0 ? -errno : 0;
    close(pair[1]);
    if (err)
        close(pair[0]);
    else
        *ret = spawner_new(pair[0], pid);
    return err;
}

int spawner_open(spawner_child child, const void *context, struct spawner **ret)
{
    return start(
        (struct spawner_service){.listen = -1, .directory = -1, .child = child, .context = context},
        ret);
}

/* The name of a socket. One longer than an address is reached through its directory's descriptor.
 */
struct place {
    int directory;
    const char *name;
    struct sockaddr_un address;
};

static int place_open(const char *path, struct place *ret)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_dup(path, (size_t)(slash - path) + 2) : NULL;
    *ret = (struct place){.name = slash ? slash + 1 : path, .address = {.sun_family = AF_UNIX}};
    if (folder)
        folder[slash - path + 1] = 0;
    ret->directory = open(folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    mem_free(folder);
    if (ret->directory < 0)
        return -errno;
    size_t size = sizeof(ret->address.sun_path);
    int len = snprintf(ret->address.sun_path, size, "%s", path);
    if (len >= (int)size)
        len =
            snprintf(ret->address.sun_path, size, "/proc/self/fd/%d/%s", ret->directory, ret->name);
    if (len < (int)size)
        return 0;
    close(ret->directory);
    return -ENAMETOOLONG;
}

static int place_connect(const struct place *place, int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address))) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

static int place_listen(const struct place *place, int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t mask = umask(0177);
    /* Nobody answered there: a name that is left of one that is gone. */
    int err = unlinkat(place->directory, place->name, 0) && errno != ENOENT ? -errno : 0;
    if (!err && (bind(fd, (const struct sockaddr *)&place->address, sizeof(place->address)) ||
                 listen(fd, 8)))
        err = -errno;
    umask(mask);
    if (err)
        close(fd);
    else
        *ret_fd = fd;
    return err;
}

static void add_survivor(struct spawner *s, const struct message *m, const int *fds,
                         size_t fd_count)
{
    struct survivor one = {.pid = m->pid, .fd_count = fd_count};
    memcpy(one.tag, m->tag, sizeof(one.tag));
    memcpy(one.fds, fds, fd_count * sizeof(*fds));
    vec_push(&s->survivors, one);
}

/* One message of what a spawner says to a new owner. 0, -EBUSY, or -ESRCH when it is gone. */
static int listen_to(struct spawner *s, struct message *ret)
{
    char data[16];
    int fds[SPAWN_FDS];
    size_t fd_count;
    if (spawner_receive(s->socket, ret, data, sizeof(data), fds, &fd_count) < 0)
        return -ESRCH;
    if (ret->type == MESSAGE_LIVES)
        add_survivor(s, ret, fds, fd_count);
    return ret->type == MESSAGE_BUSY ? -EBUSY : 0;
}

/* Takes over the spawner behind a socket: 0; -EBUSY; -ESRCH when it is another program's and has
 * ended. */
static int take_over(int socket, struct spawner **ret)
{
    const struct message hello = {.type = MESSAGE_HELLO, .program = spawner_program()};
    const int log = STDERR_FILENO;
    struct spawner *s = spawner_new(socket, 0);
    struct message m;
    int err = listen_to(s, &m);
    if (!err && spawner_send(socket, &hello, STR_NONE, &log, 1))
        err = -ESRCH;
    while (!err && m.type != MESSAGE_LISTED)
        err = listen_to(s, &m);
    if (err)
        spawner_close(s);
    else
        *ret = s;
    return err;
}

int spawner_open_lasting(spawner_child child, const void *context, const char *socket_path,
                         struct spawner **ret)
{
    struct place place;
    int fd, listening = -1;
    int err = place_open(socket_path, &place);
    if (err)
        return err;
    err = place_connect(&place, &fd);
    if (!err)
        err = take_over(fd, ret);
    if (err && err != -EBUSY) {
        err = place_listen(&place, &listening);
        if (!err) {
            err = start((struct spawner_service){.listen = listening,
                                                 .directory = place.directory,
                                                 .socket_name = place.name,
                                                 .child = child,
                                                 .context = context},
                        ret);
            close(listening);
        }
    }
    close(place.directory);
    return err;
}

/* 0: it has ended, or there was none; -EBUSY: it still has an owner. */
static int end_at(const struct place *place)
{
    const struct message end = {.type = MESSAGE_END};
    struct message said;
    struct pollfd p = {.events = POLLIN};
    if (place_connect(place, &p.fd))
        return 0;
    int err = poll(&p, 1, END_WAIT_MS) == 1 ? 0 : -ETIMEDOUT;
    ssize_t got = err ? 0 : recv(p.fd, &said, sizeof(said), MSG_DONTWAIT);
    if (got == (ssize_t)sizeof(said) && said.type == MESSAGE_BUSY) {
        err = -EBUSY;
    } else if (got > 0) {
        p.events = 0; /* only its hang-up counts now */
        if (spawner_send(p.fd, &end, STR_NONE, NULL, 0) == 0 && poll(&p, 1, END_WAIT_MS) != 1)
            err = -ETIMEDOUT;
    }
    close(p.fd);
    return err;
}

int spawner_end(const char *socket_path)
{
    struct place place;
    int err = place_open(socket_path, &place);
    if (err)
        return err == -ENOENT ? 0 : err;
    /* An owner that was killed has the socket open until the kernel is through with it. */
    for (int waited = 0; (err = end_at(&place)) == -EBUSY && waited < END_WAIT_MS;
         waited += BUSY_STEP_MS)
        usleep(1000 * BUSY_STEP_MS);
    close(place.directory);
    return err;
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
    ssize_t got;
    while ((got = recv(s->socket, &m, sizeof(m), MSG_DONTWAIT)) == (ssize_t)sizeof(m))
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

void spawner_each_survivor(struct spawner *s,
                           void (*fn)(void *arg, const struct spawner_survivor *survivor),
                           void *arg)
{
    for (size_t i = 0; i < s->survivors.count; i++) {
        const struct survivor *one = &s->survivors.items[i];
        struct spawner_survivor told = {
            .pid = one->pid, .fds = one->fds, .fd_count = one->fd_count};
        memcpy(told.tag, one->tag, sizeof(told.tag));
        fn(arg, &told);
    }
    vec_release(&s->survivors);
}

int spawner_spawn(struct spawner *s, const struct spawn_request *request, pid_t *ret_pid)
{
    if (request->args.len > SPAWN_ARGS_BYTES || request->fd_count > SPAWN_FDS)
        return -E2BIG;
    struct message m = {.type = MESSAGE_SPAWN, .number = (int32_t)request->left};
    memcpy(m.tag, request->tag, sizeof(m.tag));
    int err = spawner_send(s->socket, &m, request->args, request->fds, request->fd_count);
    if (err)
        return err;
    for (;;) {
        struct message answer;
        char data[16];
        int none[SPAWN_FDS];
        size_t none_count;
        ssize_t size = spawner_receive(s->socket, &answer, data, sizeof(data), none, &none_count);
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
    if (spawner_send(s->socket, &m, STR_NONE, NULL, 0))
        log_error("a control plane can't be signalled", LOG_INT("pid", pid));
}

static void close_survivor(void *arg maybe_unused, const struct spawner_survivor *survivor)
{
    for (size_t i = 0; i < survivor->fd_count; i++)
        close(survivor->fds[i]);
}

/* Listens until the other side hangs up: closing with something unread would reset the connection,
 * and END be lost. */
static void wait_for_hang_up(int socket)
{
    struct message m;
    struct pollfd p = {.fd = socket, .events = POLLIN};
    while (poll(&p, 1, END_WAIT_MS) == 1 && recv(socket, &m, sizeof(m), MSG_DONTWAIT) > 0)
        ;
}

void spawner_close(struct spawner *s)
{
    const struct message end = {.type = MESSAGE_END};
    if (s->watch)
        loop_fd_close(s->watch);
    spawner_each_survivor(s, close_survivor, NULL);
    if (spawner_send(s->socket, &end, STR_NONE, NULL, 0) == 0)
        wait_for_hang_up(s->socket);
    close(s->socket);
    if (s->pid)
        waitpid(s->pid, NULL, 0);
    vec_release(&s->untold);
    mem_free(s);
}
