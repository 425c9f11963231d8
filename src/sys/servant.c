#include "sys/servant.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vec.h"
#include "sys/message.h"
#include "sys/privilege.h"

struct worker {
    pid_t pid;
    char key[SERVANT_KEY_BYTES];
};

struct servant {
    struct servant_config config;
    int owner, signals;
    VEC(struct worker) workers;
};

static void reap(struct servant *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof(info)) > 0)
        ;
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
        for (size_t i = 0; i < s->workers.count; i++)
            if (s->workers.items[i].pid == pid) {
                vec_remove(&s->workers, i);
                break;
            }
}

static noreturn_func void end(struct servant *s)
{
    for (size_t i = 0; i < s->workers.count; i++)
        kill(s->workers.items[i].pid, SIGKILL);
    for (size_t i = 0; i < s->workers.count; i++)
        waitpid(s->workers.items[i].pid, NULL, 0);
    _exit(0);
}

bool servant_is_wanted(const struct servant *s)
{
    struct pollfd p = {.fd = s->owner};
    return poll(&p, 1, 0) == 0;
}

static int find_worker(const struct servant *s, struct str key)
{
    if (key.len >= SERVANT_KEY_BYTES)
        return -EINVAL;
    for (size_t i = 0; i < s->workers.count; i++)
        if (str_is(key, s->workers.items[i].key))
            return -EBUSY;
    return s->workers.count < SERVANT_WORKERS ? 0 : -EAGAIN;
}

int servant_work(struct servant *s, struct str key, void (*fn)(void *arg, int result_fd), void *arg,
                 int *ret_fd)
{
    int ends[2];
    int err = find_worker(s, key);
    if (err)
        return err;
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    pid_t servant = getpid();
    struct worker w = {.pid = fork()};
    if (w.pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != servant || descriptors_keep(&ends[1], 1))
            _exit(1);
        fn(arg, ends[1]);
        _exit(0);
    }
    err = w.pid < 0 ? -errno : 0;
    close(ends[1]);
    if (err) {
        close(ends[0]);
        return err;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    snprintf(w.key, sizeof(w.key), "%.*s", STR_ARG(key));
    vec_push(&s->workers, w);
    *ret_fd = ends[0];
    return 0;
}

/* Descriptors in a request are nobody's: they are closed unseen. */
static void serve_one(struct servant *s)
{
    static char data[SERVANT_REQUEST_BYTES];
    static struct servant_answer answer; /* with the request the only large things of a process */
    const struct iovec part = {data, sizeof(data)};
    int fds[MESSAGE_FDS];
    size_t fd_count = 0;
    ssize_t size = message_receive(s->owner, &part, 1, -1, fds, &fd_count);
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    if (size < 0 && size != -EMSGSIZE)
        end(s);
    memset(&answer, 0, sizeof(answer));
    answer.fd = -1;
    s->config.serve(s->config.context, s, (struct str){data, size < 0 ? 0 : (size_t)size}, &answer);
    explicit_bzero(data, sizeof(data));
    const struct iovec reply = {answer.data, answer.size};
    int err = message_send(s->owner, &reply, 1, &answer.fd, answer.fd >= 0);
    if (answer.fd >= 0)
        close(answer.fd);
    if (err)
        end(s);
}

static noreturn_func void serve_forever(struct servant *s)
{
    for (;;) {
        struct pollfd polled[2] = {{.fd = s->owner, .events = POLLIN},
                                   {.fd = s->signals, .events = POLLIN}};
        if (poll(polled, ARRAY_COUNT(polled), -1) < 0) {
            if (errno != EINTR)
                end(s);
            continue;
        }
        if (polled[1].revents)
            reap(s);
        if (polled[0].revents)
            serve_one(s);
    }
}

/* It holds nothing of its starter but the socket and the log, whose reader may go; Ctrl-C of a
 * terminal is for others. */
static noreturn_func void be_servant(const struct servant_config *config, int owner)
{
    struct servant s = {.config = *config, .owner = owner};
    sigset_t child_signal;
    prctl(PR_SET_NAME, config->name);
    signal(SIGPIPE, SIG_IGN);
    setsid();
    if (descriptors_keep(&owner, 1))
        _exit(1);
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child_signal, NULL);
    s.signals = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s.signals < 0)
        _exit(1);
    privilege_hide();
    if (!config->begin(config->context, &s))
        _exit(1);
    serve_forever(&s);
}

int servant_open(const struct servant_config *config, int *ret_socket, pid_t *ret_pid)
{
    int pair[2];
    int err = message_pair(pair);
    if (err)
        return err;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        be_servant(config, pair[1]);
    }
    err = pid < 0 ? -errno : 0;
    close(pair[1]);
    if (err) {
        close(pair[0]);
        return err;
    }
    *ret_socket = pair[0];
    *ret_pid = pid;
    return 0;
}

ssize_t servant_ask(int socket, struct str request, void *answer, size_t answer_bytes, int *ret_fd)
{
    const struct iovec asked = {(void *)request.data, request.len}, told = {answer, answer_bytes};
    int fds[MESSAGE_FDS];
    size_t fd_count = 0;
    *ret_fd = -1;
    if (request.len > SERVANT_REQUEST_BYTES)
        return -E2BIG;
    int err = message_send(socket, &asked, 1, NULL, 0);
    if (err)
        return err;
    ssize_t size = message_receive(socket, &told, 1, -1, fds, &fd_count);
    if (size < 0)
        return size;
    if (fd_count)
        *ret_fd = fds[0];
    for (size_t i = 1; i < fd_count; i++)
        close(fds[i]);
    return size;
}

void servant_close(int socket, pid_t pid)
{
    close(socket);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
