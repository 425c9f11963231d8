/* Requests are built in one buffer on the stack; each function names its message, its attributes,
 * and sends. */
#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "kernel/namespace.h"
#include "kernel/netlink.h"
#include "kernel/replies.h"

enum {
    MESSAGE_BYTES = 2048,
    ANSWER_BYTES = 32 << 10
};

struct netlink {
    struct mnl_socket *socket; /* owned */
    uint32_t sequence;
    uint32_t port;
};

int netlink_open(int netns_fd, struct netlink **ret)
{
    struct netns_visit visit;
    int err = netns_enter(netns_fd, &visit);
    if (err < 0)
        return err;
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int open_error = socket ? 0 : -errno;
    netns_leave(&visit);
    if (!socket)
        return open_error;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        err = -errno;
        mnl_socket_close(socket);
        return err;
    }
    struct netlink *nl = mem_alloc(sizeof(*nl));
    nl->socket = socket;
    nl->port = mnl_socket_get_portid(socket);
    *ret = nl;
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (!nl)
        return;
    mnl_socket_close(nl->socket);
    mem_free(nl);
}

static struct nlmsghdr *request(char *buffer, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    return message;
}

static int exchange(struct netlink *nl, struct nlmsghdr *message, mnl_cb_t fn, void *arg)
{
    char answer[ANSWER_BYTES];
    message->nlmsg_seq = ++nl->sequence;
    if (mnl_socket_sendto(nl->socket, message, message->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t size = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return -errno;
        int more = mnl_cb_run(answer, (size_t)size, nl->sequence, nl->port, fn, arg);
        if (more < 0)
            return -errno;
        if (more == MNL_CB_STOP)
            return 0;
    }
}

static int change(struct netlink *nl, struct nlmsghdr *message)
{
    message->nlmsg_flags |= NLM_F_ACK;
    return exchange(nl, message, NULL, NULL);
}

static void put_ip(struct nlmsghdr *message, uint16_t type, struct ip ip)
{
    mnl_attr_put(message, type, ip_size(ip), ip.bytes);
}

static uint8_t family_of(struct ip ip)
{
    return ip.family == 6 ? AF_INET6 : AF_INET;
}

/* Links. */

struct link_reader {
    void (*fn)(void *arg, const struct link *link);
    void *arg;
};

static void read_name(const struct nlattr *attr, char ret[LINK_NAME_BYTES])
{
    snprintf(ret, LINK_NAME_BYTES, "%.*s", (int)mnl_attr_get_payload_len(attr),
             mnl_attr_get_str(attr));
}

static void read_kind(const struct nlattr *info, struct link *link)
{
    const struct nlattr *attr;
    mnl_attr_for_each_nested(attr, info)
    {
        if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
            read_name(attr, link->kind);
    }
}

bool reply_link(const struct nlmsghdr *m, struct link *ret)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(m);
    if (m->nlmsg_type != RTM_NEWLINK || !reply_has(m, sizeof(*info)))
        return false;
    struct link link = {.index = info->ifi_index, .up = info->ifi_flags & IFF_UP};
    const struct nlattr *attr;
    mnl_attr_for_each(attr, m, sizeof(*info))
    {
        switch (mnl_attr_get_type(attr)) {
        case IFLA_IFNAME: read_name(attr, link.name); break;
        case IFLA_MASTER: reply_value(attr, &link.master, sizeof(link.master)); break;
        case IFLA_MTU: reply_value(attr, &link.mtu, sizeof(link.mtu)); break;
        case IFLA_LINKINFO: read_kind(attr, &link); break;
        case IFLA_ADDRESS: reply_value(attr, link.mac.bytes, sizeof(link.mac.bytes)); break;
        default: break;
        }
    }
    *ret = link;
    return true;
}

static int read_link(const struct nlmsghdr *message, void *arg)
{
    const struct link_reader *reader = arg;
    struct link link;
    if (reply_link(message, &link))
        reader->fn(reader->arg, &link);
    return MNL_CB_OK;
}

static void keep_link(void *arg, const struct link *link)
{
    *(struct link *)arg = *link;
}

int link_find(struct netlink *nl, const char *name, struct link *ret)
{
    char buffer[MESSAGE_BYTES];
    struct link found = {0};
    struct link_reader reader = {keep_link, &found};
    struct nlmsghdr *message = request(buffer, RTM_GETLINK, NLM_F_ACK);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    int err = exchange(nl, message, read_link, &reader);
    if (err == 0)
        *ret = found;
    return err;
}

int link_each(struct netlink *nl, void (*fn)(void *arg, const struct link *link), void *arg)
{
    char buffer[MESSAGE_BYTES];
    struct link_reader reader = {fn, arg};
    struct nlmsghdr *message = request(buffer, RTM_GETLINK, NLM_F_DUMP);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    return exchange(nl, message, read_link, &reader);
}

static struct nlmsghdr *link_request(char *buffer, uint16_t type, uint16_t flags, int index)
{
    struct nlmsghdr *message = request(buffer, type, flags);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    return message;
}

