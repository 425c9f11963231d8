/* Running a program inside a host: what nsenter does, with the control groups entered first. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/host.h"
#include "kernel/namespace.h"
#include "kernel/path.h"

static noreturn_func void run_inside(int pidfd, const char *const *argv, int input_fd,
                                     int output_fd)
{
    int flags =
        CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWPID;
    if (setns(pidfd, flags) < 0 || chdir("/") < 0)
        _exit(126);
    pid_t pid = fork(); /* only children are in the pid namespace */
    if (pid < 0)
        _exit(126);
    if (pid > 0) {
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    if (input_fd < 0)
        input_fd = open("/dev/null", O_RDONLY);
    dup2(input_fd, 0);
    dup2(output_fd, 1);
    dup2(output_fd, 2);
    syscall(SYS_close_range, 3U, ~0U, 0U);
    const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", NULL};
    execve(argv[0], (char *const *)argv, (char *const *)environment);
    _exit(127);
}

static int collect(pid_t pid, int fd, struct buf *ret)
{
    int status = 0;
    for (;;) {
        ssize_t got = read(fd, buf_reserve(ret, 4096), 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        ret->len += (size_t)got;
        ret->data[ret->len] = 0;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int host_run(const struct host *host, const char *cgroup, const char *const *argv, int input_fd,
             struct buf *ret_output)
{
    struct cgroups *cgroups;
    int output[2], caller_fd cleanup_with(fd_close_ptr) = -1;
    if (!process_is(host->pid, host->start_ticks))
        return -ESRCH;
    int pidfd cleanup_with(fd_close_ptr) = (int)syscall(SYS_pidfd_open, host->pid, 0);
    if (pidfd < 0)
        return -errno;
    int err = process_open(getpid(), &caller_fd);
    if (err == 0)
        err = cgroups_open(&cgroups);
    if (err < 0)
        return err;
    if (pipe2(output, O_CLOEXEC) < 0) {
        cgroups_close(cgroups);
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        process_die_with(caller_fd);
        if (cgroup_enter_host(cgroups, cgroup, getpid()) < 0)
            _exit(126);
        run_inside(pidfd, argv, input_fd, output[1]);
    }
    err = pid < 0 ? -errno : 0;
    close(output[1]);
    cgroups_close(cgroups);
    if (err == 0)
        err = collect(pid, output[0], ret_output);
    close(output[0]);
    return err;
}
