/* Index: what the store keeps beside a record so that owners, nodes and labels are found without a
 * walk. */
#ifndef API_INDEX_H
#define API_INDEX_H

#include "store/store.h"

/* store_config.index. */
void api_store_index(const void *value, size_t size, struct store_index *ret, uint64_t hashes[64]);

#endif
