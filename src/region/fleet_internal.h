/* The parts of the fleet: what its files share. */
#ifndef REGION_FLEET_INTERNAL_H
#define REGION_FLEET_INTERNAL_H

#include "base/map.h"
#include "client/client.h"
#include "node/host.h"
#include "region/fleet.h"
#include "vpc/vpc.h"

struct fleet {
    struct region *region; /* borrowed */
    struct vpc *vpc;       /* owned */
    struct map machines;   /* instance id -> owned struct machine */
    struct map links;      /* cluster -> owned struct cluster_link */
    struct deferred soon;  /* compares instances with machines, node groups with instances */
    struct str group;      /* owned: the control group of this data directory's hosts */
};

/* One instance's host, as this process knows it. A job in the pool owns host and texts while busy.
 */
enum machine_state {
    MACHINE_NEW,      /* not looked at yet */
    MACHINE_STARTING, /* job: the host's namespaces and services */
    MACHINE_FILLING,  /* job: images */
    MACHINE_RUNNING,
    MACHINE_STOPPING, /* job */
    MACHINE_GONE,
};

struct machine {
    struct fleet *fleet; /* borrowed */
    char *id;            /* owned: instance id, node name */
    char *directory;     /* owned */
    char *kubeconfig;    /* owned; of the agent */
    char **options;      /* owned, ended by NULL */
    struct node_host host;
    enum machine_state state;
    bool doomed; /* ends as soon as its job is done */
    int err;
    const char *step; /* that failed */
    struct timer retry;
    unsigned failures;
};

/* "/kaname-TAG": what holds the control groups of a data directory's hosts. */
struct str fleet_group(struct arena *a, const char *directory);
void machines_reconcile(struct fleet *f, struct arena *a);
/* Whether an instance's host runs and has the images that come with it. */
bool machines_filled(struct fleet *f, struct str id);
/* Whether its host is being made: it is new, or ended with this machine or by `down`. */
bool machines_starting(struct fleet *f, struct arena *a, struct str id);
/* The address of one of a cluster's running hosts, the turn-th. 0 or -ENOENT. */
int machines_address(struct fleet *f, struct arena *a, struct str cluster, unsigned turn,
                     struct ip *ret) must_use;
/* Whether it is an address of one of a cluster's hosts, or of a pod there: the fabric's word, which
 * no tenant writes. */
bool machines_have_address(struct fleet *f, struct arena *a, struct str cluster, struct ip ip);
/* Jobs on threads hold their machines, the fleet and the region. */
bool machines_have_jobs(const struct fleet *f);
void machines_free(struct fleet *f);
void nodegroups_reconcile(struct fleet *f, struct arena *a);
/* Files about a host, for `down` and for the next start. filled: it has its network and images. */
int machine_record(struct machine *m, const struct host *host, bool filled) must_use;
/* Whether it runs: then m->host is known, and *ret_filled. */
bool machine_recall(struct machine *m, bool *ret_filled) must_use;
/* 0 when the file is there and sound; the process may be gone. */
int machine_read_record(struct arena *a, const char *directory, struct node_host *ret,
                        bool *ret_filled) must_use;

/* A view of a cluster's nodes, as its administrator. */
struct cluster_link;
/* NULL while the cluster can't be reached. */
struct cluster_link *cluster_link_of(struct fleet *f, struct arena *a, struct str cluster);
bool cluster_link_node_ready(struct cluster_link *l, struct str node);
void cluster_link_delete_node(struct cluster_link *l, struct str node);
struct client *cluster_link_client(struct cluster_link *l); /* borrowed */
void cluster_link_free(struct cluster_link *l);

#endif
