/* Time zones by IANA name, read from the system's database (TZif, RFC 9636) without touching the
 * process's own zone. */
#ifndef CONTROL_TIMEZONE_H
#define CONTROL_TIMEZONE_H

#include "base/arena.h"

struct timezone;

/* Parses the bytes of a TZif file. NULL when they aren't one. In the arena. */
const struct timezone *timezone_parse(struct arena *a, struct str bytes);
/* By name ("Europe/Berlin"); "", "UTC" and "Local" are UTC. NULL when there is no such zone. */
const struct timezone *timezone_load(struct arena *a, struct str name);
/* Seconds east of UTC at a moment (seconds since 1970). zone NULL: UTC. */
int32_t timezone_offset(const struct timezone *zone, int64_t at);

/* A moment as a calendar shows it. */
struct civil {
    int64_t year;
    int month, day, hour, minute, second; /* month 1-12, day 1-31 */
    int weekday;                          /* 0 = Sunday */
};
struct civil
civil_of(int64_t seconds); /* of UTC seconds, or of local ones when the offset was added */
int64_t civil_days(int64_t year, int month, int day); /* since 1970-01-01 */

#endif
