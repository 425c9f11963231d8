/* The event loop: one thread that owns its data, timers, deferred calls, and a bounded pool for
 * blocking work.
 *
 * The only clock, and the only way in from other threads. Wraps libuv; a simulated loop stands
 * behind the same functions in sim/. Callbacks run on the loop's thread, never inside the call that
 * armed them. */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H

#include "base/base.h"
#include "base/list.h"

struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *loop);
void loop_run(struct loop *loop); /* until loop_stop, or until nothing is left to wait for */
void loop_stop(struct loop *loop);
void loop_turn(struct loop *loop); /* one round of what is due, without waiting */

/* Milliseconds and microseconds that only grow; and the wall clock (microseconds since 1970). */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop);
int64_t loop_wall_us(const struct loop *loop);

/* A timer is a member of its owner's struct. Stopping or restarting is allowed at any time, also in
 * its own callback. An armed timer keeps loop_run going. */
struct timer {
    void (*fn)(void *arg);
    void *arg; /* borrowed */
    struct loop *loop;
    uint64_t due_ms;
    size_t heap_index; /* 0 when not armed */
};
void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *arg), void *arg);
void timer_start(struct timer *t, uint64_t delay_ms);
void timer_stop(struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
    return t->heap_index != 0;
}

/* Runs fn once, soon, after the current callback. The same struct deferred may be armed again; it
 * then runs once. */
struct deferred {
    void (*fn)(void *arg);
    void *arg; /* borrowed */
    struct loop *loop;
    struct list link;
};
void deferred_init(struct deferred *d, struct loop *loop, void (*fn)(void *arg), void *arg);
void deferred_arm(struct deferred *d);
/* The same for work that others needn't wait for: a turn of the loop runs only as many of these as
 * fit into LIMIT_PATIENT_TIME_MS, and at least one, in the order of arming. */
void deferred_arm_patient(struct deferred *d);
void deferred_cancel(struct deferred *d);

/* Blocking work: run() in a pool thread, then done() on the loop. arg belongs to run() in between.
 */
void loop_work(struct loop *loop, void (*run)(void *arg), void (*done)(void *arg), void *arg);
/* From any thread: runs fn(arg) on the loop. */
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* A descriptor that the loop watches (netlink sockets, child pipes). events: 1 readable, 2
 * writable. */
struct loop_fd;
struct loop_fd *loop_fd_open(struct loop *loop, int fd, int events,
                             void (*fn)(void *arg, int events), void *arg);
void loop_fd_set(struct loop_fd *f, int events);
void loop_fd_close(struct loop_fd *f); /* doesn't close the descriptor */

/* Calls fn on the loop for each of SIGTERM, SIGINT, SIGCHLD, SIGHUP ... */
void loop_signal(struct loop *loop, int signal_number, void (*fn)(void *arg, int signal_number),
                 void *arg);

#endif
