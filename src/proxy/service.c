#include "proxy/service.h"

#include <arpa/inet.h>

enum {
    ENDPOINTS_MAX = 4096,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_SCTP = 132
};

struct endpoint {
    uint32_t address; /* network order */
    uint16_t port;
    bool ready, serving, terminating, local;
    struct str zones[4]; /* hints */
    size_t zone_count;
};

struct endpoints {
    struct endpoint *items; /* arena */
    size_t count;
};

void service_elements_release(struct service_elements *e)
{
    mem_free(e->items);
    *e = (struct service_elements){0};
}

static void add(struct service_elements *e, unsigned set, const struct nft_element *element)
{
    if (e->count == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 32;
        e->items = mem_realloc(e->items, e->cap * sizeof(*e->items));
    }
    e->items[e->count].set = (uint8_t)set;
    e->items[e->count++].element = *element;
}

static int compare_keys(const void *left, const void *right)
{
    const struct service_element *a = left, *b = right;
    if (a->set != b->set)
        return a->set < b->set ? -1 : 1;
    return memcmp(a->element.key, b->element.key, NFT_KEY_BYTES);
}

static bool parse_ipv4(struct str text, uint32_t *ret)
{
    struct ip ip;
    if (ip_parse(text, &ip) || ip.family != 4)
        return false;
    memcpy(ret, ip.bytes, 4);
    return true;
}

static uint8_t protocol_number(struct str name)
{
    return str_is(name, "UDP") ? PROTO_UDP : str_is(name, "SCTP") ? PROTO_SCTP : PROTO_TCP;
}

/* Keys: each part in words of four bytes. */
static void put_key(struct nft_element *e, const uint32_t *address, uint8_t protocol, uint16_t port,
                    const uint32_t *slot)
{
    uint8_t *at = e->key;
    if (address) {
        memcpy(at, address, 4);
        at += 4;
    }
    *at = protocol;
    at += 4;
    uint16_t port_be = htons(port);
    memcpy(at, &port_be, 2);
    at += 4;
    if (slot) {
        /* numgen and jhash leave host order in the register. */
        memcpy(at, slot, 4);
        at += 4;
    }
    e->key_size = (uint8_t)(at - e->key);
}

/* Adds the endpoints of a slice that serve the named port. */
static void take_slice(struct arena *a, const struct sealed *slice, struct str port_name,
                       uint8_t protocol, struct str node, struct endpoints *ret)
{
    struct value root = sealed_root(slice);
    int64_t port = 0;
    if (!str_is(value_str(root, "addressType"), "IPv4"))
        return;
    struct value_iter ports = value_iter(value_at(root, "ports"));
    for (struct value p; port == 0 && value_next(&ports, &p);)
        if (str_equal(value_str(p, "name"), port_name) &&
            protocol_number(value_str(p, "protocol")) == protocol)
            port = value_int(p, "port", 0);
    if (port <= 0 || port > 65535)
        return;
    struct value_iter it = value_iter(value_at(root, "endpoints"));
    for (struct value v; value_next(&it, &v) && ret->count < ENDPOINTS_MAX;) {
        struct endpoint e = {.port = (uint16_t)port,
                             .ready = value_bool(v, "conditions.ready", true),
                             .serving = value_bool(v, "conditions.serving", true),
                             .terminating = value_bool(v, "conditions.terminating", false),
                             .local = str_equal(value_str(v, "nodeName"), node)};
        if (!parse_ipv4(value_str(value_item(value_at(v, "addresses"), 0), ""), &e.address))
            continue;
        struct value_iter hints = value_iter(value_at(v, "hints.forZones"));
        for (struct value hint; e.zone_count < ARRAY_COUNT(e.zones) && value_next(&hints, &hint);)
            e.zones[e.zone_count++] = value_str(hint, "name");
        ret->items =
            arena_grow(a, ret->items, ret->count * sizeof(e), (ret->count + 1) * sizeof(e));
        ret->items[ret->count++] = e;
    }
}

static int compare_endpoints(const void *left, const void *right)
{
    const struct endpoint *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    /* The same address may stand in two slices while they are rearranged: the ready one counts. */
    return a->port != b->port ? (a->port < b->port ? -1 : 1) : (int)b->ready - (int)a->ready;
}

static void drop_duplicates(struct endpoints *e)
{
    size_t kept = 0;
    if (e->count)
        qsort(e->items, e->count, sizeof(*e->items), compare_endpoints);
    for (size_t i = 0; i < e->count; i++) {
        if (kept && e->items[kept - 1].address == e->items[i].address &&
            e->items[kept - 1].port == e->items[i].port)
            continue;
        e->items[kept++] = e->items[i];
    }
    e->count = kept;
}

