/* The structure of data.mdb: whatever the store does, it is found sound; and what a flipped bit in
 * a page's header, a place of an entry, or a list of free pages does is found. */
#include "store/layout.h"

#include <errno.h>

#include "base/test.h"

#include "store/db.h"
#include "store/questions_testing.h"
#include "store/store_crash_testing.h"
#include "store/unsynced_testing.h"

static int read_memory(void *arg, uint64_t offset, void *data, size_t size)
{
    const struct buf *file = arg;
    assert_true(offset <= file->len && size <= file->len - offset);
    memcpy(data, file->data + offset, size);
    return 0;
}

static int check(struct buf *file, struct buf *error)
{
    struct layout_database databases[DB_TREES_MAX];
    struct layout_source source = {read_memory, file, file->len};
    buf_clear(error);
    return layout_check(&source, databases, db_databases(databases), error);
}

TEST(what_the_store_writes_is_sound)
{
    struct world w;
    struct buf file = BUF_INIT, error = BUF_INIT;
    unsigned seed = 3;
    char name[16], *value = mem_alloc(70001);
    world_open(&w);
    for (int round = 0; round < 60; round++) {
        for (unsigned i = (unsigned)rand_r(&seed) % 120; i > 0; i--) {
            uint64_t revision;
            size_t size = 30 + (size_t)rand_r(&seed) % 3000;
            if (rand_r(&seed) % 30 == 0)
                size = (size_t)rand_r(&seed) % 70000 + 30;
            memset(value, 'v', size);
            value[size] = 0;
            memcpy(value, "label=a owner=b node=c ", 23);
            name_of(name, (unsigned)rand_r(&seed) % 300);
            bool deletes = rand_r(&seed) % 3 == 0;
            (void)!try_put_of(&w, (uint16_t)(1 + rand_r(&seed) % 3), "n", name,
                              deletes ? NULL : value, STORE_ANY, &revision);
        }
        world_wait(&w);
        assert_int_equal(store_compact(w.store, store_published(w.store) * 9 / 10), 0);
        world_settle(&w);
        read_file(in_directory(&w, "data.mdb"), &file);
        if (check(&file, &error) != 0)
            fail_msg("round %d: %s", round, error.data);
        if (round % 10 == 9)
            world_reopen(&w);
    }
    assert_true(file.len > 100 * LAYOUT_PAGE);
    world_close(&w);
    mem_free(value);
    buf_release(&file);
    buf_release(&error);
}

/* ---- flipped bits ---- */

enum {
    HEADER = 16
};

static uint16_t half_word(const struct buf *file, size_t at)
{
    uint16_t n;
    memcpy(&n, file->data + at, sizeof(n));
    return n;
}

static bool flip_is_found(struct buf *file, size_t byte, unsigned bit, struct buf *error)
{
    file->data[byte] ^= (char)(1 << bit);
    int err = check(file, error);
    file->data[byte] ^= (char)(1 << bit);
    assert_true(err == 0 || (err == -EIO && error->len > 0));
    return err != 0;
}

/* Bytes of a page that lead to its entries: its number, kind and free space, and their places. */
static void flip_page(struct buf *file, size_t page, struct buf *error)
{
    size_t at = page * LAYOUT_PAGE, end = at + half_word(file, at + 12);
    for (size_t byte = at; byte < end; byte++) {
        if (byte == at + 8 || byte == at + 9) /* no meaning */
            continue;
        for (unsigned bit = 0; bit < 8; bit++)
            if (!flip_is_found(file, byte, bit, error))
                fail_msg("bit %u of byte %zu of page %zu is taken", bit, byte - at, page);
    }
    for (size_t place = at + HEADER; place < end; place += 2)
        for (unsigned bit = 0; bit < 64; bit++) { /* size and kind of the entry */
            size_t entry = at + half_word(file, place);
            bool pads = bit == 0 || bit == 48; /* an odd size fills as many bytes as the next */
            /* The size of what lies elsewhere is its own concern: it tells where it ends. */
            bool elsewhere = half_word(file, at + 10) == 2 && half_word(file, entry + 4) == 1;
            if (!flip_is_found(file, entry + bit / 8, bit % 8, error) && !pads &&
                !(elsewhere && bit < 32))
                fail_msg("bit %u of the entry at %zu of page %zu is taken", bit, entry - at, page);
        }
}

TEST(flipped_bits_of_its_structure_are_found)
{
    struct world w;
    struct buf file = BUF_INIT, error = BUF_INIT;
    struct layout_database databases[DB_TREES_MAX];
    world_open(&w);
    fill(&w);
    world_stop(&w);
    read_file(in_directory(&w, "data.mdb"), &file);
    assert_int_equal(check(&file, &error), 0);
    size_t pages = 0;
    for (size_t page = 2; page < file.len / LAYOUT_PAGE; page++) {
        uint16_t flags = half_word(&file, page * LAYOUT_PAGE + 10);
        /* Of a page that is free all is taken, its number too. */
        if ((flags != 1 && flags != 2) || !flip_is_found(&file, page * LAYOUT_PAGE, 1, &error))
            continue;
        flip_page(&file, page, &error);
        pages++;
    }
    assert_true(pages > db_databases(databases));
    for (size_t size = 0; size < file.len; size += 1000) {
        struct buf cut = {.data = file.data, .len = size};
        if (check(&cut, &error) != -EIO && size < file.len - 16 * LAYOUT_PAGE)
            fail_msg("a file of %zu bytes is taken", size);
    }
    world_remove(&w);
    buf_release(&file);
    buf_release(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_store_writes_is_sound),
        cmocka_unit_test(flipped_bits_of_its_structure_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
