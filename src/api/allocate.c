#include "api/allocate.h"

#include "auth/stored.h"
#include "base/vec.h"
#include "object/scalar.h"
#include "object/seal.h"
#include "sys/random.h"

enum {
    PORT_FIRST = 30000, /* upstream --service-node-port-range 30000-32767 */
    PORT_LAST = 32767,
    PORT_COUNT = PORT_LAST - PORT_FIRST + 1,
    PORT_STATIC = 86,    /* the lower band is left to explicit requests while there is room:
                            min(max(16, size/32), 128) */
    ADDRESS_PROBES = 64, /* random tries before the range is walked */
    CHANGES_MAX = 512,   /* ports of one Service are bounded by its size */
};

/* What a request did. */
struct change {
    bool taken;    /* else given back */
    uint16_t port; /* 0: an address */
    uint32_t address;
};

struct allocators {
    struct store *store;    /* borrowed */
    uint32_t network, size; /* host byte order; number of addresses */
    char cidr[32];
    uint8_t ports[PORT_COUNT / 8 + 1];
    bool ports_read;
    VEC(struct change) changes; /* since allocators_begin */
    /* For undoing a release: whose address it was. */
    struct arena arena; /* owned */
    struct str ns, name;
    int64_t now_us;
};

static bool parse_address(struct str text, uint32_t *ret)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t part;
        if (str_to_u64(str_cut(&text, '.'), &part) != 0 || part > 255)
            return false;
        value = value << 8 | (uint32_t)part;
    }
    *ret = value;
    return true;
}

static struct str format_address(struct arena *a, uint32_t address)
{
    return arena_printf(a, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                        address & 255);
}

struct allocators *allocators_new(struct store *store, struct str cidr)
{
    struct allocators *a = mem_alloc(sizeof(*a));
    a->store = store;
    struct str rest = cidr, address = str_cut(&rest, '/');
    uint64_t bits;
    bool right = parse_address(address, &a->network) && str_to_u64(rest, &bits) == 0 && bits >= 8 &&
                 bits <= 30;
    assert(right); /* a setting of the cluster, checked where it was read */
    a->size = 1u << (32 - bits);
    a->network &= ~(a->size - 1);
    snprintf(a->cidr, sizeof(a->cidr), "%.*s", STR_ARG(cidr));
    return a;
}

void allocators_free(struct allocators *a)
{
    if (!a)
        return;
    vec_release(&a->changes);
    arena_release(&a->arena);
    mem_free(a);
}

void allocators_begin(struct allocators *a)
{
    vec_clear(&a->changes);
    arena_reset(&a->arena);
}

static void note(struct allocators *a, const struct allocation_owner *owner, struct change change)
{
    a->ns = arena_str(&a->arena, owner->ns);
    a->name = arena_str(&a->arena, owner->name);
    a->now_us = owner->now_us;
    vec_push(&a->changes, change);
}

static struct store_key address_key(struct str address)
{
    return (struct store_key){.resource =
                                  resource_named("networking.k8s.io", "ipaddresses")->storage_id,
                              .name = address};
}

/* The IPAddress that says whose an address is. */
static int write_address(struct allocators *a, const struct allocation_owner *owner,
                         struct str address)
{
    struct arena *arena = owner->arena;
    const struct resource *r = resource_named("networking.k8s.io", "ipaddresses");
    struct node *object = node_map(arena);
    struct status st;
    struct sealed *sealed;
    status_init(&st, arena);
    node_put_str(arena, object, "apiVersion", arena_printf(arena, "%s/%s", r->group, r->version));
    node_put_str(arena, object, "kind", STR("IPAddress"));
    node_put_str(arena, object, "metadata.name", address);
    char uid[37];
    random_uuid(uid);
    node_put_str(arena, object, "metadata.uid", str_from(uid));
    node_put_str(arena, object, "metadata.creationTimestamp", time_format(arena, owner->now_us));
    struct node *labels = node_need_map(arena, object, "metadata.labels");
    node_set(arena, labels, STR("ipaddress.kubernetes.io/ip-family"),
             node_text(arena, STR("IPv4")));
    node_set(arena, labels, STR("ipaddress.kubernetes.io/managed-by"),
             node_text(arena, STR("ipallocator.k8s.io")));
    node_put_str(arena, object, "spec.parentRef.group", STR(""));
    node_put_str(arena, object, "spec.parentRef.resource", STR("services"));
    node_put_str(arena, object, "spec.parentRef.namespace", owner->ns);
    node_put_str(arena, object, "spec.parentRef.name", owner->name);
    if (seal(r->type, object, &sealed, &st) != 0)
        return -1;
    struct store_write w = {.key = address_key(address),
                            .expected = 0,
                            .value = sealed,
                            .size = sealed_size(sealed),
                            .revision_offset = SEALED_REVISION_OFFSET};
    uint64_t revision;
    int err = store_put(a->store, &w, &revision);
    sealed_unref(sealed);
    return err;
}

