#include "sys/loop.h"

#include <errno.h>
#include <signal.h>
#include <uv.h>

#include "base/limits.h"
#include "base/vec.h"

struct post {
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    uv_loop_t uv;
    uv_timer_t alarm;     /* set to the first timer's time; its only work is to end the wait */
    uv_async_t wake;      /* posts from other threads */
    uv_mutex_t post_lock; /* guards posts */
    VEC(struct post) posts;
    VEC(struct timer *)
    timers; /* a heap by due_ms; items[0] unused, so that an index of 0 means "not armed" */
    uint64_t alarm_ms; /* what alarm is set to; 0: not set */
    struct list deferred;
    struct list patient; /* deferred, too, but not all in one turn */
    bool stopping;
};

struct loop_signal {
    uv_signal_t handle;
    void (*fn)(void *arg, int signal_number);
    void *arg; /* borrowed */
};

struct loop_fd {
    uv_poll_t poll;
    void (*fn)(void *arg, int events);
    void *arg;  /* borrowed */
    int events; /* watched for */
};

struct work {
    uv_work_t request;
    void (*run)(void *arg);
    void (*done)(void *arg);
    void *arg; /* borrowed */
};

static void on_alarm(uv_timer_t *alarm)
{
    struct loop *loop = alarm->data;
    loop->alarm_ms = 0;
    /* libuv may call this before it polls, and would then wait without end: our timers come first.
     */
    uv_stop(&loop->uv);
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    uv_mutex_lock(&loop->post_lock);
    struct post *posts = loop->posts.items;
    size_t count = loop->posts.count;
    loop->posts.items = NULL;
    loop->posts.count = loop->posts.cap = 0;
    uv_mutex_unlock(&loop->post_lock);
    for (size_t i = 0; i < count; i++)
        posts[i].fn(posts[i].arg);
    mem_free(posts);
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));
    int err = uv_loop_init(&loop->uv);
    if (err < 0) {
        /* Out of descriptors: nothing can run without a loop. */
        mem_free(loop);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(&loop->uv, &loop->alarm);
    loop->alarm.data = loop;
    err = uv_async_init(&loop->uv, &loop->wake, on_wake);
    assert(err == 0);
    uv_unref((uv_handle_t *)&loop->wake);
    loop->wake.data = loop;
    uv_mutex_init(&loop->post_lock);
    vec_push(&loop->timers, NULL);
    list_init(&loop->deferred);
    list_init(&loop->patient);
    return loop;
}

static void free_poll(uv_handle_t *handle)
{
    mem_free(container_of((uv_poll_t *)handle, struct loop_fd, poll));
}

static void free_signal(uv_handle_t *handle)
{
    mem_free(container_of((uv_signal_t *)handle, struct loop_signal, handle));
}

/* Whatever its owners left open is closed here, so that tests under a leak checker may end
 * anywhere. */
static void close_handle(uv_handle_t *handle, void *arg maybe_unused)
{
    if (uv_is_closing(handle))
        return;
    uv_close_cb then = NULL;
    if (handle->type == UV_POLL)
        then = free_poll;
    else if (handle->type == UV_SIGNAL)
        then = free_signal;
    uv_close(handle, then);
}

/* Those armed now; what they arm runs in the next round, after descriptors have had their turn. */
static void run_deferred(struct loop *loop)
{
    struct list round;
    list_init(&round);
    if (list_empty(&loop->deferred))
        return;
    round = loop->deferred;
    round.next->prev = round.prev->next = &round;
    list_init(&loop->deferred);
    while (!list_empty(&round)) {
        struct deferred *d = container_of(round.next, struct deferred, link);
        list_remove(&d->link);
        d->fn(d->arg);
    }
}

static void run_patient(struct loop *loop)
{
    if (list_empty(&loop->patient))
        return;
    uint64_t until = loop_now_ms(loop) + LIMIT_PATIENT_TIME_MS;
    do {
        struct deferred *d = list_first(&loop->patient, struct deferred, link);
        list_remove(&d->link);
        d->fn(d->arg);
    } while (!list_empty(&loop->patient) && !loop->stopping && loop_now_ms(loop) < until);
}

