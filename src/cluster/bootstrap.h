/* Bootstrap: the objects that every cluster has from its first moment. Internal to cluster/. */
#ifndef CLUSTER_BOOTSTRAP_H
#define CLUSTER_BOOTSTRAP_H

#include "base/arena.h"
#include "store/store.h"
#include "sys/loop.h"

struct bootstrap {
    struct loop *loop;
    struct store *store;
    struct str service_cidr, service_address; /* of the kubernetes Service */
    struct str advertise_address;
    uint16_t port;
    struct str ca_pem, front_proxy_ca_pem;
};
/* Makes what is missing, and brings the kubernetes Service's endpoints up to date. 0 or -errno. */
int bootstrap_objects_make(const struct bootstrap *b) must_use;

#endif
