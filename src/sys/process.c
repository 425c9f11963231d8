#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
    pid_t pid;
    int pid_fd; /* owned; readable when the child has ended */
    struct loop_fd *watch;
    void (*on_exit)(void *arg, int status);
    void *arg; /* borrowed */
};

/* From here to exec the child calls nothing that could take a lock: another thread may have held it
 * at the fork. */

static int place_fds(const struct process_options *o, int error_fd)
{
    int high[PROCESS_FDS_MAX];
    /* First out of the way, so that none is overwritten before it is copied. */
    for (size_t i = 0; i < o->fd_count; i++) {
        int from = o->fds[i] >= 0 ? o->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        high[i] = from < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
        if (high[i] < 0)
            return -errno;
    }
    int error_high = fcntl(error_fd, F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
    if (error_high < 0)
        return -errno;
    for (size_t i = 0; i < o->fd_count; i++) {
        if (dup2(high[i], (int)i) < 0)
            return -errno;
        /* Pipes are non-blocking here; programs expect the other kind. */
        int flags = fcntl((int)i, F_GETFL);
        if (flags >= 0 && (flags & O_NONBLOCK) && o->fds[i] >= 0)
            fcntl((int)i, F_SETFL, flags & ~O_NONBLOCK);
    }
    /* The error's descriptor is the first behind the child's own, all others close at exec. */
    if (dup3(error_high, (int)o->fd_count, O_CLOEXEC) < 0)
        return -errno;
    if (syscall(SYS_close_range, (unsigned)o->fd_count + 1, ~0U, 0) < 0)
        return -errno;
    return 0;
}

static void reset_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int change_user(const struct process_options *o)
{
    /* The raw calls: the library's tell all threads, and in the child there is one. */
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, o->gid, o->gid, o->gid) < 0 ||
        syscall(SYS_setresuid, o->uid, o->uid, o->uid) < 0)
        return -errno;
    return 0;
}

static noreturn_func void child(const struct process_options *o, int error_fd, pid_t parent)
{
    static const char *const empty[] = {NULL};
    int err = 0;
    reset_signals();
    if (o->netns_fd >= 0 && setns(o->netns_fd, CLONE_NEWNET) < 0)
        err = -errno;
    if (!err && chdir(o->directory ? o->directory : "/") < 0)
        err = -errno;
    if (!err) {
        err = place_fds(o, error_fd);
        if (!err)
            error_fd = (int)o->fd_count;
    }
    if (!err && o->change_user)
        err = change_user(o);
    /* After the change of user, which clears it. A parent that ended before this line is noticed by
     * the next. */
    if (!err && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        err = -ESRCH;
    if (!err) {
        execve(o->argv[0], (char *const *)(uintptr_t)o->argv,
               (char *const *)(uintptr_t)(o->environment ? o->environment : empty));
        err = -errno;
    }
    ssize_t told = write(error_fd, &err, sizeof(err));
    (void)told;
    _exit(127);
}

static void process_release(struct process *p)
{
    if (p->watch)
        loop_fd_close(p->watch);
    close(p->pid_fd);
    mem_free(p);
}

static void on_ended(void *arg, int events maybe_unused)
{
    struct process *p = arg;
    int status = 0;
    if (waitpid(p->pid, &status, WNOHANG) == 0)
        return;
    void (*on_exit)(void *arg, int status) = p->on_exit;
    void *user = p->arg;
    process_release(p);
    if (on_exit)
        on_exit(user, status);
}

/* What the child says before it becomes the program: nothing when that worked. */
static int wait_for_exec(int fd)
{
    int err = 0;
    ssize_t n;
    do
        n = read(fd, &err, sizeof(err));
    while (n < 0 && errno == EINTR);
    return n == sizeof(err) ? err : 0;
}

int process_start(const struct process_options *o, struct process **ret)
{
    int fds[2];
    assert(o->fd_count <= PROCESS_FDS_MAX);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child(o, fds[1], parent);
    int err = pid < 0 ? -errno : 0;
    close(fds[1]);
    if (!err)
        err = wait_for_exec(fds[0]);
    close(fds[0]);
    int pid_fd = -1;
    if (!err) {
        pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (pid_fd < 0) {
            err = -errno;
            kill(pid, SIGKILL);
        }
    }
    if (err) {
        if (pid > 0)
            waitpid(pid, NULL, 0);
        return err;
    }
    struct process *p = mem_alloc(sizeof(*p));
    *p = (struct process){.pid = pid, .pid_fd = pid_fd, .on_exit = o->on_exit, .arg = o->arg};
    p->watch = loop_fd_open(o->loop, pid_fd, 1, on_ended, p);
    if (!p->watch) {
        process_free(p);
        return -EMFILE;
    }
    *ret = p;
    return 0;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

void process_signal(struct process *p, int signal_number)
{
    /* Safe from reuse of the number: the child is ours to wait for until on_exit. */
    kill(p->pid, signal_number);
}

void process_free(struct process *p)
{
    if (!p)
        return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    process_release(p);
}

int process_pipe(int *ret_read, int *ret_write)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

ssize_t process_read(int fd, void *data, size_t size)
{
    ssize_t n = read(fd, data, size);
    return n < 0 ? -errno : n;
}

ssize_t process_write(int fd, const void *data, size_t size)
{
    ssize_t n = write(fd, data, size);
    return n < 0 ? -errno : n;
}

void process_close(int fd)
{
    close(fd);
}
