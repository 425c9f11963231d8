/* Daemon: starting a program that outlives its starter, and ending it later by what a file says. */
#ifndef SYS_DAEMON_H
#define SYS_DAEMON_H

#include "base/arena.h"

/* Starts program with argv (ended by NULL) in a session of its own, with /dev/null as input and
 * log_path (appended to) as output. 0 or -errno; -errno of exec too. */
int daemon_start(const char *program, const char *const *argv, const char *log_path,
                 pid_t *ret_pid) must_use;
/* The file names this process by pid and start time, so that a pid used again is never mistaken for
 * it. */
int pid_file_write(const char *path) must_use;
/* The process that the file names, or -ESRCH when it is gone (or the file is not there). */
int pid_file_read(const char *path, pid_t *ret_pid) must_use;
/* Sends SIGTERM, waits up to patience_ms, then SIGKILL. 0 when it is gone. */
int pid_file_stop(const char *path, unsigned patience_ms) must_use;
/* Path of the running program, in the arena. */
struct str program_path(struct arena *a);

#endif
