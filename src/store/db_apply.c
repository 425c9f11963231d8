/* Moves records from the log's overlay into LMDB: one synced transaction for many. */
#include <errno.h>

#include "base/log.h"
#include "store/db_private.h"

enum {
    CHUNK_EXTEND_BYTES =
        CHUNK_BYTES /
        2, /* a last chunk smaller than this is filled up; larger ones are left alone */
    COMPACT_BUDGET = 4096, /* revisions forgotten in a transaction beyond those applied */
};

/* ---- chunks ---- */

static int chunk_store(struct db_writer *w)
{
    if (w->chunk_size == w->chunk_stored)
        return 0;
    MDB_val key = db_val(&w->chunk_key, sizeof(w->chunk_key)),
            value = db_val(w->chunk, w->chunk_size);
    int rc = mdb_put(w->txn, w->db->dbi[DB_OBJS], &key, &value, w->chunk_stored ? 0 : MDB_APPEND);
    w->chunk_stored = w->chunk_size;
    return rc;
}

/* *ret_place: where in its chunk the record lies. */
static int chunk_add(struct db_writer *w, const struct record *r, size_t size, uint32_t *ret_place)
{
    if (w->chunk_size > 0 && w->chunk_size + size > CHUNK_BYTES) {
        int rc = chunk_store(w);
        if (rc != 0)
            return rc;
        w->chunk_size = w->chunk_stored = 0;
    }
    *ret_place = (uint32_t)w->chunk_size;
    if (size > CHUNK_BYTES) { /* a chunk of its own, not copied */
        MDB_val key = db_val(&r->revision, sizeof(r->revision)), value = db_val(r, size);
        return mdb_put(w->txn, w->db->dbi[DB_OBJS], &key, &value, MDB_APPEND);
    }
    if (w->chunk_size == 0)
        w->chunk_key = r->revision;
    memcpy(w->chunk + w->chunk_size, r, size);
    w->chunk_size += size;
    return 0;
}

/* Goes on filling the last chunk when it is small: a store with few writes a transaction would
 * otherwise never pack. Behind a damaged record nothing would be found, and a chunk that a search
 * doesn't come to can't be replaced. */
static int chunk_resume(struct db_writer *w)
{
    MDB_val key, value;
    int rc = mdb_cursor_get(w->objs, &key, &value, MDB_LAST);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    bool found = db_chunk_found(w->txn, w->db->dbi[DB_OBJS], db_u64(key), value);
    if (!w->healed && (!found || !db_chunk_key_right(key, value)))
        return db_damaged(w); /* the next chunk may find no place behind it */
    if (value.mv_size > CHUNK_EXTEND_BYTES || !found || !db_chunk_whole(value))
        return 0;
    memcpy(w->chunk, value.mv_data, value.mv_size);
    w->chunk_size = w->chunk_stored = value.mv_size;
    w->chunk_key = db_u64(key);
    return 0;
}

/* ---- slots ---- */

/* The slot behind the last one that was ever used. */
static int slots_end(struct db_writer *w, uint16_t resource, uint32_t *ret)
{
    struct db_key k;
    MDB_cursor *cursor;
    MDB_val found;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_SLOTS], &cursor);
    if (rc != 0)
        return rc;
    db_key_slot(&k, resource, DB_NO_SLOT);
    MDB_val key = db_val(k.bytes, k.len);
    rc = mdb_cursor_get(cursor, &key, &found, MDB_SET_RANGE);
    rc = mdb_cursor_get(cursor, &key, &found, rc == 0 ? MDB_PREV : MDB_LAST);
    const uint8_t *p = key.mv_data;
    if (rc == 0 && key.mv_size == k.len && memcmp(p, k.bytes, 2) == 0)
        *ret = ((uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5]) + 1;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* What a kind must have said that is damaged or not there, by its names. Its free slots aren't used
 * again. */
static int kind_recount(struct db_writer *w, uint16_t resource, struct db_kind *ret)
{
    struct db_key k = {.len = 2, .bytes = {(uint8_t)(resource >> 8), (uint8_t)resource}};
    struct db_name name;
    MDB_val key = db_val(k.bytes, k.len), found;
    MDB_cursor *cursor;
    *ret = (struct db_kind){.next_slot = 0, .free_slot = DB_NO_SLOT, .count = 0};
    int rc = slots_end(w, resource, &ret->next_slot);
    if (rc == 0)
        rc = mdb_cursor_open(w->txn, w->db->dbi[DB_NAMES], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &found, MDB_SET_RANGE);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &found, MDB_NEXT)) {
        if (key.mv_size < k.len || memcmp(key.mv_data, k.bytes, k.len) != 0)
            break;
        if (!db_name_read(key, found, &name) || name.slot == DB_NO_SLOT)
            continue;
        ret->count++;
        ret->next_slot = MAX(ret->next_slot, name.slot + 1);
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    if (ret->next_slot > 0)
        log_warn("a damaged count of objects was made anew from their names",
                 LOG_INT("resource", resource), LOG_INT("count", (int64_t)ret->count));
    return 0;
}

