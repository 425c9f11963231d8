/* Share: what a process leaves to others of the same machine.
 *
 * Everything here works without root and without control groups, on whatever the kernel offers:
 * 1. Processor: a session of its own is, where the kernel groups tasks by session (sched_autogroup,
 * on by default), one competitor however many threads it has. Short turns make a thread that
 * wakes wait for little of each busy one before it (Linux 6.12; older kernels know no such wish).
 * 2. Memory: a bound of what the process may allocate, and who ends first when the machine has none
 * left.
 * 3. Descriptors and threads. */
#ifndef SYS_SHARE_H
#define SYS_SHARE_H

#include "base/base.h"

/* Becomes the first of a new session; one that leads a group already stays where it is. */
void share_own_session(void);
/* Threads that this one starts from now on are like it. */
void share_short_turns(void);
/* For the thread that serves all: short turns, and with root a larger share; threads and processes
 * that it starts are as usual. */
void share_go_first(void);
/* adjustment: 0 to 1000, parts of a thousand of the machine's memory that the process is taken to
 * have beside its own when one must end. Children are like it. */
void share_end_early(int adjustment);

struct share_limits {
    uint64_t memory_bytes; /* of private memory: heap, stacks; not of files that it maps. 0: none */
    uint64_t files;        /* open at a time; 0: as it is */
    uint64_t threads;      /* of its user, so only for one that has a user of its own. 0: none */
};
/* Whether memory can be bounded: not in a sanitized program, whose shadow is as large as all. */
bool share_bounds_memory(void);
/* A limit that is lower already stays. 0 or -errno. */
int share_limit(const struct share_limits *limits) must_use;

/* As many descriptors as may be: for who holds two of each control plane. Login shells allow 1,024.
 */
void share_all_files(void);

/* What this machine, or the group that this process is in, has. */
uint64_t share_machine_memory_bytes(void);
uint64_t share_machine_files(void);

#endif
