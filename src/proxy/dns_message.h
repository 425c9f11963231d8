/* DNS messages. Wraps ldns. */
#ifndef PROXY_DNS_MESSAGE_H
#define PROXY_DNS_MESSAGE_H

#include "proxy/dns_zone.h"

enum {
    DNS_UDP_BYTES = 512,
    DNS_EDNS_BYTES_MAX = 4096,
    DNS_MESSAGE_BYTES_MAX = 65535
};
enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5
};

struct dns_query {
    struct str bytes; /* the whole message; borrowed */
    struct str name;  /* lower case, without the last dot; arena */
    uint16_t id, type;
    size_t bytes_max; /* that a UDP answer may have */
    bool recursion_desired;
};

/* 0, -EBADMSG: no answer can be made, or the rcode (positive) to answer with. */
int dns_query_parse(struct arena *a, struct str bytes, struct dns_query *ret) must_use;
/* An answer in the arena. upstream: records of another server's answer that are appended (a
 * followed alias); may be empty. bytes_max 0: no limit (TCP); what doesn't fit is cut with TC set.
 */
struct str dns_answer_build(struct arena *a, const struct dns_query *query,
                            const struct dns_answer *answer, enum dns_rcode rcode,
                            struct str domain, struct str upstream, size_t bytes_max);
/* A question of our own. */
struct str dns_question_build(struct arena *a, uint16_t id, struct str name, uint16_t type);

#endif
