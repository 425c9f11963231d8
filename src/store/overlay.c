#include "store/overlay.h"

enum {
    TABLE_MIN = 64,
    RING_MIN = 64,
    SWEEP_MIN = 16
};

void overlay_init(struct overlay *o)
{
    memset(o, 0, sizeof(*o));
}

void overlay_release(struct overlay *o)
{
    for (size_t i = 0; i < o->count; i++)
        mem_free(overlay_at(o, i));
    for (size_t i = 0; i < o->kind_count; i++) {
        struct overlay_kind *kind = o->kinds[i];
        if (!kind)
            continue;
        for (size_t k = 0; k < kind->keys.count; k++)
            mem_free(kind->keys.items[k]);
        vec_release(&kind->keys);
        mem_free(kind);
    }
    mem_free(o->kinds);
    mem_free(o->ring);
    mem_free(o->table);
    mem_free(o->ref_buckets);
    overlay_init(o);
}

uint64_t ref_hash(enum ref_kind kind, struct str text)
{
    return (str_hash(text) ^ kind) * 0x9e3779b97f4a7c15ull;
}

uint32_t label_hash(uint64_t hash)
{
    return (uint32_t)(hash ^ (hash >> 32));
}

static void index_add_ref(struct index *index, uint64_t hash)
{
    for (size_t i = 0; i < index->ref_count; i++)
        if (index->refs[i] == hash)
            return;
    index->refs[index->ref_count++] = hash;
}

void index_make(store_index_fn fn, const void *value, size_t size, struct index *ret)
{
    struct store_index found = {0};
    uint64_t hashes[INDEX_LABELS_MAX];
    ret->hash = 0;
    ret->ref_count = ret->label_count = 0;
    if (!fn || !value)
        return;
    fn(value, size, &found, hashes);
    for (size_t i = 0; i < found.owner_count && i < ARRAY_COUNT(found.owner_uids); i++)
        if (found.owner_uids[i].len)
            index_add_ref(ret, ref_hash(REF_OWNER, found.owner_uids[i]));
    if (found.node.len)
        index_add_ref(ret, ref_hash(REF_NODE, found.node));
    for (size_t i = 0; i < found.label_count && i < INDEX_LABELS_MAX; i++)
        ret->labels[ret->label_count++] = label_hash(found.label_hashes[i]);
    uint64_t hash = ret->ref_count * 131 + ret->label_count;
    for (size_t i = 0; i < ret->ref_count; i++)
        hash = (hash ^ ret->refs[i]) * 0xff51afd7ed558ccdull;
    for (size_t i = 0; i < ret->label_count; i++)
        hash = ((hash ^ ret->labels[i]) * 0xff51afd7ed558ccdull) ^ (hash >> 31);
    if (ret->ref_count + ret->label_count)
        ret->hash = hash ? hash : 1;
}

struct entry *entry_new(size_t record_bytes, const struct index *index)
{
    size_t refs_at = align8(sizeof(struct entry));
    size_t labels_at = refs_at + index->ref_count * sizeof(struct entry_ref);
    size_t record_at_ = align8(labels_at + index->label_count * sizeof(uint32_t));
    char *block = mem_alloc(record_at_ + record_bytes);
    struct entry *e = (struct entry *)block;
    e->refs = (struct entry_ref *)(block + refs_at);
    e->labels = (uint32_t *)(block + labels_at);
    e->record = (struct record *)(block + record_at_);
    e->record_bytes = (uint32_t)record_bytes;
    e->index_hash = index->hash;
    e->ref_count = (uint16_t)index->ref_count;
    e->label_count = (uint16_t)index->label_count;
    for (size_t i = 0; i < index->ref_count; i++) {
        e->refs[i].hash = index->refs[i];
        e->refs[i].entry = e;
        list_init(&e->refs[i].link);
    }
    memcpy(block + labels_at, index->labels, index->label_count * sizeof(uint32_t));
    return e;
}

/* ---- the ring ---- */

static void ring_push(struct overlay *o, struct entry *e)
{
    assert(o->count == 0 || overlay_at(o, o->count - 1)->record->revision < e->record->revision);
    if (o->count == o->ring_cap) {
        size_t cap = o->ring_cap ? o->ring_cap * 2 : RING_MIN;
        struct entry **ring = mem_alloc(cap * sizeof(struct entry *));
        for (size_t i = 0; i < o->count; i++)
            ring[i] = overlay_at(o, i);
        mem_free(o->ring);
        o->ring = ring;
        o->ring_cap = cap;
        o->ring_head = 0;
    }
    o->ring[(o->ring_head + o->count) & (o->ring_cap - 1)] = e;
    o->count++;
}

