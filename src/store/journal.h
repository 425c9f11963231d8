/* Journal: the log that makes writes durable. One file of zeros written in advance, so that a
 * commit is one write and one fdatasync of bytes that the file already has.
 *
 *     OFFSET          SIZE    MEANING
 *          0           512    struct journal_header, copy A
 *        512           512    copy B: the valid one with the higher sequence counts
 *      4,096    up to 4 MB    half 0: batches, each at a multiple of 512
 *  4,198,400    up to 4 MB    half 1
 *
 * Each half begins with 32 KB of zeros and grows while the other one is still needed; what lies
 * between is a hole. Batches fill one half, then the other, when all that it holds is in LMDB. A
 * half's use has a generation, so that what an earlier use left behind is not taken for new.
 * Invariants:
 * 1. One batch is in flight: a batch that isn't whole is the last, and nobody was told of it.
 * 2. Revisions in the log are without a gap from LMDB's `applied` on; a whole batch behind a
 * damaged one is found and refused.
 * 3. Checksums start from the file's own seed: a value that looks like a batch is none. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "base/limits.h"
#include "store/overlay.h"
#include "sys/file.h"

enum {
    JOURNAL_SECTOR = 512,
    JOURNAL_START = 4096,
    JOURNAL_HALF_BYTES = LIMIT_LOG_BYTES / 2,
    JOURNAL_FIRST_BYTES = 32 << 10, /* of a half in a new log */
    JOURNAL_BATCH_MAGIC = 0x6b6e6274,
};

/* data.mdb is new and may not be on the disk yet, while all that was written since is in the log:
 * when it isn't this image, copy it again. */
#define JOURNAL_EMPTY_IMAGE UINT64_MAX /* there is no image: make it anew */
struct journal_image {
    uint64_t size; /* 0: data.mdb is on the disk */
    uint32_t checksum;
};

struct journal_header {
    char magic[8];
    uint32_t format;
    uint32_t image_checksum;
    uint64_t sequence;
    uint64_t seed;
    uint64_t image_size;
    uint32_t zero;
    uint32_t checksum;
};

struct journal_batch {
    uint32_t magic;
    uint32_t checksum; /* of all that follows up to size, from the seed */
    uint32_t size;     /* with this header, without what pads it to a multiple of 512 */
    uint32_t count;    /* records; 0 is allowed */
    uint64_t generation;
    uint64_t first;   /* revision of the first record */
    uint64_t before;  /* last revision before this batch */
    uint64_t ceiling; /* revisions up to here may have been told before they were synced: they are
                         not used again */
};

/* What reading a log found. */
struct journal_half {
    uint64_t generation; /* 0: no valid batch at its start */
    uint64_t before;     /* revision before its first batch */
    uint64_t last;       /* last revision in it */
    uint32_t begin;      /* of the first batch with revisions that LMDB doesn't have */
    uint32_t end;        /* of the last valid batch */
    uint32_t capacity;   /* zeros written up to here */
};
struct journal_state {
    struct journal_half halves[2];
    int active;
    uint64_t generation; /* of the active half */
    uint64_t last;       /* newest revision, at least applied */
    uint64_t ceiling;
};
typedef int (*journal_visit_fn)(void *arg, const struct record *r);
/* Reads the batches of two halves in memory: gives every record newer than applied to visit, in
 * order. Pure. 0, -EIO (a hole before batches that are whole), or what visit returned. */
int journal_scan(const void *const halves[2], const size_t sizes[2], uint64_t seed,
                 uint64_t applied, journal_visit_fn visit, void *arg,
                 struct journal_state *ret) must_use;

struct journal;

/* Opens DIRECTORY/log or makes a new one (*ret_created), synced with its directory. Another process
 * may have it: -EBUSY. */
int journal_open(const struct disk *disk, const char *directory, uint64_t seed,
                 const struct journal_image *image_of_new, struct journal **ret, bool *ret_created,
                 struct buf *error) must_use;
void journal_close(struct journal *j);
struct journal_image journal_image(const struct journal *j);
/* Says durably that data.mdb is on the disk, its name too. Any thread, more than once. Without room
 * or descriptors it stays unsaid until the next call; a broken disk ends the process. */
void journal_image_synced(struct journal *j);
/* Gives the records that LMDB doesn't have. They are not durable before journal_rewrite. */
int journal_recover(struct journal *j, uint64_t applied, journal_visit_fn visit, void *arg,
                    struct buf *error) must_use;
/* Writes and syncs again what was recovered: a sync may have failed before this start while the
 * kernel still shows what it lost. Any thread, before anything else is written. A failure ends the
 * process. */
bool journal_must_rewrite(const struct journal *j);
void journal_rewrite(struct journal *j);
uint64_t journal_last(const struct journal *j);    /* newest revision in the log or applied */
uint64_t journal_ceiling(const struct journal *j); /* of the newest batch recovered */

/* Where a batch goes; made on the loop, written in a pool thread. */
struct journal_place {
    int half;
    uint32_t offset;
    uint32_t zeros_from, zeros_to; /* the half grows so far first */
    uint64_t generation;
};
size_t
journal_batch_bytes(size_t record_bytes); /* in the log, of a batch with so many bytes of records */
/* False: no room until more is applied. bytes from journal_batch_bytes. */
bool journal_plan(struct journal *j, size_t bytes, struct journal_place *ret) must_use;
/* Writes and syncs. 0, or -ENOSPC when the disk has no room to write: then nothing has happened,
 * and it may be tried again. Any other failure ends the process (disk_fatal). */
int journal_write(struct journal *j, const struct journal_place *place,
                  struct entry *const *entries, size_t count, uint64_t before,
                  uint64_t ceiling) must_use;
/* On the loop: the batch at this place, up to this revision, is durable; LMDB has synced up to that
 * revision. */
void journal_written(struct journal *j, const struct journal_place *place, size_t bytes,
                     uint64_t last);
void journal_applied(struct journal *j, uint64_t revision);
void journal_rest(struct journal *j); /* gives back what the next write can make again */

#endif
