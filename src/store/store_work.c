/* What happens to a write after store_put: made durable, published, moved into LMDB. */
#include <errno.h>
#include <malloc.h>

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

void job_finish(struct job *job)
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
    return r->revision == revision && (r->flags & RECORD_RELAXED) && revision <= s->ceiling;
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
        if (e->record->revision > s->durable &&
            (!(e->record->flags & RECORD_RELAXED) || e->record->revision > s->ceiling))
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

/* Woken at half of what is allowed, so that a crowd that was told to wait has something to share.
 */
static void wake_for_room(struct store *s)
{
    if (s->overlay.bytes > LIMIT_STORE_PENDING_BYTES / 2 || list_empty(&s->room))
        return;
    while (!list_empty(&s->room)) {
        struct list *first = s->room.next;
        list_remove(first);
        list_append(&s->due, first);
    }
    deferred_arm(&s->notify);
}

void store_when_room(struct store *s, struct store_waiter *w, void (*fn)(void *arg), void *arg)
{
    w->revision = 0;
    w->fn = fn;
    w->arg = arg;
    list_append(&s->room, &w->link);
    wake_for_room(s);
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

bool store_forget(struct store *s, uint64_t revision)
{
    uint64_t before = s->compacted, to = s->forget_to = MAX(s->forget_to, revision);
    list_each(h, &s->holds, struct store_hold, link)
        to = MIN(to, h->revision);
    s->compacted = MAX(before, to);
    return s->compacted > before;
}

/* History is what gives way first when the quota is nearly used up, or the disk: its age doesn't
 * count then, and where only deletions are taken nothing of it is kept. */
static bool forget_for_room(struct store *s)
{
    uint64_t kept = s->over || s->full ? 0 : s->history_revisions;
    bool scarce =
        s->full || (s->quota_bytes && s->space.used_bytes > quota_soft_bytes(s->quota_bytes));
    return scarce && s->published > kept && store_forget(s, s->published - kept);
}

void store_weigh(struct store *s, struct db_space space)
{
    bool over = s->quota_bytes && space.used_bytes > s->quota_bytes;
    s->space = space;
    if (over == s->over)
        return;
    s->over = over;
    if (over)
        log_warn("the store's quota is used up: only deletions are taken",
                 LOG_CSTR("directory", s->directory), LOG_INT("bytes", s->quota_bytes));
    else
        log_info("the store has room again", LOG_CSTR("directory", s->directory));
}

static void forget_by_age(struct store *s)
{
    uint64_t now_ms = loop_now_ms(s->loop), old_enough = 0;
    bool forgotten maybe_unused = forget_for_room(s);
    mark_time(s, now_ms);
    for (size_t i = 0; i < s->mark_count && s->marks[i].ms + s->history_ms <= now_ms; i++)
        old_enough = s->marks[i].revision;
    if (s->durable <= s->history_revisions)
        return;
    store_forget(s, MIN(old_enough, s->durable - s->history_revisions));
}

/* ---- applier ---- */

static void apply_run(struct job *job)
{
    struct apply_job *apply = container_of(job, struct apply_job, job);
    apply->err = db_apply(apply->db, &apply->work);
    if (apply->err == 0)
        journal_image_synced(apply->journal);
}

static void apply_release(struct job *job)
{
    struct apply_job *apply = container_of(job, struct apply_job, job);
    mem_free(apply->entries);
    mem_free(apply);
}

static bool disk_has_less_than(const struct store *s, int64_t bytes_min)
{
    int64_t bytes = s->disk->free_bytes(s->disk->self, s->directory);
    return bytes >= 0 && bytes < bytes_min;
}

/* What deletions made room for in the file counts as well, but not alone: a value that fits none of
 * its holes makes the file grow. */
static bool disk_low(const struct store *s)
{
    bool reusable = s->space.reusable_bytes >= LIMIT_STORE_FREE_BYTES;
    return disk_has_less_than(s, reusable ? LIMIT_STORE_FREE_BYTES / 2 : LIMIT_STORE_FREE_BYTES);
}

/* Nobody tells when a disk has room again. While records wait for it, their retries find out. */
bool store_disk_full(struct store *s)
{
    uint64_t now_ms = loop_now_ms(s->loop);
    if (s->full && !timer_armed(&s->apply_timer) && now_ms >= s->full_checked_ms + FULL_RETRY_MS) {
        s->full_checked_ms = now_ms;
        s->full = s->log_full || disk_low(s);
    }
    return s->full;
}

static void apply_begin(struct store *s);
static void commit_begin(struct store *s);

/* Nothing is left to do: an idle store holds little memory. LMDB and the overlay leave much of the
 * heap free but touched. */
static void rest(struct store *s)
{
    journal_rest(s->journal);
    if (s->moved_bytes < TRIM_BYTES)
        return;
    s->moved_bytes = 0;
    malloc_trim(0);
}

static void apply_settle(struct job *job)
{
    struct apply_job *apply = container_of(job, struct apply_job, job);
    struct store *s = job->store;
    s->applying = NULL;
    /* LMDB calls a full disk an I/O error when a write was cut short: what the file system says
     * decides. */
    if (apply->err == -ENOSPC ||
        (apply->err < 0 && disk_has_less_than(s, LIMIT_STORE_FREE_BYTES))) {
        s->full = true;
        log_warn("the disk is full: only deletions are taken", LOG_CSTR("directory", s->directory));
        if (!s->closing)
            timer_start(&s->apply_timer, FULL_RETRY_MS);
        return;
    }
    if (apply->err < 0)
        store_distrust(s);
    if (apply->err < 0)
        disk_fatal("applying the log", s->directory, apply->err);
    store_refresh(s);
    db_set_state(s->db, &apply->work.state);
    store_weigh(s, apply->work.space);
    s->full = s->log_full || disk_low(s);
    journal_applied(s->journal, apply->work.state.applied);
    s->moved_bytes += s->overlay.bytes;
    overlay_drop(&s->overlay, apply->work.state.applied, &s->dropped);
    if (s->read_depth == 0)
        dropped_free(&s->dropped);
    if (s->overlay.count == 0 && !apply->work.more)
        rest(s);
    if (s->closing)
        return;
    wake_for_room(s);
    commit_begin(s); /* it may have waited for room in the log */
    if (apply->work.more || s->heal || ((s->over || s->full) && forget_for_room(s)))
        apply_begin(s);
    else
        store_apply_soon(s);
}

/* Durable records in the overlay. */
static size_t applicable(const struct store *s)
{
    return overlay_seek(&s->overlay, s->durable + 1);
}

/* Starts a transaction now, if only to say that what an earlier process applied is on the disk. */
static void apply_begin(struct store *s)
{
    s->apply_waits = s->checking;
    if (s->applying || s->checking)
        return;
    struct apply_job *apply = mem_alloc(sizeof(*apply));
    size_t count = MIN(applicable(s), (size_t)APPLY_RECORDS_MAX);
    timer_stop(&s->apply_timer);
    forget_by_age(s);
    apply->job.run = apply_run;
    apply->job.settle = apply_settle;
    apply->job.release = apply_release;
    apply->db = s->db;
    apply->journal = s->journal;
    apply->entries = mem_alloc((count + 1) * sizeof(struct entry *));
    for (size_t i = 0; i < count; i++)
        apply->entries[i] = overlay_at(&s->overlay, i);
    apply->work.entries = apply->entries;
    apply->work.count = count;
    apply->work.compact_to = s->compacted;
    apply->work.state = db_state(s->db);
    apply->work.heal = s->heal;
    s->heal = false;
    s->applying = apply;
    job_start(&apply->job, s);
}

void store_apply_soon(struct store *s)
{
    size_t count = applicable(s);
    if (s->applying || count == 0)
        return;
    if ((count >= APPLY_RECORDS || s->overlay.bytes >= APPLY_BYTES) && !s->full)
        apply_begin(s);
    else if (!timer_armed(&s->apply_timer))
        timer_start(&s->apply_timer, s->full ? FULL_RETRY_MS : APPLY_DELAY_MS);
}

void store_apply_again(struct store *s)
{
    if (s->apply_waits)
        apply_begin(s);
    else
        store_apply_soon(s);
}

/* A store that starts beyond its quota takes no write that would begin one. */
void store_apply_for_room(struct store *s)
{
    if (s->over)
        apply_begin(s);
}

static void on_apply_timer(void *arg)
{
    apply_begin(arg);
}

/* A read found damage: new reads need a new snapshot, and what is derived from records is made
 * anew. */
static void on_damage(void *arg)
{
    struct store *s = arg;
    uint64_t now_ms = loop_now_ms(s->loop);
    store_refresh(s);
    if (s->heal_tried && now_ms < s->heal_tried_ms + HEAL_AGAIN_MS)
        return;
    s->heal = s->heal_tried = true;
    s->heal_tried_ms = now_ms;
    apply_begin(s);
}

static void damage_found(void *arg)
{
    struct store *s = arg;
    deferred_arm(&s->damage);
}

/* ---- committer ---- */

static void commit_run(struct job *job)
{
    struct commit_job *c = container_of(job, struct commit_job, job);
    if (c->rewrite)
        journal_rewrite(c->journal);
    else
        c->err = journal_write(c->journal, &c->place, c->entries, c->count, c->before, c->ceiling);
}

static void commit_release(struct job *job)
{
    struct commit_job *c = container_of(job, struct commit_job, job);
    mem_free(c->entries);
    mem_free(c);
}

/* What waits stays in the overlay, and whoever waits for it waits on. The applier's next turn makes
 * the attempt again, perhaps in the other half of the log. */
static void no_room_for_log(struct store *s)
{
    if (!s->log_full)
        log_warn("the disk has no room for the log: only deletions are taken",
                 LOG_CSTR("directory", s->directory));
    s->log_full = s->full = true;
    if (!s->closing && !s->applying && !timer_armed(&s->apply_timer))
        timer_start(&s->apply_timer, FULL_RETRY_MS);
}

static void commit_settle(struct job *job)
{
    struct commit_job *c = container_of(job, struct commit_job, job);
    struct store *s = job->store;
    s->committing = NULL;
    if (c->err < 0) {
        no_room_for_log(s);
        return;
    }
    s->log_full = false;
    if (!c->rewrite)
        journal_written(s->journal, &c->place, c->bytes, c->last);
    assert(c->last > s->durable);
    s->durable = c->last;
    s->ceiling = c->ceiling;
    if (!s->closing)
        commit_begin(s); /* the next batch is on its way while this one is told */
    advance(s);
    if (!s->closing)
        store_apply_soon(s);
}

static struct commit_job *commit_new(struct store *s)
{
    struct commit_job *c = mem_alloc(sizeof(*c));
    c->job.run = commit_run;
    c->job.settle = commit_settle;
    c->job.release = commit_release;
    c->journal = s->journal;
    return c;
}

void store_recovered(struct store *s)
{
    if (!journal_must_rewrite(s->journal)) {
        s->durable = s->published = s->revision;
        return;
    }
    struct commit_job *c = commit_new(s);
    c->rewrite = true;
    c->last = c->ceiling = s->revision;
    s->committing = c;
    job_start(&c->job, s);
}

/* Before the log has no room: a write that waits for it can't be taken back any more. */
static void look_at_disk(struct store *s)
{
    if (s->full || !disk_low(s))
        return;
    s->full = true;
    log_warn("the disk is nearly full: only deletions are taken",
             LOG_CSTR("directory", s->directory));
}

/* All that waits, up to the size of a batch, goes into the log; nothing when it must wait for room.
 */
static void commit_begin(struct store *s)
{
    size_t first = applicable(s), count = 0, record_bytes = 0;
    if (s->committing || first == s->overlay.count)
        return;
    look_at_disk(s);
    while (first + count < s->overlay.count) {
        size_t more = overlay_at(&s->overlay, first + count)->record_bytes;
        if (count > 0 && record_bytes + more > LIMIT_LOG_BATCH_BYTES)
            break;
        record_bytes += more;
        count++;
    }
    struct journal_place place;
    size_t bytes = journal_batch_bytes(record_bytes);
    if (!journal_plan(s->journal, bytes, &place)) {
        store_check_give_up(s);
        if (!s->full)
            apply_begin(s);
        else if (!s->closing && !s->applying && !timer_armed(&s->apply_timer))
            timer_start(&s->apply_timer, FULL_RETRY_MS);
        return;
    }
    struct commit_job *c = commit_new(s);
    c->place = place;
    c->bytes = bytes;
    c->count = count;
    c->entries = mem_alloc(count * sizeof(struct entry *));
    for (size_t i = 0; i < count; i++)
        c->entries[i] = overlay_at(&s->overlay, first + i);
    c->before = journal_last(s->journal);
    c->last = c->entries[count - 1]->record->revision;
    c->ceiling = MAX(s->ceiling, c->last + (s->relaxed_used ? CEILING_STEP : 0));
    s->committing = c;
    job_start(&c->job, s);
}

static void on_begin(void *arg)
{
    commit_begin(arg);
}

void store_written(struct store *s, const struct entry *e)
{
    deferred_arm(&s->begin);
    if (e->record->flags & RECORD_RELAXED) {
        s->relaxed_used = true;
        deferred_arm(&s->notify);
    }
}

/* Says in the log that no revision was told beyond the last: the next start need not skip any. */
static void commit_end_mark(struct store *s)
{
    struct journal_place place;
    size_t bytes = journal_batch_bytes(0);
    if (s->durable < s->revision || s->ceiling <= s->durable ||
        !journal_plan(s->journal, bytes, &place) ||
        journal_write(s->journal, &place, NULL, 0, journal_last(s->journal), s->durable) < 0)
        return;
    journal_written(s->journal, &place, bytes, journal_last(s->journal));
    s->ceiling = s->durable;
}

int store_compact(struct store *s, uint64_t revision)
{
    if (revision > s->published)
        return -EINVAL;
    store_forget(s, revision);
    apply_begin(s);
    return 0;
}

int store_hold(struct store *s, struct store_hold *h, uint64_t revision)
{
    assert(!h->store);
    if (revision < s->compacted)
        return -ESTALE;
    h->store = s;
    h->revision = revision;
    list_append(&s->holds, &h->link);
    return 0;
}

void store_hold_end(struct store_hold *h)
{
    struct store *s = take_ptr(h->store);
    if (!s)
        return;
    list_remove(&h->link);
    if (store_forget(s, 0))
        apply_begin(s);
}

void store_work_init(struct store *s)
{
    deferred_init(&s->begin, s->loop, on_begin, s);
    deferred_init(&s->notify, s->loop, on_notify, s);
    deferred_init(&s->damage, s->loop, on_damage, s);
    db_on_damage(s->db, damage_found, s);
    timer_init(&s->apply_timer, s->loop, on_apply_timer, s);
}

void store_work_release(struct store *s)
{
    deferred_cancel(&s->begin);
    deferred_cancel(&s->notify);
    deferred_cancel(&s->damage);
    db_on_damage(s->db, NULL, NULL);
    timer_stop(&s->apply_timer);
    store_check_end(s);
    s->log_full = false; /* there may be room by now */
    /* All that was written becomes durable; then it moves into LMDB unless the disk is full. */
    while (s->committing || s->applying || s->durable < s->revision) {
        if (s->committing)
            job_finish(&s->committing->job);
        if (s->applying)
            job_finish(&s->applying->job);
        if (s->log_full)
            break;
        commit_begin(s);
        if (!s->committing && !s->applying && s->full)
            break;
    }
    commit_end_mark(s);
    while (applicable(s) > 0 && !s->full) {
        apply_begin(s);
        job_finish(&s->applying->job);
    }
}
