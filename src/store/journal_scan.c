/* Reading a log after a crash: which batches count. Works on bytes in memory, so that anything can
 * be thrown at it. */
#include <errno.h>

#include "store/checksum.h"
#include "store/journal.h"

static_assert(sizeof(struct journal_batch) == 48, "the format of batches on disk");

static uint32_t batch_checksum(uint64_t seed, const struct journal_batch *b)
{
    uint32_t crc = checksum(0, &seed, sizeof(seed));
    return checksum(crc, &b->size, b->size - offsetof(struct journal_batch, size));
}

/* The batch at offset when it is whole, else NULL. */
static const struct journal_batch *batch_at(const char *half, size_t size, size_t offset,
                                            uint64_t seed)
{
    const struct journal_batch *b = (const struct journal_batch *)(half + offset);
    if (offset >= size || size - offset < sizeof(*b) || b->magic != JOURNAL_BATCH_MAGIC)
        return NULL;
    if (b->size < sizeof(*b) || b->size > size - offset || b->checksum != batch_checksum(seed, b))
        return NULL;
    uint64_t revision = b->first;
    size_t at = sizeof(*b);
    if (b->generation == 0 || b->ceiling < b->before || (b->count > 0 && b->first <= b->before))
        return NULL;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct record *r = record_at((const char *)b + at, b->size - at);
        if (!r || r->revision != revision++)
            return NULL;
        at += record_size(r);
    }
    return at == b->size ? b : NULL;
}

static uint64_t batch_last(const struct journal_batch *b)
{
    return b->count ? b->first + b->count - 1 : b->before;
}

static size_t batch_space(const struct journal_batch *b)
{
    return (b->size + JOURNAL_SECTOR - 1) & ~(size_t)(JOURNAL_SECTOR - 1);
}

static void scan_half(const char *bytes, size_t size, uint64_t seed, uint64_t applied,
                      struct journal_half *half, uint64_t *ret_ceiling)
{
    size_t offset = 0;
    bool begun = false;
    const struct journal_batch *b;
    while ((b = batch_at(bytes, size, offset, seed))) {
        if (half->generation == 0) {
            half->generation = b->generation;
            half->before = half->last = b->before;
        }
        if (b->generation != half->generation || b->before != half->last)
            break;
        half->last = batch_last(b);
        if (!begun && half->last > applied) {
            half->begin = (uint32_t)offset;
            begun = true;
        }
        offset += batch_space(b);
        *ret_ceiling = MAX(b->ceiling, half->last);
    }
    half->end = (uint32_t)MIN(offset, size);
    if (!begun)
        half->begin = half->end;
}

static int visit_half(const char *bytes, size_t size, uint64_t seed,
                      const struct journal_half *half, uint64_t applied, journal_visit_fn visit,
                      void *arg)
{
    for (size_t offset = half->begin; offset < half->end;) {
        const struct journal_batch *b = batch_at(bytes, size, offset, seed);
        assert(b);
        size_t at = sizeof(*b);
        for (uint32_t i = 0; i < b->count; i++) {
            const struct record *r = (const struct record *)((const char *)b + at);
            int err = r->revision > applied ? visit(arg, r) : 0;
            if (err < 0)
                return err;
            at += record_size(r);
        }
        offset += batch_space(b);
    }
    return 0;
}

/* A whole batch that is newer than all that counts stands behind a damaged one: those between were
 * acknowledged. Also finds the newest generation ever used, where generation is not NULL. */
static int search_lost(const char *bytes, size_t size, uint64_t seed, uint64_t last,
                       uint64_t *generation)
{
    for (size_t offset = 0; offset < size && size - offset >= sizeof(struct journal_batch);
         offset += JOURNAL_SECTOR) {
        const struct journal_batch *b = (const struct journal_batch *)(bytes + offset);
        /* Most are older: only what would count is worth its checksum. */
        if (b->magic != JOURNAL_BATCH_MAGIC || (!generation && batch_last(b) <= last))
            continue;
        b = batch_at(bytes, size, offset, seed);
        if (!b)
            continue;
        if (generation)
            *generation = MAX(*generation, b->generation);
        if (batch_last(b) > last)
            return -EIO;
    }
    return 0;
}

/* Generation of the batch at the start of a half; 0 when there is none. */
static uint64_t first_generation(const char *bytes, size_t size, uint64_t seed)
{
    const struct journal_batch *b = batch_at(bytes, size, 0, seed);
    return b ? b->generation : 0;
}

int journal_scan(const void *const halves[2], const size_t sizes[2], uint64_t seed,
                 uint64_t applied, journal_visit_fn visit, void *arg, struct journal_state *ret)
{
    struct journal_state s = {.last = applied};
    uint64_t ceiling = 0, old_ceiling = 0, newest_generation = 0;
    uint64_t first[2] = {first_generation(halves[0], sizes[0], seed),
                         first_generation(halves[1], sizes[1], seed)};
    int newer = first[1] > first[0], older = !newer;
    struct journal_half *new = &s.halves[newer], *old = &s.halves[older];
    bool both = false;
    scan_half(halves[newer], sizes[newer], seed, applied, new, &ceiling);
    if (new->generation != 0) {
        s.last = MAX(applied, new->last);
        both = new->before > applied;
        *old = (struct journal_half){
            .generation = first[older], .before = new->before, .last = new->before};
    }
    if (both) {
        *old = (struct journal_half){0};
        scan_half(halves[older], sizes[older], seed, applied, old, &old_ceiling);
        if (old->generation + 1 != new->generation || old->last != new->before ||
            old->before > applied)
            return -EIO;
    }
    for (int i = 0; i < 2; i++)
        if (search_lost(halves[i], sizes[i], seed, s.last,
                        new->generation ? NULL : &newest_generation) < 0)
            return -EIO;
    int err = both ? visit_half(halves[older], sizes[older], seed, old, applied, visit, arg) : 0;
    if (err == 0)
        err = visit_half(halves[newer], sizes[newer], seed, new, applied, visit, arg);
    if (err < 0)
        return err;
    s.active = newer;
    s.generation = new->generation ? new->generation : newest_generation + 1;
    s.ceiling = MAX(ceiling, s.last);
    *ret = s;
    return 0;
}
