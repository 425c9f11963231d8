#include "net/transport.h"

#include <errno.h>

#include "base/limits.h"
#include "net/tls_session.h"
#include "sys/socket.h"

enum {
    READ_BYTES = 32 << 10, /* at most handed on at once; lives on the stack */
    READS_A_TURN = 8,      /* then other connections have theirs */
    SEGMENT_BYTES = 16384, /* small writes are gathered into pieces of one TLS record */
    PARTS_MAX = 16,
};

struct segment {
    struct segment *next; /* owned */
    char *data;           /* owned */
    size_t from, to, cap;
};

enum phase {
    PHASE_DETECT,
    PHASE_HANDSHAKE,
    PHASE_STARTING,
    PHASE_OPEN,
    PHASE_FLUSH,
    PHASE_LINGER,
    PHASE_DEAD
};

struct transport {
    struct loop *loop;
    int fd; /* owned; -1 for a transport in memory */
    enum phase phase;
    struct loop_fd *watch;           /* owned */
    int events;                      /* what watch waits for */
    struct tls_config *tls;          /* ref; NULL: plain */
    struct tls_session *session;     /* owned */
    const struct transport_ops *ops; /* NULL: the user is gone */
    void *user;                      /* borrowed */
    struct segment *first, *last;    /* owned */
    size_t unsent;
    uint64_t taken;
    size_t unanswered; /* bytes read since something was written */
    bool paused;
    bool dirty;        /* written since the last flush */
    bool blocked;      /* the kernel takes no more */
    bool more_to_read; /* a turn was cut short */
    bool linger_wanted;
    int error; /* found while nobody could be told */
    struct deferred later;
    struct deferred reading; /* a turn of one who sends much */
    struct timer timer;      /* of the closing phases */
    void (*output)(void *arg, struct str bytes);
    void *output_arg; /* borrowed */
};

static void turn(void *arg);
static void reading_turn(void *arg);
static void on_event(void *arg, int events);
static void on_time_out(void *arg);

static void update_events(struct transport *t)
{
    if (!t->watch)
        return;
    int events = 0;
    switch (t->phase) {
    case PHASE_DETECT: events = 1; break;
    case PHASE_HANDSHAKE: events = t->session ? tls_session_wants(t->session) : 1; break;
    case PHASE_OPEN: events = (t->paused ? 0 : 1) | (t->blocked ? 2 : 0); break;
    case PHASE_FLUSH: events = 2; break;
    case PHASE_LINGER: events = 1; break;
    case PHASE_STARTING:
    case PHASE_DEAD: break;
    }
    if (events != t->events)
        loop_fd_set(t->watch, events);
    t->events = events;
}

static struct transport *transport_alloc(struct loop *loop, const struct transport_ops *ops,
                                         void *user)
{
    struct transport *t = mem_alloc(sizeof(*t));
    t->loop = loop;
    t->fd = -1;
    t->ops = ops;
    t->user = user;
    deferred_init(&t->later, loop, turn, t);
    deferred_init(&t->reading, loop, reading_turn, t);
    timer_init(&t->timer, loop, on_time_out, t);
    return t;
}

struct transport *transport_new(const struct transport_options *options,
                                const struct transport_ops *ops, void *user)
{
    struct transport *t = transport_alloc(options->loop, ops, user);
    t->fd = options->fd;
    bool plain = options->security == TRANSPORT_PLAIN;
    t->phase = plain                                ? PHASE_STARTING
               : options->security == TRANSPORT_TLS ? PHASE_HANDSHAKE
                                                    : PHASE_DETECT;
    if (!plain)
        t->tls = tls_config_ref(options->tls);
    /* A server's session is made when the first byte comes: silent connections cost next to
     * nothing. */
    if (options->host && !plain) {
        t->session = tls_session_new(t->tls, t->fd, options->host);
        if (t->session && options->only_http1)
            tls_session_only_http1(t->session);
    }
    t->watch = loop_fd_open(options->loop, options->fd, 0, on_event, t);
    if (!t->watch || (options->host && !plain && !t->session)) {
        t->ops = NULL;
        t->phase = PHASE_DEAD;
        deferred_arm(&t->later);
        return NULL;
    }
    socket_set_no_delay(options->fd);
    update_events(t);
    if (plain || t->session)
        deferred_arm(&t->later);
    return t;
}

