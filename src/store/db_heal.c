/* Makes anew what is derived from records and damaged: keys of chunks by their first record, names
 * by the newest record of each key, slots by names, label groups and references by the values of
 * objects. Walks over everything, once damage was seen: before any record is moved, in the same
 * transaction.
 *
 * What can't be read (an object's own record) isn't made up: its slot is found by every search for
 * labels, so that the search is refused rather than short, and keeps the references that it has. */
#include "base/log.h"
#include "base/vec.h"
#include "store/db_private.h"

enum {
    CHUNKS_MAX = 64, /* healed at a time: each begins the walk anew */
    TOLD_MAX = 16    /* damaged objects that the log names */
};

struct lost {
    struct db_key key;
    struct db_name name;
};
struct damaged_entry {
    MDB_val key, value; /* owned; one block */
};
struct names {
    VEC(struct damaged_entry) damaged;
    VEC(struct lost) lost;
    bool unreadable; /* there are records of which nothing is known */
};

struct place {
    uint64_t hash; /* of a reference; 0: the object itself */
    uint16_t resource;
    uint32_t slot;
};
struct audit {
    bool slots, labels, refs; /* sound */
    bool refs_known;          /* no reference is damaged itself */
    size_t unreadable_count;
    VEC(struct place) unreadable; /* that are in an index */
    VEC(struct place) kept;       /* references of what can't be read */
};

static MDB_val key_val(const struct db_key *k)
{
    return db_val(k->bytes, k->len);
}

static void key_copy(struct db_key *k, MDB_val key)
{
    k->len = MIN(key.mv_size, sizeof(k->bytes));
    if (k->len)
        memcpy(k->bytes, key.mv_data, k->len);
}

/* ---- keys of chunks ---- */

/* A chunk's newest revision, or the one before it. */
static uint64_t last_revision(MDB_val chunk, uint64_t before)
{
    uint64_t last = before;
    for (size_t at = 0; at < chunk.mv_size;) {
        const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
        if (!r)
            break;
        if (record_intact(r))
            last = MAX(last, r->revision);
        at += record_size(r);
    }
    return last;
}

/* Chunks stand in the order of their revisions whatever their keys say. The key of one whose first
 * record has moved may be smaller than that, but not than what stands before it. */
static bool key_damaged(MDB_val key, MDB_val chunk, uint64_t last_before)
{
    const struct record *first = record_at(chunk.mv_data, chunk.mv_size);
    return first && record_intact(first) && first->revision > last_before &&
           (!db_chunk_key_right(key, chunk) || db_u64(key) <= last_before);
}

/* The first chunk whose key isn't its own gets its own. */
static int heal_chunk(struct db_writer *w, bool *ret_found)
{
    MDB_val key, chunk;
    int rc = mdb_cursor_get(w->objs, &key, &chunk, MDB_FIRST);
    uint64_t last = 0;
    for (; rc == 0 && !key_damaged(key, chunk, last);
         rc = mdb_cursor_get(w->objs, &key, &chunk, MDB_NEXT))
        last = last_revision(chunk, last);
    *ret_found = rc == 0;
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    const struct record *first = record_at(chunk.mv_data, chunk.mv_size);
    uint64_t revision = first->revision;
    bool moved = first->chunk_moved;
    MDB_val copy = db_val(mem_dup(chunk.mv_data, chunk.mv_size), chunk.mv_size);
    key = db_val(&revision, sizeof(revision));
    rc = mdb_cursor_del(w->objs, 0);
    if (rc == 0)
        rc = mdb_put(w->txn, w->db->dbi[DB_OBJS], &key, &copy, MDB_NOOVERWRITE);
    if (rc == 0 && moved)
        rc = db_dead_anew(w, key, copy);
    mem_free(copy.mv_data);
    return rc;
}

/* ---- names ---- */

static bool name_known(MDB_val key, MDB_val value, struct store_key *ret_key, struct db_name *ret)
{
    return db_name_read(key, value, ret) && db_key_parse(key, ret_key) && key_valid(*ret_key);
}

