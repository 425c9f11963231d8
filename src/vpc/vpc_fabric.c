#include <errno.h>

#include "kernel/namespace.h"
#include "kernel/path.h"
#include "vpc/vpc_internal.h"

enum {
    FABRIC_MTU = 9001
};

static int unless(int err, int harmless)
{
    return err == harmless ? 0 : err;
}

static void bridge_name(const struct subnet *s, char *ret)
{
    snprintf(ret, LINK_NAME_BYTES, "subnet-%u", s->number);
}

static void port_name(const struct interface *i, char *ret)
{
    snprintf(ret, LINK_NAME_BYTES, "eni-%u", i->number);
}

static int bridge_index(struct vpc *vpc, const struct subnet *s, int *ret)
{
    char name[LINK_NAME_BYTES];
    struct link link;
    bridge_name(s, name);
    int err = link_find(vpc->nl, name, &link);
    if (err == 0)
        *ret = link.index;
    return err;
}

/* The router tells hosts of no shorter ways, there are none, and asks nobody where an address is:
 * it knows, or there is none. */
static int set_router(struct vpc *vpc, const char *bridge)
{
    static const struct {
        const char *form, *value;
    } settings[] = {
        {"net/ipv4/conf/%s/send_redirects", "0"},
        {"net/ipv4/neigh/%s/mcast_solicit", "0"},
        {"net/ipv4/neigh/%s/ucast_solicit", "0"},
    };
    char name[80];
    int err = 0;
    for (size_t i = 0; i < ARRAY_COUNT(settings) && err == 0; i++) {
        const char *mark = strstr(settings[i].form, "%s");
        snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - settings[i].form), settings[i].form,
                 bridge, mark + 2);
        err = netns_sysctl(vpc->netns_fd, name, settings[i].value);
    }
    return err;
}

int fabric_add_subnet(struct vpc *vpc, const struct subnet *s)
{
    char name[LINK_NAME_BYTES];
    int index;
    bridge_name(s, name);
    struct ip_prefix router = {.ip = subnet_router(s), .length = s->cidr.length};
    int err = unless(link_add_bridge(vpc->nl, name, mac_from_ip(router.ip)), -EEXIST);
    if (err == 0)
        err = bridge_index(vpc, s, &index);
    if (err == 0)
        err = unless(address_add(vpc->nl, index, router), -EEXIST);
    if (err == 0)
        err = link_set_up(vpc->nl, index);
    if (err < 0)
        return err;
    return set_router(vpc, name);
}

int fabric_remove_subnet(struct vpc *vpc, const struct subnet *s)
{
    int index;
    int err = bridge_index(vpc, s, &index);
    return err == 0 ? link_delete(vpc->nl, index) : unless(err, -ENODEV);
}

int fabric_map(struct vpc *vpc, const struct interface *i, struct ip ip)
{
    int index;
    int err = bridge_index(vpc, vpc_find_subnet(vpc, str_from(i->subnet)), &index);
    return err == 0 ? neighbour_set(vpc->nl, index, ip, i->mac) : err;
}

void fabric_unmap(struct vpc *vpc, const struct interface *i, struct ip ip)
{
    int index;
    if (bridge_index(vpc, vpc_find_subnet(vpc, str_from(i->subnet)), &index) == 0)
        (void)!neighbour_delete(vpc->nl, index, ip);
}

/* The host's end of an interface: its address, and the default route when it is the host's way out.
 */
static int configure_host(const struct interface *i, const struct subnet *s, int host_fd)
{
    struct netlink *nl;
    struct link link;
    int err = netlink_open(host_fd, &nl);
    if (err < 0)
        return err;
    err = link_find(nl, i->device, &link);
    if (err == 0) {
        struct ip_prefix address = {.ip = i->address, .length = s->cidr.length};
        err = unless(address_add(nl, link.index, address), -EEXIST);
    }
    if (err == 0)
        err = link_set_up(nl, link.index);
    if (err == 0 && i->default_route) {
        struct route route = {.to.ip.family = 4, .gateway = subnet_router(s), .index = link.index};
        err = route_add(nl, &route);
    }
    netlink_close(nl);
    return err;
}

