#include "store/store.h"

#include <errno.h>

#include "base/log.h"
#include "store/store_private.h"
#include "sys/crash.h"

static void release(struct store *s)
{
    crash_mark_remove(s->check_mark);
    store_check_forget(s);
    db_close(s->db);
    journal_close(s->journal);
    overlay_release(&s->overlay);
    vec_release(&s->counts);
    mem_free(s->directory);
    mem_free(s->check_mark);
    mem_free(s);
}

/* The text stays until the process ends or the next failed open: callers print it and give up. */
static int open_failed(struct store *s, int err, struct buf *error, const char **ret_error)
{
    static struct buf kept;
    buf_release(&kept);
    kept = *error;
    *ret_error = kept.data ? kept.data : "";
    release(s);
    return err;
}

/* Revision of the newest record of a key, and whether it is a living object. */
static int current_state(struct store *s, struct store_key key, uint64_t *ret_revision,
                         bool *ret_exists)
{
    struct entry *e = overlay_find(&s->overlay, key, key_hash(key));
    struct db_name name;
    if (e) {
        *ret_revision = e->record->revision;
        *ret_exists = !record_deleted(e->record);
        return 0;
    }
    int err = db_name(s->db, key, &name);
    if (err == -ENOENT) {
        *ret_revision = 0;
        *ret_exists = false;
        return 0;
    }
    if (err < 0)
        return err;
    *ret_revision = name.revision;
    *ret_exists = name.slot != DB_NO_SLOT;
    return 0;
}

/* The counter of a resource: read from the file when it is first touched, when the overlay can't
 * hold any of it yet. */
int64_t *store_counter(struct store *s, uint16_t resource)
{
    while (s->counts.count <= resource)
        vec_push(&s->counts, -1);
    int64_t *counter = &s->counts.items[resource];
    if (*counter < 0)
        *counter = (int64_t)db_count(s->db, resource);
    return counter;
}

/* A record of the log that LMDB doesn't have. What was there before it stands in the record itself,
 * so nothing is looked up in LMDB: a start reads no page of it. */
static int recover_record(void *arg, const struct record *r)
{
    struct store *s = arg;
    struct index index;
    const struct entry *newest = overlay_find(&s->overlay, record_key(r), key_hash(record_key(r)));
    bool existed = !(r->flags & RECORD_CREATED);
    /* The chain of a key must go on where it stands. */
    if (newest &&
        (newest->record->revision != r->previous || record_deleted(newest->record) == existed))
        return -EIO;
    index_make(s->index, record_deleted(r) ? NULL : record_value(r), r->value_size, &index);
    struct entry *e = entry_new(record_size(r), &index);
    memcpy(e->record, r, record_size(r));
    *store_counter(s, r->resource) += !record_deleted(r) - existed;
    overlay_add(&s->overlay, e);
    return 0;
}

static int recover(struct store *s, struct buf *error)
{
    struct db_state state = db_state(s->db);
    int err = journal_recover(s->journal, state.applied, recover_record, s, error);
    if (err < 0)
        return err;
    /* Revisions that may have been told of relaxed writes before a crash are never used again. */
    s->ceiling = journal_ceiling(s->journal);
    s->revision = s->ceiling;
    s->durable = s->published = state.applied;
    s->compacted = state.compacted;
    return 0;
}

int store_open(const struct store_config *config, struct store **ret, const char **ret_error)
{
    struct buf error = BUF_INIT;
    struct store *s = mem_alloc(sizeof(*s));
    s->loop = config->loop;
    s->disk = config->disk ? config->disk : disk_real();
    s->index = config->index;
    s->history_revisions = config->history_revisions;
    s->history_ms = config->history_ms;
    s->quota_bytes = config->quota_bytes;
    s->directory = mem_dup(config->directory, strlen(config->directory) + 1);
    struct buf mark = BUF_INIT;
    buf_printf(&mark, "%s/data.check", s->directory);
    s->check_mark = mark.data;
    overlay_init(&s->overlay);
    list_init(&s->waiters);
    list_init(&s->due);
    list_init(&s->room);
    list_init(&s->holds);
    int err = store_prepare(s, config->template_path, &error);
    if (err == 0)
        err = db_open(s->directory, s->index, &s->db, &error);
    if (err == 0)
        err = recover(s, &error);
    if (err < 0)
        return open_failed(s, err, &error, ret_error);
    store_work_init(s);
    store_check_begin(s);
    store_weigh(s, db_space_at_start(s->db));
    store_recovered(s);
    store_apply_for_room(s);
    buf_release(&error);
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    s->closing = true;
    s->publish = NULL;
    list_each(w, &s->waiters, struct store_waiter, link)
        list_remove(&w->link);
    list_each(due, &s->due, struct store_waiter, link)
        list_remove(&due->link);
    list_each(waiting, &s->room, struct store_waiter, link)
        list_remove(&waiting->link);
    list_each(h, &s->holds, struct store_hold, link) {
        list_remove(&h->link);
        h->store = NULL;
    }
    store_work_release(s);
    s->read_depth = 0;
    store_refresh(s);
    for (size_t i = 0; i < s->pins.count; i++)
        db_pin_free(s->pins.items[i]);
    vec_release(&s->pins);
    dropped_free(&s->dropped);
    release(s);
}

