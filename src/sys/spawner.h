/* Spawner: a small warmed-up process that forks children on request, in a fraction of a
 * millisecond.
 *
 * The process that serves a region holds maps and threads, which make fork slow and unsafe; so it
 * forks the spawner first, before it has any, and asks it over a socket. Children share the
 * spawner's pages. They die with the spawner, and the spawner with the process that opened it: what
 * they leave is safe because commits are (crash-only). What they write to standard error is passed
 * on by the spawner, as long as its own takes it. Limits: arguments of SPAWN_ARGS_BYTES,
 * SPAWN_FDS descriptors. */
#ifndef SYS_SPAWNER_H
#define SYS_SPAWNER_H

#include "base/str.h"
#include "sys/loop.h"

enum {
    SPAWN_ARGS_BYTES = 32 << 10,
    SPAWN_FDS = 16
};

struct spawner;

/* What a child runs; its return value is the exit status. fds are open in the child under the
 * numbers given here. */
typedef int (*spawner_child)(struct str args, const int *fds, size_t fd_count);

/* Forks the spawner. Call it before any thread, loop or map exists. 0 or -errno. */
int spawner_open(spawner_child child, struct spawner **ret) must_use;
/* From now on exits of children are told on the loop: status as of waitpid. */
void spawner_watch(struct spawner *s, struct loop *loop,
                   void (*on_exit)(void *arg, pid_t pid, int status), void *arg);
/* A new child with these arguments; descriptors are duplicated into it, the caller keeps its own. 0
 * or -errno. */
int spawner_spawn(struct spawner *s, struct str args, const int *fds, size_t fd_count,
                  pid_t *ret_pid) must_use;
/* Ends a child of this spawner. */
void spawner_kill(struct spawner *s, pid_t pid, int signal_number);
/* Ends the spawner and all its children. */
void spawner_close(struct spawner *s);

#endif
