#include "proxy/layout.h"

enum {
    IP_SADDR = 12, /* offsets in headers */
    IP_DADDR = 16,
    PORT_DESTINATION = 2,
    MASQUERADE_MARK = 0x4000, /* kube-proxy's, so that other tools know it */
    PRIORITY_BEFORE_NAT = -110,
    PRIORITY_NAT = -100,
    PRIORITY_AFTER_NAT = -90,
    PRIORITY_SOURCE_NAT = 100,
    HASH_SEED = 0x6b616e61,
    PROTO_TCP = 6,
};

const uint32_t layout_slots[LAYOUT_CLASS_COUNT] = {16, 128, 1024};

enum layout_class layout_class_for(size_t endpoint_count)
{
    /* At most a quarter of a slot table's endpoints: one slot more or less is then at most a
     * quarter of a share. */
    for (int c = 0; c < LAYOUT_CLASS_COUNT; c++)
        if (endpoint_count * 4 <= layout_slots[c])
            return (enum layout_class)c;
    return LAYOUT_1024;
}

static const char *const set_names[LAYOUT_SET_COUNT] = {
    [SET_SERVICES] = "services",
    [SET_NODEPORTS] = "nodeports",
    [SET_REFUSED] = "refused",
    [SET_REFUSED_NODEPORTS] = "refused-nodeports",
    [SET_HAIRPIN] = "hairpin",
    [SET_CLUSTER_IPS] = "cluster-ips",
    [SET_NODE_IPS] = "node-ips",
    [SET_ENDS + LAYOUT_16] = "ends16",
    [SET_ENDS + LAYOUT_128] = "ends128",
    [SET_ENDS + LAYOUT_1024] = "ends1024",
    [SET_NODE_ENDS + LAYOUT_16] = "nodeends16",
    [SET_NODE_ENDS + LAYOUT_128] = "nodeends128",
    [SET_NODE_ENDS + LAYOUT_1024] = "nodeends1024",
};

const char *layout_set_name(unsigned set)
{
    assert(set < LAYOUT_SET_COUNT);
    return set_names[set];
}

/* [class][sticky + 2 * node port + 4 * masquerade]; only node ports masquerade. */
static const char *const chain_names[LAYOUT_CLASS_COUNT][8] = {
    {"lb16", "sticky16", "node16", "stickynode16", NULL, NULL, "masqnode16", "stickymasqnode16"},
    {"lb128", "sticky128", "node128", "stickynode128", NULL, NULL, "masqnode128",
     "stickymasqnode128"},
    {"lb1024", "sticky1024", "node1024", "stickynode1024", NULL, NULL, "masqnode1024",
     "stickymasqnode1024"},
};

const char *layout_chain(enum layout_class class, bool sticky, bool node_port, bool masquerade)
{
    const char *name =
        chain_names[class][(sticky ? 1 : 0) + (node_port ? 2 : 0) + (masquerade ? 4 : 0)];
    assert(name);
    return name;
}

static const struct nft_set sets[LAYOUT_SET_COUNT] = {
#define SERVICE_KEY   .key = {NFT_IPV4, NFT_PROTO, NFT_PORT}, .key_count = 3
#define NODE_PORT_KEY .key = {NFT_PROTO, NFT_PORT}, .key_count = 2
#define ENDPOINT_DATA .data = {NFT_IPV4, NFT_PORT}, .data_count = 2
#define ENDS                                                                                       \
    {                                                                                              \
        .key = {NFT_IPV4, NFT_PROTO, NFT_PORT, NFT_INTEGER}, .key_count = 4, ENDPOINT_DATA         \
    }
#define NODE_ENDS                                                                                  \
    {                                                                                              \
        .key = {NFT_PROTO, NFT_PORT, NFT_INTEGER}, .key_count = 3, ENDPOINT_DATA                   \
    }
    [SET_SERVICES] = {SERVICE_KEY, .verdicts = true},
    [SET_NODEPORTS] = {NODE_PORT_KEY, .verdicts = true},
    [SET_REFUSED] = {SERVICE_KEY, .verdicts = true},
    [SET_REFUSED_NODEPORTS] = {NODE_PORT_KEY, .verdicts = true},
    [SET_HAIRPIN] = {.key = {NFT_IPV4, NFT_IPV4}, .key_count = 2},
    [SET_CLUSTER_IPS] = {.key = {NFT_IPV4}, .key_count = 1},
    [SET_NODE_IPS] = {.key = {NFT_IPV4}, .key_count = 1},
    [SET_ENDS + LAYOUT_16] = ENDS,
    [SET_ENDS + LAYOUT_128] = ENDS,
    [SET_ENDS + LAYOUT_1024] = ENDS,
    [SET_NODE_ENDS + LAYOUT_16] = NODE_ENDS,
    [SET_NODE_ENDS + LAYOUT_128] = NODE_ENDS,
    [SET_NODE_ENDS + LAYOUT_1024] = NODE_ENDS,
};

