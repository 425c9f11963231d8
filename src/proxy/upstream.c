#include "proxy/upstream.h"

#include "base/arena.h"
#include "base/list.h"
#include "sys/datagram.h"
#include "sys/whole_file.h"

enum {
    SERVERS_MAX = 3,
    PATIENCE_MS = 2000,
    ASKED_MAX = 1024,
    ANSWER_BYTES_MAX = 4096,
    RESOLV_CONF_BYTES_MAX = 64 << 10,
    DNS_PORT = 53
};

struct upstream {
    struct loop *loop; /* borrowed */
    struct socket_address servers[SERVERS_MAX];
    size_t server_count;
    struct list asked;
    size_t asked_count;
};

struct question {
    struct upstream *upstream; /* borrowed */
    struct buf bytes;
    size_t server; /* the one that is asked */
    int fd;
    struct loop_fd *watch; /* owned */
    struct timer patience;
    void (*done)(void *arg, struct str answer);
    void *arg;
    struct list link;
};

static void take_line(struct upstream *u, struct arena *a, struct str line)
{
    struct str rest = str_trim(line);
    if (!str_starts(rest, "nameserver"))
        return;
    struct str address = str_trim(str_slice(rest, strlen("nameserver"), rest.len));
    if (u->server_count < SERVERS_MAX &&
        socket_address_parse(arena_cstr(a, address), DNS_PORT, &u->servers[u->server_count]) == 0)
        u->server_count++;
}

struct upstream *upstream_new(struct loop *loop, const char *resolv_conf)
{
    struct upstream *u = mem_alloc(sizeof(*u));
    struct arena a = ARENA_INIT;
    struct str text = STR_NONE;
    u->loop = loop;
    list_init(&u->asked);
    if (resolv_conf && file_read_whole(&a, resolv_conf, RESOLV_CONF_BYTES_MAX, &text) == 0)
        while (text.data)
            take_line(u, &a, str_cut(&text, '\n'));
    arena_release(&a);
    return u;
}

static void close_socket(struct question *q)
{
    if (q->watch)
        loop_fd_close(q->watch);
    if (q->fd >= 0)
        socket_close(q->fd);
    q->watch = NULL;
    q->fd = -1;
}

static void finish(struct question *q, struct str answer)
{
    list_remove(&q->link);
    q->upstream->asked_count--;
    timer_stop(&q->patience);
    close_socket(q);
    q->done(q->arg, answer);
    buf_release(&q->bytes);
    mem_free(q);
}

static void ask_next(void *arg);

static void answer_readable(void *arg, int events maybe_unused)
{
    struct question *q = arg;
    char data[ANSWER_BYTES_MAX];
    ssize_t got = datagram_receive(q->fd, data, sizeof(data), NULL);
    if (got < 0) { /* refused by the host: the next one */
        q->server++;
        ask_next(q);
        return;
    }
    /* The id must be ours; the socket is connected, so the sender is the one that was asked. */
    if (got >= 12 && memcmp(data, q->bytes.data, 2) == 0)
        finish(q, (struct str){data, (size_t)got});
}

static void ask_next(void *arg)
{
    struct question *q = arg;
    struct upstream *u = q->upstream;
    for (; q->server < u->server_count; q->server++) {
        close_socket(q);
        if (datagram_connect(&u->servers[q->server], &q->fd) < 0)
            continue;
        if (datagram_send(q->fd, q->bytes.data, q->bytes.len, NULL) < 0)
            continue;
        q->watch = loop_fd_open(u->loop, q->fd, 1, answer_readable, q);
        timer_start(&q->patience, PATIENCE_MS);
        return;
    }
    finish(q, STR_NONE);
}

static void lost_patience(void *arg)
{
    struct question *q = arg;
    q->server++;
    ask_next(q);
}

bool upstream_ask(struct upstream *u, struct str bytes, void (*done)(void *arg, struct str answer),
                  void *arg)
{
    if (u->server_count == 0 || u->asked_count >= ASKED_MAX)
        return false;
    struct question *q = mem_alloc(sizeof(*q));
    q->upstream = u;
    q->fd = -1;
    q->done = done;
    q->arg = arg;
    buf_add(&q->bytes, bytes);
    timer_init(&q->patience, u->loop, lost_patience, q);
    list_append(&u->asked, &q->link);
    u->asked_count++;
    ask_next(q);
    return true;
}

void upstream_free(struct upstream *u)
{
    list_each(q, &u->asked, struct question, link)
        finish(q, STR_NONE);
    mem_free(u);
}
