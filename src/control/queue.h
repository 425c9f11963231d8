/* Work queue: which keys wait for a reconcile.
 *
 * A key is a namespace and a name. It waits at most once however often it is added
 * (level-triggered), is never worked on twice at a time, comes back after a delay when asked, and
 * after a failure with exponential back-off. Invariants:
 * 1. A key is in one place: ready list, delay heap, being worked on, or nowhere (then it is freed
 * unless it has failures).
 * 2. Added while it is worked on, it becomes ready when that ends.
 * 3. Without ready or delayed keys nothing is armed on the loop: an idle queue causes no wake-ups.
 */
#ifndef CONTROL_QUEUE_H
#define CONTROL_QUEUE_H

#include "base/list.h"
#include "base/map.h"
#include "sys/loop.h"

enum queue_place {
    QUEUE_NOWHERE,
    QUEUE_READY,
    QUEUE_DELAYED,
    QUEUE_WORKING
};

struct queue_key {
    struct str ns, name; /* in text */
    struct list link;    /* of the ready list */
    uint64_t due_ms;     /* when delayed */
    uint32_t heap_index; /* when delayed */
    uint32_t failures;
    uint8_t place;     /* enum queue_place */
    bool dirty;        /* added again while worked on */
    uint64_t again_ms; /* asked for by queue_add_after while worked on; 0: not */
    uint32_t text_len;
    char text[]; /* ns NUL name: the key of the map */
};

struct queue {
    struct loop *loop; /* borrowed */
    struct map keys;   /* text -> struct queue_key, owned */
    struct list ready;
    struct queue_key **heap; /* owned array; by due_ms */
    size_t heap_count, heap_cap;
    struct timer timer;
    struct deferred step;
    /* Works on one key; the worker calls queue_done once, now or later. */
    void (*work)(void *arg, struct queue_key *key);
    void *arg; /* borrowed */
};

enum {
    QUEUE_BACKOFF_MS = 5,           /* after the first failure; upstream 5 ms */
    QUEUE_BACKOFF_MAX_MS = 1000000, /* upstream 1000 s */
    QUEUE_TURN_US = 4000, /* keys are worked on for this long before the loop serves others */
};

void queue_init(struct queue *q, struct loop *loop, void (*work)(void *arg, struct queue_key *key),
                void *arg);
void queue_release(struct queue *q);
void queue_add(struct queue *q, struct str ns, struct str name);
/* The earlier of two due times counts. */
void queue_add_after(struct queue *q, struct str ns, struct str name, uint64_t delay_ms);
/* Ends the work on a key. failed: it comes back by back-off, else its failures are forgotten. */
void queue_done(struct queue *q, struct queue_key *key, bool failed);
size_t queue_length(const struct queue *q); /* ready and delayed */

#endif
