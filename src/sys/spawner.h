/* Spawner: a small warmed-up process that forks children on request, in a fraction of a
 * millisecond.
 *
 * The process that serves a region holds maps and threads, which make fork slow and unsafe; so it
 * forks the spawner first, before it has any, and asks it over a socket. Children share the
 * spawner's pages. They die with the spawner: what they leave is safe because commits are
 * (crash-only). What they write to standard error is passed on by the spawner, as long as its own
 * takes it. Limits: arguments of SPAWN_ARGS_BYTES, SPAWN_FDS descriptors, SPAWN_CHILDREN at a time.
 *
 * A spawner with a socket of its own outlives an owner that is killed, and its children live on.
 * The next owner finds them: which they are by their tags, and the descriptors that it left for
 * whoever comes after it. Owners are one at a time, of one user and one program: another program's
 * spawner is ended, so that an upgrade starts everything anew. It ends by spawner_close or
 * spawner_end, and when it has neither owner nor children, or its socket's name is gone. */
#ifndef SYS_SPAWNER_H
#define SYS_SPAWNER_H

#include "base/limits.h"
#include "base/str.h"
#include "sys/loop.h"

enum {
    SPAWN_ARGS_BYTES = 32 << 10,
    SPAWN_FDS = 16,
    SPAWN_CHILDREN = 2 * LIMIT_CLUSTERS,
    SPAWN_TAG_BYTES = 32
};

struct spawner;

/* What a child runs; its return value is the exit status. context is what the spawner was opened
 * with: no owner changes it. The rest is its owner's word, which may have fewer privileges than the
 * spawner: child checks it. fds are open in the child under the numbers given here. */
typedef int (*spawner_child)(const void *context, struct str args, const int *fds, size_t fd_count);

/* Forks the spawner. Call it before any thread, loop or map exists. 0 or -errno. */
int spawner_open(spawner_child child, const void *context, struct spawner **ret) must_use;
/* The same with a socket at this path, or the spawner that is there already. -EBUSY: it has an
 * owner. */
int spawner_open_lasting(spawner_child child, const void *context, const char *socket_path,
                         struct spawner **ret) must_use;
/* From now on exits of children are told on the loop: status as of waitpid. */
void spawner_watch(struct spawner *s, struct loop *loop,
                   void (*on_exit)(void *arg, pid_t pid, int status), void *arg);

/* Children of an earlier owner. Their descriptors belong to the callee from then on; called once
 * for each. */
struct spawner_survivor {
    pid_t pid;
    uint8_t tag[SPAWN_TAG_BYTES];
    const int *fds;
    size_t fd_count;
};
void spawner_each_survivor(struct spawner *s,
                           void (*fn)(void *arg, const struct spawner_survivor *survivor),
                           void *arg);

struct spawn_request {
    struct str args;
    const int *fds;
    size_t fd_count;
    uint32_t left;                /* bit N: fds[N] is left to the owner that comes after this one */
    uint8_t tag[SPAWN_TAG_BYTES]; /* what that owner knows it by */
};
/* A new child; descriptors are duplicated into it, the caller keeps its own. 0 or -errno. */
int spawner_spawn(struct spawner *s, const struct spawn_request *request, pid_t *ret_pid) must_use;
/* Ends a child of this spawner, by SIGTERM or SIGKILL. */
void spawner_kill(struct spawner *s, pid_t pid, int signal_number);
/* Ends the spawner and all its children, and waits for that. */
void spawner_close(struct spawner *s);
/* Ends one that its owner left at this path, if there is one; its children are gone then. 0, -EBUSY
 * while it has an owner for seconds, or -errno. */
int spawner_end(const char *socket_path) must_use;

#endif
