/* ServiceCIDRs are ready, and stay while addresses of theirs are in use. Source:
 * pkg/controller/servicecidrs. */
#include <arpa/inet.h>

#include "control/object.h"
#include "object/seal.h"

enum {
    RANGES,
    ADDRESSES
};
enum {
    GRACE_MS = 10000 /* a range that may go stays this long, so that allocators learn of it;
                        upstream 10 s */
};

static const char finalizer[] = "networking.k8s.io/service-cidr-finalizer";

/* Bytes of an address: 4, 16, or 0 when the text is none. */
static size_t read_address(struct str text, uint8_t bytes[16])
{
    char copy[INET6_ADDRSTRLEN + 1];
    if (text.len >= sizeof(copy))
        return 0;
    memcpy(copy, text.data ? text.data : "", text.len);
    copy[text.len] = 0;
    if (inet_pton(AF_INET, copy, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, copy, bytes) == 1 ? 16 : 0;
}

static bool contains(struct str cidr, struct str address)
{
    uint8_t network[16], host[16];
    struct str bits_text = cidr;
    struct str base = str_cut(&bits_text, '/');
    uint64_t bits;
    size_t size = read_address(base, network);
    if (!size || read_address(address, host) != size || !bits_text.data ||
        str_to_u64(bits_text, &bits) < 0 || bits > size * 8)
        return false;
    for (size_t i = 0; i < bits; i++)
        if ((network[i / 8] ^ host[i / 8]) & 0x80 >> (i & 7))
            return false;
    return true;
}

static bool range_contains(const struct sealed *range, struct str address)
{
    struct value_iter it = value_iter(object_at(range, "spec.cidrs"));
    for (struct value v; value_next(&it, &v);)
        if (contains(value_str(v, ""), address))
            return true;
    return false;
}

/* Whether an address is in this range and in no other that stays: then the range can't go. */
static bool needed(struct run *run, const struct sealed *range)
{
    struct objects ranges = run_list(run, RANGES, STR_NONE);
    struct objects addresses = run_list(run, ADDRESSES, STR_NONE);
    for (size_t i = 0; i < addresses.count; i++) {
        struct str address = object_name(addresses.items[i]);
        bool elsewhere = !range_contains(range, address);
        for (size_t j = 0; j < ranges.count && !elsewhere; j++)
            elsewhere =
                !object_deleting(ranges.items[j]) && range_contains(ranges.items[j], address);
        if (!elsewhere)
            return true;
    }
    return false;
}

static int set_finalizer(struct run *run, const struct sealed *range, bool wanted,
                         const struct sealed **ret, struct status *st)
{
    struct arena *a = run->arena;
    struct node *tree = unseal(a, range);
    struct node *list = node_need_list(a, tree, "metadata.finalizers");
    for (size_t i = node_count(list); i-- > 0;)
        if (str_is(node_str(node_item(list, i), ""), finalizer))
            node_list_remove(list, i);
    if (wanted)
        node_append(a, list, node_text(a, str_from(finalizer)));
    return run_put(run, control_resource(run->control, RANGES), NULL, range, tree, ret, st);
}

static int put_condition(struct run *run, const struct sealed *range, bool ready,
                         const char *reason, const char *message, struct status *st)
{
    struct arena *a = run->arena;
    struct value old = object_at(range, "status");
    struct node *status = value_present(old) ? value_to_node(a, old) : node_map(a);
    condition_put(a, node_need_list(a, status, "conditions"), "Ready", ready ? "True" : "False",
                  reason, str_from(message), run->now_us, false);
    return run_put_status(run, control_resource(run->control, RANGES), range, status, NULL, st);
}

static int let_go(struct run *run, const struct sealed *range, struct status *st)
{
    if (!object_has_finalizer(range, finalizer))
        return 0;
    if (needed(run, range))
        return put_condition(run, range, false, "Terminating",
                             "There are still IPAddresses referencing the ServiceCIDR, please "
                             "remove them or create a new ServiceCIDR",
                             st);
    int64_t since_us = value_time_us(sealed_root(range), "metadata.deletionTimestamp");
    int64_t left_ms = since_us / 1000 + GRACE_MS - run->now_us / 1000;
    if (left_ms > 0) {
        run_again(run, (uint64_t)left_ms);
        return 0;
    }
    return set_finalizer(run, range, false, NULL, st);
}

static int reconcile(struct run *run, struct status *st)
{
    const struct sealed *range = run_get(run, RANGES, STR(""), run->name);
    if (!range)
        return 0;
    if (object_deleting(range))
        return let_go(run, range, st);
    if (set_finalizer(run, range, true, &range, st) < 0)
        return -1;
    return range ? put_condition(run, range, true, "", "Kubernetes Service CIDR is ready", st) : 0;
}

static bool enqueue_leaving(void *arg, const struct sealed *range)
{
    if (object_deleting(range))
        control_enqueue_object(arg, range);
    return true;
}

/* A new range may take over the addresses of one that goes. */
static void map_range(struct control *c, const struct sealed *now, const struct sealed *old)
{
    if (now)
        control_enqueue_object(c, now);
    if (!old)
        view_each(control_view(c, RANGES), STR_NONE, enqueue_leaving, c);
}

static void map_address(struct control *c, const struct sealed *now,
                        const struct sealed *old maybe_unused)
{
    if (!now)
        view_each(control_view(c, RANGES), STR_NONE, enqueue_leaving, c);
}

static const struct control_watch watches[] = {
    [RANGES] = {"networking.k8s.io", "v1", "servicecidrs", map_range},
    [ADDRESSES] = {"networking.k8s.io", "v1", "ipaddresses", map_address},
    {0},
};

REGISTER(controller, servicecidr)
= {
    .name = "service-cidr-controller",
    .account = "service-cidrs-controller",
    .watches = watches,
    .reconcile = reconcile,
};
