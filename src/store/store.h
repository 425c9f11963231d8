/* Store: what happened. Keys, values and revisions on disk; knows bytes, keys and indexes only.
 *
 * One writer, the loop that owns it. A write gets the next revision at once and is visible to reads
 * at once; it is durable when its batch of the log has been synced. Everything that leaves the
 * process waits for that: answers by store_when_durable, watch events by being published only then
 * (watch/). So whoever acts inside the process may act on what it reads: the log keeps order, and a
 * crash that loses a write loses everything that followed from it.
 *
 * On disk: a preallocated log of two halves, and LMDB with records packed in chunks by revision,
 * names, and indexes by owner uid, node name and label hashes. Reads merge LMDB with an overlay of
 * records that are not in it yet. Invariants:
 * 1. Revisions grow by one with every write and are never used again, across restarts.
 * 2. What store_when_durable reported survives kill -9 and power loss.
 * 3. A value is returned as the bytes that were put; its checksum is verified when it is read from
 * disk.
 * 4. Pointers from reads are valid until the next write or the end of the callback on the loop,
 * whichever is first, unless between store_read_begin and store_read_end. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/str.h"
#include "sys/loop.h"

struct store;

/* Names an object: resource number, namespace (empty for cluster-scoped), name. Order of lists:
 * namespace, name, as bytes. */
struct store_key {
    uint16_t resource;
    struct str ns;   /* borrowed */
    struct str name; /* borrowed; ≤ 253 bytes each */
};

struct store_record {
    uint64_t revision;
    struct store_key key;
    const void *value; /* borrowed: see invariant 4; NULL for a deletion (history only) */
    size_t size;
};

/* What the store indexes for a record; it is kept in the same transaction. Empty members aren't
 * indexed. */
struct store_index {
    struct str owner_uids[4]; /* metadata.ownerReferences' uids */
    size_t owner_count;
    struct str node;              /* spec.nodeName */
    const uint64_t *label_hashes; /* str_hash of "key=value" and of "key", for label selectors */
    size_t label_count;
};
/* Computes the index of a value: given by the layer that knows what values are. */
typedef void (*store_index_fn)(const void *value, size_t size, struct store_index *ret,
                               uint64_t hashes[64]);

struct store_config {
    struct loop *loop;
    const char *directory; /* made when missing, mode 0700 */
    store_index_fn index;
    uint64_t history_revisions; /* kept for watches and continued lists at least */
    uint64_t history_ms;        /* likewise; the original: 5 min */
    uint64_t quota_bytes;      /* of what lies in LMDB; 0: none. Beyond it only deletions are taken;
                                  history gives way before */
    const char *template_path; /* image of a new cluster's store to start from; NULL: empty */
    const struct disk
        *disk; /* NULL: the real one; a simulated one stands behind the log (sys/file.h) */
};
/* 0 or -errno; *ret_error is a text for people (which file, what is wrong, what to do). What a
 * crash left in the log only is visible at once, and durable and published a moment later. */
int store_open(const struct store_config *config, struct store **ret,
               const char **ret_error) must_use;
void store_close(struct store *s); /* flushes; a store that is not closed loses nothing durable */

uint64_t store_revision(const struct store *s);  /* newest assigned */
uint64_t store_durable(const struct store *s);   /* newest durable */
uint64_t store_compacted(const struct store *s); /* history up to here is gone */
uint64_t store_used(const struct store *s);      /* bytes of quota_bytes, as of the last moves */

/* Writes. expected: revision that the record must have; 0: must not exist; STORE_ANY: whatever.
 * value NULL deletes. relaxed: may be answered before the sync (leases, events): it counts as
 * durable at once for store_when_durable. 0, -EEXIST (expected 0, but it is there), -ESTALE (other
 * revision), -ENOENT (delete or expected of nothing), -ENOSPC (the disk is full), -EDQUOT (the
 * store's quota is used up), -EAGAIN (log is full: slow down).
 * The bytes at revision_at_offset of the value (8, little endian) are set to the new revision. */
#define STORE_ANY UINT64_MAX
struct store_write {
    struct store_key key;
    uint64_t expected;
    const void *value;
    size_t size;
    size_t revision_offset; /* SIZE_MAX: not stamped */
    bool relaxed;
};
int store_put(struct store *s, const struct store_write *w, uint64_t *ret_revision) must_use;
/* Calls fn on the loop, never inside this call, once revision is durable. The waiter is the
 * caller's, part of what waits. */
