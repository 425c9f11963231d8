#include "store/record.h"

#include "base/limits.h"
#include "store/checksum.h"

static_assert(sizeof(struct record) == 32, "the format of records on disk");

size_t record_size_for(struct store_key key, size_t value_size)
{
    return align8(sizeof(struct record) + key.ns.len + key.name.len) + align8(value_size);
}

void record_fill(struct record *r, struct store_key key, const void *value, size_t value_size,
                 uint8_t flags)
{
    assert(key_valid(key));
    assert(value_size <= UINT32_MAX);
    r->value_size = (uint32_t)value_size;
    r->resource = key.resource;
    r->ns_len = (uint8_t)key.ns.len;
    r->name_len = (uint8_t)key.name.len;
    r->flags = flags;
    if (key.ns.len)
        memcpy(r->bytes, key.ns.data, key.ns.len);
    memcpy(r->bytes + key.ns.len, key.name.data, key.name.len);
    if (value_size)
        memcpy((char *)r + record_value_offset(r), value, value_size);
}

static uint32_t record_checksum(const struct record *r)
{
    uint32_t crc = checksum(0, r, offsetof(struct record, chunk_moved));
    crc = checksum(crc, r->bytes, (size_t)r->ns_len + r->name_len);
    return checksum(crc, record_value(r), r->value_size);
}

void record_seal(struct record *r)
{
    assert(r->revision != 0 && r->previous < r->revision);
    r->checksum = record_checksum(r);
}

bool record_intact(const struct record *r)
{
    return r->checksum == record_checksum(r);
}

const struct record *record_at(const void *data, size_t size)
{
    const struct record *r = data;
    if (size < sizeof(*r) || r->name_len == 0 || r->name_len > RECORD_NAME_MAX ||
        r->ns_len > RECORD_NAME_MAX)
        return NULL;
    if (r->value_size > LIMIT_STORE_VALUE_BYTES || record_size(r) > size)
        return NULL;
    if (r->revision == 0 || r->previous >= r->revision)
        return NULL;
    return r;
}

const struct record *record_find(const void *chunk, size_t size, uint64_t revision,
                                 size_t *ret_index)
{
    size_t at = 0;
    for (size_t index = 0; at < size; index++) {
        const struct record *r = record_at((const char *)chunk + at, size - at);
        if (!r || (r->revision > revision && record_intact(r)))
            return NULL;
        if (r->revision == revision) {
            if (ret_index)
                *ret_index = index;
            return r;
        }
        at += record_size(r);
    }
    return NULL;
}

void record_view(const struct record *r, struct store_record *ret)
{
    ret->revision = r->revision;
    ret->key = record_key(r);
    ret->value = record_deleted(r) ? NULL : record_value(r);
    ret->size = record_deleted(r) ? 0 : r->value_size;
}

int key_compare(struct store_key a, struct store_key b)
{
    if (a.resource != b.resource)
        return a.resource < b.resource ? -1 : 1;
    int order = str_compare(a.ns, b.ns);
    return order ? order : str_compare(a.name, b.name);
}

bool key_equal(struct store_key a, struct store_key b)
{
    return a.resource == b.resource && str_equal(a.ns, b.ns) && str_equal(a.name, b.name);
}

/* A word at a time: keys are hashed at every write and read. */
static uint64_t mix(uint64_t hash, struct str s)
{
    size_t at = 0;
    hash ^= s.len * 0x9e3779b97f4a7c15ull;
    for (; at + 8 <= s.len; at += 8) {
        uint64_t word;
        memcpy(&word, s.data + at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdull;
        hash ^= hash >> 32;
    }
    uint64_t tail = 0;
    if (at < s.len)
        memcpy(&tail, s.data + at, s.len - at);
    hash = (hash ^ tail) * 0xc4ceb9fe1a85ec53ull;
    return hash ^ (hash >> 29);
}

uint64_t key_hash(struct store_key key)
{
    return mix(mix(key.resource * 0x9e3779b97f4a7c15ull + 1, key.ns), key.name);
}

bool key_valid(struct store_key key)
{
    if (key.name.len == 0 || key.name.len > RECORD_NAME_MAX || key.ns.len > RECORD_NAME_MAX)
        return false;
    return !memchr(key.name.data, 0, key.name.len) &&
           (key.ns.len == 0 || !memchr(key.ns.data, 0, key.ns.len));
}
