/* Sets of indexes as ordered intervals, and their text: "1,3-5,7". Source:
 * pkg/controller/job/indexed_job_utils.go. */
#ifndef CONTROL_INTERVAL_H
#define CONTROL_INTERVAL_H

#include "base/arena.h"

struct interval {
    int64_t first, last;
};

/* Ordered, disjoint, not adjacent. */
struct intervals {
    struct interval *items; /* arena */
    size_t count;
};

/* Ill-formed parts are left out; so is what is not below limit. */
struct intervals intervals_parse(struct arena *a, struct str text, int64_t limit);
struct str intervals_format(struct arena *a, struct intervals set);
struct intervals intervals_merge(struct arena *a, struct intervals x, struct intervals y);
struct intervals intervals_add(struct arena *a, struct intervals set, int64_t index);
bool intervals_has(struct intervals set, int64_t index);
int64_t intervals_total(struct intervals set);
/* How many indexes both have. */
int64_t intervals_common(struct intervals x, struct intervals y);

#endif