struct transport *transport_new_memory(struct loop *loop,
                                       void (*output)(void *arg, struct str bytes), void *arg,
                                       const struct transport_ops *ops, void *user)
{
    struct transport *t = transport_alloc(loop, ops, user);
    t->phase = PHASE_OPEN;
    t->output = output;
    t->output_arg = arg;
    return t;
}

void transport_hand_over(struct transport *t, const struct transport_ops *ops, void *user)
{
    t->ops = ops;
    t->user = user;
}

static void drop_segments(struct transport *t)
{
    while (t->first) {
        struct segment *next = t->first->next;
        mem_free(t->first->data);
        mem_free(t->first);
        t->first = next;
    }
    t->last = NULL;
    t->unsent = 0;
}

static void transport_free(struct transport *t)
{
    deferred_cancel(&t->later);
    deferred_cancel(&t->reading);
    timer_stop(&t->timer);
    if (t->watch)
        loop_fd_close(t->watch);
    tls_session_free(t->session);
    tls_config_unref(t->tls);
    if (t->fd >= 0)
        socket_close(t->fd);
    drop_segments(t);
    mem_free(t);
}

/* Freed in a turn of its own, because callers further up the stack still look at it. */
static void die(struct transport *t)
{
    t->phase = PHASE_DEAD;
    t->ops = NULL;
    drop_segments(t);
    update_events(t);
    deferred_arm(&t->later);
}

/* Writing */

static void mark_dirty(struct transport *t)
{
    if (!t->dirty)
        deferred_arm(&t->later);
    t->dirty = true;
}

static struct segment *add_segment(struct transport *t, char *data, size_t len, size_t cap)
{
    struct segment *s = mem_alloc(sizeof(*s));
    *s = (struct segment){.data = data, .to = len, .cap = cap};
    if (t->last)
        t->last->next = s;
    else
        t->first = s;
    t->last = s;
    return s;
}

char *transport_reserve(struct transport *t, size_t size)
{
    struct segment *s = t->last;
    if (!s || s->cap - s->to < size) {
        size_t cap = MAX(size, (size_t)SEGMENT_BYTES);
        s = add_segment(t, mem_realloc(NULL, cap), 0, cap);
    }
    return s->data + s->to;
}

void transport_wrote(struct transport *t, size_t size)
{
    assert(t->last && t->last->cap - t->last->to >= size);
    t->last->to += size;
    t->unsent += size;
    t->unanswered = 0;
    if (size)
        mark_dirty(t);
}

void transport_write(struct transport *t, struct str data)
{
    if (t->phase > PHASE_OPEN || data.len == 0)
        return;
    struct segment *s = t->last;
    size_t fits = s ? MIN(s->cap - s->to, data.len) : 0;
    if (fits) {
        memcpy(s->data + s->to, data.data, fits);
        transport_wrote(t, fits);
    }
    if (fits < data.len) {
        memcpy(transport_reserve(t, data.len - fits), data.data + fits, data.len - fits);
        transport_wrote(t, data.len - fits);
    }
}

void transport_write_buf(struct transport *t, struct buf *data)
{
    if (t->phase > PHASE_OPEN || data->len == 0) {
        buf_release(data);
        return;
    }
    if (data->len < SEGMENT_BYTES / 4) {
        transport_write(t, buf_str(data));
        buf_release(data);
        return;
    }
    add_segment(t, data->data, data->len, data->len);
    t->unsent += data->len;
    t->unanswered = 0;
    *data = (struct buf)BUF_INIT;
    mark_dirty(t);
}

static void sent(struct transport *t, size_t size)
{
    t->unsent -= size;
    t->taken += size;
    while (size) {
        struct segment *s = t->first;
        size_t part = MIN(size, s->to - s->from);
        s->from += part;
        size -= part;
        if (s->from < s->to)
            break;
        t->first = s->next;
        if (!t->first)
            t->last = NULL;
        mem_free(s->data);
        mem_free(s);
    }
}