/* Only while it still belongs to the Service: another may have it by now. */
static bool remove_address(struct allocators *a, struct str ns, struct str name, struct str address)
{
    const struct sealed *object =
        stored_object(a->store, "networking.k8s.io", "ipaddresses", STR_NONE, address);
    struct value parent =
        object ? value_at(sealed_root(object), "spec.parentRef") : (struct value){0};
    if (!object || !str_equal(value_str(parent, "namespace"), ns) ||
        !str_equal(value_str(parent, "name"), name) ||
        !str_is(value_str(parent, "resource"), "services"))
        return false;
    struct store_write w = {
        .key = address_key(address), .expected = STORE_ANY, .revision_offset = SIZE_MAX};
    uint64_t revision;
    return store_put(a->store, &w, &revision) == 0;
}

static bool is_free(struct allocators *a, struct arena *arena, uint32_t address)
{
    struct store_record record;
    return store_get(a->store, address_key(format_address(arena, address)), &record) != 0;
}

/* The first addresses are left to explicit requests while others are free: min(max(16, size/16),
 * 256). */
static uint32_t static_band(const struct allocators *a)
{
    uint32_t band = MIN(MAX(16u, a->size / 16), 256u);
    return band < a->size / 2 ? band : 1;
}

static bool find_address(struct allocators *a, struct arena *arena, uint32_t *ret)
{
    uint32_t low = static_band(a), span = a->size - 1 - low;
    for (int i = 0; i < ADDRESS_PROBES && span > 0; i++) {
        *ret = a->network + low + (uint32_t)(random_u64() % span);
        if (is_free(a, arena, *ret))
            return true;
    }
    for (uint32_t i = 0; i + 2 < a->size; i++) {
        /* The dynamic band first, then the static one; never the network's own and the broadcast
         * address. */
        uint32_t at = (low - 1 + i) % (a->size - 2) + 1;
        *ret = a->network + at;
        if (is_free(a, arena, *ret))
            return true;
    }
    return false;
}

static struct str not_in_range(const struct allocators *a, struct arena *arena, struct str asked)
{
    int bits = 32;
    for (uint32_t size = a->size; size > 1; size /= 2)
        bits--;
    return arena_printf(
        arena,
        "the provided IP (%.*s) is not in the valid range. The range of valid IPs is %.*s/%d",
        STR_ARG(asked), STR_ARG(format_address(arena, a->network)), bits);
}

const char *allocate_address(struct allocators *a, const struct allocation_owner *owner,
                             struct str asked, struct str *ret)
{
    uint32_t address;
    if (!str_empty(asked) && owner->dry_run) {
        /* Nothing is looked up: the range alone counts, as in the original. */
        if (!parse_address(asked, &address) || address - a->network >= a->size)
            return arena_cstr(owner->arena, not_in_range(a, owner->arena, asked));
    } else if (!str_empty(asked)) {
        if (!parse_address(asked, &address) || address - a->network >= a->size)
            return "the provided network does not match the current range";
        if (address == a->network || address == a->network + a->size - 1)
            return "the provided network does not match the current range";
        if (!is_free(a, owner->arena, address))
            return "provided IP is already allocated";
    } else if (!find_address(a, owner->arena, &address)) {
        return "range is full";
    }
    *ret = format_address(owner->arena, address);
    if (owner->dry_run)
        return NULL;
    if (write_address(a, owner, *ret) != 0)
        return "provided IP is already allocated";
    note(a, owner, (struct change){.taken = true, .address = address});
    return NULL;
}

