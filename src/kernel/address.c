#include <arpa/inet.h>
#include <errno.h>

#include "kernel/address.h"

int ip_parse(struct str text, struct ip *ret)
{
    char copy[ADDRESS_TEXT_BYTES];
    struct ip ip = {0};
    if (text.len == 0 || text.len >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    ip.family = strchr(copy, ':') ? 6 : 4;
    if (inet_pton(ip.family == 6 ? AF_INET6 : AF_INET, copy, ip.bytes) != 1)
        return -EINVAL;
    *ret = ip;
    return 0;
}

int ip_prefix_parse(struct str text, struct ip_prefix *ret)
{
    struct ip_prefix prefix;
    uint64_t length;
    ssize_t slash = str_find(text, '/');
    if (slash < 0 || ip_parse(str_slice(text, 0, (size_t)slash), &prefix.ip) < 0)
        return -EINVAL;
    if (str_to_u64(str_slice(text, (size_t)slash + 1, text.len), &length) < 0 ||
        length > ip_bits(prefix.ip))
        return -EINVAL;
    prefix.length = (uint8_t)length;
    *ret = prefix;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int mac_parse(struct str text, struct mac *ret)
{
    struct mac mac;
    if (text.len != 17)
        return -EINVAL;
    for (size_t i = 0; i < 6; i++) {
        int high = hex_digit(text.data[3 * i]), low = hex_digit(text.data[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 5 && text.data[3 * i + 2] != ':'))
            return -EINVAL;
        mac.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *ret = mac;
    return 0;
}

const char *ip_text(struct ip ip, char *text)
{
    text[0] = 0;
    if (ip.family)
        inet_ntop(ip.family == 6 ? AF_INET6 : AF_INET, ip.bytes, text, ADDRESS_TEXT_BYTES);
    return text;
}

const char *ip_prefix_text(struct ip_prefix prefix, char *text)
{
    ip_text(prefix.ip, text);
    size_t len = strlen(text);
    snprintf(text + len, ADDRESS_TEXT_BYTES - len, "/%u", prefix.length);
    return text;
}

const char *mac_text(struct mac mac, char *text)
{
    const uint8_t *b = mac.bytes;
    snprintf(text, ADDRESS_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
             b[4], b[5]);
    return text;
}

bool ip_equal(struct ip a, struct ip b)
{
    return a.family == b.family && memcmp(a.bytes, b.bytes, ip_size(a)) == 0;
}

bool ip_prefix_contains(struct ip_prefix prefix, struct ip ip)
{
    if (prefix.ip.family != ip.family)
        return false;
    unsigned whole = prefix.length / 8, rest = prefix.length % 8;
    if (memcmp(prefix.ip.bytes, ip.bytes, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return rest == 0 || ((prefix.ip.bytes[whole] ^ ip.bytes[whole]) & mask) == 0;
}

uint32_t ip_to_u32(struct ip ip)
{
    return (uint32_t)ip.bytes[0] << 24 | (uint32_t)ip.bytes[1] << 16 | (uint32_t)ip.bytes[2] << 8 |
           ip.bytes[3];
}

struct ip ip_from_u32(uint32_t number)
{
    return (struct ip){
        .family = 4,
        .bytes = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                  (uint8_t)number},
    };
}

struct mac mac_from_ip(struct ip ip)
{
    return (struct mac){{0x02, 0x6b, ip.bytes[0], ip.bytes[1], ip.bytes[2], ip.bytes[3]}};
}
