#include "node/metrics.h"

const struct histogram_bounds bounds_of_calls = {
    14,
    {0.005, 0.0125, 0.03125, 0.078125, 0.1953125, 0.48828125, 1.220703125, 3.0517578125,
     7.62939453125, 19.073486328125, 47.6837158203125, 119.20928955078125, 298.0232238769531,
     745.0580596923828}};
const struct histogram_bounds bounds_of_starts = {
    25, {0.5, 1,   2,   3,   4,   5,   6,   8,   10,   20,   30,   45,  60,
         120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600}};

void histogram_add(struct histogram *h, const struct histogram_bounds *bounds, double seconds)
{
    h->count++;
    h->sum += seconds;
    for (size_t i = 0; i < bounds->count; i++) {
        if (seconds <= bounds->seconds[i]) {
            h->buckets[i]++;
            return;
        }
    }
}

void metric_head(struct buf *out, const char *name, const char *type, const char *level,
                 const char *help)
{
    buf_printf(out, "# HELP %s ", name);
    if (level)
        buf_printf(out, "[%s] ", level);
    buf_printf(out, "%s\n# TYPE %s %s\n", help, name, type);
}

static void put_number(struct buf *out, double value)
{
    /* Counts and bytes stay whole. */
    if (value == (double)(int64_t)value && value < 1e15 && value > -1e15)
        buf_printf(out, "%lld", (long long)value);
    else
        buf_printf(out, "%.12g", value);
}

void metric_put(struct buf *out, const char *name, const char *labels, double value)
{
    buf_puts(out, name);
    if (*labels)
        buf_printf(out, "{%s}", labels);
    buf_putc(out, ' ');
    put_number(out, value);
    buf_putc(out, '\n');
}

void metric_put_histogram(struct buf *out, const char *name, const char *labels,
                          const struct histogram *h, const struct histogram_bounds *bounds)
{
    uint64_t sum = 0;
    const char *comma = *labels ? "," : "";
    for (size_t i = 0; i < bounds->count; i++) {
        sum += h->buckets[i];
        buf_printf(out, "%s_bucket{%s%sle=\"%.12g\"} %llu\n", name, labels, comma,
                   bounds->seconds[i], (unsigned long long)sum);
    }
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma,
               (unsigned long long)h->count);
    const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
    buf_printf(out, "%s_sum%s%s%s %.9g\n%s_count%s%s%s %llu\n", name, open, labels, close, h->sum,
               name, open, labels, close, (unsigned long long)h->count);
}

void metric_label(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s%s=\"", out->len ? "," : "", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '\\' || c == '"')
            buf_putc(out, '\\');
        if (c == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, c);
    }
    buf_putc(out, '"');
}