static struct nft_expression load_address(uint32_t offset, int to)
{
    return (struct nft_expression){
        .kind = NFT_X_PAYLOAD, .base = NFT_BASE_NETWORK, .offset = offset, .size = 4, .to = to};
}

static struct nft_expression load_protocol(int to)
{
    return (struct nft_expression){.kind = NFT_X_META, .key = NFT_KEY_PROTOCOL, .to = to};
}

static struct nft_expression load_port(int to)
{
    return (struct nft_expression){.kind = NFT_X_PAYLOAD,
                                   .base = NFT_BASE_TRANSPORT,
                                   .offset = PORT_DESTINATION,
                                   .size = 2,
                                   .to = to};
}

static struct nft_expression verdict_of(unsigned set, int from)
{
    return (struct nft_expression){
        .kind = NFT_X_LOOKUP_VERDICT, .set = set_names[set], .from = from};
}

static struct nft_expression in_set(unsigned set, int from)
{
    return (struct nft_expression){
        .kind = NFT_X_LOOKUP, .set = set_names[set], .from = from, .to = -1};
}

/* address . protocol . port vmap @set */
static void rule_by_service(struct nft_batch *b, const char *chain, unsigned set)
{
    const struct nft_expression x[] = {load_address(IP_DADDR, 0), load_protocol(1), load_port(2),
                                       verdict_of(set, 0)};
    nft_rule_add(b, chain, x, ARRAY_COUNT(x));
}

/* address @node-ips, then protocol . port vmap @set */
static void rule_by_node_port(struct nft_batch *b, const char *chain, unsigned set)
{
    const struct nft_expression x[] = {load_address(IP_DADDR, 0), in_set(SET_NODE_IPS, 0),
                                       load_protocol(0), load_port(1), verdict_of(set, 0)};
    nft_rule_add(b, chain, x, ARRAY_COUNT(x));
}

static void rule_mark(struct nft_batch *b, const char *chain)
{
    const struct nft_expression x[] = {
        {.kind = NFT_X_META, .key = NFT_KEY_MARK, .to = 0},
        {.kind = NFT_X_BITS,
         .from = 0,
         .to = 0,
         .mask = ~(uint32_t)MASQUERADE_MARK,
         .xor_value = MASQUERADE_MARK /* marks are in host order */},
        {.kind = NFT_X_META_SET, .key = NFT_KEY_MARK, .from = 0},
    };
    nft_rule_add(b, chain, x, ARRAY_COUNT(x));
}

/* Picks a slot and sends the connection to its endpoint. */
static void rule_balance(struct nft_batch *b, const char *chain, enum layout_class class,
                         bool sticky, bool node_port)
{
    struct nft_expression x[8];
    size_t n = 0;
    int word = 0;
    if (!node_port)
        x[n++] = load_address(IP_DADDR, word++);
    x[n++] = load_protocol(word++);
    x[n++] = load_port(word++);
    if (sticky) {
        x[n++] = load_address(IP_SADDR, word + 1);
        x[n++] = (struct nft_expression){.kind = NFT_X_HASH,
                                         .from = word + 1,
                                         .size = 4,
                                         .modulus = layout_slots[class],
                                         .seed = HASH_SEED,
                                         .to = word};
    } else {
        x[n++] = (struct nft_expression){
            .kind = NFT_X_RANDOM, .modulus = layout_slots[class], .to = word};
    }
    unsigned set = (node_port ? SET_NODE_ENDS : SET_ENDS) + (unsigned)class;
    x[n++] =
        (struct nft_expression){.kind = NFT_X_LOOKUP, .set = set_names[set], .from = 0, .to = 8};
    x[n++] = (struct nft_expression){
        .kind = NFT_X_DNAT, .key = 2 /* NFPROTO_IPV4 */, .from = 8, .to = 9};
    nft_rule_add(b, chain, x, n);
}

