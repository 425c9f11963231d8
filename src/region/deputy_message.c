#include "region/deputy_message.h"

#include <errno.h>

#include "region/default_vpc.h"

enum {
    CLUSTER_NAME_MAX = 100,
    LABEL_NAME_MAX = 317, /* with its prefix */
    LABEL_VALUE_MAX = 63,
    LINES_MAX = 100,
    PEM_BYTES_MAX = 8 << 10,
    FIELDS_MAX = 16,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and these, the first a letter or digit; 1 to max bytes. */
static bool is_word(struct str s, const char *others, size_t max)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_digit(s.data[i]) && !is_letter(s.data[i]) &&
            (i == 0 || !s.data[i] || !strchr(others, s.data[i])))
            return false;
    return s.len > 0 && s.len <= max;
}

/* "i-" and 17 digits: as this program makes them. */
static bool is_id(struct str s, const char *prefix)
{
    size_t at = strlen(prefix);
    if (!str_starts(s, prefix) || s.len != at + 17)
        return false;
    for (; at < s.len; at++)
        if (!is_digit(s.data[at]) && (s.data[at] < 'a' || s.data[at] > 'f'))
            return false;
    return true;
}

bool deputy_cluster_name(struct str name)
{
    return is_word(name, "-_", CLUSTER_NAME_MAX);
}

static bool take_cluster(struct str s, void *ret)
{
    *(struct str *)ret = s;
    return deputy_cluster_name(s);
}

static bool take_instance(struct str s, void *ret)
{
    *(struct str *)ret = s;
    return is_id(s, "i-");
}

static bool take_subnet(struct str s, void *ret)
{
    *(struct str *)ret = s;
    return is_id(s, "subnet-");
}

/* As short a prefix as the VPC's at most. */
static bool is_in_vpc(struct ip ip, unsigned length)
{
    struct ip_prefix all;
    return ip_prefix_parse(STR(DEFAULT_VPC_CIDR), &all) == 0 && length >= all.length &&
           ip_prefix_contains(all, ip);
}

static bool take_cidr(struct str s, void *ret)
{
    struct ip_prefix *cidr = ret;
    return ip_prefix_parse(s, cidr) == 0 && cidr->ip.family == 4 && cidr->length <= 28 &&
           is_in_vpc(cidr->ip, cidr->length);
}

static bool take_ip(struct str s, void *ret)
{
    struct ip *ip = ret;
    return ip_parse(s, ip) == 0 && ip->family == 4;
}

static bool take_vpc_ip(struct str s, void *ret)
{
    return take_ip(s, ret) && is_in_vpc(*(struct ip *)ret, 32);
}

static bool take_ip_or_none(struct str s, void *ret)
{
    return str_empty(s) || take_ip(s, ret);
}

static bool take_number(struct str s, uint64_t min, uint64_t max, void *ret)
{
    uint64_t number;
    if (str_to_u64(s, &number) || number < min || number > max)
        return false;
    *(uint32_t *)ret = (uint32_t)number;
    return true;
}

static bool take_port(struct str s, void *ret)
{
    return take_number(s, 1, 65535, ret);
}

/* Others need no root. */
static bool take_low_port(struct str s, void *ret)
{
    return take_number(s, 1, 1023, ret);
}

static bool take_uid(struct str s, void *ret)
{
    return take_number(s, CLUSTER_UID_FIRST, CLUSTER_UID_LAST, ret);
}

static bool take_word(struct str s, void *ret)
{
    *(struct str *)ret = s;
    return str_empty(s) || is_word(s, "-_.", CLUSTER_NAME_MAX);
}

static bool take_secret(struct str s, void *ret)
{
    *(struct str *)ret = s;
    for (size_t i = 0; i < s.len; i++)
        if (!is_digit(s.data[i]) && !is_letter(s.data[i]) && s.data[i] != '+' && s.data[i] != '/')
            return false;
    return s.len > 0 && s.len <= 128;
}

static bool is_pair(struct str line)
{
    struct str name = str_cut(&line, '=');
    return line.data && is_word(name, "-_./", LABEL_NAME_MAX) &&
           (str_empty(line) || is_word(line, "-_.", LABEL_VALUE_MAX));
}

static bool is_taint(struct str line)
{
    static const char *const effects[] = {"NoSchedule", "NoExecute", "PreferNoSchedule"};
    struct str pair = str_cut(&line, ':');
    for (size_t i = 0; i < ARRAY_COUNT(effects); i++)
        if (str_is(line, effects[i]))
            return is_pair(pair);
    return false;
}

static bool take_lines(struct str s, bool (*is_one)(struct str line), void *ret)
{
    size_t count = 0;
    *(struct str *)ret = s;
    while (s.len)
        if (count++ == LINES_MAX || !is_one(str_cut(&s, '\n')))
            return false;
    return true;
}

