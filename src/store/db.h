/* Db: the part of the store that is in LMDB: records packed in chunks by revision, names, and the
 * indexes.
 *
 *     DATABASE  KEY                            VALUE
 *     objs      first revision (8)             chunk: records one behind the other, at most 16,368
 * bytes or one record names     resource ns 0 name             struct db_name; of deleted objects
 * until history forgets the deletion slots     resource slot                  key in `names` of the
 * object in this slot; or the next free slot (4) labels    resource slot/64               64
 * counts, then the label hashes (4 each) of 64 slots side by side refs      hash (8) resource slot
 * nothing: owner uids and node names dead      first revision of a chunk (8)  dead bytes, a bit a
 * record kinds     resource (2)                   struct db_kind meta      text named values;
 * "\1state" holds struct db_state, "\1state check" its checksum (4) Resource and slot in keys are
 * big endian so that they sort.
 *
 * 16,368 = 4 pages - 16: such a value fills its pages; up to 2,040 bytes lie in the tree's own
 * pages. Invariants: 1. one thread reads (the loop), one at a time writes; 2. a write transaction
 * is synced when it ends, with data before the meta page (LMDB's default: no NOSYNC, no
 * WRITEMAP); 3. objs holds every record that is newest of its key, or newer than `compacted`, or
 * the one before such a record; 4. compacted <= applied. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "store/layout.h"
#include "store/overlay.h"

enum {
    CHUNK_BYTES = 4 * 4096 - 16,
    DB_NAME_KEY_MAX = 2 + RECORD_NAME_MAX + 1 + RECORD_NAME_MAX,
};
#define DB_NO_SLOT UINT32_MAX

struct db;

struct db_name {
    uint64_t revision; /* of the newest record */
    uint64_t index_hash;
    uint32_t slot; /* DB_NO_SLOT: the newest record is a deletion */
    uint32_t hint; /* where in its chunk the record was put, a multiple of 8; it may have moved
                      since */
};

struct db_kind {
    uint32_t next_slot;
    uint32_t free_slot; /* head of a chain; DB_NO_SLOT: none */
    uint64_t count;     /* live objects */
};

struct db_state {
    uint64_t format;
    uint64_t applied;   /* revisions up to here are in this file */
    uint64_t compacted; /* history up to here may be gone */
};

/* The databases in the file. */
enum {
    DB_TREES_MAX = 8
};
size_t db_databases(struct layout_database ret[DB_TREES_MAX]);
/* Opens or makes DIRECTORY/data.mdb. 0 or -errno, with a text for people in *error. */
int db_open(const char *directory, store_index_fn index, struct db **ret,
            struct buf *error) must_use;
void db_close(struct db *db);
struct db_state db_state(const struct db *db); /* as the newest reads see it */

/* The file: pages that hold something, and pages that it goes on to use before it grows. It never
 * shrinks. */
struct db_space {
    uint64_t used_bytes, reusable_bytes;
};
struct db_space db_space_at_start(const struct db *db);

/* fn is called when a read finds damage in what is derived from records (names, indexes, counts),
 * or in the file's structure; never inside the call that begins to move records. Nothing may be
 * read in it. */
void db_on_damage(struct db *db, void (*fn)(void *arg), void *arg);

/* Reads: from a snapshot that begins at the first read and ends at db_read_end. */
void db_read_end(struct db *db);
/* Takes the snapshot away from the db so that it lives on; give it to db_pin_free. NULL when there
 * is none. */
struct db_pin;
struct db_pin *db_pin(struct db *db);
void db_pin_free(struct db_pin *pin);
int db_name(struct db *db, struct store_key key,
            struct db_name *ret) must_use; /* 0, -ENOENT, -EIO */
/* The record of a revision, verified. 0, -ENOENT, -EIO. */
int db_record(struct db *db, uint64_t revision, const struct record **ret) must_use;
/* The record of a name, verified but for its key. 0, -EIO. */
int db_record_of(struct db *db, const struct db_name *name, const struct record **ret) must_use;
/* The first record at or behind a revision, verified; what follows it in the chunk isn't. 0,
 * -ENOENT, -EIO. */
int db_record_from(struct db *db, uint64_t revision, const struct record **ret,
                   const struct record **ret_chunk_end) must_use;
uint64_t db_count(struct db *db, uint16_t resource); /* by a walk where the count is damaged */

/* Names in order. key and name point into the map. An end that isn't the true one is told by
 * db_walk_error. */
struct db_walk;
int db_walk_open(struct db *db, uint16_t resource, struct str ns_only, struct str after_ns,
                 struct str after_name, struct db_walk **ret) must_use;
int db_walk_open_all(struct db *db, struct db_walk **ret) must_use; /* of all resources */
bool db_walk_next(struct db_walk *w, struct store_key *ret_key, struct db_name *ret_name);
int db_walk_error(const struct db_walk *w) must_use; /* 0, -EIO */
int db_walk_record(struct db_walk *w, const struct db_name *name,
                   const struct record **ret) must_use; /* db_record_of, faster in a row */
void db_walk_close(struct db_walk *w);

/* Objects by reference: resource and slot of each. fn returns false to stop. */
/* 0, -EIO, -EUCLEAN: likewise. */
int db_refs(struct db *db, uint64_t hash, bool (*fn)(void *arg, uint16_t resource, uint32_t slot),
            void *arg) must_use;
/* The object in a slot, and its name, which must say so, too. 0, -EIO, -EUCLEAN. */
int db_slot_key(struct db *db, uint16_t resource, uint32_t slot, struct store_key *ret) must_use;
int db_slot_name(struct db *db, struct store_key key, uint32_t slot, struct db_name *ret) must_use;
/* Slots of a resource whose objects carry all labels: sets bits in *bits (bit s of byte s / 8),
 * returns how many. 0, -EIO, -EUCLEAN: labels are damaged, and tell nothing. */
int db_labels(struct db *db, uint16_t resource, const uint32_t *labels, size_t count,
              struct buf *bits, size_t *ret_hits) must_use;

int db_meta_get(struct db *db, const char *name, struct buf *ret) must_use;
int db_meta_put(struct db *db, const char *name, struct str value) must_use; /* synced */

/* Moves records into the file and forgets history, in one synced transaction. Runs in any thread.
 */
struct db_job {
    struct entry *const *entries; /* borrowed: growing revisions, all newer than applied */
    size_t count;
    uint64_t compact_to;   /* revision; at most the last one applied is done */
    bool heal;             /* look at all that is derived first; out: it was looked at */
    struct db_state state; /* out: as of the end */
    bool more;             /* out: there is history left to forget up to compact_to */
    struct db_space space; /* out */
};
/* 0, -ENOSPC (nothing changed), -EIO (a sync or the map failed, or the file's structure is damaged:
 * stop). What is damaged and derived from records is made anew; of what isn't, nothing is lost that
 * can be read. */
int db_apply(struct db *db, struct db_job *job) must_use;
/* Makes the state of db_job_done what db_state tells; on the loop, with no snapshot open. */
void db_set_state(struct db *db, const struct db_state *state);
/* A compact copy: DIRECTORY/data.mdb, in an empty directory; not synced. */
int db_save_image(struct db *db, const char *directory) must_use;

#endif
