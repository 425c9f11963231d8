#include "store/db_private.h"

#include <errno.h>

/* A huge map costs address space only. */
#define MAP_BYTES (64ull << 30)
enum {
    READERS = 16,
    META_KEY_MAX = 256
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

int db_state_read(const struct db *db, MDB_txn *txn, struct db_state *ret)
{
    MDB_val key = db_val(db_state_key, sizeof(db_state_key) - 1), value, check;
    MDB_val check_key = db_val(db_state_check_key, sizeof(db_state_check_key) - 1);
    int rc = mdb_get(txn, db->dbi[DB_META], &key, &value);
    if (rc != 0)
        return rc;
    if (value.mv_size != sizeof(*ret))
        return MDB_CORRUPTED;
    memcpy(ret, value.mv_data, sizeof(*ret));
    if (ret->format == DB_FORMAT) {
        uint32_t wanted = db_check(key, ret, sizeof(*ret));
        rc = mdb_get(txn, db->dbi[DB_META], &check_key, &check);
        if (rc != 0 || check.mv_size != sizeof(wanted) ||
            memcmp(check.mv_data, &wanted, sizeof(wanted)) != 0)
            return rc && rc != MDB_NOTFOUND ? rc : MDB_CORRUPTED;
    }
    return ret->applied < ret->compacted ? MDB_CORRUPTED : 0;
}

int db_state_write(const struct db *db, MDB_txn *txn, const struct db_state *state)
{
    struct db_state now = *state;
    now.format = DB_FORMAT;
    MDB_val key = db_val(db_state_key, sizeof(db_state_key) - 1), value = db_val(&now, sizeof(now));
    MDB_val check_key = db_val(db_state_check_key, sizeof(db_state_check_key) - 1);
    uint32_t check = db_check(key, &now, sizeof(now));
    MDB_val check_value = db_val(&check, sizeof(check));
    int rc = mdb_put(txn, db->dbi[DB_META], &key, &value, 0);
    return rc ? rc : mdb_put(txn, db->dbi[DB_META], &check_key, &check_value, 0);
}

static int open_databases(struct db *db)
{
    MDB_txn *txn;
    bool fresh = false;
    /* Reading is enough for a file that has them all, and needs no sync. */
    int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);
    for (int i = 0; i < DB_COUNT && rc == 0; i++) {
        rc = mdb_dbi_open(txn, databases[i].name, databases[i].flags, &db->dbi[i]);
        if (rc == MDB_NOTFOUND && !fresh) {
            mdb_txn_abort(txn);
            fresh = true;
            i = -1;
            rc = mdb_txn_begin(db->env, NULL, 0, &txn);
        } else if (rc == MDB_NOTFOUND) {
            rc = mdb_dbi_open(txn, databases[i].name, databases[i].flags | MDB_CREATE, &db->dbi[i]);
        }
    }
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

int db_read_begin(struct db *db)
{
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
    db->reading = false;
}

struct db_pin {
    MDB_txn *txn;
    MDB_cursor *objs, *names;
};

struct db_pin *db_pin(struct db *db)
{
    if (!db->reading)
        return NULL;
    struct db_pin *pin = mem_alloc(sizeof(*pin));
    pin->txn = db->read;
    pin->objs = db->objs;
    pin->names = db->names;
    db->read = NULL;
    db->objs = db->names = NULL;
    db->reading = false;
    return pin;
}

void db_pin_free(struct db_pin *pin)
{
    if (!pin)
        return;
    mdb_cursor_close(pin->objs);
    mdb_cursor_close(pin->names);
    mdb_txn_abort(pin->txn);
    mem_free(pin);
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

static int find_record(MDB_cursor *objs, uint64_t revision, uint32_t hint,
                       const struct record **ret)
{
    MDB_val key, chunk;
    int rc = db_chunk_seek(objs, revision, &key, &chunk);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? -ENOENT : -EIO;
    const struct record *r = record_at(chunk.mv_data, chunk.mv_size);
    if (!r)
        return -EIO;
    /* Places are as they were written unless the first record says otherwise: then bytes there may
     * be any value's. */
    if (!r->chunk_moved && hint % 8 == 0 && hint < chunk.mv_size) {
        r = record_at((const char *)chunk.mv_data + hint, chunk.mv_size - hint);
        if (r && r->revision == revision && record_intact(r)) {
            *ret = r;
            return 0;
        }
    }
    r = record_find(chunk.mv_data, chunk.mv_size, revision, NULL);
    if (!r)
        return -ENOENT;
    if (!record_intact(r))
        return -EIO;
    *ret = r;
    return 0;
}

int db_record(struct db *db, uint64_t revision, uint32_t hint, const struct record **ret)
{
    int err = db_read_begin(db);
    return err ? err : find_record(db->objs, revision, hint, ret);
}

int db_record_from(struct db *db, uint64_t revision, const struct record **ret,
                   const struct record **ret_chunk_end)
{
    MDB_val key, chunk;
    int rc = db_read_begin(db) ? MDB_CORRUPTED : db_chunk_seek(db->objs, revision, &key, &chunk);
    if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(db->objs, &key, &chunk, MDB_FIRST);
    while (rc == 0) {
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
    return rc == MDB_NOTFOUND ? -ENOENT : -EIO;
}

/* That a key is not in `names`: a flipped bit in it, or in a page that leads to it, would be seen
 * at the entries beside its place, where the search has ended. found, value: the one behind. */
static int name_absent(MDB_cursor *names, MDB_val wanted, int rc, MDB_val found, MDB_val value)
{
    struct db_name beside;
    if (rc == 0) {
        if (!db_name_read(found, value, &beside) || db_key_compare(found, wanted) <= 0)
            return -EIO;
        rc = mdb_cursor_get(names, &found, &value, MDB_PREV);
    } else if (rc == MDB_NOTFOUND) {
        rc = mdb_cursor_get(names, &found, &value, MDB_LAST);
    }
    if (rc == MDB_NOTFOUND)
        return -ENOENT;
    if (rc != 0 || !db_name_read(found, value, &beside) || db_key_compare(found, wanted) >= 0)
        return -EIO;
    return -ENOENT;
}

int db_name(struct db *db, struct store_key key, struct db_name *ret)
{
    struct db_key k;
    MDB_val value;
    if (db_read_begin(db) != 0)
        return -EIO;
    db_key_name(&k, key);
    MDB_val wanted = db_val(k.bytes, k.len), found = wanted;
    int rc = mdb_cursor_get(db->names, &found, &value, MDB_SET_RANGE);
    if (rc != 0 || db_key_compare(found, wanted) != 0)
        return name_absent(db->names, wanted, rc, found, value);
    return db_name_read(found, value, ret) ? 0 : -EIO;
}

/* ---- walks ---- */

struct db_walk {
    MDB_cursor *names, *objs; /* owned */
    uint16_t resource;
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
    if (rc != 0 && rc != MDB_NOTFOUND)
        w->err = -EIO;
}

/* To the first name behind `from`, or at it. The one before must be before it: else a damaged page
 * has led elsewhere. */
static void walk_seek(struct db_walk *w, MDB_val from, bool behind)
{
    struct db_name name;
    w->key = from;
    int rc = mdb_cursor_get(w->names, &w->key, &w->value, MDB_SET_RANGE);
    if (rc == 0 && behind && db_key_compare(w->key, from) == 0) {
        w->before = from;
        walk_arrive(w, mdb_cursor_get(w->names, &w->key, &w->value, MDB_NEXT));
        return;
    }
    rc = mdb_cursor_get(w->names, &w->key, &w->value, rc == 0 ? MDB_PREV : MDB_LAST);
    if (rc == MDB_NOTFOUND) {
        walk_arrive(w, mdb_cursor_get(w->names, &w->key, &w->value, MDB_FIRST));
        return;
    }
    if (rc != 0 || !db_name_read(w->key, w->value, &name) || db_key_compare(w->key, from) >= 0) {
        w->err = -EIO;
        return;
    }
    w->before = w->key;
    walk_arrive(w, mdb_cursor_get(w->names, &w->key, &w->value, MDB_NEXT));
}

int db_walk_open(struct db *db, uint16_t resource, struct str ns_only, struct str after_ns,
                 struct str after_name, struct db_walk **ret)
{
    struct db_key k;
    if (db_read_begin(db) != 0)
        return -EIO;
    struct db_walk *w = mem_alloc(sizeof(*w));
    w->resource = resource;
    w->ns_only = ns_only;
    int rc = mdb_cursor_open(db->read, db->dbi[DB_NAMES], &w->names);
    if (rc == 0)
        rc = mdb_cursor_open(db->read, db->dbi[DB_OBJS], &w->objs);
    if (rc == 0) {
        bool after = after_ns.data && (!ns_only.data || str_compare(after_ns, ns_only) >= 0);
        struct store_key from = {resource, after ? after_ns : ns_only,
                                 after ? after_name : STR_NONE};
        db_key_name(&k, from);
        if (!after && !ns_only.data)
            k.len = 2; /* before the namespace without a name */
        walk_seek(w, db_val(k.bytes, k.len), after);
        w->before.mv_size = 0; /* `from` is gone with this call */
    }
    if (rc != 0 || w->err < 0) {
        db_walk_close(w);
        return -EIO;
    }
    *ret = w;
    return 0;
}

bool db_walk_next(struct db_walk *w, struct store_key *ret_key, struct db_name *ret_name)
{
    if (!w->ahead)
        return false;
    w->ahead = false;
    /* What ends the range is looked at like what is in it. */
    if (!db_name_read(w->key, w->value, ret_name) || !db_key_parse(w->key, ret_key) ||
        (w->before.mv_size && db_key_compare(w->before, w->key) >= 0)) {
        w->err = -EIO;
        return false;
    }
    if (ret_key->resource != w->resource ||
        (w->ns_only.data && !str_equal(ret_key->ns, w->ns_only)))
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
    return find_record(w->objs, name->revision, name->hint, ret);
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
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc != 0 || !db_checked_read(key, found, &kind, sizeof(kind)))
        return count_names(db, resource);
    return kind.count;
}

/* ---- references and slots ---- */

static bool ref_sound(MDB_val key, MDB_val value)
{
    char nothing;
    return key.mv_size == 14 && db_checked_read(key, value, &nothing, 0);
}

/* The reference before the first of a hash is sound and before it: none was led past. */
static int refs_seek(MDB_cursor *cursor, MDB_val from, MDB_val *key, MDB_val *value)
{
    *key = from;
    int rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_cursor_get(cursor, key, value, rc == 0 ? MDB_PREV : MDB_LAST);
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    if (rc == 0 && (!ref_sound(*key, *value) || db_key_compare(*key, from) >= 0))
        return MDB_CORRUPTED;
    return rc ? rc : mdb_cursor_get(cursor, key, value, MDB_NEXT);
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
    int rc = refs_seek(cursor, db_val(k.bytes, k.len), &key, &value);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const uint8_t *p = key.mv_data;
        if (!ref_sound(key, value)) {
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
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : -EIO;
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
    if (rc == MDB_NOTFOUND)
        return -ENOENT;
    return rc == 0 && db_key_parse(found, ret) ? 0 : -EIO;
}

/* ---- named values ---- */

/* The key of a named value with a check behind it; format 1 has the name itself, and no check. */
static MDB_val meta_key(const char *name, char bytes[META_KEY_MAX])
{
    size_t len = strlen(name);
    assert(len + 1 <= META_KEY_MAX);
    bytes[0] = 2;
    memcpy(bytes + 1, name, len);
    return db_val(bytes, len + 1);
}

int db_meta_get(struct db *db, const char *name, struct buf *ret)
{
    char bytes[META_KEY_MAX];
    MDB_val key = meta_key(name, bytes), found;
    uint32_t check;
    if (db_read_begin(db) != 0)
        return -EIO;
    int rc = mdb_get(db->read, db->dbi[DB_META], &key, &found);
    if (rc == MDB_NOTFOUND) {
        MDB_val plain = db_val(name, strlen(name));
        rc = mdb_get(db->read, db->dbi[DB_META], &plain, &found);
        if (rc == 0)
            buf_append(ret, found.mv_data, found.mv_size);
        return db_error(rc);
    }
    if (rc != 0 || found.mv_size < sizeof(check))
        return rc ? db_error(rc) : -EIO;
    size_t size = found.mv_size - sizeof(check);
    memcpy(&check, (const char *)found.mv_data + size, sizeof(check));
    if (check != db_check(key, found.mv_data, size))
        return -EIO;
    buf_append(ret, found.mv_data, size);
    return 0;
}

int db_meta_put(struct db *db, const char *name, struct str value)
{
    MDB_txn *txn;
    char bytes[META_KEY_MAX];
    MDB_val key = meta_key(name, bytes), plain = db_val(name, strlen(name));
    struct db_state state;
    db_read_end(db);
    int rc = mdb_txn_begin(db->env, NULL, 0, &txn);
    if (rc != 0)
        return db_error(rc);
    char *buffer = mem_alloc(value.len + DB_CHECK_BYTES);
    MDB_val sealed = db_checked(key, value.data ? value.data : "", value.len, buffer);
    rc = mdb_put(txn, db->dbi[DB_META], &key, &sealed, 0);
    if (rc == 0) {
        rc = mdb_del(txn, db->dbi[DB_META], &plain, NULL);
        rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    mem_free(buffer);
    /* The file's own state: what db->state tells may be behind it while the applier settles. */
    if (rc == 0)
        rc = db_state_read(db, txn, &state);
    if (rc == 0 && state.format != DB_FORMAT)
        rc = db_state_write(db, txn, &state);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return db_error(rc);
    }
    return db_error(mdb_txn_commit(txn));
}

int db_save_image(struct db *db, const char *directory)
{
    return db_error(mdb_env_copy2(db->env, directory, MDB_CP_COMPACT));
}
