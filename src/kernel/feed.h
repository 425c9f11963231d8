/* Feed: a pipe that a child of this process fills, from memory and from ranges of files.
 *
 * For programs that read large input: no byte of a file passes through this process, and nothing
 * is laid down in between. */
#ifndef KERNEL_FEED_H
#define KERNEL_FEED_H

#include "base/str.h"

struct feed_part {
    struct str bytes; /* sent first; may be empty */
    const char *path; /* then size bytes of this file; NULL: none */
    uint64_t offset, size;
};

struct feed {
    int fd; /* to read from */
    pid_t pid;
};

/* The parts must stay until feed_close. 0 or -errno. */
int feed_open(const struct feed_part *parts, size_t count, struct feed *ret) must_use;
/* Ends it, whether all was read or not. 0, or -EIO when a file could not be read to its end. */
int feed_close(struct feed *f) must_use;

#endif
