/* A host: one machine's worth of namespaces under a process of our own as pid 1.
 *
 * Own network, mounts, host name, IPC, processes and control groups; the files of this machine are
 * shared, except /run, /tmp, /var/lib, /var/log, /opt, which are folders of the host's directory,
 * and /etc, which is this machine's with the host's changes on top. Pid 1 collects orphans and
 * keeps the services running: one that ends is started again, at most once a second. When pid 1 is
 * killed everything in the host ends with it. Nothing of it is mounted or visible outside. */
#ifndef KERNEL_HOST_H
#define KERNEL_HOST_H

#include "base/str.h"

enum {
    HOST_SERVICES_MAX = 8
};

struct host {
    pid_t pid; /* of the host's pid 1 */
    uint64_t start_ticks;
};

struct host_service {
    const char *const
        *argv;            /* ended by NULL; the program is an absolute path as the host sees it */
    const char *log_path; /* appended to, as the host sees it */
};

struct host_spec {
    const char *name; /* host name */
    const char
        *directory;      /* own files: lib, log, opt, tmp, etc, work are made in it when missing */
    const char *cgroup;  /* below the root of each hierarchy: "/kaname-1/n1" */
    const char *program; /* this program's file: seen in the host as /opt/kaname/bin/kaname */
    bool dies_with_parent; /* for hosts run in the foreground */
    struct host_service services[HOST_SERVICES_MAX];
    size_t service_count;
    /* For a host that must be found again: writes down which it is, before it runs anything. Until
     * that has returned 0 the host ends with the caller: none is ever left that nobody knows. May
     * be NULL. */
    int (*record)(void *arg, const struct host *host);
    void *record_arg;
};

/* Returns when the host's mounts are made and its services are being started: 0, or -errno of the
 * first step that failed, which is named in *ret_step (static). The caller reaps pid when it gets
 * SIGCHLD, or never. The network namespace has only `lo`, up. */
int host_start(const struct host_spec *spec, struct host *ret, const char **ret_step) must_use;
/* Ends all processes of the host and removes its control groups. */
int host_stop(const struct host *host, const char *cgroup) must_use;
/* Runs a program inside a running host and waits for it; its output (both streams) is appended to
 * ret_output, input (may be empty) comes from input_fd (-1: /dev/null). The exit code, or -errno.
 * Blocks: for loop_work or tests. */
int host_run(const struct host *host, const char *cgroup, const char *const *argv, int input_fd,
             struct buf *ret_output) must_use;

#endif