size_t overlay_seek(const struct overlay *o, uint64_t revision)
{
    if (o->count == 0)
        return 0;
    uint64_t first = overlay_at(o, 0)->record->revision;
    if (revision <= first)
        return 0;
    /* Revisions are consecutive but for the step behind a crash: the guess is nearly always right.
     */
    uint64_t guess = revision - first;
    if (guess < o->count && overlay_at(o, guess)->record->revision == revision)
        return guess;
    size_t low = 0, high = o->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (overlay_at(o, middle)->record->revision < revision)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- keys ---- */

static void table_insert(struct overlay *o, struct overlay_key *key)
{
    size_t at = key->hash & (o->table_cap - 1);
    while (o->table[at])
        at = (at + 1) & (o->table_cap - 1);
    o->table[at] = key;
}

static void table_resize(struct overlay *o, size_t cap)
{
    struct overlay_key **old = o->table;
    size_t old_cap = o->table_cap;
    o->table = mem_alloc(cap * sizeof(*o->table));
    o->table_cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i])
            table_insert(o, old[i]);
    mem_free(old);
}

/* Deletion by shifting back: what stood behind the gap moves into it when it may. */
static void table_remove(struct overlay *o, struct overlay_key *key)
{
    size_t mask = o->table_cap - 1;
    size_t gap = key->hash & mask;
    while (o->table[gap] != key)
        gap = (gap + 1) & mask;
    for (size_t at = (gap + 1) & mask; o->table[at]; at = (at + 1) & mask) {
        size_t home = o->table[at]->hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            o->table[gap] = o->table[at];
            gap = at;
        }
    }
    o->table[gap] = NULL;
    o->table_count--;
}

struct entry *overlay_find(const struct overlay *o, struct store_key key, uint64_t hash)
{
    if (o->table_count == 0)
        return NULL;
    size_t mask = o->table_cap - 1;
    for (size_t at = hash & mask; o->table[at]; at = (at + 1) & mask)
        if (o->table[at]->hash == hash && key_equal(record_key(o->table[at]->newest->record), key))
            return o->table[at]->newest;
    return NULL;
}

static struct overlay_kind *kind_of(struct overlay *o, uint16_t resource)
{
    if (resource >= o->kind_count) {
        size_t count = (size_t)resource + 1;
        o->kinds = mem_realloc(o->kinds, count * sizeof(*o->kinds));
        memset(o->kinds + o->kind_count, 0, (count - o->kind_count) * sizeof(*o->kinds));
        o->kind_count = count;
    }
    if (!o->kinds[resource])
        o->kinds[resource] = mem_alloc(sizeof(struct overlay_kind));
    return o->kinds[resource];
}

static void refs_resize(struct overlay *o, size_t count)
{
    struct list *old = o->ref_buckets;
    size_t old_count = o->ref_bucket_count;
    o->ref_buckets = mem_alloc(count * sizeof(struct list));
    o->ref_bucket_count = count;
    for (size_t i = 0; i < count; i++)
        list_init(&o->ref_buckets[i]);
    for (size_t i = 0; i < old_count; i++)
        list_each(ref, &old[i], struct entry_ref, link) {
            list_remove(&ref->link);
            list_append(&o->ref_buckets[ref->hash & (count - 1)], &ref->link);
        }
    mem_free(old);
}

void overlay_add(struct overlay *o, struct entry *e)
{
    struct store_key key = record_key(e->record);
    uint64_t hash = key_hash(key);
    struct entry *older = overlay_find(o, key, hash);
    ring_push(o, e);
    o->bytes += e->record_bytes;
    if (older) {
        e->key = older->key;
        e->older = older;
        older->newer = e;
    } else {
        if ((o->table_count + 1) * 2 > o->table_cap)
            table_resize(o, o->table_cap ? o->table_cap * 2 : TABLE_MIN);
        e->key = mem_alloc(sizeof(*e->key));
        e->key->hash = hash;
    }
    e->key->newest = e;
    if (!older) {
        table_insert(o, e->key);
        o->table_count++;
        vec_push(&kind_of(o, key.resource)->keys, e->key);
    }
    if (o->ref_count + e->ref_count > o->ref_bucket_count)
        refs_resize(o, o->ref_bucket_count ? o->ref_bucket_count * 4 : TABLE_MIN);
    for (size_t i = 0; i < e->ref_count; i++)
        list_append(&o->ref_buckets[e->refs[i].hash & (o->ref_bucket_count - 1)], &e->refs[i].link);
    o->ref_count += e->ref_count;
}

/* Frees the keys that are gone; the order of the others stays. */
static void kind_sweep(struct overlay_kind *kind)
{
    size_t kept = 0, sorted = 0;
    for (size_t i = 0; i < kind->keys.count; i++) {
        struct overlay_key *key = kind->keys.items[i];
        if (!key->newest) {
            mem_free(key);
            continue;
        }
        kind->keys.items[kept++] = key;
        if (i < kind->sorted_count)
            sorted = kept;
    }
    kind->keys.count = kept;
    kind->sorted_count = sorted;
    kind->gone_count = 0;
    if (kept == 0)
        vec_release(&kind->keys);
}

