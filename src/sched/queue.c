#include "sched/internal.h"

/* Heaps: the first item is the one that is before all others. */

static void heap_place(struct sched_heap *h, size_t index, struct sched_pending *p)
{
    h->items[index] = p;
    p->heap_index = (uint32_t)index;
}

static void heap_up(struct sched_heap *h, size_t index, struct sched_pending *p)
{
    while (index > 0 && h->before(p, h->items[(index - 1) / 2])) {
        heap_place(h, index, h->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_place(h, index, p);
}

static void heap_down(struct sched_heap *h, size_t index, struct sched_pending *p)
{
    for (size_t child; (child = index * 2 + 1) < h->count; index = child) {
        if (child + 1 < h->count && h->before(h->items[child + 1], h->items[child]))
            child++;
        if (!h->before(h->items[child], p))
            break;
        heap_place(h, index, h->items[child]);
    }
    heap_place(h, index, p);
}

static void heap_push(struct sched_heap *h, struct sched_pending *p)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->items = mem_realloc(h->items, h->cap * sizeof(h->items[0]));
    }
    h->count++;
    heap_up(h, h->count - 1, p);
}

static void heap_remove(struct sched_heap *h, struct sched_pending *p)
{
    size_t index = p->heap_index;
    assert(index < h->count && h->items[index] == p);
    struct sched_pending *last = h->items[--h->count];
    if (last == p)
        return;
    if (index > 0 && h->before(last, h->items[(index - 1) / 2]))
        heap_up(h, index, last);
    else
        heap_down(h, index, last);
}

/* PrioritySort: the higher priority, then who came first. */
static bool before_active(const struct sched_pending *x, const struct sched_pending *y)
{
    return x->priority != y->priority ? x->priority > y->priority : x->order < y->order;
}

static bool before_backoff(const struct sched_pending *x, const struct sched_pending *y)
{
    return x->due_ms < y->due_ms;
}

/* Places. */

static void leave(struct sched_queue *q, struct sched_pending *p)
{
    if (p->place == PLACE_ACTIVE)
        heap_remove(&q->active, p);
    else if (p->place == PLACE_BACKOFF)
        heap_remove(&q->backoff, p);
    else if (p->place == PLACE_PARKED || p->place == PLACE_CYCLE)
        list_remove(&p->link);
    p->place = PLACE_NOWHERE;
}

static void rearm(struct sched_queue *q)
{
    struct scheduler *s = q->scheduler;
    if (q->active.count)
        deferred_arm(&s->step);
    uint64_t due = q->backoff.count ? q->backoff.items[0]->due_ms : UINT64_MAX;
    struct sched_pending *parked = list_first(&q->parked, struct sched_pending, link);
    if (parked)
        due = MIN(due, parked->due_ms);
    if (due == UINT64_MAX) {
        timer_stop(&q->timer);
        return;
    }
    uint64_t now = loop_now_ms(s->loop);
    timer_start(&q->timer, due > now ? due - now : 0);
}

static void activate(struct sched_queue *q, struct sched_pending *p)
{
    leave(q, p);
    p->place = PLACE_ACTIVE;
    heap_push(&q->active, p);
}

static uint64_t backoff_ms(const struct sched_pending *p)
{
    uint64_t delay = SCHED_BACKOFF_MS;
    for (uint32_t i = 1; i < p->attempts && delay < SCHED_BACKOFF_MAX_MS; i++)
        delay *= 2;
    return MIN(delay, (uint64_t)SCHED_BACKOFF_MAX_MS);
}

static void back_off(struct sched_queue *q, struct sched_pending *p, uint64_t due_ms)
{
    leave(q, p);
    p->place = PLACE_BACKOFF;
    p->due_ms = due_ms;
    heap_push(&q->backoff, p);
}

/* What may help a pod: the events of the plugins that refused it; anything when none did. */
static unsigned waking_events(const struct sched_queue *q, const struct sched_pending *p)
{
    unsigned events = 0;
    for (size_t i = 0; i < q->scheduler->plugin_count; i++)
        if (p->refused_by >> i & 1)
            events |= q->scheduler->plugins[i]->events;
    return p->refused_by ? events : ~0u;
}

static void park(struct sched_queue *q, struct sched_pending *p)
{
    leave(q, p);
    p->place = PLACE_PARKED;
    p->due_ms = loop_now_ms(q->scheduler->loop) + SCHED_PARKED_MS;
    q->parked_wakes = (list_empty(&q->parked) ? 0 : q->parked_wakes) | waking_events(q, p);
    list_append(&q->parked, &p->link);
}

static void wake(struct sched_queue *q, struct sched_pending *p)
{
    uint64_t now = loop_now_ms(q->scheduler->loop);
    /* It was parked at its due time less SCHED_PARKED_MS: back-off counts from there. */
    uint64_t due = p->due_ms - SCHED_PARKED_MS + backoff_ms(p);
    if (due <= now)
        activate(q, p);
    else
        back_off(q, p, due);
}