struct store_waiter {
    uint64_t revision;
    void (*fn)(void *arg);
    void *arg;
    struct list link;
};
void store_when_durable(struct store *s, struct store_waiter *w, uint64_t revision,
                        void (*fn)(void *arg), void *arg);
/* For who got -EAGAIN: calls fn on the loop, never inside this call, when there is room again. */
void store_when_room(struct store *s, struct store_waiter *w, void (*fn)(void *arg), void *arg);
void store_waiter_cancel(struct store_waiter *w);

/* Between these two, pointers from reads stay valid whatever is written, also across callbacks: at
 * most LIMIT_READ_TXN_MS, because what they hold can't be used again on the disk. They nest. */
void store_read_begin(struct store *s);
void store_read_end(struct store *s);
/* Reads: the newest state, durable or not. 0 or -ENOENT, -EIO (checksum). */
int store_get(struct store *s, struct store_key key, struct store_record *ret) must_use;

/* Walks the records of a resource in key order: fn returns false to stop. */
struct store_range {
    uint16_t resource;
    struct str ns;       /* data NULL: all namespaces; else this one only (may be empty text for
                            cluster-scoped) */
    struct str after_ns; /* start behind this key; data NULL: from the start */
    struct str after_name;
    uint64_t at_revision; /* 0: newest; else as of then: -ESTALE when compacted, -EFBIG when not yet
                             assigned */
    const uint64_t *label_hashes; /* only records that carry all of them (may still show others:
                                     hashes collide) */
    size_t label_count;
};
typedef bool (*store_visit_fn)(void *arg, const struct store_record *r);
int store_list(struct store *s, const struct store_range *range, store_visit_fn fn,
               void *arg) must_use;
size_t store_count(struct store *s, uint16_t resource, struct str ns); /* ns.data NULL: all */

/* For who reads what was there at a revision in many turns of the loop. It keeps the revisions of
 * the records that it saw then, and gets each of them when it is due.
 *
 * Invariant: while a hold of revision R is there, history up to R is forgotten at most, whatever
 * age, count and store_compact ask for (that is made up for when the hold ends). So each record
 * that was the newest of its key at R can be read, and store_history can go on behind R. No disk
 * page is pinned between the turns; but the file grows while a hold lasts, so who holds must end
 * it in bounded time. */
struct store_hold {
    struct store *store; /* borrowed; NULL: not held */
    uint64_t revision;
    struct list link;
};
/* 0 or -ESTALE: history up to there, or beyond, is gone. The hold is the caller's, zeroed before.
 */
int store_hold(struct store *s, struct store_hold *h, uint64_t revision) must_use;
void store_hold_end(struct store_hold *h); /* as often as wanted, also after store_close */
/* The record that was written with this revision. 0, -ENOENT, -EIO. */
int store_get_at(struct store *s, uint64_t revision, struct store_record *ret) must_use;
/* By index: every record, of any resource, whose owner or node it is. */
int store_by_owner(struct store *s, struct str uid, store_visit_fn fn, void *arg) must_use;
int store_by_node(struct store *s, struct str node, store_visit_fn fn, void *arg) must_use;

/* History: every change of a resource (0: of all) after a revision, in order, up to the newest
 * published one; previous is the record before (value NULL: created). -ESTALE when after is
 * compacted, -EIO. */
typedef bool (*store_history_fn)(void *arg, const struct store_record *now,
                                 const struct store_record *previous);
int store_history(struct store *s, uint16_t resource, uint64_t after, store_history_fn fn,
                  void *arg) must_use;
/* Called on the loop for every write in order, once it is durable (or at once when relaxed and all
 * before it are published). previous is NULL when the record before can't be read any more
 * (damaged): whoever needs it must start over. */
void store_on_publish(struct store *s, store_history_fn fn, void *arg);
uint64_t
store_published(const struct store *s); /* newest that store_on_publish has told, or would have */
/* Forgets history up to revision: 0, or -EINVAL when it is not published yet. */
int store_compact(struct store *s, uint64_t revision);
/* The index of a value, as the store keeps it (for who follows events by node). */
void store_index_of(const struct store *s, const void *value, size_t size, struct store_index *ret,
                    uint64_t hashes[64]);

/* Small named values beside the objects (key material, counters): ≤ 64 KiB, names ≤ 255 bytes. */
int store_meta_get(struct store *s, const char *name, struct buf *ret) must_use;
int store_meta_put(struct store *s, const char *name,
                   struct str value) must_use; /* synced before it returns */

/* Writes a compact image of everything into an empty or missing directory, for template_path of new
 * stores; synced. */
int store_save_template(struct store *s, const char *directory) must_use;

#endif