void loop_free(struct loop *loop)
{
    /* Things that wait for a turn to be freed get it. */
    for (int i = 0; i < 8 && !list_empty(&loop->deferred); i++)
        run_deferred(loop);
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int err = uv_loop_close(&loop->uv);
    assert(err == 0);
    uv_mutex_destroy(&loop->post_lock);
    vec_release(&loop->posts);
    vec_release(&loop->timers);
    mem_free(loop);
}

uint64_t loop_now_us(const struct loop *loop maybe_unused)
{
    return uv_hrtime() / 1000;
}

uint64_t loop_now_ms(const struct loop *loop maybe_unused)
{
    return uv_hrtime() / 1000000;
}

int64_t loop_wall_us(const struct loop *loop maybe_unused)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Timers: a binary heap, the earliest at index 1. */

static void heap_set(struct loop *loop, size_t index, struct timer *t)
{
    loop->timers.items[index] = t;
    t->heap_index = index;
}

static void heap_up(struct loop *loop, size_t index, struct timer *t)
{
    for (; index > 1 && loop->timers.items[index / 2]->due_ms > t->due_ms; index /= 2)
        heap_set(loop, index, loop->timers.items[index / 2]);
    heap_set(loop, index, t);
}

static void heap_down(struct loop *loop, size_t index, struct timer *t)
{
    struct timer **items = loop->timers.items;
    size_t count = loop->timers.count;
    for (;;) {
        size_t child = index * 2;
        if (child >= count)
            break;
        if (child + 1 < count && items[child + 1]->due_ms < items[child]->due_ms)
            child++;
        if (items[child]->due_ms >= t->due_ms)
            break;
        heap_set(loop, index, items[child]);
        index = child;
    }
    heap_set(loop, index, t);
}

void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *arg), void *arg)
{
    *t = (struct timer){.fn = fn, .arg = arg, .loop = loop};
}

void timer_stop(struct timer *t)
{
    if (t->heap_index == 0)
        return;
    struct loop *loop = t->loop;
    size_t hole = t->heap_index;
    assert(loop->timers.items[hole] == t);
    t->heap_index = 0;
    struct timer *last = loop->timers.items[--loop->timers.count];
    if (last == t)
        return;
    if (hole > 1 && loop->timers.items[hole / 2]->due_ms > last->due_ms)
        heap_up(loop, hole, last);
    else
        heap_down(loop, hole, last);
}

void timer_start(struct timer *t, uint64_t delay_ms)
{
    struct loop *loop = t->loop;
    timer_stop(t);
    if (add_overflows(loop_now_ms(loop), delay_ms, &t->due_ms))
        t->due_ms = UINT64_MAX;
    vec_push(&loop->timers, t);
    heap_up(loop, loop->timers.count - 1, t);
}

/* Only timers due when this starts, so that a timer of 0 ms that restarts itself can't keep others
 * waiting. */
static void run_timers(struct loop *loop)
{
    if (loop->timers.count == 1)
        return;
    uint64_t now = loop_now_ms(loop);
    size_t most = loop->timers.count - 1;
    while (most-- > 0 && loop->timers.count > 1 && !loop->stopping) {
        struct timer *t = loop->timers.items[1];
        if (t->due_ms > now)
            break;
        timer_stop(t);
        t->fn(t->arg);
    }
}

static void set_alarm(struct loop *loop)
{
    if (loop->timers.count == 1) {
        if (loop->alarm_ms)
            uv_timer_stop(&loop->alarm);
        loop->alarm_ms = 0;
        return;
    }
    uint64_t due = MAX(loop->timers.items[1]->due_ms, 1);
    if (due == loop->alarm_ms)
        return;
    uint64_t now = loop_now_ms(loop);
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->alarm, on_alarm, due > now ? due - now : 0, 0);
    loop->alarm_ms = due;
}

