/* What the files of the store share; nobody else includes it.
 *
 *     store_put --> overlay --> committer (journal: one write, one sync) --> durable --> published
 * --> answers, watchers |                                                        |
 *                      +---------- applier (LMDB: one synced transaction) <-----+--> applied:
 * leaves overlay, frees the log
 *
 * revision >= submitted >= durable >= applied; published >= durable. All members belong to the
 * loop; a job belongs to its pool thread between run and done. */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <pthread.h>

#include "base/limits.h"
#include "base/vec.h"
#include "store/db.h"
#include "store/journal.h"
#include "store/overlay.h"
#include "sys/file.h"

enum {
    APPLY_RECORDS = 4096,     /* a transaction is begun when so many wait */
    APPLY_BYTES = 3 << 20,    /* or so much */
    APPLY_DELAY_MS = 300,     /* or when the first has waited so long */
    APPLY_RECORDS_MAX = 8192, /* taken by one transaction */
    CHECK_BYTES = 16 << 20,   /* a larger data.mdb is looked at while it is used */
    TRIM_BYTES = 64 << 10,    /* so much moved makes it worth giving memory back at rest */
    FULL_RETRY_MS = 250,      /* a full disk is tried again */
    CEILING_STEP = 4096,      /* relaxed revisions that may be told before a sync */
    HISTORY_MARKS = 64,       /* steps in which time of history is known */
    DAMAGE_TOLD_MS = 10000,   /* the log tells of damaged objects so often */
    HEAL_AGAIN_MS = 60000,    /* damage that stays isn't looked at all the time */
};

/* Beyond so much of the quota history is kept by number only, not by age: what fills the rest is
 * objects. */
static inline uint64_t quota_soft_bytes(uint64_t quota_bytes)
{
    return quota_bytes - quota_bytes / 8;
}

/* Work in a pool thread. It is an allocation of its own so that store_close need not wait for the
 * loop: it waits for run to end, settles the result itself, and leaves the block to the loop's
 * done. */
struct job {
    struct store *store; /* NULL: closed meanwhile */
    void (*run)(struct job *job);
    void (*settle)(struct job *job); /* on the loop, with the store */
    void (*release)(struct job *job);
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_run;
};

struct commit_job {
    struct job job;
    struct journal *journal;
    struct journal_place place;
    struct entry **entries; /* owned; the entries themselves are the overlay's */
    size_t count;
    size_t bytes;
    uint64_t before, last, ceiling;
    bool rewrite; /* of what was recovered, instead of a new batch */
    int err;      /* -ENOSPC: nothing was written */
};

struct apply_job {
    struct job job;
    struct db *db;
    struct journal *journal;
    struct db_job work;
    struct entry **entries; /* owned; the entries themselves are the overlay's */
    int err;
};

struct store {
    struct loop *loop;       /* borrowed */
    const struct disk *disk; /* borrowed */
    store_index_fn index;
    uint64_t history_revisions, history_ms;
    char *directory;         /* owned */
    char *check_mark;        /* owned; path: while the file is there, data.mdb isn't trusted */
    struct db *db;           /* owned */
    struct journal *journal; /* owned */
    struct overlay overlay;
    uint64_t revision, durable, published;
    uint64_t ceiling; /* durable: relaxed revisions up to here may be told at once, as they won't be
                         used again */
    bool relaxed_used;
    bool log_full; /* the disk has no room for the log's next batch: it is tried again */
    struct commit_job *committing;
    uint64_t compacted; /* as told; the file follows */
    uint64_t forget_to; /* what compacted is to be when nobody holds it back */
    struct list holds;
    struct apply_job *applying;
    struct check_job *checking; /* nothing is applied meanwhile */
    bool apply_waits;           /* for that */
    struct timer apply_timer;
    struct deferred begin;  /* writes of this callback become one batch */
    struct deferred notify; /* waiters that are due already */
    struct deferred damage; /* a read found some */
    bool heal;              /* the next transaction looks at all that is derived from records */
    bool heal_tried;
    uint64_t heal_tried_ms;
    bool damage_told;
    uint64_t damage_told_ms;
    struct list waiters; /* growing revisions */
    struct list due;
    struct list room; /* waiters for a shorter overlay */
    store_history_fn publish;
    void *publish_arg;   /* borrowed */
    VEC(int64_t) counts; /* live objects by resource */
    unsigned read_depth;
    uint64_t read_since_ms;
    VEC(struct db_pin *) pins; /* owned: snapshots that somebody still reads */
    struct dropped dropped;    /* likewise records */
    struct {
        uint64_t ms, revision;
    } marks[HISTORY_MARKS];
    size_t mark_count;
    size_t moved_bytes; /* into LMDB since memory was given back */
    uint64_t quota_bytes;
    struct db_space space;
    uint64_t full_checked_ms;
    bool full; /* the disk is: only deletions are taken */
    bool over; /* the quota is used up: likewise */
    bool closing;
};

/* store_prepare.c: makes or opens what is in the directory, but for LMDB */
int store_prepare(struct store *s, const char *template_path, struct buf *error) must_use;
/* Only what is known not to be there may be made anew. */
int store_file_exists(const struct disk *disk, const char *path, bool *ret,
                      struct buf *error) must_use;

/* store_check.c: before data.mdb is opened: 0, or -errno with a text. */
int store_check(struct store *s, const char *path, struct buf *error) must_use;
void store_check_begin(struct store *s);   /* what is left of it, in a pool thread */
void store_check_give_up(struct store *s); /* the log has no room to wait for it */
void store_check_end(struct store *s);     /* gives it up, and waits */
void store_check_forget(struct store *s);  /* one that wasn't begun */
/* The next start looks at all of data.mdb before it is opened. */
void store_distrust(struct store *s);

/* store_work.c */
void job_start(struct job *job, struct store *s);
void job_finish(struct job *job); /* waits for the pool thread, settles, and leaves the block to the
                                     loop */
void store_work_init(struct store *s);
void store_work_release(struct store *s); /* ends jobs, makes everything durable and applied */
void store_written(struct store *s, const struct entry *e); /* a new record waits in the overlay */
void store_recovered(struct store *s);      /* what was read from the log is made durable again */
void store_apply_soon(struct store *s);     /* there are durable records to move */
void store_apply_again(struct store *s);    /* it may go on */
void store_apply_for_room(struct store *s); /* at a start: history gives way beyond the quota */
bool store_disk_full(struct store *s);
void store_weigh(struct store *s, struct db_space space); /* sets and clears the quota's alarm */
/* History up to revision is forgotten now, or as soon as holds allow. True: compacted has grown. */
bool store_forget(struct store *s, uint64_t revision);

int64_t *store_counter(struct store *s, uint16_t resource);
/* The record of a revision, from overlay or file. 0, -ENOENT, -EIO. */
int store_record(struct store *s, uint64_t revision, const struct record **ret) must_use;
/* The record of a key that has this name in the file. 0, -EIO: not there, damaged, or another
 * key's.
 */
int store_record_of(struct store *s, struct store_key key, const struct db_name *name,
                    const struct record **ret) must_use;
/* -EIO; the log names the object. */
int store_damaged(struct store *s, struct store_key key, uint64_t revision);
/* Ends the snapshot that reads use, or keeps it for those who hold it. */
void store_refresh(struct store *s);

#endif
