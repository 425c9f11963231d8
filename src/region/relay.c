#include "region/relay.h"

#include <errno.h>

#include "base/str.h"
#include "sys/socket.h"

enum {
    READ_BYTES = 32 << 10,
    UNSENT_BYTES_MAX = 256 << 10
};

struct side {
    struct relay *relay; /* borrowed */
    struct side *other;
    int fd;
    struct loop_fd *watch; /* owned */
    struct buf unsent;     /* towards this side */
    bool read_over;        /* it has said its last */
    bool write_over;       /* it was told that nothing more comes */
};

struct relay {
    struct side sides[2];
    struct deferred ended;
    struct timer silence; /* since the last byte, once a side has said its last */
    uint64_t half_open_ms;
    bool moved; /* a byte, or an end, in this turn */
    bool over;
};

static void end(struct relay *r)
{
    if (!r->over)
        deferred_arm(&r->ended);
    r->over = true;
}

static void watch_for_more(struct side *s)
{
    bool reads = !s->read_over && s->other->unsent.len < UNSENT_BYTES_MAX;
    loop_fd_set(s->watch, (reads ? 1 : 0) | (s->unsent.len ? 2 : 0));
}

static void take(struct side *s)
{
    while (!s->read_over && s->other->unsent.len < UNSENT_BYTES_MAX) {
        ssize_t got = socket_read(s->fd, buf_reserve(&s->other->unsent, READ_BYTES), READ_BYTES);
        if (got == -EAGAIN)
            return;
        if (got < 0) {
            end(s->relay);
            return;
        }
        s->read_over = got == 0;
        s->relay->moved = true;
        s->other->unsent.len += (size_t)got;
    }
}

static void give(struct side *s)
{
    size_t sent = 0;
    while (sent < s->unsent.len) {
        ssize_t n = socket_write(s->fd, s->unsent.data + sent, s->unsent.len - sent);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            end(s->relay);
            return;
        }
        sent += (size_t)n;
    }
    buf_consume(&s->unsent, sent);
    s->relay->moved |= sent > 0;
    if (s->other->read_over && !s->unsent.len && !s->write_over) {
        socket_shut_write(s->fd);
        s->write_over = true;
        if (s->read_over && s->other->write_over)
            end(s->relay);
    }
}

static void ready(void *arg, int events maybe_unused)
{
    struct side *s = arg;
    struct relay *r = s->relay;
    r->moved = false;
    take(s);
    for (size_t i = 0; i < ARRAY_COUNT(r->sides) && !r->over; i++)
        give(&r->sides[i]);
    for (size_t i = 0; i < ARRAY_COUNT(r->sides); i++)
        if (r->over)
            loop_fd_set(r->sides[i].watch, 0);
        else
            watch_for_more(&r->sides[i]);
    if (r->moved && (r->sides[0].read_over || r->sides[1].read_over))
        timer_start(&r->silence, r->half_open_ms);
}

static void silent(void *arg)
{
    struct relay *r = arg;
    end(r);
}

struct relay *relay_new(struct loop *loop, const int fds[2], uint64_t half_open_ms,
                        void (*on_end)(void *arg), void *arg)
{
    struct relay *r = mem_alloc(sizeof(*r));
    deferred_init(&r->ended, loop, on_end, arg);
    timer_init(&r->silence, loop, silent, r);
    r->half_open_ms = half_open_ms;
    for (size_t i = 0; i < ARRAY_COUNT(r->sides); i++) {
        struct side *s = &r->sides[i];
        *s = (struct side){.relay = r, .other = &r->sides[!i], .fd = fds[i]};
        socket_set_no_delay(s->fd);
        s->watch = loop_fd_open(loop, s->fd, 1, ready, s);
    }
    return r;
}

void relay_free(struct relay *r)
{
    deferred_cancel(&r->ended);
    timer_stop(&r->silence);
    for (size_t i = 0; i < ARRAY_COUNT(r->sides); i++) {
        loop_fd_close(r->sides[i].watch);
        socket_close(r->sides[i].fd);
        buf_release(&r->sides[i].unsent);
    }
    mem_free(r);
}
