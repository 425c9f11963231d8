#include "region/cluster_share.h"

#include "base/limits.h"
#include "object/scalar.h"

enum {
    MIB = 1 << 20,
    MEMORY_MIB_MIN = 64,
    STACKS_MIB = 48, /* of its threads; most of it is never touched */
    QUOTA_MIB_MIN = 8
};

static bool take_amount(const struct node *cluster, const char *tag, uint64_t mib_min,
                        uint64_t *amount)
{
    struct quantity q;
    struct str text = node_str(node_get(node_at(cluster, "spec.tags"), str_from(tag)), "");
    if (str_empty(text))
        return true;
    __int128 bytes = quantity_parse(text, &q) ? -1 : q.nano / 1000000000;
    if (bytes < (__int128)mib_min * MIB || bytes > INT64_MAX)
        return false;
    *amount = (uint64_t)bytes;
    return true;
}

bool cluster_share_of(const struct node *cluster, struct cluster_share *ret)
{
    *ret = (struct cluster_share){.quota_bytes = (uint64_t)LIMIT_STORE_QUOTA_MIB * MIB};
    bool memory = take_amount(cluster, "kaname.dev/memory", MEMORY_MIB_MIN, &ret->memory_bytes);
    return take_amount(cluster, "kaname.dev/storage-quota", QUOTA_MIB_MIN, &ret->quota_bytes) &&
           memory;
}

struct share_limits cluster_share_limits(struct cluster_share *share)
{
    uint64_t usual =
        MIN((uint64_t)LIMIT_CLUSTER_MEMORY_MIB * MIB, share_machine_memory_bytes() / 2);
    if (share->memory_bytes == 0)
        share->memory_bytes = MAX(usual, (uint64_t)MEMORY_MIB_MIN * MIB);
    return (struct share_limits){.memory_bytes = share->memory_bytes + (uint64_t)STACKS_MIB * MIB,
                                 .files =
                                     MIN((uint64_t)LIMIT_CLUSTER_FILES, share_machine_files() / 8),
                                 .threads = LIMIT_CLUSTER_THREADS};
}
