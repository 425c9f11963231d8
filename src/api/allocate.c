#include "api/allocate.h"

#include <arpa/inet.h>
#include <errno.h>

#include "object/scalar.h"
#include "object/seal.h"
#include "sys/random.h"

enum { PORT_FIRST = 30000, PORT_LAST = 32767, BITS_MAX = 1 << 20 };

struct allocators {
    struct store *store; /* borrowed */
    struct str cidr;
    uint32_t base;  /* first address of the range, host order */
    uint32_t count; /* addresses in it, at most BITS_MAX */
    uint64_t *addresses; /* owned bits; NULL until the first use */
    uint64_t ports[(PORT_LAST - PORT_FIRST + 64) / 64];
};

static bool bit(const uint64_t *bits, uint32_t n)
{
    return bits[n / 64] >> (n % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t n, bool on)
{
    uint64_t mask = (uint64_t)1 << (n % 64);
    bits[n / 64] = on ? bits[n / 64] | mask : bits[n / 64] & ~mask;
}

static bool parse_address(struct str text, uint32_t *ret)
{
    char copy[INET_ADDRSTRLEN];
    struct in_addr parsed;
    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (inet_pton(AF_INET, copy, &parsed) != 1)
        return false;
    *ret = ntohl(parsed.s_addr);
    return true;
}

struct allocators *allocators_new(struct store *store, struct str service_cidr)
{
    struct allocators *al = mem_alloc(sizeof(*al));
    struct str rest = service_cidr;
    struct str address = str_cut(&rest, '/');
    uint64_t bits = 16;
    al->store = store;
    al->cidr = service_cidr;
    if (!parse_address(address, &al->base) || str_to_u64(rest, &bits) < 0 || bits > 30)
        bits = 30;
    uint64_t size = (uint64_t)1 << (32 - bits);
    al->count = (uint32_t)MIN(size, (uint64_t)BITS_MAX);
    return al;
}

void allocators_free(struct allocators *al)
{
    if (al)
        mem_free(al->addresses);
    mem_free(al);
}

struct str allocators_cidr(const struct allocators *al)
{
    return al->cidr;
}

static bool take_service(void *arg, const struct store_record *record)
{
    struct allocators *al = arg;
    struct value spec = value_at(sealed_root(record->value), "spec");
    struct value_iter it = value_iter(value_at(spec, "clusterIPs"));
    uint32_t address;
    for (struct value item; value_next(&it, &item);)
        if (parse_address(value_str(item, ""), &address) && address - al->base < al->count)
            set_bit(al->addresses, address - al->base, true);
    it = value_iter(value_at(spec, "ports"));
    for (struct value item; value_next(&it, &item);) {
        int64_t port = value_int(item, "nodePort", 0);
        if (port >= PORT_FIRST && port <= PORT_LAST)
            set_bit(al->ports, (uint32_t)port - PORT_FIRST, true);
    }
    int64_t health = value_int(spec, "healthCheckNodePort", 0);
    if (health >= PORT_FIRST && health <= PORT_LAST)
        set_bit(al->ports, (uint32_t)health - PORT_FIRST, true);
    return true;
}

/* IPAddress objects of others count, too. */
static bool take_object(void *arg, const struct store_record *record)
{
    struct allocators *al = arg;
    uint32_t address;
    if (parse_address(record->key.name, &address) && address - al->base < al->count)
        set_bit(al->addresses, address - al->base, true);
    return true;
}

static int load(struct allocators *al)
{
    if (al->addresses)
        return 0;
    al->addresses = mem_alloc((al->count + 63) / 64 * sizeof(uint64_t));
    set_bit(al->addresses, 0, true);
    set_bit(al->addresses, al->count - 1, true);
    struct store_range services = {.resource = resource_named("", "services")->storage_id};
    struct store_range objects = {.resource = resource_named("networking.k8s.io", "ipaddresses")->storage_id};
    int err = store_list(al->store, &services, take_service, al);
    return err < 0 ? err : store_list(al->store, &objects, take_object, al);
}

/* Some free bit: from a random place on, so that an address is not reused at once. */
static int find_free(const uint64_t *bits, uint32_t count, uint32_t *ret)
{
    uint32_t start = (uint32_t)(random_u64() % count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = (start + i) % count;
        if (!bit(bits, n)) {
            *ret = n;
            return 0;
        }
    }
    return -ENOSPC;
}

static int write_object(struct allocators *al, struct arena *a, struct str address, struct str ns, struct str name, int64_t now_us)
{
    const struct resource *r = resource_named("networking.k8s.io", "ipaddresses");
    struct node *n = node_map(a);
    char uid[37];
    random_uuid(uid);
    node_put_str(a, n, "apiVersion", STR("networking.k8s.io/v1"));
    node_put_str(a, n, "kind", STR("IPAddress"));
    node_put_str(a, n, "metadata.name", address);
    node_put_str(a, n, "metadata.uid", str_from(uid));
    node_put_int(a, n, "metadata.generation", 1);
    node_put_str(a, n, "metadata.creationTimestamp", time_format(a, now_us));
    struct node *labels = node_need_map(a, n, "metadata.labels");
    node_set(a, labels, STR("ipaddress.kubernetes.io/ip-family"), node_text(a, STR("IPv4")));
    node_set(a, labels, STR("ipaddress.kubernetes.io/managed-by"), node_text(a, STR("ipallocator.k8s.io")));
    node_put_str(a, n, "spec.parentRef.resource", STR("services"));
    node_put_str(a, n, "spec.parentRef.namespace", ns);
    node_put_str(a, n, "spec.parentRef.name", name);
    struct sealed *s;
    struct status st;
    uint64_t revision;
    status_init(&st, a);
    if (seal(r->type, n, &s, &st) < 0)
        return -EINVAL;
    struct store_write w = {.key = {.resource = r->storage_id, .ns = STR(""), .name = address},
                            .expected = 0,
                            .value = s,
                            .size = sealed_size(s),
                            .revision_offset = SEALED_REVISION_OFFSET};
    int err = store_put(al->store, &w, &revision);
    sealed_unref(s);
    return err;
}

int allocate_address(struct allocators *al, struct arena *a, struct str wanted, struct str service_ns, struct str service_name,
                     int64_t now_us, bool dry_run, struct str *ret_address)
{
    uint32_t n, address;
    int err = load(al);
    if (err < 0)
        return err;
    if (str_empty(wanted)) {
        err = find_free(al->addresses, al->count, &n);
        if (err < 0)
            return err;
    } else {
        if (!parse_address(wanted, &address))
            return -EINVAL;
        n = address - al->base;
        if (n == 0 || n >= al->count - 1)
            return -ERANGE;
        if (bit(al->addresses, n))
            return -EEXIST;
    }
    address = al->base + n;
    struct str text = arena_printf(a, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
    if (!dry_run) {
        err = write_object(al, a, text, service_ns, service_name, now_us);
        if (err < 0)
            return err;
        set_bit(al->addresses, n, true);
    }
    *ret_address = text;
    return 0;
}

void allocate_release_address(struct allocators *al, struct str text)
{
    uint32_t address;
    if (load(al) < 0 || !parse_address(text, &address) || address - al->base >= al->count)
        return;
    uint32_t n = address - al->base;
    if (n == 0 || n == al->count - 1 || !bit(al->addresses, n))
        return;
    uint64_t revision;
    struct store_write w = {.key = {.resource = resource_named("networking.k8s.io", "ipaddresses")->storage_id,
                                    .ns = STR(""),
                                    .name = text},
                            .expected = STORE_ANY,
                            .revision_offset = SIZE_MAX};
    /* An IPAddress that somebody removed already is as good as released. */
    if (store_put(al->store, &w, &revision) < 0)
        revision = 0;
    set_bit(al->addresses, n, false);
}

int allocate_port(struct allocators *al, uint16_t wanted, bool dry_run, uint16_t *ret_port)
{
    uint32_t n;
    int err = load(al);
    if (err < 0)
        return err;
    if (!wanted) {
        err = find_free(al->ports, PORT_LAST - PORT_FIRST + 1, &n);
        if (err < 0)
            return err;
    } else if (wanted < PORT_FIRST || wanted > PORT_LAST) {
        return -ERANGE;
    } else {
        n = (uint32_t)wanted - PORT_FIRST;
        if (bit(al->ports, n))
            return -EEXIST;
    }
    if (!dry_run)
        set_bit(al->ports, n, true);
    *ret_port = (uint16_t)(PORT_FIRST + n);
    return 0;
}

void allocate_release_port(struct allocators *al, uint16_t port)
{
    if (load(al) == 0 && port >= PORT_FIRST && port <= PORT_LAST)
        set_bit(al->ports, (uint32_t)port - PORT_FIRST, false);
}
