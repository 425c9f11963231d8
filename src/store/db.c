#include "store/db_private.h"

#include <errno.h>

/* A huge map costs address space only. */
#define MAP_BYTES (64ull << 30)
enum {
    READERS = 16,
    BROKEN_MAX = 4 /* snapshots put aside until the reads' end */
};

static const struct {
    const char *name;
    unsigned flags;
} databases[DB_COUNT] = {
    [DB_OBJS] = {"objs", MDB_INTEGERKEY},
    [DB_NAMES] = {"names", 0},
    [DB_SLOTS] = {"slots", 0},
    [DB_LABELS] = {"labels", 0},
    [DB_REFS] = {"refs", 0},
    [DB_DEAD] = {"dead", MDB_INTEGERKEY},
    [DB_KINDS] = {"kinds", 0},
    [DB_META] = {"meta", 0},
};

static_assert((int)DB_COUNT <= (int)DB_TREES_MAX, "all databases have a place");

size_t db_databases(struct layout_database ret[DB_TREES_MAX])
{
    for (int i = 0; i < DB_COUNT; i++)
        ret[i] = (struct layout_database){databases[i].name, databases[i].flags & MDB_INTEGERKEY};
    return DB_COUNT;
}

int db_error(int rc)
{
    if (rc == 0)
        return 0;
    if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL || rc == ENOSPC || rc == EDQUOT)
        return -ENOSPC;
    if (rc == MDB_NOTFOUND)
        return -ENOENT;
    return rc > 0 ? -rc : -EIO;
}

uint64_t db_u64(MDB_val v)
{
    uint64_t n = 0;
    memcpy(&n, v.mv_data, MIN(v.mv_size, sizeof(n)));
    return n;
}

