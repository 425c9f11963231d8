#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vec.h"
#include "kernel/cgroup.h"
#include "kernel/host.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/netlink.h"
#include "kernel/path.h"

enum {
    PATH_BYTES = 1024
};

/* What the child tells: how far it came. */
struct report {
    int err;
    char step[48];
};

struct host_child {
    const struct host_spec *spec;
    struct cgroups *cgroups;
    int report_fd;
    int go_fd;                /* pid 1 reads a byte from it when it is recorded */
    int caller_fd;            /* names the process that makes the host */
    char program[PATH_BYTES]; /* without links: a file can only be bound from a mount of the host's
                                 own namespace */
};

static noreturn_func void give_up(struct host_child *child, int err, const char *step)
{
    struct report report = {.err = err};
    snprintf(report.step, sizeof(report.step), "%s", step);
    ssize_t sent = write(child->report_fd, &report, sizeof(report));
    _exit(sent == sizeof(report) ? 1 : 2);
}

static void must(struct host_child *child, int err, const char *step)
{
    if (err < 0)
        give_up(child, err, step);
}

static void own_path(const struct host_spec *spec, const char *name, char *ret)
{
    snprintf(ret, PATH_BYTES, "%s/%s", spec->directory, name);
}

static void mount_files(struct host_child *child)
{
    static const struct {
        const char *folder, *target;
    } binds[] = {{"lib", "/var/lib"}, {"log", "/var/log"}, {"opt", "/opt"}};
    char path[PATH_BYTES], upper[PATH_BYTES], work[PATH_BYTES], options[3 * PATH_BYTES];
    own_path(child->spec, "etc", upper);
    own_path(child->spec, "work", work);
    snprintf(options, sizeof(options), "lowerdir=/etc,upperdir=%s,workdir=%s", upper, work);
    must(child, mount("overlay", "/etc", "overlay", 0, options) < 0 ? -errno : 0, "mount /etc");
    own_path(child->spec, "tmp", path);
    int tmp cleanup_with(fd_close_ptr) = open(path, O_PATH | O_CLOEXEC);
    int program cleanup_with(fd_close_ptr) = open(child->program, O_PATH | O_CLOEXEC);
    must(child, program < 0 ? -errno : 0, "open the program");
    /* The host's directory may itself lie below one of the targets: all are opened before the first
     * is hidden. */
    int fds[ARRAY_COUNT(binds)];
    for (size_t i = 0; i < ARRAY_COUNT(binds); i++) {
        own_path(child->spec, binds[i].folder, path);
        fds[i] = open(path, O_PATH | O_CLOEXEC);
        must(child, fds[i] < 0 ? -errno : 0, "open the host's folders");
    }
    for (size_t i = 0; i < ARRAY_COUNT(binds); i++) {
        must(child, mount_bind_fd(fds[i], binds[i].target), "mount the host's folders");
        close(fds[i]);
    }
    must(child, dir_make("/opt/kaname/bin", 0755), "make /opt/kaname/bin");
    must(child, path_write("/opt/kaname/bin/kaname", STR_NONE, 0755),
         "make /opt/kaname/bin/kaname");
    must(child, mount_bind_fd(program, "/opt/kaname/bin/kaname"), "mount the program");
    must(child, mount_tmpfs("/run", "mode=755"), "mount /run");
    must(child, mount_bind_fd(tmp, "/tmp"), "mount /tmp");
}

/* Files over the machine-wide settings that a kubelet checks or writes: its writes end in the
 * host's own tmpfs. */
static void cover_settings(void)
{
    static const struct {
        const char *path, *value;
    } settings[] = {
        {"/proc/sys/vm/overcommit_memory", "1\n"},
        {"/proc/sys/vm/panic_on_oom", "0\n"},
        {"/proc/sys/kernel/panic", "10\n"},
        {"/proc/sys/kernel/panic_on_oops", "1\n"},
        {"/proc/sys/kernel/keys/root_maxkeys", "1000000\n"},
        {"/proc/sys/kernel/keys/root_maxbytes", "25000000\n"},
    };
    if (dir_make("/run/settings", 0700) < 0)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/run/settings/%zu", i);
        if (path_write(path, str_from(settings[i].value), 0644) == 0)
            (void)!mount_bind(path, settings[i].path);
    }
}