static int plug(struct vpc *vpc, const struct interface *i, const struct subnet *s, int host_fd)
{
    char name[LINK_NAME_BYTES];
    struct link port;
    int bridge;
    port_name(i, name);
    struct veth veth = {
        .name = name,
        .mac = {{0x02, 0x6c, i->mac.bytes[2], i->mac.bytes[3], i->mac.bytes[4], i->mac.bytes[5]}},
        .mtu = FABRIC_MTU,
        .peer_name = i->device,
        .peer_mac = i->mac,
        .peer_netns_fd = host_fd,
    };
    int err = link_add_veth(vpc->nl, &veth);
    if (err == 0)
        err = link_find(vpc->nl, name, &port);
    if (err == 0)
        err = bridge_index(vpc, s, &bridge);
    if (err == 0)
        err = link_set_master(vpc->nl, port.index, bridge);
    if (err == 0)
        err = link_set_fabric_port(vpc->nl, port.index);
    if (err == 0)
        err = fdb_set(vpc->nl, port.index, i->mac);
    if (err == 0)
        err = link_set_up(vpc->nl, port.index);
    return err;
}

int fabric_add_interface(struct vpc *vpc, const struct interface *i)
{
    char name[LINK_NAME_BYTES];
    struct link port;
    const struct subnet *s = vpc_find_subnet(vpc, str_from(i->subnet));
    int err = fabric_map(vpc, i, i->address);
    for (size_t n = 0; n < i->secondary.count && err == 0; n++)
        err = fabric_map(vpc, i, i->secondary.items[n]);
    port_name(i, name);
    if (err < 0 || link_find(vpc->nl, name, &port) == 0)
        return err;
    int host_fd cleanup_with(fd_close_ptr) = -1;
    err = netns_open_process(i->host, &host_fd);
    if (err == 0)
        err = plug(vpc, i, s, host_fd);
    if (err == 0)
        err = configure_host(i, s, host_fd);
    return err;
}

void fabric_remove_interface(struct vpc *vpc, const struct interface *i)
{
    char name[LINK_NAME_BYTES];
    struct link port;
    fabric_unmap(vpc, i, i->address);
    for (size_t n = 0; n < i->secondary.count; n++)
        fabric_unmap(vpc, i, i->secondary.items[n]);
    port_name(i, name);
    if (link_find(vpc->nl, name, &port) == 0)
        (void)!link_delete(vpc->nl, port.index);
}

static int endpoint_link(struct vpc *vpc, struct ip ip, int *ret)
{
    const struct subnet *s = vpc_subnet_of(vpc, ip);
    return s ? bridge_index(vpc, s, ret) : -ENOENT;
}

int fabric_add_endpoint(struct vpc *vpc, struct ip ip)
{
    int index;
    int err = endpoint_link(vpc, ip, &index);
    return err == 0 ? unless(address_add(vpc->nl, index, (struct ip_prefix){ip, 32}), -EEXIST)
                    : err;
}

void fabric_remove_endpoint(struct vpc *vpc, struct ip ip)
{
    int index;
    if (endpoint_link(vpc, ip, &index) == 0)
        (void)!address_delete(vpc->nl, index, (struct ip_prefix){ip, 32});
}

/* The namespace as it was left, or a new one. */
static int record_holder(void *arg, pid_t pid)
{
    struct vpc *vpc = arg;
    int err = process_start_time(pid, &vpc->holder_ticks);
    if (err)
        return err;
    vpc->holder = pid;
    return vpc_state_save(vpc);
}

static int open_namespace(struct vpc *vpc)
{
    int err = 0;
    if (!process_is(vpc->holder, vpc->holder_ticks))
        err = netns_holder_start_recorded("kaname-vpc", record_holder, vpc, &vpc->holder);
    if (err == 0)
        err = netns_open_process(vpc->holder, &vpc->netns_fd);
    if (err == 0)
        err = netns_sysctl(vpc->netns_fd, "net/ipv4/ip_forward", "1");
    return err == 0 ? netlink_open(vpc->netns_fd, &vpc->nl) : err;
}

int fabric_open(struct vpc *vpc)
{
    struct link lo;
    int err = open_namespace(vpc);
    if (err == 0)
        err = link_find(vpc->nl, "lo", &lo);
    if (err == 0)
        err = link_set_up(vpc->nl, lo.index);
    for (size_t n = 0; n < vpc->subnets.count && err == 0; n++)
        err = fabric_add_subnet(vpc, &vpc->subnets.items[n]);
    for (size_t n = 0; n < vpc->endpoints.count && err == 0; n++)
        err = fabric_add_endpoint(vpc, vpc->endpoints.items[n]);
    for (size_t n = 0; n < vpc->interfaces.count && err == 0; n++) {
        const struct interface *i = &vpc->interfaces.items[n];
        /* A host that is gone took its end along; its interface waits for the host to come again.
         */
        if (process_is(i->host, i->host_ticks))
            err = fabric_add_interface(vpc, i);
    }
    return err;
}
