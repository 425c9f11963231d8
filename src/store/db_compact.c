/* Forgets history. When `compacted` passes a revision r, the record before r dies; r itself dies
 * too when it is a deletion. Dead records are marked; a chunk that is half dead is written anew,
 * into the chunk before it when both fit. */
#include <errno.h>

#include "base/log.h"
#include "base/vec.h"
#include "store/db_private.h"

enum {
    CHUNK_RECORDS_MAX = CHUNK_BYTES / RECORD_SIZE_MIN + 1,
    BITS_BYTES = (CHUNK_RECORDS_MAX + 7) / 8
};

struct dead {
    uint32_t bytes;
    uint8_t bits[BITS_BYTES]; /* bit i: record i of the chunk as it is stored */
};

struct revisions {
    VEC(uint64_t) list;
};

/* The deletion at revision is forgotten: its name goes unless the object was made again. */
static int forget_name(struct db_writer *w, const struct record *r)
{
    struct db_key k;
    struct db_name name;
    MDB_val found;
    db_key_name(&k, record_key(r));
    MDB_val key = db_val(k.bytes, k.len);
    int rc = mdb_get(w->txn, w->db->dbi[DB_NAMES], &key, &found);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0)
        return rc;
    if (!db_name_read(key, found, &name))
        return w->healed ? 0 : db_damaged(w);
    return name.revision == r->revision ? mdb_del(w->txn, w->db->dbi[DB_NAMES], &key, NULL) : 0;
}

/* Collects what dies between compacted and `to`, at most budget revisions; moves compacted. */
static int collect(struct db_writer *w, uint64_t to, size_t budget, struct revisions *dead)
{
    MDB_val key, chunk;
    uint64_t from = w->state.compacted + 1;
    size_t seen = 0;
    int rc = db_chunk_seek(w->objs, from, &key, &chunk);
    if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(w->objs, &key, &chunk, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(w->objs, &key, &chunk, MDB_NEXT)) {
        for (size_t at = 0; at < chunk.mv_size;) {
            const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
            if (!r) /* damaged, and nothing leads behind it: what it and others there replaced stays
                     */
                break;
            at += record_size(r);
            if (r->revision < from)
                continue;
            if (r->revision > to && !record_intact(r))
                continue;
            if (r->revision > to) {
                w->state.compacted = to; /* revisions may have been left out behind a crash */
                return 0;
            }
            if (seen == budget)
                return 0;
            seen++;
            if (!record_intact(r)) /* damaged: what it says of others is not to be acted upon */
                continue;
            w->state.compacted = MAX(w->state.compacted, r->revision);
            if (r->previous)
                vec_push(&dead->list, r->previous);
            if (!record_deleted(r))
                continue;
            vec_push(&dead->list, r->revision);
            /* Deleting from another tree leaves this page where it is: only objs' own changes move
             * its records. */
            rc = forget_name(w, r);
            if (rc != 0)
                return rc;
        }
    }
    if (rc != MDB_NOTFOUND)
        return rc;
    w->state.compacted = to; /* nothing is left up to there */
    return 0;
}

