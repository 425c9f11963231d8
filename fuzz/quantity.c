/* Quantities: the canonical form is a fixed point and means the same. */
#include "object/scalar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct quantity q, same;
    struct str text = {(const char *)data, size}, canonical, again;
    int err = quantity_parse(text, &q);
    assert(err == quantity_canonical(&a, text, &canonical));
    (void)quantity_fault(text);
    if (err == 0) {
        assert(quantity_canonical(&a, canonical, &again) == 0 && str_equal(canonical, again));
        assert(quantity_parse(canonical, &same) == 0 && quantity_compare(q, same) == 0);
        (void)quantity_value(quantity_add(q, q));
        (void)quantity_milli(quantity_sub(q, quantity_from_int(INT64_MIN)));
        (void)quantity_format(&a, quantity_add(q, q));
    }
    arena_release(&a);
    return 0;
}
