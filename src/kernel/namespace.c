#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/namespace.h"
#include "kernel/path.h"
#include "sys/privilege.h"

int netns_enter(int fd, struct netns_visit *visit)
{
    visit->home_fd = -1;
    if (fd < 0)
        return 0;
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return -errno;
    if (setns(fd, CLONE_NEWNET) < 0) {
        int err = -errno;
        close(home);
        return err;
    }
    visit->home_fd = home;
    return 0;
}

void netns_leave(struct netns_visit *visit)
{
    if (visit->home_fd < 0)
        return;
    /* A thread that can't come home would do its next work in a tenant's network. */
    if (setns(visit->home_fd, CLONE_NEWNET) < 0)
        abort();
    close(visit->home_fd);
    visit->home_fd = -1;
}

int netns_open_path(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int netns_open_process(pid_t pid, int *ret_fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    return netns_open_path(path, ret_fd);
}

/* The child of a fork keeps nothing of its maker but two pipes: it tells through one how it went,
 * and waits at the other until it is let go. */
static noreturn_func void hold(const char *name, int report_fd, int wait_fd)
{
    enum {
        REPORT = 3,
        WAIT = 4
    };
    int high[2] = {fcntl(report_fd, F_DUPFD, 16), fcntl(wait_fd, F_DUPFD, 16)};
    dup2(high[0], REPORT);
    dup2(high[1], WAIT);
    syscall(SYS_close_range, WAIT + 1U, ~0U, 0U);
    int null_fd = open("/dev/null", O_RDWR);
    for (int fd = 0; null_fd >= 0 && fd < 3; fd++)
        dup2(null_fd, fd);
    if (null_fd > WAIT)
        close(null_fd);
    setsid();
    prctl(PR_SET_NAME, name);
    int err = unshare(CLONE_NEWNET) < 0 ? errno : 0;
    char go;
    if (write(REPORT, &err, sizeof(err)) != sizeof(err) || err || read(WAIT, &go, 1) != 1)
        _exit(1);
    close(REPORT);
    close(WAIT);
    /* It only waits for its end: whoever got into it would find nothing to use. */
    if (chdir("/") < 0 || privilege_renounce() < 0)
        _exit(1);
    sigset_t none;
    sigemptyset(&none);
    for (;;)
        sigsuspend(&none);
}

/* Forked twice, so that the holder is nobody's child and needs no wait. */
static pid_t start_middle(const char *name, const int report[2], const int go[2])
{
    pid_t middle = fork();
    if (middle != 0)
        return middle;
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        hold(name, report[1], go[0]);
    }
    ssize_t sent = write(report[1], &pid, sizeof(pid));
    _exit(pid < 0 || sent != sizeof(pid));
}

/* Two reports in either order: the middle's pid and the holder's error, which is 0. 0 or errno. */
static int hear_holder(int fd, pid_t middle, pid_t *ret_pid)
{
    int first = -1, second = -1;
    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        ;
    if (read(fd, &first, sizeof(first)) != sizeof(first) ||
        read(fd, &second, sizeof(second)) != sizeof(second) || (first && second))
        return EIO;
    *ret_pid = first ? first : second;
    return *ret_pid > 0 ? 0 : EIO;
}

int pipes_open(int first[2], int second[2])
{
    if (pipe2(first, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(second, O_CLOEXEC) == 0)
        return 0;
    int err = -errno;
    close(first[0]);
    close(first[1]);
    return err;
}

int netns_holder_start_recorded(const char *name, int (*record)(void *arg, pid_t pid), void *arg,
                                pid_t *ret_pid)
{
    int report[2], go[2];
    pid_t pid = 0;
    int err = pipes_open(report, go);
    if (err)
        return err;
    pid_t middle = start_middle(name, report, go);
    err = middle < 0 ? -errno : 0;
    close(report[1]);
    close(go[0]);
    if (!err)
        err = -hear_holder(report[0], middle, &pid);
    if (!err && record)
        err = record(arg, pid);
    if (!err && write(go[1], "", 1) != 1)
        err = -EIO;
    close(report[0]);
    close(go[1]);
    if (!err)
        *ret_pid = pid;
    return err;
}

int netns_holder_start(const char *name, pid_t *ret_pid)
{
    return netns_holder_start_recorded(name, NULL, NULL, ret_pid);
}

void process_die_with(int caller_fd)
{
    struct pollfd gone = {.fd = caller_fd, .events = POLLIN};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&gone, 1, 0) != 0)
        _exit(1);
}

int process_start_time(pid_t pid, uint64_t *ret_ticks)
{
    char path[64];
    struct buf text cleanup_with(buf_release) = BUF_INIT;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (path_read(path, 4096, &text) < 0)
        return -ESRCH;
    /* The name in parentheses may hold anything; field 22 is the 20th behind the last ')'. */
    ssize_t close_at = str_find_last(buf_str(&text), ')');
    if (close_at < 0)
        return -ESRCH;
    struct str rest = str_trim(str_slice(buf_str(&text), (size_t)close_at + 1, text.len));
    if (rest.len && rest.data[0] == 'Z')
        return -ESRCH;
    struct str field = {0};
    for (int i = 3; i <= 22; i++)
        field = str_cut(&rest, ' ');
    return str_to_u64(field, ret_ticks);
}

bool process_is(pid_t pid, uint64_t start_ticks)
{
    uint64_t ticks;
    return pid > 0 && process_start_time(pid, &ticks) == 0 && ticks == start_ticks;
}

int process_open(pid_t pid, int *ret_fd)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

void process_kill(pid_t pid, uint64_t start_ticks)
{
    if (!process_is(pid, start_ticks))
        return;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    if (process_is(pid, start_ticks)) {
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        while (poll(&poll_fd, 1, 10000) < 0 && errno == EINTR)
            ;
        waitpid(pid, NULL, WNOHANG);
    }
    close(fd);
}

int netns_sysctl(int netns_fd, const char *name, const char *value)
{
    char path[160];
    struct netns_visit visit;
    int err = netns_enter(netns_fd, &visit);
    if (err < 0)
        return err;
    snprintf(path, sizeof(path), "/proc/sys/%s", name);
    err = path_put(path, str_from(value));
    netns_leave(&visit);
    return err;
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t socket_address(struct ip ip, uint16_t port, union socket_address *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (ip.family == 6) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        memcpy(&ret->v6.sin6_addr, ip.bytes, 16);
        return sizeof(ret->v6);
    }
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = htons(port);
    memcpy(&ret->v4.sin_addr, ip.bytes, 4);
    return sizeof(ret->v4);
}

static int netns_socket(int netns_fd, struct ip ip, int *ret_fd)
{
    struct netns_visit visit;
    int err = netns_enter(netns_fd, &visit);
    if (err < 0)
        return err;
    int fd =
        socket(ip.family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    err = fd < 0 ? -errno : 0;
    netns_leave(&visit);
    *ret_fd = fd;
    return err;
}

int netns_listen(int netns_fd, struct ip address, uint16_t port, int *ret_fd)
{
    union socket_address name;
    socklen_t size = socket_address(address, port, &name);
    int fd, one = 1;
    int err = netns_socket(netns_fd, address, &fd);
    if (err < 0)
        return err;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, &name.any, size) < 0 || listen(fd, 512) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int netns_connect(int netns_fd, struct ip address, uint16_t port, int *ret_fd)
{
    union socket_address name;
    socklen_t size = socket_address(address, port, &name);
    int fd, one = 1;
    int err = netns_socket(netns_fd, address, &fd);
    if (err < 0)
        return err;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, &name.any, size) < 0 && errno != EINPROGRESS) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}
