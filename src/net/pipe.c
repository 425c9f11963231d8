/* An upgraded connection: bytes both ways. */
#include "net/http_server.h"

struct pipe_end {
    struct transport *transport; /* owned; NULL when closed */
    const struct pipe_ops *ops;
    void *user; /* borrowed */
    void (*on_end)(void *arg);
    void *arg;        /* borrowed */
    struct buf early; /* came with the upgrade's head, or while it was being handed over */
    bool paused;
    bool freed;
    struct deferred later;
};

static void pipe_end_now(struct pipe_end *p)
{
    p->transport = NULL;
    p->freed = true;
    if (p->on_end)
        p->on_end(p->arg);
    p->on_end = NULL;
    deferred_arm(&p->later);
}

static void pipe_later(void *arg)
{
    struct pipe_end *p = arg;
    if (!p->freed && p->early.len && !p->paused) {
        struct buf early = p->early;
        p->early = (struct buf)BUF_INIT;
        p->ops->on_data(p->user, buf_str(&early));
        buf_release(&early);
    }
    if (p->freed) {
        deferred_cancel(&p->later);
        buf_release(&p->early);
        mem_free(p);
    }
}

static void on_open(void *user maybe_unused) {}

static void on_data(void *user, struct str data)
{
    struct pipe_end *p = user;
    if (p->early.len)
        buf_add(&p->early, data);
    else
        p->ops->on_data(p->user, data);
}

static void on_room(void *user)
{
    struct pipe_end *p = user;
    if (p->ops->on_drained)
        p->ops->on_drained(p->user);
}

static void on_closed(void *user, int err maybe_unused)
{
    struct pipe_end *p = user;
    p->transport = NULL;
    if (p->early.len && !p->paused)
        pipe_later(p);
    if (p->freed)
        return;
    p->freed = true;
    p->ops->on_closed(p->user);
    pipe_end_now(p);
}

static const struct transport_ops pipe_transport_ops = {on_open, on_data, on_room, on_closed};

struct pipe_end *pipe_new(struct transport *t, const struct pipe_ops *ops, void *user,
                          void (*on_end)(void *arg), void *arg, struct loop *loop, struct str early)
{
    struct pipe_end *p = mem_alloc(sizeof(*p));
    *p = (struct pipe_end){.transport = t, .ops = ops, .user = user, .on_end = on_end, .arg = arg};
    deferred_init(&p->later, loop, pipe_later, p);
    transport_hand_over(t, &pipe_transport_ops, p);
    pipe_early(p, early);
    return p;
}

void pipe_early(struct pipe_end *p, struct str early)
{
    buf_add(&p->early, early);
    if (early.len)
        deferred_arm(&p->later);
}

void pipe_write(struct pipe_end *p, struct str data)
{
    if (p->transport)
        transport_write(p->transport, data);
}

size_t pipe_unsent(const struct pipe_end *p)
{
    return p->transport ? transport_unsent(p->transport) : 0;
}

void pipe_pause(struct pipe_end *p, bool paused)
{
    p->paused = paused;
    if (p->transport)
        transport_pause(p->transport, paused);
    if (!paused && p->early.len)
        deferred_arm(&p->later);
}

void pipe_close(struct pipe_end *p)
{
    if (p->freed)
        return;
    if (p->transport)
        transport_close(p->transport, TRANSPORT_FLUSH);
    pipe_end_now(p);
}

void pipe_cut(struct pipe_end *p)
{
    if (p->freed)
        return;
    if (p->transport)
        transport_close(p->transport, TRANSPORT_NOW);
    p->transport = NULL;
    p->freed = true;
    p->ops->on_closed(p->user);
    pipe_end_now(p);
}
