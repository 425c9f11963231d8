/* What happens to a write after store_put: made durable, published, moved into LMDB. */
#include <errno.h>

#include "base/log.h"
#include "store/store_private.h"

/* ---- jobs in pool threads ---- */

static void job_run(void *arg)
{
    struct job *job = arg;
    job->run(job);
    pthread_mutex_lock(&job->lock);
    job->has_run = true;
    pthread_cond_broadcast(&job->ended);
    pthread_mutex_unlock(&job->lock);
}

static void job_done(void *arg)
{
    struct job *job = arg;
    if (job->store)
        job->settle(job);
    pthread_mutex_destroy(&job->lock);
    pthread_cond_destroy(&job->ended);
    job->release(job);
}

void job_start(struct job *job, struct store *s)
{
    job->store = s;
    pthread_mutex_init(&job->lock, NULL);
    pthread_cond_init(&job->ended, NULL);
    loop_work(s->loop, job_run, job_done, job);
}

/* Waits for the pool thread, settles, and leaves the block to the loop. */
static void job_finish(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    while (!job->has_run)
        pthread_cond_wait(&job->ended, &job->lock);
    pthread_mutex_unlock(&job->lock);
    job->settle(job);
    job->store = NULL;
}

/* ---- publishing ---- */

static void publish_entry(struct store *s, const struct entry *e)
{
    struct store_record now, previous = {.key = record_key(e->record)};
    const struct record *before = NULL;
    record_view(e->record, &now);
    if (e->older) {
        before = e->older->record;
    } else if (!(e->record->flags & RECORD_CREATED)) {
        int err = db_record(s->db, e->record->previous, &before);
        if (err < 0) {
            log_error("a stored object is damaged; its watchers must start over",
                      LOG_CSTR("directory", s->directory), LOG_INT("revision", e->record->previous),
                      LOG_ERRNO(err));
            s->publish(s->publish_arg, &now, NULL);
            return;
        }
    }
    if (before)
        record_view(before, &previous);
    s->publish(s->publish_arg, &now, &previous);
}

static bool is_due(const struct store *s, uint64_t revision)
{
    if (revision <= s->published)
        return true;
    size_t at = overlay_seek(&s->overlay, revision);
    if (at == s->overlay.count)
        return false;
    const struct record *r = overlay_at(&s->overlay, at)->record;
    return r->revision == revision && (r->flags & RECORD_RELAXED);
}

static void fire_due(struct store *s)
{
    while (!list_empty(&s->due)) {
        struct store_waiter *w = container_of(s->due.next, struct store_waiter, link);
        list_remove(&w->link);
        w->fn(w->arg);
    }
}

/* Publishes what may be: all that is durable, and relaxed records that follow it without a gap;
 * then wakes who waited. */
static void advance(struct store *s)
{
    for (;;) {
        size_t at = overlay_seek(&s->overlay, s->published + 1);
        if (at == s->overlay.count)
            break;
        const struct entry *e = overlay_at(&s->overlay, at);
        if (e->record->revision > s->durable && !(e->record->flags & RECORD_RELAXED))
            break;
        s->published = e->record->revision;
        if (s->publish)
            publish_entry(s, e);
    }
    s->published = MAX(s->published, s->durable);
    while (!list_empty(&s->waiters)) {
        struct store_waiter *w = container_of(s->waiters.next, struct store_waiter, link);
        if (w->revision > s->published)
            break;
        list_remove(&w->link);
        list_append(&s->due, &w->link);
    }
    fire_due(s);
}

static void on_notify(void *arg)
{
    advance(arg);
}

void store_when_durable(struct store *s, struct store_waiter *w, uint64_t revision,
                        void (*fn)(void *arg), void *arg)
{
    w->revision = revision;
    w->fn = fn;
    w->arg = arg;
    if (is_due(s, revision)) {
        list_append(&s->due, &w->link);
        deferred_arm(&s->notify);
        return;
    }
    struct list *before = s->waiters.prev;
    while (before != &s->waiters &&
           container_of(before, struct store_waiter, link)->revision > revision)
        before = before->prev;
    list_append(before->next, &w->link);
}

void store_waiter_cancel(struct store_waiter *w)
{
    list_remove(&w->link);
}

void store_on_publish(struct store *s, store_history_fn fn, void *arg)
{
    s->publish = fn;
    s->publish_arg = arg;
}

/* ---- history's end ---- */

/* Remembers when revisions were made, in steps: what a restart forgets of it only keeps history
 * longer. */