static int compare_revisions(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static bool key_wrong(MDB_val key, MDB_val chunk)
{
    const struct record *first = record_at(chunk.mv_data, chunk.mv_size);
    return first && record_intact(first) && !db_chunk_key_right(key, chunk);
}

/* Copies the living records of a sound chunk to out; returns their size. */
static size_t copy_living(MDB_val chunk, const struct dead *dead, uint8_t *out)
{
    size_t kept = 0, index = 0;
    for (size_t at = 0; at < chunk.mv_size; index++) {
        const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
        assert(r);
        size_t size = record_size(r);
        if (index >= CHUNK_RECORDS_MAX || !(dead->bits[index / 8] & (1 << (index % 8)))) {
            memcpy(out + kept, r, size);
            kept += size;
        }
        at += size;
    }
    return kept;
}

/* Writes a chunk without its dead: away when none lives, into the one before when both fit, else in
 * its place. Records are found by walking then: where one lives, all must be sound. */
static int rewrite(struct db_writer *w, uint64_t chunk_key, MDB_val chunk, const struct dead *dead)
{
    uint8_t *both = w->chunk; /* free by now: the last chunk is stored */
    MDB_val key = db_val(&chunk_key, sizeof(chunk_key)), before_key, before;
    uint8_t *living = mem_alloc(chunk.mv_size);
    bool all_dead = dead->bytes >= chunk.mv_size;
    size_t kept = all_dead ? 0 : copy_living(chunk, dead, living), before_size = 0;
    uint64_t target = chunk_key;
    MDB_dbi objs = w->db->dbi[DB_OBJS];
    int rc = db_chunk_found(w->txn, objs, chunk_key, chunk) ? 0 : MDB_NOTFOUND;
    if (rc == 0 && kept > 0) {
        before_key = key;
        rc = mdb_cursor_get(w->objs, &before_key, &before, MDB_SET);
        if (rc == 0 && mdb_cursor_get(w->objs, &before_key, &before, MDB_PREV) == 0 &&
            before.mv_size + kept <= CHUNK_BYTES && db_chunk_whole(before) &&
            !key_wrong(before_key, before) &&
            db_chunk_found(w->txn, objs, db_u64(before_key), before)) {
            before_size = before.mv_size;
            target = db_u64(before_key);
            memcpy(both, before.mv_data, before_size);
        }
    }
    if (rc == 0 && kept + before_size <= CHUNK_BYTES)
        memcpy(both + before_size, living, kept);
    bool whole = rc == 0;
    if (whole)
        rc = mdb_del(w->txn, w->db->dbi[DB_DEAD], &key, NULL);
    if (whole && rc == MDB_NOTFOUND)
        rc = 0;
    if (rc == 0 && (kept == 0 || target != chunk_key))
        rc = mdb_del(w->txn, objs, &key, NULL);
    if (rc == 0 && kept > 0) {
        ((struct record *)both)->chunk_moved = 1;
        MDB_val target_key = db_val(&target, sizeof(target)),
                value = db_val(both, before_size + kept);
        rc = mdb_put(w->txn, objs, &target_key, &value, 0);
    }
    mem_free(living);
    return rc;
}

/* Whether somebody may still ask for a record of history that is forgotten up to now: it is the
 * newest of its key, or the one before a change that is kept. */
static int record_lives(struct db_writer *w, const struct record *r, bool *ret)
{
    struct db_key k;
    struct db_name name;
    MDB_val found;
    uint64_t compacted = w->state.compacted;
    db_key_name(&k, record_key(r));
    MDB_val key = db_val(k.bytes, k.len);
    int rc = mdb_get(w->txn, w->db->dbi[DB_NAMES], &key, &found);
    *ret = r->revision > compacted;
    if (rc == MDB_NOTFOUND || *ret)
        return 0;
    *ret = true; /* where damage leaves it open, too */
    if (rc != 0 || !db_name_read(key, found, &name))
        return rc;
    uint64_t revision = name.revision;
    while (revision > r->revision && revision > compacted) {
        const struct record *newer;
        rc = db_record_in(w->objs, revision, 0, &newer);
        if (rc != 0)
            return rc == DB_RECORD_DAMAGED || rc == MDB_CORRUPTED || rc == MDB_NOTFOUND ? 0 : rc;
        revision = newer->previous;
    }
    *ret = revision == r->revision && !record_deleted(r);
    return 0;
}

/* What a damaged note of the dead in a chunk must have said. */
static int dead_anew(struct db_writer *w, MDB_val chunk, struct dead *ret)
{
    size_t index = 0;
    bool lives;
    *ret = (struct dead){0};
    for (size_t at = 0; at < chunk.mv_size && index < CHUNK_RECORDS_MAX; index++) {
        const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
        if (!r)
            break;
        at += record_size(r);
        int rc = record_intact(r) ? record_lives(w, r, &lives) : 0;
        if (rc != 0)
            return rc;
        if (!record_intact(r) || lives)
            continue;
        ret->bits[index / 8] |= (uint8_t)(1 << (index % 8));
        ret->bytes += (uint32_t)record_size(r);
    }
    return 0;
}

static bool dead_sound(MDB_val key, MDB_val value)
{
    struct dead dead;
    return key.mv_size == sizeof(uint64_t) && db_checked_read(key, value, &dead, sizeof(dead));
}

/* The note of a chunk. 0, MDB_NOTFOUND when the notes beside its place are sound, MDB_CORRUPTED
 * when one of them may be it, or another error. */
static int dead_find(struct db_writer *w, MDB_val chunk_key, MDB_val *ret)
{
    MDB_cursor *cursor;
    MDB_val key = chunk_key;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_DEAD], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, ret, MDB_SET_RANGE);
    bool there = rc == 0 && db_u64(key) == db_u64(chunk_key);
    bool behind = rc == 0 && !there;
    if (behind && !dead_sound(key, *ret))
        rc = MDB_CORRUPTED;
    else if (behind || rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(cursor, &key, ret, behind ? MDB_PREV : MDB_LAST);
    if (rc == 0 && !there)
        rc =
            dead_sound(key, *ret) && db_u64(key) < db_u64(chunk_key) ? MDB_NOTFOUND : MDB_CORRUPTED;
    mdb_cursor_close(cursor);
    return rc;
}

