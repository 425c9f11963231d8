/* What the files of nft share: messages of a batch and values in them. */
#ifndef KERNEL_NFT_INTERNAL_H
#define KERNEL_NFT_INTERNAL_H

#include "kernel/nft.h"

enum {
    NFT_MESSAGE_BYTES = 48 << 10
};

struct nlmsghdr;
struct nlmsghdr *nft_message_begin(struct nft_batch *b, uint16_t type, uint16_t flags);
void nft_message_end(struct nft_batch *b, struct nlmsghdr *m);
/* {NFTA_DATA_VALUE} and {NFTA_DATA_VERDICT {code, chain}} under attribute. */
void nft_put_value(struct nlmsghdr *m, uint16_t attribute, const void *value, size_t size);
void nft_put_verdict(struct nlmsghdr *m, uint16_t attribute, enum nft_verdict verdict,
                     const char *chain);

#endif
