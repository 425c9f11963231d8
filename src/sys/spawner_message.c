#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/message.h"
#include "sys/spawner_internal.h"

struct program_id spawner_program(void)
{
    struct stat found;
    if (stat("/proc/self/exe", &found))
        return (struct program_id){0};
    return (struct program_id){found.st_dev, found.st_ino};
}

int spawner_send(int socket, const struct message *m, struct str data, const int *fds,
                 size_t fd_count)
{
    const struct iovec parts[2] = {{(void *)m, sizeof(*m)}, {(void *)data.data, data.len}};
    return message_send(socket, parts, ARRAY_COUNT(parts), fds, fd_count);
}

ssize_t spawner_receive(int socket, struct message *ret, char *data, size_t data_max,
                        int fds[SPAWN_FDS], size_t *ret_fd_count)
{
    static_assert((int)SPAWN_FDS == (int)MESSAGE_FDS, "what one sends the other takes");
    const struct iovec parts[2] = {{ret, sizeof(*ret)}, {data, data_max}};
    ssize_t got = message_receive(socket, parts, ARRAY_COUNT(parts), -1, fds, ret_fd_count);
    if (got < 0 || (size_t)got >= sizeof(*ret))
        return got < 0 ? got : got - (ssize_t)sizeof(*ret);
    for (size_t i = 0; i < *ret_fd_count; i++)
        close(fds[i]);
    return -EBADMSG;
}
