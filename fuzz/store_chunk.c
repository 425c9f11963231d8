/* A chunk of records as the disk gave it: any bytes, at an address as LMDB's. The first byte tells
 * whether checksums are made right, so that what lies behind them is reached. */
#include "store/checksum.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct record *r, const char *end)
{
    struct store_record view;
    record_view(r, &view);
    assert(view.key.name.data + view.key.name.len <= end && view.key.name.len > 0);
    assert(!view.value || (const char *)view.value + view.size <= end);
    volatile uint32_t sink = checksum(0, view.key.ns.data, view.key.ns.len);
    if (view.value)
        sink = checksum(sink, view.value, view.size);
    (void)key_valid(view.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    char *chunk = mem_dup(data + 2, size - 2);
    const char *end = chunk + (size - 2);
    uint64_t last = 0;
    for (size_t at = 0; at < size - 2;) {
        struct record *r = (struct record *)(uintptr_t)record_at(chunk + at, size - 2 - at);
        if (!r)
            break;
        if (data[0] & 1)
            record_seal(r);
        look_at(r, end);
        bool intact = record_intact(r);
        assert(intact || !(data[0] & 1));
        last = r->revision;
        at += record_size(r);
    }
    size_t index = 0;
    const struct record *found = record_find(chunk, size - 2, last, &index);
    if (found) {
        assert(found->revision == last);
        look_at(found, end);
    }
    (void)record_find(chunk, size - 2, data[1], NULL);
    mem_free(chunk);
    return 0;
}
