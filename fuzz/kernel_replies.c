/* Answers of the kernel: links, routes, flows and what became of a batch of nftables, each input as
 * one datagram of all of them. What is read is within its bounds. */
#include "kernel/replies.h"

static int each(const struct nlmsghdr *m, void *arg maybe_unused)
{
    struct link link;
    struct route route;
    struct flow_reply flow;
    if (reply_link(m, &link))
        assert(memchr(link.name, 0, sizeof(link.name)) && memchr(link.kind, 0, sizeof(link.kind)));
    if (reply_route(m, &route))
        assert(route.to.length <= ip_bits(route.to.ip));
    if (reply_flow(m, &flow))
        assert(m->nlmsg_len > MNL_NLMSG_HDRLEN);
    return MNL_CB_OK;
}

/* libmnl takes a length of 2 GiB and more for a negative one; the kernel sends none. */
static bool lengths_are_right(const char *data, size_t size)
{
    for (size_t at = 0; size - at >= MNL_NLMSG_HDRLEN;) {
        uint32_t len;
        memcpy(&len, data + at, sizeof(len));
        if (len > INT32_MAX)
            return false;
        if (len < MNL_NLMSG_HDRLEN || len > size - at)
            return true; /* it stops there, too */
        at += MIN((size_t)MNL_ALIGN(len), size - at);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of this size, padded as the kernel's messages are: reads beyond it are seen. */
    void *copy = mem_alloc(MNL_ALIGN(MAX(size, 1)));
    memcpy(copy, data, size);
    int result = 0;
    if (reply_batch(copy, size, 7, &result))
        assert(size >= MNL_NLMSG_HDRLEN);
    if (lengths_are_right(copy, size))
        (void)mnl_cb_run(copy, size, 0, 0, each, NULL);
    mem_free(copy);
    return 0;
}
