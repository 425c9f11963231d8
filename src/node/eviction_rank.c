#include "node/eviction.h"

static int larger_first(int64_t a, int64_t b)
{
    return a > b ? -1 : a < b;
}

static int by_memory(const void *one, const void *other)
{
    const struct pod_usage *a = one, *b = other;
    int order = larger_first(a->memory > a->memory_request, b->memory > b->memory_request);
    if (!order)
        order = larger_first(b->priority, a->priority);
    return order ? order
                 : larger_first(a->memory - a->memory_request, b->memory - b->memory_request);
}

static int by_disk(const void *one, const void *other)
{
    const struct pod_usage *a = one, *b = other;
    int order = larger_first(a->disk > a->disk_request, b->disk > b->disk_request);
    if (!order)
        order = larger_first(b->priority, a->priority);
    return order ? order : larger_first(a->disk - a->disk_request, b->disk - b->disk_request);
}

static int by_processes(const void *one, const void *other)
{
    const struct pod_usage *a = one, *b = other;
    int order = larger_first(b->priority, a->priority);
    return order ? order : larger_first(a->processes, b->processes);
}

void eviction_rank(struct pod_usage *pods, size_t count, enum eviction_signal signal)
{
    if (count > 1)
        qsort(pods, count, sizeof(*pods),
              signal == SIGNAL_MEMORY ? by_memory
              : signal == SIGNAL_PIDS ? by_processes
                                      : by_disk);
}
