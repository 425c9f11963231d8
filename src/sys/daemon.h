/* Daemon: starting a program that outlives its starter, and ending it later by what a file says. */
#ifndef SYS_DAEMON_H
#define SYS_DAEMON_H

#include "base/arena.h"

struct daemon {
    const char *program;
    const char *const *argv; /* ended by NULL */
    const char *log_path;    /* its output is appended to it */
    const char *pid_path;    /* names it before the program begins: as pid_file_write */
};
/* Starts a program in a session of its own, with /dev/null as input. 0 or -errno; -errno of exec
 * too. */
int daemon_start(const struct daemon *d, pid_t *ret_pid) must_use;
/* When a process was started, in the kernel's ticks: with the pid it names a process for ever.
 * -ESRCH when it is gone with all that it had open. */
int process_started(pid_t pid, uint64_t *ret_ticks) must_use;
bool process_lives(pid_t pid, uint64_t ticks);
/* The file names this process by pid and start time, so that a pid used again is never mistaken for
 * it. */
int pid_file_write(const char *path) must_use;
/* The process that the file names, or -ESRCH when it is gone with all that it had open (or the file
 * is not there). */
int pid_file_read(const char *path, pid_t *ret_pid) must_use;
/* Whether that is this process. */
bool pid_file_is_own(const char *path);
/* Sends SIGTERM, waits up to patience_ms, then SIGKILL. 0 when it is gone. */
int pid_file_stop(const char *path, unsigned patience_ms) must_use;
/* Those who start and end a daemon take turns by a lock file, which is made when it is missing:
 * waits patience_ms at most for the one before. The turn ends with turn_end, or with this process
 * and its forked children unless they became other programs. 0, -ENOENT without the directory,
 * -ETIMEDOUT or -errno. */
int turn_take(const char *path, unsigned patience_ms, int *ret_turn) must_use;
void turn_end(int turn);
/* Path of the running program, in the arena. */
struct str program_path(struct arena *a);

#endif
