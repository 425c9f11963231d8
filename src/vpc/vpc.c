#include <errno.h>

#include "kernel/namespace.h"
#include "kernel/path.h"
#include "vpc/vpc_internal.h"

static void release(struct vpc *vpc)
{
    for (size_t n = 0; n < vpc->subnets.count; n++)
        mem_free(vpc->subnets.items[n].used);
    for (size_t n = 0; n < vpc->interfaces.count; n++)
        vec_release(&vpc->interfaces.items[n].secondary);
    vec_release(&vpc->subnets);
    vec_release(&vpc->interfaces);
    vec_release(&vpc->endpoints);
    netlink_close(vpc->nl);
    fd_close(vpc->netns_fd);
    mem_free(vpc->directory);
    mem_free(vpc);
}

int vpc_open(const char *directory, struct vpc **ret)
{
    int err = dir_make(directory, 0700);
    if (err < 0)
        return err;
    struct vpc *vpc = mem_alloc(sizeof(*vpc));
    vpc->directory = mem_dup(directory, strlen(directory) + 1);
    vpc->netns_fd = -1;
    vpc->next_number = 1;
    err = vpc_state_load(vpc);
    if (err == 0)
        err = fabric_open(vpc);
    if (err < 0) {
        release(vpc);
        return err;
    }
    *ret = vpc;
    return 0;
}

void vpc_close(struct vpc *vpc)
{
    release(vpc);
}

int vpc_delete(struct vpc *vpc)
{
    struct buf path cleanup_with(buf_release) = BUF_INIT;
    process_kill(vpc->holder, vpc->holder_ticks);
    buf_printf(&path, "%s/state", vpc->directory);
    int err = path_delete(path.data);
    if (err == 0)
        err = dir_remove_empty(vpc->directory);
    release(vpc);
    return err;
}

int vpc_netns_fd(const struct vpc *vpc)
{
    return vpc->netns_fd;
}

pid_t vpc_holder(const struct vpc *vpc)
{
    return vpc->holder;
}

static bool id_sound(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len < VPC_ID_BYTES && !strpbrk(id, " \n/");
}

static bool overlap(struct ip_prefix a, struct ip_prefix b)
{
    return ip_prefix_contains(a, b.ip) || ip_prefix_contains(b, a.ip);
}

int vpc_subnet_add(struct vpc *vpc, const char *id, struct ip_prefix cidr)
{
    if (!id_sound(id) || cidr.ip.family != 4 || cidr.length < 8 || cidr.length > 28)
        return -EINVAL;
    if (vpc_find_subnet(vpc, str_from(id)))
        return -EEXIST;
    for (size_t n = 0; n < vpc->subnets.count; n++) {
        if (overlap(vpc->subnets.items[n].cidr, cidr))
            return -EEXIST;
    }
    struct subnet *s = vpc_add_subnet(vpc, id, cidr, vpc->next_number++);
    int err = vpc_state_save(vpc);
    return err == 0 ? fabric_add_subnet(vpc, s) : err;
}

static bool subnet_busy(const struct vpc *vpc, const struct subnet *s)
{
    for (size_t n = 0; n < vpc->interfaces.count; n++) {
        if (strcmp(vpc->interfaces.items[n].subnet, s->id) == 0)
            return true;
    }
    for (size_t n = 0; n < vpc->endpoints.count; n++) {
        if (ip_prefix_contains(s->cidr, vpc->endpoints.items[n]))
            return true;
    }
    return false;
}

int vpc_subnet_remove(struct vpc *vpc, const char *id)
{
    struct subnet *s = vpc_find_subnet(vpc, str_from(id));
    if (!s)
        return -ENOENT;
    if (subnet_busy(vpc, s))
        return -EBUSY;
    int err = fabric_remove_subnet(vpc, s);
    if (err < 0)
        return err;
    mem_free(s->used);
    vec_remove(&vpc->subnets, (size_t)(s - vpc->subnets.items));
    return vpc_state_save(vpc);
}

