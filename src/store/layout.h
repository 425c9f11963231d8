/* Layout: whether the structure of an LMDB file is whole, looked at without LMDB.
 *
 * LMDB trusts its file: a flipped bit in a page's header hides entries, a wrong page number leads
 * it out of its map, and the process is gone. So this reads the file by itself, and follows nothing
 * that it hasn't checked. What entries hold has checks of its own (db_private.h).
 *
 * What is looked at, in LMDB's format 1 (0.9.x, 64 bit, little endian, pages of 4,096 bytes):
 * 1. both meta pages; the newer one follows the other;
 * 2. all databases are there, with their flags, and their counts of pages and entries are right;
 * 3. each page says its own number and kind, at the depth of its kind, and is led to once;
 * 4. nodes fill a page's end without gap or overlap, in the order of their keys, which lie between
 *    those of the pages above: but for one key a leaf, which then is the entry's own damage;
 * 5. values that lie in pages of their own have as many as their size needs, or more;
 * 6. free pages lie in the file, once, and nothing leads to them. */
#ifndef STORE_LAYOUT_H
#define STORE_LAYOUT_H

#include "base/str.h"

enum {
    LAYOUT_PAGE = 4096
};

struct layout_source {
    /* Bytes of the file, all of them within its size. 0 or -errno. */
    int (*read)(void *arg, uint64_t offset, void *data, size_t size);
    void *arg; /* borrowed */
    uint64_t size;
};

/* Databases that must be there, and whether their keys are numbers. */
struct layout_database {
    const char *name;
    bool integer_keys;
};

/* 0, -EIO with a text for people in *error, or what read returned. Takes time by the number of
 * pages with keys in them, and memory by a bit a page. */
int layout_check(const struct layout_source *source, const struct layout_database *databases,
                 size_t database_count, struct buf *error) must_use;

#endif
