/* What the kernel says, out of its bytes; inside kernel/ and for fuzzing. Nothing is believed of a
 * message but its length: attributes that are too short or not ended are as if they weren't there.
 */
#ifndef KERNEL_REPLIES_H
#define KERNEL_REPLIES_H

#include <libmnl/libmnl.h>

#include "kernel/conntrack.h"
#include "kernel/netlink.h"

/* Whether a message has a head of this size behind netlink's own. */
static inline bool reply_has(const struct nlmsghdr *m, size_t head_bytes)
{
    return m->nlmsg_len >= MNL_NLMSG_HDRLEN + MNL_ALIGN(head_bytes);
}

/* A value of exactly this size. */
static inline bool reply_value(const struct nlattr *attr, void *ret, size_t size)
{
    if (mnl_attr_get_payload_len(attr) != size)
        return false;
    memcpy(ret, mnl_attr_get_payload(attr), size);
    return true;
}

/* Of a message that tells of something else: false. */
bool reply_link(const struct nlmsghdr *m, struct link *ret);
bool reply_route(const struct nlmsghdr *m, struct route *ret);

struct flow_tuple {
    uint32_t source, destination;
    uint16_t source_port, destination_port; /* network order */
    uint8_t protocol;
};
struct flow_reply {
    struct flow_tuple asked, answered; /* as the first packet in each direction has it */
    uint32_t id;                       /* as the kernel wrote it */
};
bool reply_flow(const struct nlmsghdr *m, struct flow_reply *ret);

/* Answers to a batch of nftables, one datagram after the other. True: no more will come. *result is
 * 0 until the first error. last: number of the batch's last message. */
bool reply_batch(const void *answers, size_t size, uint32_t last, int *result);

#endif