uint64_t store_revision(const struct store *s)
{
    return s->revision;
}

uint64_t store_durable(const struct store *s)
{
    return s->durable;
}

uint64_t store_published(const struct store *s)
{
    return s->published;
}

uint64_t store_compacted(const struct store *s)
{
    return s->compacted;
}

uint64_t store_used(const struct store *s)
{
    return s->space.used_bytes;
}

void store_index_of(const struct store *s, const void *value, size_t size, struct store_index *ret,
                    uint64_t hashes[64])
{
    memset(ret, 0, sizeof(*ret));
    if (s->index && value)
        s->index(value, size, ret, hashes);
}

/* ---- snapshots ---- */

void store_read_begin(struct store *s)
{
    if (s->read_depth++ == 0)
        s->read_since_ms = loop_now_ms(s->loop);
}

void store_read_end(struct store *s)
{
    assert(s->read_depth > 0);
    if (--s->read_depth > 0)
        return;
    uint64_t held_ms = loop_now_ms(s->loop) - s->read_since_ms;
    if (held_ms > LIMIT_READ_TXN_MS)
        log_warn("a reader held the store for long: its file may have grown",
                 LOG_CSTR("directory", s->directory), LOG_INT("ms", held_ms));
    for (size_t i = 0; i < s->pins.count; i++)
        db_pin_free(s->pins.items[i]);
    vec_release(&s->pins);
    dropped_free(&s->dropped);
}

void store_refresh(struct store *s)
{
    struct db_pin *pin = s->read_depth > 0 ? db_pin(s->db) : NULL;
    if (pin)
        vec_push(&s->pins, pin);
    else
        db_read_end(s->db);
}

int store_record(struct store *s, uint64_t revision, const struct record **ret)
{
    size_t at = overlay_seek(&s->overlay, revision);
    if (at < s->overlay.count && overlay_at(&s->overlay, at)->record->revision == revision) {
        *ret = overlay_at(&s->overlay, at)->record;
        return 0;
    }
    return db_record(s->db, revision, ret);
}

int store_damaged(struct store *s, struct store_key key, uint64_t revision)
{
    uint64_t now_ms = loop_now_ms(s->loop);
    if (s->damage_told && now_ms < s->damage_told_ms + DAMAGE_TOLD_MS)
        return -EIO;
    s->damage_told = true;
    s->damage_told_ms = now_ms;
    log_error("a stored object is damaged, and refused to who reads it: restore it from a backup",
              LOG_CSTR("directory", s->directory), LOG_INT("resource", key.resource),
              LOG_STR("namespace", key.ns), LOG_STR("name", key.name),
              LOG_INT("revision", revision));
    return -EIO;
}

int store_record_of(struct store *s, struct store_key key, const struct db_name *name,
                    const struct record **ret)
{
    const struct record *r;
    if (db_record_of(s->db, name, &r) < 0 || !key_equal(record_key(r), key))
        return store_damaged(s, key, name->revision);
    *ret = r;
    return 0;
}

/* ---- get and put ---- */

int store_get(struct store *s, struct store_key key, struct store_record *ret)
{
    if (!key_valid(key))
        return -ENOENT;
    struct entry *e = overlay_find(&s->overlay, key, key_hash(key));
    const struct record *r;
    if (e) {
        r = e->record;
    } else {
        struct db_name name;
        int err = db_name(s->db, key, &name);
        if (err == 0 && name.slot == DB_NO_SLOT)
            return -ENOENT;
        if (err == 0)
            err = store_record_of(s, key, &name, &r);
        if (err < 0)
            return err;
    }
    if (record_deleted(r))
        return -ENOENT;
    record_view(r, ret);
    return 0;
}