static bool hinted(const struct endpoint *e, struct str zone)
{
    for (size_t i = 0; i < e->zone_count; i++)
        if (str_equal(e->zones[i], zone))
            return true;
    return false;
}

/* Those for which keep holds, of one of the two groups: ready, else serving while terminating. */
static struct endpoints usable(struct arena *a, const struct endpoints *all, bool local_only,
                               struct str zone)
{
    struct endpoints ret = {.items = arena_array(a, struct endpoint, all->count + 1)};
    for (int fallback = 0; fallback < 2 && ret.count == 0; fallback++) {
        bool hints = zone.len > 0, matched = false;
        for (size_t i = 0; i < all->count; i++) {
            const struct endpoint *e = &all->items[i];
            bool good = fallback ? e->serving && e->terminating : e->ready;
            if (!good || (local_only && !e->local))
                continue;
            hints = hints && e->zone_count;
            matched |= hinted(e, zone);
            ret.items[ret.count++] = *e;
        }
        /* Hints count only when every endpoint has one and one is for this zone. */
        if (!hints || !matched || local_only)
            continue;
        size_t kept = 0;
        for (size_t i = 0; i < ret.count; i++)
            if (hinted(&ret.items[i], zone))
                ret.items[kept++] = ret.items[i];
        ret.count = kept;
    }
    return ret;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdU;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53U;
    return x ^ (x >> 33);
}

void service_fill_slots(const uint64_t *hashes, size_t endpoint_count, uint16_t *slots,
                        size_t slot_count)
{
    uint16_t given[ENDPOINTS_MAX] = {0};
    assert(endpoint_count > 0 && endpoint_count <= ENDPOINTS_MAX);
    size_t share = (slot_count + endpoint_count - 1) / endpoint_count;
    for (size_t s = 0; s < slot_count; s++) {
        /* Highest random weight among those that have room: the others keep their slots when one
         * goes. */
        size_t best = SIZE_MAX;
        uint64_t best_weight = 0;
        for (size_t i = 0; i < endpoint_count; i++) {
            uint64_t weight = mix(hashes[i] + s * 0x9e3779b97f4a7c15U);
            if (given[i] < share && (best == SIZE_MAX || weight > best_weight)) {
                best = i;
                best_weight = weight;
            }
        }
        slots[s] = (uint16_t)best;
        given[best]++;
    }
}

/* One address (NULL: node port) and port of a Service, balanced over its endpoints or refused. */
struct frontend {
    const uint32_t *address; /* NULL: node port */
    uint8_t protocol;
    uint16_t port;
    bool sticky, masquerade;
    bool drop; /* without endpoints: drop instead of reject (external traffic kept local) */
};

static void add_refusal(struct service_elements *out, const struct frontend *f)
{
    struct nft_element e = {.verdict = f->drop ? NFT_VERDICT_DROP : NFT_VERDICT_GOTO,
                            .chain = "reject"};
    put_key(&e, f->address, f->protocol, f->port, NULL);
    add(out, f->address ? SET_REFUSED : SET_REFUSED_NODEPORTS, &e);
}

static void add_frontend(struct service_elements *out, const struct frontend *f,
                         const struct endpoints *ends)
{
    uint16_t slots[1024];
    uint64_t hashes[ENDPOINTS_MAX];
    if (ends->count == 0) {
        add_refusal(out, f);
        return;
    }
    enum layout_class class = layout_class_for(ends->count);
    /* At most as many endpoints as slots get traffic. */
    size_t count = MIN(ends->count, (size_t)layout_slots[class]);
    for (size_t i = 0; i < count; i++)
        hashes[i] = mix((uint64_t)ends->items[i].address << 16 | ends->items[i].port);
    service_fill_slots(hashes, count, slots, layout_slots[class]);

    struct nft_element e = {.verdict = NFT_VERDICT_GOTO,
                            .chain = layout_chain(class, f->sticky, !f->address, f->masquerade)};
    put_key(&e, f->address, f->protocol, f->port, NULL);
    add(out, f->address ? SET_SERVICES : SET_NODEPORTS, &e);
    for (uint32_t s = 0; s < layout_slots[class]; s++) {
        const struct endpoint *end = &ends->items[slots[s]];
        uint16_t port_be = htons(end->port);
        struct nft_element slot = {.data_size = 8};
        put_key(&slot, f->address, f->protocol, f->port, &s);
        memcpy(slot.data, &end->address, 4);
        memcpy(slot.data + 4, &port_be, 2);
        add(out, (f->address ? SET_ENDS : SET_NODE_ENDS) + (unsigned)class, &slot);
    }
}