void overlay_drop(struct overlay *o, uint64_t up_to, struct dropped *dropped)
{
    while (o->count > 0) {
        struct entry *e = overlay_at(o, 0);
        if (e->record->revision > up_to)
            break;
        o->ring_head = (o->ring_head + 1) & (o->ring_cap - 1);
        o->count--;
        o->bytes -= e->record_bytes;
        for (size_t i = 0; i < e->ref_count; i++)
            list_remove(&e->refs[i].link);
        o->ref_count -= e->ref_count;
        assert(!e->older);
        if (e->newer) {
            e->newer->older = NULL;
        } else {
            struct overlay_kind *kind = o->kinds[e->record->resource];
            table_remove(o, e->key);
            e->key->newest = NULL;
            kind->gone_count++;
        }
        vec_push(&dropped->blocks, (void *)e);
    }
    for (size_t i = 0; i < o->kind_count; i++)
        if (o->kinds[i] && (o->kinds[i]->gone_count > SWEEP_MIN ||
                            o->kinds[i]->gone_count == o->kinds[i]->keys.count))
            kind_sweep(o->kinds[i]);
    if (o->count == 0) { /* at rest it owns nothing */
        struct overlay_kind **kinds = o->kinds;
        size_t kind_count = o->kind_count;
        mem_free(o->ring);
        mem_free(o->table);
        mem_free(o->ref_buckets);
        overlay_init(o);
        for (size_t i = 0; i < kind_count; i++)
            mem_free(kinds[i]);
        mem_free(kinds);
    }
}

void dropped_free(struct dropped *dropped)
{
    for (size_t i = 0; i < dropped->blocks.count; i++)
        mem_free(dropped->blocks.items[i]);
    vec_release(&dropped->blocks);
}

/* ---- ordered reads ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct overlay_key *const *left = a, *const *right = b;
    return key_compare(record_key((*left)->newest->record), record_key((*right)->newest->record));
}

static void kind_sort(struct overlay_kind *kind)
{
    if (kind->gone_count > 0)
        kind_sweep(kind);
    size_t count = kind->keys.count, fresh = count - kind->sorted_count;
    if (fresh == 0)
        return;
    struct overlay_key **items = kind->keys.items;
    qsort(items + kind->sorted_count, fresh, sizeof(*items), compare_keys);
    if (kind->sorted_count > 0) {
        /* Merge from the back, with a copy of the new ones only. */
        struct overlay_key **tail = mem_dup(items + kind->sorted_count, fresh * sizeof(*items));
        size_t left = kind->sorted_count, right = fresh, to = count;
        while (right > 0) {
            if (left > 0 && compare_keys(&items[left - 1], &tail[right - 1]) > 0)
                items[--to] = items[--left];
            else
                items[--to] = tail[--right];
        }
        mem_free(tail);
    }
    kind->sorted_count = count;
}

void overlay_range(struct overlay *o, uint16_t resource, struct str ns_only, struct str after_ns,
                   struct str after_name, struct entries *ret)
{
    if (resource >= o->kind_count || !o->kinds[resource])
        return;
    struct overlay_kind *kind = o->kinds[resource];
    kind_sort(kind);
    /* Names are never empty, so a key with an empty name stands before all of its namespace. */
    struct store_key from = {resource, ns_only, STR_NONE};
    if (after_ns.data && (!ns_only.data || str_compare(after_ns, ns_only) >= 0))
        from = (struct store_key){resource, after_ns, after_name};
    size_t low = 0, high = kind->keys.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_compare(record_key(kind->keys.items[middle]->newest->record), from) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < kind->keys.count; low++) {
        struct entry *e = kind->keys.items[low]->newest;
        if (ns_only.data && !str_equal(record_key(e->record).ns, ns_only))
            break;
        vec_push(&ret->list, e);
    }
}

void overlay_refs(const struct overlay *o, uint64_t hash, struct entries *ret)
{
    if (o->ref_bucket_count == 0)
        return;
    list_each(ref, &o->ref_buckets[hash & (o->ref_bucket_count - 1)], struct entry_ref, link)
        if (ref->hash == hash && ref->entry->key->newest == ref->entry)
            vec_push(&ret->list, ref->entry);
}

bool labels_match(const uint32_t *labels, size_t count, const uint32_t *wanted, size_t wanted_count)
{
    if (count >= INDEX_LABELS_MAX)
        return true; /* it may carry more than are kept */
    for (size_t w = 0; w < wanted_count; w++) {
        size_t i = 0;
        while (i < count && labels[i] != wanted[w])
            i++;
        if (i == count)
            return false;
    }
    return true;
}