static void mark_time(struct store *s, uint64_t now_ms)
{
    uint64_t step_ms = s->history_ms / (HISTORY_MARKS / 2) + 1;
    if (s->mark_count > 0 && now_ms < s->marks[s->mark_count - 1].ms + step_ms)
        return;
    if (s->mark_count == HISTORY_MARKS)
        memmove(s->marks, s->marks + 1, --s->mark_count * sizeof(s->marks[0]));
    s->marks[s->mark_count].ms = now_ms;
    s->marks[s->mark_count++].revision = s->durable;
}

static void forget_by_age(struct store *s)
{
    uint64_t now_ms = loop_now_ms(s->loop), old_enough = 0;
    mark_time(s, now_ms);
    for (size_t i = 0; i < s->mark_count && s->marks[i].ms + s->history_ms <= now_ms; i++)
        old_enough = s->marks[i].revision;
    if (s->durable <= s->history_revisions)
        return;
    s->compacted = MAX(s->compacted, MIN(old_enough, s->durable - s->history_revisions));
}

/* ---- applier ---- */

static void apply_run(struct job *job)
{
    struct apply_job *apply = container_of(job, struct apply_job, job);
    apply->err = db_apply(apply->db, &apply->work);
}

static void apply_release(struct job *job)
{
    struct apply_job *apply = container_of(job, struct apply_job, job);
    mem_free(apply->entries);
    mem_free(apply);
}

static bool disk_low(const struct store *s)
{
    int64_t bytes = s->disk->free_bytes(s->disk->self, s->directory);
    return bytes >= 0 && bytes < LIMIT_STORE_FREE_BYTES;
}

static void apply_begin(struct store *s, bool now);

static void apply_settle(struct job *job)
{
    struct apply_job *apply = container_of(job, struct apply_job, job);
    struct store *s = job->store;
    s->applying = NULL;
    s->full = disk_low(s);
    /* LMDB calls a full disk an I/O error when a write was cut short: what the file system says
     * decides. */
    if (apply->err == -ENOSPC || (apply->err < 0 && s->full)) {
        s->full = true;
        log_warn("the disk is full: only deletions are taken", LOG_CSTR("directory", s->directory));
        if (!s->closing)
            timer_start(&s->apply_timer, FULL_RETRY_MS);
        return;
    }
    if (apply->err < 0)
        disk_fatal("applying the log", s->directory, apply->err);
    store_refresh(s);
    db_set_state(s->db, &apply->work.state);
    s->durable = MAX(s->durable, apply->work.state.applied);
    advance(s);
    overlay_drop(&s->overlay, apply->work.state.applied, &s->dropped);
    if (s->read_depth == 0)
        dropped_free(&s->dropped);
    if (!s->closing)
        apply_begin(s, apply->work.more);
}

static void apply_start(struct store *s)
{
    struct apply_job *apply = mem_alloc(sizeof(*apply));
    size_t count = MIN(s->overlay.count, (size_t)APPLY_RECORDS_MAX);
    timer_stop(&s->apply_timer);
    forget_by_age(s);
    apply->job.run = apply_run;
    apply->job.settle = apply_settle;
    apply->job.release = apply_release;
    apply->db = s->db;
    apply->entries = mem_alloc((count + 1) * sizeof(struct entry *));
    for (size_t i = 0; i < count; i++)
        apply->entries[i] = overlay_at(&s->overlay, i);
    apply->work.entries = apply->entries;
    apply->work.count = count;
    apply->work.compact_to = s->compacted;
    apply->work.state = db_state(s->db);
    s->applying = apply;
    job_start(&apply->job, s);
}

static void apply_begin(struct store *s, bool now)
{
    if (s->applying)
        return;
    if (s->overlay.count > 0 || now)
        apply_start(s);
}

static void on_apply_timer(void *arg)
{
    apply_begin(arg, true);
}

static void on_begin(void *arg)
{
    apply_begin(arg, false);
}

void store_written(struct store *s, const struct entry *e)
{
    deferred_arm(&s->begin);
    if (e->record->flags & RECORD_RELAXED)
        deferred_arm(&s->notify);
}

int store_compact(struct store *s, uint64_t revision)
{
    if (revision > s->published)
        return -EINVAL;
    s->compacted = MAX(s->compacted, revision);
    apply_begin(s, true);
    return 0;
}

void store_work_init(struct store *s)
{
    deferred_init(&s->begin, s->loop, on_begin, s);
    deferred_init(&s->notify, s->loop, on_notify, s);
    timer_init(&s->apply_timer, s->loop, on_apply_timer, s);
}

void store_work_release(struct store *s)
{
    deferred_cancel(&s->begin);
    deferred_cancel(&s->notify);
    timer_stop(&s->apply_timer);
    if (s->applying)
        job_finish(&s->applying->job);
    while (s->overlay.count > 0 && !s->full) {
        apply_begin(s, true);
        job_finish(&s->applying->job);
    }
}