static bool take_labels(struct str s, void *ret)
{
    return take_lines(s, is_pair, ret);
}

static bool take_taints(struct str s, void *ret)
{
    return take_lines(s, is_taint, ret);
}

/* Printable text in lines: it is encoded before it goes into a file. */
static bool take_pem(struct str s, void *ret)
{
    *(struct str *)ret = s;
    for (size_t i = 0; i < s.len; i++)
        if ((s.data[i] < ' ' || s.data[i] > '~') && s.data[i] != '\n')
            return false;
    return str_starts(s, "-----BEGIN ") && s.len <= PEM_BYTES_MAX;
}

struct field {
    size_t offset;
    bool (*take)(struct str text, void *ret);
};
#define FIELD(member, form)                                                                        \
    {                                                                                              \
        offsetof(struct deputy_request, member), take_##form                                       \
    }

static const struct field fields[DEPUTY_REQUEST_TYPE_COUNT][FIELDS_MAX] = {
    [DEPUTY_FABRIC] = {{0}},
    [DEPUTY_CREDENTIALS] = {FIELD(access_key, word), FIELD(secret_key, secret),
                            FIELD(account, word), FIELD(region, word)},
    [DEPUTY_CLUSTER_MAKE] = {FIELD(cluster, cluster), FIELD(uid, uid)},
    [DEPUTY_CLUSTER_REMOVE] = {FIELD(cluster, cluster)},
    [DEPUTY_SUBNET_ADD] = {FIELD(subnet, subnet), FIELD(cidr, cidr)},
    [DEPUTY_ENDPOINT_ADD] = {FIELD(subnet, subnet), FIELD(address, ip_or_none)},
    [DEPUTY_ENDPOINT_REMOVE] = {FIELD(address, ip)},
    [DEPUTY_LISTEN] = {FIELD(address, ip), FIELD(port, port)},
    [DEPUTY_CONNECT] = {FIELD(address, ip), FIELD(port, port)},
    [DEPUTY_PUBLISH] = {FIELD(port, low_port)},
    [DEPUTY_HOST_FIND] = {FIELD(instance, instance)},
    [DEPUTY_HOST_START] = {FIELD(instance, instance), FIELD(instance_type, word),
                           FIELD(nodegroup, word), FIELD(region, word), FIELD(zone, word),
                           FIELD(labels, labels), FIELD(taints, taints), FIELD(dns, ip_or_none),
                           FIELD(address, vpc_ip), FIELD(port, port), FIELD(ca, pem),
                           FIELD(certificate, pem), FIELD(key, pem)},
    [DEPUTY_HOST_PLUG] = {FIELD(instance, instance), FIELD(instance_type, word),
                          FIELD(subnet, subnet)},
    [DEPUTY_HOST_FILL] = {FIELD(instance, instance)},
    [DEPUTY_HOST_STOP] = {FIELD(instance, instance)},
    [DEPUTY_HOST_UNPLUG] = {FIELD(instance, instance)},
};

/* The next value; false when the bytes end before it does. */
static bool next_value(struct str *rest, struct str *ret)
{
    if (rest->len < 2)
        return false;
    size_t size = (size_t)(uint8_t)rest->data[0] | (size_t)(uint8_t)rest->data[1] << 8;
    if (size > rest->len - 2)
        return false;
    *ret = str_slice(*rest, 2, 2 + size);
    *rest = str_slice(*rest, 2 + size, rest->len);
    return true;
}

int deputy_request_decode(struct str bytes, struct deputy_request *ret)
{
    struct deputy_request request = {0};
    if (bytes.len == 0 || (uint8_t)bytes.data[0] >= DEPUTY_REQUEST_TYPE_COUNT)
        return -EINVAL;
    request.type = (enum deputy_request_type)bytes.data[0];
    bytes = str_slice(bytes, 1, bytes.len);
    for (const struct field *f = fields[request.type]; f->take; f++) {
        struct str value;
        if (!next_value(&bytes, &value) || !f->take(value, (char *)&request + f->offset))
            return -EINVAL;
    }
    if (bytes.len)
        return -EINVAL;
    *ret = request;
    return 0;
}

void deputy_request_begin(struct buf *b, enum deputy_request_type type)
{
    buf_clear(b);
    buf_putc(b, (char)type);
}

void deputy_request_add(struct buf *b, struct str value)
{
    assert(value.len <= UINT16_MAX);
    buf_putc(b, (char)(value.len & 0xff));
    buf_putc(b, (char)(value.len >> 8));
    buf_add(b, value);
}

void deputy_request_add_number(struct buf *b, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    deputy_request_add(b, str_from(text));
}

void deputy_request_add_ip(struct buf *b, struct ip ip)
{
    char text[ADDRESS_TEXT_BYTES];
    deputy_request_add(b, ip.family ? str_from(ip_text(ip, text)) : STR(""));
}
