/* The parts of the fleet: what its files share. */
#ifndef REGION_FLEET_INTERNAL_H
#define REGION_FLEET_INTERNAL_H

#include "base/map.h"
#include "client/client.h"
#include "kernel/address.h"
#include "region/deputy.h"
#include "region/fleet.h"

struct fleet {
    struct region *region; /* borrowed */
    int netns_fd;          /* owned; the VPC's */
    struct map machines;   /* instance id -> owned struct machine */
    struct map links;      /* cluster -> owned struct cluster_link */
    struct deferred soon;  /* compares instances with machines, node groups with instances */
    unsigned working;      /* machines with work under way */
};

/* One instance's host, as this process knows it: the deputy makes and ends it. */
enum machine_state {
    MACHINE_NEW,      /* not looked at yet */
    MACHINE_STARTING, /* work: the host's namespaces and services */
    MACHINE_FILLING,  /* work: images */
    MACHINE_RUNNING,
    MACHINE_STOPPING, /* work */
};

struct machine {
    struct fleet *fleet; /* borrowed */
    char *id;            /* owned: instance id, node name */
    enum machine_state state;
    struct deputy_work *work; /* owned */
    struct ip *addresses;     /* owned; the host's own first, then those for its pods */
    size_t address_count;
    struct timer retry;
    unsigned failures;
};

void machines_reconcile(struct fleet *f, struct arena *a);
/* Whether an instance's host runs and has the images that come with it. */
bool machines_filled(struct fleet *f, struct str id);
/* Whether its host is being made: it is new, or ended with this machine or by `down`. */
bool machines_starting(struct fleet *f, struct str id);
/* The address of one of a cluster's running hosts, the turn-th. 0 or -ENOENT. */
int machines_address(struct fleet *f, struct arena *a, struct str cluster, unsigned turn,
                     struct ip *ret) must_use;
/* Whether it is an address of one of a cluster's hosts, or of a pod there: the fabric's word, which
 * no tenant writes. */
bool machines_have_address(struct fleet *f, struct arena *a, struct str cluster, struct ip ip);
void machines_free(struct fleet *f);
void nodegroups_reconcile(struct fleet *f, struct arena *a);

/* A view of a cluster's nodes, as its administrator. */
struct cluster_link;
/* NULL while the cluster can't be reached. */
struct cluster_link *cluster_link_of(struct fleet *f, struct arena *a, struct str cluster);
bool cluster_link_node_ready(struct cluster_link *l, struct str node);
void cluster_link_delete_node(struct cluster_link *l, struct str node);
struct client *cluster_link_client(struct cluster_link *l); /* borrowed */
void cluster_link_free(struct cluster_link *l);

#endif