static void make_host(struct host_child *child)
{
    const char *name = child->spec->name;
    must(child, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0,
         "make mounts private");
    must(child,
         mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? -errno : 0,
         "mount /proc");
    must(child, umount2("/sys", MNT_DETACH) < 0 ? -errno : 0, "unmount /sys");
    must(child,
         mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? -errno : 0,
         "mount /sys");
    must(child, cgroup_mount_all(child->cgroups), "mount /sys/fs/cgroup");
    mount_files(child);
    cover_settings();
    must(child, sethostname(name, strlen(name)) < 0 ? -errno : 0, "set the host name");
    must(child, mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0 ? -errno : 0,
         "make mounts shared");
    struct netlink *nl;
    must(child, netlink_open(-1, &nl), "open netlink");
    must(child, link_set_up(nl, 1), "set lo up");
    netlink_close(nl);
    must(child, netns_sysctl(-1, "net/ipv4/ip_forward", "1"), "set ip_forward");
}

static pid_t start_service(const struct host_service *service)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int log = open(service->log_path, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);
        if (log > 2)
            close(log);
    }
    const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
        "LANG=C.UTF-8", NULL};
    execve(service->argv[0], (char *const *)service->argv, (char *const *)environment);
    _exit(127);
}

static void reap(pid_t *pids, size_t count)
{
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
        for (size_t i = 0; i < count; i++) {
            if (pids[i] == pid)
                pids[i] = 0;
        }
    }
}

/* Pid 1: collects the dead and starts services again. Needs nothing but a signal set and a clock.
 */
static noreturn_func void keep_running(const struct host_spec *spec)
{
    pid_t pids[HOST_SERVICES_MAX] = {0};
    time_t started[HOST_SERVICES_MAX] = {0};
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    for (;;) {
        bool waiting = false;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        for (size_t i = 0; i < spec->service_count; i++) {
            if (pids[i] > 0)
                continue;
            if (started[i] == now.tv_sec) {
                waiting = true;
                continue;
            }
            started[i] = now.tv_sec;
            pids[i] = start_service(&spec->services[i]);
        }
        struct timespec patience = {.tv_nsec = 200 * 1000 * 1000};
        sigtimedwait(&wanted, NULL, waiting ? &patience : NULL);
        reap(pids, spec->service_count);
    }
}

/* Runs as pid 1 of the new namespaces. */
static noreturn_func void be_host(struct host_child *child)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_NAME, "kaname-host");
    process_die_with(child->caller_fd);
    make_host(child);
    struct report done = {.err = 0};
    char go;
    if (write(child->report_fd, &done, sizeof(done)) != sizeof(done) || chdir("/") < 0 ||
        read(child->go_fd, &go, 1) != 1)
        _exit(1);
    if (!child->spec->dies_with_parent)
        prctl(PR_SET_PDEATHSIG, 0);
    int null_fd = open("/dev/null", O_RDWR);
    for (int fd = 0; null_fd >= 0 && fd < 3; fd++)
        dup2(null_fd, fd);
    syscall(SYS_close_range, 3U, ~0U, 0U);
    keep_running(child->spec);
}

/* Between the caller and pid 1: enters the control groups first, so that the new cgroup namespace
 * has them as its root. */
static noreturn_func void be_middle(struct host_child *child)
{
    process_die_with(child->caller_fd);
    must(child, cgroup_make_host(child->cgroups, child->spec->cgroup, getpid()),
         "make control groups");
    setsid();
    int flags =
        CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWPID;
    must(child, unshare(flags) < 0 ? -errno : 0, "make namespaces");
    /* The host is the caller's child, not ours: who waits for it, and whose death it may follow. */
    struct clone_args args = {.flags = CLONE_PARENT};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    must(child, pid < 0 ? -errno : 0, "start pid 1");
    if (pid == 0)
        be_host(child);
    struct report report = {.err = pid};
    ssize_t sent = write(child->report_fd, &report, sizeof(report));
    _exit(sent == sizeof(report) ? 0 : 1);
}

static int make_folders(const struct host_spec *spec)
{
    static const struct {
        const char *name;
        mode_t mode;
    } folders[] = {{"", 0755},     {"lib", 0755}, {"log", 0755}, {"opt", 0755},
                   {"tmp", 01777}, {"etc", 0755}, {"work", 0755}};
    char path[PATH_BYTES];
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        own_path(spec, folders[i].name, path);
        int err = dir_make(path, folders[i].mode);
        if (err < 0)
            return err;
    }
    return 0;
}

