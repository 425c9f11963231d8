#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "kernel/namespace.h"
#include "kernel/replies.h"

enum {
    MESSAGE_BYTES = 512,
    ANSWER_BYTES = 64 << 10,
    FILTER_PROTOCOL = 1 << 3 /* in CTA_FILTER_ORIG_FLAGS: this protocol only; Linux 5.8 */
};

struct scan {
    bool (*ends)(void *arg, const struct conntrack_flow *flow);
    void *arg;
    VEC(struct flow_reply) doomed; /* its id tells each from a new flow of the same addresses */
};

struct channel {
    struct mnl_socket *socket; /* owned */
    uint32_t sequence;
};

static struct nlmsghdr *message_begin(struct channel *c, char *buffer, uint16_t type,
                                      uint16_t flags)
{
    struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
    m->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    m->nlmsg_seq = ++c->sequence;
    struct nfgenmsg *head = mnl_nlmsg_put_extra_header(m, sizeof(*head));
    head->nfgen_family = AF_INET;
    head->version = NFNETLINK_V0;
    return m;
}

/* Reads answers until the end of a list or an acknowledgement: 0 or -errno. */
static int exchange(struct channel *c, const struct nlmsghdr *m, mnl_cb_t fn, void *arg)
{
    if (mnl_socket_sendto(c->socket, m, m->nlmsg_len) < 0)
        return -errno;
    char *answer = mem_alloc(ANSWER_BYTES);
    unsigned port = mnl_socket_get_portid(c->socket);
    int more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
        ssize_t size = mnl_socket_recvfrom(c->socket, answer, ANSWER_BYTES);
        if (size < 0 && errno == EINTR)
            continue;
        more =
            size < 0 ? MNL_CB_ERROR : mnl_cb_run(answer, (size_t)size, c->sequence, port, fn, arg);
    }
    int err = more == MNL_CB_ERROR ? -errno : 0;
    mem_free(answer);
    return err;
}

static void read_tuple(const struct nlattr *nest, struct flow_tuple *ret)
{
    const struct nlattr *part, *attr;
    mnl_attr_for_each_nested(part, nest)
    {
        uint16_t type = mnl_attr_get_type(part);
        mnl_attr_for_each_nested(attr, part)
        {
            uint16_t inner = mnl_attr_get_type(attr);
            if (type == CTA_TUPLE_IP && inner == CTA_IP_V4_SRC)
                reply_value(attr, &ret->source, sizeof(ret->source));
            else if (type == CTA_TUPLE_IP && inner == CTA_IP_V4_DST)
                reply_value(attr, &ret->destination, sizeof(ret->destination));
            else if (type == CTA_TUPLE_PROTO && inner == CTA_PROTO_NUM)
                reply_value(attr, &ret->protocol, sizeof(ret->protocol));
            else if (type == CTA_TUPLE_PROTO && inner == CTA_PROTO_SRC_PORT)
                reply_value(attr, &ret->source_port, sizeof(ret->source_port));
            else if (type == CTA_TUPLE_PROTO && inner == CTA_PROTO_DST_PORT)
                reply_value(attr, &ret->destination_port, sizeof(ret->destination_port));
        }
    }
}

bool reply_flow(const struct nlmsghdr *m, struct flow_reply *ret)
{
    struct flow_reply flow = {0};
    const struct nlattr *attr;
    if (m->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
        !reply_has(m, sizeof(struct nfgenmsg)))
        return false;
    mnl_attr_for_each(attr, m, sizeof(struct nfgenmsg))
    {
        switch (mnl_attr_get_type(attr)) {
        case CTA_TUPLE_ORIG: read_tuple(attr, &flow.asked); break;
        case CTA_TUPLE_REPLY: read_tuple(attr, &flow.answered); break;
        case CTA_ID: reply_value(attr, &flow.id, sizeof(flow.id)); break;
        default: break;
        }
    }
    *ret = flow;
    return true;
}

static int read_flow(const struct nlmsghdr *m, void *arg)
{
    struct scan *s = arg;
    struct flow_reply r;
    if (!reply_flow(m, &r) || r.asked.protocol != IPPROTO_UDP)
        return MNL_CB_OK;
    const struct conntrack_flow flow = {.source = r.asked.source,
                                        .destination = r.asked.destination,
                                        .answers = r.answered.source,
                                        .source_port = ntohs(r.asked.source_port),
                                        .destination_port = ntohs(r.asked.destination_port),
                                        .answers_port = ntohs(r.answered.source_port)};
    if (s->ends(s->arg, &flow))
        vec_push(&s->doomed, r);
    return MNL_CB_OK;
}

/* The kernel tells of UDP only; one that doesn't know the filter tells of all. */
static int list_flows(struct channel *c, struct scan *s)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *m = message_begin(c, buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG);
    struct nlattr *protocol = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_nest_end(m, protocol);
    mnl_attr_nest_end(m, tuple);
    struct nlattr *filter = mnl_attr_nest_start(m, CTA_FILTER);
    mnl_attr_put_u32(m, CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL);
    mnl_attr_put_u32(m, CTA_FILTER_REPLY_FLAGS, 0);
    mnl_attr_nest_end(m, filter);
    return exchange(c, m, read_flow, s);
}

static int end_flow(struct channel *c, const struct flow_reply *d)
{
    char buffer[MESSAGE_BYTES];
    struct nlmsghdr *m = message_begin(c, buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
    struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG);
    struct nlattr *ip = mnl_attr_nest_start(m, CTA_TUPLE_IP);
    mnl_attr_put_u32(m, CTA_IP_V4_SRC, d->asked.source);
    mnl_attr_put_u32(m, CTA_IP_V4_DST, d->asked.destination);
    mnl_attr_nest_end(m, ip);
    struct nlattr *protocol = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, d->asked.source_port);
    mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, d->asked.destination_port);
    mnl_attr_nest_end(m, protocol);
    mnl_attr_nest_end(m, tuple);
    mnl_attr_put_u32(m, CTA_ID, d->id);
    int err = exchange(c, m, NULL, NULL);
    return err == -ENOENT ? 0 : err;
}

static int channel_open(struct channel *c, int netns_fd)
{
    struct netns_visit visit;
    int err = netns_enter(netns_fd, &visit);
    if (err < 0)
        return err;
    c->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    err = c->socket ? 0 : -errno;
    netns_leave(&visit);
    if (err == 0 && mnl_socket_bind(c->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        err = -errno;
        mnl_socket_close(c->socket);
    }
    return err;
}

int conntrack_end_udp(int netns_fd, bool (*ends)(void *arg, const struct conntrack_flow *flow),
                      void *arg, size_t *ret_count)
{
    struct channel c = {0};
    struct scan s = {.ends = ends, .arg = arg};
    int err = channel_open(&c, netns_fd);
    if (err < 0)
        return err;
    err = list_flows(&c, &s);
    for (size_t i = 0; err == 0 && i < s.doomed.count; i++)
        err = end_flow(&c, &s.doomed.items[i]);
    if (err == 0)
        *ret_count = s.doomed.count;
    vec_release(&s.doomed);
    mnl_socket_close(c.socket);
    return err;
}
