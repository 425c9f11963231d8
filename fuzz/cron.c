/* Cron schedules and time zone files: what is accepted goes forward in time. */
#include "control/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct str text = {(const char *)data, size}, error;
    struct cron cron;
    const struct timezone *zone = timezone_parse(&arena, text);
    if (zone)
        (void)timezone_offset(zone, 4000000000);
    if (cron_parse(&arena, text, &cron, &error) == 0)
        assert(cron_next(&cron, NULL, 1800000000) > 1800000000);
    arena_release(&arena);
    return 0;
}
