/* Label hashes of 64 objects side by side, so that a selector that fits none of 300,000 reads a few
 * MB instead of all objects.
 *
 *     OFFSET SIZE MEANING
 *          0   64 number of hashes of each slot
 *         64  4 n hashes, slot by slot
 *   64 + 4 n    4 check: exclusive or of all words before, and of the key's place
 *   68 + 4 n    2 0: a group without a check, as format 1 has, is of another size whatever n says
 *
 * The check costs a search little that reads all words anyway. */
#include <errno.h>

#include "store/db_private.h"

enum {
    GROUP = 64,
    TRAILER = 6,
    GROUP_BYTES_MAX = GROUP + GROUP * INDEX_LABELS_MAX * 4 + TRAILER
};

/* Hashes in a page lie at any even address. */
typedef uint32_t hash_in_page __attribute__((aligned(1), may_alias));

typedef uint32_t four_hashes __attribute__((vector_size(16), aligned(1), may_alias));

static uint32_t group_check(MDB_val key, const uint8_t *group, size_t size)
{
    const hash_in_page *words = (const hash_in_page *)group;
    size_t count = size / 4, i = 0;
    uint32_t check = db_check(key, "", 0);
    four_hashes even = {0, 0, 0, 0}, odd = even;
    for (; i + 8 <= count; i += 8) {
        even ^= *(const four_hashes *)(words + i);
        odd ^= *(const four_hashes *)(words + i + 4);
    }
    even ^= odd;
    check ^= even[0] ^ even[1] ^ even[2] ^ even[3];
    for (; i < count; i++)
        check ^= words[i];
    return check;
}

/* *ret_size: without what stands behind the hashes. */
static bool group_sound(MDB_val key, MDB_val group, size_t *ret_size)
{
    const uint8_t *counts = group.mv_data;
    size_t hashes = 0;
    if (group.mv_size < GROUP)
        return false;
    for (int i = 0; i < GROUP; i++)
        hashes += counts[i];
    size_t size = GROUP + hashes * 4;
    *ret_size = size;
    if (group.mv_size == size)
        return true;
    return group.mv_size == size + TRAILER && counts[size + 4] == 0 && counts[size + 5] == 0 &&
           *(const hash_in_page *)(counts + size) == group_check(key, counts, size);
}

int db_labels_set(struct db_writer *w, uint16_t resource, uint32_t slot, const uint32_t *labels,
                  size_t count)
{
    struct db_key k;
    uint8_t bytes[GROUP_BYTES_MAX];
    MDB_val old;
    db_key_slot(&k, resource, slot / GROUP);
    MDB_val key = db_val(k.bytes, k.len);
    int rc = mdb_get(w->txn, w->db->dbi[DB_LABELS], &key, &old);
    static const uint8_t none[GROUP];
    size_t old_size = GROUP;
    if (rc == MDB_NOTFOUND) {
        old = db_val(none, GROUP);
    } else if (rc != 0) {
        return rc;
    } else if (!group_sound(key, old, &old_size)) {
        return db_damaged(w);
    }
    const uint8_t *counts = old.mv_data, *hashes = counts + GROUP;
    size_t before = 0, all = (old_size - GROUP) / 4, at = slot % GROUP;
    for (size_t i = 0; i < at; i++)
        before += counts[i];
    size_t behind = before + counts[at];
    assert(count <= INDEX_LABELS_MAX);
    memcpy(bytes, counts, GROUP);
    bytes[at] = (uint8_t)count;
    memcpy(bytes + GROUP, hashes, before * 4);
    if (count)
        memcpy(bytes + GROUP + before * 4, labels, count * 4);
    memcpy(bytes + GROUP + (before + count) * 4, hashes + behind * 4, (all - behind) * 4);
    size_t size = GROUP + (all - (behind - before) + count) * 4;
    *(hash_in_page *)(bytes + size) = group_check(key, bytes, size);
    memset(bytes + size + 4, 0, TRAILER - 4);
    MDB_val value = db_val(bytes, size + TRAILER);
    return mdb_put(w->txn, w->db->dbi[DB_LABELS], &key, &value, 0);
}

int db_labels_set_unknown(struct db_writer *w, uint16_t resource, uint32_t slot)
{
    static const uint32_t full[INDEX_LABELS_MAX];
    return db_labels_set(w, resource, slot, full, INDEX_LABELS_MAX);
}

