#include "cluster/memory.h"

#include <malloc.h>

#include "base/limits.h"
#include "base/log.h"

enum {
    LOOK_US = 10000,     /* a fast network brings a few mebibytes meanwhile */
    LOOK_COST_PART = 50, /* looking takes a fiftieth of the time at most */
    MIB = 1 << 20
};

static void look(struct memory *m)
{
    uint64_t before_us = loop_now_us(m->loop);
    const struct mallinfo2 info = mallinfo2();
    uint64_t now_us = loop_now_us(m->loop), used = info.uordblks + info.hblkhd;
    bool pressed = used > m->bytes_max / 100 * LIMIT_CLUSTER_MEMORY_PRESSED;
    if (pressed && !m->pressed)
        log_warn("memory is short: requests are refused for a while", LOG_INT("mib", used / MIB),
                 LOG_INT("mib_max", m->bytes_max / MIB));
    m->pressed = pressed;
    m->next_us = now_us + MAX((uint64_t)LOOK_US, (now_us - before_us) * LOOK_COST_PART);
}

bool memory_pressed(struct memory *m)
{
    if (m->bytes_max && loop_now_us(m->loop) >= m->next_us)
        look(m);
    return m->pressed;
}
