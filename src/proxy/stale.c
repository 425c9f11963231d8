#include "proxy/stale.h"

#include "base/log.h"

struct stale_ends {
    struct service_target *items; /* arena */
    size_t count;
};

enum {
    KEY_BYTES = 6
};

static struct str key_of(struct service_target at, char bytes[KEY_BYTES])
{
    memcpy(bytes, &at.address, sizeof(at.address));
    memcpy(bytes + sizeof(at.address), &at.port, sizeof(at.port));
    return (struct str){bytes, KEY_BYTES};
}

void stale_init(struct stale *s, struct arena *arena, uint32_t node)
{
    *s = (struct stale){.arena = arena, .node = node};
}

void stale_release(struct stale *s)
{
    map_release(&s->targets);
}

static void add_target(void *arg, struct service_target at, const struct service_target *ends,
                       size_t end_count)
{
    struct stale *s = arg;
    char bytes[KEY_BYTES];
    if (at.address == 0)
        at.address = s->node;
    if (at.address == 0)
        return;
    struct stale_ends *kept = arena_new(s->arena, struct stale_ends);
    kept->items = arena_array(s->arena, struct service_target, end_count);
    memcpy(kept->items, ends, end_count * sizeof(*ends));
    kept->count = end_count;
    map_put(&s->targets, key_of(at, bytes), kept);
}

void stale_add(struct stale *s, const struct sealed *service, const struct sealed *const *slices,
               size_t slice_count)
{
    service_udp_each(s->arena, service, slices, slice_count, add_target, s);
}

bool stale_is_empty(const struct stale *s)
{
    return s->targets.count == 0;
}

bool stale_flow(const struct stale *s, const struct conntrack_flow *flow)
{
    char bytes[KEY_BYTES];
    const struct service_target at = {flow->destination, flow->destination_port};
    const struct stale_ends *ends = map_get(&s->targets, key_of(at, bytes));
    if (!ends)
        return false;
    for (size_t i = 0; i < ends->count; i++)
        if (ends->items[i].address == flow->answers && ends->items[i].port == flow->answers_port)
            return false;
    return true;
}

static bool flow_ends(void *arg, const struct conntrack_flow *flow)
{
    return stale_flow(arg, flow);
}

int stale_end(const struct stale *s)
{
    size_t count = 0;
    int err = conntrack_end_udp(-1, flow_ends, (void *)s, &count);
    if (err == 0 && count)
        log_info("UDP flows to endpoints that are gone were ended",
                 LOG_INT("count", (int64_t)count));
    return err;
}
