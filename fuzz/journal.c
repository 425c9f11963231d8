/* Recovery of the log from any bytes: it must neither read outside them nor tell records out of
 * order. Input: flags (1: make checksums right, so that what lies behind them is reached), applied
 * revision, then both halves. */
#include "store/journal.h"
#include "base/base.h"
#include "store/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    SEED = 42
};

struct told {
    uint64_t applied, last;
};

static int told(void *arg, const struct record *r)
{
    struct told *t = arg;
    struct store_record view;
    assert(r->revision > t->applied && r->revision > t->last);
    t->last = r->revision;
    record_view(r, &view);
    volatile uint32_t sink = checksum(0, view.key.name.data, view.key.name.len);
    if (view.value)
        sink = checksum(sink, view.value, view.size);
    return 0;
}

static void make_checksums_right(char *half, size_t size)
{
    for (size_t at = 0; size - at >= sizeof(struct journal_batch); at += JOURNAL_SECTOR) {
        struct journal_batch *b = (struct journal_batch *)(half + at);
        uint64_t seed = SEED;
        if (b->magic == JOURNAL_BATCH_MAGIC && b->size >= sizeof(*b) && b->size <= size - at)
            b->checksum = checksum(checksum(0, &seed, sizeof(seed)), &b->size, b->size - 8);
        if (size - at < JOURNAL_SECTOR)
            break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 20)
        return 0;
    struct told t = {.applied = data[1]};
    struct journal_state state;
    char *halves[2];
    size_t sizes[2], rest = size - 2,
                     half = (rest / 2 + JOURNAL_SECTOR - 1) & ~(size_t)(JOURNAL_SECTOR - 1);
    sizes[0] = MIN(half, rest);
    sizes[1] = rest - sizes[0];
    for (int i = 0; i < 2; i++) {
        halves[i] = mem_dup(data + 2 + (i ? sizes[0] : 0), sizes[i]);
        if (data[0] & 1)
            make_checksums_right(halves[i], sizes[i]);
    }
    int err = journal_scan((const void *const *)halves, sizes, SEED, t.applied, told, &t, &state);
    if (err == 0) {
        assert(state.last >= t.applied && state.last >= t.last && state.ceiling >= state.last);
        for (int i = 0; i < 2; i++)
            assert(state.halves[i].begin <= state.halves[i].end && state.halves[i].end <= sizes[i]);
    }
    mem_free(halves[0]);
    mem_free(halves[1]);
    return 0;
}
