/* Checks of entries: see db_private.h. */
#include "store/checksum.h"
#include "store/db_private.h"

uint32_t db_check(MDB_val key, const void *data, size_t size)
{
    uint32_t crc = checksum(checksum(0, key.mv_data, key.mv_size), data, size);
    return crc ? crc : 1;
}

bool db_checked_read(MDB_val key, MDB_val value, void *ret, size_t size)
{
    uint32_t check;
    if (value.mv_size == size + DB_CHECK_BYTES) {
        memcpy(&check, (const char *)value.mv_data + size, sizeof(check));
        if (check != db_check(key, value.mv_data, size))
            return false;
    } else if (value.mv_size != size) {
        return false;
    }
    memcpy(ret, value.mv_data, size);
    return true;
}

MDB_val db_checked(MDB_val key, const void *data, size_t size, void *buffer)
{
    uint32_t check = db_check(key, data, size);
    memcpy(buffer, data, size);
    memcpy((char *)buffer + size, &check, sizeof(check));
    return db_val(buffer, size + sizeof(check));
}

/* A place in a chunk of 16,368 bytes is a multiple of 8. */
static const uint32_t hint_bits = 0x3ff8;
static_assert(CHUNK_BYTES <= 0x4000, "places in chunks fit their bits");

static uint32_t name_check(MDB_val key, const struct db_name *name)
{
    uint32_t check = db_check(key, name, sizeof(*name)) & ~hint_bits;
    return check ? check : 1; /* 0: written without one */
}

bool db_name_read(MDB_val key, MDB_val value, struct db_name *ret)
{
    struct db_name name;
    if (value.mv_size != sizeof(name))
        return false;
    memcpy(&name, value.mv_data, sizeof(name));
    uint32_t check = name.hint & ~hint_bits;
    name.hint &= hint_bits;
    if (check == 0 && (key.mv_size > DB_NAME_KEY_MAX || name.revision == 0))
        return false;
    if (check != 0 && check != name_check(key, &name))
        return false;
    *ret = name;
    return true;
}

struct db_name db_name_sealed(MDB_val key, const struct db_name *name)
{
    struct db_name sealed = *name;
    assert((name->hint & ~hint_bits) == 0);
    sealed.hint |= name_check(key, name);
    return sealed;
}

int db_key_compare(MDB_val a, MDB_val b)
{
    int order = memcmp(a.mv_data, b.mv_data, MIN(a.mv_size, b.mv_size));
    if (order)
        return order;
    return a.mv_size < b.mv_size ? -1 : a.mv_size > b.mv_size;
}
