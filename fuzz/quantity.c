/* Quantities: the canonical form means the same. It is a fixed point the second time: as in the
 * original "62.5Ki" becomes "64000", and that is "64k". */
#include "object/scalar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct quantity q, same;
    struct str text = {(const char *)data, size}, canonical, again, third;
    int err = quantity_parse(text, &q);
    assert(err == quantity_canonical(&a, text, &canonical));
    (void)quantity_fault(text);
    if (err == 0) {
        assert(quantity_canonical(&a, canonical, &again) == 0);
        assert(quantity_canonical(&a, again, &third) == 0 && str_equal(again, third));
        assert(quantity_parse(canonical, &same) == 0 && quantity_compare(q, same) == 0);
        (void)quantity_value(quantity_add(q, q));
        (void)quantity_milli(quantity_sub(q, quantity_from_int(INT64_MIN)));
        (void)quantity_format(&a, quantity_add(q, q));
    }
    arena_release(&a);
    return 0;
}
