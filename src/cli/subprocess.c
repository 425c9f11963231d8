#include "cli/subprocess.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/vec.h"
#include "sys/process.h"

extern char **environ;

struct child {
    struct loop *loop;
    struct process *process;
    struct buf *output;
    int fd; /* read end; -1: none */
    int status;
    bool ended, late;
};

static void take_output(struct child *c)
{
    char data[4096];
    ssize_t got;
    while (c->fd >= 0 && (got = process_read(c->fd, data, sizeof(data))) > 0)
        buf_append(c->output, data, (size_t)got);
}

static void on_output(void *arg, int events maybe_unused)
{
    struct child *c = arg;
    take_output(c);
}

static void on_exit_of(void *arg, int status)
{
    struct child *c = arg;
    c->status = status;
    c->ended = true;
    loop_stop(c->loop);
}

static void on_late(void *arg)
{
    struct child *c = arg;
    c->late = true;
    process_signal(c->process, SIGKILL);
}

/* With three descriptors, here. */
static int start(struct child *c, const char *const *argv, const char *const *environment,
                 const int *fds)
{
    const struct process_options options = {.loop = c->loop,
                                            .argv = argv,
                                            .environment = environment,
                                            .directory = ".",
                                            .fds = fds,
                                            .fd_count = 3,
                                            .netns_fd = -1,
                                            .on_exit = on_exit_of,
                                            .arg = c};
    return process_start(&options, &c->process);
}

enum {
    TAKEN = -2 /* in place of a descriptor: what is written there is taken */
};

/* Runs it until it ends. fds: its first three. */
static int run_taking(const char *const *argv, unsigned timeout_ms, int fds[3], struct buf *ret)
{
    struct child c = {.loop = loop_new(), .output = ret};
    int in;
    int err = process_pipe(&c.fd, &in);
    if (err) {
        loop_free(c.loop);
        return err;
    }
    for (size_t i = 0; i < 3; i++)
        fds[i] = fds[i] == TAKEN ? in : fds[i];
    struct timer timer;
    err = start(&c, argv, (const char *const *)environ, fds);
    process_close(in);
    if (!err) {
        struct loop_fd *watch = loop_fd_open(c.loop, c.fd, 1, on_output, &c);
        timer_init(&timer, c.loop, on_late, &c);
        timer_start(&timer, timeout_ms);
        loop_run(c.loop);
        timer_stop(&timer);
        take_output(&c);
        loop_fd_close(watch);
        err = c.late ? -ETIMEDOUT : c.status ? -EIO : 0;
    }
    process_close(c.fd);
    loop_free(c.loop);
    return err;
}

int subprocess_output(const char *const *argv, unsigned timeout_ms, struct buf *ret)
{
    return run_taking(argv, timeout_ms, (int[]){-1, TAKEN, -1}, ret);
}

int subprocess_words(const char *const *argv, unsigned timeout_ms, struct buf *ret)
{
    return run_taking(argv, timeout_ms, (int[]){-1, TAKEN, TAKEN}, ret);
}

int subprocess_save(const char *const *argv, unsigned timeout_ms, int fd, struct buf *ret_words)
{
    return run_taking(argv, timeout_ms, (int[]){-1, fd, TAKEN}, ret_words);
}

int subprocess_run(const char *const *argv, const char *variable, int *ret_status)
{
    struct child c = {.loop = loop_new(), .fd = -1};
    VEC(const char *) environment = {0};
    struct str all = str_from(variable);
    struct str name = str_cut(&all, '=');
    for (char **e = environ; *e; e++)
        if (strncmp(*e, name.data, name.len) != 0 || (*e)[name.len] != '=')
            vec_push(&environment, *e);
    vec_push(&environment, variable);
    vec_push(&environment, NULL);
    const int fds[] = {0, 1, 2};
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    int err = start(&c, argv, environment.items, fds);
    if (!err) {
        loop_run(c.loop);
        *ret_status = WIFSIGNALED(c.status) ? 128 + WTERMSIG(c.status) : WEXITSTATUS(c.status);
    }
    vec_release(&environment);
    loop_free(c.loop);
    return err;
}
