#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/daemon.h"
#include "sys/whole_file.h"

enum {
    STAT_BYTES_MAX = 4096,
    WAIT_STEP_US = 2000
};

/* The second child: becomes the program, or tells errno through the pipe. What it opens meanwhile,
 * such as a lock of its maker, it holds until its file names it. */
static void noreturn_func become(const struct daemon *d, int tell)
{
    int err = 0;
    int in = open("/dev/null", O_RDONLY);
    int out = open(d->log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        err = errno;
    setsid();
    if (!err)
        err = -pid_file_write(d->pid_path);
    if (!err && dup2(tell, 3) == 3) {
        fcntl(3, F_SETFD, FD_CLOEXEC);
        close_range(4, ~0U, 0);
        tell = 3;
    }
    umask(022);
    if (!err) {
        execv(d->program, (char *const *)d->argv);
        err = errno;
    }
    ssize_t told = write(tell, &err, sizeof(err));
    _exit(told == sizeof(err) ? 127 : 126);
}

int daemon_start(const struct daemon *d, pid_t *ret_pid)
{
    int told[2];
    pid_t pid = 0;
    int status, err = 0;
    if (pipe2(told, O_CLOEXEC))
        return -errno;
    pid_t middle = fork();
    if (middle == 0) {
        /* The daemon's parent ends at once: nobody has to wait for it. */
        pid_t daemon = fork();
        if (daemon == 0)
            become(d, told[1]);
        ssize_t sent = write(told[1], &daemon, sizeof(daemon));
        _exit(daemon > 0 && sent == sizeof(daemon) ? 0 : 1);
    }
    close(told[1]);
    if (middle > 0)
        waitpid(middle, &status, 0);
    ssize_t got = middle > 0 ? read(told[0], &pid, sizeof(pid)) : -1;
    if (got == sizeof(pid) && read(told[0], &err, sizeof(err)) != sizeof(err))
        err = 0;
    close(told[0]);
    if (got != sizeof(pid) || pid <= 0)
        return -EAGAIN;
    *ret_pid = pid;
    return -err;
}

/* Fields of /proc/PID/stat; the name in field 2 may hold anything, so they are counted from its
 * end. A process whose first thread has ended is there, with what it has open, until its last one
 * ends too. */
static int start_ticks(struct arena *a, pid_t pid, uint64_t *ret)
{
    enum {
        STATE = 3,
        THREADS = 20,
        START = 22
    };
    struct str text, fields[START + 1] = {STR_NONE};
    uint64_t threads;
    if (file_read_whole(a, arena_printf(a, "/proc/%d/stat", (int)pid).data, STAT_BYTES_MAX, &text))
        return -ESRCH;
    ssize_t end = str_find_last(text, ')');
    struct str rest = str_slice(text, (size_t)(end + 2), text.len);
    for (int i = STATE; i <= START; i++)
        fields[i] = str_cut(&rest, ' ');
    if (str_to_u64(fields[THREADS], &threads) || str_to_u64(fields[START], ret))
        return -ESRCH;
    return str_is(fields[STATE], "Z") && threads <= 1 ? -ESRCH : 0;
}

int process_started(pid_t pid, uint64_t *ret_ticks)
{
    struct arena a = ARENA_INIT;
    int err = start_ticks(&a, pid, ret_ticks);
    arena_release(&a);
    return err;
}

bool process_lives(pid_t pid, uint64_t ticks)
{
    uint64_t now;
    return process_started(pid, &now) == 0 && now == ticks;
}

int pid_file_write(const char *path)
{
    struct arena a = ARENA_INIT;
    uint64_t ticks;
    int err = start_ticks(&a, getpid(), &ticks);
    if (!err)
        err = file_write_whole(
            path, arena_printf(&a, "%d %llu\n", (int)getpid(), (unsigned long long)ticks), 0644);
    arena_release(&a);
    return err;
}

int pid_file_read(const char *path, pid_t *ret_pid)
{
    struct arena a = ARENA_INIT;
    struct str text;
    uint64_t pid, ticks, now;
    int err = file_read_whole(&a, path, 64, &text);
    if (!err) {
        struct str rest = str_trim(text);
        struct str first = str_cut(&rest, ' ');
        err = str_to_u64(first, &pid) || str_to_u64(rest, &ticks)
                  ? -ESRCH
                  : start_ticks(&a, (pid_t)pid, &now);
        if (!err && now != ticks)
            err = -ESRCH;
        if (!err)
            *ret_pid = (pid_t)pid;
    }
    arena_release(&a);
    return err ? -ESRCH : 0;
}

bool pid_file_is_own(const char *path)
{
    pid_t pid;
    return pid_file_read(path, &pid) == 0 && pid == getpid();
}

int pid_file_stop(const char *path, unsigned patience_ms)
{
    pid_t pid;
    if (pid_file_read(path, &pid))
        return 0;
    if (kill(pid, SIGTERM))
        return errno == ESRCH ? 0 : -errno;
    for (unsigned waited_us = 0; pid_file_read(path, &pid) == 0; waited_us += WAIT_STEP_US) {
        if (waited_us / 1000 == patience_ms)
            kill(pid, SIGKILL);
        if (waited_us / 1000 > patience_ms + 5000)
            return -ETIMEDOUT;
        usleep(WAIT_STEP_US);
    }
    return 0;
}

/* The file may have been removed with its directory while its lock was waited for. */
static bool is_still_there(const char *path, int fd)
{
    struct stat named, locked;
    return stat(path, &named) == 0 && fstat(fd, &locked) == 0 && named.st_ino == locked.st_ino &&
           named.st_dev == locked.st_dev;
}

int turn_take(const char *path, unsigned patience_ms, int *ret_turn)
{
    for (unsigned waited_us = 0;; waited_us += WAIT_STEP_US) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -errno;
        int err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
        if (!err && is_still_there(path, fd)) {
            *ret_turn = fd;
            return 0;
        }
        close(fd);
        if (err && err != -EWOULDBLOCK)
            return err;
        if (waited_us / 1000 >= patience_ms)
            return -ETIMEDOUT;
        usleep(WAIT_STEP_US);
    }
}

void turn_end(int turn)
{
    close(turn);
}

struct str program_path(struct arena *a)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));
    return arena_str(a, (struct str){path, len < 0 ? 0 : (size_t)len});
}
