/* Other programs, run and waited for. */
#ifndef CLI_SUBPROCESS_H
#define CLI_SUBPROCESS_H

#include "base/str.h"

/* Appends what it writes to standard output to ret; argv[0] is a path. 0, -ETIMEDOUT (it was
 * killed), -EIO (it failed), -errno. */
int subprocess_output(const char *const *argv, unsigned timeout_ms, struct buf *ret) must_use;
/* The same with what it writes to standard error. */
int subprocess_words(const char *const *argv, unsigned timeout_ms, struct buf *ret) must_use;
/* Its standard output goes to an open file, what it says on standard error to ret_words. As above.
 */
int subprocess_save(const char *const *argv, unsigned timeout_ms, int fd,
                    struct buf *ret_words) must_use;
/* Runs it with this process's streams, folder and environment, with one variable ("NAME=value")
 * more. Ctrl-C is the program's: this process waits for it. 0 and its exit status as a shell tells
 * it (128 + the signal's number), or -errno. */
int subprocess_run(const char *const *argv, const char *variable, int *ret_status) must_use;

#endif