int db_kind_load(struct db_writer *w, uint16_t resource, struct db_kind **ret)
{
    if (resource >= w->kind_count) {
        size_t count = (size_t)resource + 1;
        w->kinds = mem_realloc(w->kinds, count * sizeof(*w->kinds));
        memset(w->kinds + w->kind_count, 0, (count - w->kind_count) * sizeof(*w->kinds));
        w->kind_count = count;
    }
    if (!w->kinds[resource].loaded) {
        uint8_t bytes[2] = {(uint8_t)(resource >> 8), (uint8_t)resource};
        MDB_val key = db_val(bytes, sizeof(bytes)), found;
        struct db_kind *kind = &w->kinds[resource].kind;
        int rc = mdb_get(w->txn, w->db->dbi[DB_KINDS], &key, &found);
        bool hidden = rc == MDB_NOTFOUND;
        if (hidden || (rc == 0 && !db_checked_read(key, found, kind, sizeof(*kind))))
            rc = kind_recount(w, resource, kind);
        if (rc != 0)
            return rc;
        if (hidden && kind->next_slot > 0 && !w->healed)
            return db_damaged(w); /* a second one must not be put beside it */
        w->kinds[resource].loaded = true;
    }
    w->kinds[resource].changed = true;
    *ret = &w->kinds[resource].kind;
    return 0;
}

