/* Shared by the files of vpc/: what a VPC is in memory, and its state file. */
#ifndef VPC_VPC_INTERNAL_H
#define VPC_VPC_INTERNAL_H

#include "base/vec.h"
#include "kernel/netlink.h"
#include "vpc/vpc.h"

struct subnet {
    char id[VPC_ID_BYTES];
    struct ip_prefix cidr; /* network address */
    unsigned number;       /* of the bridge: subnet-N */
    uint8_t *used;         /* owned; a bit for each address */
    uint32_t size;         /* addresses of the subnet */
    uint32_t
        next; /* where the search for a free one starts: addresses are not given again at once */
};

/* An interface of a host (port), or an endpoint address of the router (no host). */
struct interface {
    char id[VPC_ID_BYTES], subnet[VPC_ID_BYTES];
    struct ip address;
    struct mac mac;
    char device[LINK_NAME_BYTES];
    unsigned number; /* of the port: eni-N */
    unsigned addresses_max;
    bool default_route;
    pid_t host;
    uint64_t host_ticks;
    VEC(struct ip) secondary;
};

struct vpc {
    char *directory; /* owned */
    pid_t holder;
    uint64_t holder_ticks;
    int netns_fd;
    struct netlink *nl; /* owned; in the VPC's namespace */
    unsigned next_number;
    VEC(struct subnet) subnets;
    VEC(struct interface) interfaces;
    VEC(struct ip) endpoints; /* oldest first */
};

/* vpc_state.c */
int vpc_state_load(struct vpc *vpc) must_use; /* 0 when there is none */
int vpc_state_save(struct vpc *vpc) must_use;
struct subnet *vpc_add_subnet(struct vpc *vpc, const char *id, struct ip_prefix cidr,
                              unsigned number);
struct subnet *vpc_find_subnet(const struct vpc *vpc, struct str id);
struct subnet *vpc_subnet_of(const struct vpc *vpc, struct ip ip); /* NULL: none */
struct interface *vpc_find_interface(const struct vpc *vpc, struct str id);
bool subnet_take(struct subnet *s, struct ip ip); /* false: in use, reserved or not in the subnet */
bool subnet_take_next(struct subnet *s, struct ip *ret);
void subnet_give_back(struct subnet *s, struct ip ip);
struct ip subnet_router(const struct subnet *s);

/* vpc_fabric.c: what the file says, made in the kernel. Each is harmless when it is there already.
 */
int fabric_open(struct vpc *vpc) must_use;
int fabric_add_subnet(struct vpc *vpc, const struct subnet *s) must_use;
int fabric_remove_subnet(struct vpc *vpc, const struct subnet *s) must_use;
int fabric_add_interface(struct vpc *vpc, const struct interface *i) must_use;
void fabric_remove_interface(struct vpc *vpc, const struct interface *i);
int fabric_map(struct vpc *vpc, const struct interface *i, struct ip ip) must_use;
void fabric_unmap(struct vpc *vpc, const struct interface *i, struct ip ip);
int fabric_add_endpoint(struct vpc *vpc, struct ip ip) must_use;
void fabric_remove_endpoint(struct vpc *vpc, struct ip ip);

#endif