struct db_space db_space_of(const struct db *db, MDB_txn *txn)
{
    struct db_space space = {0};
    uint64_t page_bytes = 0;
    MDB_envinfo info;
    MDB_stat stat;
    for (int i = 0; i < DB_COUNT; i++) {
        if (mdb_stat(txn, db->dbi[i], &stat))
            continue;
        page_bytes = stat.ms_psize;
        space.used_bytes +=
            (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * page_bytes;
    }
    if (mdb_env_info(db->env, &info) == 0 && info.me_last_pgno * page_bytes > space.used_bytes)
        space.reusable_bytes = info.me_last_pgno * page_bytes - space.used_bytes;
    return space;
}

static int open_databases(struct db *db)
{
    MDB_txn *txn;
    bool fresh = false, found = false;
    /* Reading is enough for a file that has them all, and needs no sync. */
    int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);
    for (int i = 0; i < DB_COUNT && rc == 0; i++) {
        rc = mdb_dbi_open(txn, databases[i].name, databases[i].flags, &db->dbi[i]);
        found |= rc == 0;
        if (rc == MDB_NOTFOUND && found && !fresh) {
            rc = MDB_CORRUPTED; /* they are made all at once */
        } else if (rc == MDB_NOTFOUND && !fresh) {
            mdb_txn_abort(txn);
            fresh = true;
            i = -1;
            rc = mdb_txn_begin(db->env, NULL, 0, &txn);
        } else if (rc == MDB_NOTFOUND) {
            rc = mdb_dbi_open(txn, databases[i].name, databases[i].flags | MDB_CREATE, &db->dbi[i]);
        }
    }
    if (rc == 0 && fresh && found)
        rc = MDB_CORRUPTED;
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = db_state_read(db, txn, &db->state);
    if (rc == MDB_NOTFOUND && fresh) {
        db->state.format = DB_FORMAT;
        rc = db_state_write(db, txn, &db->state);
    } else if (rc == MDB_NOTFOUND) {
        rc = MDB_CORRUPTED;
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    db->space_at_start = db_space_of(db, txn);
    return mdb_txn_commit(txn);
}

int db_open(const char *directory, store_index_fn index, struct db **ret, struct buf *error)
{
    struct db *db = mem_alloc(sizeof(*db));
    db->index = index;
    int dead_readers;
    int rc = mdb_env_create(&db->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(db->env, MAP_BYTES);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(db->env, DB_COUNT);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(db->env, READERS);
    if (rc == 0)
        rc = mdb_env_open(db->env, directory, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc == 0)
        rc = mdb_reader_check(db->env,
                              &dead_readers); /* a killed reader would pin its pages for ever */
    if (rc == 0)
        rc = open_databases(db);
    if (rc == 0 && (db->state.format > DB_FORMAT || db->state.format < DB_FORMAT_MIN)) {
        buf_printf(
            error,
            "%s/data.mdb has format %llu, this program knows %d: use the version that wrote it",
            directory, (unsigned long long)db->state.format, DB_FORMAT);
        db_close(db);
        return -EPROTO;
    }
    if (rc != 0) {
        buf_printf(error,
                   "%s/data.mdb can't be opened: %s; restore it from a backup when it is damaged",
                   directory, mdb_strerror(rc));
        db_close(db);
        return db_error(rc);
    }
    db->state.format = DB_FORMAT; /* from the next transaction on */
    *ret = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    if (db->objs)
        mdb_cursor_close(db->objs);
    if (db->names)
        mdb_cursor_close(db->names);
    if (db->read)
        mdb_txn_abort(db->read);
    db_pin_free(db->kept);
    if (db->env)
        mdb_env_close(db->env);
    mem_free(db);
}

struct db_state db_state(const struct db *db)
{
    return db->state;
}

struct db_space db_space_at_start(const struct db *db)
{
    return db->space_at_start;
}

void db_set_state(struct db *db, const struct db_state *state)
{
    assert(state->compacted <= state->applied);
    db->state = *state;
}

/* ---- snapshots ---- */

struct db_pin {
    MDB_txn *txn; /* owned, as are the cursors */
    MDB_cursor *objs, *names;
    struct db_pin *next; /* owned */
};

/* Puts the snapshot aside, in front of those that broke before. */
static struct db_pin *set_aside(struct db *db)
{
    struct db_pin *pin = mem_alloc(sizeof(*pin));
    pin->txn = db->read;
    pin->objs = db->objs;
    pin->names = db->names;
    pin->next = take_ptr(db->kept);
    db->read = NULL;
    db->objs = db->names = NULL;
    db->reading = db->broken = false;
    return pin;
}

/* LMDB goes on with no transaction that met an error: other objects are read with a new one, while
 * what was read stays. */
static void replace_broken(struct db *db)
{
    size_t count = 0;
    for (const struct db_pin *pin = db->kept; pin; pin = pin->next)
        count++;
    db->broken = false;
    if (count < BROKEN_MAX)
        db->kept = set_aside(db);
}

int db_read_failed(struct db *db, int rc)
{
    if (rc == 0 || rc == MDB_NOTFOUND)
        return rc;
    db->broken = true;
    if (db->on_damage)
        db->on_damage(db->on_damage_arg);
    return rc;
}

void db_on_damage(struct db *db, void (*fn)(void *arg), void *arg)
{
    db->on_damage = fn;
    db->on_damage_arg = arg;
}

int db_read_begin(struct db *db)
{
    if (unlikely(db->broken && db->reading))
        replace_broken(db);
    if (likely(db->reading))
        return 0;
    int rc;
    if (db->read) {
        rc = mdb_txn_renew(db->read);
        if (rc == 0)
            rc = mdb_cursor_renew(db->read, db->objs);
        if (rc == 0)
            rc = mdb_cursor_renew(db->read, db->names);
    } else {
        rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->read);
        if (rc == 0)
            rc = mdb_cursor_open(db->read, db->dbi[DB_OBJS], &db->objs);
        if (rc == 0)
            rc = mdb_cursor_open(db->read, db->dbi[DB_NAMES], &db->names);
    }
    if (rc != 0)
        return -EIO;
    db->reading = true;
    return 0;
}

void db_read_end(struct db *db)
{
    if (db->reading)
        mdb_txn_reset(db->read);
    db->reading = db->broken = false;
    db_pin_free(take_ptr(db->kept));
}

struct db_pin *db_pin(struct db *db)
{
    return db->reading ? set_aside(db) : take_ptr(db->kept);
}

void db_pin_free(struct db_pin *pin)
{
    while (pin) {
        struct db_pin *next = pin->next;
        mdb_cursor_close(pin->objs);
        mdb_cursor_close(pin->names);
        mdb_txn_abort(pin->txn);
        mem_free(pin);
        pin = next;
    }
}

/* ---- keys ---- */

void db_key_name(struct db_key *k, struct store_key key)
{
    k->bytes[0] = (uint8_t)(key.resource >> 8);
    k->bytes[1] = (uint8_t)key.resource;
    k->len = 2;
    if (key.ns.len)
        memcpy(k->bytes + k->len, key.ns.data, key.ns.len);
    k->len += key.ns.len;
    k->bytes[k->len++] = 0;
    if (key.name.len)
        memcpy(k->bytes + k->len, key.name.data, key.name.len);
    k->len += key.name.len;
}

bool db_key_parse(MDB_val bytes, struct store_key *ret)
{
    const uint8_t *p = bytes.mv_data;
    if (bytes.mv_size < 4)
        return false;
    const uint8_t *end = memchr(p + 2, 0, bytes.mv_size - 2);
    if (!end)
        return false;
    ret->resource = (uint16_t)(p[0] << 8 | p[1]);
    ret->ns = (struct str){(const char *)p + 2, (size_t)(end - p) - 2};
    ret->name = (struct str){(const char *)end + 1, bytes.mv_size - (size_t)(end - p) - 1};
    return true;
}

static void put_slot(uint8_t *p, uint16_t resource, uint32_t slot)
{
    p[0] = (uint8_t)(resource >> 8);
    p[1] = (uint8_t)resource;
    for (int i = 0; i < 4; i++)
        p[2 + i] = (uint8_t)(slot >> (24 - 8 * i));
}

void db_key_slot(struct db_key *k, uint16_t resource, uint32_t slot)
{
    put_slot(k->bytes, resource, slot);
    k->len = 6;
}

void db_key_ref(struct db_key *k, uint64_t hash, uint16_t resource, uint32_t slot)
{
    memcpy(k->bytes, &hash, 8);
    put_slot(k->bytes + 8, resource, slot);
    k->len = 14;
}

/* ---- records ---- */

int db_chunk_seek(MDB_cursor *objs, uint64_t revision, MDB_val *ret_key, MDB_val *ret_chunk)
{
    *ret_key = db_val(&revision, sizeof(revision));
    int rc = mdb_cursor_get(objs, ret_key, ret_chunk, MDB_SET_RANGE);
    if (rc == 0 && db_u64(*ret_key) == revision)
        return 0;
    /* The chunk that may hold it begins before it: one back, or the last of all. */
    if (rc == 0)
        return mdb_cursor_get(objs, ret_key, ret_chunk, MDB_PREV);
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(objs, ret_key, ret_chunk, MDB_LAST);
    return rc;
}

bool db_chunk_found(MDB_txn *txn, MDB_dbi objs, uint64_t chunk_key, MDB_val chunk)
{
    MDB_val key = db_val(&chunk_key, sizeof(chunk_key)), found;
    /* A cursor would look at where it stands first. */
    return mdb_get(txn, objs, &key, &found) == 0 && found.mv_data == chunk.mv_data;
}

bool db_chunk_key_right(MDB_val key, MDB_val chunk)
{
    const struct record *first = record_at(chunk.mv_data, chunk.mv_size);
    if (key.mv_size != sizeof(uint64_t) || !first || !record_intact(first))
        return false;
    return first->chunk_moved ? db_u64(key) <= first->revision : db_u64(key) == first->revision;
}

bool db_chunk_whole(MDB_val chunk)
{
    uint64_t last = 0;
    for (size_t at = 0; at < chunk.mv_size;) {
        const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
        if (!r || !record_intact(r) || r->revision <= last)
            return false;
        last = r->revision;
        at += record_size(r);
    }
    return true;
}

int db_record_in(MDB_cursor *objs, uint64_t revision, uint32_t hint, const struct record **ret)
{
    MDB_val key, chunk;
    int rc = db_chunk_seek(objs, revision, &key, &chunk);
    const struct record *r, *first = chunk.mv_data;
    if (rc != 0)
        return rc;
    if (chunk.mv_size < sizeof(*first))
        return MDB_CORRUPTED;
    /* Places are as they were written unless the first record says otherwise: then bytes there may
     * be any value's. */
    if (!first->chunk_moved && hint % 8 == 0 && hint < chunk.mv_size) {
        r = record_at((const char *)chunk.mv_data + hint, chunk.mv_size - hint);
        if (r && r->revision == revision && record_intact(r)) {
            *ret = r;
            return 0;
        }
    }
    r = record_find(chunk.mv_data, chunk.mv_size, revision, NULL);
    if (r && record_intact(r))
        *ret = r;
    else if (r || !db_chunk_whole(chunk))
        return DB_RECORD_DAMAGED;
    else
        return db_chunk_key_right(key, chunk) ? MDB_NOTFOUND : MDB_CORRUPTED;
    return 0;
}

static int find_record(struct db *db, MDB_cursor *objs, uint64_t revision, uint32_t hint,
                       const struct record **ret)
{
    int rc = db_record_in(objs, revision, hint, ret);
    if (rc == 0)
        return 0;
    if (rc != DB_RECORD_DAMAGED)
        db_read_failed(db, rc);
    return rc == MDB_NOTFOUND ? -ENOENT : -EIO;
}

int db_record(struct db *db, uint64_t revision, const struct record **ret)
{
    int err = db_read_begin(db);
    return err ? err : find_record(db, db->objs, revision, 0, ret);
}

/* What a name says is there. */
static int find_named(struct db *db, MDB_cursor *objs, const struct db_name *name,
                      const struct record **ret)
{
    int err = find_record(db, objs, name->revision, name->hint, ret);
    if (err == -ENOENT)
        db_read_failed(db, MDB_CORRUPTED);
    return err ? -EIO : 0;
}

int db_record_of(struct db *db, const struct db_name *name, const struct record **ret)
{
    int err = db_read_begin(db);
    return err ? err : find_named(db, db->objs, name, ret);
}

int db_record_from(struct db *db, uint64_t revision, const struct record **ret,
                   const struct record **ret_chunk_end)
{
    MDB_val key, chunk;
    int rc = db_read_begin(db) ? MDB_CORRUPTED : db_chunk_seek(db->objs, revision, &key, &chunk);
    if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(db->objs, &key, &chunk, MDB_FIRST);
    while (rc == 0) {
        if (!db_chunk_key_right(key, chunk)) {
            db_read_failed(db, MDB_CORRUPTED);
            return -EIO;
        }
        for (size_t at = 0; at < chunk.mv_size;) {
            const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
            if (!r || !record_intact(r)) /* a damaged one may be the one that is sought */
                return -EIO;
            if (r->revision >= revision) {
                *ret = r;
                *ret_chunk_end = (const struct record *)((char *)chunk.mv_data + chunk.mv_size);
                return 0;
            }
            at += record_size(r);
        }
        rc = mdb_cursor_get(db->objs, &key, &chunk, MDB_NEXT);
    }
    return db_read_failed(db, rc) == MDB_NOTFOUND ? -ENOENT : -EIO;
}

/* That a key is not in `names`: a flipped bit in it, or in a page that leads to it, would be seen
 * at the entries beside its place, where the search has ended. found, value: the one behind. */
static int name_absent(MDB_cursor *names, MDB_val wanted, int rc, MDB_val found, MDB_val value)
{
    struct db_name beside;
    if (rc == 0) {
        if (!db_name_read(found, value, &beside) || db_key_compare(found, wanted) <= 0)
            return MDB_CORRUPTED;
        rc = mdb_cursor_get(names, &found, &value, MDB_PREV);
    } else if (rc == MDB_NOTFOUND) {
        rc = mdb_cursor_get(names, &found, &value, MDB_LAST);
    }
    if (rc != 0)
        return rc;
    if (!db_name_read(found, value, &beside) || db_key_compare(found, wanted) >= 0)
        return MDB_CORRUPTED;
    return MDB_NOTFOUND;
}

int db_name_seek(MDB_cursor *names, MDB_val wanted, struct db_name *ret)
{
    MDB_val found = wanted, value;
    int rc = mdb_cursor_get(names, &found, &value, MDB_SET_RANGE);
    if (rc != 0 || db_key_compare(found, wanted) != 0)
        return name_absent(names, wanted, rc, found, value);
    return db_name_read(found, value, ret) ? 0 : MDB_CORRUPTED;
}

int db_name(struct db *db, struct store_key key, struct db_name *ret)
{
    struct db_key k;
    if (db_read_begin(db) != 0)
        return -EIO;
    db_key_name(&k, key);
    int rc = db_name_seek(db->names, db_val(k.bytes, k.len), ret);
    db_read_failed(db, rc);
    return rc == 0 ? 0 : rc == MDB_NOTFOUND ? -ENOENT : -EIO;
}

/* ---- walks ---- */

struct db_walk {
    struct db *db;            /* borrowed */
    MDB_cursor *names, *objs; /* owned */
    uint16_t resource;
    bool all; /* of every resource */
    struct str ns_only;
    MDB_val key, value; /* the next one, when ahead */
    MDB_val before;     /* the key before it; size 0: none */
    bool ahead;
    int err;
};

/* Takes what the cursor came to. */
static void walk_arrive(struct db_walk *w, int rc)
{
    w->ahead = rc == 0;
    if (db_read_failed(w->db, rc) != MDB_NOTFOUND && rc != 0)
        w->err = -EIO;
}

static void walk_failed(struct db_walk *w)
{
    walk_arrive(w, MDB_CORRUPTED);
}

static bool name_sound(MDB_val key, MDB_val value)
{
    struct db_name name;
    return db_name_read(key, value, &name);
}

int db_seek_checked(MDB_cursor *cursor, MDB_val from, bool (*sound)(MDB_val key, MDB_val value),
                    MDB_val *key, MDB_val *value)
{
    *key = from;
    int rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_cursor_get(cursor, key, value, rc == 0 ? MDB_PREV : MDB_LAST);
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    if (rc == 0 && (!sound(*key, *value) || db_key_compare(*key, from) >= 0))
        return MDB_CORRUPTED;
    return rc ? rc : mdb_cursor_get(cursor, key, value, MDB_NEXT);
}

/* To the first name behind `from`, or at it. */
static void walk_seek(struct db_walk *w, MDB_val from, bool behind)
{
    w->key = from;
    int rc = behind ? mdb_cursor_get(w->names, &w->key, &w->value, MDB_SET_RANGE) : MDB_NOTFOUND;
    if (rc == 0 && db_key_compare(w->key, from) == 0)
        rc = mdb_cursor_get(w->names, &w->key, &w->value, MDB_NEXT);
    else
        rc = db_seek_checked(w->names, from, name_sound, &w->key, &w->value);
    walk_arrive(w, rc);
}

static int walk_open(struct db *db, MDB_val from, bool behind, struct db_walk **ret)
{
    struct db_walk *w = mem_alloc(sizeof(*w));
    w->db = db;
    int rc = mdb_cursor_open(db->read, db->dbi[DB_NAMES], &w->names);
    if (rc == 0)
        rc = mdb_cursor_open(db->read, db->dbi[DB_OBJS], &w->objs);
    if (rc == 0)
        walk_seek(w, from, behind);
    if (rc != 0 || w->err < 0) {
        db_walk_close(w);
        return -EIO;
    }
    *ret = w;
    return 0;
}

int db_walk_open(struct db *db, uint16_t resource, struct str ns_only, struct str after_ns,
                 struct str after_name, struct db_walk **ret)
{
    struct db_key k;
    if (db_read_begin(db) != 0)
        return -EIO;
    bool after = after_ns.data && (!ns_only.data || str_compare(after_ns, ns_only) >= 0);
    db_key_name(&k, (struct store_key){resource, after ? after_ns : ns_only,
                                       after ? after_name : STR_NONE});
    if (!after && !ns_only.data)
        k.len = 2; /* before the namespace without a name */
    int err = walk_open(db, db_val(k.bytes, k.len), after, ret);
    if (err < 0)
        return err;
    (*ret)->resource = resource;
    (*ret)->ns_only = ns_only;
    return 0;
}

int db_walk_open_all(struct db *db, struct db_walk **ret)
{
    static const uint8_t first[2];
    int err = db_read_begin(db) ? -EIO : walk_open(db, db_val(first, sizeof(first)), false, ret);
    if (err == 0)
        (*ret)->all = true;
    return err;
}

bool db_walk_next(struct db_walk *w, struct store_key *ret_key, struct db_name *ret_name)
{
    if (!w->ahead)
        return false;
    w->ahead = false;
    /* What ends the range is looked at like what is in it. */
    if (!db_name_read(w->key, w->value, ret_name) || !db_key_parse(w->key, ret_key) ||
        (w->before.mv_size && db_key_compare(w->before, w->key) >= 0)) {
        walk_failed(w);
        return false;
    }
    if (!w->all && (ret_key->resource != w->resource ||
                    (w->ns_only.data && !str_equal(ret_key->ns, w->ns_only))))
        return false;
    w->before = w->key;
    walk_arrive(w, mdb_cursor_get(w->names, &w->key, &w->value, MDB_NEXT));
    return true;
}

int db_walk_error(const struct db_walk *w)
{
    return w->err;
}

int db_walk_record(struct db_walk *w, const struct db_name *name, const struct record **ret)
{
    return find_named(w->db, w->objs, name, ret);
}

void db_walk_close(struct db_walk *w)
{
    if (!w)
        return;
    if (w->names)
        mdb_cursor_close(w->names);
    if (w->objs)
        mdb_cursor_close(w->objs);
    mem_free(w);
}

static uint64_t count_names(struct db *db, uint16_t resource)
{
    struct db_walk *walk;
    struct store_key key;
    struct db_name name;
    uint64_t count = 0;
    if (db_walk_open(db, resource, STR_NONE, STR_NONE, STR_NONE, &walk) < 0)
        return 0;
    while (db_walk_next(walk, &key, &name))
        count += name.slot != DB_NO_SLOT;
    db_walk_close(walk);
    return count;
}

uint64_t db_count(struct db *db, uint16_t resource)
{
    uint8_t bytes[2] = {(uint8_t)(resource >> 8), (uint8_t)resource};
    MDB_val key = db_val(bytes, sizeof(bytes)), found;
    struct db_kind kind;
    if (db_read_begin(db) != 0)
        return 0;
    int rc = mdb_get(db->read, db->dbi[DB_KINDS], &key, &found);
    if (rc == 0 && db_checked_read(key, found, &kind, sizeof(kind)))
        return kind.count;
    uint64_t count = count_names(db, resource);
    if (rc != MDB_NOTFOUND || count > 0)
        db_read_failed(db, rc && rc != MDB_NOTFOUND ? rc : MDB_CORRUPTED);
    return count;
}

/* ---- references and slots ---- */

bool db_ref_sound(MDB_val key, MDB_val value)
{
    char nothing;
    return key.mv_size == 14 && db_checked_read(key, value, &nothing, 0);
}

int db_refs(struct db *db, uint64_t hash, bool (*fn)(void *arg, uint16_t resource, uint32_t slot),
            void *arg)
{
    struct db_key k;
    MDB_cursor *cursor;
    MDB_val key, value;
    if (db_read_begin(db) != 0 || mdb_cursor_open(db->read, db->dbi[DB_REFS], &cursor) != 0)
        return -EIO;
    db_key_ref(&k, hash, 0, 0);
    int rc = db_seek_checked(cursor, db_val(k.bytes, k.len), db_ref_sound, &key, &value);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const uint8_t *p = key.mv_data;
        if (!db_ref_sound(key, value)) {
            rc = MDB_CORRUPTED;
            break;
        }
        if (memcmp(p, k.bytes, 8) != 0)
            break;
        uint32_t slot =
            (uint32_t)p[10] << 24 | (uint32_t)p[11] << 16 | (uint32_t)p[12] << 8 | p[13];
        if (!fn(arg, (uint16_t)(p[8] << 8 | p[9]), slot))
            break;
    }
    mdb_cursor_close(cursor);
    if (rc == 0 || rc == MDB_NOTFOUND)
        return 0;
    return db_read_failed(db, rc) == MDB_CORRUPTED ? -EUCLEAN : -EIO;
}

int db_slot_key(struct db *db, uint16_t resource, uint32_t slot, struct store_key *ret)
{
    struct db_key k;
    MDB_val found;
    if (db_read_begin(db) != 0)
        return -EIO;
    db_key_slot(&k, resource, slot);
    MDB_val key = db_val(k.bytes, k.len);
    int rc = mdb_get(db->read, db->dbi[DB_SLOTS], &key, &found);
    if (rc == 0 && db_key_parse(found, ret) && ret->resource == resource)
        return 0;
    db_read_failed(db, rc ? rc : MDB_CORRUPTED);
    return -EUCLEAN;
}

int db_slot_name(struct db *db, struct store_key key, uint32_t slot, struct db_name *ret)
{
    int err = db_name(db, key, ret);
    if (err == -EIO || (err == 0 && ret->slot == slot))
        return err;
    db_read_failed(db, MDB_CORRUPTED);
    return -EUCLEAN;
}

int db_save_image(struct db *db, const char *directory)
{
    return db_error(mdb_env_copy2(db->env, directory, MDB_CP_COMPACT));
}