static int kinds_store(struct db_writer *w)
{
    int rc = 0;
    for (size_t i = 0; i < w->kind_count && rc == 0; i++) {
        if (!w->kinds[i].changed)
            continue;
        uint8_t bytes[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        char buffer[sizeof(w->kinds[i].kind) + DB_CHECK_BYTES];
        MDB_val key = db_val(bytes, sizeof(bytes)),
                value = db_checked(key, &w->kinds[i].kind, sizeof(w->kinds[i].kind), buffer);
        rc = mdb_put(w->txn, w->db->dbi[DB_KINDS], &key, &value, 0);
    }
    return rc;
}

/* A free slot's value. Only the chain of free slots leads to it, so it is never taken for a key. */
struct free_slot {
    uint32_t next;
};

/* Takes the first of the chain of free slots. Where the chain is damaged, what is left of it isn't
 * used again. */
static int slot_unchain(struct db_writer *w, uint16_t resource, struct db_kind *kind, bool *ret)
{
    struct db_key k;
    struct free_slot link = {0};
    MDB_val found;
    *ret = false;
    if (kind->free_slot == DB_NO_SLOT)
        return 0;
    db_key_slot(&k, resource, kind->free_slot);
    MDB_val key = db_val(k.bytes, k.len);
    int rc = mdb_get(w->txn, w->db->dbi[DB_SLOTS], &key, &found);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    *ret = rc == 0 && found.mv_size == sizeof(link);
    if (*ret)
        memcpy(&link, found.mv_data, sizeof(link));
    /* A name of four bytes isn't such a number. */
    *ret &= link.next == DB_NO_SLOT || link.next < kind->next_slot;
    kind->free_slot = *ret ? link.next : DB_NO_SLOT;
    if (!*ret)
        log_warn("a damaged list of free places in the store was given up",
                 LOG_INT("resource", resource));
    return 0;
}

static int slot_take(struct db_writer *w, uint16_t resource, MDB_val name, uint32_t *ret)
{
    struct db_kind *kind;
    struct db_key k;
    bool unchained;
    int rc = db_kind_load(w, resource, &kind);
    if (rc != 0)
        return rc;
    *ret = kind->free_slot;
    rc = slot_unchain(w, resource, kind, &unchained);
    if (rc != 0)
        return rc;
    if (!unchained)
        *ret = kind->next_slot++;
    assert(*ret != DB_NO_SLOT);
    kind->count++;
    db_key_slot(&k, resource, *ret);
    MDB_val key = db_val(k.bytes, k.len);
    return mdb_put(w->txn, w->db->dbi[DB_SLOTS], &key, &name, 0);
}

static int slot_give_back(struct db_writer *w, uint16_t resource, uint32_t slot)
{
    struct db_kind *kind;
    struct db_key k;
    struct free_slot link;
    int rc = db_kind_load(w, resource, &kind);
    if (rc != 0)
        return rc;
    link.next = kind->free_slot;
    kind->free_slot = slot;
    kind->count -= kind->count > 0;
    db_key_slot(&k, resource, slot);
    MDB_val key = db_val(k.bytes, k.len), value = db_val(&link, sizeof(link));
    return mdb_put(w->txn, w->db->dbi[DB_SLOTS], &key, &value, 0);
}

/* ---- the index of one object ---- */

int db_ref_put(struct db_writer *w, uint64_t hash, uint16_t resource, uint32_t slot)
{
    struct db_key k;
    char buffer[DB_CHECK_BYTES];
    db_key_ref(&k, hash, resource, slot);
    MDB_val key = db_val(k.bytes, k.len), value = db_checked(key, "", 0, buffer);
    return mdb_put(w->txn, w->db->dbi[DB_REFS], &key, &value, 0);
}

int db_refs_forget(struct db_writer *w, uint16_t resource, uint32_t slot)
{
    struct db_key k;
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_REFS], &cursor);
    if (rc != 0)
        return rc;
    db_key_ref(&k, 0, resource, slot);
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (rc == 0) {
        bool its = key.mv_size == k.len && memcmp((uint8_t *)key.mv_data + 8, k.bytes + 8, 6) == 0;
        rc = its ? mdb_cursor_del(cursor, 0) : 0;
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int refs_change(struct db_writer *w, const struct entry *e, uint16_t resource, uint32_t slot,
                       const struct index *old)
{
    struct db_key k;
    int rc = 0;
    for (size_t i = 0; i < old->ref_count && rc == 0; i++) {
        bool kept = false;
        for (size_t j = 0; e && j < e->ref_count; j++)
            kept |= e->refs[j].hash == old->refs[i];
        if (kept)
            continue;
        db_key_ref(&k, old->refs[i], resource, slot);
        MDB_val key = db_val(k.bytes, k.len);
        rc = mdb_del(w->txn, w->db->dbi[DB_REFS], &key, NULL);
        if (rc == MDB_NOTFOUND)
            rc = 0;
    }
    for (size_t i = 0; e && i < e->ref_count && rc == 0; i++)
        rc = db_ref_put(w, e->refs[i].hash, resource, slot);
    return rc;
}

/* The index of the record before e: computed once more when it is in the file already. Not known
 * when that can't be read. */
static int index_before(struct db_writer *w, const struct entry *e, const struct db_name *name,
                        struct index *ret, bool *ret_known)
{
    const struct record *r;
    ret->ref_count = ret->label_count = 0;
    ret->hash = 0;
    *ret_known = true;
    if (name->index_hash == 0)
        return 0;
    if (e->older) {
        ret->hash = e->older->index_hash;
        ret->ref_count = e->older->ref_count;
        for (size_t i = 0; i < ret->ref_count; i++)
            ret->refs[i] = e->older->refs[i].hash;
        ret->label_count = e->older->label_count;
        return 0;
    }
    int rc = db_record_in(w->objs, name->revision, name->hint, &r);
    *ret_known = rc == 0 && key_equal(record_key(r), record_key(e->record));
    if (*ret_known)
        index_make(w->db->index, record_value(r), r->value_size, ret);
    return rc == DB_RECORD_DAMAGED || rc == MDB_NOTFOUND || rc == MDB_CORRUPTED ? 0 : rc;
}

/* Brings the index from what it was before e to what e says; a deletion leaves nothing. */
static int index_change(struct db_writer *w, const struct entry *e, const struct db_name *before,
                        uint32_t slot)
{
    struct index old;
    bool deleted = record_deleted(e->record), known;
    uint16_t resource = e->record->resource;
    uint64_t hash = deleted ? 0 : e->index_hash;
    if (before->index_hash == hash)
        return 0;
    int rc = index_before(w, e, before, &old, &known);
    if (rc == 0 && !known) {
        log_warn("a damaged object is replaced or deleted", LOG_INT("resource", resource),
                 LOG_INT("revision", (int64_t)before->revision));
        rc = db_refs_forget(w, resource, slot);
        old.label_count = 1; /* or any number */
    }
    if (rc == 0)
        rc = refs_change(w, deleted ? NULL : e, resource, slot, &old);
    size_t label_count = deleted ? 0 : e->label_count;
    if (rc == 0 && (label_count > 0 || old.label_count > 0))
        rc = db_labels_set(w, resource, slot, e->labels, label_count);
    return rc;
}

/* Whether a name is what this entry's record came after. */
static bool name_fits(const struct entry *e, int rc, const struct db_name *name)
{
    bool existed = !(e->record->flags & RECORD_CREATED);
    if (rc != 0) /* history may have forgotten the name of a deletion */
        return rc == MDB_NOTFOUND && !existed;
    return name->revision == e->record->previous && (name->slot != DB_NO_SLOT) == existed;
}

static int apply_entry(struct db_writer *w, const struct entry *e)
{
    const struct record *r = e->record;
    struct db_key k;
    struct db_name before = {.slot = DB_NO_SLOT},
                   after = {.revision = r->revision, .slot = DB_NO_SLOT};
    db_key_name(&k, record_key(r));
    MDB_val key = db_val(k.bytes, k.len);
    int rc = db_name_seek(w->names, key, &before);
    if (rc != 0 && rc != MDB_NOTFOUND && rc != MDB_CORRUPTED)
        return rc;
    bool sound = rc == 0;
    if (!w->healed && !name_fits(e, rc, &before))
        return db_damaged(w);
    rc = 0;
    uint32_t slot = before.slot;
    if (!record_deleted(r)) {
        if (slot == DB_NO_SLOT)
            rc = slot_take(w, r->resource, key, &slot);
        after.slot = slot;
        after.index_hash = e->index_hash;
    } else if (slot != DB_NO_SLOT) {
        rc = slot_give_back(w, r->resource, slot);
    }
    if (rc == 0 && slot != DB_NO_SLOT)
        rc = index_change(w, e, &before, slot);
    if (rc != 0)
        return rc;
    rc = chunk_add(w, r, e->record_bytes, &after.hint);
    if (rc != 0)
        return rc;
    after = db_name_sealed(key, &after);
    MDB_val value = db_val(&after, sizeof(after));
    return sound ? mdb_cursor_put(w->names, &key, &value, MDB_CURRENT)
                 : mdb_put(w->txn, w->db->dbi[DB_NAMES], &key, &value, 0);
}

static int apply_all(struct db_writer *w, struct db_job *job)
{
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_NAMES], &w->names);
    if (rc == 0)
        rc = mdb_cursor_open(w->txn, w->db->dbi[DB_OBJS], &w->objs);
    if (rc == 0 && w->healed)
        rc = db_heal(w);
    if (rc == 0 && job->count > 0)
        rc = chunk_resume(w);
    for (size_t i = 0; i < job->count && rc == 0; i++) {
        assert(job->entries[i]->record->revision > w->state.applied);
        rc = apply_entry(w, job->entries[i]);
        w->state.applied = job->entries[i]->record->revision;
    }
    if (rc == 0)
        rc = chunk_store(w);
    uint64_t to = MIN(job->compact_to, w->state.applied);
    if (rc == 0 && to > w->state.compacted)
        rc = db_compact(w, to, job->count * 2 + COMPACT_BUDGET);
    if (rc == 0)
        rc = kinds_store(w);
    return rc ? rc : db_state_write(w->db, w->txn, &w->state);
}