int link_add_bridge(struct netlink *nl, const char *name, struct mac mac)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = link_request(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac.bytes), mac.bytes);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(message, info);
    return change(nl, message);
}

int link_add_veth(struct netlink *nl, const struct veth *veth)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = link_request(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(message, IFLA_IFNAME, veth->name);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(veth->mac.bytes), veth->mac.bytes);
    if (veth->mtu)
        mnl_attr_put_u32(message, IFLA_MTU, veth->mtu);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
    struct ifinfomsg *peer_info = mnl_nlmsg_put_extra_header(message, sizeof(*peer_info));
    memset(peer_info, 0, sizeof(*peer_info));
    mnl_attr_put_strz(message, IFLA_IFNAME, veth->peer_name);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(veth->peer_mac.bytes), veth->peer_mac.bytes);
    if (veth->mtu)
        mnl_attr_put_u32(message, IFLA_MTU, veth->mtu);
    if (veth->peer_netns_fd >= 0)
        mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    return change(nl, message);
}

int link_set_up(struct netlink *nl, int index)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = request(buffer, RTM_NEWLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
    return change(nl, message);
}

int link_set_master(struct netlink *nl, int index, int master)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = link_request(buffer, RTM_NEWLINK, 0, index);
    mnl_attr_put_u32(message, IFLA_MASTER, (uint32_t)master);
    return change(nl, message);
}

int link_set_fabric_port(struct netlink *nl, int index)
{
    static const struct {
        uint16_t type;
        uint8_t value;
    } flags[] = {
        {IFLA_BRPORT_LEARNING, 0},    {IFLA_BRPORT_UNICAST_FLOOD, 0}, {IFLA_BRPORT_MCAST_FLOOD, 0},
        {IFLA_BRPORT_BCAST_FLOOD, 0}, {IFLA_BRPORT_PROXYARP, 1},
    };
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = request(buffer, RTM_SETLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->ifi_family = AF_BRIDGE;
    info->ifi_index = index;
    struct nlattr *nest = mnl_attr_nest_start(message, IFLA_PROTINFO);
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
        mnl_attr_put_u8(message, flags[i].type, flags[i].value);
    mnl_attr_nest_end(message, nest);
    return change(nl, message);
}

int link_delete(struct netlink *nl, int index)
{
    char buffer[MESSAGE_BYTES];
    return change(nl, link_request(buffer, RTM_DELLINK, 0, index));
}

/* Addresses. */

static int address_change(struct netlink *nl, uint16_t type, uint16_t flags, int index,
                          struct ip_prefix address)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = request(buffer, type, flags);
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->ifa_family = family_of(address.ip);
    info->ifa_prefixlen = address.length;
    info->ifa_index = (uint32_t)index;
    if (address.ip.family == 6)
        info->ifa_flags = IFA_F_NODAD;
    put_ip(message, IFA_LOCAL, address.ip);
    put_ip(message, IFA_ADDRESS, address.ip);
    return change(nl, message);
}

int address_add(struct netlink *nl, int index, struct ip_prefix address)
{
    return address_change(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address);
}

int address_delete(struct netlink *nl, int index, struct ip_prefix address)
{
    return address_change(nl, RTM_DELADDR, 0, index, address);
}

/* Routes. */

static int route_change(struct netlink *nl, uint16_t type, uint16_t flags,
                        const struct route *route)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = request(buffer, type, flags);
    struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->rtm_family = family_of(route->to.ip);
    info->rtm_dst_len = route->to.length;
    info->rtm_table = RT_TABLE_UNSPEC;
    info->rtm_protocol = RTPROT_STATIC;
    info->rtm_scope = route->gateway.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    info->rtm_type = RTN_UNICAST;
    if (type == RTM_DELROUTE)
        info->rtm_scope = RT_SCOPE_NOWHERE;
    if (route->on_link)
        info->rtm_flags |= RTNH_F_ONLINK;
    mnl_attr_put_u32(message, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
    if (route->to.length)
        put_ip(message, RTA_DST, route->to.ip);
    if (route->gateway.family)
        put_ip(message, RTA_GATEWAY, route->gateway);
    if (route->source.family)
        put_ip(message, RTA_PREFSRC, route->source);
    if (route->index)
        mnl_attr_put_u32(message, RTA_OIF, (uint32_t)route->index);
    return change(nl, message);
}

