/* Ports of the node that lead to pods (containers' hostPort): one nftables table with one map,
 * address . protocol . port to address . port. It is made anew, in one transaction, whenever a pod
 * with such ports comes or goes; pods without cost nothing. */
#include <errno.h>

#include "base/log.h"
#include "kernel/namespace.h"
#include "kernel/nft.h"
#include "node/agent_internal.h"

enum {
    FAMILY_IPV4 = 2,
    SADDR = 12,
    DADDR = 16,
    DESTINATION_PORT = 2,
    PRIORITY_DNAT = -101,
    PRIORITY_SNAT = 99,
    LOOPBACK_NET = 127
};

static const struct nft_set ports_map = {.name = "ports",
                                         .key = {NFT_IPV4, NFT_PROTO, NFT_PORT},
                                         .key_count = 3,
                                         .data = {NFT_IPV4, NFT_PORT},
                                         .data_count = 2};

static struct nft_expression load(uint32_t base, uint32_t offset, uint32_t size, int to)
{
    return (struct nft_expression){
        .kind = NFT_X_PAYLOAD, .base = base, .offset = offset, .size = size, .to = to};
}

static void build(struct nft_batch *b)
{
    static const struct nft_chain chains[] = {
        {"prerouting", NFT_PREROUTING, PRIORITY_DNAT, "nat"},
        {"output", NFT_OUTPUT, PRIORITY_DNAT, "nat"},
        {"postrouting", NFT_POSTROUTING, PRIORITY_SNAT, "nat"},
    };
    nft_table_add(b);
    nft_table_delete(b);
    nft_table_add(b);
    nft_set_add(b, &ports_map);
    for (size_t i = 0; i < ARRAY_COUNT(chains); i++)
        nft_chain_add(b, &chains[i]);
    const struct nft_expression translate[] = {
        load(NFT_BASE_NETWORK, DADDR, 4, 0),
        {.kind = NFT_X_META, .key = NFT_KEY_PROTOCOL, .to = 1},
        load(NFT_BASE_TRANSPORT, DESTINATION_PORT, 2, 2),
        {.kind = NFT_X_LOOKUP, .set = ports_map.name, .from = 0, .to = 8},
        {.kind = NFT_X_DNAT, .key = FAMILY_IPV4, .from = 8, .to = 9},
    };
    for (size_t i = 0; i < 2; i++)
        nft_rule_add(b, chains[i].name, translate, ARRAY_COUNT(translate));
    /* What came from the loopback network has to come back: it goes out under the node's address.
     */
    const struct nft_expression masquerade[] = {
        load(NFT_BASE_NETWORK, SADDR, 1, 0),
        {.kind = NFT_X_COMPARE,
         .from = 0,
         .operation = NFT_EQUAL,
         .size = 1,
         .value = {LOOPBACK_NET}},
        load(NFT_BASE_NETWORK, DADDR, 1, 0),
        {.kind = NFT_X_COMPARE,
         .from = 0,
         .operation = NFT_NOT_EQUAL,
         .size = 1,
         .value = {LOOPBACK_NET}},
        {.kind = NFT_X_MASQUERADE},
    };
    nft_rule_add(b, chains[2].name, masquerade, ARRAY_COUNT(masquerade));
}

static void put_port(uint8_t *to, int64_t port)
{
    to[0] = (uint8_t)(port >> 8);
    to[1] = (uint8_t)port;
}

static void add_element(struct nft_batch *b, struct ip at, const struct node *port, struct ip pod)
{
    struct str protocol = node_str(port, "protocol");
    struct nft_element e = {.key_size = 12, .data_size = 8};
    memcpy(e.key, at.bytes, 4);
    e.key[4] = str_is(protocol, "UDP") ? 17 : str_is(protocol, "SCTP") ? 132 : 6;
    put_port(e.key + 8, node_num(port, "hostPort", 0));
    memcpy(e.data, pod.bytes, 4);
    put_port(e.data + 4, node_num(port, "containerPort", 0));
    nft_elements_add(b, ports_map.name, &e, 1);
}

static size_t add_pod(struct nft_batch *b, const struct pod *p)
{
    struct ip pod, at;
    size_t count = 0;
    if (!p->sandbox_ready || !p->ip || pod_host_network(p) || p->step > STEP_STOP ||
        ip_parse(str_from(p->ip), &pod) < 0 || pod.family != 4)
        return 0;
    node_each(container, node_at(p->tree, "spec.containers"))
    {
        node_each(port, node_at(container, "ports"))
        {
            struct str wanted = node_str(port, "hostIP");
            const char *const all[] = {p->agent->node_ip, "127.0.0.1"};
            if (!node_num(port, "hostPort", 0))
                continue;
            count++;
            bool one = wanted.len && !str_is(wanted, "0.0.0.0") && ip_parse(wanted, &at) == 0 &&
                       at.family == 4;
            if (one)
                add_element(b, at, port, pod);
            for (size_t i = 0; !one && i < ARRAY_COUNT(all); i++) {
                if (ip_parse(str_from(all[i]), &at) == 0)
                    add_element(b, at, port, pod);
            }
        }
    }
    return count;
}

bool pod_has_host_ports(const struct pod *p)
{
    node_each(container, node_at(p->tree, "spec.containers"))
    {
        node_each(port, node_at(container, "ports"))
        {
            if (node_num(port, "hostPort", 0) && !pod_host_network(p))
                return true;
        }
    }
    return false;
}

void host_ports_sync(struct agent *a)
{
    struct nft_batch b;
    struct nft *nft;
    size_t count = 0;
    int err = nft_open(-1, &nft);
    if (err == 0) {
        nft_begin(&b, FAMILY_IPV4, "kaname-hostport");
        build(&b);
        map_each(slot, &a->pods)
            count += add_pod(&b, slot->value);
        err = nft_commit(nft, &b);
        nft_batch_release(&b);
        nft_close(nft);
    }
    /* Connections that this node makes to its own loopback address leave it. */
    if (err == 0 && count)
        err = netns_sysctl(-1, "net/ipv4/conf/all/route_localnet", "1");
    if (err < 0)
        log_warn("can't set host ports", LOG_ERRNO(-err));
}
