/* Layout: the tables that the proxy programs. A Service costs elements of maps, never a rule or
 * chain, so the time for one change doesn't grow with their number.
 *
 *     services   address . protocol . port -> goto lb16 | lb128 | lb1024 | sticky16 ...
 *     nodeports  protocol . port           -> the same with a mark for masquerading, or local ones
 * without refused    address . protocol . port -> reject or drop (no endpoints), before translation
 *     ends16 ... address . protocol . port . slot -> endpoint address . port
 *     nodeends16 ... protocol . port . slot -> endpoint address . port
 *     hairpin    address . address of local endpoints: a pod that reaches itself through its
 * Service cluster-ips  addresses of Services: what is left untranslated to them is refused node-ips
 * addresses that have node ports
 *
 * A chain lbN picks a slot at random and looks the endpoint up; stickyN takes the slot from the
 * client's address. */
#ifndef PROXY_LAYOUT_H
#define PROXY_LAYOUT_H

#include "kernel/address.h"
#include "kernel/nft.h"

#define LAYOUT_TABLE "kaname-proxy"

/* Sizes of the slot tables; a Service port takes the smallest that spreads its endpoints evenly
 * enough. */
enum layout_class {
    LAYOUT_16,
    LAYOUT_128,
    LAYOUT_1024,
    LAYOUT_CLASS_COUNT
};
extern const uint32_t layout_slots[LAYOUT_CLASS_COUNT];
enum layout_class layout_class_for(size_t endpoint_count);

enum layout_set {
    SET_SERVICES,
    SET_NODEPORTS,
    SET_REFUSED,
    SET_REFUSED_NODEPORTS,
    SET_HAIRPIN,
    SET_CLUSTER_IPS,
    SET_NODE_IPS,
    SET_ENDS,                                      /* + class */
    SET_NODE_ENDS = SET_ENDS + LAYOUT_CLASS_COUNT, /* + class */
    LAYOUT_SET_COUNT = SET_NODE_ENDS + LAYOUT_CLASS_COUNT
};
const char *layout_set_name(unsigned set);
/* Name of the chain that balances: sticky, for node ports, masquerading. */
const char *layout_chain(enum layout_class class, bool sticky, bool node_port, bool masquerade);

/* The whole table, empty of Services, replacing one that is there: one transaction together with
 * what follows in the batch. */
void layout_build(struct nft_batch *b);

#endif