int store_get_at(struct store *s, uint64_t revision, struct store_record *ret)
{
    const struct record *r;
    int err = store_record(s, revision, &r);
    if (err == 0)
        record_view(r, ret);
    return err;
}

/* Asked last, so that who makes what is there already hears that. */
static int check_full(struct store *s, const struct store_write *w)
{
    if (!w->value)
        return 0;
    return store_disk_full(s) ? -ENOSPC : s->over ? -EDQUOT : 0;
}

static int check_expected(const struct store_write *w, uint64_t revision, bool exists)
{
    if (w->expected == 0 && exists)
        return -EEXIST;
    if (!exists && (!w->value || (w->expected != 0 && w->expected != STORE_ANY)))
        return -ENOENT;
    if (exists && w->expected != 0 && w->expected != STORE_ANY && w->expected != revision)
        return -ESTALE;
    return 0;
}

static int check_room(struct store *s, const struct store_write *w, size_t record_bytes)
{
    if (!key_valid(w->key) || w->size > LIMIT_STORE_VALUE_BYTES)
        return -EINVAL;
    if (w->value && w->revision_offset != SIZE_MAX &&
        (w->size < 8 || w->revision_offset > w->size - 8))
        return -EINVAL;
    if (s->overlay.count > 0 && s->overlay.bytes + record_bytes > LIMIT_STORE_PENDING_BYTES)
        return -EAGAIN;
    return 0;
}

int store_put(struct store *s, const struct store_write *w, uint64_t *ret_revision)
{
    size_t size = w->value ? w->size : 0, record_bytes = record_size_for(w->key, size);
    uint64_t previous;
    bool exists;
    struct index index;
    int err = check_room(s, w, record_bytes);
    if (err == 0)
        err = current_state(s, w->key, &previous, &exists);
    if (err == 0)
        err = check_expected(w, previous, exists);
    if (err == 0)
        err = check_full(s, w);
    if (err < 0)
        return err;
    index_make(s->index, w->value, size, &index);
    struct entry *e = entry_new(record_bytes, &index);
    uint8_t flags = (uint8_t)((w->value ? 0 : RECORD_DELETED) | (w->relaxed ? RECORD_RELAXED : 0) |
                              (exists ? 0 : RECORD_CREATED));
    record_fill(e->record, w->key, w->value, size, flags);
    e->record->revision = ++s->revision;
    e->record->previous = previous;
    if (w->value && w->revision_offset != SIZE_MAX)
        memcpy((char *)e->record + record_value_offset(e->record) + w->revision_offset,
               &s->revision, 8);
    record_seal(e->record);
    *store_counter(s, w->key.resource) += (w->value != NULL) - exists;
    overlay_add(&s->overlay, e);
    store_written(s, e);
    *ret_revision = s->revision;
    return 0;
}

/* ---- named values ---- */

int store_meta_get(struct store *s, const char *name, struct buf *ret)
{
    size_t len = strlen(name);
    return len == 0 || len > 255 || name[0] == 1 ? -EINVAL : db_meta_get(s->db, name, ret);
}

/* LMDB calls a full disk an I/O error when a write was cut short: what the file system says
 * decides. */
static bool has_no_room(const struct store *s, int err)
{
    int64_t bytes =
        err == -EIO ? s->disk->free_bytes(s->disk->self, s->directory) : LIMIT_STORE_FREE_BYTES;
    return err == -ENOSPC || (bytes >= 0 && bytes < LIMIT_STORE_FREE_BYTES);
}

int store_meta_put(struct store *s, const char *name, struct str value)
{
    size_t len = strlen(name);
    if (len == 0 || len > 255 || name[0] == 1 || value.len > LIMIT_STORE_META_BYTES)
        return -EINVAL;
    store_check_end(s); /* the file changes */
    store_refresh(s);
    int err = db_meta_put(s->db, name, value);
    if (err == 0)
        journal_image_synced(s->journal);
    if (err < 0 && has_no_room(s, err))
        return -ENOSPC;
    if (err < 0)
        store_distrust(s);
    if (err < 0)
        disk_fatal("named value", s->directory, err);
    return 0;
}