int vpc_subnet_claim(struct vpc *vpc, const char *id, struct ip_prefix cidr)
{
    int err = vpc_subnet_add(vpc, id, cidr);
    if (err != -EEXIST || vpc_find_subnet(vpc, str_from(id)))
        return err;
    for (size_t n = vpc->subnets.count; n-- > 0;) {
        if (!overlap(vpc->subnets.items[n].cidr, cidr))
            continue;
        err = vpc_subnet_remove(vpc, vpc->subnets.items[n].id);
        if (err)
            return err;
    }
    return vpc_subnet_add(vpc, id, cidr);
}

unsigned vpc_subnet_free(const struct vpc *vpc, const char *id)
{
    const struct subnet *s = vpc_find_subnet(vpc, str_from(id));
    unsigned used = 5;
    for (uint32_t n = 0; s && n <= s->size / 8; n++)
        used += (unsigned)__builtin_popcount(s->used[n]);
    return s ? s->size - used : 0;
}

static void describe(const struct vpc *vpc, const struct interface *i, struct vpc_interface *ret)
{
    const struct subnet *s = vpc_find_subnet(vpc, str_from(i->subnet));
    *ret = (struct vpc_interface){
        .address = {.ip = i->address, .length = s->cidr.length},
        .router = subnet_router(s),
        .mac = i->mac,
    };
    snprintf(ret->id, sizeof(ret->id), "%s", i->id);
    snprintf(ret->subnet, sizeof(ret->subnet), "%s", i->subnet);
}

static int new_interface(struct vpc *vpc, const struct vpc_interface_config *config,
                         struct interface **ret)
{
    struct interface i = {.address = config->address};
    struct subnet *s = vpc_find_subnet(vpc, str_from(config->subnet));
    if (!id_sound(config->id))
        return -EINVAL;
    if (!s)
        return -ENOENT;
    if (i.address.family && !subnet_take(s, i.address))
        return -EADDRINUSE;
    if (!i.address.family && !subnet_take_next(s, &i.address))
        return -ENOSPC;
    i.mac = mac_from_ip(i.address);
    i.number = vpc->next_number++;
    snprintf(i.id, sizeof(i.id), "%s", config->id);
    snprintf(i.subnet, sizeof(i.subnet), "%s", config->subnet);
    vec_push(&vpc->interfaces, i);
    *ret = &vpc->interfaces.items[vpc->interfaces.count - 1];
    return 0;
}

int vpc_interface_attach(struct vpc *vpc, const struct vpc_interface_config *config,
                         struct vpc_interface *ret)
{
    uint64_t ticks;
    int err = process_start_time(config->host, &ticks);
    if (err < 0)
        return err;
    struct interface *i = vpc_find_interface(vpc, str_from(config->id));
    if (i)
        fabric_remove_interface(vpc, i);
    else
        err = new_interface(vpc, config, &i);
    if (err < 0)
        return err;
    snprintf(i->device, sizeof(i->device), "%s", config->device);
    i->addresses_max = config->addresses_max;
    i->default_route = config->default_route;
    i->host = config->host;
    i->host_ticks = ticks;
    err = vpc_state_save(vpc);
    if (err == 0)
        err = fabric_add_interface(vpc, i);
    if (err == 0)
        describe(vpc, i, ret);
    return err;
}

int vpc_interface_detach(struct vpc *vpc, const char *id)
{
    struct interface *i = vpc_find_interface(vpc, str_from(id));
    if (!i)
        return -ENOENT;
    struct subnet *s = vpc_find_subnet(vpc, str_from(i->subnet));
    fabric_remove_interface(vpc, i);
    subnet_give_back(s, i->address);
    for (size_t n = 0; n < i->secondary.count; n++)
        subnet_give_back(s, i->secondary.items[n]);
    vec_release(&i->secondary);
    vec_remove(&vpc->interfaces, (size_t)(i - vpc->interfaces.items));
    return vpc_state_save(vpc);
}

int vpc_interface_find(const struct vpc *vpc, const char *id, struct vpc_interface *ret)
{
    const struct interface *i = vpc_find_interface(vpc, str_from(id));
    if (!i)
        return -ENOENT;
    describe(vpc, i, ret);
    return 0;
}