static ssize_t send_some(struct transport *t)
{
    struct segment *s = t->first;
    if (t->output) {
        struct str bytes = {s->data + s->from, s->to - s->from};
        t->output(t->output_arg, bytes);
        return (ssize_t)bytes.len;
    }
    if (t->session)
        return tls_session_write(t->session, s->data + s->from, s->to - s->from);
    struct iovec parts[PARTS_MAX];
    int count = 0;
    for (; s && count < PARTS_MAX; s = s->next)
        if (s->to > s->from)
            parts[count++] = (struct iovec){s->data + s->from, s->to - s->from};
    return socket_write_parts(t->fd, parts, count);
}

void transport_flush(struct transport *t)
{
    if (t->phase != PHASE_OPEN && t->phase != PHASE_FLUSH)
        return;
    t->dirty = false;
    t->blocked = false;
    while (t->unsent > 0) {
        ssize_t n = send_some(t);
        if (n >= 0) {
            sent(t, (size_t)n);
            if (t->phase == PHASE_FLUSH)
                timer_start(&t->timer, LIMIT_FLUSH_TIME_MS);
            continue;
        }
        if (n == -EAGAIN) {
            t->blocked = true;
        } else {
            t->error = (int)n;
            drop_segments(t);
            deferred_arm(&t->later);
        }
        break;
    }
    update_events(t);
}

/* Flushes and tells the user when there is room again. Only from the loop. */
static void flush_and_tell(struct transport *t)
{
    bool had = t->unsent > 0;
    transport_flush(t);
    if (had && t->unsent == 0 && !t->error && t->ops && t->ops->on_room)
        t->ops->on_room(t->user);
}

size_t transport_unsent(const struct transport *t)
{
    return t->unsent;
}

uint64_t transport_taken(const struct transport *t)
{
    return t->taken;
}

/* Closing */

static void finish_closing(struct transport *t)
{
    if (t->session)
        tls_session_end(t->session);
    if (!t->linger_wanted || t->fd < 0) {
        die(t);
        return;
    }
    socket_shut_write(t->fd);
    t->phase = PHASE_LINGER;
    timer_start(&t->timer, LIMIT_LINGER_TIME_MS);
    update_events(t);
}

void transport_close(struct transport *t, enum transport_close how)
{
    if (t->phase >= PHASE_FLUSH)
        return;
    t->ops = NULL;
    if (how == TRANSPORT_NOW || t->phase != PHASE_OPEN) {
        if (t->session && t->phase == PHASE_OPEN && !t->error)
            tls_session_end(t->session);
        die(t);
        return;
    }
    t->phase = PHASE_FLUSH;
    t->linger_wanted = how == TRANSPORT_LINGER;
    timer_start(&t->timer, LIMIT_FLUSH_TIME_MS);
    deferred_arm(&t->later);
}

static void on_time_out(void *arg)
{
    die(arg);
}

/* The peer ended (0) or the connection failed: the user hears it, and what was written still goes
 * out after an end. */
static void closed(struct transport *t, int err)
{
    const struct transport_ops *ops = t->ops;
    if (err == 0 && t->phase == PHASE_OPEN)
        transport_close(t, TRANSPORT_FLUSH);
    else
        die(t);
    t->ops = NULL;
    if (ops)
        ops->on_closed(t->user, err);
}

/* Reading */

static void discard(struct transport *t)
{
    char data[4096];
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = socket_read(t->fd, data, sizeof(data));
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            die(t);
            return;
        }
    }
}

/* Whoever sends much has its turn when those who ask little have been served. */
static void read_later(struct transport *t)
{
    if (t->unanswered > LIMIT_UNANSWERED_BYTES)
        deferred_arm_patient(&t->reading);
    else
        deferred_arm(&t->later);
}

static void read_some(struct transport *t)
{
    char data[READ_BYTES];
    t->more_to_read = false;
    if (t->session)
        tls_session_readable(t->session);
    for (int i = 0; i < READS_A_TURN; i++) {
        if (t->phase != PHASE_OPEN || t->paused)
            return;
        ssize_t n = t->session ? tls_session_read(t->session, data, sizeof(data))
                               : socket_read(t->fd, data, sizeof(data));
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            flush_and_tell(t);
            if (t->phase == PHASE_OPEN)
                closed(t, (int)n);
            return;
        }
        t->unanswered += (size_t)n;
        t->ops->on_data(t->user, (struct str){data, (size_t)n});
        if (!t->session && (size_t)n < sizeof(data))
            return;
    }
    t->more_to_read = t->session && tls_session_pending(t->session);
    if (t->more_to_read)
        read_later(t);
}

