/* Cron schedules: five fields (minute, hour, day of month, month, day of week), lists, ranges,
 * steps, names, and @hourly, @daily,
 * @every 1h30m and the like. Source: robfig/cron v3's standard parser, whose dialect the original
 * speaks. */
#ifndef CONTROL_CRON_H
#define CONTROL_CRON_H

#include "base/arena.h"
#include "control/timezone.h"

struct cron {
    uint64_t minutes, hours, days, months, weekdays; /* bit N: value N */
    bool any_day, any_weekday;                       /* a star: the other one decides alone */
    int64_t every_s;                                 /* "@every": the rest is not used; else 0 */
};

/* -EINVAL with a text about what is wrong. */
int cron_parse(struct arena *a, struct str text, struct cron *ret, struct str *ret_error) must_use;
/* The first moment after `after` (seconds since 1970) that fits; INT64_MAX when there is none in
 * five years. */
int64_t cron_next(const struct cron *c, const struct timezone *zone, int64_t after);

#endif
