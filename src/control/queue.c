#include "control/queue.h"

static void heap_place(struct queue *q, size_t index, struct queue_key *key)
{
    q->heap[index] = key;
    key->heap_index = (uint32_t)index;
}

static void heap_up(struct queue *q, size_t index, struct queue_key *key)
{
    while (index > 0 && q->heap[(index - 1) / 2]->due_ms > key->due_ms) {
        heap_place(q, index, q->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_place(q, index, key);
}

static void heap_down(struct queue *q, size_t index, struct queue_key *key)
{
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= q->heap_count)
            break;
        if (child + 1 < q->heap_count && q->heap[child + 1]->due_ms < q->heap[child]->due_ms)
            child++;
        if (q->heap[child]->due_ms >= key->due_ms)
            break;
        heap_place(q, index, q->heap[child]);
        index = child;
    }
    heap_place(q, index, key);
}

static void heap_push(struct queue *q, struct queue_key *key)
{
    if (q->heap_count == q->heap_cap) {
        q->heap_cap = q->heap_cap ? q->heap_cap * 2 : 8;
        q->heap = mem_realloc(q->heap, q->heap_cap * sizeof(q->heap[0]));
    }
    q->heap_count++;
    heap_up(q, q->heap_count - 1, key);
}

static void heap_remove(struct queue *q, struct queue_key *key)
{
    size_t index = key->heap_index;
    assert(index < q->heap_count && q->heap[index] == key);
    struct queue_key *last = q->heap[--q->heap_count];
    if (last == key)
        return;
    if (index > 0 && q->heap[(index - 1) / 2]->due_ms > last->due_ms)
        heap_up(q, index, last);
    else
        heap_down(q, index, last);
}

/* Arms what the queue's state asks for, and nothing else (invariant 3). */
static void rearm(struct queue *q)
{
    if (!list_empty(&q->ready))
        deferred_arm(&q->step);
    if (q->heap_count == 0) {
        timer_stop(&q->timer);
        return;
    }
    uint64_t now = loop_now_ms(q->loop), due = q->heap[0]->due_ms;
    timer_start(&q->timer, due > now ? due - now : 0);
}

static struct queue_key *key_need(struct queue *q, struct str ns, struct str name)
{
    char text[600];
    size_t len = ns.len + 1 + name.len;
    assert(len <= sizeof(text)); /* both are validated names */
    memcpy(text, ns.data ? ns.data : "", ns.len);
    text[ns.len] = 0;
    memcpy(text + ns.len + 1, name.data, name.len);
    struct queue_key *key = map_get(&q->keys, (struct str){text, len});
    if (key)
        return key;
    key = mem_alloc(sizeof(*key) + len);
    memcpy(key->text, text, len);
    key->text_len = (uint32_t)len;
    key->ns = (struct str){key->text, ns.len};
    key->name = (struct str){key->text + ns.len + 1, name.len};
    list_init(&key->link);
    map_put(&q->keys, (struct str){key->text, len}, key);
    return key;
}

static void key_forget(struct queue *q, struct queue_key *key)
{
    map_del(&q->keys, (struct str){key->text, key->text_len});
    mem_free(key);
}

static void make_ready(struct queue *q, struct queue_key *key)
{
    if (key->place == QUEUE_DELAYED)
        heap_remove(q, key);
    key->place = QUEUE_READY;
    list_append(&q->ready, &key->link);
}

static void make_delayed(struct queue *q, struct queue_key *key, uint64_t due_ms)
{
    if (key->place == QUEUE_DELAYED) {
        if (key->due_ms <= due_ms)
            return;
        heap_remove(q, key);
    }
    key->place = QUEUE_DELAYED;
    key->due_ms = due_ms;
    heap_push(q, key);
}

void queue_add(struct queue *q, struct str ns, struct str name)
{
    struct queue_key *key = key_need(q, ns, name);
    if (key->place == QUEUE_WORKING)
        key->dirty = true;
    else if (key->place != QUEUE_READY)
        make_ready(q, key);
    rearm(q);
}

void queue_add_after(struct queue *q, struct str ns, struct str name, uint64_t delay_ms)
{
    struct queue_key *key = key_need(q, ns, name);
    uint64_t due = loop_now_ms(q->loop) + delay_ms;
    if (key->place == QUEUE_WORKING) {
        if (!key->again_ms || due < key->again_ms)
            key->again_ms = due;
    } else if (key->place != QUEUE_READY) {
        make_delayed(q, key, due);
    }
    rearm(q);
}

static uint64_t backoff_ms(uint32_t failures)
{
    uint32_t doublings = MIN(failures - 1, 18u);
    return MIN((uint64_t)QUEUE_BACKOFF_MS << doublings, (uint64_t)QUEUE_BACKOFF_MAX_MS);
}

void queue_done(struct queue *q, struct queue_key *key, bool failed)
{
    assert(key->place == QUEUE_WORKING);
    key->place = QUEUE_NOWHERE;
    key->failures = failed ? key->failures + 1 : 0;
    bool dirty = key->dirty;
    uint64_t again = key->again_ms;
    key->dirty = false;
    key->again_ms = 0;
    /* A failing key waits even when it was added meanwhile, else it would spin on what it causes
     * itself. */
    if (dirty && !failed)
        make_ready(q, key);
    else if (failed)
        make_delayed(q, key, loop_now_ms(q->loop) + backoff_ms(key->failures));
    else if (again)
        make_delayed(q, key, again);
    else
        key_forget(q, key);
    rearm(q);
}

static void on_timer(void *arg)
{
    struct queue *q = arg;
    uint64_t now = loop_now_ms(q->loop);
    while (q->heap_count && q->heap[0]->due_ms <= now)
        make_ready(q, q->heap[0]);
    rearm(q);
}

static void on_step(void *arg)
{
    struct queue *q = arg;
    uint64_t end_us = loop_now_us(q->loop) + QUEUE_TURN_US;
    do {
        struct queue_key *key = list_first(&q->ready, struct queue_key, link);
        if (!key)
            break;
        list_remove(&key->link);
        key->place = QUEUE_WORKING;
        q->work(q->arg, key);
    } while (loop_now_us(q->loop) < end_us);
    rearm(q);
}

void queue_init(struct queue *q, struct loop *loop, void (*work)(void *arg, struct queue_key *key),
                void *arg)
{
    memset(q, 0, sizeof(*q));
    q->loop = loop;
    q->work = work;
    q->arg = arg;
    list_init(&q->ready);
    timer_init(&q->timer, loop, on_timer, q);
    deferred_init(&q->step, loop, on_step, q);
}

void queue_release(struct queue *q)
{
    timer_stop(&q->timer);
    deferred_cancel(&q->step);
    map_each(slot, &q->keys)
        mem_free(slot->value);
    map_release(&q->keys);
    mem_free(q->heap);
}

size_t queue_length(const struct queue *q)
{
    size_t count = q->heap_count;
    for (const struct list *l = q->ready.next; l != &q->ready; l = l->next)
        count++;
    return count;
}
