/* Fleet: the region's VPC and the hosts in it that are its instances.
 *
 * Instances are objects: node groups want a number of them, the fleet makes a host for each
 * (node/host.h) and ends hosts whose instance is gone. Hosts outlive the region's process: they are
 * found again by what their instance's status says. */
#ifndef REGION_FLEET_H
#define REGION_FLEET_H

#include "kernel/address.h"
#include "region/region_internal.h"

/* Of a region with a deputy. NULL with a text for people; the caller goes on without nodes then. */
struct fleet *fleet_new(struct region *r, const char **ret_error);
void fleet_free(struct fleet *f); /* hosts stay */

/* The VPC's network namespace, where clusters live and dial nodes from. Borrowed. */
int fleet_netns_fd(const struct fleet *f);
/* A listening socket for a cluster's API server inside the VPC, at an address of its own that is
 * kept in the cluster's object (spec.internal.vpcAddress). 0 or -errno. */
int fleet_listen(struct fleet *f, struct arena *a, struct node *cluster, int *ret_fd) must_use;
/* A listening socket on loopback inside the VPC's namespace: for processes of control planes only.
 */
int fleet_listen_loopback(struct fleet *f, uint16_t port, int *ret_fd) must_use;
/* A socket that is on its way to a host or a pod. 0 or -errno. */
int fleet_connect(struct fleet *f, struct ip address, uint16_t port, int *ret_fd) must_use;
/* Gives back what a cluster had. */
void fleet_forget_cluster(struct fleet *f, struct arena *a, struct str cluster);

#endif
