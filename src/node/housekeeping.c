/* What a node does now and then: rotates logs that grew, looks at its images, and at what runs low.
 */
#include "node/eviction.h"
#include "node/image_collect.h"
#include "node/local_volume.h"
#include "node/log_files.h"

struct housekeeping {
    struct agent *agent;
    struct timer timer;
};

static void on_round(void *arg)
{
    struct housekeeping *h = arg;
    timer_start(&h->timer, (uint64_t)h->agent->config.housekeeping_s * 1000);
    logs_rotate(h->agent);
    image_collector_round(h->agent->image_collector);
    local_volumes_round(h->agent->local_volumes);
    eviction_round(h->agent->eviction);
}

struct housekeeping *housekeeping_start(struct agent *a)
{
    struct housekeeping *h = mem_alloc(sizeof(*h));
    h->agent = a;
    timer_init(&h->timer, a->loop, on_round, h);
    timer_start(&h->timer, (uint64_t)a->config.housekeeping_s * 1000);
    return h;
}

void housekeeping_stop(struct housekeeping *h)
{
    timer_stop(&h->timer);
    mem_free(h);
}
