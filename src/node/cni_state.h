/* The pool of addresses and who has them; no system call but the two files. */
#ifndef NODE_CNI_STATE_H
#define NODE_CNI_STATE_H

#include "node/cni.h"

struct allocation {
    struct ip ip;
    char *container, *device, *netns, *ns, *pod; /* owned */
};

struct cni_address {
    struct ip ip;
    bool assigned; /* by the VPC: false once it was taken from this node */
    bool used;
    uint64_t free_at_ms; /* when its rest ends */
};

struct cni_pool {
    VEC(struct cni_address) addresses;
    VEC(struct allocation) allocations;
    size_t next;
};

void pool_release(struct cni_pool *p);
/* Takes over the pool file's text: new addresses come, missing ones go once nobody has them. */
void pool_assign(struct cni_pool *p, struct str text);
struct allocation *pool_find(const struct cni_pool *p, struct str container,
                             struct str device); /* device empty: any */
/* NULL: none is free. */
struct allocation *pool_take(struct cni_pool *p, uint64_t now_ms, struct str container,
                             struct str device, struct str netns, struct str ns, struct str pod);
void pool_give_back(struct cni_pool *p, struct allocation *a, uint64_t now_ms);
size_t pool_free(const struct cni_pool *p, uint64_t now_ms);
void pool_write(const struct cni_pool *p, struct buf *out);
void pool_read(struct cni_pool *p, struct str text); /* allocations; damaged lines are left out */

#endif