void deferred_init(struct deferred *d, struct loop *loop, void (*fn)(void *arg), void *arg)
{
    *d = (struct deferred){.fn = fn, .arg = arg, .loop = loop};
    list_init(&d->link);
}

void deferred_arm(struct deferred *d)
{
    if (list_empty(&d->link))
        list_append(&d->loop->deferred, &d->link);
}

void deferred_arm_patient(struct deferred *d)
{
    if (list_empty(&d->link))
        list_append(&d->loop->patient, &d->link);
}

void deferred_cancel(struct deferred *d)
{
    list_remove(&d->link);
}

void loop_run(struct loop *loop)
{
    loop->stopping = false;
    while (!loop->stopping) {
        run_timers(loop);
        run_deferred(loop);
        run_patient(loop);
        if (loop->stopping)
            break;
        set_alarm(loop);
        bool at_once = !list_empty(&loop->deferred) || !list_empty(&loop->patient);
        if (!at_once && !uv_loop_alive(&loop->uv))
            break;
        uv_run(&loop->uv, at_once ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
}

void loop_turn(struct loop *loop)
{
    run_timers(loop);
    run_deferred(loop);
    run_patient(loop);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

static void work_run(uv_work_t *request)
{
    struct work *work = container_of(request, struct work, request);
    work->run(work->arg);
}

static void work_done(uv_work_t *request, int status maybe_unused)
{
    struct work *work = container_of(request, struct work, request);
    void (*done)(void *arg) = work->done;
    void *arg = work->arg;
    mem_free(work);
    if (done)
        done(arg);
}

void loop_work(struct loop *loop, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
    struct work *work = mem_alloc(sizeof(*work));
    work->run = run;
    work->done = done;
    work->arg = arg;
    int err = uv_queue_work(&loop->uv, &work->request, work_run, work_done);
    assert(err == 0);
}

void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    uv_mutex_lock(&loop->post_lock);
    vec_push(&loop->posts, ((struct post){fn, arg}));
    uv_mutex_unlock(&loop->post_lock);
    uv_async_send(&loop->wake);
}

static_assert((int)UV_READABLE == 1 && (int)UV_WRITABLE == 2,
              "loop_fd passes libuv's event bits through");

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct loop_fd *f = container_of(poll, struct loop_fd, poll);
    /* An error is found by reading or writing. libuv has stopped watching: who doesn't come to the
     * error now, since data lies before it, is called again. */
    if (status < 0 && f->events)
        uv_poll_start(poll, f->events, on_poll);
    f->fn(f->arg, status < 0 ? UV_READABLE | UV_WRITABLE : events);
}

struct loop_fd *loop_fd_open(struct loop *loop, int fd, int events,
                             void (*fn)(void *arg, int events), void *arg)
{
    struct loop_fd *f = mem_alloc(sizeof(*f));
    f->fn = fn;
    f->arg = arg;
    int err = uv_poll_init(&loop->uv, &f->poll, fd);
    if (err < 0) {
        /* A descriptor that can't be polled, e.g. a regular file, or one that is watched already:
         * the caller's error. */
        mem_free(f);
        return NULL;
    }
    loop_fd_set(f, events);
    return f;
}

void loop_fd_set(struct loop_fd *f, int events)
{
    f->events = events;
    if (events)
        uv_poll_start(&f->poll, events, on_poll);
    else
        uv_poll_stop(&f->poll);
}

void loop_fd_close(struct loop_fd *f)
{
    uv_poll_stop(&f->poll);
    uv_close((uv_handle_t *)&f->poll, free_poll);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct loop_signal *s = container_of(handle, struct loop_signal, handle);
    s->fn(s->arg, signal_number);
}

void loop_signal(struct loop *loop, int signal_number, void (*fn)(void *arg, int signal_number),
                 void *arg)
{
    struct loop_signal *s = mem_alloc(sizeof(*s));
    s->fn = fn;
    s->arg = arg;
    uv_signal_init(&loop->uv, &s->handle);
    int err = uv_signal_start(&s->handle, on_signal, signal_number);
    assert(err == 0);
    uv_unref((uv_handle_t *)&s->handle);
}
