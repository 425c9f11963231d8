/* The files of one run's log: those that were rotated away, "0.log.20060102-150405", and the one
 * that the runtime writes, "0.log". Together they are the log; the oldest go when there are more
 * than the agent keeps. Unlike the original's they stay as they were written, so that whoever reads
 * the log can read all of it. */
#ifndef NODE_LOG_FILES_H
#define NODE_LOG_FILES_H

#include "base/vec.h"
#include "node/agent_internal.h"

struct log_file {
    char *path; /* owned */
    uint64_t inode, size;
};
struct log_files {
    VEC(struct log_file) items; /* oldest first */
};

/* What there is of the log whose newest file has this path. */
void log_files_list(const char *path, struct log_files *ret);
void log_files_release(struct log_files *files);
void log_files_delete(const char *path); /* all of it */

/* Rotates the logs of running containers that have grown too large. */
void logs_rotate(struct agent *a);

#endif
