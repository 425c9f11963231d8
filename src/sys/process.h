/* Programs as children: with the descriptors, the user and the network namespace that they get, and
 * word of their end.
 *
 * For helpers that kaname runs (credential plugins, CNI plugins, mount helpers). Tenants' control
 * planes are the spawner's. Invariants:
 * 1. A child inherits the descriptors named, as 0, 1, 2, ..., and no others; no signal is blocked
 * or ignored in it.
 * 2. It dies with the thread that started it (PR_SET_PDEATHSIG), and when process_signal is called.
 * 3. on_exit comes once, on the loop; the process is gone afterwards. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include "base/base.h"
#include "sys/loop.h"

enum {
    PROCESS_FDS_MAX = 16
};

struct process;

struct process_options {
    struct loop *loop;
    const char *const *argv;        /* argv[0] is a path; ended by NULL */
    const char *const *environment; /* ended by NULL; NULL: empty */
    const char *directory;          /* NULL: "/" */
    const int *fds;                 /* become 0, 1, 2, ...; -1 gives /dev/null */
    size_t fd_count;
    int netns_fd;     /* network namespace to run in; -1: this process's */
    bool change_user; /* to uid and gid, without supplementary groups */
    uid_t uid;
    gid_t gid;
    void (*on_exit)(void *arg, int status); /* as of waitpid; may be NULL */
    void *arg;                              /* borrowed */
};
/* 0, or -errno of what failed: in the child too, -ENOENT for a program that isn't there. */
int process_start(const struct process_options *options, struct process **ret) must_use;
pid_t process_pid(const struct process *p);
void process_signal(struct process *p, int signal_number);
/* Kills it and forgets it: on_exit is not called. */
void process_free(struct process *p);

/* A pipe, close-on-exec, both ends non-blocking here. 0 or -errno. */
int process_pipe(int *ret_read, int *ret_write) must_use;
ssize_t process_read(int fd, void *data, size_t size) must_use; /* 0 at the end, -EAGAIN, -errno */
ssize_t process_write(int fd, const void *data, size_t size) must_use;
void process_close(int fd);

#endif