static void on_timer(void *arg)
{
    struct sched_queue *q = arg;
    uint64_t now = loop_now_ms(q->scheduler->loop);
    while (q->backoff.count && q->backoff.items[0]->due_ms <= now)
        activate(q, q->backoff.items[0]);
    for (;;) {
        struct sched_pending *p = list_first(&q->parked, struct sched_pending, link);
        if (!p || p->due_ms > now)
            break;
        activate(q, p);
    }
    rearm(q);
}

/* Pods. */

static struct sched_pending *find(struct sched_queue *q, struct str ns, struct str name)
{
    char text[SCHED_KEY_BYTES];
    return map_get(&q->pods, sched_pod_key(text, ns, name));
}

static struct sched_pending *add(struct sched_queue *q, const struct sealed *pod)
{
    char text[SCHED_KEY_BYTES];
    struct sched_pending *p = mem_alloc(sizeof(*p) + sched_names_bytes(pod));
    sched_names_keep(pod, p->text, &p->ns, &p->name, &p->uid);
    p->order = q->next_order++;
    list_init(&p->link);
    map_put(&q->pods, sched_pod_key(text, p->ns, p->name), p);
    return p;
}

void sched_queue_forget(struct sched_queue *q, struct sched_pending *p)
{
    char text[SCHED_KEY_BYTES];
    struct str key = sched_pod_key(text, p->ns, p->name);
    leave(q, p);
    if (map_get(&q->pods, key) == p) /* its name may be another pod's by now */
        map_del(&q->pods, key);
    mem_free(p);
    rearm(q);
}

static bool held_back(struct sched_queue *q, const struct sealed *pod)
{
    struct str message;
    for (size_t i = 0; i < q->scheduler->plugin_count; i++) {
        const struct sched_plugin *plugin = q->scheduler->plugins[i];
        if (plugin->pre_enqueue && !plugin->pre_enqueue(pod, &message))
            return true;
    }
    return false;
}

void sched_queue_put(struct sched_queue *q, const struct sealed *pod)
{
    struct sched_pending *p = find(q, object_namespace(pod), object_name(pod));
    if (p && !str_equal(p->uid, object_uid(pod))) {
        sched_queue_remove(q, p->ns, p->name);
        p = NULL;
    }
    bool fresh = !p;
    if (fresh)
        p = add(q, pod);
    p->priority = value_int(sealed_root(pod), "spec.priority", 0);
    if (p->place == PLACE_CYCLE) {
        p->missed |= SCHED_POD_ITSELF;
        return;
    }
    if (held_back(q, pod)) {
        leave(q, p);
        p->place = PLACE_GATED;
    } else if (fresh || p->place == PLACE_GATED || p->place == PLACE_ACTIVE) {
        activate(q, p); /* an active one may have another priority now */
    } else if (p->place == PLACE_PARKED && waking_events(q, p) & SCHED_POD_ITSELF) {
        wake(q, p);
    }
    rearm(q);
}

void sched_queue_remove(struct sched_queue *q, struct str ns, struct str name)
{
    struct sched_pending *p = find(q, ns, name);
    if (!p)
        return;
    if (p->place == PLACE_CYCLE)
        p->deleted = true;
    else
        sched_queue_forget(q, p);
}

struct sched_pending *sched_queue_pop(struct sched_queue *q)
{
    if (q->active.count == 0)
        return NULL;
    struct sched_pending *p = q->active.items[0];
    leave(q, p);
    p->place = PLACE_CYCLE;
    list_append(&q->cycling, &p->link);
    p->missed = 0;
    p->attempts++;
    return p;
}

void sched_queue_done(struct sched_queue *q, struct sched_pending *p, bool retry)
{
    assert(p->place == PLACE_CYCLE);
    leave(q, p);
    if (p->deleted) {
        sched_queue_forget(q, p);
        return;
    }
    if (retry || (p->missed & waking_events(q, p)))
        back_off(q, p, loop_now_ms(q->scheduler->loop) + backoff_ms(p));
    else
        park(q, p);
    rearm(q);
}

void sched_queue_event(struct sched_queue *q, unsigned events)
{
    if (!events)
        return;
    list_each(busy, &q->cycling, struct sched_pending, link)
        busy->missed |= events;
    if (list_empty(&q->parked) || !(q->parked_wakes & events))
        return;
    list_each(p, &q->parked, struct sched_pending, link) {
        if (waking_events(q, p) & events)
            wake(q, p);
    }
    rearm(q);
}

void sched_queue_init(struct sched_queue *q, struct scheduler *s)
{
    memset(q, 0, sizeof(*q));
    q->scheduler = s;
    q->active.before = before_active;
    q->backoff.before = before_backoff;
    list_init(&q->parked);
    list_init(&q->cycling);
    timer_init(&q->timer, s->loop, on_timer, q);
}

void sched_queue_release(struct sched_queue *q)
{
    timer_stop(&q->timer);
    map_each(slot, &q->pods)
        mem_free(slot->value);
    map_release(&q->pods);
    mem_free(q->active.items);
    mem_free(q->backoff.items);
}
