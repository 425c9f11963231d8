/* Pod networks: addresses of this node's interfaces handed to pods, and the links and routes that
 * make them work.
 *
 * The pool holds the secondary addresses that the VPC assigned to this node, read from a file that
 * whoever assigns them replaces. A pod gets one of them as /32 on eth0, with 169.254.1.1 as its
 * gateway (a static neighbour: the host's end), and a /32 route in the host. No rule is added per
 * pod and no packet is changed on its way. Names are those of the original: eni + 11 hex digits of
 * SHA-1 of "NAMESPACE.POD". Invariants: 1. an address belongs to one (container, interface) at
 * most; 2. a released address rests CNI_COOLDOWN_MS
 * before it is given again, as long as there is another; 3. the state file says
 * every allocation before the plug-in answers, so a restart knows them. */
#ifndef NODE_CNI_H
#define NODE_CNI_H

#include "base/map.h"
#include "base/vec.h"
#include "kernel/netlink.h"
#include "object/tree.h"
#include "sys/loop.h"

enum {
    CNI_COOLDOWN_MS = 30000,
    CNI_MTU = 9001
};

struct cni_config {
    struct loop *loop;
    const char *socket_path; /* where the plug-in calls */
    const char *pool_path;   /* a line an address */
    const char *state_path;  /* allocations */
    int netns_fd;            /* the host's; -1: this process's */
};

struct cni_pod {
    struct ip ip;
    struct str netns_path; /* of the pod; valid until it is released */
};

struct cni;
struct cni *cni_open(const struct cni_config *config, int *ret_error);
void cni_close(struct cni *c);
/* By the sandbox's id. */
bool cni_find(const struct cni *c, struct str container, struct cni_pod *ret);
size_t cni_pool_size(const struct cni *c); /* addresses in all */
size_t cni_pool_free(struct cni *c);       /* that could be given now */
/* Gives back what belongs to none of the sandboxes that exist: what a lost DEL left behind. */
void cni_collect(struct cni *c, const struct map *sandboxes);
/* Called with every pod's address before its first packet (added) and after its last: for policy.
 * May be NULL. */
void cni_on_change(struct cni *c,
                   void (*fn)(void *arg, struct ip ip, struct str ns, struct str pod, bool added),
                   void *arg);

/* One plug-in call: request as cni_plugin.h says; the answer is appended. For the socket, and
 * tests. */
void cni_serve(struct cni *c, struct str request, struct buf *ret_answer);

#endif