int route_add(struct netlink *nl, const struct route *route)
{
    return route_change(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

int route_delete(struct netlink *nl, const struct route *route)
{
    return route_change(nl, RTM_DELROUTE, 0, route);
}

struct route_reader {
    uint32_t table;
    void (*fn)(void *arg, const struct route *route);
    void *arg;
};

static void read_ip(const struct nlattr *attr, struct ip *ret)
{
    size_t size = mnl_attr_get_payload_len(attr);
    if (size != 4 && size != 16)
        return;
    ret->family = size == 4 ? 4 : 6;
    memcpy(ret->bytes, mnl_attr_get_payload(attr), size);
}

bool reply_route(const struct nlmsghdr *m, struct route *ret)
{
    const struct rtmsg *info = mnl_nlmsg_get_payload(m);
    if (m->nlmsg_type != RTM_NEWROUTE || !reply_has(m, sizeof(*info)) ||
        info->rtm_type != RTN_UNICAST)
        return false;
    struct route route = {.to.length = info->rtm_dst_len, .table = info->rtm_table};
    route.to.ip.family = info->rtm_family == AF_INET6 ? 6 : 4;
    const struct nlattr *attr;
    mnl_attr_for_each(attr, m, sizeof(*info))
    {
        switch (mnl_attr_get_type(attr)) {
        case RTA_TABLE: reply_value(attr, &route.table, sizeof(route.table)); break;
        case RTA_OIF: reply_value(attr, &route.index, sizeof(route.index)); break;
        case RTA_DST: read_ip(attr, &route.to.ip); break;
        case RTA_GATEWAY: read_ip(attr, &route.gateway); break;
        case RTA_PREFSRC: read_ip(attr, &route.source); break;
        default: break;
        }
    }
    if (route.to.length > ip_bits(route.to.ip))
        return false;
    *ret = route;
    return true;
}

static int read_route(const struct nlmsghdr *message, void *arg)
{
    const struct route_reader *reader = arg;
    struct route route;
    if (reply_route(message, &route) &&
        route.table == (reader->table ? reader->table : RT_TABLE_MAIN))
        reader->fn(reader->arg, &route);
    return MNL_CB_OK;
}

int route_each(struct netlink *nl, uint32_t table, void (*fn)(void *arg, const struct route *route),
               void *arg)
{
    char buffer[MESSAGE_BYTES];
    struct route_reader reader = {table, fn, arg};
    struct nlmsghdr *message = request(buffer, RTM_GETROUTE, NLM_F_DUMP);
    struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->rtm_family = AF_INET;
    return exchange(nl, message, read_route, &reader);
}

/* Rules. */

static int rule_change(struct netlink *nl, uint16_t type, uint16_t flags, const struct rule *rule)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = request(buffer, type, flags);
    struct fib_rule_hdr *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    info->family = rule->from.ip.family == 6 || rule->to.ip.family == 6 ? AF_INET6 : AF_INET;
    info->action = FR_ACT_TO_TBL;
    mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
    mnl_attr_put_u32(message, FRA_TABLE, rule->table);
    if (rule->mask) {
        mnl_attr_put_u32(message, FRA_FWMARK, rule->mark);
        mnl_attr_put_u32(message, FRA_FWMASK, rule->mask);
    }
    if (rule->from.ip.family) {
        info->src_len = rule->from.length;
        put_ip(message, FRA_SRC, rule->from.ip);
    }
    if (rule->to.ip.family) {
        info->dst_len = rule->to.length;
        put_ip(message, FRA_DST, rule->to.ip);
    }
    return change(nl, message);
}

int rule_add(struct netlink *nl, const struct rule *rule)
{
    return rule_change(nl, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

int rule_delete(struct netlink *nl, const struct rule *rule)
{
    return rule_change(nl, RTM_DELRULE, 0, rule);
}

/* Neighbours and forwarding entries are the same message in two families. */

static int neighbour_change(struct netlink *nl, uint16_t type, uint16_t flags, struct ndmsg entry,
                            const struct ip *ip, const struct mac *mac)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *message = request(buffer, type, flags);
    struct ndmsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
    *info = entry;
    if (ip)
        put_ip(message, NDA_DST, *ip);
    if (mac)
        mnl_attr_put(message, NDA_LLADDR, sizeof(mac->bytes), mac->bytes);
    return change(nl, message);
}

int neighbour_set(struct netlink *nl, int index, struct ip ip, struct mac mac)
{
    struct ndmsg entry = {
        .ndm_family = family_of(ip), .ndm_ifindex = index, .ndm_state = NUD_PERMANENT};
    return neighbour_change(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, entry, &ip, &mac);
}

int neighbour_delete(struct netlink *nl, int index, struct ip ip)
{
    struct ndmsg entry = {.ndm_family = family_of(ip), .ndm_ifindex = index};
    return neighbour_change(nl, RTM_DELNEIGH, 0, entry, &ip, NULL);
}

static struct ndmsg fdb_entry(int index)
{
    return (struct ndmsg){.ndm_family = AF_BRIDGE,
                          .ndm_ifindex = index,
                          .ndm_state = NUD_NOARP,
                          .ndm_flags = NTF_MASTER};
}

int fdb_set(struct netlink *nl, int index, struct mac mac)
{
    return neighbour_change(nl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, fdb_entry(index), NULL,
                            &mac);
}

int fdb_delete(struct netlink *nl, int index, struct mac mac)
{
    return neighbour_change(nl, RTM_DELNEIGH, 0, fdb_entry(index), NULL, &mac);
}
