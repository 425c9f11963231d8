/* Reads of many: overlay and LMDB merged in the order of keys, by index, and along history. */
#include <errno.h>

#include "store/store_private.h"

enum {
    FEW_IN_NAMESPACE = 256
};

struct listing {
    struct store *s;
    const struct store_range *range;
    uint32_t wanted[INDEX_LABELS_MAX];
    size_t wanted_count;
    struct buf bits; /* owned; slots that carry the labels, when has_bits */
    bool has_bits;
    store_visit_fn fn;
    void *arg;
};

struct records {
    VEC(const struct record *) list;
};

static bool value_matches(const struct listing *l, const struct record *r)
{
    struct index index;
    if (l->wanted_count == 0)
        return true;
    index_make(l->s->index, record_value(r), r->value_size, &index);
    return labels_match(index.labels, index.label_count, l->wanted, l->wanted_count);
}

static bool slot_matches(const struct listing *l, uint32_t slot)
{
    return slot / 8 < l->bits.len && ((uint8_t)l->bits.data[slot / 8] & (1 << (slot % 8)));
}

/* The record of this chain as of a revision: NULL when the object wasn't there. */
static int record_as_of(struct store *s, const struct record *newest, uint64_t at,
                        const struct record **ret)
{
    const struct record *r = newest;
    while (r && r->revision > at) {
        if (r->previous == 0 || ((r->flags & RECORD_CREATED) && r->previous <= at)) {
            r = NULL;
            break;
        }
        int err = store_record(s, r->previous, &r);
        if (err < 0)
            return -EIO;
    }
    *ret = r;
    return 0;
}

/* The record of a name in the file that the listing shows, or NULL for none. */
static int name_record(struct listing *l, struct db_walk *walk, struct store_key key,
                       const struct db_name *name, const struct record **ret)
{
    uint64_t at = l->range->at_revision;
    *ret = NULL;
    if (at == 0 && (name->slot == DB_NO_SLOT || (l->has_bits && !slot_matches(l, name->slot))))
        return 0;
    const struct record *r;
    if (db_walk_record(walk, name, &r) < 0 || !key_equal(record_key(r), key))
        return store_damaged(l->s, key, name->revision);
    if (at != 0 && record_as_of(l->s, r, at, &r) < 0)
        return -EIO;
    if (r && !record_deleted(r) && (l->has_bits || value_matches(l, r)))
        *ret = r;
    return 0;
}

static int entry_record(struct listing *l, const struct entry *e, const struct record **ret)
{
    uint64_t at = l->range->at_revision;
    const struct record *r = e->record;
    *ret = NULL;
    if (at != 0 && record_as_of(l->s, r, at, &r) < 0)
        return -EIO;
    if (!r || record_deleted(r))
        return 0;
    bool matches = r == e->record
                       ? labels_match(e->labels, e->label_count, l->wanted, l->wanted_count)
                       : value_matches(l, r);
    if (matches)
        *ret = r;
    return 0;
}

static bool visit(struct listing *l, const struct record *r)
{
    struct store_record view;
    record_view(r, &view);
    return l->fn(l->arg, &view);
}

/* Both in order, the overlay's record wins. */
static int list_merged(struct listing *l)
{
    struct store *s = l->s;
    const struct store_range *range = l->range;
    struct entries fresh = {0};
    struct db_walk *walk = NULL;
    struct store_key key;
    struct db_name name;
    const struct record *r;
    size_t next = 0;
    overlay_range(&s->overlay, range->resource, range->ns, range->after_ns, range->after_name,
                  &fresh);
    int err =
        db_walk_open(s->db, range->resource, range->ns, range->after_ns, range->after_name, &walk);
    bool ahead = err == 0 && db_walk_next(walk, &key, &name);
    while (err == 0 && (ahead || next < fresh.list.count)) {
        int order = 1;
        if (!ahead)
            order = -1;
        else if (next < fresh.list.count)
            order = key_compare(record_key(fresh.list.items[next]->record), key);
        if (order <= 0)
            err = entry_record(l, fresh.list.items[next++], &r);
        else
            err = name_record(l, walk, key, &name, &r);
        if (order >= 0)
            ahead = db_walk_next(walk, &key, &name);
        if (err == 0 && r && !visit(l, r))
            break;
    }
    if (err == 0)
        err = db_walk_error(walk);
    db_walk_close(walk);
    vec_release(&fresh.list);
    return err;
}

static int compare_records(const void *a, const void *b)
{
    const struct record *const *left = a, *const *right = b;
    return key_compare(record_key(*left), record_key(*right));
}

static bool in_range(const struct store_range *range, struct store_key key)
{
    if (range->ns.data && !str_equal(range->ns, key.ns))
        return false;
    struct store_key after = {range->resource, range->after_ns, range->after_name};
    return !range->after_ns.data || key_compare(key, after) > 0;
}

/* The record that a slot's object has now, when it is in the file and not newer in the overlay;
 * NULL otherwise. 0, -EIO, -EUCLEAN: what led here is damaged. */
