/* nftables: tables, chains, sets, maps and rules of one network namespace, changed in atomic
 * batches. Wraps libmnl.
 *
 * A batch collects changes and nft_commit sends them as one transaction: all take effect or none.
 * Nothing is ever read back: the owner keeps what it programmed and sends differences. Values in
 * keys, data and comparisons are bytes in network order; each part of a concatenated key takes a
 * multiple of four bytes. Registers are numbers of 4-byte words, 0 to 15. Source:
 * linux/netfilter/nf_tables.h, and what the nft command sends. */
#ifndef KERNEL_NFT_H
#define KERNEL_NFT_H

#include "base/str.h"

enum {
    NFT_NAME_BYTES = 64,
    NFT_KEY_BYTES = 32,
    NFT_EXPRESSIONS = 16
};

struct nft;
/* netns_fd -1: the caller's namespace. 0 or -errno. */
int nft_open(int netns_fd, struct nft **ret) must_use;
void nft_close(struct nft *n);

struct nft_batch {
    struct buf messages;
    uint32_t next_set_id;
    uint32_t count;
    uint8_t family; /* NFPROTO_IPV4 2, NFPROTO_INET 1, NFPROTO_IPV6 10 */
    const char *table;
};
/* A batch about one table; the table's name must live until commit. */
void nft_begin(struct nft_batch *b, uint8_t family, const char *table);
/* Sends and empties the batch. 0, or -errno of the first change that the kernel refused: nothing
 * has changed then. */
int nft_commit(struct nft *n, struct nft_batch *b) must_use;
void nft_batch_release(struct nft_batch *b);

void nft_table_add(struct nft_batch *b);
void nft_table_delete(struct nft_batch *b); /* with all in it; -ENOENT when it is not there */

enum nft_hook {
    NFT_NO_HOOK = -1,
    NFT_PREROUTING,
    NFT_INPUT,
    NFT_FORWARD,
    NFT_OUTPUT,
    NFT_POSTROUTING
};
struct nft_chain {
    const char *name;
    enum nft_hook hook;
    int priority;
    const char *type; /* "nat", "filter", "route"; NULL without hook */
};
void nft_chain_add(struct nft_batch *b, const struct nft_chain *chain);
void nft_chain_flush(struct nft_batch *b, const char *chain);
void nft_chain_delete(struct nft_batch *b, const char *chain); /* must be empty and unused */

/* Parts of a key: named for the benefit of `nft list`. */
enum nft_type {
    NFT_IPV4 = 7,
    NFT_IPV6 = 8,
    NFT_PROTO = 12,
    NFT_PORT = 13,
    NFT_MARK = 19,
    NFT_INTEGER = 4
};
struct nft_set {
    const char *name;
    enum nft_type key[5];
    unsigned key_count;
    enum nft_type data[4]; /* of a map */
    unsigned data_count;   /* 0: a set, or a verdict map */
    bool verdicts;         /* map to verdicts */
    bool dynamic;          /* filled by rules */
    uint32_t timeout_s;    /* of dynamic elements; 0: none */
    uint32_t size;         /* at most this many elements; 0: no limit */
};
void nft_set_add(struct nft_batch *b, const struct nft_set *set);
void nft_set_flush(struct nft_batch *b, const char *set);

enum nft_verdict {
    NFT_VERDICT_NONE,
    NFT_VERDICT_ACCEPT,
    NFT_VERDICT_DROP,
    NFT_VERDICT_JUMP,
    NFT_VERDICT_GOTO,
    NFT_VERDICT_RETURN
};
struct nft_element {
    uint8_t key[NFT_KEY_BYTES];
    uint8_t data[NFT_KEY_BYTES];
    uint8_t key_size, data_size; /* data_size 0: a set, or a verdict */
    enum nft_verdict verdict;
    const char *chain; /* of JUMP and GOTO */
};
/* Adding one that is there with other data is -EEXIST: delete it in the same batch first. */
void nft_elements_add(struct nft_batch *b, const char *set, const struct nft_element *elements,
                      size_t count);
void nft_elements_delete(struct nft_batch *b, const char *set, const struct nft_element *elements,
                         size_t count);

/* Numbers of nf_tables.h that expressions take. */
enum {
    NFT_BASE_NETWORK = 1,   /* payload base: network header */
    NFT_BASE_TRANSPORT = 2, /* transport header */
    NFT_KEY_MARK = 3,       /* meta */
    NFT_KEY_PROTOCOL = 16,
    NFT_EQUAL = 0, /* compare */
    NFT_NOT_EQUAL = 1,
};

/* Expressions of a rule, in the order in which they run. */
enum nft_expression_kind {
    NFT_X_PAYLOAD,   /* load: base (0 link, 1 network, 2 transport), offset, size -> to */
    NFT_X_META,      /* load key -> to (NFT_KEY_PROTOCOL, NFT_KEY_MARK, ...) */
    NFT_X_META_SET,  /* from -> meta key */
    NFT_X_CT,        /* load ct key -> to */
    NFT_X_COMPARE,   /* goes on when from compares with value: operation as NFT_EQUAL ... */
    NFT_X_BITS,      /* to = (from & mask) ^ xor, 4 bytes */
    NFT_X_IMMEDIATE, /* value -> to */
    NFT_X_RANDOM,    /* 0 .. modulus-1 -> to */
    NFT_X_HASH,      /* hash of size bytes at from, modulus -> to */
    NFT_X_LOOKUP, /* goes on when from.. is in set; to >= 0: its data -> to; verdict maps: to = -1
                     and verdicts */
    NFT_X_LOOKUP_VERDICT,
    NFT_X_UPDATE, /* puts from.. (and data at to, when to >= 0) into a dynamic set, renewing its
                     timeout */
    NFT_X_DNAT,   /* to address at from, port at to */
    NFT_X_MASQUERADE,
    NFT_X_REJECT, /* TCP reset or port unreachable, by protocol: type 1 is a reset, 0 an ICMP error
                   */
    NFT_X_VERDICT,
};
struct nft_expression {
    enum nft_expression_kind kind;
    uint32_t base, offset, size, key, operation, modulus, seed;
    int from, to; /* registers */
    uint8_t value[16];
    uint32_t mask, xor_value; /* network order */
    const char *set;
    enum nft_verdict verdict;
    const char *chain;
    bool invert; /* LOOKUP: goes on when it is not there */
};
void nft_rule_add(struct nft_batch *b, const char *chain, const struct nft_expression *expressions,
                  size_t count);

#endif
