/* Times, durations and name rules: what is printed is read back as the same. */
#include "object/scalar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT;
    struct str text = {(const char *)data, size};
    int64_t us, ns, again;
    if (time_parse(text, &us) == 0) {
        assert(time_parse(micro_time_format(&a, us), &again) == 0 && again == us);
        assert(time_parse(time_format(&a, us), &again) == 0 && again <= us && us - again < 1000000);
    }
    if (duration_parse(text, &ns) == 0)
        assert(duration_parse(duration_format(&a, ns), &again) == 0 && again == ns);
    (void)name_dns1123_label(text);
    (void)name_dns1123_subdomain(text);
    (void)name_dns1035_label(text);
    (void)name_path_segment(text);
    (void)name_qualified(text);
    (void)name_label_value(text);
    arena_release(&a);
    return 0;
}
