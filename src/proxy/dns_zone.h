/* Zone: what a name in the cluster's domain means, from Services and EndpointSlices. Pure but for
 * reading the views. */
#ifndef PROXY_DNS_ZONE_H
#define PROXY_DNS_ZONE_H

#include "client/client.h"
#include "kernel/address.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_ANY = 255
};

struct dns_record {
    struct str name; /* owner, without the last dot; arena */
    uint16_t type;
    uint32_t ttl;
    struct ip address; /* A, AAAA */
    struct str target; /* CNAME, PTR, SRV */
    uint16_t port;     /* SRV */
    uint16_t priority, weight;
};

struct dns_answer {
    struct dns_record *records, *additional; /* arena */
    size_t count, additional_count;
    bool exists; /* the name is there, if not with this type */
    bool ours;   /* the name lies in our domain (or is a reverse name of ours) */
    struct str
        alias; /* CNAME target outside of the cluster that the client has to ask for; empty: none */
};

struct dns_zone {
    struct str domain; /* "cluster.local" */
    struct view *services, *slices;
    /* Service of a cluster address: writes its namespace and name to the arena; false when there is
     * none. */
    bool (*by_address)(void *user, struct arena *a, struct ip ip, struct str *ret_ns,
                       struct str *ret_name);
    void *user;
};

/* name: lower case, without the last dot. */
void dns_zone_answer(struct arena *a, const struct dns_zone *zone, struct str name, uint16_t type,
                     struct dns_answer *ret);

enum {
    DNS_TTL_S = 5
}; /* CoreDNS's for the kubernetes plugin */

#endif