/* Reads the reports until pid 1 said that it is ready, or one of them failed. */
static int wait_ready(int fd, pid_t *ret_pid, const char **ret_step)
{
    static _Thread_local char step[48];
    bool ready = false;
    *ret_pid = 0;
    while (!ready || !*ret_pid) {
        struct report report;
        ssize_t got = read(fd, &report, sizeof(report));
        if (got < 0 && errno == EINTR)
            continue;
        if (got != sizeof(report))
            return -EPIPE;
        if (report.err < 0) {
            memcpy(step, report.step, sizeof(step));
            *ret_step = step;
            return report.err;
        }
        if (report.err > 0)
            *ret_pid = report.err;
        else
            ready = true;
    }
    return 0;
}

/* Everything that child needs before the fork. */
static int prepare(struct host_child *child, const char **ret_step)
{
    *ret_step = "make the host's folders";
    int err = make_folders(child->spec);
    if (err < 0)
        return err;
    *ret_step = "find the program";
    char *program = realpath(child->spec->program, NULL);
    err = program ? 0 : -errno;
    if (!err && strlen(program) >= sizeof(child->program))
        err = -ENAMETOOLONG;
    if (!err)
        memcpy(child->program, program, strlen(program) + 1);
    free(program);
    if (err < 0)
        return err;
    *ret_step = "find this process";
    err = process_open(getpid(), &child->caller_fd);
    if (err < 0)
        return err;
    *ret_step = "find control groups";
    return cgroups_open(&child->cgroups);
}

/* Tells who the host is and lets it go; one that nobody knows ends. */
static int let_go(const struct host_spec *spec, const struct host *host, int go_fd)
{
    int err = spec->record ? spec->record(spec->record_arg, host) : 0;
    if (!err && write(go_fd, "", 1) != 1)
        err = -EIO;
    if (err)
        process_kill(host->pid, host->start_ticks);
    return err;
}

/* Until the host has closed what it had of its caller, who may end from then on: it follows that no
 * more. */
static void wait_let_go(int report_fd)
{
    struct report nothing;
    while (read(report_fd, &nothing, sizeof(nothing)) < 0 && errno == EINTR)
        ;
}

static int run_child(struct host_child *child, struct host *ret, const char **ret_step)
{
    int report[2], go[2], status;
    int err = pipes_open(report, go);
    if (err)
        return err;
    child->report_fd = report[1];
    child->go_fd = go[0];
    pid_t middle = fork();
    if (middle == 0)
        be_middle(child);
    close(report[1]);
    close(go[0]);
    err = middle < 0 ? -errno : wait_ready(report[0], &ret->pid, ret_step);
    while (middle > 0 && waitpid(middle, &status, 0) < 0 && errno == EINTR)
        ;
    if (err == 0)
        err = process_start_time(ret->pid, &ret->start_ticks);
    if (err == 0) {
        *ret_step = "record";
        err = let_go(child->spec, ret, go[1]);
    }
    if (err == 0)
        wait_let_go(report[0]);
    close(report[0]);
    close(go[1]);
    return err;
}

int host_start(const struct host_spec *spec, struct host *ret, const char **ret_step)
{
    struct host_child child = {.spec = spec, .caller_fd = -1};
    struct host host = {0};
    int err = prepare(&child, ret_step);
    if (err == 0) {
        *ret_step = "start";
        err = run_child(&child, &host, ret_step);
    }
    if (child.cgroups) {
        if (err < 0)
            (void)!cgroup_end(child.cgroups, spec->cgroup);
        cgroups_close(child.cgroups);
    }
    fd_close(child.caller_fd);
    if (err == 0)
        *ret = host;
    return err;
}

int host_stop(const struct host *host, const char *cgroup)
{
    struct cgroups *cgroups;
    process_kill(host->pid, host->start_ticks);
    int err = cgroups_open(&cgroups);
    if (err < 0)
        return err;
    /* Pid 1 is gone only after all others of its namespace; the groups may take a moment longer. */
    err = cgroup_end(cgroups, cgroup);
    /* The last host of its parent takes that along. */
    char parent[PATH_BYTES];
    snprintf(parent, sizeof(parent), "%s", cgroup);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = 0;
        cgroup_remove_empty(cgroups, parent);
    }
    cgroups_close(cgroups);
    return err;
}