static int slot_record(struct store *s, uint16_t resource, uint32_t slot,
                       const struct store_range *range, const struct record **ret)
{
    struct store_key key;
    struct db_name name;
    *ret = NULL;
    int err = db_slot_key(s->db, resource, slot, &key);
    if (err == 0)
        err = db_slot_name(s->db, key, slot, &name);
    if (err < 0)
        return err;
    if ((range && !in_range(range, key)) || overlay_find(&s->overlay, key, key_hash(key)))
        return 0;
    return store_record_of(s, key, &name, ret);
}

/* Few hits: each by itself, then sorted. */
static int list_hits(struct listing *l)
{
    struct store *s = l->s;
    const struct store_range *range = l->range;
    struct records hits = {0};
    struct entries fresh = {0};
    const struct record *r;
    int err = 0;
    for (size_t byte = 0; byte < l->bits.len && err == 0; byte++)
        for (unsigned bits = (uint8_t)l->bits.data[byte]; bits && err == 0; bits &= bits - 1) {
            uint32_t slot = (uint32_t)(byte * 8 + (unsigned)__builtin_ctz(bits));
            err = slot_record(s, range->resource, slot, range, &r);
            if (err == 0 && r)
                vec_push(&hits.list, r);
        }
    overlay_range(&s->overlay, range->resource, range->ns, range->after_ns, range->after_name,
                  &fresh);
    for (size_t i = 0; i < fresh.list.count && err == 0; i++) {
        err = entry_record(l, fresh.list.items[i], &r);
        if (err == 0 && r)
            vec_push(&hits.list, r);
    }
    if (hits.list.count > 1)
        qsort(hits.list.items, hits.list.count, sizeof(*hits.list.items), compare_records);
    for (size_t i = 0; i < hits.list.count && err == 0; i++)
        if (!visit(l, hits.list.items[i]))
            break;
    vec_release(&hits.list);
    vec_release(&fresh.list);
    return err;
}

static bool namespace_is_small(struct store *s, const struct store_range *range)
{
    struct db_walk *walk;
    struct store_key key;
    struct db_name name;
    size_t count = 0;
    if (!range->ns.data ||
        db_walk_open(s->db, range->resource, range->ns, STR_NONE, STR_NONE, &walk) < 0)
        return false;
    while (count <= FEW_IN_NAMESPACE && db_walk_next(walk, &key, &name))
        count++;
    db_walk_close(walk);
    return count <= FEW_IN_NAMESPACE;
}

static int list_by_labels(struct listing *l)
{
    size_t hits = 0;
    if (namespace_is_small(l->s, l->range))
        return list_merged(l);
    int err = db_labels(l->s->db, l->range->resource, l->wanted, l->wanted_count, &l->bits, &hits);
    l->has_bits = err == 0;
    /* A hit by itself costs about eight times what a step of the walk costs. */
    if (err == 0 && hits * 8 < db_count(l->s->db, l->range->resource))
        err = list_hits(l);
    else if (err == 0)
        return list_merged(l);
    if (err != -EUCLEAN)
        return err;
    l->has_bits = false; /* the index is damaged: values tell */
    return list_merged(l);
}

int store_list(struct store *s, const struct store_range *range, store_visit_fn fn, void *arg)
{
    struct listing l = {.s = s, .range = range, .fn = fn, .arg = arg};
    if (range->at_revision != 0 && range->at_revision < s->compacted)
        return -ESTALE;
    if (range->at_revision > s->revision)
        return -EFBIG;
    /* Some of very many narrow it, too: the caller looks at all of them. */
    for (size_t i = 0; i < MIN(range->label_count, (size_t)INDEX_LABELS_MAX); i++)
        l.wanted[l.wanted_count++] = label_hash(range->label_hashes[i]);
    store_read_begin(s);
    int err = l.wanted_count > 0 && range->at_revision == 0 ? list_by_labels(&l) : list_merged(&l);
    buf_release(&l.bits);
    store_read_end(s);
    return err;
}

size_t store_count(struct store *s, uint16_t resource, struct str ns)
{
    struct entries fresh = {0};
    struct store_key key;
    struct db_walk *walk;
    struct db_name name;
    size_t count = 0;
    if (!ns.data)
        return (size_t)*store_counter(s, resource);
    overlay_range(&s->overlay, resource, ns, STR_NONE, STR_NONE, &fresh);
    for (size_t i = 0; i < fresh.list.count; i++)
        count += !record_deleted(fresh.list.items[i]->record);
    vec_release(&fresh.list);
    if (db_walk_open(s->db, resource, ns, STR_NONE, STR_NONE, &walk) < 0)
        return count;
    while (db_walk_next(walk, &key, &name))
        count += name.slot != DB_NO_SLOT && !overlay_find(&s->overlay, key, key_hash(key));
    db_walk_close(walk);
    return count;
}

/* ---- by owner, by node ---- */