int vpc_addresses_assign(struct vpc *vpc, const char *interface, unsigned count, struct ip *ret,
                         unsigned *ret_count)
{
    struct interface *i = vpc_find_interface(vpc, str_from(interface));
    if (!i)
        return -ENOENT;
    struct subnet *s = vpc_find_subnet(vpc, str_from(i->subnet));
    unsigned given = 0;
    int err = 0;
    while (given < count && err == 0) {
        if (i->addresses_max && i->secondary.count + 1 >= i->addresses_max)
            break;
        if (!subnet_take_next(s, &ret[given]))
            break;
        vec_push(&i->secondary, ret[given]);
        err = fabric_map(vpc, i, ret[given++]);
    }
    int saved = vpc_state_save(vpc);
    *ret_count = given;
    if (err < 0 || saved < 0)
        return err < 0 ? err : saved;
    return given || !count ? 0 : -ENOSPC;
}

int vpc_address_unassign(struct vpc *vpc, const char *interface, struct ip address)
{
    struct interface *i = vpc_find_interface(vpc, str_from(interface));
    for (size_t n = 0; i && n < i->secondary.count; n++) {
        if (!ip_equal(i->secondary.items[n], address))
            continue;
        vec_remove(&i->secondary, n);
        fabric_unmap(vpc, i, address);
        subnet_give_back(vpc_find_subnet(vpc, str_from(i->subnet)), address);
        return vpc_state_save(vpc);
    }
    return -ENOENT;
}

void vpc_addresses_each(const struct vpc *vpc, const char *interface,
                        void (*fn)(void *arg, struct ip address), void *arg)
{
    const struct interface *i = vpc_find_interface(vpc, str_from(interface));
    for (size_t n = 0; i && n < i->secondary.count; n++)
        fn(arg, i->secondary.items[n]);
}

int vpc_endpoint_add(struct vpc *vpc, const char *subnet, struct ip wanted, struct ip *ret)
{
    struct subnet *s = vpc_find_subnet(vpc, str_from(subnet));
    if (!s)
        return -ENOENT;
    for (size_t n = 0; n < vpc->endpoints.count; n++) {
        if (wanted.family && ip_equal(vpc->endpoints.items[n], wanted)) {
            *ret = wanted;
            return 0;
        }
    }
    if (wanted.family ? !subnet_take(s, wanted) : !subnet_take_next(s, &wanted))
        return -EADDRINUSE;
    vec_push(&vpc->endpoints, wanted);
    int err = vpc_state_save(vpc);
    if (err == 0)
        err = fabric_add_endpoint(vpc, wanted);
    if (err == 0)
        *ret = wanted;
    return err;
}

int vpc_endpoint_remove(struct vpc *vpc, struct ip address)
{
    for (size_t n = 0; n < vpc->endpoints.count; n++) {
        if (!ip_equal(vpc->endpoints.items[n], address))
            continue;
        vec_remove(&vpc->endpoints, n);
        fabric_remove_endpoint(vpc, address);
        subnet_give_back(vpc_subnet_of(vpc, address), address);
        return vpc_state_save(vpc);
    }
    return -ENOENT;
}

size_t vpc_endpoints_newest(const struct vpc *vpc, struct ip *ret, size_t max)
{
    size_t count = MIN(vpc->endpoints.count, max), before = vpc->endpoints.count - count;
    for (size_t n = 0; n < count; n++)
        ret[n] = vpc->endpoints.items[before + n];
    return count;
}

bool vpc_has_endpoint(const struct vpc *vpc, struct ip address)
{
    for (size_t n = 0; n < vpc->endpoints.count; n++)
        if (ip_equal(vpc->endpoints.items[n], address))
            return true;
    return false;
}

bool vpc_has_address(const struct vpc *vpc, struct ip address)
{
    for (size_t n = 0; n < vpc->interfaces.count; n++) {
        const struct interface *i = &vpc->interfaces.items[n];
        if (ip_equal(i->address, address))
            return true;
        for (size_t k = 0; k < i->secondary.count; k++)
            if (ip_equal(i->secondary.items[k], address))
                return true;
    }
    return false;
}

int vpc_listen(struct vpc *vpc, struct ip address, uint16_t port, int *ret_fd)
{
    return netns_listen(vpc->netns_fd, address, port, ret_fd);
}
