/* What the files of the LMDB wrapper share; nobody else includes it. */
#ifndef STORE_DB_PRIVATE_H
#define STORE_DB_PRIVATE_H

#include <lmdb.h>

#include "store/db.h"

enum db_name_of {
    DB_OBJS,
    DB_NAMES,
    DB_SLOTS,
    DB_LABELS,
    DB_REFS,
    DB_DEAD,
    DB_KINDS,
    DB_META,
    DB_COUNT
};

/* Keys of struct db_state in `meta`, and of its check: no names for people are like them. The check
 * stands by itself so that programs of format 1 can read the state and tell whose it is. */
static const char db_state_key[] = "\x01state", db_state_check_key[] = "\x01state check";
enum {
    DB_FORMAT = 2,
    DB_FORMAT_MIN = 1 /* entries without checks */
};

struct db {
    MDB_env *env; /* owned */
    MDB_dbi dbi[DB_COUNT];
    MDB_txn *read;            /* owned; NULL until the first read */
    MDB_cursor *objs, *names; /* owned; of `read` */
    bool reading;             /* the snapshot is open */
    bool broken;              /* LMDB may refuse to go on with the snapshot */
    struct db_pin *kept;      /* owned; snapshots that broke, until the reads' end */
    store_index_fn index;
    struct db_state state;
    struct db_space space_at_start;
    void (*on_damage)(void *arg); /* NULL: nobody is told */
    void *on_damage_arg;          /* borrowed */
};

/* As a transaction sees it: page counts that LMDB keeps. */
struct db_space db_space_of(const struct db *db, MDB_txn *txn);
/* LMDB's results as -errno: its own codes become -EIO, but full map or readers become -ENOSPC. */
int db_error(int rc);
int db_read_begin(struct db *db) must_use;
/* A read came to something that can't be; returns rc. */
int db_read_failed(struct db *db, int rc);
/* To the first entry at or behind `from`, whose predecessor is sound and before it: none was led
 * past. 0, MDB_NOTFOUND, MDB_CORRUPTED or another error. */
int db_seek_checked(MDB_cursor *cursor, MDB_val from, bool (*sound)(MDB_val key, MDB_val value),
                    MDB_val *key, MDB_val *value);
/* 0, MDB_NOTFOUND, MDB_CORRUPTED or another error; a format that isn't known isn't checked. */
int db_state_read(const struct db *db, MDB_txn *txn, struct db_state *ret) must_use;
/* Says DB_FORMAT, whatever the state says. */
int db_state_write(const struct db *db, MDB_txn *txn, const struct db_state *state) must_use;

struct db_key {
    size_t len;
    uint8_t bytes[DB_NAME_KEY_MAX + 8];
};
void db_key_name(struct db_key *k, struct store_key key);
/* The key in these bytes of `names`, or false when they are none. */
bool db_key_parse(MDB_val bytes, struct store_key *ret);
void db_key_slot(struct db_key *k, uint16_t resource, uint32_t slot);
void db_key_ref(struct db_key *k, uint64_t hash, uint16_t resource, uint32_t slot);
static inline MDB_val db_val(const void *data, size_t size)
{
    return (MDB_val){size, (void *)(uintptr_t)data};
}

/* Chunk that holds a revision, if any does: 0, MDB_NOTFOUND or an error. */
int db_chunk_seek(MDB_cursor *objs, uint64_t revision, MDB_val *ret_key, MDB_val *ret_chunk);
uint64_t db_u64(MDB_val v);
/* Whether a search for this key comes to this chunk. Where a damaged key leads it astray, what is
 * put there would stand beside the chunk instead of replacing it. */
bool db_chunk_found(MDB_txn *txn, MDB_dbi objs, uint64_t chunk_key, MDB_val chunk);
/* Whether all records of a chunk are what was written, so that one of them leads to the next. */
bool db_chunk_whole(MDB_val chunk);
bool db_chunk_key_right(MDB_val key, MDB_val chunk);
/* A name, with the cursor at it. 0, MDB_NOTFOUND (and the names beside its place are sound),
 * MDB_CORRUPTED or another error. */
