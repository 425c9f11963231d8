/* Schedules of CronJobs, read only as far as validation needs. */
#ifndef API_KINDS_CRON_SCHEDULE_H
#define API_KINDS_CRON_SCHEDULE_H

#include "base/arena.h"

/* Empty when the schedule is right; else the original parser's text. */
struct str cron_schedule_fault(struct arena *a, struct str schedule);

#endif
