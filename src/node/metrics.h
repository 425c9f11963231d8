/* What the agent counts, and how counts are written as text (Prometheus' exposition format 0.0.4).
 */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H

#include "base/str.h"

enum {
    HISTOGRAM_BUCKETS_MAX = 25
};

/* Upper bounds of buckets, rising; above the last one counts only in count and sum. */
struct histogram_bounds {
    size_t count;
    double seconds[HISTOGRAM_BUCKETS_MAX];
};
extern const struct histogram_bounds bounds_of_calls;  /* 5 ms, times 2.5, 14 of them */
extern const struct histogram_bounds bounds_of_starts; /* half a second to an hour */

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS_MAX]; /* each by itself */
    uint64_t count;
    double sum;
};
void histogram_add(struct histogram *h, const struct histogram_bounds *bounds, double seconds);

/* The two lines before a family; level: "STABLE", "ALPHA" ..., NULL: none is told. */
void metric_head(struct buf *out, const char *name, const char *type, const char *level,
                 const char *help);
/* labels: `a="b",c="d"` or empty. */
void metric_put(struct buf *out, const char *name, const char *labels, double value);
void metric_put_histogram(struct buf *out, const char *name, const char *labels,
                          const struct histogram *h, const struct histogram_bounds *bounds);
/* name="value" with the value escaped; a comma before it when out isn't empty. */
void metric_label(struct buf *out, const char *name, struct str value);

#endif
