/* Overlay: the records that are not in LMDB yet, found by key, by revision, in key order, and by
 * owner, node and labels.
 *
 *     entries    ring of records by revision, oldest first: what committer, publisher and applier
 * walk keys       hash table: key -> its newest entry; older entries of the key hang behind it
 *     kinds      per resource the keys in order; new keys wait in an unsorted tail until somebody
 * lists refs       hash table: owner uid or node name -> entries Owned by the loop. Pool threads
 * read what never changes after overlay_add: the record, hashes and `older` of entries that the
 * loop gave them; entries are freed only by overlay_drop, which the loop calls when no pool thread
 * has them. */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H

#include "base/list.h"
#include "base/vec.h"
#include "store/record.h"

/* The index of one value, made small: what both the overlay and LMDB keep. */
enum {
    INDEX_REFS_MAX = 5,
    INDEX_LABELS_MAX = 64
};
struct index {
    uint64_t hash; /* of all of it: equal hashes, equal index; 0: nothing indexed */
    uint32_t ref_count, label_count;
    uint64_t refs[INDEX_REFS_MAX];     /* ref_hash of owner uids and node name */
    uint32_t labels[INDEX_LABELS_MAX]; /* label_hash */
};
enum ref_kind {
    REF_OWNER = 1,
    REF_NODE = 2
};
uint64_t ref_hash(enum ref_kind kind, struct str text);
uint32_t label_hash(uint64_t hash);
void index_make(store_index_fn fn, const void *value, size_t size, struct index *ret);

struct entry_ref {
    struct list link; /* in a bucket of overlay.refs */
    uint64_t hash;
    struct entry *entry;
};

struct overlay_key {
    uint64_t hash;
    struct entry *newest; /* NULL: gone, waits to be swept out of its kind */
};

struct entry {
    struct overlay_key *key;
    struct entry *older, *newer; /* of the same key, while they are here too */
    struct record *record;       /* part of this block, as are refs and labels */
    struct entry_ref *refs;
    const uint32_t *labels;
    uint64_t index_hash;
    uint32_t record_bytes;
    uint16_t ref_count, label_count;
};

struct overlay_kind {
    VEC(struct overlay_key *) keys; /* owned */
    size_t sorted_count;
    size_t gone_count;
};

struct overlay {
    struct entry **ring; /* owned; a power of two */
    size_t ring_cap, ring_head, count;
    struct overlay_key **table; /* borrowed from kinds */
    size_t table_cap, table_count;
    struct list *ref_buckets; /* owned */
    size_t ref_bucket_count, ref_count;
    struct overlay_kind **kinds; /* owned; by resource */
    size_t kind_count;
    size_t bytes; /* of records */
};

void overlay_init(struct overlay *o);
void overlay_release(struct overlay *o);

/* Makes an entry (one block) around a record that is yet to be filled; free it with mem_free when
 * it isn't added. */
struct entry *entry_new(size_t record_bytes, const struct index *index) must_use;
/* Takes the entry; its record is sealed and newer than all others here. */
void overlay_add(struct overlay *o, struct entry *e);
/* Newest entry of a key, or NULL. */
struct entry *overlay_find(const struct overlay *o, struct store_key key, uint64_t hash) pure_func;
/* Entries by place: 0 is the oldest. */
static inline struct entry *overlay_at(const struct overlay *o, size_t index)
{
    assert(index < o->count);
    return o->ring[(o->ring_head + index) & (o->ring_cap - 1)];
}
/* Place of the first entry whose revision is at least this; count when there is none. */
size_t overlay_seek(const struct overlay *o, uint64_t revision) pure_func;
/* Drops entries up to a revision. The blocks go to `dropped` (VEC of pointers) for the caller to
 * free, as reads may hold them. */
struct dropped {
    VEC(void *) blocks; /* owned */
};
void overlay_drop(struct overlay *o, uint64_t up_to, struct dropped *dropped);
void dropped_free(struct dropped *dropped);
/* Keys of a resource in order, behind (ns, name) when ns.data is not NULL and within ns_only when
 * its data is not NULL: appends the newest entry of each to ret. */
struct entries {
    VEC(struct entry *) list; /* borrowed */
};
void overlay_range(struct overlay *o, uint16_t resource, struct str ns_only, struct str after_ns,
                   struct str after_name, struct entries *ret);
/* Entries that are newest of their key and carry the reference. */
void overlay_refs(const struct overlay *o, uint64_t hash, struct entries *ret);
bool labels_match(const uint32_t *labels, size_t count, const uint32_t *wanted,
                  size_t wanted_count) pure_func;

#endif