static void add_hairpins(struct service_elements *out, const struct endpoints *ends)
{
    for (size_t i = 0; i < ends->count; i++) {
        struct nft_element e = {.key_size = 8};
        if (!ends->items[i].local)
            continue;
        memcpy(e.key, &ends->items[i].address, 4);
        memcpy(e.key + 4, &ends->items[i].address, 4);
        add(out, SET_HAIRPIN, &e);
    }
}

/* Addresses beside the cluster's that reach the Service: load balancers of mode VIP and external
 * ones. */
static size_t outside_addresses(struct value root, uint32_t *ret, size_t max)
{
    size_t count = 0;
    struct value_iter lb = value_iter(value_at(root, "status.loadBalancer.ingress"));
    for (struct value v; count < max && value_next(&lb, &v);)
        if (!str_is(value_str(v, "ipMode"), "Proxy") && parse_ipv4(value_str(v, "ip"), &ret[count]))
            count++;
    struct value_iter external = value_iter(value_at(root, "spec.externalIPs"));
    for (struct value v; count < max && value_next(&external, &v);)
        if (parse_ipv4(value_str(v, ""), &ret[count]))
            count++;
    return count;
}

struct policies {
    bool sticky, internal_local, external_local;
};

static void compute_port(struct arena *a, struct value root, struct value port,
                         const struct endpoints *all, const struct policies *p,
                         const struct service_place *place, struct service_elements *out)
{
    uint32_t cluster_ip, outside[32];
    uint8_t protocol = protocol_number(value_str(port, "protocol"));
    struct endpoints internal = usable(a, all, p->internal_local, place->zone);
    struct endpoints external = usable(a, all, p->external_local, place->zone);
    struct frontend f = {
        .protocol = protocol, .port = (uint16_t)value_int(port, "port", 0), .sticky = p->sticky};
    if (parse_ipv4(value_str(root, "spec.clusterIP"), &cluster_ip)) {
        f.address = &cluster_ip;
        f.drop = p->internal_local && all->count;
        add_frontend(out, &f, &internal);
    }
    f.drop = p->external_local && all->count;
    size_t count = outside_addresses(root, outside, ARRAY_COUNT(outside));
    for (size_t i = 0; i < count; i++) {
        f.address = &outside[i];
        add_frontend(out, &f, &external);
    }
    int64_t node_port = value_int(port, "nodePort", 0);
    if (node_port > 0 && node_port < 65536) {
        f.address = NULL;
        f.port = (uint16_t)node_port;
        f.masquerade = !p->external_local;
        add_frontend(out, &f, &external);
    }
    add_hairpins(out, &internal);
}

static bool is_ours(const struct sealed *service)
{
    struct value root = sealed_root(service);
    struct str ip = value_str(root, "spec.clusterIP");
    if (str_is(value_str(root, "spec.type"), "ExternalName") || str_empty(ip) || str_is(ip, "None"))
        return false;
    return str_empty(object_label(service, "service.kubernetes.io/service-proxy-name"));
}

static void sort_unique(struct service_elements *e)
{
    size_t kept = 0;
    if (e->count)
        qsort(e->items, e->count, sizeof(*e->items), compare_keys);
    for (size_t i = 0; i < e->count; i++)
        if (!kept || compare_keys(&e->items[kept - 1], &e->items[i]) != 0)
            e->items[kept++] = e->items[i];
    e->count = kept;
}

void service_compute(struct arena *a, const struct sealed *service,
                     const struct sealed *const *slices, size_t slice_count,
                     const struct service_place *place, struct service_elements *ret)
{
    struct value root = sealed_root(service);
    struct nft_element cluster_ip = {.key_size = 4};
    if (!is_ours(service))
        return;
    const struct policies policies = {
        .sticky = str_is(value_str(root, "spec.sessionAffinity"), "ClientIP"),
        .internal_local = str_is(value_str(root, "spec.internalTrafficPolicy"), "Local"),
        .external_local = str_is(value_str(root, "spec.externalTrafficPolicy"), "Local")};
    struct value_iter ports = value_iter(value_at(root, "spec.ports"));
    for (struct value port; value_next(&ports, &port);) {
        struct endpoints all = {0};
        for (size_t i = 0; i < slice_count; i++)
            take_slice(a, slices[i], value_str(port, "name"),
                       protocol_number(value_str(port, "protocol")), place->node, &all);
        drop_duplicates(&all);
        compute_port(a, root, port, &all, &policies, place, ret);
    }
    uint32_t address;
    if (parse_ipv4(value_str(root, "spec.clusterIP"), &address)) {
        memcpy(cluster_ip.key, &address, 4);
        add(ret, SET_CLUSTER_IPS, &cluster_ip);
    }
    sort_unique(ret);
}

