/* What a region may ask its deputy (deputy.h), as bytes, and the check of every value in it.
 *
 *     OFFSET SIZE  MEANING
 *     0      1     enum deputy_request_type
 *     1            the fields of that type, in the order of the table in deputy_message.c:
 *     +0     2     length of the value in bytes, the lower byte first
 *     +2           the value, as text
 *
 * The region's process may be an intruder's, so decoding is where root decides what it hears: no
 * path, command or user but those that its own tables make from these values. A message is refused
 * as a whole when a value isn't of its form, is out of its range, is missing, or when something
 * follows the last one. */
#ifndef REGION_DEPUTY_MESSAGE_H
#define REGION_DEPUTY_MESSAGE_H

#include "kernel/address.h"

enum {
    REGION_UID = 2000000, /* of a root's region; far from people, services and container ids */
    CLUSTER_UID_FIRST = REGION_UID + 1, /* of its clusters, each another */
    CLUSTER_UID_LAST = 2999999,
};

enum deputy_request_type {
    DEPUTY_FABRIC,       /* answers the VPC's network namespace; the newest endpoints' addresses */
    DEPUTY_CREDENTIALS,  /* writes credentials.json */
    DEPUTY_CLUSTER_MAKE, /* a folder for a cluster, its user's */
    DEPUTY_CLUSTER_REMOVE,  /* with all that is in it */
    DEPUTY_SUBNET_ADD,      /* to the VPC */
    DEPUTY_ENDPOINT_ADD,    /* answers an address of the VPC for a control plane */
    DEPUTY_ENDPOINT_REMOVE, /* gives it back */
    DEPUTY_LISTEN,          /* answers a socket on such an address, or on the VPC's loopback */
    DEPUTY_CONNECT,         /* answers a socket on its way to a host or pod */
    DEPUTY_PUBLISH,         /* answers a socket on a low port of this machine's loopback */
    DEPUTY_HOST_FIND,       /* whether an instance's host runs; its addresses */
    DEPUTY_HOST_START,      /* work */
    DEPUTY_HOST_PLUG,       /* into the VPC; answers its addresses */
    DEPUTY_HOST_FILL,       /* work: the images that come with it */
    DEPUTY_HOST_STOP,       /* work: and removes its folder */
    DEPUTY_HOST_UNPLUG,     /* gives its addresses back */
    DEPUTY_REQUEST_TYPE_COUNT
};

/* Texts are borrowed from the message; what a type doesn't have is empty. */
struct deputy_request {
    enum deputy_request_type type;
    struct str cluster, instance, subnet, instance_type;
    struct ip_prefix cidr; /* within the default VPC's */
    struct ip address;     /* family 0: any */
    uint32_t port, uid;
    struct str access_key, secret_key, account, region, zone, nodegroup;
    struct ip dns;                   /* family 0: none */
    struct str labels;               /* lines of NAME=VALUE */
    struct str taints;               /* lines of NAME=VALUE:EFFECT */
    struct str ca, certificate, key; /* PEM */
};

/* 0, or -EINVAL. */
int deputy_request_decode(struct str bytes, struct deputy_request *ret) must_use;

/* Making one: begin, then a value for each field of the type in turn. */
void deputy_request_begin(struct buf *b, enum deputy_request_type type);
void deputy_request_add(struct buf *b, struct str value); /* up to 64 KiB */
void deputy_request_add_number(struct buf *b, uint64_t value);
void deputy_request_add_ip(struct buf *b, struct ip ip);

/* Whether it may be a cluster's name: a folder of that name is one below its parent. */
bool deputy_cluster_name(struct str name);

enum {
    DEPUTY_CLUSTER_BYTES = 104, /* of a name with its end */
    DEPUTY_ADDRESSES_MAX = 257, /* a host's own, and its pods' */
    DEPUTY_STEP_BYTES = 48
};

/* Answers, as they are in memory: both sides are of one program. */
struct deputy_answer {
    int32_t err; /* 0 or -errno */
    char step[DEPUTY_STEP_BYTES];
    uint32_t filled; /* of a host: it has its network and images */
    uint32_t count;
    uint32_t addresses[DEPUTY_ADDRESSES_MAX]; /* IPv4, as ip_to_u32; a host's own first */
};
/* What work ends with. */
struct deputy_result {
    int32_t err;
    char step[DEPUTY_STEP_BYTES];
};

#endif