/* While a damaged key stands among the others, they aren't found by searching: it goes first. */
static int take_damaged(struct db_writer *w, struct names *n)
{
    MDB_val key, value;
    struct store_key parsed;
    struct db_name name;
    int rc = mdb_cursor_get(w->names, &key, &value, MDB_FIRST);
    while (rc == 0) {
        if (!name_known(key, value, &parsed, &name)) {
            char *copy = mem_alloc(key.mv_size + value.mv_size + 1);
            if (key.mv_size)
                memcpy(copy, key.mv_data, key.mv_size);
            if (value.mv_size)
                memcpy(copy + key.mv_size, value.mv_data, value.mv_size);
            struct damaged_entry entry = {db_val(copy, key.mv_size),
                                          db_val(copy + key.mv_size, value.mv_size)};
            vec_push(&n->damaged, entry);
            rc = mdb_cursor_del(w->names, 0);
        }
        if (rc == 0) /* the one behind what was deleted, too */
            rc = mdb_cursor_get(w->names, &key, &value, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Records come in the order of revisions: the last one of a key is its newest. */
static void note_lost(struct db_writer *w, struct names *n, const struct record *r, MDB_val key)
{
    struct index index;
    struct lost *lost = NULL;
    for (size_t i = 0; i < n->lost.count && !lost; i++)
        if (db_key_compare(key_val(&n->lost.items[i].key), key) == 0)
            lost = &n->lost.items[i];
    if (!lost) {
        vec_push(&n->lost, (struct lost){0});
        lost = &n->lost.items[n->lost.count - 1];
        key_copy(&lost->key, key);
    }
    index_make(w->db->index, record_deleted(r) ? NULL : record_value(r), r->value_size, &index);
    lost->name = (struct db_name){.revision = r->revision,
                                  .index_hash = index.hash,
                                  .slot = record_deleted(r) ? DB_NO_SLOT : 0};
}

static int find_lost(struct db_writer *w, struct names *n)
{
    MDB_val key, chunk, found;
    struct db_key k;
    int rc = mdb_cursor_get(w->objs, &key, &chunk, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(w->objs, &key, &chunk, MDB_NEXT)) {
        size_t index = 0;
        for (size_t at = 0; at < chunk.mv_size; index++) {
            const struct record *r = record_at((char *)chunk.mv_data + at, chunk.mv_size - at);
            if (!r || !record_intact(r))
                n->unreadable = true;
            if (!r)
                break;
            at += record_size(r);
            if (!record_intact(r))
                continue;
            db_key_name(&k, record_key(r));
            MDB_val name = key_val(&k);
            bool known = true, dead = db_record_dead(w, key, index, &known);
            n->unreadable |= !known;
            if (known && !dead &&
                mdb_get(w->txn, w->db->dbi[DB_NAMES], &name, &found) == MDB_NOTFOUND)
                note_lost(w, n, r, key_val(&k));
        }
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static uint32_t slot_in(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The slot that has this name; a new one when none does. */
static int slot_of(struct db_writer *w, uint16_t resource, MDB_val name, uint32_t *ret)
{
    struct db_key k;
    struct db_kind *kind;
    MDB_cursor *cursor;
    MDB_val found;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_SLOTS], &cursor);
    if (rc != 0)
        return rc;
    db_key_slot(&k, resource, 0);
    MDB_val key = key_val(&k);
    rc = mdb_cursor_get(cursor, &key, &found, MDB_SET_RANGE);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &found, MDB_NEXT)) {
        if (key.mv_size != k.len || memcmp(key.mv_data, k.bytes, 2) != 0)
            rc = MDB_NOTFOUND;
        if (rc != 0 || db_key_compare(found, name) == 0)
            break;
    }
    if (rc == 0)
        *ret = slot_in((const uint8_t *)key.mv_data + 2);
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND)
        return rc;
    rc = db_kind_load(w, resource, &kind);
    if (rc != 0)
        return rc;
    *ret = kind->next_slot++;
    db_key_slot(&k, resource, *ret);
    key = key_val(&k);
    return mdb_put(w->txn, w->db->dbi[DB_SLOTS], &key, &name, 0);
}

static int put_names(struct db_writer *w, struct names *n, bool damaged_too)
{
    struct store_key parsed;
    struct db_name name;
    int rc = 0;
    for (size_t i = 0; i < n->lost.count && rc == 0; i++) {
        struct lost *lost = &n->lost.items[i];
        MDB_val key = key_val(&lost->key);
        if (!db_key_parse(key, &parsed))
            continue;
        if (lost->name.slot != DB_NO_SLOT)
            rc = slot_of(w, parsed.resource, key, &lost->name.slot);
        name = db_name_sealed(key, &lost->name);
        MDB_val value = db_val(&name, sizeof(name));
        if (rc == 0)
            rc = mdb_put(w->txn, w->db->dbi[DB_NAMES], &key, &value, 0);
    }
    for (size_t i = 0; i < n->damaged.count && damaged_too && rc == 0; i++)
        rc = mdb_put(w->txn, w->db->dbi[DB_NAMES], &n->damaged.items[i].key,
                     &n->damaged.items[i].value, MDB_NOOVERWRITE);
    return rc == MDB_KEYEXIST ? 0 : rc;
}

static int heal_names(struct db_writer *w)
{
    struct names n = {0};
    int rc = take_damaged(w, &n);
    if (rc == 0 && n.damaged.count > 0)
        rc = find_lost(w, &n);
    /* What can't be read may be what is lost: then its damaged name keeps telling that. */
    bool all = n.lost.count >= n.damaged.count || !n.unreadable;
    if (rc == 0)
        rc = put_names(w, &n, !all);
    if (rc == 0 && n.damaged.count > 0 && all)
        log_warn("damaged names were made anew from objects", LOG_INT("damaged", n.damaged.count),
                 LOG_INT("made", n.lost.count));
    else if (rc == 0 && n.damaged.count > 0)
        log_error("names of stored objects are damaged, and so may be the objects: restore them "
                  "from a backup",
                  LOG_INT("damaged", n.damaged.count));
    for (size_t i = 0; i < n.damaged.count; i++)
        mem_free(n.damaged.items[i].key.mv_data);
    vec_release(&n.damaged);
    vec_release(&n.lost);
    return rc;
}

/* ---- indexes ---- */

/* Calls fn for each living object with what its value says; index NULL: it can't be read. */
typedef int (*visit_fn)(struct db_writer *w, struct audit *a, MDB_val key, uint16_t resource,
                        const struct db_name *name, const struct index *index);

static int each_object(struct db_writer *w, struct audit *a, visit_fn fn)
{
    MDB_val key, value;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_NAMES], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct store_key parsed;
        struct db_name name;
        struct db_key copy;
        struct index index;
        const struct record *r;
        if (!name_known(key, value, &parsed, &name) || name.slot == DB_NO_SLOT)
            continue;
        rc = db_record_in(w->objs, name.revision, name.hint, &r);
        bool known = rc == 0 && key_equal(record_key(r), parsed);
        if (rc != 0 && rc != DB_RECORD_DAMAGED && rc != MDB_NOTFOUND && rc != MDB_CORRUPTED)
            break;
        if (known)
            index_make(w->db->index, record_value(r), r->value_size, &index);
        key_copy(&copy, key); /* fn may write */
        rc = fn(w, a, key_val(&copy), parsed.resource, &name, known ? &index : NULL);
        if (rc != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int check_object(struct db_writer *w, struct audit *a, MDB_val name_key, uint16_t resource,
                        const struct db_name *name, const struct index *index)
{
    struct db_key k;
    struct db_kind *kind;
    struct store_key object = {0};
    MDB_val found;
    db_key_parse(name_key, &object);
    int rc = db_kind_load(w, resource, &kind); /* makes it anew when it must */
    if (rc != 0)
        return rc;
    db_key_slot(&k, resource, name->slot);
    MDB_val key = key_val(&k);
    if (mdb_get(w->txn, w->db->dbi[DB_SLOTS], &key, &found) != 0 ||
        db_key_compare(found, name_key) != 0)
        a->slots = false;
    if (!index && a->unreadable_count++ < TOLD_MAX)
        log_error("a stored object is damaged, and refused to who reads it: restore it from a "
                  "backup",
                  LOG_INT("resource", resource), LOG_STR("namespace", object.ns),
                  LOG_STR("name", object.name), LOG_INT("revision", name->revision));
    if (!index && name->index_hash != 0)
        vec_push(&a->unreadable, ((struct place){0, resource, name->slot}));
    if (!index)
        return 0;
    if (!db_labels_are(w, resource, name->slot, index->labels, index->label_count))
        a->labels = false;
    for (size_t i = 0; i < index->ref_count && a->refs; i++) {
        db_key_ref(&k, index->refs[i], resource, name->slot);
        key = key_val(&k);
        a->refs = mdb_get(w->txn, w->db->dbi[DB_REFS], &key, &found) == 0;
    }
    return 0;
}

static bool is_unreadable(const struct audit *a, const struct place *p)
{
    for (size_t i = 0; i < a->unreadable.count; i++)
        if (a->unreadable.items[i].resource == p->resource &&
            a->unreadable.items[i].slot == p->slot)
            return true;
    return false;
}

/* Looks at all references; keeps those of what can't be read. */
static int check_refs(struct db_writer *w, struct audit *a)
{
    MDB_cursor *cursor;
    MDB_val key, value, before = {0, NULL};
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_REFS], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const uint8_t *p = key.mv_data;
        bool sound = db_ref_sound(key, value);
        if (!sound || (before.mv_data && db_key_compare(before, key) >= 0))
            a->refs = a->refs_known = false;
        before = key;
        if (!sound)
            continue;
        struct place place = {0, (uint16_t)(p[8] << 8 | p[9]), slot_in(p + 10)};
        memcpy(&place.hash, p, sizeof(place.hash));
        if (is_unreadable(a, &place))
            vec_push(&a->kept, place);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int derive_object(struct db_writer *w, struct audit *a, MDB_val name_key, uint16_t resource,
                         const struct db_name *name, const struct index *index)
{
    struct db_key k;
    int rc = 0;
    db_key_slot(&k, resource, name->slot);
    MDB_val key = key_val(&k);
    if (!a->slots)
        rc = mdb_put(w->txn, w->db->dbi[DB_SLOTS], &key, &name_key, 0);
    if (rc == 0 && !a->labels && !index && name->index_hash != 0)
        rc = db_labels_set_unknown(w, resource, name->slot);
    if (rc == 0 && !a->labels && index && index->label_count > 0)
        rc = db_labels_set(w, resource, name->slot, index->labels, index->label_count);
    for (size_t i = 0; index && i < index->ref_count && !a->refs && rc == 0; i++)
        rc = db_ref_put(w, index->refs[i], resource, name->slot);
    return rc;
}

/* No slot is free any more where slots are made anew. */
static int break_chains(struct db_writer *w)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_KINDS], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const uint8_t *p = key.mv_data;
        struct db_kind *kind;
        if (key.mv_size != 2)
            continue;
        rc = db_kind_load(w, (uint16_t)(p[0] << 8 | p[1]), &kind);
        if (rc != 0)
            break;
        kind->free_slot = DB_NO_SLOT;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int derive(struct db_writer *w, struct audit *a)
{
    int rc = a->slots ? 0 : break_chains(w);
    if (rc == 0 && !a->slots)
        rc = mdb_drop(w->txn, w->db->dbi[DB_SLOTS], 0);
    if (rc == 0 && !a->labels)
        rc = mdb_drop(w->txn, w->db->dbi[DB_LABELS], 0);
    if (rc == 0 && !a->refs)
        rc = mdb_drop(w->txn, w->db->dbi[DB_REFS], 0);
    if (rc == 0 && !(a->slots && a->labels && a->refs))
        rc = each_object(w, a, derive_object);
    for (size_t i = 0; i < a->kept.count && !a->refs && rc == 0; i++)
        rc = db_ref_put(w, a->kept.items[i].hash, a->kept.items[i].resource, a->kept.items[i].slot);
    return rc;
}

static int heal_indexes(struct db_writer *w)
{
    struct audit a = {.slots = true, .labels = true, .refs = true, .refs_known = true};
    int rc = db_labels_check(w, &a.labels);
    if (rc == 0)
        rc = each_object(w, &a, check_object);
    if (rc == 0)
        rc = check_refs(w, &a);
    if (rc == 0 && a.unreadable_count > TOLD_MAX)
        log_error("more stored objects are damaged: restore them from a backup",
                  LOG_INT("objects", a.unreadable_count));
    if (rc == 0 && !(a.slots && a.labels && a.refs))
        log_warn("a damaged index was made anew from objects", LOG_INT("slots", !a.slots),
                 LOG_INT("labels", !a.labels), LOG_INT("references", !a.refs));
    /* A damaged reference may be of what can't be read: then it keeps telling that. */
    if (!a.refs_known && a.unreadable.count > 0)
        a.refs = true;
    if (rc == 0)
        rc = derive(w, &a);
    vec_release(&a.unreadable);
    vec_release(&a.kept);
    return rc;
}

/* Where a count is damaged all go: each is made anew when it is asked for, or where the objects
 * are looked at. */
static int heal_kinds(struct db_writer *w)
{
    MDB_cursor *cursor;
    MDB_val key, value, before = {0, NULL};
    struct db_kind kind;
    bool sound = true;
    int rc = mdb_cursor_open(w->txn, w->db->dbi[DB_KINDS], &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0 && sound; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        sound = key.mv_size == 2 && db_checked_read(key, value, &kind, sizeof(kind)) &&
                (!before.mv_data || db_key_compare(before, key) < 0);
        before = key;
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    return sound ? 0 : mdb_drop(w->txn, w->db->dbi[DB_KINDS], 0);
}

int db_heal(struct db_writer *w)
{
    bool found = true;
    int rc = 0, chunks = 0;
    for (; rc == 0 && found && chunks < CHUNKS_MAX; chunks++)
        rc = heal_chunk(w, &found);
    if (rc == 0)
        rc = heal_kinds(w);
    if (rc == 0)
        rc = heal_names(w);
    if (rc == 0)
        rc = db_dead_heal(w);
    return rc ? rc : heal_indexes(w);
}
