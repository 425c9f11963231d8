#include "kernel/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FEED_FAILED = 1,  /* a file, or its end, is missing */
    FEED_UNWANTED = 2 /* the reader has gone */
};

static int send_bytes(int to, struct str bytes)
{
    while (bytes.len) {
        ssize_t sent = write(to, bytes.data, bytes.len);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return FEED_UNWANTED;
        bytes = str_slice(bytes, (size_t)sent, bytes.len);
    }
    return 0;
}

static int send_range(int to, const struct feed_part *part)
{
    int from = open(part->path, O_RDONLY | O_CLOEXEC);
    off_t at = (off_t)part->offset;
    uint64_t left = part->size;
    if (from < 0)
        return FEED_FAILED;
    while (left) {
        ssize_t sent = sendfile(to, from, &at, MIN(left, (uint64_t)1 << 30));
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            close(from);
            return sent < 0 && errno == EPIPE ? FEED_UNWANTED : FEED_FAILED;
        }
        left -= (uint64_t)sent;
    }
    close(from);
    return 0;
}

static noreturn_func void feed(int to, const struct feed_part *parts, size_t count)
{
    int status = 0;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < count && !status; i++) {
        status = send_bytes(to, parts[i].bytes);
        if (!status && parts[i].path)
            status = send_range(to, &parts[i]);
    }
    _exit(status);
}

int feed_open(const struct feed_part *parts, size_t count, struct feed *ret)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        feed(ends[1], parts, count);
    }
    int err = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (err) {
        close(ends[0]);
        return err;
    }
    *ret = (struct feed){ends[0], pid};
    return 0;
}

int feed_close(struct feed *f)
{
    int status = 0;
    close(f->fd);
    while (waitpid(f->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) != FEED_FAILED ? 0 : -EIO;
}
