#include "cli/progress.h"

#include <errno.h>
#include <stdarg.h>

#include "cli/call.h"

enum {
    PATIENCE_US = 1000000
};

int progress_init(struct progress *p, const char *text, unsigned total)
{
    *p = (struct progress){.total = total, .begun_us = wall_clock_us()};
    struct str mode = str_from(text ? text : "auto");
    if (str_is(mode, "json"))
        p->mode = PROGRESS_JSON;
    else if (str_is(mode, "quiet"))
        p->mode = PROGRESS_QUIET;
    else if (!str_is(mode, "auto") && !str_is(mode, "plain"))
        return -EINVAL;
    return 0;
}

void progress_begin(struct progress *p, const char *name)
{
    p->name = name;
    p->step++;
    p->step_begun_us = wall_clock_us();
    p->told_wait = false;
}

void progress_waiting(struct progress *p, const char *what)
{
    if (p->told_wait || p->mode != PROGRESS_PLAIN ||
        wall_clock_us() - p->step_begun_us < PATIENCE_US)
        return;
    p->told_wait = true;
    fprintf(stderr, "  … %-12s waits for %s\n", p->name, what);
}

void progress_end(struct progress *p, bool changed, const char *format, ...)
{
    char text[512];
    va_list args;
    int64_t us = wall_clock_us() - p->step_begun_us;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    p->changed |= changed;
    if (p->mode == PROGRESS_PLAIN)
        fprintf(stderr, "  ✓ %-12s %5lld ms  %s\n", p->name, (long long)(us / 1000), text);
    if (p->mode == PROGRESS_JSON)
        fprintf(stderr, "{\"step\":\"%s\",\"n\":%u,\"total\":%u,\"ms\":%lld,\"changed\":%s}\n",
                p->name, p->step, p->total, (long long)(us / 1000), changed ? "true" : "false");
}

int64_t progress_total_ms(const struct progress *p)
{
    return (wall_clock_us() - p->begun_us) / 1000;
}
