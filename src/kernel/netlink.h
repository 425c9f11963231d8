/* Netlink: links, addresses, routes, rules and neighbours of one network namespace. Wraps libmnl.
 *
 * A struct netlink is a socket that belongs to a namespace for its whole life, so one thread can
 * work in many. Calls are synchronous: each sends one message and waits for the kernel's
 * acknowledgement (10 to 500 us). Every function answers 0 or -errno as the kernel gave it; -EEXIST
 * and -ENODEV, -ESRCH are for callers that want "there already" or "gone already". */
#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

#include "kernel/address.h"

enum {
    LINK_NAME_BYTES = 16
};

struct netlink;
/* netns_fd: the namespace to work in; -1: the caller's. */
int netlink_open(int netns_fd, struct netlink **ret) must_use;
void netlink_close(struct netlink *nl); /* NULL is allowed */

struct link {
    char name[LINK_NAME_BYTES];
    char kind[LINK_NAME_BYTES]; /* "veth", "bridge"; empty for devices without one */
    int index;
    int master; /* index of the bridge; 0: none */
    struct mac mac;
    uint32_t mtu;
    bool up;
};
int link_find(struct netlink *nl, const char *name, struct link *ret) must_use; /* -ENODEV */
int link_each(struct netlink *nl, void (*fn)(void *arg, const struct link *link),
              void *arg) must_use;
int link_add_bridge(struct netlink *nl, const char *name, struct mac mac) must_use;
struct veth {
    const char *name;
    struct mac mac;
    uint32_t mtu; /* 0: the default */
    const char *peer_name;
    struct mac peer_mac;
    int peer_netns_fd; /* -1: the same namespace */
};
int link_add_veth(struct netlink *nl, const struct veth *veth) must_use;
int link_set_up(struct netlink *nl, int index) must_use;
int link_set_master(struct netlink *nl, int index, int master) must_use;
/* A bridge port that learns nothing and floods nothing: who sits behind it is said by fdb_set, and
 * the bridge answers ARP and neighbour requests for the addresses that neighbour_set named. */
int link_set_fabric_port(struct netlink *nl, int index) must_use;
int link_delete(struct netlink *nl, int index) must_use;

int address_add(struct netlink *nl, int index, struct ip_prefix address) must_use;
int address_delete(struct netlink *nl, int index, struct ip_prefix address) must_use;

struct route {
    struct ip_prefix to; /* length 0: the default route */
    struct ip gateway;   /* family 0: none */
    struct ip source;    /* preferred source; family 0: none */
    int index;           /* outgoing link */
    uint32_t table;      /* 0: main */
    bool on_link;        /* the gateway is reachable although no address says so */
};
int route_add(struct netlink *nl,
              const struct route *route) must_use; /* replaces one to the same destination */
int route_delete(struct netlink *nl, const struct route *route) must_use;
int route_each(struct netlink *nl, uint32_t table, void (*fn)(void *arg, const struct route *route),
               void *arg) must_use;

struct rule {
    uint32_t priority;
    uint32_t table;
    uint32_t mark, mask;   /* mask 0: any */
    struct ip_prefix from; /* family 0: any */
    struct ip_prefix to;
};
int rule_add(struct netlink *nl, const struct rule *rule) must_use;
int rule_delete(struct netlink *nl, const struct rule *rule) must_use;

/* A permanent neighbour entry. */
int neighbour_set(struct netlink *nl, int index, struct ip ip, struct mac mac) must_use;
int neighbour_delete(struct netlink *nl, int index, struct ip ip) must_use;
/* A static entry of a bridge's forwarding table: mac sits behind port `index`. */
int fdb_set(struct netlink *nl, int index, struct mac mac) must_use;
int fdb_delete(struct netlink *nl, int index, struct mac mac) must_use;

#endif
