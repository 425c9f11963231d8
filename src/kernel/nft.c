#include "kernel/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/namespace.h"
#include "kernel/nft_internal.h"
#include "kernel/replies.h"

enum {
    ELEMENTS_A_MESSAGE = 256, /* a nested attribute holds 64 KiB at most */
    SEND_BUFFER_BYTES = 64 << 20,
    ANSWER_BYTES = 64 << 10,
};

struct nft {
    struct mnl_socket *socket; /* owned */
    uint32_t sequence;
};

int nft_open(int netns_fd, struct nft **ret)
{
    struct netns_visit visit;
    int err = netns_enter(netns_fd, &visit);
    if (err)
        return err;
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    err = socket ? 0 : -errno;
    netns_leave(&visit);
    if (err)
        return err;
    int size = SEND_BUFFER_BYTES;
    /* A transaction is one datagram. Without the privilege smaller ones still pass. */
    (void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    (void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID)) {
        err = -errno;
        mnl_socket_close(socket);
        return err;
    }
    struct nft *n = mem_alloc(sizeof(*n));
    n->socket = socket;
    n->sequence = 1;
    *ret = n;
    return 0;
}

void nft_close(struct nft *n)
{
    if (!n)
        return;
    mnl_socket_close(n->socket);
    mem_free(n);
}

struct nlmsghdr *nft_message_begin(struct nft_batch *b, uint16_t type, uint16_t flags)
{
    /* Big enough for every message made here; the length is fixed when it ends. */
    char *at = buf_reserve(&b->messages, NFT_MESSAGE_BYTES);
    memset(at, 0, NFT_MESSAGE_BYTES);
    struct nlmsghdr *m = mnl_nlmsg_put_header(at);
    bool batch_mark = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
    m->nlmsg_type = batch_mark ? type : (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
    m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    struct nfgenmsg *head = mnl_nlmsg_put_extra_header(m, sizeof(*head));
    head->nfgen_family = batch_mark ? AF_UNSPEC : b->family;
    head->version = NFNETLINK_V0;
    head->res_id = batch_mark ? htons(NFNL_SUBSYS_NFTABLES) : 0;
    return m;
}

void nft_message_end(struct nft_batch *b, struct nlmsghdr *m)
{
    assert(m->nlmsg_len <= NFT_MESSAGE_BYTES);
    b->messages.len += NLMSG_ALIGN(m->nlmsg_len);
    b->count++;
}

void nft_begin(struct nft_batch *b, uint8_t family, const char *table)
{
    *b = (struct nft_batch){.family = family, .table = table, .next_set_id = 1};
    nft_message_end(b, nft_message_begin(b, NFNL_MSG_BATCH_BEGIN, 0));
}

void nft_batch_release(struct nft_batch *b)
{
    buf_release(&b->messages);
}

/* Numbers the messages of the batch and asks for an acknowledgement of the last one before the end
 * mark; answers its number. The kernel sends it when the whole transaction took effect. (One of the
 * end mark itself comes only since Linux 6.10.) */
static uint32_t number_messages(struct nft *n, struct nft_batch *b)
{
    struct nlmsghdr *last = NULL;
    for (size_t at = 0; at < b->messages.len;) {
        struct nlmsghdr *m = (struct nlmsghdr *)(void *)(b->messages.data + at);
        m->nlmsg_seq = n->sequence++;
        at += NLMSG_ALIGN(m->nlmsg_len);
        if (m->nlmsg_type != NFNL_MSG_BATCH_END)
            last = m;
    }
    last->nlmsg_flags |= NLM_F_ACK;
    return last->nlmsg_seq;
}

bool reply_batch(const void *answers, size_t size, uint32_t last, int *result)
{
    bool done = false;
    for (size_t at = 0; size - at >= MNL_NLMSG_HDRLEN;) {
        const struct nlmsghdr *m = (const void *)((const char *)answers + at);
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
        if (m->nlmsg_len < MNL_NLMSG_HDRLEN || m->nlmsg_len > size - at)
            break;
        at += MIN((size_t)MNL_ALIGN(m->nlmsg_len), size - at);
        if (m->nlmsg_type != NLMSG_ERROR || !reply_has(m, sizeof(*e)))
            continue;
        if (e->error && !*result)
            *result = e->error;
        /* An error of the whole batch is told for its first message; no acknowledgement follows a
         * failed batch. */
        done |= m->nlmsg_seq == last || e->error != 0;
    }
    return done;
}

/* Reads answers until the acknowledgement of `last`: 0 or the first error. */
static int read_answers(struct nft *n, uint32_t last)
{
    char *answer = mem_alloc(ANSWER_BYTES);
    int result = 0;
    bool done = false;
    while (!done) {
        ssize_t got = mnl_socket_recvfrom(n->socket, answer, ANSWER_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            result = -errno;
            break;
        }
        done = reply_batch(answer, (size_t)got, last, &result);
    }
    mem_free(answer);
    return result;
}

/* Late errors of the same failed batch must not be read as answers of the next. */
static void drain(struct nft *n)
{
    char answer[4096];
    while (recv(mnl_socket_get_fd(n->socket), answer, sizeof(answer), MSG_DONTWAIT) > 0)
        ;
}

int nft_commit(struct nft *n, struct nft_batch *b)
{
    if (b->count <= 1) /* the begin mark */
        return 0;
    nft_message_end(b, nft_message_begin(b, NFNL_MSG_BATCH_END, 0));
    uint32_t last = number_messages(n, b);
    int err = mnl_socket_sendto(n->socket, b->messages.data, b->messages.len) < 0 ? -errno : 0;
    if (!err)
        err = read_answers(n, last);
    if (err)
        drain(n);
    uint8_t family = b->family;
    const char *table = b->table;
    buf_release(&b->messages);
    nft_begin(b, family, table);
    return err;
}

void nft_table_add(struct nft_batch *b)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    mnl_attr_put_strz(m, NFTA_TABLE_NAME, b->table);
    nft_message_end(b, m);
}

