/* What owner and spawner say to each other: one datagram a message, with data and descriptors
 * behind it. */
#ifndef SYS_SPAWNER_INTERNAL_H
#define SYS_SPAWNER_INTERNAL_H

#include "sys/spawner.h"

enum message_type {
    /* From the owner. */
    MESSAGE_HELLO, /* after WELCOME; program is its own; with its standard error */
    MESSAGE_SPAWN, /* number: descriptors that are left to the next owner; data: arguments */
    MESSAGE_KILL,  /* number: signal */
    MESSAGE_END,
    /* From the spawner. */
    MESSAGE_WELCOME, /* the first to who comes by the socket */
    MESSAGE_BUSY,    /* or this: it has an owner */
    MESSAGE_LIVES,   /* a child of an earlier owner, with what was left */
    MESSAGE_LISTED,  /* no more of them; the answer to HELLO */
    MESSAGE_SPAWNED, /* pid, or -errno */
    MESSAGE_EXITED   /* number: wait status */
};

/* Which file a program was started from. */
struct program_id {
    uint64_t device, inode;
};

struct message {
    uint32_t type;
    int32_t pid;
    int32_t number;
    uint8_t tag[SPAWN_TAG_BYTES];
    struct program_id program;
};

struct program_id spawner_program(void);
int spawner_send(int socket, const struct message *m, struct str data, const int *fds,
                 size_t fd_count) must_use;
/* data has room for data_max bytes. Number of data bytes, -EPIPE at the end, or -errno. */
ssize_t spawner_receive(int socket, struct message *ret, char *data, size_t data_max,
                        int fds[SPAWN_FDS], size_t *ret_fd_count) must_use;

/* The spawner's own process (spawner_process.c). */
struct spawner_service {
    int owner;
    int listen;              /* -1: it ends with its owner */
    int directory;           /* of the socket's name */
    const char *socket_name; /* in the directory */
    spawner_child child;
    const void *context;
};
void noreturn_func spawner_serve(const struct spawner_service *config, pid_t owner);

#endif
