/* Namespaces: visiting a network namespace, making one that outlives its maker, sockets inside it.
 *
 * A network namespace is named by a descriptor. It lives as long as a process, a socket or a
 * descriptor is in it; kaname mounts none. Invariant: outside netns_enter and netns_leave a thread
 * is in the namespace that its process was started in. */
#ifndef KERNEL_NAMESPACE_H
#define KERNEL_NAMESPACE_H

#include "kernel/address.h"

struct netns_visit {
    int home_fd; /* -1: nothing was entered */
};
/* The calling thread moves into a network namespace; nothing else of the process does. fd -1:
 * stays. Always paired. */
int netns_enter(int fd, struct netns_visit *visit) must_use;
void netns_leave(struct netns_visit *visit);

int netns_open_process(pid_t pid, int *ret_fd) must_use; /* of a running process */
int netns_open_path(const char *path, int *ret_fd) must_use;

/* A process that does nothing but hold a new network namespace, so that the namespace outlives the
 * process that made it. It dies when killed only; it holds no descriptor of its maker. */
int netns_holder_start(const char *name, pid_t *ret_pid) must_use;
/* The same for one that must be found again: record writes down which it is, and until that has
 * returned 0 the holder ends with this process. Its error is returned. */
int netns_holder_start_recorded(const char *name, int (*record)(void *arg, pid_t pid), void *arg,
                                pid_t *ret_pid) must_use;

/* Two pipes, closed when a program is executed: both or none. */
int pipes_open(int first[2], int second[2]) must_use;

/* When a process was started, in the kernel's ticks: with the pid it names a process for ever.
 * -ESRCH when there is none. */
int process_start_time(pid_t pid, uint64_t *ret_ticks) must_use;
/* A descriptor that becomes readable when the process ends. */
int process_open(pid_t pid, int *ret_fd) must_use;
bool process_is(pid_t pid, uint64_t start_ticks);
/* For a child right after fork: it is killed when the process ends that caller_fd names
 * (process_open before the fork), which may have happened already. Its own children aren't. */
void process_die_with(int caller_fd);
/* Ends a process and waits until it is gone; its children are the reaper's matter. */
void process_kill(pid_t pid, uint64_t start_ticks);

/* Writes a sysctl ("net/ipv4/ip_forward") of a network namespace. */
int netns_sysctl(int netns_fd, const char *name, const char *value) must_use;

/* A listening, non-blocking TCP socket in a network namespace. */
int netns_listen(int netns_fd, struct ip address, uint16_t port, int *ret_fd) must_use;
/* A non-blocking TCP socket whose connection has been begun. */
int netns_connect(int netns_fd, struct ip address, uint16_t port, int *ret_fd) must_use;

#endif