static void each_udp_port(struct arena *a, struct value root, struct value port,
                          const struct endpoints *all,
                          void (*fn)(void *arg, struct service_target at,
                                     const struct service_target *ends, size_t end_count),
                          void *arg)
{
    struct service_target *ends = arena_array(a, struct service_target, all->count + 1);
    uint32_t addresses[33];
    size_t address_count = 0, end_count = 0;
    uint16_t number = (uint16_t)value_int(port, "port", 0);
    int64_t node_port = value_int(port, "nodePort", 0);
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].serving)
            ends[end_count++] = (struct service_target){all->items[i].address, all->items[i].port};
    if (end_count == 0)
        return;
    if (parse_ipv4(value_str(root, "spec.clusterIP"), &addresses[0]))
        address_count = 1;
    address_count +=
        outside_addresses(root, addresses + address_count, ARRAY_COUNT(addresses) - address_count);
    for (size_t i = 0; i < address_count; i++)
        fn(arg, (struct service_target){addresses[i], number}, ends, end_count);
    if (node_port > 0 && node_port < 65536)
        fn(arg, (struct service_target){0, (uint16_t)node_port}, ends, end_count);
}

void service_udp_each(struct arena *a, const struct sealed *service,
                      const struct sealed *const *slices, size_t slice_count,
                      void (*fn)(void *arg, struct service_target at,
                                 const struct service_target *ends, size_t end_count),
                      void *arg)
{
    struct value root = sealed_root(service);
    if (!is_ours(service))
        return;
    struct value_iter ports = value_iter(value_at(root, "spec.ports"));
    for (struct value port; value_next(&ports, &port);) {
        struct endpoints all = {0};
        if (protocol_number(value_str(port, "protocol")) != PROTO_UDP)
            continue;
        for (size_t i = 0; i < slice_count; i++)
            take_slice(a, slices[i], value_str(port, "name"), PROTO_UDP, STR_NONE, &all);
        drop_duplicates(&all);
        each_udp_port(a, root, port, &all, fn, arg);
    }
}

static bool same_value(const struct nft_element *a, const struct nft_element *b)
{
    return a->data_size == b->data_size && memcmp(a->data, b->data, sizeof(a->data)) == 0 &&
           a->verdict == b->verdict && a->chain == b->chain;
}

/* Elements of one change, grouped by set: a set's run is sent when the next begins. */
struct run {
    struct nft_batch *batch;
    void (*send)(struct nft_batch *b, const char *set, const struct nft_element *elements,
                 size_t count);
    unsigned set;
    struct nft_element items[256];
    size_t count;
};

static void run_flush(struct run *r)
{
    if (r->count)
        r->send(r->batch, layout_set_name(r->set), r->items, r->count);
    r->count = 0;
}

static void run_add(struct run *r, const struct service_element *e)
{
    if (r->count == ARRAY_COUNT(r->items) || (r->count && r->set != e->set))
        run_flush(r);
    r->set = e->set;
    r->items[r->count++] = e->element;
}

/* Walks both lists; `removed` picks what before has and after has not (or has otherwise), else the
 * reverse. */
static void send_difference(struct run *r, const struct service_elements *from,
                            const struct service_elements *to)
{
    size_t k = 0;
    for (size_t i = 0; i < from->count; i++) {
        while (k < to->count && compare_keys(&to->items[k], &from->items[i]) < 0)
            k++;
        bool there = k < to->count && compare_keys(&to->items[k], &from->items[i]) == 0;
        if (!there || !same_value(&to->items[k].element, &from->items[i].element))
            run_add(r, &from->items[i]);
    }
    run_flush(r);
}

void service_difference(struct nft_batch *b, const struct service_elements *before,
                        const struct service_elements *after)
{
    struct run *r = mem_alloc(sizeof(*r));
    r->batch = b;
    /* Verdicts go before the endpoints that they lead to are gone, and come after they are there.
     */
    r->send = nft_elements_delete;
    send_difference(r, before, after);
    r->send = nft_elements_add;
    send_difference(r, after, before);
    mem_free(r);
}
