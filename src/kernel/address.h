/* Addresses of the network: IPv4 and IPv6 addresses, prefixes and MAC addresses as values.
 *
 * Pure: no system call, no memory. Text forms are the usual ones (RFC 5952 for IPv6, lower case hex
 * for MACs). */
#ifndef KERNEL_ADDRESS_H
#define KERNEL_ADDRESS_H

#include "base/str.h"

enum {
    ADDRESS_TEXT_BYTES = 64
};

struct ip {
    uint8_t family; /* 4 or 6; 0: none */
    uint8_t bytes[16];
};

/* An address with the length of its network part: "10.0.0.5/20" keeps the 5. */
struct ip_prefix {
    struct ip ip;
    uint8_t length; /* bits */
};

struct mac {
    uint8_t bytes[6];
};

int ip_parse(struct str text, struct ip *ret) must_use; /* -EINVAL */
int ip_prefix_parse(struct str text, struct ip_prefix *ret) must_use;
int mac_parse(struct str text, struct mac *ret) must_use;
/* Written to text (ADDRESS_TEXT_BYTES), which is returned. */
const char *ip_text(struct ip ip, char *text);
const char *ip_prefix_text(struct ip_prefix prefix, char *text);
const char *mac_text(struct mac mac, char *text);

bool ip_equal(struct ip a, struct ip b);
bool ip_prefix_contains(struct ip_prefix prefix, struct ip ip);
static inline unsigned ip_bits(struct ip ip)
{
    return ip.family == 6 ? 128 : 32;
}
static inline size_t ip_size(struct ip ip)
{
    return ip.family == 6 ? 16 : 4;
}
/* IPv4 as a number in host order, and back. */
uint32_t ip_to_u32(struct ip ip);
struct ip ip_from_u32(uint32_t number);
/* A locally administered, unicast MAC made from an IPv4 address: stable, and unique within a VPC.
 */
struct mac mac_from_ip(struct ip ip);

#endif
