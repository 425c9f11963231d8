#include "api/index.h"

#include "object/value.h"

enum {
    HASHES_MAX = 64
};

/* Hash of "key=value" without making the text. */
static uint64_t pair_hash(struct str key, struct str value)
{
    char text[63 + 1 + 253 + 1 + 63 + 1];
    if (key.len + 1 + value.len > sizeof(text))
        return str_hash(key);
    memcpy(text, key.data, key.len);
    text[key.len] = '=';
    if (value.len)
        memcpy(text + key.len + 1, value.data, value.len);
    return str_hash((struct str){text, key.len + 1 + value.len});
}

void api_store_index(const void *value, size_t size maybe_unused, struct store_index *ret,
                     uint64_t hashes[64])
{
    struct value root = sealed_root(value);
    struct value meta = value_at(root, "metadata");
    struct store_index index = {.label_hashes = hashes, .node = value_str(root, "spec.nodeName")};
    struct value_iter it = value_iter(value_at(meta, "labels"));
    for (struct value item; index.label_count + 2 <= HASHES_MAX && value_next(&it, &item);) {
        hashes[index.label_count++] = str_hash(it.key);
        hashes[index.label_count++] = pair_hash(it.key, value_str(item, ""));
    }
    it = value_iter(value_at(meta, "ownerReferences"));
    for (struct value item;
         index.owner_count < ARRAY_COUNT(index.owner_uids) && value_next(&it, &item);) {
        struct str uid = value_str(item, "uid");
        if (!str_empty(uid))
            index.owner_uids[index.owner_count++] = uid;
    }
    *ret = index;
}