static int apply_once(struct db *db, struct db_job *job, struct db_writer *w)
{
    int rc = mdb_txn_begin(db->env, NULL, 0, &w->txn);
    if (rc != 0)
        return rc;
    w->chunk = mem_alloc(CHUNK_BYTES);
    rc = apply_all(w, job);
    if (w->names)
        mdb_cursor_close(w->names);
    if (w->objs)
        mdb_cursor_close(w->objs);
    job->space = db_space_of(db, w->txn);
    if (rc == 0)
        rc = mdb_txn_commit(w->txn);
    else
        mdb_txn_abort(w->txn);
    mem_free(w->chunk);
    mem_free(w->kinds);
    return rc;
}

/* Damage shows itself as any of LMDB's own errors. */
static bool may_heal(const struct db_writer *w, int rc)
{
    bool own = rc < 0 && rc != MDB_MAP_FULL && rc != MDB_TXN_FULL && rc != MDB_PANIC;
    return !w->healed && (own || (rc != 0 && w->damaged));
}

int db_apply(struct db *db, struct db_job *job)
{
    struct db_writer w = {.db = db, .state = job->state, .healed = job->heal};
    int rc = apply_once(db, job, &w);
    if (may_heal(&w, rc)) {
        w = (struct db_writer){.db = db, .state = job->state, .healed = true};
        rc = apply_once(db, job, &w);
    }
    if (rc != 0)
        return db_error(rc);
    job->heal = w.healed;
    job->more = w.state.compacted < MIN(job->compact_to, w.state.applied);
    job->state = w.state;
    return 0;
}
