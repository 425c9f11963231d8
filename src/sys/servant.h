/* Servant: a process of its own that answers the requests of the one that forked it, and does long
 * work in children.
 *
 * For what needs privileges that the asking process gives up: requests are bytes that the servant
 * must check as it checks what comes from outside. Requests are served one at a time, in their
 * order; a child for work is one of at most SERVANT_WORKERS, and the only one of its key. The
 * servant ends with its children when who asks is gone. Limits: a request of SERVANT_REQUEST_BYTES,
 * with no descriptors; an answer of SERVANT_ANSWER_BYTES, with one. */
#ifndef SYS_SERVANT_H
#define SYS_SERVANT_H

#include "base/str.h"

enum {
    SERVANT_REQUEST_BYTES = 64 << 10,
    SERVANT_ANSWER_BYTES = 4 << 10,
    SERVANT_WORKERS = 64,
    SERVANT_KEY_BYTES = 128
};

struct servant; /* the servant's own side */

struct servant_answer {
    char data[SERVANT_ANSWER_BYTES];
    size_t size;
    int fd; /* -1: none. Closed when it was sent */
};

struct servant_config {
    const char *name; /* of the process */
    /* Once, before requests. False: the process ends. */
    bool (*begin)(void *context, const struct servant *s);
    /* One request. What it can't read it answers, too. */
    void (*serve)(void *context, struct servant *s, struct str request,
                  struct servant_answer *answer);
    void *context; /* the servant's own copy */
};

/* Forks it: call this before any thread, loop or map exists. 0 or -errno. */
int servant_open(const struct servant_config *config, int *ret_socket, pid_t *ret_pid) must_use;
/* Asks and waits for the answer. The bytes of the answer, or -errno; *ret_fd is the caller's, -1
 * without. */
ssize_t servant_ask(int socket, struct str request, void *answer, size_t answer_bytes,
                    int *ret_fd) must_use;
/* Ends it and waits until it and its children are gone. */
void servant_close(int socket, pid_t pid);

/* Whether the one that forked it is there: begin may take its time. */
bool servant_is_wanted(const struct servant *s);
/* In serve: runs fn in a child, which then ends; what it writes to result_fd can be read from
 * *ret_fd (non-blocking), whose end means that the child is gone. 0; -EBUSY: one of that key runs;
 * -EAGAIN: too many do; -errno. */
int servant_work(struct servant *s, struct str key, void (*fn)(void *arg, int result_fd), void *arg,
                 int *ret_fd) must_use;

#endif
