/* What the file says of itself, and named values beside the objects. */
#include <errno.h>

#include "store/db_private.h"

enum {
    META_KEY_MAX = 257,
    CHECKED = 2 /* first byte of the key of a named value with a check behind it */
};

/* ---- the state ---- */

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

/* ---- named values ---- */

/* The key of a named value with a check behind it; format 1 has the name itself, and no check. */
static MDB_val meta_key(const char *name, char bytes[META_KEY_MAX])
{
    size_t len = strlen(name);
    assert(len + 1 <= META_KEY_MAX);
    bytes[0] = CHECKED;
    memcpy(bytes + 1, name, len);
    return db_val(bytes, len + 1);
}

static bool meta_sound(MDB_val key, MDB_val found)
{
    uint32_t check;
    if (found.mv_size < sizeof(check))
        return false;
    size_t size = found.mv_size - sizeof(check);
    memcpy(&check, (const char *)found.mv_data + size, sizeof(check));
    return check == db_check(key, found.mv_data, size);
}

/* That a value is not there: a damaged key would be one that fits nothing else. */
static int meta_absent(struct db *db)
{
    MDB_cursor *cursor;
    MDB_val key, found, before = {0, NULL};
    int rc = mdb_cursor_open(db->read, db->dbi[DB_META], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &found, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &found, MDB_NEXT)) {
        char bytes[META_KEY_MAX] = {CHECKED};
        bool own = key.mv_size > 0 && *(const char *)key.mv_data == '\x01';
        if (key.mv_size == 0 || key.mv_size > sizeof(bytes) ||
            (before.mv_data && db_key_compare(before, key) >= 0)) {
            rc = MDB_CORRUPTED;
            break;
        }
        memcpy(bytes + 1, (const char *)key.mv_data + 1, key.mv_size - 1);
        bool checked = *(const char *)key.mv_data == CHECKED,
             sound = !own && meta_sound(db_val(bytes, key.mv_size), found);
        if (!own && checked != sound) {
            rc = MDB_CORRUPTED;
            break;
        }
        before = key;
    }
    mdb_cursor_close(cursor);
    return rc;
}

int db_meta_get(struct db *db, const char *name, struct buf *ret)
{
    char bytes[META_KEY_MAX];
    MDB_val key = meta_key(name, bytes), found;
    if (db_read_begin(db) != 0)
        return -EIO;
    int rc = mdb_get(db->read, db->dbi[DB_META], &key, &found);
    if (rc == MDB_NOTFOUND) {
        MDB_val plain = db_val(name, strlen(name));
        rc = mdb_get(db->read, db->dbi[DB_META], &plain, &found);
        if (rc == 0)
            buf_append(ret, found.mv_data, found.mv_size);
        else if (rc == MDB_NOTFOUND)
            rc = meta_absent(db);
        return db_error(db_read_failed(db, rc));
    }
    if (rc == 0 && !meta_sound(key, found))
        return -EIO;
    if (rc == 0)
        buf_append(ret, found.mv_data, found.mv_size - DB_CHECK_BYTES);
    return db_error(db_read_failed(db, rc));
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