int db_name_seek(MDB_cursor *names, MDB_val wanted, struct db_name *ret);
/* The record of a revision, verified; hint of its name, or 0. 0, MDB_NOTFOUND, DB_RECORD_DAMAGED
 * (this one's own bytes, or those that lead to it), MDB_CORRUPTED (the key of its chunk) or another
 * error. */
#define DB_RECORD_DAMAGED MDB_BAD_VALSIZE
int db_record_in(MDB_cursor *objs, uint64_t revision, uint32_t hint, const struct record **ret);

/* A write transaction under way. */
struct db_writer {
    struct db *db;
    MDB_txn *txn;
    MDB_cursor *names, *objs;
    uint8_t *chunk;                  /* owned; the last chunk, being filled */
    size_t chunk_size, chunk_stored; /* chunk_stored: how much of it is in objs already */
    uint64_t chunk_key;
    struct {
        struct db_kind kind;
        bool loaded, changed;
    } * kinds; /* owned; by resource */
    size_t kind_count;
    struct db_state state;
    bool healed;  /* what is derived was looked at in this transaction: what is still wrong stays */
    bool damaged; /* out: something derived is wrong, and a transaction that heals may go on */
};

/* For who finds damage that db_heal may make good: the transaction is begun anew with it. */
static inline int db_damaged(struct db_writer *w)
{
    w->damaged = true;
    return MDB_CORRUPTED;
}

/* Labels of slots: db_labels.c. */
int db_labels_set(struct db_writer *w, uint16_t resource, uint32_t slot, const uint32_t *labels,
                  size_t count);
/* For an object that can't be read: every search finds it, and so comes to know that. */
int db_labels_set_unknown(struct db_writer *w, uint16_t resource, uint32_t slot);
/* Whether a slot has these labels, and whether all groups are sound. */
bool db_labels_are(struct db_writer *w, uint16_t resource, uint32_t slot, const uint32_t *labels,
                   size_t count);
int db_labels_check(struct db_writer *w, bool *ret_sound);
/* The record of a kind, for a change. */
int db_kind_load(struct db_writer *w, uint16_t resource, struct db_kind **ret);
int db_ref_put(struct db_writer *w, uint64_t hash, uint16_t resource, uint32_t slot);
/* An object's references whatever they are: a walk over all. */
int db_refs_forget(struct db_writer *w, uint16_t resource, uint32_t slot);
bool db_ref_sound(MDB_val key, MDB_val value);
/* Makes anew what is derived from records, where it is damaged: db_heal.c. Before any record is
 * moved. */
int db_heal(struct db_writer *w);
/* Forgets history; at most `budget` revisions: db_compact.c. */
int db_compact(struct db_writer *w, uint64_t to, size_t budget);
/* Whether the record with this index in a chunk is marked as dead; not known where that is damaged.
 */
bool db_record_dead(struct db_writer *w, MDB_val chunk_key, size_t index, bool *ret_known);
/* Notes which records of a chunk are dead, by names. */
int db_dead_anew(struct db_writer *w, MDB_val chunk_key, MDB_val chunk);
/* Makes damaged notes of the dead anew. */
int db_dead_heal(struct db_writer *w);

/* Checks: db_check.c.
 *
 * LMDB checks nothing that it reads. So entries carry a checksum of their key and value: a flipped
 * bit is found when they are read, and that a key is not there counts only when the entries beside
 * its place are sound. What format 1 wrote has none, until it is written again. */
uint32_t db_check(MDB_val key, const void *data, size_t size); /* never 0 */
/* A value of a fixed size, with its check behind it: 4 bytes more in the file. */
enum {
    DB_CHECK_BYTES = 4
};
bool db_checked_read(MDB_val key, MDB_val value, void *ret, size_t size);
/* `buffer` has size + DB_CHECK_BYTES. */
MDB_val db_checked(MDB_val key, const void *data, size_t size, void *buffer);
/* A value of `names`: its check lies in the bits that `hint` has no use for. */
bool db_name_read(MDB_val key, MDB_val value, struct db_name *ret);
struct db_name db_name_sealed(MDB_val key, const struct db_name *name);
/* Order of keys in LMDB. */
int db_key_compare(MDB_val a, MDB_val b);

#endif