static void opened(struct transport *t)
{
    t->phase = PHASE_OPEN;
    update_events(t);
    t->ops->on_open(t->user);
}

static void handshake(struct transport *t)
{
    if (!t->session)
        t->session = tls_session_new(t->tls, t->fd, NULL);
    if (!t->session) {
        closed(t, -ENOMEM);
        return;
    }
    tls_session_readable(t->session);
    int err = tls_session_handshake(t->session);
    if (err == -EAGAIN) {
        update_events(t);
        return;
    }
    if (err < 0) {
        closed(t, err);
        return;
    }
    opened(t);
}

/* 0x16 begins a TLS handshake record and no HTTP method. */
static void detect(struct transport *t)
{
    unsigned char first;
    ssize_t n = socket_peek(t->fd, &first, 1);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        closed(t, (int)n);
        return;
    }
    if (first == 0x16) {
        t->phase = PHASE_HANDSHAKE;
        return;
    }
    tls_config_unref(t->tls);
    t->tls = NULL;
    opened(t);
}

static void on_event(void *arg, int events)
{
    struct transport *t = arg;
    if (t->phase == PHASE_DETECT)
        detect(t);
    if (t->phase == PHASE_HANDSHAKE)
        handshake(t);
    if (t->phase == PHASE_LINGER)
        discard(t);
    if (t->phase == PHASE_OPEN && (events & 1)) {
        if (t->unanswered > LIMIT_UNANSWERED_BYTES)
            deferred_arm_patient(&t->reading);
        else
            read_some(t);
    }
    if ((t->phase == PHASE_OPEN && (t->dirty || (events & 2))) || t->phase == PHASE_FLUSH)
        flush_and_tell(t);
    if (t->phase == PHASE_FLUSH && t->unsent == 0)
        finish_closing(t);
}

/* Whatever waits for a turn of the loop. */
static void turn(void *arg)
{
    struct transport *t = arg;
    if (t->phase == PHASE_DEAD) {
        transport_free(t);
        return;
    }
    if (t->error) {
        closed(t, t->error);
        return;
    }
    if (t->phase == PHASE_STARTING)
        opened(t);
    else if (t->phase == PHASE_HANDSHAKE)
        handshake(t);
    if (t->phase == PHASE_OPEN && t->more_to_read && !t->paused)
        read_some(t);
    if ((t->phase == PHASE_OPEN && t->dirty) || t->phase == PHASE_FLUSH)
        flush_and_tell(t);
    if (t->phase == PHASE_FLUSH && t->unsent == 0)
        finish_closing(t);
}

static void reading_turn(void *arg)
{
    struct transport *t = arg;
    if (t->phase == PHASE_OPEN && !t->paused)
        read_some(t);
    if (t->phase == PHASE_OPEN && t->dirty)
        flush_and_tell(t);
}

void transport_feed(struct transport *t, struct str data)
{
    if (t->phase == PHASE_OPEN)
        t->ops->on_data(t->user, data);
    if (t->phase == PHASE_OPEN && t->dirty)
        flush_and_tell(t);
}

void transport_pause(struct transport *t, bool paused)
{
    if (t->paused == paused)
        return;
    t->paused = paused;
    if (!paused && t->session) {
        /* Bytes that the session holds wake no descriptor. */
        t->more_to_read = true;
        deferred_arm(&t->later);
    }
    update_events(t);
}

bool transport_is_tls(const struct transport *t)
{
    return t->tls != NULL;
}

bool transport_http2(const struct transport *t)
{
    return t->session && tls_session_http2(t->session);
}

const char *transport_server_name(const struct transport *t)
{
    return t->session ? tls_session_server_name(t->session) : NULL;
}

void transport_peer(struct transport *t, struct tls_peer *ret)
{
    *ret = (struct tls_peer){0};
    if (t->session)
        tls_session_peer(t->session, ret);
}