static void build_balancers(struct nft_batch *b)
{
    for (int class = 0; class < LAYOUT_CLASS_COUNT; class ++) {
        for (int kind = 0; kind < 8; kind++) {
            const char *name = chain_names[class][kind];
            if (!name)
                continue;
            nft_chain_add(b, &(struct nft_chain){.name = name, .hook = NFT_NO_HOOK});
            if (kind & 4)
                rule_mark(b, name);
            rule_balance(b, name, (enum layout_class) class, kind & 1, kind & 2);
        }
    }
}

/* TCP gets a reset, the rest an ICMP error. */
static void build_reject(struct nft_batch *b)
{
    nft_chain_add(b, &(struct nft_chain){.name = "reject", .hook = NFT_NO_HOOK});
    const struct nft_expression reset[] = {
        load_protocol(0),
        {.kind = NFT_X_COMPARE, .from = 0, .operation = NFT_EQUAL, .value = {PROTO_TCP}, .size = 1},
        {.kind = NFT_X_REJECT, .key = 1},
    };
    const struct nft_expression unreachable[] = {{.kind = NFT_X_REJECT}};
    nft_rule_add(b, "reject", reset, ARRAY_COUNT(reset));
    nft_rule_add(b, "reject", unreachable, ARRAY_COUNT(unreachable));
}

static void build_refusals(struct nft_batch *b)
{
    static const struct {
        const char *before, *after;
        enum nft_hook hook;
    } hooks[] = {{"before-prerouting", "after-prerouting", NFT_PREROUTING},
                 {"before-output", "after-output", NFT_OUTPUT}};
    for (size_t i = 0; i < ARRAY_COUNT(hooks); i++) {
        nft_chain_add(
            b, &(struct nft_chain){hooks[i].before, hooks[i].hook, PRIORITY_BEFORE_NAT, "filter"});
        rule_by_service(b, hooks[i].before, SET_REFUSED);
        rule_by_node_port(b, hooks[i].before, SET_REFUSED_NODEPORTS);
        /* Translated packets have another address by now: what is left asks for a port that the
         * Service doesn't have. */
        nft_chain_add(
            b, &(struct nft_chain){hooks[i].after, hooks[i].hook, PRIORITY_AFTER_NAT, "filter"});
        const struct nft_expression x[] = {
            load_address(IP_DADDR, 0),
            in_set(SET_CLUSTER_IPS, 0),
            {.kind = NFT_X_VERDICT, .verdict = NFT_VERDICT_GOTO, .chain = "reject"}};
        nft_rule_add(b, hooks[i].after, x, ARRAY_COUNT(x));
    }
}

static void build_translation(struct nft_batch *b)
{
    nft_chain_add(b, &(struct nft_chain){"prerouting", NFT_PREROUTING, PRIORITY_NAT, "nat"});
    nft_chain_add(b, &(struct nft_chain){"output", NFT_OUTPUT, PRIORITY_NAT, "nat"});
    static const char *const chains[] = {"prerouting", "output"};
    for (size_t i = 0; i < ARRAY_COUNT(chains); i++) {
        rule_by_service(b, chains[i], SET_SERVICES);
        rule_by_node_port(b, chains[i], SET_NODEPORTS);
    }
    nft_chain_add(b,
                  &(struct nft_chain){"postrouting", NFT_POSTROUTING, PRIORITY_SOURCE_NAT, "nat"});
    const struct nft_expression hairpin[] = {load_address(IP_SADDR, 0),
                                             load_address(IP_DADDR, 1),
                                             in_set(SET_HAIRPIN, 0),
                                             {.kind = NFT_X_MASQUERADE}};
    const struct nft_expression marked[] = {
        {.kind = NFT_X_META, .key = NFT_KEY_MARK, .to = 0},
        {.kind = NFT_X_BITS, .from = 0, .to = 0, .mask = MASQUERADE_MARK},
        {.kind = NFT_X_COMPARE, .from = 0, .operation = NFT_NOT_EQUAL, .size = 4},
        {.kind = NFT_X_MASQUERADE},
    };
    nft_rule_add(b, "postrouting", hairpin, ARRAY_COUNT(hairpin));
    nft_rule_add(b, "postrouting", marked, ARRAY_COUNT(marked));
}

void layout_build(struct nft_batch *b)
{
    /* Made first so that the deletion never fails; then made anew. */
    nft_table_add(b);
    nft_table_delete(b);
    nft_table_add(b);
    for (unsigned i = 0; i < LAYOUT_SET_COUNT; i++) {
        struct nft_set set = sets[i];
        set.name = set_names[i];
        nft_set_add(b, &set);
    }
    build_balancers(b);
    build_reject(b);
    build_translation(b);
    build_refusals(b);
}