bool db_labels_are(struct db_writer *w, uint16_t resource, uint32_t slot, const uint32_t *labels,
                   size_t count)
{
    struct db_key k;
    MDB_val group;
    size_t size, before = 0, at = slot % GROUP;
    db_key_slot(&k, resource, slot / GROUP);
    MDB_val key = db_val(k.bytes, k.len);
    if (mdb_get(w->txn, w->db->dbi[DB_LABELS], &key, &group) != 0)
        return count == 0;
    if (!group_sound(key, group, &size))
        return false;
    const uint8_t *counts = group.mv_data;
    for (size_t i = 0; i < at; i++)
        before += counts[i];
    return counts[at] == count &&
           (count == 0 || memcmp(counts + GROUP + before * 4, labels, count * 4) == 0);
}

static bool sound(MDB_val key, MDB_val group)
{
    size_t size;
    return key.mv_size == 6 && group_sound(key, group, &size);
}

int db_labels_check(struct db_writer *w, bool *ret_sound)
{
    MDB_cursor *cursor;
    MDB_val key, group, before = {0, NULL};
    *ret_sound = true;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_LABELS], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &group, MDB_FIRST);
    for (; rc == 0 && *ret_sound; rc = mdb_cursor_get(cursor, &key, &group, MDB_NEXT)) {
        *ret_sound = sound(key, group) && (!before.mv_data || db_key_compare(before, key) < 0);
        before = key;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Whether a hash is anywhere in a group: the common answer is no, so nothing leaves the loop, and
 * four are compared at once. */
static bool group_has(const hash_in_page *hashes, size_t count, uint32_t wanted)
{
    const four_hashes wanted_four = {wanted, wanted, wanted, wanted};
    four_hashes found = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        found |= (four_hashes)(*(const four_hashes *)(hashes + i) == wanted_four);
    uint32_t any = found[0] | found[1] | found[2] | found[3];
    for (; i < count; i++)
        any |= hashes[i] == wanted;
    return any;
}

static size_t group_match(const uint8_t *group, size_t size, const uint32_t *wanted,
                          size_t wanted_count, uint8_t bits[GROUP / 8])
{
    const hash_in_page *hashes = (const hash_in_page *)(group + GROUP);
    size_t hits = 0;
    /* An object with as many hashes as are kept may carry others. */
    bool any_full = memchr(group, INDEX_LABELS_MAX, GROUP) != NULL;
    for (size_t w = 0; w < wanted_count && !any_full; w++)
        if (!group_has(hashes, (size - GROUP) / 4, wanted[w]))
            return 0;
    for (size_t slot = 0; slot < GROUP; slot++) {
        bool all = group[slot] > 0, full = group[slot] == INDEX_LABELS_MAX;
        for (size_t w = 0; w < wanted_count && all && !full; w++)
            all = group_has(hashes, group[slot], wanted[w]);
        if (all) {
            bits[slot / 8] |= (uint8_t)(1 << (slot % 8));
            hits++;
        }
        hashes += group[slot];
    }
    return hits;
}

int db_labels(struct db *db, uint16_t resource, const uint32_t *labels, size_t count,
              struct buf *bits, size_t *ret_hits)
{
    struct db_key k;
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t hits = 0;
    if (db_read_begin(db) != 0 || mdb_cursor_open(db->read, db->dbi[DB_LABELS], &cursor) != 0)
        return -EIO;
    db_key_slot(&k, resource, 0);
    int rc = db_seek_checked(cursor, db_val(k.bytes, k.len), sound, &key, &value);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const uint8_t *p = key.mv_data;
        size_t size;
        /* What ends the search is looked at, too: its key may be what is damaged. */
        if (key.mv_size != k.len || !group_sound(key, value, &size)) {
            rc = MDB_CORRUPTED;
            break;
        }
        if (memcmp(p, k.bytes, 2) != 0)
            break;
        size_t group = (size_t)p[2] << 24 | (size_t)p[3] << 16 | (size_t)p[4] << 8 | p[5];
        uint8_t found[GROUP / 8] = {0};
        size_t here = group_match(value.mv_data, size, labels, count, found);
        if (here == 0)
            continue;
        hits += here;
        size_t end = (group + 1) * sizeof(found);
        if (bits->len < end) {
            size_t extra = end - bits->len;
            memset(buf_reserve(bits, extra), 0, extra);
            bits->len = end;
        }
        memcpy(bits->data + group * sizeof(found), found, sizeof(found));
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return db_read_failed(db, rc) == MDB_CORRUPTED ? -EUCLEAN : -EIO;
    *ret_hits = hits;
    return 0;
}
