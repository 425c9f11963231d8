#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel/nft_internal.h"

static_assert((int)NFT_BASE_NETWORK == (int)NFT_PAYLOAD_NETWORK_HEADER &&
                  (int)NFT_BASE_TRANSPORT == (int)NFT_PAYLOAD_TRANSPORT_HEADER &&
                  (int)NFT_KEY_MARK == (int)NFT_META_MARK &&
                  (int)NFT_KEY_PROTOCOL == (int)NFT_META_L4PROTO &&
                  (int)NFT_EQUAL == (int)NFT_CMP_EQ && (int)NFT_NOT_EQUAL == (int)NFT_CMP_NEQ,
              "the numbers of nft.h are the kernel's");

static void put_register(struct nlmsghdr *m, uint16_t attribute, int word)
{
    mnl_attr_put_u32(m, attribute, htonl((uint32_t)(NFT_REG32_00 + word)));
}

static void put_number(struct nlmsghdr *m, uint16_t attribute, uint32_t value)
{
    mnl_attr_put_u32(m, attribute, htonl(value));
}

static void put_payload(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_register(m, NFTA_PAYLOAD_DREG, x->to);
    put_number(m, NFTA_PAYLOAD_BASE, x->base);
    put_number(m, NFTA_PAYLOAD_OFFSET, x->offset);
    put_number(m, NFTA_PAYLOAD_LEN, x->size);
}

static void put_meta(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_number(m, NFTA_META_KEY, x->key);
    if (x->kind == NFT_X_META)
        put_register(m, NFTA_META_DREG, x->to);
    else
        put_register(m, NFTA_META_SREG, x->from);
}

static void put_ct(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_number(m, NFTA_CT_KEY, x->key);
    put_register(m, NFTA_CT_DREG, x->to);
}

static void put_compare(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_register(m, NFTA_CMP_SREG, x->from);
    put_number(m, NFTA_CMP_OP, x->operation);
    nft_put_value(m, NFTA_CMP_DATA, x->value, x->size);
}

static void put_bits(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_register(m, NFTA_BITWISE_SREG, x->from);
    put_register(m, NFTA_BITWISE_DREG, x->to);
    put_number(m, NFTA_BITWISE_LEN, 4);
    nft_put_value(m, NFTA_BITWISE_MASK, &x->mask, 4);
    nft_put_value(m, NFTA_BITWISE_XOR, &x->xor_value, 4);
}

static void put_immediate(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_register(m, NFTA_IMMEDIATE_DREG, x->to);
    nft_put_value(m, NFTA_IMMEDIATE_DATA, x->value, x->size);
}

static void put_verdict(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_number(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    nft_put_verdict(m, NFTA_IMMEDIATE_DATA, x->verdict, x->chain);
}

static void put_random(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_register(m, NFTA_NG_DREG, x->to);
    put_number(m, NFTA_NG_MODULUS, x->modulus);
    put_number(m, NFTA_NG_TYPE, NFT_NG_RANDOM);
    put_number(m, NFTA_NG_OFFSET, 0);
}

static void put_hash(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_register(m, NFTA_HASH_SREG, x->from);
    put_register(m, NFTA_HASH_DREG, x->to);
    put_number(m, NFTA_HASH_LEN, x->size);
    put_number(m, NFTA_HASH_MODULUS, x->modulus);
    put_number(m, NFTA_HASH_SEED, x->seed);
    put_number(m, NFTA_HASH_OFFSET, 0);
    put_number(m, NFTA_HASH_TYPE, NFT_HASH_JENKINS);
}

static void put_lookup(struct nlmsghdr *m, const struct nft_expression *x)
{
    mnl_attr_put_strz(m, NFTA_LOOKUP_SET, x->set);
    put_register(m, NFTA_LOOKUP_SREG, x->from);
    if (x->kind == NFT_X_LOOKUP_VERDICT)
        put_number(m, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
    else if (x->to >= 0)
        put_register(m, NFTA_LOOKUP_DREG, x->to);
    if (x->invert)
        put_number(m, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void put_update(struct nlmsghdr *m, const struct nft_expression *x)
{
    mnl_attr_put_strz(m, NFTA_DYNSET_SET_NAME, x->set);
    put_number(m, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    put_register(m, NFTA_DYNSET_SREG_KEY, x->from);
    if (x->to >= 0)
        put_register(m, NFTA_DYNSET_SREG_DATA, x->to);
}

static void put_dnat(struct nlmsghdr *m, const struct nft_expression *x)
{
    put_number(m, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    put_number(m, NFTA_NAT_FAMILY, x->key);
    put_register(m, NFTA_NAT_REG_ADDR_MIN, x->from);
    put_register(m, NFTA_NAT_REG_ADDR_MAX, x->from);
    put_register(m, NFTA_NAT_REG_PROTO_MIN, x->to);
    put_register(m, NFTA_NAT_REG_PROTO_MAX, x->to);
}

static void put_reject(struct nlmsghdr *m, const struct nft_expression *x)
{
    enum {
        ICMP_PORT_UNREACHABLE = 3
    };
    bool reset = x->key == 1;
    put_number(m, NFTA_REJECT_TYPE, reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMP_UNREACH);
    mnl_attr_put_u8(m, NFTA_REJECT_ICMP_CODE, reset ? 0 : ICMP_PORT_UNREACHABLE);
}

static void put_nothing(struct nlmsghdr *m maybe_unused,
                        const struct nft_expression *x maybe_unused)
{
}

static const struct {
    const char *name; /* the kernel's */
    void (*put)(struct nlmsghdr *m, const struct nft_expression *x);
} kinds[] = {
    [NFT_X_PAYLOAD] = {"payload", put_payload},
    [NFT_X_META] = {"meta", put_meta},
    [NFT_X_META_SET] = {"meta", put_meta},
    [NFT_X_CT] = {"ct", put_ct},
    [NFT_X_COMPARE] = {"cmp", put_compare},
    [NFT_X_BITS] = {"bitwise", put_bits},
    [NFT_X_IMMEDIATE] = {"immediate", put_immediate},
    [NFT_X_RANDOM] = {"numgen", put_random},
    [NFT_X_HASH] = {"hash", put_hash},
    [NFT_X_LOOKUP] = {"lookup", put_lookup},
    [NFT_X_LOOKUP_VERDICT] = {"lookup", put_lookup},
    [NFT_X_UPDATE] = {"dynset", put_update},
    [NFT_X_DNAT] = {"nat", put_dnat},
    [NFT_X_MASQUERADE] = {"masq", put_nothing},
    [NFT_X_REJECT] = {"reject", put_reject},
    [NFT_X_VERDICT] = {"immediate", put_verdict},
};

void nft_rule_add(struct nft_batch *b, const char *chain, const struct nft_expression *expressions,
                  size_t count)
{
    struct nlmsghdr *m = nft_message_begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    mnl_attr_put_strz(m, NFTA_RULE_TABLE, b->table);
    mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
    struct nlattr *list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; i < count; i++) {
        struct nlattr *item = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
        mnl_attr_put_strz(m, NFTA_EXPR_NAME, kinds[expressions[i].kind].name);
        struct nlattr *data = mnl_attr_nest_start(m, NFTA_EXPR_DATA);
        kinds[expressions[i].kind].put(m, &expressions[i]);
        mnl_attr_nest_end(m, data);
        mnl_attr_nest_end(m, item);
    }
    mnl_attr_nest_end(m, list);
    nft_message_end(b, m);
}
