/* A VPC: a network namespace of its own with a bridge for each subnet and the router between them.
 *
 *        host n1 [eth0]        host n2 [eth0]      control plane's listening sockets
 *             |                     |                       |
 *        eni-1 port            eni-2 port             addresses of the router
 *        -----+---------------------+-----  subnet-1 (bridge)  --- router (ip_forward) --- subnet-2
 * (bridge)
 *
 * The fabric knows who is where, as the real one does: ports learn nothing and flood nothing; a
 * permanent neighbour entry for every assigned address and a static forwarding entry for every
 * interface make the bridge answer ARP itself and send frames to one port only. An address that is
 * not assigned to an interface is unreachable, whatever a host claims.
 *
 * Nothing lies in the namespace that kaname runs in. The VPC's namespace is held by a small
 * process, so it outlives this one; the state is a text file in the directory, from which
 * everything is found or built again. Invariants:
 * 1. An address has at most one interface. The first four addresses and the last of a subnet are
 * never given out; the first of them (network + 1) is the router.
 * 2. What the file says is in the kernel, or is made at the next vpc_open.
 * 3. An interface has at most its instance type's addresses.
 * All functions answer 0 or -errno. Calls take milliseconds at most and run on the caller's thread.
 */
#ifndef VPC_VPC_H
#define VPC_VPC_H

#include "kernel/address.h"

enum {
    VPC_ID_BYTES = 40
};

struct vpc;

/* Opens what the directory says, or makes a VPC without subnets there. The namespace exists when
 * this returns. */
int vpc_open(const char *directory, struct vpc **ret) must_use;
void vpc_close(struct vpc *vpc); /* everything stays as it is */
/* Ends the namespace and forgets the state. Hosts lose their interfaces. */
int vpc_delete(struct vpc *vpc) must_use;
int vpc_netns_fd(const struct vpc *vpc); /* borrowed: to dial nodes from, to listen in */
pid_t vpc_holder(const struct vpc *vpc); /* process whose network namespace it is */

int vpc_subnet_add(struct vpc *vpc, const char *id,
                   struct ip_prefix cidr) must_use; /* -EEXIST, -EINVAL */
int vpc_subnet_remove(struct vpc *vpc,
                      const char *id) must_use; /* -ENOENT, -EBUSY while it has interfaces */
/* The same for who alone knows which subnets there are: those of other ids that overlap and that
 * nobody uses give way. A region that is killed may have made them before its own state was
 * durable. -EEXIST: it is there; -EBUSY. */
int vpc_subnet_claim(struct vpc *vpc, const char *id, struct ip_prefix cidr) must_use;
unsigned vpc_subnet_free(const struct vpc *vpc, const char *id); /* addresses left */

struct vpc_interface_config {
    const char *id; /* "eni-0123..." */
    const char *subnet;
    struct ip address;      /* primary; family 0: the next free */
    pid_t host;             /* process in the host's network namespace */
    const char *device;     /* name there: "eth0" */
    bool default_route;     /* the host's way out */
    unsigned addresses_max; /* of the instance type, primary included; 0: no limit */
};
struct vpc_interface {
    char id[VPC_ID_BYTES], subnet[VPC_ID_BYTES];
    struct ip_prefix address; /* with the subnet's length */
    struct ip router;
    struct mac mac;
};
/* Makes the interface and plugs it into the host; an interface of that id which is there already
 * moves to this host with its addresses. -ENOENT: no such subnet; -ENOSPC: subnet full;
 * -EADDRINUSE. */
int vpc_interface_attach(struct vpc *vpc, const struct vpc_interface_config *config,
                         struct vpc_interface *ret) must_use;
int vpc_interface_detach(struct vpc *vpc, const char *id) must_use; /* gives its addresses back */
int vpc_interface_find(const struct vpc *vpc, const char *id, struct vpc_interface *ret) must_use;

/* Secondary addresses of an interface: as many of count as its limit and the subnet allow;
 * *ret_count may be less, 0 gives -ENOSPC. */
int vpc_addresses_assign(struct vpc *vpc, const char *interface, unsigned count, struct ip *ret,
                         unsigned *ret_count) must_use;
int vpc_address_unassign(struct vpc *vpc, const char *interface, struct ip address) must_use;
void vpc_addresses_each(const struct vpc *vpc, const char *interface,
                        void (*fn)(void *arg, struct ip address), void *arg);

/* An address of the router itself, for sockets of the control plane: ret is the one asked for, or
 * the next free (family 0). */
int vpc_endpoint_add(struct vpc *vpc, const char *subnet, struct ip wanted,
                     struct ip *ret) must_use;
int vpc_endpoint_remove(struct vpc *vpc, struct ip address) must_use;
/* The newest of them, as many as max, oldest first. How many. */
size_t vpc_endpoints_newest(const struct vpc *vpc, struct ip *ret, size_t max);
/* Whether it is an endpoint's address; whether it is one of an interface, or secondary there. */
bool vpc_has_endpoint(const struct vpc *vpc, struct ip address);
bool vpc_has_address(const struct vpc *vpc, struct ip address);
/* A listening socket inside the VPC, on an address of vpc_endpoint_add. */
int vpc_listen(struct vpc *vpc, struct ip address, uint16_t port, int *ret_fd) must_use;

#endif
