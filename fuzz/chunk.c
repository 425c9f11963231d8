/* Chunks of records from a damaged file: walking, finding and verifying stay within the bytes
 * given. */
#include "base/base.h"
#include "store/checksum.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *chunk = mem_dup(data, size);
    size_t at = 0, count = 0;
    while (at < size) {
        const struct record *r = record_at(chunk + at, size - at);
        if (!r)
            break;
        struct store_record view;
        record_view(r, &view);
        volatile bool intact = record_intact(r);
        (void)intact;
        assert(record_size(r) <= size - at && record_size(r) >= RECORD_SIZE_MIN &&
               record_size(r) % 8 == 0);
        assert(!view.value || ((const char *)view.value - chunk) + view.size <= size);
        if (key_valid(view.key))
            assert(key_equal(view.key, record_key(r)) && key_compare(view.key, record_key(r)) == 0);
        size_t index;
        const struct record *found = record_find(chunk, size, r->revision, &index);
        assert(!found || (found->revision == r->revision && index <= count));
        at += record_size(r);
        if (++count == 64)
            break;
    }
    mem_free(chunk);
    return 0;
}