void release_address(struct allocators *a, const struct allocation_owner *owner, struct str address)
{
    uint32_t value;
    if (!owner->dry_run && parse_address(address, &value) &&
        remove_address(a, owner->ns, owner->name, address))
        note(a, owner, (struct change){.address = value});
}

static bool port_is_taken(const struct allocators *a, unsigned port)
{
    unsigned bit = port - PORT_FIRST;
    return a->ports[bit / 8] >> (bit % 8) & 1;
}

static void mark_port(struct allocators *a, int64_t port, bool taken)
{
    if (port < PORT_FIRST || port > PORT_LAST)
        return;
    unsigned bit = (unsigned)port - PORT_FIRST;
    if (taken)
        a->ports[bit / 8] |= (uint8_t)(1u << (bit % 8));
    else
        a->ports[bit / 8] &= (uint8_t) ~(1u << (bit % 8));
}

static bool read_service(void *arg, const struct store_record *record)
{
    struct value spec = value_at(sealed_root(record->value), "spec");
    struct value_iter it = value_iter(value_at(spec, "ports"));
    for (struct value port; value_next(&it, &port);)
        mark_port(arg, value_int(port, "nodePort", 0), true);
    mark_port(arg, value_int(spec, "healthCheckNodePort", 0), true);
    return true;
}

static void read_ports(struct allocators *a)
{
    struct store_range range = {.resource = resource_named("", "services")->storage_id};
    if (a->ports_read)
        return;
    a->ports_read = store_list(a->store, &range, read_service, a) == 0;
}

const char *allocate_port(struct allocators *a, const struct allocation_owner *owner,
                          uint16_t asked, uint16_t *ret)
{
    read_ports(a);
    unsigned port = asked;
    if (asked && owner->dry_run) {
        /* Taken or not, in the range or not: the original doesn't look. */
    } else if (asked) {
        if (asked < PORT_FIRST || asked > PORT_LAST)
            return "provided port is not in the valid range. The range of valid ports is "
                   "30000-32767";
        if (port_is_taken(a, asked))
            return "provided port is already allocated";
    } else {
        unsigned span = PORT_COUNT - PORT_STATIC, start = (unsigned)(random_u64() % span), i = 0;
        for (; i < PORT_COUNT; i++) {
            port = i < span ? PORT_FIRST + PORT_STATIC + (start + i) % span : PORT_FIRST + i - span;
            if (!port_is_taken(a, port))
                break;
        }
        if (i == PORT_COUNT)
            return "range is full";
    }
    *ret = (uint16_t)port;
    if (owner->dry_run)
        return NULL;
    mark_port(a, port, true);
    note(a, owner, (struct change){.taken = true, .port = (uint16_t)port});
    return NULL;
}

void release_port(struct allocators *a, const struct allocation_owner *owner, uint16_t port)
{
    read_ports(a);
    if (owner->dry_run || port < PORT_FIRST || port > PORT_LAST || !port_is_taken(a, port))
        return;
    mark_port(a, port, false);
    note(a, owner, (struct change){.port = port});
}

void allocators_undo(struct allocators *a)
{
    struct arena arena = ARENA_INIT;
    struct allocation_owner owner = {
        .arena = &arena, .ns = a->ns, .name = a->name, .now_us = a->now_us};
    while (a->changes.count) {
        struct change c = a->changes.items[--a->changes.count];
        struct str address = format_address(&arena, c.address);
        if (c.port)
            mark_port(a, c.port, !c.taken);
        else if (c.taken)
            remove_address(a, owner.ns, owner.name, address);
        else if (write_address(a, &owner, address) != 0)
            continue; /* somebody else's by now: it can't happen within one turn of the loop */
    }
    arena_release(&arena);
}