void nft_table_delete(struct nft_batch *b)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_DELTABLE, 0);
    mnl_attr_put_strz(m, NFTA_TABLE_NAME, b->table);
    nft_message_end(b, m);
}

void nft_chain_add(struct nft_batch *b, const struct nft_chain *chain)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, b->table);
    mnl_attr_put_strz(m, NFTA_CHAIN_NAME, chain->name);
    if (chain->hook != NFT_NO_HOOK) {
        struct nlattr *hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
        mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl((uint32_t)chain->hook));
        mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)chain->priority));
        mnl_attr_nest_end(m, hook);
        mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, chain->type);
    }
    nft_message_end(b, m);
}

void nft_chain_flush(struct nft_batch *b, const char *chain)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_DELRULE, 0);
    mnl_attr_put_strz(m, NFTA_RULE_TABLE, b->table);
    mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
    nft_message_end(b, m);
}

void nft_chain_delete(struct nft_batch *b, const char *chain)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_DELCHAIN, 0);
    mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, b->table);
    mnl_attr_put_strz(m, NFTA_CHAIN_NAME, chain);
    nft_message_end(b, m);
}

/* nft's number of a concatenated type: six bits a part. */
static uint32_t type_number(const enum nft_type *types, unsigned count)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < count; i++)
        number = number << 6 | (uint32_t)types[i];
    return number;
}

static uint32_t type_bytes(const enum nft_type *types, unsigned count)
{
    /* A single part has its own size; joined ones are padded to words. */
    uint32_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t own = types[i] == NFT_PROTO  ? 1
                       : types[i] == NFT_PORT ? 2
                       : types[i] == NFT_IPV6 ? 16
                                              : 4;
        bytes += count > 1 ? (own + 3) / 4 * 4 : own;
    }
    return bytes;
}