struct found {
    struct store *s;
    struct records records;
    int err;
};

static bool add_slot(void *arg, uint16_t resource, uint32_t slot)
{
    struct found *found = arg;
    const struct record *r;
    found->err = slot_record(found->s, resource, slot, NULL, &r);
    if (found->err == 0 && r)
        vec_push(&found->records.list, r);
    return found->err == 0;
}

/* Without the index: every object that has any reference is looked at. */
static int scan_refs(struct found *found, uint64_t hash)
{
    struct store *s = found->s;
    struct db_walk *walk = NULL;
    struct store_key key;
    struct db_name name;
    const struct record *r;
    vec_clear(&found->records.list);
    int err = db_walk_open_all(s->db, &walk);
    while (err == 0 && db_walk_next(walk, &key, &name)) {
        struct index index;
        if (name.slot == DB_NO_SLOT || name.index_hash == 0 ||
            overlay_find(&s->overlay, key, key_hash(key)))
            continue;
        if (db_walk_record(walk, &name, &r) < 0 || !key_equal(record_key(r), key)) {
            err = store_damaged(s, key, name.revision);
            break;
        }
        index_make(s->index, record_value(r), r->value_size, &index);
        for (size_t i = 0; i < index.ref_count; i++)
            if (index.refs[i] == hash)
                vec_push(&found->records.list, r);
    }
    if (err == 0)
        err = db_walk_error(walk);
    db_walk_close(walk);
    return err;
}

static int list_refs(struct store *s, uint64_t hash, store_visit_fn fn, void *arg)
{
    struct found found = {.s = s};
    struct entries fresh = {0};
    store_read_begin(s);
    int err = db_refs(s->db, hash, add_slot, &found);
    if (err == 0)
        err = found.err;
    if (err == -EUCLEAN)
        err = scan_refs(&found, hash);
    overlay_refs(&s->overlay, hash, &fresh);
    for (size_t i = 0; i < fresh.list.count; i++)
        vec_push(&found.records.list, fresh.list.items[i]->record);
    for (size_t i = 0; i < found.records.list.count && err == 0; i++) {
        struct store_record view;
        record_view(found.records.list.items[i], &view);
        if (!fn(arg, &view))
            break;
    }
    vec_release(&found.records.list);
    vec_release(&fresh.list);
    store_read_end(s);
    return err;
}

int store_by_owner(struct store *s, struct str uid, store_visit_fn fn, void *arg)
{
    return list_refs(s, ref_hash(REF_OWNER, uid), fn, arg);
}

int store_by_node(struct store *s, struct str node, store_visit_fn fn, void *arg)
{
    return list_refs(s, ref_hash(REF_NODE, node), fn, arg);
}

/* ---- history ---- */

struct replay {
    struct store *s;
    uint16_t resource;
    store_history_fn fn;
    void *arg;
};

/* 1: stop, 0: go on, -EIO. */
static int replay_record(struct replay *h, const struct record *r)
{
    struct store_record now, previous = {.key = record_key(r)};
    const struct record *before;
    if (h->resource != 0 && r->resource != h->resource)
        return 0;
    record_view(r, &now);
    if (!(r->flags & RECORD_CREATED)) {
        if (store_record(h->s, r->previous, &before) < 0)
            return -EIO;
        record_view(before, &previous);
    }
    return h->fn(h->arg, &now, &previous) ? 0 : 1;
}

static int replay_file(struct replay *h, uint64_t from, uint64_t to)
{
    const struct record *r, *end;
    int err = from <= to ? db_record_from(h->s->db, from, &r, &end) : -ENOENT;
    while (err == 0 && r->revision <= to) {
        uint64_t revision = r->revision;
        size_t size = record_size(r);
        int stop = replay_record(h, r);
        if (stop != 0)
            return stop;
        r = (const struct record *)((const char *)r + size);
        if (r >= end)
            err = db_record_from(h->s->db, revision + 1, &r, &end);
        else if (!record_at(r, (size_t)((const char *)end - (const char *)r)) || !record_intact(r))
            return -EIO; /* whose it is, and when it was, may be what is damaged */
    }
    return err == -ENOENT ? 0 : err;
}

int store_history(struct store *s, uint16_t resource, uint64_t after, store_history_fn fn,
                  void *arg)
{
    struct replay h = {s, resource, fn, arg};
    if (after < s->compacted)
        return -ESTALE;
    uint64_t to = s->published;
    uint64_t file_to = s->overlay.count ? overlay_at(&s->overlay, 0)->record->revision - 1 : to;
    store_read_begin(s);
    int err = replay_file(&h, after + 1, MIN(to, file_to));
    for (size_t at = overlay_seek(&s->overlay, after + 1); err == 0 && at < s->overlay.count;
         at++) {
        const struct record *r = overlay_at(&s->overlay, at)->record;
        if (r->revision > to)
            break;
        err = replay_record(&h, r);
    }
    store_read_end(s);
    return err > 0 ? 0 : err;
}