static int dead_load(struct db_writer *w, MDB_val chunk_key, MDB_val chunk, struct dead *ret)
{
    MDB_val found;
    int rc = dead_find(w, chunk_key, &found);
    *ret = (struct dead){0};
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == MDB_CORRUPTED)
        return w->healed ? dead_anew(w, chunk, ret) : db_damaged(w);
    if (rc != 0)
        return rc;
    return db_checked_read(chunk_key, found, ret, sizeof(*ret)) ? 0 : dead_anew(w, chunk, ret);
}

static int dead_store(struct db_writer *w, MDB_val chunk_key, const struct dead *dead)
{
    char buffer[sizeof(*dead) + DB_CHECK_BYTES];
    MDB_val value = db_checked(chunk_key, dead, sizeof(*dead), buffer);
    return mdb_put(w->txn, w->db->dbi[DB_DEAD], &chunk_key, &value, 0);
}

int db_dead_anew(struct db_writer *w, MDB_val chunk_key, MDB_val chunk)
{
    struct dead dead;
    int rc = dead_anew(w, chunk, &dead);
    return rc || dead.bytes == 0 ? rc : dead_store(w, chunk_key, &dead);
}

bool db_record_dead(struct db_writer *w, MDB_val chunk_key, size_t index, bool *ret_known)
{
    struct dead dead;
    MDB_val found;
    int rc = dead_find(w, chunk_key, &found);
    *ret_known =
        rc == MDB_NOTFOUND || (rc == 0 && db_checked_read(chunk_key, found, &dead, sizeof(dead)));
    return rc == 0 && *ret_known && index < CHUNK_RECORDS_MAX &&
           (dead.bits[index / 8] & (1 << (index % 8)));
}