void nft_set_add(struct nft_batch *b, const struct nft_set *set)
{
    enum {
        TYPE_VERDICT = 0xffffff00
    };
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_NEWSET, NLM_F_CREATE);
    bool map = set->verdicts || set->data_count;
    uint32_t flags = (map ? NFT_SET_MAP : 0) | (set->dynamic ? NFT_SET_EVAL : 0) |
                     (set->timeout_s ? NFT_SET_TIMEOUT : 0);
    mnl_attr_put_strz(m, NFTA_SET_TABLE, b->table);
    mnl_attr_put_strz(m, NFTA_SET_NAME, set->name);
    mnl_attr_put_u32(m, NFTA_SET_FLAGS, htonl(flags));
    mnl_attr_put_u32(m, NFTA_SET_KEY_TYPE, htonl(type_number(set->key, set->key_count)));
    mnl_attr_put_u32(m, NFTA_SET_KEY_LEN, htonl(type_bytes(set->key, set->key_count)));
    if (set->verdicts) {
        mnl_attr_put_u32(m, NFTA_SET_DATA_TYPE, htonl(TYPE_VERDICT));
        mnl_attr_put_u32(m, NFTA_SET_DATA_LEN, 0);
    } else if (set->data_count) {
        mnl_attr_put_u32(m, NFTA_SET_DATA_TYPE, htonl(type_number(set->data, set->data_count)));
        mnl_attr_put_u32(m, NFTA_SET_DATA_LEN, htonl(type_bytes(set->data, set->data_count)));
    }
    mnl_attr_put_u32(m, NFTA_SET_ID, htonl(b->next_set_id++));
    if (set->timeout_s)
        mnl_attr_put_u64(m, NFTA_SET_TIMEOUT, htobe64((uint64_t)set->timeout_s * 1000));
    if (set->size) {
        struct nlattr *description = mnl_attr_nest_start(m, NFTA_SET_DESC);
        mnl_attr_put_u32(m, NFTA_SET_DESC_SIZE, htonl(set->size));
        mnl_attr_nest_end(m, description);
    }
    nft_message_end(b, m);
}

void nft_set_flush(struct nft_batch *b, const char *set)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_DELSETELEM, 0);
    mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, b->table);
    mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
    nft_message_end(b, m);
}

void nft_put_verdict(struct nlmsghdr *m, uint16_t attribute, enum nft_verdict verdict,
                     const char *chain)
{
    static const int32_t codes[] = {
        [NFT_VERDICT_NONE] = NFT_CONTINUE, [NFT_VERDICT_ACCEPT] = NF_ACCEPT,
        [NFT_VERDICT_DROP] = NF_DROP,      [NFT_VERDICT_JUMP] = NFT_JUMP,
        [NFT_VERDICT_GOTO] = NFT_GOTO,     [NFT_VERDICT_RETURN] = NFT_RETURN};
    struct nlattr *data = mnl_attr_nest_start(m, attribute);
    struct nlattr *nest = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);
    mnl_attr_put_u32(m, NFTA_VERDICT_CODE, htonl((uint32_t)codes[verdict]));
    if (verdict == NFT_VERDICT_JUMP || verdict == NFT_VERDICT_GOTO)
        mnl_attr_put_strz(m, NFTA_VERDICT_CHAIN, chain);
    mnl_attr_nest_end(m, nest);
    mnl_attr_nest_end(m, data);
}

void nft_put_value(struct nlmsghdr *m, uint16_t attribute, const void *value, size_t size)
{
    struct nlattr *nest = mnl_attr_nest_start(m, attribute);
    mnl_attr_put(m, NFTA_DATA_VALUE, size, value);
    mnl_attr_nest_end(m, nest);
}

static void put_element(struct nlmsghdr *m, const struct nft_element *e, bool with_data)
{
    struct nlattr *item = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
    nft_put_value(m, NFTA_SET_ELEM_KEY, e->key, e->key_size);
    if (with_data && e->data_size)
        nft_put_value(m, NFTA_SET_ELEM_DATA, e->data, e->data_size);
    else if (with_data && e->verdict != NFT_VERDICT_NONE)
        nft_put_verdict(m, NFTA_SET_ELEM_DATA, e->verdict, e->chain);
    mnl_attr_nest_end(m, item);
}

static void change_elements(struct nft_batch *b, uint16_t type, const char *set,
                            const struct nft_element *elements, size_t count)
{
    for (size_t from = 0; from < count; from += ELEMENTS_A_MESSAGE) {
        size_t to = MIN(count, from + ELEMENTS_A_MESSAGE);
        struct nlmsghdr *m =
            nft_message_begin(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, b->table);
        mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
        struct nlattr *list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
        for (size_t i = from; i < to; i++)
            put_element(m, &elements[i], type == NFT_MSG_NEWSETELEM);
        mnl_attr_nest_end(m, list);
        nft_message_end(b, m);
    }
}

void nft_elements_add(struct nft_batch *b, const char *set, const struct nft_element *elements,
                      size_t count)
{
    change_elements(b, NFT_MSG_NEWSETELEM, set, elements, count);
}

void nft_elements_delete(struct nft_batch *b, const char *set, const struct nft_element *elements,
                         size_t count)
{
    change_elements(b, NFT_MSG_DELSETELEM, set, elements, count);
}