/* Takes damaged notes out of the way of those that are searched. */
static int dead_take_damaged(struct db_writer *w, size_t *ret_taken)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t last = 0;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_DEAD], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (rc == 0) {
        if (!dead_sound(key, value) || db_u64(key) <= last) {
            ++*ret_taken;
            rc = mdb_cursor_del(cursor, 0);
        } else {
            last = db_u64(key);
        }
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int db_dead_heal(struct db_writer *w)
{
    MDB_val key, chunk, found;
    size_t taken = 0;
    int rc = dead_take_damaged(w, &taken);
    if (rc != 0 || taken == 0)
        return rc;
    log_warn("damaged notes of what history has forgotten were made anew", LOG_INT("notes", taken));
    MDB_cursor *cursor; /* names lead to other records meanwhile */
    rc = mdb_cursor_open(w->txn, w->db->dbi[DB_OBJS], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &chunk, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &chunk, MDB_NEXT)) {
        uint64_t chunk_key = db_u64(key);
        MDB_val dead_key = db_val(&chunk_key, sizeof(chunk_key));
        rc = mdb_get(w->txn, w->db->dbi[DB_DEAD], &dead_key, &found);
        if (rc == MDB_NOTFOUND)
            rc = db_dead_anew(w, dead_key, chunk);
        if (rc != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Notes those of these revisions that lie in a chunk; *ret_next: how many are behind its records.
 */
static bool mark_dead(MDB_val chunk, struct dead *dead, const uint64_t *revisions, size_t count,
                      size_t *ret_next)
{
    size_t next = 0, index = 0;
    bool changed = false;
    for (size_t at = 0; at < chunk.mv_size && next < count; index++) {
        const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
        if (!r)
            break;
        at += record_size(r);
        if (revisions[next] < r->revision && !record_intact(r))
            continue;
        while (next < count && revisions[next] < r->revision)
            next++; /* gone before */
        if (next == count || revisions[next] != r->revision)
            continue;
        next++;
        uint8_t bit = (uint8_t)(1 << (index % 8));
        if (index >= CHUNK_RECORDS_MAX || (dead->bits[index / 8] & bit))
            continue;
        dead->bits[index / 8] |= bit;
        dead->bytes += (uint32_t)record_size(r);
        changed = true;
    }
    *ret_next = next;
    return changed;
}

/* Whether a search that ended at this chunk may have been led astray: by the key behind it. */
static bool led_astray(struct db_writer *w, uint64_t revision)
{
    MDB_val key, chunk;
    return mdb_cursor_get(w->objs, &key, &chunk, MDB_NEXT) == 0 &&
           (db_u64(key) <= revision || key_wrong(key, chunk));
}

/* Marks revisions of one chunk as dead; *done says how many of the list lay in it. */
static int bury(struct db_writer *w, const uint64_t *revisions, size_t count, size_t *done)
{
    MDB_val key, chunk;
    struct dead dead;
    *done = 1;
    int rc = db_chunk_seek(w->objs, revisions[0], &key, &chunk);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (key_wrong(key, chunk)) /* and so is what lies beside it */
        return w->healed ? 0 : db_damaged(w);
    uint64_t chunk_key = db_u64(key);
    MDB_val dead_key = db_val(&chunk_key, sizeof(chunk_key));
    rc = dead_load(w, dead_key, chunk, &dead);
    if (rc != 0)
        return rc;
    size_t next;
    bool changed = mark_dead(chunk, &dead, revisions, count, &next);
    *done = MAX(next, (size_t)1);
    if (!changed)
        return !w->healed && led_astray(w, revisions[0]) ? db_damaged(w) : 0;
    if ((size_t)dead.bytes * 2 < chunk.mv_size ||
        (dead.bytes < chunk.mv_size && !db_chunk_whole(chunk)))
        return dead_store(w, dead_key, &dead);
    rc = rewrite(w, chunk_key, chunk, &dead);
    if (rc != MDB_NOTFOUND) /* its key, or one on the way to it, isn't its own */
        return rc;
    return w->healed ? 0 : db_damaged(w);
}

int db_compact(struct db_writer *w, uint64_t to, size_t budget)
{
    struct revisions dead = {0};
    assert(to <= w->state.applied && w->state.compacted <= to);
    int rc = collect(w, to, budget, &dead);
    if (dead.list.count > 0)
        qsort(dead.list.items, dead.list.count, sizeof(uint64_t), compare_revisions);
    for (size_t at = 0; at < dead.list.count && rc == 0;) {
        size_t done;
        rc = bury(w, dead.list.items + at, dead.list.count - at, &done);
        at += done;
    }
    vec_release(&dead.list);
    return rc;
}
